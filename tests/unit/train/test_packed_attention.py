from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tiny import FAMILIES, LLAMA, relative_error
from transformers import AttentionInterface, DynamicCache

from gristmill.errors import GristmillError
from gristmill.loader import Piece
from gristmill.train import packed_attention
from gristmill.train.batches import MicroBatch
from gristmill.train.models import load_model, shared_position_limit
from gristmill.train.probe import plain_attention, prove

LENGTHS = (9, 1, 17, 4)
TOLERANCE = 1e-5
"""float32: the order of summation differs between packed and separate documents, nothing else."""


def batch_of(documents: list[torch.Tensor]) -> MicroBatch:
    lengths = [len(document) for document in documents]
    targets = [torch.cat([document[1:], torch.tensor([-100])]) for document in documents]
    return MicroBatch(
        tokens_T=torch.cat(documents),
        positions_T=torch.cat([torch.arange(length) for length in lengths]),
        targets_T=torch.cat(targets),
        bounds=torch.tensor([0, *lengths]).cumsum(0).to(torch.int32),
        max_length=max(lengths),
        pieces=tuple(Piece(number, 0, length) for number, length in enumerate(lengths)),
    )


def load(config, compute_dtype=torch.float32):
    return load_model(
        config, device=torch.device("cpu"), compute_dtype=compute_dtype, is_frozen=False, seed=1
    )


def plain_losses(causal, documents: list[torch.Tensor]) -> torch.Tensor:
    """Return the losses of the model's own eager attention, its own head and torch's cross-entropy, with gradients."""
    found = []
    with plain_attention(causal.backbone):
        for document in documents:
            logits = causal.model(input_ids=document[None], use_cache=False).logits[0]
            loss = torch.nn.functional.cross_entropy(logits[:-1], document[1:], reduction="none")
            loss.sum().backward()
            found.append(torch.cat([loss.detach(), torch.zeros(1)]))
    return torch.cat(found)


def made_documents() -> list[torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    return [torch.randint(0, 64, (length,), generator=chance) for length in LENGTHS]


@pytest.mark.parametrize("is_checkpointed", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_documents_give_the_losses_and_gradients_of_separate_ones(
    family: str, is_checkpointed: bool
) -> None:
    causal = load(FAMILIES[family])
    causal.model.train()
    documents = made_documents()
    expected = plain_losses(causal, documents)
    gradients = {name: value.grad.clone() for name, value in causal.trainable().items()}
    causal.model.zero_grad()
    if is_checkpointed:
        causal.model.activation_checkpointing_enable({"use_reentrant": False})
        assert causal.backbone.gradient_checkpointing
    total, each = causal.losses(batch_of(documents))
    total.backward()
    assert relative_error(each, expected) <= TOLERANCE
    for name, value in causal.trainable().items():
        assert relative_error(value.grad, gradients[name]) <= TOLERANCE, name


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_documents_give_the_logits_of_separate_ones(family: str) -> None:
    causal = load(FAMILIES[family])
    causal.model.eval()
    documents = made_documents()
    batch = batch_of(documents)
    with torch.no_grad():
        hidden = causal.backbone(**inputs_of(batch)).last_hidden_state[0]
        logits = causal.head(hidden) * causal.scale
        if causal.softcap is not None:
            logits = causal.softcap * torch.tanh(logits / causal.softcap)
        with plain_attention(causal.backbone):
            expected = [causal.model(input_ids=document[None]).logits[0] for document in documents]
    assert relative_error(logits, torch.cat(expected)) <= TOLERANCE


def inputs_of(batch: MicroBatch) -> dict[str, object]:
    return {
        "input_ids": batch.tokens_T[None],
        "position_ids": batch.positions_T[None],
        "use_cache": False,
        "cu_seq_lens_q": batch.bounds,
        "max_length_q": batch.max_length,
    }


def test_other_documents_in_the_row_change_nothing() -> None:
    causal = load(LLAMA)
    chance = torch.Generator().manual_seed(0)
    first, second, other = (torch.randint(0, 64, (12,), generator=chance) for _ in range(3))
    with torch.no_grad():
        _, one = causal.losses(batch_of([first, second]))
        _, two = causal.losses(batch_of([other, second]))
    assert torch.equal(one[12:], two[12:])
    assert not torch.equal(one[:12], two[:12])


TRAPS: dict[str, Callable[[MicroBatch], dict[str, object]]] = {
    "a mask of ones": lambda batch: {"attention_mask": torch.ones(1, len(batch.tokens_T), dtype=torch.int64)},
    "a mask with zeros": lambda batch: {"attention_mask": (batch.positions_T[None] > 0).long()},
    "a mask of its own": lambda _: {"attention_mask": torch.zeros(1, 1, 31, 31)},
    "the cache left on": lambda _: {"use_cache": None},
    "the cache switched on": lambda _: {"use_cache": True},
    "a cache handed in": lambda _: {"past_key_values": DynamicCache()},
    "several rows": lambda batch: {
        "input_ids": batch.tokens_T.expand(2, -1),
        "position_ids": batch.positions_T.expand(2, -1),
    },
    "no bounds": lambda _: {"cu_seq_lens_q": None},
    "no positions": lambda _: {"position_ids": None},
    "bounds that end early": lambda batch: {"cu_seq_lens_q": batch.bounds[:-1]},
    "bounds that begin late": lambda batch: {"cu_seq_lens_q": batch.bounds[1:]},
    "bounds out of order": lambda batch: {"cu_seq_lens_q": batch.bounds[[0, 2, 1, 3, 4]]},
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_would_let_documents_see_each_other_is_an_error(trap: str) -> None:
    causal = load(LLAMA)
    batch = batch_of(made_documents())
    with pytest.raises(GristmillError) as error:
        causal.backbone(**(inputs_of(batch) | TRAPS[trap](batch)))
    assert error.value.code == "GM-TRAIN-010"


@pytest.mark.parametrize(
    "wanted", [{"s_aux": torch.zeros(2)}, {"position_bias": torch.zeros(1)}, {"is_causal": False}]
)
def test_attention_that_is_not_computed_is_refused_not_left_out(wanted: dict[str, object]) -> None:
    states = torch.randn(1, 2, 5, 4)
    bounds = torch.tensor([0, 5], dtype=torch.int32)
    with pytest.raises(GristmillError) as error:
        packed_attention.packed_attention(
            torch.nn.Module(), states, states, states, None, cu_seq_lens_q=bounds, **wanted
        )
    assert error.value.code == "GM-TRAIN-010"


@pytest.mark.parametrize("trap", ["not causal", "keys of a cache"])
def test_a_layer_that_looks_elsewhere_is_refused(trap: str) -> None:
    layer = torch.nn.Module()
    layer.is_causal = trap != "not causal"
    states = torch.randn(1, 2, 5, 4)
    keys = torch.randn(1, 2, 7, 4) if trap == "keys of a cache" else states
    bounds = torch.tensor([0, 5], dtype=torch.int32)
    with pytest.raises(GristmillError) as error:
        packed_attention.packed_attention(layer, states, keys, keys, None, cu_seq_lens_q=bounds)
    assert error.value.code == "GM-TRAIN-010"


def test_a_soft_cap_never_takes_the_way_that_cannot_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args, **_kwargs):
        raise AssertionError("scaled_dot_product_attention knows no soft cap")

    causal = load(FAMILIES["gemma2-softcap"])
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", refused)
    causal.losses(batch_of(made_documents()))


def test_plain_attention_is_a_switch_that_goes_back() -> None:
    causal = load(LLAMA)
    ids = torch.randint(0, 64, (2, 9))
    with plain_attention(causal.backbone), torch.no_grad():
        causal.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
    with pytest.raises(GristmillError):
        causal.model(input_ids=ids)


def test_the_probe_notices_attention_that_ignores_document_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = load(LLAMA)
    assert prove(causal, torch.device("cpu")) < TOLERANCE

    def leaky(module, query, key, value, mask, **kwargs):
        whole = torch.tensor([0, query.shape[2]], dtype=torch.int32)
        return packed_attention.packed_attention(
            module, query, key, value, mask, scaling=kwargs["scaling"], cu_seq_lens_q=whole
        )

    monkeypatch.setitem(AttentionInterface._global_mapping, packed_attention.NAME, leaky)
    with pytest.raises(GristmillError) as error:
        prove(causal, torch.device("cpu"))
    assert error.value.code == "GM-TRAIN-011"


@pytest.mark.parametrize("family", ["mistral-window", "gemma2-softcap", "gemma3"])
def test_the_probe_notices_a_window_that_is_longer_than_its_documents_and_ignored(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FAMILIES[family] | {"sliding_window": 48}
    causal = load(config)
    before = causal.backbone.config.sliding_window
    attend = packed_attention._attend
    monkeypatch.setattr(
        packed_attention,
        "_attend",
        lambda *states, **options: attend(*states, **options | {"sliding_window": None}),
    )
    with pytest.raises(GristmillError) as error:
        prove(causal, torch.device("cpu"))
    assert error.value.code == "GM-TRAIN-011"
    assert causal.backbone.config.sliding_window == before == 48


def test_the_probe_notices_a_leak_too_faint_for_the_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = load(LLAMA)

    def faint(module, *states, **options):
        kept = packed_attention.packed_attention(module, *states, **options)[0]
        return kept + 1e-3 * kept.mean(dim=1, keepdim=True), None

    monkeypatch.setitem(AttentionInterface._global_mapping, packed_attention.NAME, faint)
    with pytest.raises(GristmillError, match="neighbours") as error:
        prove(causal, torch.device("cpu"))
    assert error.value.code == "GM-TRAIN-011"


STATEFUL: dict[str, dict[str, object]] = {
    "mamba": {
        "model_type": "mamba",
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "vocab_size": 64,
        "state_size": 4,
    },
    "qwen3-next (gated delta rule)": LLAMA
    | {
        "model_type": "qwen3_next",
        "head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "decoder_sparse_step": 2,
    },
    "lfm2 (short convolutions)": LLAMA
    | {"model_type": "lfm2", "layer_types": ["conv", "full_attention"], "pad_token_id": 0},
    "recurrent gemma": {
        "model_type": "recurrent_gemma",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 64,
        "lru_width": 32,
        "block_types": ["recurrent", "attention"],
    },
    "llama4 (attention in chunks)": LLAMA
    | {
        "model_type": "llama4_text",
        "head_dim": 8,
        "intermediate_size_mlp": 64,
        "num_local_experts": 1,
        "attention_chunk_size": 32,
        "pad_token_id": 0,
        "layer_types": ["chunked_attention", "full_attention"],
    },
    "gpt-oss (attention sinks)": LLAMA
    | {
        "model_type": "gpt_oss",
        "head_dim": 8,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "pad_token_id": 0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    },
    "bert (not causal)": {
        "model_type": "bert",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "vocab_size": 64,
    },
}


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", STATEFUL)
def test_an_architecture_that_mixes_documents_in_another_way_is_refused(family, compute_dtype) -> None:
    with pytest.raises(GristmillError) as error:
        load(STATEFUL[family], compute_dtype)
    assert error.value.code in {"GM-TRAIN-010", "GM-TRAIN-011"}, error.value


def test_long_rope_is_kept_apart_up_to_the_length_it_was_first_trained_for() -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "long_factor": [2.0] * 4,
        "short_factor": [1.0] * 4,
        "original_max_position_embeddings": 16,
    }
    causal = load(FAMILIES["phi3"] | {"rope_parameters": rope, "original_max_position_embeddings": 16})
    assert shared_position_limit(causal) == 16
    assert shared_position_limit(load(LLAMA)) is None
    # The reason for the limit: a long document beside a short one changes it.
    short, long = torch.arange(8) % 64, torch.arange(30) % 64
    with torch.no_grad():
        _, alone = causal.losses(batch_of([short, short]))
        _, beside = causal.losses(batch_of([short, long]))
    assert not torch.allclose(alone[:8], beside[:8], rtol=1e-6)

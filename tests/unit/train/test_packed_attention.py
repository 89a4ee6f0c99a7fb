from __future__ import annotations

import pytest
import torch
from tiny import FAMILIES, LLAMA, relative_error

from gristmill.errors import GristmillError
from gristmill.loader import Piece
from gristmill.train import packed_attention
from gristmill.train.batches import MicroBatch
from gristmill.train.models import load_model, prove

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


def load(config):
    return load_model(
        config, device=torch.device("cpu"), compute_dtype=torch.float32, is_frozen=False, seed=1
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_documents_give_the_losses_and_gradients_of_separate_ones(family: str) -> None:
    """Reference: the model's own eager attention, its own head and torch's cross-entropy, one document at a time."""
    causal = load(FAMILIES[family])
    chance = torch.Generator().manual_seed(0)
    documents = [torch.randint(0, 64, (length,), generator=chance) for length in LENGTHS]
    total, each = causal.losses(batch_of(documents))
    total.backward()
    packed = {name: value.grad.clone() for name, value in causal.trainable().items()}
    causal.model.zero_grad()

    config = causal.backbone.config
    config._attn_implementation = "eager"
    expected = []
    for document in documents:
        logits = causal.model(input_ids=document[None], use_cache=False).logits[0]
        loss = torch.nn.functional.cross_entropy(logits[:-1], document[1:], reduction="none")
        loss.sum().backward()
        expected.append(torch.cat([loss.detach(), torch.zeros(1)]))
    assert relative_error(each, torch.cat(expected)) <= TOLERANCE
    for name, value in causal.trainable().items():
        assert relative_error(packed[name], value.grad) <= TOLERANCE, name


def test_other_documents_in_the_row_change_nothing() -> None:
    causal = load(LLAMA)
    chance = torch.Generator().manual_seed(0)
    first, second, other = (torch.randint(0, 64, (12,), generator=chance) for _ in range(3))
    with torch.no_grad():
        _, one = causal.losses(batch_of([first, second]))
        _, two = causal.losses(batch_of([other, second]))
    assert torch.equal(one[12:], two[12:])
    assert not torch.equal(one[:12], two[:12])


def test_what_would_let_documents_see_each_other_is_an_error() -> None:
    causal = load(LLAMA)
    ids = torch.randint(0, 64, (1, 12))
    bounds = torch.tensor([0, 5, 12], dtype=torch.int32)
    traps = [
        {"input_ids": ids},
        {"input_ids": ids, "attention_mask": torch.zeros(1, 1, 12, 12), "cu_seq_lens_q": bounds},
        {"input_ids": ids.expand(2, -1), "cu_seq_lens_q": bounds},
    ]
    for trap in traps:
        with pytest.raises(GristmillError) as error:
            causal.backbone(**trap, use_cache=False)
        assert error.value.code == "GM-TRAIN-010"


def test_the_probe_notices_attention_that_ignores_document_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = load(LLAMA)
    assert prove(causal, torch.device("cpu")) < TOLERANCE

    def leaky(module, query, key, value, mask, **kwargs):
        whole = torch.tensor([0, query.shape[2]], dtype=torch.int32)
        return packed_attention.packed_attention(
            module, query, key, value, mask, scaling=kwargs["scaling"], cu_seq_lens_q=whole
        )

    from transformers import AttentionInterface

    monkeypatch.setitem(AttentionInterface._global_mapping, packed_attention.NAME, leaky)
    with pytest.raises(GristmillError) as error:
        prove(causal, torch.device("cpu"))
    assert error.value.code == "GM-TRAIN-011"


def test_an_architecture_that_carries_state_across_documents_is_refused() -> None:
    mamba = {
        "model_type": "mamba",
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "vocab_size": 64,
        "state_size": 4,
    }
    with pytest.raises(GristmillError) as error:
        load(mamba)
    assert error.value.code == "GM-TRAIN-011"

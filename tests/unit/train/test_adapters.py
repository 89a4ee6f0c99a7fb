"""Adapters against plain `peft` on plain `transformers`, and adapter folders to train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_packed_attention import batch_of, made_documents
from tiny import FAMILIES, config, relative_error, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.train.adapter_folder import set_magnitudes
from gristmill.train.config import LoraConfig
from gristmill.train.lora import add_adapters
from gristmill.train.model_source import find_source
from gristmill.train.models import load_model
from gristmill.train.nf4 import Nf4Linear
from gristmill.train.probe import probe_batch
from gristmill.train.run import train

CPU = torch.device("cpu")
TOLERANCE = 1e-5
"""float32: the order of summation differs between packed and separate documents, nothing else."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    made = load_model(
        FAMILIES["llama"] | {"initializer_range": 0.2},
        device=CPU,
        compute_dtype=torch.float32,
        is_frozen=False,
        seed=5,
    )
    made.model.save_pretrained(folder)
    return folder


def frozen(base: Path, *, is_quantised: bool = False, compute_dtype: torch.dtype = torch.float32, keep=()):
    return load_model(
        base,
        device=CPU,
        compute_dtype=compute_dtype,
        is_frozen=True,
        is_quantised=is_quantised,
        keep=keep,
        seed=1,
    )


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("is_quantised", [False, True])
@pytest.mark.parametrize(
    "lora", [{}, {"rslora": True}, {"dora": True}, {"also_train": ("norm", "embed_tokens"), "dora": True}]
)
def test_losses_and_gradients_are_those_of_peft_on_separate_documents(base, lora, is_quantised) -> None:
    """Reference: `peft`'s own settings on the plain model, which for four bits holds the dequantised matrices."""
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    causal = frozen(base, is_quantised=is_quantised, keep=lora.get("also_train", ()))
    plain = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager")
    for name, module in causal.model.named_modules():
        if isinstance(module, Nf4Linear):
            plain.get_submodule(name).weight.data = module.weight
    assert any(isinstance(module, Nf4Linear) for module in causal.model.modules()) == is_quantised

    ours = add_adapters(causal, LoraConfig(rank=4, alpha=8.0, **lora), seed=0)
    chance = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for value in ours.trainable().values():
            value.add_(0.05 * torch.randn(value.shape, generator=chance))
    settings = PeftConfig(
        r=4,
        lora_alpha=8,
        target_modules="all-linear",
        use_rslora=lora.get("rslora", False),
        use_dora=lora.get("dora", False),
        modules_to_save=["model.norm", "embed_tokens"] if "also_train" in lora else None,
        task_type="CAUSAL_LM",
    )
    theirs = get_peft_model(plain, settings)
    reference = {name: value for name, value in theirs.named_parameters() if value.requires_grad}
    assert reference.keys() == ours.trainable().keys()
    with torch.no_grad():
        for name, value in reference.items():
            value.copy_(ours.trainable()[name])

    documents = made_documents()
    total, each = ours.losses(batch_of(documents))
    total.backward()
    expected = []
    for document in documents:
        logits = theirs(input_ids=document[None], use_cache=False).logits[0]
        loss = torch.nn.functional.cross_entropy(logits[:-1], document[1:], reduction="none")
        loss.sum().backward()
        expected.append(torch.cat([loss.detach(), torch.zeros(1)]))
    assert relative_error(each, torch.cat(expected)) <= TOLERANCE
    for name, value in ours.trainable().items():
        assert relative_error(value.grad, reference[name].grad) <= TOLERANCE, name


@pytest.mark.parametrize("is_quantised", [False, True])
def test_magnitudes_are_float32_norms_of_a_base_in_bf16(base, is_quantised) -> None:
    causal = frozen(base, is_quantised=is_quantised, compute_dtype=torch.bfloat16)
    with torch.no_grad():
        before = causal.losses(probe_batch(64, CPU))[1]
    adapted = add_adapters(causal, LoraConfig(rank=4, dora=True), seed=0)
    layer = adapted.model.get_submodule("base_model.model.model.layers.0.mlp.up_proj")
    magnitudes = layer.lora_magnitude_vector["default"].weight
    exact = torch.linalg.norm(layer.get_base_layer().weight.float(), dim=1)
    assert magnitudes.dtype == torch.float32
    assert torch.equal(magnitudes, exact)
    assert not torch.equal(magnitudes, magnitudes.bfloat16().float())
    adapted.model.eval()
    with torch.no_grad():
        after = adapted.losses(probe_batch(64, CPU))[1]
        assert relative_error(after, before) <= 1e-3
        magnitudes *= 1.5
        set_magnitudes(adapted.model)
    assert torch.equal(magnitudes, exact)


def test_dropout_zeroes_and_scales_while_training_and_does_nothing_in_evaluation(base) -> None:
    adapted = add_adapters(frozen(base), LoraConfig(rank=4, dropout=0.25, targets=("up_proj",)), seed=0)
    dropout = adapted.model.get_submodule("base_model.model.model.layers.0.mlp.up_proj.lora_dropout.default")
    ones = torch.ones(20_000)
    adapted.model.train()
    dropped = dropout(ones)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 1 / 0.75])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    adapted.model.eval()
    assert torch.equal(dropout(ones), ones)
    with torch.no_grad():
        for name, value in adapted.trainable().items():
            if "lora_B" in name:
                value.add_(0.1)
        one, other = (adapted.losses(probe_batch(64, CPU))[1] for _ in range(2))
        adapted.model.train()
        third, fourth = (adapted.losses(probe_batch(64, CPU))[1] for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(third, fourth)


@pytest.mark.parametrize(("method", "dora"), [("lora", True), ("qlora", False)])
def test_a_stopped_training_with_dropout_ends_in_the_same_bytes(tmp_path, base, method, dora) -> None:
    settings = {
        "model": base,
        "method": method,
        "steps": 4,
        "lora": LoraConfig(rank=4, dora=dora, dropout=0.0 if method == "qlora" and dora else 0.3),
    }
    whole = trained(tmp_path / "whole", **settings)
    run_folder(tmp_path / "parts")
    for stop in (True, False):
        result = train(
            config(**settings),
            tmp_path / "parts",
            on_event=lambda _: None,
            should_stop=lambda stop=stop: stop,
        )
    assert result.is_complete
    name = "adapter_model.safetensors"
    assert (result.adapter / name).read_bytes() == (whole.adapter / name).read_bytes()


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    lora = LoraConfig(rank=4, dora=True, also_train=("norm",))
    return trained(folder, model=base, method="lora", steps=3, lora=lora).adapter


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_training_goes_on_from_an_adapter(tmp_path, base, adapter, method) -> None:
    result = trained(tmp_path, model=adapter, method=method, steps=1, learning_rate=1e-9)
    if method == "full":
        merged = load_file(adapter.parent / "model/model.safetensors")
        found = load_file(result.model / "model.safetensors")
        for name, value in merged.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7)
        return
    first = load_file(adapter / "adapter_model.safetensors")
    second = load_file(result.adapter / "adapter_model.safetensors")
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-5, atol=1e-7)
    named = json.loads((result.adapter / "adapter_config.json").read_text())
    assert named["base_model_name_or_path"] == str(base)
    assert named["use_dora"]


def spoiled(adapter: Path, folder: Path, **changes: object) -> Path:
    """Return a copy of an adapter whose configuration says something else."""
    folder.mkdir()
    values = json.loads((adapter / "adapter_config.json").read_text()) | changes
    (folder / "adapter_config.json").write_text(json.dumps(values))
    (folder / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"base_model_name_or_path": "meta-llama/Llama-3.1-8B"},
        {"base_model_name_or_path": None},
        {"peft_type": "LOHA"},
        {"init_lora_weights": "pissa"},
        {"megatron_config": {"a": 1}},
        {"modules_to_save": None},
        {"r": 8},
    ],
)
def test_an_adapter_that_cannot_be_trained_on(tmp_path, adapter, changes) -> None:
    with pytest.raises(GristmillError) as error:
        trained(
            tmp_path / "run", model=spoiled(adapter, tmp_path / "adapter", **changes), method="lora", steps=1
        )
    assert error.value.code == "GM-TRAIN-021"


@pytest.mark.parametrize(
    "lora", [{"rank": 8}, {"rslora": True}, {"targets": ("q_proj",)}, {"also_train": ("lm_head",)}]
)
def test_an_adapter_is_not_trained_on_as_another_one(tmp_path, adapter, lora) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, model=adapter, method="lora", steps=1, lora=LoraConfig(**lora))
    assert error.value.code == "GM-TRAIN-021"


def test_an_adapter_with_pickled_or_missing_weights_is_refused(tmp_path, adapter) -> None:
    folder = spoiled(adapter, tmp_path / "adapter")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(GristmillError) as error:
        find_source(folder)
    assert error.value.code == "GM-TRAIN-021"
    kept = load_file(adapter / "adapter_model.safetensors")
    kept.pop(min(kept))
    save_file(kept, folder / "adapter_model.safetensors")
    with pytest.raises(GristmillError) as error:
        trained(tmp_path / "run", model=folder, method="lora", steps=1)
    assert error.value.code == "GM-TRAIN-021"


@pytest.mark.parametrize(
    "lora",
    [
        {"also_train": ("no_such_part",)},
        {"also_train": ("mlp",)},
        {"also_train": ("up_proj",), "targets": ("up_proj", "q_proj")},
    ],
)
def test_parts_that_cannot_be_trained_beside_adapters(base, lora) -> None:
    with pytest.raises(GristmillError) as error:
        add_adapters(frozen(base), LoraConfig(**lora), seed=0)
    assert error.value.code == "GM-TRAIN-020"


def test_a_layer_trained_in_full_gets_no_adapter(base) -> None:
    adapted = add_adapters(frozen(base), LoraConfig(rank=2, also_train=("down_proj",)), seed=0)
    names = [name for name in adapted.trainable() if "down_proj" in name]
    assert len(names) == 2
    assert all("modules_to_save" in name for name in names)

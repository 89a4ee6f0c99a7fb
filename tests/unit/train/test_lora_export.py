from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import FAMILIES, config, relative_error, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.train import outcome
from gristmill.train.config import LoraConfig
from gristmill.train.export import export_model
from gristmill.train.lora import add_adapters
from gristmill.train.models import load_model
from gristmill.train.nf4 import dequantise, quantise
from gristmill.train.probe import plain_attention, probe_batch
from gristmill.train.run import train

CPU = torch.device("cpu")
IDS = torch.arange(40)[None] * 5 % 64


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return trained(tmp_path / "base", steps=2).model


def train_adapter(folder: Path, base: Path, monkeypatch: pytest.MonkeyPatch, method: str = "lora", **lora):
    """Train, and return the result with the logits the trained network gave just before it was exported."""
    logits = {}

    def export(network, target, **options):
        network.eval()
        with plain_attention(network.get_base_model()), torch.no_grad():
            logits["trained"] = network(input_ids=IDS, use_cache=False).logits
        return export_model(network, target, **options)

    monkeypatch.setattr(outcome, "export_model", export)
    run_folder(folder)
    settings = config(model=base, method=method, steps=5, lora=LoraConfig(**({"rank": 4} | lora)))
    return train(settings, folder, on_event=lambda _: None), logits["trained"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "lora",
    [
        {},
        {"rslora": True},
        {"targets": ("q_proj", "v_proj")},
        {"dropout": 0.3, "alpha": 7.0},
        {"dora": True},
        {"dora": True, "dropout": 0.3},
        {"also_train": ("norm", "lm_head", "embed_tokens")},
    ],
)
def test_the_exported_adapter_gives_the_trained_logits_in_peft(tmp_path, base, monkeypatch, lora) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result, expected = train_adapter(tmp_path / "run", base, monkeypatch, **lora)
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    with torch.no_grad():
        before = plain(input_ids=IDS).logits
        found = PeftModel.from_pretrained(plain, result.adapter).eval()(input_ids=IDS).logits
        merged = AutoModelForCausalLM.from_pretrained(result.model).eval()(input_ids=IDS).logits
    assert relative_error(before, expected) > 1e-3
    assert relative_error(found, expected) <= 1e-5
    assert relative_error(merged, expected) <= 1e-5


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("names", [("embed_tokens",), ("lm_head", "norm")])
def test_embeddings_that_the_head_shares_stay_one_matrix(tmp_path, monkeypatch, names) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = trained(tmp_path / "base", steps=2, model=FAMILIES["llama-tied"]).model
    result, expected = train_adapter(tmp_path / "run", base, monkeypatch, also_train=names)
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    before = plain.lm_head.weight.detach().clone()
    with torch.no_grad():
        found = PeftModel.from_pretrained(plain, result.adapter).eval()(input_ids=IDS).logits
        merged = AutoModelForCausalLM.from_pretrained(result.model).eval()
        assert relative_error(merged(input_ids=IDS).logits, expected) <= 1e-5
    assert merged.lm_head.weight is merged.model.embed_tokens.weight
    assert not torch.equal(merged.lm_head.weight, before)
    assert relative_error(found, expected) <= 1e-5


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("lora", [{}, {"dora": True}, {"also_train": ("lm_head",)}])
def test_adapters_on_four_bits_are_merged_onto_the_original_weights(
    tmp_path, base, monkeypatch, lora
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result, expected = train_adapter(tmp_path / "run", base, monkeypatch, "qlora", **lora)
    original = AutoModelForCausalLM.from_pretrained(base)
    rounded = AutoModelForCausalLM.from_pretrained(base)
    four_bits(rounded)
    with torch.no_grad():
        found = PeftModel.from_pretrained(rounded, result.adapter).eval()(input_ids=IDS).logits
    assert relative_error(found, expected) <= 1e-5
    wanted = PeftModel.from_pretrained(original, result.adapter).merge_and_unload().state_dict()
    exported = load_file(result.model / "model.safetensors")
    for name, value in exported.items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-6, atol=1e-7)


def four_bits(network: torch.nn.Module) -> None:
    """Round the linear layers of a plain network as `qlora` keeps them."""
    for name, module in network.named_modules():
        if type(module) is torch.nn.Linear and name != "lm_head":
            module.weight.data = dequantise(quantise(module.weight), module.weight.shape, torch.float32)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_a_frozen_model_rounded_to_bf16_is_exported_from_its_own_weights(tmp_path, base) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result = trained(tmp_path / "run", model=base, method="lora", precision="bf16", steps=5)
    plain = AutoModelForCausalLM.from_pretrained(base)
    adapted = PeftModel.from_pretrained(plain, result.adapter).merge_and_unload().state_dict()
    exported = load_file(result.model / "model.safetensors")
    for name, value in exported.items():
        assert torch.equal(value, adapted[name]), name
    embedding = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    assert torch.equal(exported["model.embed_tokens.weight"], embedding)


def test_only_adapters_are_trained_checkpointed_and_exported(tmp_path, base, monkeypatch) -> None:
    result, _ = train_adapter(tmp_path / "run", base, monkeypatch, targets=("q_proj",))
    weights = load_file(result.folder / "checkpoints/step-00000005/weights.safetensors")
    assert weights
    assert all("lora_" in name and "q_proj" in name for name in weights)
    assert {path.name for path in result.adapter.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "lineage.json",
    }
    unchanged, changed = load_file(base / "model.safetensors"), load_file(result.model / "model.safetensors")
    assert {name for name in changed if not torch.equal(unchanged[name], changed[name])} == {
        f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)
    }


@pytest.mark.parametrize(("rslora", "scale"), [(False, 8.0 / 4), (True, 8.0 / 2)])
def test_adapters_have_the_rank_scale_and_dtype_asked_for_and_change_nothing_at_first(
    base, rslora, scale
) -> None:
    causal = load_model(base, device=CPU, compute_dtype=torch.bfloat16, is_frozen=True, seed=0)
    with torch.no_grad():
        before = causal.losses(probe_batch(64, CPU))[1]
    adapted = add_adapters(causal, LoraConfig(rank=4, alpha=8.0, dropout=0.25, rslora=rslora), seed=0)
    layer = adapted.model.get_submodule("base_model.model.model.layers.0.mlp.up_proj")
    assert layer.scaling["default"] == scale
    assert layer.lora_A["default"].weight.shape == (4, 32)
    assert layer.lora_dropout["default"].p == 0.25
    assert {value.dtype for value in adapted.trainable().values()} == {torch.float32}
    assert {value.dtype for value in adapted.model.parameters() if not value.requires_grad} == {
        torch.bfloat16
    }
    adapted.model.eval()
    with torch.no_grad():
        assert torch.equal(adapted.losses(probe_batch(64, CPU))[1], before)


def test_targets_that_fit_no_layer(tmp_path, base) -> None:
    run_folder(tmp_path / "run")
    settings = config(model=base, method="lora", steps=1, lora=LoraConfig(targets=("no_such_layer",)))
    with pytest.raises(GristmillError) as error:
        train(settings, tmp_path / "run", on_event=lambda _: None)
    assert error.value.code == "GM-TRAIN-005"


def test_a_full_model_loads_in_plain_transformers_with_its_tokenizer(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = tmp_path / "tokenizer.json"
    made = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(tokenizer))
    result = trained(tmp_path / "run", steps=2, tokenizer=tokenizer)
    model = AutoModelForCausalLM.from_pretrained(result.model)
    assert model.config._attn_implementation != "gristmill_packed"
    assert model.dtype == torch.float32
    assert AutoTokenizer.from_pretrained(result.model)("a b")["input_ids"] == [0, 1]


def test_the_tokenizer_of_the_model_folder_is_copied(tmp_path: Path, base: Path) -> None:
    (base / "tokenizer.json").write_text("{}")
    (base / "chat_template.jinja").write_text("x")
    result = trained(tmp_path / "run", steps=1, model=base)
    assert (result.model / "tokenizer.json").read_text() == "{}"
    assert (result.model / "chat_template.jinja").read_text() == "x"


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path / "run", steps=1, tokenizer=tmp_path / "none.json")
    assert error.value.code == "GM-TRAIN-003"

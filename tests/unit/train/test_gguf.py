"""GGUF files: small ones written here, in the layout of llama.cpp's converter."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tiny import LLAMA, config, relative_error, run_folder, trained

from gristmill.errors import GristmillError
from gristmill.train.config import LoraConfig
from gristmill.train.model_source import find_source
from gristmill.train.models import load_model
from gristmill.train.run import train

CPU = torch.device("cpu")
WIDE = LLAMA | {"hidden_size": 64, "tie_word_embeddings": False, "initializer_range": 0.2}
"""As wide as a block of Q8_0 and more, so that every matrix can be quantised."""
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return rows in the order of llama.cpp, which pairs neighbours where `transformers` pairs halves."""
    rows = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Write a Llama with matrices in Q8_0, and return the weights that the file stands for, by their own names."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(64)
    writer.add_block_count(2)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(64)
    tokens = ["<unk>", "<s>", "</s>", *(f"t{number}" for number in range(61))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 64)
    writer.add_token_types([2, 3, 3, *([1] * 61)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    kept = {}
    for name, value in network.state_dict().items():
        array = value.float().numpy()
        if value.ndim == 2:
            packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0)
            array = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
        kept[name] = torch.from_numpy(np.array(array))
        layer, _, part = name.removeprefix("model.layers.").partition(".")
        part = part.removesuffix(".weight")
        other = {
            "model.embed_tokens.weight": "token_embd.weight",
            "model.norm.weight": "output_norm.weight",
            "lm_head.weight": "output.weight",
        }.get(name) or f"blk.{layer}.{NAMES[part]}.weight"
        if part in ("self_attn.q_proj", "self_attn.k_proj"):
            array = interleaved(array, 4 if part.endswith("q_proj") else 2)
        if value.ndim == 2:
            packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(other, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(other, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    path = tmp_path_factory.mktemp("gguf") / "small.Q8_0.gguf"
    causal = load_model(WIDE, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=4)
    return path, write_gguf(path, causal.model)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_gguf_file_is_dequantised_into_ordinary_weights(made, is_named: bool, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    path, kept = made
    causal = load_model(
        path if is_named else path.parent, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=0
    )
    found = causal.model.state_dict()
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        assert relative_error(found[name], value) <= 1e-6, name
    assert all(value.requires_grad for value in causal.model.parameters())
    causal.model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(again[name], value) for name, value in found.items())


@pytest.mark.parametrize("method", ["full", "qlora"])
def test_training_starts_from_a_gguf_file_and_its_tokenizer_is_exported(tmp_path, made, method) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path, kept = made
    result = trained(
        tmp_path, model=path, method=method, steps=1, learning_rate=1e-12, lora=LoraConfig(rank=2)
    )
    exported = AutoModelForCausalLM.from_pretrained(result.model).state_dict()
    for name, value in kept.items():
        torch.testing.assert_close(exported[name], value, rtol=1e-5, atol=1e-6)
    assert len(AutoTokenizer.from_pretrained(result.model)) == 64
    if method == "qlora":
        source = find_source(result.adapter)
        assert source.weights == path
        train(
            config(model=result.adapter, method="lora", steps=1), run_folder(tmp_path / "on"), on_event=print
        )


def test_which_gguf_file_has_to_be_clear(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    for model in (tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(GristmillError) as error:
            find_source(model)
        assert error.value.code == "GM-TRAIN-022"
    with pytest.raises(GristmillError) as error:
        load_model(tmp_path / "a.gguf", device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=0)
    assert error.value.code == "GM-TRAIN-022"

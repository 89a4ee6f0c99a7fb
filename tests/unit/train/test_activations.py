from __future__ import annotations

import pytest
import torch
from tiny import FAMILIES

from gristmill.train.activations import checkpoint_activations, decoder_layers, keep_activations
from gristmill.train.batches import MicroBatch
from gristmill.train.config import LoraConfig
from gristmill.train.lora import add_adapters
from gristmill.train.memory.ledger import Ledger
from gristmill.train.models import CausalModel, load_model
from gristmill.train.probe import probe_batch

CPU = torch.device("cpu")


def model(family: str, *, adapters: bool) -> CausalModel:
    causal = load_model(FAMILIES[family], device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=1)
    if adapters:
        causal = add_adapters(causal, LoraConfig(rank=4, dropout=0.3), seed=1)
        for name, value in causal.trainable().items():
            if "lora_B" in name:
                torch.nn.init.normal_(value, std=0.1)
    causal.model.double().train()
    return CausalModel(
        **{**{name: getattr(causal, name) for name in causal.__slots__}, "compute_dtype": torch.float64}
    )


def gradients(causal: CausalModel, batch: MicroBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    torch.manual_seed(5)
    total, _ = causal.losses(batch)
    total.backward()
    found = {name: value.grad.clone() for name, value in causal.trainable().items()}
    causal.model.zero_grad()
    return total.detach(), found


def bytes_after_forward(causal: CausalModel, batch: MicroBatch) -> int:
    with Ledger() as ledger:
        total, _ = causal.losses(batch)
        kept_bytes = ledger.live_bytes
        assert total.requires_grad
    return kept_bytes


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral-window", "gemma2-softcap", "phi3"])
def test_gradients_are_the_same_numbers_also_with_dropout(family: str, adapters: bool) -> None:
    causal, batch = model(family, adapters=adapters), probe_batch(64, CPU)
    loss, plain = gradients(causal, batch)
    checkpoint_activations(causal)
    kept_bytes = bytes_after_forward(causal, batch)
    again, checkpointed = gradients(causal, batch)
    assert torch.equal(loss, again)
    assert plain.keys() == checkpointed.keys()
    for name, expected in plain.items():
        assert torch.allclose(checkpointed[name], expected, rtol=1e-12, atol=1e-12), name
    keep_activations(causal)
    assert kept_bytes < 0.7 * bytes_after_forward(causal, batch)


def test_every_layer_is_checkpointed_once_and_evaluation_is_not() -> None:
    causal, batch = model("llama", adapters=True), probe_batch(64, CPU)
    layers = decoder_layers(causal)
    assert len(layers) == 2
    checkpoint_activations(causal)
    before = [layer.forward for layer in layers]
    checkpoint_activations(causal)
    assert [layer.forward for layer in layers] == before
    with torch.no_grad():
        causal.losses(batch)
    keep_activations(causal)
    assert not any("forward" in vars(layer) for layer in layers)

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gristmill.train.nf4 import (
    BLOCK,
    LEVELS,
    SCALE_BLOCK,
    Nf4Linear,
    block_scales,
    dequantise,
    quantise,
    quantise_layers,
)


def made(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.02


def slow(weight: torch.Tensor) -> torch.Tensor:
    """Return what QLoRA says a weight becomes, one number at a time."""
    flat = weight.flatten().tolist()
    blocks = [flat[start : start + BLOCK] for start in range(0, len(flat), BLOCK)]
    magnitudes = [max(abs(value) for value in block) for block in blocks]
    mean = sum(magnitudes) / len(magnitudes)
    kept = []
    for start in range(0, len(magnitudes), SCALE_BLOCK):
        part = [value - mean for value in magnitudes[start : start + SCALE_BLOCK]]
        largest = max(abs(value) for value in part) or 1.0
        shares = (
            torch.tensor([value / largest * 448 for value in part]).to(torch.float8_e4m3fn).float().tolist()
        )
        kept += [share / 448 * largest + mean for share in shares]
    values = []
    for block, magnitude, scale in zip(blocks, magnitudes, kept, strict=True):
        for value in block:
            nearest = min(LEVELS, key=lambda level: abs(value / (magnitude or 1.0) - level))
            values.append(nearest * scale)
    return torch.tensor(values).reshape(weight.shape)


@pytest.mark.parametrize("shape", [(64, 64), (3, 50), (300, 130), (1, 1)])
def test_a_weight_becomes_what_the_paper_says(shape: tuple[int, ...]) -> None:
    weight = made(*shape)
    found = dequantise(quantise(weight), weight.shape, torch.float32)
    torch.testing.assert_close(found, slow(weight), rtol=1e-5, atol=1e-8)


def test_levels_are_quantiles_of_a_normal_distribution() -> None:
    """Each side has evenly spaced probabilities up to the offset of the paper's code, 0.9677083, scaled to 1."""
    normal = torch.distributions.Normal(0.0, 1.0)
    above = normal.icdf(torch.linspace(0.9677083, 0.5, 9, dtype=torch.float64))[:-1]
    below = -normal.icdf(torch.linspace(0.9677083, 0.5, 8, dtype=torch.float64))[:-1]
    levels = torch.cat([below, torch.zeros(1, dtype=torch.float64), above.flip(0)])
    torch.testing.assert_close(
        torch.tensor(LEVELS, dtype=torch.float64), levels / levels.max(), rtol=0, atol=2e-6
    )


def test_normal_weights_keep_what_four_bits_can() -> None:
    weight = made(512, 256)
    found = dequantise(quantise(weight), weight.shape, torch.float32)
    assert float((found - weight).norm() / weight.norm()) < 0.1
    exact = weight.reshape(-1, BLOCK).abs().amax(dim=1)
    assert float(((block_scales(quantise(weight)) - exact) / exact).abs().max()) < 0.03


@pytest.mark.parametrize("weight", [torch.zeros(8, 64), torch.full((8, 64), -3.0), torch.eye(64)])
def test_blocks_without_spread_stay_exact(weight: torch.Tensor) -> None:
    found = dequantise(quantise(weight), weight.shape, torch.float32)
    torch.testing.assert_close(found, weight)


def test_bits_of_a_weight() -> None:
    layer = Nf4Linear(nn.Linear(1024, 1024, bias=False), dtype=torch.bfloat16)
    assert layer.num_bytes * 8 / 1024**2 == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=1e-4)


def test_a_product_and_its_gradient_are_those_of_the_dequantised_matrix() -> None:
    linear = nn.Linear(96, 40)
    layer = Nf4Linear(linear, dtype=torch.float32)
    inputs, slopes = made(7, 96, seed=1).requires_grad_(), made(7, 40, seed=2)
    plain = torch.nn.functional.linear(inputs, layer.weight, layer.bias)
    (expected,) = torch.autograd.grad(plain, inputs, slopes)
    output = layer(inputs)
    (found,) = torch.autograd.grad(output, inputs, slopes)
    assert torch.equal(output, plain)
    assert torch.equal(found, expected)


def test_nothing_of_the_matrix_is_kept_for_the_gradient() -> None:
    layer = Nf4Linear(nn.Linear(128, 256), dtype=torch.float32)
    sizes: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda value: sizes.append(value.numel()) or value, lambda value: value
    ):
        layer(made(3, 128).requires_grad_()).sum()
    assert all(size < 128 * 256 // 8 for size in sizes)


def test_autocast_decides_the_dtype_of_the_product() -> None:
    layer = Nf4Linear(nn.Linear(64, 64), dtype=torch.bfloat16)
    inputs = made(2, 64).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(inputs)
    assert output.dtype == torch.bfloat16
    output.sum().backward()
    assert inputs.grad.dtype == torch.float32


def test_a_cast_of_the_network_leaves_the_scales_alone() -> None:
    layer = Nf4Linear(nn.Linear(64, 64), dtype=torch.float32)
    before = {name: value.clone() for name, value in layer.named_buffers()}
    layer.to(torch.bfloat16).half()
    for name, value in layer.named_buffers():
        assert value.dtype == before[name].dtype
        assert torch.equal(value.float(), before[name].float()), name


def test_the_state_is_safetensors(tmp_path: Path) -> None:
    layer, other = (Nf4Linear(nn.Linear(100, 30), dtype=torch.float32) for _ in range(2))
    assert not torch.equal(layer.weight, other.weight)
    save_file(layer.state_dict(), tmp_path / "layer.safetensors")
    other.load_state_dict(load_file(tmp_path / "layer.safetensors"))
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_every_linear_layer_but_the_kept_ones_is_replaced_once() -> None:
    shared = nn.Linear(64, 64)
    network = nn.ModuleDict(
        {"a": shared, "b": nn.Sequential(shared, nn.Linear(64, 2)), "c": nn.Embedding(4, 64)}
    )
    assert (
        quantise_layers(network, dtype=torch.float32, device=torch.device("cpu"), keep=[network["b"][1]]) == 1
    )
    assert isinstance(network["a"], Nf4Linear)
    assert network["a"] is network["b"][0]
    assert type(network["b"][1]) is nn.Linear

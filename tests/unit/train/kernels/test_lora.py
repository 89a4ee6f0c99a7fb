"""Frozen layers with adapters: gradients in float64, parity with `peft`, dropout, saved bytes."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gristmill.train.kernels.lora import FrozenLinear, lora_linear, lora_mlp, lora_projections


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def layer_of(inputs, outputs, seed, *, rank=2, has_bias=True, has_adapter=True, dtype=torch.float64):
    weight = drawn(outputs, inputs, seed=seed, dtype=dtype)
    return FrozenLinear(
        weight=lambda: weight,
        bias_O=drawn(outputs, seed=seed + 1, dtype=dtype) if has_bias else None,
        a_RI=drawn(rank, inputs, seed=seed + 2).requires_grad_() if has_adapter else None,
        b_OR=drawn(outputs, rank, seed=seed + 3).requires_grad_() if has_adapter else None,
        scale=0.7,
    )


def plain(x, layer, mask=None):
    y = functional.linear(x, layer.weight(), layer.bias_O)
    if layer.a_RI is None:
        return y
    source = x if mask is None else x * mask
    return y + layer.scale * (source @ layer.a_RI.T) @ layer.b_OR.T


def adapters_of(*layers):
    return [tensor for layer in layers for tensor in (layer.a_RI, layer.b_OR) if tensor is not None]


def check_same(found, expected, inputs):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    direction = drawn(*found.shape, seed=99)
    for one, two in zip(
        torch.autograd.grad((found * direction).sum(), inputs),
        torch.autograd.grad((expected * direction).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("has_adapter", [True, False])
def test_one_layer(has_bias, has_adapter):
    layer = layer_of(5, 3, 1, has_bias=has_bias, has_adapter=has_adapter)
    x = drawn(2, 4, 5).requires_grad_()
    check_same(lora_linear(x, layer), plain(x, layer), [x, *adapters_of(layer)])


def test_projections_of_one_input_with_one_of_them_without_adapter():
    layers = (layer_of(5, 6, 1), layer_of(5, 2, 11, has_adapter=False), layer_of(5, 2, 21, rank=3))
    x = drawn(4, 5).requires_grad_()
    found = torch.cat(lora_projections(x, layers), dim=-1)
    expected = torch.cat([plain(x, layer) for layer in layers], dim=-1)
    check_same(found, expected, [x, *adapters_of(*layers)])


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
@pytest.mark.parametrize("without", [(), ("gate",), ("down",), ("gate", "up", "down")])
def test_the_mlp(activation, without):
    layers = {
        name: layer_of(*size, seed, has_adapter=name not in without)
        for name, size, seed in (("gate", (4, 6), 1), ("up", (4, 6), 11), ("down", (6, 4), 21))
    }
    x = drawn(3, 4).requires_grad_()
    act = functional.silu if activation == "silu" else lambda e: functional.gelu(e, approximate="tanh")
    hidden = act(plain(x, layers["gate"])) * plain(x, layers["up"])
    found = lora_mlp(x, **layers, activation=activation)
    check_same(found, plain(hidden, layers["down"]), [x, *adapters_of(*layers.values())])


def test_gradients_of_the_mlp_are_those_of_finite_differences():
    """Along drawn directions: `gradcheck` takes a gradient several times, which this function refuses."""
    gate, up, down = layer_of(3, 4, 1), layer_of(3, 4, 11), layer_of(4, 3, 21)
    inputs = [drawn(2, 3).requires_grad_(), *adapters_of(gate, up, down)]

    def run(x, *adapters):
        made = [
            FrozenLinear(weight=layer.weight, a_RI=adapters[2 * n], b_OR=adapters[2 * n + 1], scale=0.7)
            for n, layer in enumerate((gate, up, down))
        ]
        return (lora_mlp(x, *made) * drawn(2, 3, seed=50)).sum()

    gradients = torch.autograd.grad(run(*inputs), inputs)
    for seed in range(5):
        directions = [drawn(*tensor.shape, seed=100 * seed + n) for n, tensor in enumerate(inputs)]
        step = 1e-6
        with torch.no_grad():
            ahead, behind = (
                run(*(tensor + sign * step * way for tensor, way in zip(inputs, directions, strict=True)))
                for sign in (1, -1)
            )
        expected = sum(float((g * way).sum()) for g, way in zip(gradients, directions, strict=True))
        assert float(ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-7)


def test_the_gradient_of_an_mlp_is_taken_once():
    layers = [layer_of(3, 3, seed) for seed in (1, 11, 21)]
    out = lora_mlp(drawn(2, 3).requires_grad_(), *layers).sum()
    out.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once"):
        out.backward()


@pytest.mark.parametrize("p", [0.25])
def test_dropout_is_on_the_adapter_alone_and_its_gradient_uses_the_same_mask(p):
    layer = layer_of(400, 3, 1)
    x = drawn(2, 400).requires_grad_()
    torch.manual_seed(5)
    found = lora_linear(x, layer, dropout=p)
    torch.manual_seed(5)
    mask = torch.empty(2, 400, dtype=torch.float32).bernoulli_(1 - p).div_(1 - p).to(torch.float64)
    assert 0.15 < float((mask == 0).double().mean()) < 0.35
    check_same(found, plain(x, layer, mask), [x, *adapters_of(layer)])


def test_dropout_of_an_mlp_repeats_with_the_seed():
    layers = [layer_of(8, 8, seed) for seed in (1, 11, 21)]
    x = drawn(4, 8).requires_grad_()
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        results.append(torch.autograd.grad(lora_mlp(x, *layers, dropout=0.5).sum(), [x])[0])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_float32_adapters_beside_rounded_weights_get_float32_gradients():
    weight = drawn(4, 4, dtype=torch.bfloat16)
    a, b = drawn(2, 4, seed=1).float().requires_grad_(), drawn(4, 2, seed=2).float().requires_grad_()
    layer = FrozenLinear(weight=lambda: weight, a_RI=a, b_OR=b)
    out = lora_linear(drawn(3, 4, seed=3, dtype=torch.bfloat16), layer)
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert a.grad.dtype == b.grad.dtype == torch.float32


def test_the_layers_of_peft_are_matched():
    from peft import LoraConfig, get_peft_model

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(6, 4)

        def forward(self, x):
            return self.first(x)

    net = get_peft_model(
        Net(), LoraConfig(r=2, lora_alpha=3, target_modules=["first"], init_lora_weights=False)
    )
    net = net.double()
    module = net.base_model.model.first
    a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
    layer = FrozenLinear(
        weight=lambda: module.base_layer.weight,
        bias_O=module.base_layer.bias,
        a_RI=a,
        b_OR=b,
        scale=module.scaling["default"],
    )
    x = drawn(5, 6).requires_grad_()
    check_same(lora_linear(x, layer), net(x), [x, a, b])


def saved_bytes(run):
    """Bytes of distinct storages that a forward pass keeps, parameters not counted."""
    found = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: found.__setitem__(t.untyped_storage().data_ptr(), t.untyped_storage().nbytes()) or t,
        lambda t: t,
    ):
        out = run()
    return found, out


def test_an_mlp_keeps_its_input_and_two_inner_products_and_nothing_else():
    tokens, width, inner = 32, 16, 48
    layers = [
        layer_of(width, inner, 1, has_bias=False),
        layer_of(width, inner, 11, has_bias=False),
        layer_of(inner, width, 21, has_bias=False),
    ]
    x = drawn(tokens, width).requires_grad_()
    own = {tensor.untyped_storage().data_ptr() for tensor in adapters_of(*layers)}
    own |= {layer.weight().untyped_storage().data_ptr() for layer in layers}
    found, out = saved_bytes(lambda: lora_mlp(x, *layers))
    assert sum(size for place, size in found.items() if place not in own) == tokens * (width + 2 * inner) * 8
    other, kept = saved_bytes(
        lambda: plain(functional.silu(plain(x, layers[0])) * plain(x, layers[1]), layers[2])
    )
    by_autograd = sum(size for place, size in other.items() if place not in own)
    assert by_autograd == tokens * (width + 4 * inner + 3 * 2) * 8
    del out, kept

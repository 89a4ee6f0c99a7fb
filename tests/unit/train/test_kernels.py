from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gristmill.train.kernels import token_cross_entropy

SIZES = {"places": 23, "hidden": 6, "vocabulary": 11}


def inputs(dtype=torch.float64, *, with_bias=False):
    chance = torch.Generator().manual_seed(0)
    hidden = torch.randn(SIZES["places"], SIZES["hidden"], dtype=dtype, generator=chance, requires_grad=True)
    weight = torch.randn(
        SIZES["vocabulary"], SIZES["hidden"], dtype=dtype, generator=chance, requires_grad=True
    )
    bias = torch.randn(SIZES["vocabulary"], dtype=dtype, generator=chance, requires_grad=True)
    targets = torch.randint(0, SIZES["vocabulary"], (SIZES["places"],), generator=chance)
    targets[::4] = -100
    return hidden, weight, bias if with_bias else None, targets


def reference(hidden, weight, bias, targets, *, scale=1.0, softcap=None):
    logits = functional.linear(hidden, weight, bias) * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    return functional.cross_entropy(logits, targets, reduction="none", ignore_index=-100)


OPTIONS = [
    {},
    {"scale": 0.3},
    {"softcap": 2.0},
    {"scale": 1.7, "softcap": 3.0, "with_bias": True},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("chunk_rows", [1, 5, 1000])
def test_loss_and_gradients_are_those_of_the_whole_logits(options, chunk_rows) -> None:
    options = dict(options)
    tensors = inputs(with_bias=options.pop("with_bias", False))
    hidden, weight, bias, targets = tensors
    wanted = [tensor for tensor in (hidden, weight, bias) if tensor is not None]
    expected_each = reference(*tensors, **options)
    expected = torch.autograd.grad(expected_each.sum() / 7, wanted)
    total, each = token_cross_entropy(hidden, weight, targets, bias_V=bias, chunk_rows=chunk_rows, **options)
    found = torch.autograd.grad(total / 7, wanted)
    torch.testing.assert_close(each, expected_each.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total, expected_each.sum(), rtol=1e-12, atol=1e-12)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_agree_with_finite_differences() -> None:
    hidden, weight, bias, targets = inputs(with_bias=True)

    def loss(hidden, weight, bias):
        return token_cross_entropy(hidden, weight, targets, bias_V=bias, softcap=2.0, chunk_rows=4)[0]

    assert torch.autograd.gradcheck(loss, (hidden, weight, bias))


def test_a_frozen_head_gets_no_gradient_and_the_hidden_states_do() -> None:
    hidden, weight, _, targets = inputs()
    weight = weight.detach()
    total, each = token_cross_entropy(hidden, weight, targets)
    total.backward()
    assert hidden.grad is not None
    assert weight.grad is None
    assert not each.requires_grad


def test_nothing_to_predict_is_a_loss_of_zero_without_slope() -> None:
    hidden, weight, _, targets = inputs()
    total, _ = token_cross_entropy(hidden, weight, torch.full_like(targets, -100))
    total.backward()
    assert total.item() == 0
    assert hidden.grad.abs().sum() == 0


def test_bf16_inputs_are_summed_in_float32() -> None:
    hidden, weight, _, targets = inputs(torch.bfloat16)
    total, each = token_cross_entropy(hidden, weight, targets, chunk_rows=2)
    total.backward()
    assert total.dtype == each.dtype == torch.float32
    assert weight.grad.dtype == torch.bfloat16
    exact = reference(hidden.detach().float(), weight.detach().float(), None, targets)
    # bf16 keeps 8 bits of each logit, so a loss of some units is right to some percent of one.
    torch.testing.assert_close(each, exact, rtol=0.02, atol=0.03)

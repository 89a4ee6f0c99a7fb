"""The Triton versions, run by Triton's interpreter on the CPU, against the twins.

The interpreter is chosen when Triton is loaded, so these run in a process of their own, started by `test_triton.py`.
Shapes are small: a program takes some milliseconds. bfloat16 is stored and loaded, never computed with.
"""

import pytest
import torch

from gristmill.train.kernels import backend
from gristmill.train.kernels.cross_entropy_rows import LossForm, cross_entropy_rows, cross_entropy_rows_twin
from gristmill.train.kernels.glu import _backward_twin, glu_backward, glu_forward, glu_twin
from gristmill.train.kernels.rms_norm import add_rms_norm, rms_norm, rms_norm_twin
from gristmill.train.kernels.rope import rope, rope_twin
from gristmill.train.kernels.segment_sum import segment_sum, segment_sum_twin

TOLERANCE = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
"""Relative to the largest value, or to 1 where that is smaller: sums in another order; one rounding more; the interpreter cuts bf16 off."""


def drawn(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def close(found, expected, dtype):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    found, expected = found.detach(), expected.detach()
    if expected.numel():
        scale = float(expected.double().abs().max().clamp(min=1.0))
        assert float((found.double() - expected.double()).abs().max()) <= TOLERANCE[dtype] * scale


def test_these_run_in_the_interpreter():
    assert backend.runs_triton(torch.zeros(2))


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize(("casting", "offset"), [("llama", 0.0), ("gemma", 1.0), ("gemma", 0.0)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 37), (2, 2, 64), (0, 8)])
def test_rms_norm(dtype, casting, offset, shape):
    x, weight = (
        drawn(*shape, dtype=dtype).requires_grad_(),
        drawn(shape[-1], dtype=dtype, seed=1).requires_grad_(),
    )
    grad = drawn(*shape, dtype=dtype, seed=2)
    found = rms_norm(x, weight, eps=1e-5, casting=casting, offset=offset)
    expected = rms_norm_twin(x, weight, eps=1e-5, casting=casting, offset=offset)
    close(found, expected, dtype)
    for one, two in zip(
        torch.autograd.grad(found, (x, weight), grad),
        torch.autograd.grad(expected, (x, weight), grad),
        strict=True,
    ):
        close(one, two, dtype)


def test_rms_norm_of_more_rows_than_programs():
    x, weight = drawn(300, 4).requires_grad_(), drawn(4, seed=1).requires_grad_()
    grad = drawn(300, 4, seed=2)
    found = torch.autograd.grad(rms_norm(x, weight, eps=1e-5), (x, weight), grad)
    expected = torch.autograd.grad(rms_norm_twin(x, weight, eps=1e-5), (x, weight), grad)
    for one, two in zip(found, expected, strict=True):
        close(one, two, torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_add_rms_norm(dtype):
    x, residual, weight = (drawn(5, 24, dtype=dtype, seed=s).requires_grad_() for s in (0, 1, 2))
    weight = drawn(24, dtype=dtype, seed=2).requires_grad_()
    grads = drawn(5, 24, dtype=dtype, seed=3), drawn(5, 24, dtype=dtype, seed=4)
    found = add_rms_norm(x, residual, weight, eps=1e-5)
    total = x + residual
    expected = rms_norm_twin(total, weight, eps=1e-5), total
    for one, two in zip(found, expected, strict=True):
        close(one, two, dtype)
    inputs = (x, residual, weight)
    for one, two in zip(
        torch.autograd.grad(found, inputs, grads), torch.autograd.grad(expected, inputs, grads), strict=True
    ):
        close(one, two, dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (0, 4)])
def test_glu(dtype, activation, shape):
    gate, up, grad = (drawn(*shape, dtype=dtype, seed=s) for s in range(3))
    close(glu_forward(gate, up, activation), glu_twin(gate, up, activation=activation), dtype)
    expected = _backward_twin(gate, up, grad, activation)
    for one, two in zip(glu_backward(gate, up, grad, activation, in_place=False), expected, strict=True):
        close(one, two, dtype)
    for one, two in zip(glu_backward(gate, up, grad, activation, in_place=True), expected, strict=True):
        close(one, two, dtype)


def test_glu_of_arrays_with_gaps():
    both = drawn(4, 20)
    gate, up = both[:, :10], both[:, 10:]
    close(glu_forward(gate, up, "silu"), glu_twin(gate, up), torch.float32)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize(
    ("batch", "tables_of", "width", "rotated"), [(1, 1, 8, 8), (2, 2, 12, 8), (2, 1, 6, 6)]
)
@pytest.mark.parametrize("is_transposed", [False, True])
def test_rope(dtype, batch, tables_of, width, rotated, is_transposed):
    x = drawn(batch, 3, 5, width, dtype=dtype)
    if is_transposed:
        x = drawn(batch, 5, 3, width, dtype=dtype).transpose(1, 2)
    x.requires_grad_()
    cos, sin = drawn(tables_of, 5, rotated, seed=1), drawn(tables_of, 5, rotated, seed=2)
    found, expected = rope(x, cos, sin), rope_twin(x, cos, sin)
    close(found, expected, dtype)
    grad = drawn(batch, 3, 5, width, dtype=dtype, seed=3)
    close(torch.autograd.grad(found, x, grad)[0], torch.autograd.grad(expected, x, grad)[0], dtype)
    close(
        torch.autograd.grad(rope(x, cos, sin).sum(), x)[0],
        torch.autograd.grad(rope_twin(x, cos, sin).sum(), x)[0],
        dtype,
    )


def test_rope_in_place():
    x, cos, sin = drawn(1, 2, 3, 12), drawn(1, 3, 8, seed=1), drawn(1, 3, 8, seed=2)
    expected = rope_twin(x, cos, sin)
    address = x.data_ptr()
    found = rope(x, cos, sin, in_place=True)
    assert found.data_ptr() == address
    close(found, expected, torch.float32)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize(
    "form", [LossForm(), LossForm(scale=0.5, softcap=3.0, smoothing=0.1, z_loss=1e-3)], ids=["plain", "all"]
)
@pytest.mark.parametrize("columns", [1, 33, 5000])
def test_cross_entropy_rows(dtype, form, columns):
    logits = drawn(4, columns, dtype=dtype)
    targets = torch.tensor([0, columns - 1, columns // 2, 0])
    one, two = logits.clone(), logits.clone()
    found = cross_entropy_rows(one, targets, form, needs_gradient=True)
    expected = cross_entropy_rows_twin(two, targets, form, needs_gradient=True)
    close(found.losses_N, expected.losses_N, torch.float32)
    close(one, two, dtype)
    assert found.is_top_N.tolist() == expected.is_top_N.tolist()


def test_cross_entropy_rows_of_extreme_logits():
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
    targets = torch.tensor([1, 2])
    two = logits.clone()
    found = cross_entropy_rows(logits, targets, LossForm(), needs_gradient=True)
    expected = cross_entropy_rows_twin(two, targets, LossForm(), needs_gradient=True)
    close(found.losses_N, expected.losses_N, torch.float32)
    close(logits, two, torch.float32)


@pytest.mark.parametrize("lengths", [[3], [0, 2, 0, 1], [1500, 1, 2500]])
def test_segment_sum(lengths):
    bounds = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    values = drawn(sum(lengths))
    close(segment_sum(values, bounds), segment_sum_twin(values, bounds), torch.float32)

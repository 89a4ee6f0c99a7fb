"""The loss over the vocabulary: every form against plain torch in float64, chunks, masks, and what it keeps."""

import itertools

import pytest
import torch
from torch.nn import functional

from gristmill.train.kernels.cross_entropy_rows import LossForm, cross_entropy_rows
from gristmill.train.kernels.linear_cross_entropy import linear_cross_entropy
from gristmill.train.kernels.segment_sum import segment_sum

FORMS = [
    LossForm(scale=scale, softcap=softcap, smoothing=smoothing, z_loss=z_loss)
    for scale, softcap, smoothing, z_loss in itertools.product(
        (1.0, 0.5), (None, 3.0), (0.0, 0.1), (0.0, 1e-2)
    )
]


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_loss(logits, targets, form):
    """The formula, by torch alone."""
    z = logits * form.scale
    if form.softcap is not None:
        z = form.softcap * torch.tanh(z / form.softcap)
    losses = functional.cross_entropy(z, targets, reduction="none", label_smoothing=form.smoothing)
    return losses + form.z_loss * torch.logsumexp(z, dim=1).square()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_rows_are_the_formula_and_its_gradient(form):
    logits, targets = drawn(6, 11).requires_grad_(), torch.tensor([0, 10, 3, 3, 7, 1])
    expected = plain_loss(logits, targets, form)
    expected.sum().backward()
    own = logits.detach().clone()
    found = cross_entropy_rows(own, targets, form, needs_gradient=True)
    torch.testing.assert_close(found.losses_N, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(own, logits.grad, rtol=1e-10, atol=1e-12)
    assert found.is_top_N.tolist() == (logits.argmax(1) == targets).tolist()


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
@pytest.mark.parametrize("form", [LossForm(), FORMS[-1]], ids=str)
def test_gradients_of_hidden_states_weights_and_bias(chunk_rows, form):
    hidden, weight, bias = (
        drawn(5, 4).requires_grad_(),
        drawn(7, 4, seed=1).requires_grad_(),
        drawn(7, seed=2).requires_grad_(),
    )
    targets = torch.tensor([2, -100, 6, 0, -100])
    torch.autograd.gradcheck(
        lambda h, w, b: linear_cross_entropy(h, w, targets, bias_V=b, form=form, chunk_rows=chunk_rows).total,
        (hidden, weight, bias),
    )


def test_places_that_are_not_trained_cost_and_give_nothing():
    hidden, weight = drawn(4, 3).requires_grad_(), drawn(5, 3, seed=1)
    found = linear_cross_entropy(hidden, weight, torch.tensor([-100, 1, -100, -100]))
    found.total.backward()
    assert found.losses_T[[0, 2, 3]].tolist() == [0, 0, 0]
    assert not hidden.grad[[0, 2, 3]].any()
    assert hidden.grad[1].any()


def test_no_trained_place_is_a_loss_of_zero_with_a_gradient_of_zero():
    hidden = drawn(3, 3).requires_grad_()
    found = linear_cross_entropy(hidden, drawn(5, 3, seed=1), torch.full((3,), -100))
    found.total.backward()
    assert found.total.item() == 0
    assert not hidden.grad.any()


def test_logits_are_not_kept():
    hidden, weight = drawn(64, 8).float().requires_grad_(), drawn(1000, 8, seed=1).float()
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        linear_cross_entropy(hidden, weight, torch.zeros(64, dtype=torch.int64))
    assert sum(t.numel() for t in saved) == hidden.numel()


def test_weight_gradients_of_rounded_inputs_are_summed_in_float32():
    hidden, weight = drawn(512, 16).bfloat16(), drawn(32, 16, seed=1).bfloat16().requires_grad_()
    targets = torch.arange(512) % 32
    one = linear_cross_entropy(hidden, weight, targets, chunk_rows=512).total
    (of_one_chunk,) = torch.autograd.grad(one, weight)
    many = linear_cross_entropy(hidden, weight, targets, chunk_rows=2).total
    (of_many,) = torch.autograd.grad(many, weight)
    wide = weight.detach().double().requires_grad_()
    functional.cross_entropy(hidden.double() @ wide.T, targets, reduction="sum").backward()
    scale = wide.grad.abs().max()
    for found in (of_one_chunk, of_many):
        assert (found.double() - wide.grad).abs().max() / scale < 8e-3  # bf16 logits and one rounding


@pytest.mark.parametrize("lengths", [[3], [0, 2, 0, 1], [1500, 1, 2500], []])
def test_segments_are_summed(lengths):
    bounds = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32)
    values = drawn(sum(lengths))
    expected = [float(part.sum()) for part in values.split(lengths)] if lengths else []
    assert segment_sum(values, bounds).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)

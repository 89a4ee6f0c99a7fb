"""Gated units and rotary positions: gradients in float64, parity with `transformers`, layouts, and writing in place."""

import pytest
import torch

from gristmill.train.kernels.glu import glu, glu_backward, glu_twin
from gristmill.train.kernels.rope import rope, rope_twin


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
def test_gated_gradients_are_those_of_finite_differences(activation):
    gate, up = drawn(3, 5).requires_grad_(), drawn(3, 5, seed=1).requires_grad_()
    torch.autograd.gradcheck(lambda e, g: glu(e, g, activation=activation), (gate, up))
    assert torch.allclose(glu(gate, up, activation=activation), glu_twin(gate, up, activation=activation))


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
def test_the_backward_pass_gives_the_output_again_and_may_write_in_place(activation):
    gate, up, grad = drawn(4, 6), drawn(4, 6, seed=1), drawn(4, 6, seed=2)
    expected = glu_backward(gate, up, grad, activation, in_place=False)
    assert torch.allclose(expected[2], glu_twin(gate, up, activation=activation))
    own = (gate.clone(), up.clone(), grad.clone())
    found = glu_backward(*own, activation, in_place=True)
    for part, same, target in zip(found, expected, own, strict=True):
        assert part.data_ptr() == target.data_ptr()
        assert torch.equal(part, same)


def tables(batch, places, rotated, dtype=torch.float64):
    angles = drawn(batch, places, rotated // 2, seed=9)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


@pytest.mark.parametrize(("batch", "tables_of"), [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("rotated", [8, 4])
def test_rotation_gradients_are_those_of_finite_differences(batch, tables_of, rotated):
    x = drawn(batch, 2, 3, 8).requires_grad_()
    cos, sin = tables(tables_of, 3, rotated)
    torch.autograd.gradcheck(lambda x: rope(x, cos, sin), (x,))


def test_tables_of_two_unlike_halves_are_taken_as_they_are():
    x = drawn(1, 2, 3, 8).requires_grad_()
    cos, sin = drawn(1, 3, 8, seed=1), drawn(1, 3, 8, seed=2)
    torch.autograd.gradcheck(lambda x: rope(x, cos, sin), (x,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rotation_is_that_of_transformers(dtype):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = drawn(1, 4, 5, 8, dtype=dtype), drawn(1, 2, 5, 8, dtype=dtype, seed=1)
    cos, sin = tables(1, 5, 8, dtype)
    for found, expected in zip(
        (rope(q, cos, sin), rope(k, cos, sin)), apply_rotary_pos_emb(q, k, cos, sin), strict=True
    ):
        # Theirs rounds each product, ours once: a unit in the last place of the larger of the two halves.
        torch.testing.assert_close(found, expected, rtol=1e-6 if dtype == torch.float32 else 2e-2, atol=2e-2)


def test_the_layout_of_a_projection_is_taken_and_kept():
    x = drawn(1, 5, 3, 8).transpose(1, 2)
    cos, sin = tables(1, 5, 8)
    assert not x.is_contiguous()
    assert torch.equal(rope(x, cos, sin), rope_twin(x, cos, sin))


def test_in_place_writes_over_its_input_and_says_so_to_autograd():
    base = drawn(1, 2, 3, 8).requires_grad_()
    cos, sin = tables(1, 3, 8)
    x = base * 2
    address = x.data_ptr()
    found = rope(x, cos, sin, in_place=True)
    assert found.data_ptr() == address
    (found * drawn(1, 2, 3, 8, seed=4)).sum().backward()
    in_place = base.grad.clone()
    base.grad = None
    (rope(base * 2, cos, sin) * drawn(1, 2, 3, 8, seed=4)).sum().backward()
    assert torch.equal(in_place, base.grad)
    # A square keeps its input; torch finds that it was written over.
    kept = base * 2
    squared = kept.square()
    rope(kept, cos, sin, in_place=True)
    with pytest.raises(RuntimeError, match="inplace"):
        squared.sum().backward()

"""RMSNorm: gradients in float64, the three castings against plain torch, and what is saved."""

import pytest
import torch

from gristmill.train.kernels.rms_norm import add_rms_norm, rms_norm, rms_norm_twin


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("casting", ["llama", "gemma", "none"])
@pytest.mark.parametrize("shape", [(1, 5), (3, 7), (2, 3, 8)])
def test_gradients_are_those_of_finite_differences(casting, shape):
    x, weight = drawn(*shape), drawn(shape[-1], seed=1)
    offset = 1.0 if casting == "gemma" else 0.0
    torch.autograd.gradcheck(
        lambda x, w: rms_norm(x, w, eps=1e-6, casting=casting, offset=offset),
        (x.requires_grad_(), weight.requires_grad_()),
    )


def test_gradients_of_the_sum_before_it():
    x, residual, weight = drawn(3, 6), drawn(3, 6, seed=1), drawn(6, seed=2)
    torch.autograd.gradcheck(
        lambda x, r, w: add_rms_norm(x, r, w, eps=1e-6),
        (x.requires_grad_(), residual.requires_grad_(), weight.requires_grad_()),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("casting", "offset"), [("llama", 0.0), ("gemma", 0.0), ("gemma", 1.0)])
def test_forward_is_the_twins_to_the_last_bit(dtype, casting, offset):
    x, weight = drawn(5, 33, dtype=dtype), drawn(33, dtype=dtype, seed=1)
    found = rms_norm(x, weight, eps=1e-5, casting=casting, offset=offset)
    torch.testing.assert_close(
        found, rms_norm_twin(x, weight, eps=1e-5, casting=casting, offset=offset), rtol=0, atol=0
    )


def test_castings_are_those_of_the_families():
    """Against the modules of `transformers` themselves."""
    from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
    from transformers.models.llama.modeling_llama import LlamaRMSNorm
    from transformers.models.olmo2.modeling_olmo2 import Olmo2RMSNorm

    x = drawn(4, 16, dtype=torch.bfloat16)
    for kind, casting, offset in (
        (LlamaRMSNorm, "llama", 0.0),
        (Gemma2RMSNorm, "gemma", 1.0),
        (Olmo2RMSNorm, "gemma", 0.0),
    ):
        module = kind(16, eps=1e-6)
        with torch.no_grad():
            module.weight.copy_(drawn(16, seed=3))
        module = module.to(torch.bfloat16)
        found = rms_norm(x, module.weight, eps=1e-6, casting=casting, offset=offset)
        assert torch.equal(found, module(x)), kind


def test_only_the_rows_and_a_number_each_are_saved():
    x, weight = drawn(8, 64, dtype=torch.float32).requires_grad_(), torch.ones(64, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        rms_norm(x, weight, eps=1e-6)
    assert sorted(t.numel() for t in saved) == [8, 64, 8 * 64]


def test_no_rows_are_no_rows():
    x = torch.zeros(0, 4, requires_grad=True)
    rms_norm(x, torch.ones(4), eps=1e-6).sum().backward()
    assert x.grad.shape == (0, 4)


def test_a_frozen_weight_gets_no_gradient():
    x, weight = drawn(2, 4).requires_grad_(), drawn(4)
    rms_norm(x, weight, eps=1e-6).sum().backward()
    assert weight.grad is None
    assert x.grad is not None

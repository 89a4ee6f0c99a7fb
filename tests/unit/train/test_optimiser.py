"""AdamW in 8 bits against AdamW in 32, Muon against torch's, and the schedules."""

from __future__ import annotations

import pytest
import torch
from tiny import LLAMA
from torch import nn

from gristmill.train.adamw_8bit import BLOCK, dequantise, dynamic_codes, quantise
from gristmill.train.models import load_model
from gristmill.train.muon import body_matrices, orthogonalise
from gristmill.train.optimiser import load_state_tensors, make_optimiser, set_learning_rate, state_tensors
from gristmill.train.schedule import learning_rate

OPTIONS = {"betas": (0.9, 0.95), "weight_decay": 0.1}


def numbers(seed: int, *shape: int) -> torch.Tensor:
    """Return values over many orders of magnitude, as gradients are."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.randn(shape, generator=generator)
    return size * 10 ** torch.empty(shape).uniform_(-6, 0, generator=generator)


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_code_is_the_published_one(is_signed: bool) -> None:
    table = dynamic_codes(is_signed=is_signed)
    assert len(table.unique()) == 256
    assert table.diff().min() > 0
    # The finest code of the largest decade: midpoints of 64 or 128 parts of [0.1, 1].
    assert table[-2].item() == pytest.approx(1 - 0.9 / (128 if is_signed else 256))
    smallest = table[table > 0].min().item()
    assert smallest == pytest.approx(0.55e-6 if is_signed else 0.325e-6)


@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("num", [1, BLOCK, 3 * BLOCK + 17])
def test_a_stored_value_is_the_nearest_code(is_signed: bool, num: int) -> None:
    values = numbers(3, num) if is_signed else numbers(3, num).abs()
    values[0] = 0.0
    codes, scales = quantise(values, is_signed=is_signed)
    found = dequantise(codes, scales, is_signed=is_signed)
    table = dynamic_codes(is_signed=is_signed)
    for start in range(0, num, BLOCK):
        block = values[start : start + BLOCK]
        scale = block.abs().max()
        nearest = (block[:, None] - scale * table[None, :]).abs().min(dim=1).values
        error = (found[start : start + BLOCK] - block).abs()
        is_raised = (block > 0) & (block < scale * table[1]) & (not is_signed)
        assert torch.all((error <= nearest + 1e-6 * scale) | is_raised)
    assert found[0] == 0
    if not is_signed:
        assert torch.all(found[values > 0] > 0)


def test_a_block_of_zeros_stays_one() -> None:
    assert torch.equal(
        dequantise(*quantise(torch.zeros(300), is_signed=True), is_signed=True), torch.zeros(300)
    )


def least_squares(name: str, num_steps: int) -> tuple[float, dict[str, nn.Parameter], torch.optim.Optimizer]:
    """Fit a matrix of 96 x 64 and a bias; return the last loss."""
    generator = torch.Generator().manual_seed(1)
    wanted = torch.randn(96, 64, generator=generator)
    inputs = torch.randn(512, 64, generator=generator)
    weights = {"w": nn.Parameter(torch.zeros(96, 64)), "b": nn.Parameter(torch.zeros(96))}
    optimiser = make_optimiser(weights, name=name, body=frozenset({"w"}), **OPTIONS)
    set_learning_rate(optimiser, 0.03)
    for _ in range(num_steps):
        loss = (inputs @ (weights["w"] - wanted).T + weights["b"] - 0.5).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item(), weights, optimiser


def test_8_bits_follow_32() -> None:
    _, exact, _ = least_squares("adamw", 1)
    _, rough, _ = least_squares("adamw_8bit", 1)
    for name in exact:
        assert torch.allclose(exact[name], rough[name], rtol=1e-6, atol=1e-8), name
    exact_loss, exact, _ = least_squares("adamw", 60)
    rough_loss, rough, optimiser = least_squares("adamw_8bit", 60)
    # The codes of the largest decade are 0.7 % apart, so an update is off by about as much.
    for name in exact:
        difference = (exact[name] - rough[name]).detach().norm() / exact[name].detach().norm()
        assert float(difference) < 0.05, name
    assert rough_loss == pytest.approx(exact_loss, rel=0.02)
    held = sum(value.numel() * value.element_size() for value in optimiser.state[rough["w"]].values())
    assert held / rough["w"].numel() < 2.04
    assert optimiser.state[rough["b"]]["exp_avg"].dtype == torch.float32


def test_8_bits_survive_gradients_of_many_sizes() -> None:
    """A second moment rounded to zero would throw its weight far away."""
    weights = {"w": nn.Parameter(torch.zeros(64, 64))}
    optimiser = make_optimiser(weights, name="adamw_8bit", betas=(0.9, 0.95), weight_decay=0.0)
    set_learning_rate(optimiser, 1e-3)
    for step in range(50):
        weights["w"].grad = numbers(step, 64, 64)
        before = weights["w"].detach().clone()
        optimiser.step()
        # AdamW's own updates stay near the rate, 1e-3; without the rule about zero one of these is 14.
        assert float((weights["w"].detach() - before).abs().max()) < 2e-3


def test_an_orthogonalised_matrix_keeps_its_singular_vectors() -> None:
    for rows, columns in ((48, 16), (16, 48)):
        matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows))
        found = orthogonalise(matrix)
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        inner = left.T @ found @ right.T
        assert torch.all(inner.diagonal() > 0.6)
        assert torch.all(inner.diagonal() < 1.25)
        assert float((inner - inner.diagonal().diag()).abs().max()) < 1e-4


def test_muon_is_torchs_muon() -> None:
    generator = torch.Generator().manual_seed(7)
    start = torch.randn(24, 40, generator=generator)
    ours, theirs = {"w": nn.Parameter(start.clone())}, nn.Parameter(start.clone())
    optimiser = make_optimiser(ours, name="muon", body=frozenset({"w"}), **OPTIONS)
    set_learning_rate(optimiser, 0.1)
    reference = torch.optim.Muon(
        [theirs], lr=0.1, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(5):
        gradient = torch.randn(24, 40, generator=generator)
        ours["w"].grad, theirs.grad = gradient.clone(), gradient.clone()
        optimiser.step()
        reference.step()
    # torch iterates in bf16, whose products have 8 bits.
    moved = (theirs.detach() - start).norm()
    assert float((ours["w"].detach() - theirs.detach()).norm() / moved) < 0.02


def test_muon_leaves_embeddings_head_and_vectors_to_adamw() -> None:
    causal = load_model(
        LLAMA, device=torch.device("cpu"), compute_dtype=torch.float32, is_frozen=False, seed=1
    )
    body = body_matrices(causal.model, causal.head)
    assert body == {name for name in causal.trainable() if name.endswith("_proj.weight")}
    weights = {name: nn.Parameter(value.detach().clone()) for name, value in causal.trainable().items()}
    plain = {name: nn.Parameter(value.detach().clone()) for name, value in weights.items()}
    optimisers = [
        make_optimiser(weights, name="muon", body=body, **OPTIONS),
        make_optimiser(plain, **OPTIONS),
    ]
    for step in range(3):
        for name, value in weights.items():
            value.grad = torch.randn(value.shape, generator=torch.Generator().manual_seed(step))
            plain[name].grad = value.grad.clone()
        for optimiser in optimisers:
            set_learning_rate(optimiser, 0.01)
            optimiser.step()
    for name, value in weights.items():
        is_same = torch.allclose(value, plain[name], rtol=1e-5, atol=1e-7)
        assert is_same == (name not in body), name


@pytest.mark.parametrize("name", ["adamw", "adamw_8bit", "muon"])
def test_state_comes_back_from_its_tensors(name: str) -> None:
    _, weights, optimiser = least_squares(name, 3)
    saved = {key: value.clone() for key, value in state_tensors(optimiser, weights).items()}
    again = {key: nn.Parameter(value.detach().clone()) for key, value in weights.items()}
    other = make_optimiser(again, name=name, body=frozenset({"w"}), **OPTIONS)
    load_state_tensors(other, again, saved)
    for one, values in ((optimiser, weights), (other, again)):
        set_learning_rate(one, 0.03)
        for value in values.values():
            value.grad = torch.full_like(value, 0.25)
        one.step()
    for key in weights:
        assert torch.equal(weights[key], again[key])
        assert not torch.equal(weights[key], torch.zeros_like(weights[key]))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "wsd", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("num_steps", [1, 2, 7, 100])
def test_a_schedule_rises_to_the_peak_and_never_rises_after(
    schedule: str, warmup: float, num_steps: int
) -> None:
    rates = [
        learning_rate(step, num_steps, peak=3.0, warmup_fraction=warmup, min_fraction=0.1, schedule=schedule)
        for step in range(1, num_steps + 1)
    ]
    num_warmup = -(-int(warmup * 1000) * num_steps // 1000)
    rising, falling = rates[:num_warmup], rates[max(0, num_warmup - 1) :]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert all(0 < rate <= 3.0 for rate in rates)
    if num_warmup:
        assert rising[-1] == pytest.approx(3.0)
    if num_warmup < num_steps:
        assert rates[-1] == pytest.approx(3.0 if schedule == "constant" else 0.3)


def test_wsd_holds_the_peak_until_the_last_fifth() -> None:
    rates = [
        learning_rate(step, 100, peak=1.0, warmup_fraction=0.1, min_fraction=0.0, schedule="wsd")
        for step in range(1, 101)
    ]
    assert set(rates[9:80]) == {1.0}
    assert rates[84] == pytest.approx(1 - (5 / 20) ** 0.5)
    assert rates[99] == 0.0

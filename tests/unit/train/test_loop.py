from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shard_fixture import Made, made_documents, write_run
from tiny import LLAMA, relative_error

from gristmill.errors import GristmillError
from gristmill.loader import Loader
from gristmill.shards import open_shards
from gristmill.train.batches import collate
from gristmill.train.evaluation import evaluate_loss
from gristmill.train.loop import StepSetup, train_step
from gristmill.train.loss_scale import LossScale
from gristmill.train.models import load_model
from gristmill.train.optimiser import load_state_tensors, make_optimiser, set_learning_rate, state_tensors

CPU = torch.device("cpu")


def model(seed: int = 1):
    return load_model(LLAMA, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=seed)


def setup_of(folder: Path, *, rows_each: int = 1, clip_norm: float | None = None, rate: float = 0.1):
    causal = model()
    parameters = causal.trainable()
    optimiser = make_optimiser(parameters, betas=(0.9, 0.95), weight_decay=0.1)
    set_learning_rate(optimiser, rate)
    shards = open_shards(folder)
    return StepSetup(
        causal=causal,
        parameters=parameters,
        optimiser=optimiser,
        shards=shards,
        rows_each=rows_each,
        clip_norm=clip_norm,
        device=CPU,
    ), Loader(shards, sequence_length=64, seed=0).take(5)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path, made_documents(40))


@pytest.mark.parametrize("rows_each", [1, 2, 3, 5])
def test_the_gradient_is_that_of_the_mean_over_tokens_however_rows_are_cut(run: Path, rows_each: int) -> None:
    """Rows hold different numbers of trained tokens, so a mean of means would show."""
    setup, rows = setup_of(run, rows_each=rows_each)
    counts = {row.num_trained for row in rows}
    assert len(counts) > 1
    gradients: dict[str, torch.Tensor] = {}
    setup.optimiser.register_step_pre_hook(
        lambda *_: gradients.update({name: v.grad.clone() for name, v in setup.parameters.items()})
    )
    result = train_step(setup, rows, step=1)

    plain = model()
    config = plain.backbone.config
    config._attn_implementation = "eager"
    total, number = torch.zeros(()), 0
    for row in rows:
        start = 0
        for piece in row.pieces:
            ids = torch.from_numpy(row.tokens[start : start + piece.length])
            logits = plain.model(input_ids=ids[None], use_cache=False).logits[0]
            total = total + torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="sum")
            number += piece.length - 1
            start += piece.length
    (total / number).backward()
    assert result.num_trained == number
    assert result.loss == pytest.approx(total.item() / number, rel=1e-5)
    for name, value in plain.trainable().items():
        assert relative_error(gradients[name], value.grad) <= 1e-5, name


def test_pieces_carry_their_documents_and_losses(run: Path) -> None:
    setup, rows = setup_of(run, rows_each=2)
    result = train_step(setup, rows, step=7)
    expected = [(number, piece) for number, row in enumerate(rows) for piece in row.pieces]
    assert len(result.pieces) == len(expected)
    for record, (number, piece) in zip(result.pieces, expected, strict=True):
        document = setup.shards.doc(piece.document)
        assert (record.step, record.row, record.doc, record.key) == (7, number, document.doc, document.key)
        assert (record.start, record.stop, record.trained) == (piece.start, piece.stop, piece.length - 1)
    total = math.fsum(record.loss for record in result.pieces)
    assert total / result.num_trained == pytest.approx(result.loss, rel=1e-9)


def test_the_gradient_is_clipped_to_the_norm(run: Path) -> None:
    setup, rows = setup_of(run, clip_norm=0.01)
    norms = []
    setup.optimiser.register_step_pre_hook(
        lambda *_: norms.append(math.hypot(*(float(v.grad.norm()) for v in setup.parameters.values())))
    )
    result = train_step(setup, rows, step=1)
    assert result.gradient_norm > 0.01
    assert norms[0] == pytest.approx(0.01, rel=1e-3)


def test_a_step_that_is_not_finite_changes_nothing(run: Path) -> None:
    setup, rows = setup_of(run)
    train_step(setup, rows, step=1)
    with torch.no_grad():
        setup.causal.head.weight[3, 3] = float("nan")
    before = {name: value.detach().clone() for name, value in setup.parameters.items()}
    state = {name: value.clone() for name, value in state_tensors(setup.optimiser, setup.parameters).items()}
    result = train_step(setup, rows, step=2)
    assert result.is_skipped
    assert result.loss is None
    for name, value in setup.parameters.items():
        assert torch.equal(value.nan_to_num(), before[name].nan_to_num()), name
        assert value.grad is None
    for name, value in state_tensors(setup.optimiser, setup.parameters).items():
        assert torch.equal(value, state[name]), name


def test_a_step_without_trained_tokens_is_refused_and_names_its_documents(tmp_path: Path) -> None:
    write_run(tmp_path, [Made(tokens=[1, 2, 3], mask=[3])])
    setup, rows = setup_of(tmp_path)
    with pytest.raises(GristmillError) as error:
        train_step(setup, rows, step=1)
    assert error.value.code == "GM-TRAIN-007"
    assert error.value.context == ("documents: 0",)


def test_norms_and_biases_are_not_decayed(run: Path) -> None:
    setup, _ = setup_of(run)
    decay = {
        id(value): group["weight_decay"]
        for group in setup.optimiser.param_groups
        for value in group["params"]
    }
    for name, value in setup.parameters.items():
        assert decay[id(value)] == (0.0 if "norm" in name else 0.1), name


def test_the_optimiser_continues_from_its_tensors(run: Path) -> None:
    setup, rows = setup_of(run)
    train_step(setup, rows, step=1)
    saved = {name: value.clone() for name, value in state_tensors(setup.optimiser, setup.parameters).items()}
    weights = {name: value.detach().clone() for name, value in setup.parameters.items()}
    train_step(setup, rows, step=2)
    again, _ = setup_of(run)
    with torch.no_grad():
        for name, value in again.parameters.items():
            value.copy_(weights[name])
    load_state_tensors(again.optimiser, again.parameters, saved)
    train_step(again, rows, step=2)
    for name, value in again.parameters.items():
        assert torch.equal(value, setup.parameters[name]), name


@pytest.mark.parametrize(("sequence_length", "rows_each"), [(64, 1), (64, 3), (200, 2)])
def test_the_validation_loss_is_a_mean_over_tokens(run: Path, sequence_length: int, rows_each: int) -> None:
    causal = model()
    shards = open_shards(run)
    found = evaluate_loss(causal, shards, sequence_length=sequence_length, rows_each=rows_each, device=CPU)
    config = causal.backbone.config
    config._attn_implementation = "eager"
    total = 0.0
    with torch.no_grad():
        for document in shards:
            ids = torch.from_numpy(document.tokens.to_numpy().astype("int64"))
            logits = causal.model(input_ids=ids[None], use_cache=False).logits[0]
            total += float(torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="sum"))
    assert found.num_tokens == shards.num_tokens - len(shards)
    assert found.loss == pytest.approx(total / found.num_tokens, rel=1e-6)
    assert found.perplexity == pytest.approx(math.exp(found.loss))


def test_validation_is_without_dropout_and_leaves_the_model_training(run: Path) -> None:
    config = LLAMA | {"attention_dropout": 0.5}
    causal = load_model(config, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=1)
    causal.model.train()
    shards = open_shards(run)
    options = {"sequence_length": 64, "rows_each": 1, "device": CPU}
    first, second = (evaluate_loss(causal, shards, **options).loss for _ in range(2))
    assert first == second
    assert causal.model.training
    state = torch.get_rng_state()
    evaluate_loss(causal, shards, **options)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_validation_loss_that_is_not_finite_is_none(run: Path) -> None:
    causal = model()
    with torch.no_grad():
        causal.head.weight[3, 3] = float("nan")
    found = evaluate_loss(causal, open_shards(run), sequence_length=64, rows_each=1, device=CPU)
    assert found.num_tokens > 0
    assert found.loss is None
    assert found.perplexity is None


def doubled(causal):
    """The same model in float64, through the plain twin of attention and the loss as they are."""
    return replace(causal, model=causal.model.double(), compute_dtype=torch.float64)


@pytest.mark.parametrize("num_rows", [8, 7, 1])
def test_accumulation_changes_no_gradient_in_float64(tmp_path: Path, num_rows: int) -> None:
    """8 x 1, 4 x 2, ragged cuts (3 + 3 + 2), and the short last window of a training are one and the same gradient."""
    write_run(tmp_path, made_documents(60))
    shards = open_shards(tmp_path)
    rows = Loader(shards, sequence_length=64, seed=0).take(8)[:num_rows]
    assert num_rows == 1 or len({row.num_trained for row in rows}) > 1
    found: dict[int, dict[str, torch.Tensor]] = {}
    for rows_each in (1, 2, 3, 8):
        setup, _ = setup_of(tmp_path)
        causal = doubled(setup.causal)
        taken: dict[str, torch.Tensor] = {}
        setup = replace(setup, causal=causal, parameters=causal.trainable(), rows_each=rows_each)
        setup.optimiser.register_step_pre_hook(
            lambda *_, setup=setup, taken=taken: taken.update(
                {name: value.grad.clone() for name, value in setup.parameters.items()}
            )
        )
        train_step(setup, rows, step=1)
        found[rows_each] = taken
    for rows_each, gradients in found.items():
        for name, value in gradients.items():
            assert value.dtype == torch.float64
            assert relative_error(value, found[8][name]) <= 1e-12, (rows_each, name)
    if num_rows == 1:
        return
    # The mistake that this is about: the mean over micro-batches of their means points elsewhere.
    wrong = {name: torch.zeros_like(value) for name, value in found[8].items()}
    for row in rows:
        setup, _ = setup_of(tmp_path)
        causal = doubled(setup.causal)
        total, _ = causal.losses(collate([row], CPU))
        (total / row.num_trained / num_rows).backward()
        for name, value in causal.trainable().items():
            wrong[name] += value.grad
    assert max(relative_error(wrong[name], value) for name, value in found[8].items()) > 1e-3


def half(folder: Path, scale: LossScale):
    causal = load_model(LLAMA, device=CPU, compute_dtype=torch.float16, is_frozen=False, seed=1)
    setup, rows = setup_of(folder)
    optimiser = make_optimiser(causal.trainable(), betas=(0.9, 0.95), weight_decay=0.1)
    set_learning_rate(optimiser, 0.01)
    return replace(
        setup, causal=causal, parameters=causal.trainable(), optimiser=optimiser, loss_scale=scale
    ), rows


def test_fp16_steps_like_fp32_and_keeps_float32_weights(run: Path) -> None:
    exact, rows = setup_of(run)
    setup, _ = half(run, LossScale())
    for one in (exact, setup):
        one.optimiser.register_step_pre_hook(
            lambda *_, one=one: grads.update(
                {id(one): {k: v.grad.clone() for k, v in one.parameters.items()}}
            )
        )
    grads: dict[int, dict[str, torch.Tensor]] = {}
    results = [train_step(one, rows, step=1) for one in (exact, setup)]
    assert results[1].loss == pytest.approx(results[0].loss, rel=1e-3)
    for name, value in grads[id(exact)].items():
        found = grads[id(setup)][name]
        assert found.dtype == torch.float32
        # float16 has 11 bits; sums over a layer lose a few of them.
        assert relative_error(found, value) < 2e-2, name


def test_an_overflow_halves_the_scale_and_is_no_skipped_step(run: Path) -> None:
    scale = LossScale(factor=2.0**60)
    setup, rows = half(run, scale)
    before = {name: value.detach().clone() for name, value in setup.parameters.items()}
    result = train_step(setup, rows, step=1)
    assert (result.is_overflow, result.is_skipped, result.gradient_norm) == (True, False, None)
    assert math.isfinite(result.loss)
    assert scale.factor == 2.0**59
    for name, value in setup.parameters.items():
        assert torch.equal(value, before[name]), name
    scale.factor = 1.0
    with torch.no_grad():
        setup.causal.head.weight[3, 3] = float("nan")
    result = train_step(setup, rows, step=2)
    assert (result.is_overflow, result.is_skipped) == (False, True)


def test_the_scale_grows_after_many_good_steps_and_never_below_one() -> None:
    scale = LossScale(factor=8.0)
    for _ in range(1999):
        scale.update(is_overflow=False)
    assert scale.factor == 8.0
    scale.update(is_overflow=False)
    assert (scale.factor, scale.num_steps) == (16.0, 0)
    for _ in range(10):
        scale.update(is_overflow=True)
    assert scale.factor == 1.0
    assert not scale.can_fall()

"""Each metric against a slow version that follows the definition word by word."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.metrics import (
    accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    class_scores,
    confusion_matrix,
    fit_temperature,
    log_loss,
    macro_f1,
    mcnemar_exact,
    paired_bootstrap,
    softmax,
    t_interval,
    t_quantile,
)
from gristmill.metrics.intervals import resampled

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def arrays(pairs):
    return np.array([one for one, _ in pairs]), np.array([two for _, two in pairs])


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_scores_of_classes_follow_their_definition(pairs) -> None:
    labels, predictions = arrays(pairs)
    scores = class_scores(labels, predictions, num_classes=5)
    found = []
    for number in range(5):
        both = sum(one == two == number for one, two in pairs)
        is_label = sum(one == number for one, _ in pairs)
        is_predicted = sum(two == number for _, two in pairs)
        precision = both / is_predicted if is_predicted else 0.0
        recall = both / is_label if is_label else 0.0
        assert (scores.support[number], scores.predicted[number]) == (is_label, is_predicted)
        assert scores.precision[number] == pytest.approx(precision)
        assert scores.recall[number] == pytest.approx(recall)
        if is_label or is_predicted:
            f1 = 2 * precision * recall / (precision + recall) if both else 0.0
            assert scores.f1[number] == pytest.approx(f1)
            found.append(f1)
        else:
            assert math.isnan(scores.f1[number])
    assert macro_f1(labels, predictions, num_classes=5) == pytest.approx(sum(found) / len(found))
    assert accuracy(labels, predictions) == pytest.approx(sum(one == two for one, two in pairs) / len(pairs))
    table = confusion_matrix(labels, predictions, num_classes=5)
    for row, column in itertools.product(range(5), repeat=2):
        assert table[row, column] == pairs.count((row, column))


def test_an_absent_class_does_not_change_macro_f1() -> None:
    labels, predictions = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    few, many = (macro_f1(labels, predictions, num_classes=number) for number in (2, 50))
    assert few == many == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert math.isnan(macro_f1(labels[:0], predictions[:0], num_classes=2))
    assert math.isnan(accuracy(labels[:0], predictions[:0]))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_a_class_out_of_range_is_refused(labels) -> None:
    with pytest.raises(ValueError, match="outside"):
        confusion_matrix(np.array(labels), np.array([0, 1]), num_classes=3)
    with pytest.raises(ValueError, match="labels are"):
        accuracy(np.array(labels), np.array([0]))


def slow_calibration_error(confidences, is_right, num_bins: int) -> float:
    """Return the same bin by bin, for confidences that all differ."""
    order = sorted(range(len(confidences)), key=lambda item: confidences[item])
    total, number = 0.0, len(order)
    bins = min(num_bins, number)
    cuts = [round(number * place / bins) for place in range(bins + 1)]
    for start, stop in itertools.pairwise(cuts):
        items = order[start:stop]
        confidence = sum(confidences[item] for item in items) / len(items)
        share = sum(bool(is_right[item]) for item in items) / len(items)
        total += len(items) / number * abs(confidence - share)
    return total


@pytest.mark.parametrize(("number", "num_bins"), [(1, 15), (7, 3), (100, 15), (101, 10), (8, 20)])
def test_calibration_error_is_that_of_bins_of_equal_mass(number: int, num_bins: int) -> None:
    chance = np.random.default_rng(number)
    confidences = chance.permutation(np.linspace(0.2, 0.99, number))
    is_right = chance.random(number) < 0.7
    expected = slow_calibration_error(confidences.tolist(), is_right.tolist(), num_bins)
    assert calibration_error(confidences, is_right, num_bins=num_bins) == pytest.approx(expected, abs=1e-12)


def test_equal_confidences_stay_in_one_bin_whatever_their_order() -> None:
    confidences = np.array([0.75] * 40)
    is_right = np.array([True] * 30 + [False] * 10)
    for order in (slice(None), slice(None, None, -1)):
        assert calibration_error(confidences, is_right[order]) == pytest.approx(0.0)
    mixed = np.array([0.6] * 10 + [0.9] * 10)
    first = calibration_error(mixed, np.arange(20) % 2 == 0, num_bins=3)
    assert first == pytest.approx(0.5 * 0.1 + 0.5 * 0.4)
    assert math.isnan(calibration_error(confidences[:0], is_right[:0]))


def test_probabilities_scores_follow_their_definition() -> None:
    chance = np.random.default_rng(3)
    logits, labels = chance.normal(size=(30, 4)) * 5, chance.integers(0, 4, 30)
    brier = loss = 0.0
    for own, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = math.fsum(math.exp(value) for value in own)
        probabilities = [math.exp(value) / total for value in own]
        brier += sum((value - (number == label)) ** 2 for number, value in enumerate(probabilities))
        loss -= math.log(probabilities[label])
    assert brier_score(softmax(logits), labels) == pytest.approx(brier / 30)
    assert log_loss(logits, labels) == pytest.approx(loss / 30)
    assert log_loss(logits + 1e4, labels) == pytest.approx(loss / 30)


@pytest.mark.parametrize("scale", [0.2, 1.0, 6.0])
def test_the_temperature_undoes_a_scale(scale: float) -> None:
    chance = np.random.default_rng(5)
    logits = chance.normal(size=(400, 3)) * 2
    labels = np.array([chance.choice(3, p=own) for own in softmax(logits)])
    plain, found = fit_temperature(logits, labels), fit_temperature(logits * scale, labels)
    assert found == pytest.approx(plain * scale, rel=1e-5)
    tried = [log_loss(logits / np.exp(value), labels) for value in np.linspace(-4.6, 4.6, 2001)]
    assert log_loss(logits / plain, labels) <= min(tried) + 1e-12
    assert 0.8 < plain < 1.25


def test_temperature_stays_in_its_bounds() -> None:
    logits = np.array([[3.0, 0.0]])
    assert fit_temperature(logits, np.array([0])) == pytest.approx(0.01, rel=1e-6)
    assert fit_temperature(logits, np.array([1])) == pytest.approx(100.0, rel=1e-6)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.7062047364), (2, 4.3026527297), (3, 3.1824463053), (4, 2.7764451052), (30, 2.0422724563)],
)
def test_quantiles_of_t_are_those_of_the_tables(degrees: int, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, rel=1e-9)
    assert t_quantile(0.025, degrees) == pytest.approx(-expected, rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 5, 8])
def test_quantiles_of_t_integrate_to_their_probability(degrees: int) -> None:
    density = math.gamma((degrees + 1) / 2) / math.sqrt(degrees * math.pi) / math.gamma(degrees / 2)
    end = t_quantile(0.9, degrees)
    places = np.linspace(0, end, 20_001)
    values = density * (1 + places**2 / degrees) ** (-(degrees + 1) / 2)
    assert 0.5 + np.trapezoid(values, places) == pytest.approx(0.9, abs=1e-8)


def test_an_interval_of_seeds_covers_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        found = t_interval(chance.normal(3.0, 2.0, 3).tolist())
        covered += found.low <= 3.0 <= found.high
    assert 0.935 < covered / 2000 < 0.965
    assert t_interval([1.0]).high == math.inf
    with pytest.raises(ValueError, match="no values"):
        t_interval([])


def slow_mcnemar(only_first: int, only_second: int) -> Fraction:
    """Return the probability of all outcomes that are no likelier than this one."""
    number = only_first + only_second
    ways = [Fraction(math.comb(number, count), 2**number) for count in range(number + 1)]
    return sum((way for way in ways if way <= ways[only_first]), Fraction(0))


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (0, 1), (2, 10), (10, 2), (5, 5), (40, 61)])
def test_mcnemar_sums_all_outcomes_that_are_no_likelier(only_first: int, only_second: int) -> None:
    first = np.array([True] * only_first + [False] * only_second + [True, False])
    second = np.array([False] * only_first + [True] * only_second + [True, False])
    expected = float(slow_mcnemar(only_first, only_second))
    assert mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_works_beyond_what_floats_hold() -> None:
    first = np.arange(4000) % 2 == 0
    assert mcnemar_exact(first, ~first) == 1.0
    assert mcnemar_exact(np.zeros(4000, bool), np.ones(4000, bool)) == 0.0


def test_a_bootstrap_has_the_spread_of_the_mean() -> None:
    right = (np.arange(400) % 5 != 0).astype(float)
    found = bootstrap_interval(lambda items: float(right[items].mean()), 400, num_draws=4000)
    reach = 1.96 * math.sqrt(0.8 * 0.2 / 400)
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((0.8 - reach, 0.8 + reach), abs=0.004)


def test_groups_are_drawn_whole_and_widen_the_interval() -> None:
    groups = np.repeat(np.arange(20), 10)
    right = (groups % 2).astype(float)
    items = resampled(200, groups=groups, chance=np.random.default_rng(2))
    assert set(np.bincount(items, minlength=200).reshape(20, 10).std(1)) == {0.0}
    assert len(items) == 200

    def width(groups):
        found = bootstrap_interval(lambda at: float(right[at].mean()), 200, groups=groups, num_draws=1000)
        return found.high - found.low

    assert width(groups) > 2.5 * width(None)


def test_pairing_sees_what_independent_samples_cannot() -> None:
    chance = random.Random(4)
    hard = np.array([chance.random() < 0.5 for _ in range(300)])
    first = np.where(hard, 0.0, 1.0)
    second = first.copy()
    second[np.flatnonzero(hard)[:9]] = 1.0
    found = paired_bootstrap(
        lambda at: float(first[at].mean()), lambda at: float(second[at].mean()), 300, num_draws=2000
    )
    assert found.value == pytest.approx(0.03)
    assert 0 < found.low < found.value < found.high
    assert found.p_value < 0.02
    same = paired_bootstrap(
        lambda at: float(first[at].mean()), lambda at: float(first[at].mean()), 300, num_draws=200
    )
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)

"""Limits of proportions against published figures, and against what they are by definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tracker.stats.proportions import (
    agresti_coull,
    clopper_pearson,
    miettinen_nurminen_difference,
    newcombe_difference,
    wilson_interval,
)

REFERENCES = Path(__file__).parents[2].parent / "shared" / "REFERENCE_VALUES.json"
INTERVALS = [clopper_pearson, wilson_interval, agresti_coull]
DIFFERENCES = [newcombe_difference, miettinen_nurminen_difference]
METHODS = {method.__name__: method for method in INTERVALS} | {
    "newcombe": newcombe_difference,
    "miettinen_nurminen": miettinen_nurminen_difference,
}
COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def references(*prefixes):
    """The cases whose id begins so; a single skipped one where the file is absent."""
    if not REFERENCES.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the reference values are not here"))]
    cases = json.loads(REFERENCES.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if case["id"].startswith(prefixes)]


@pytest.mark.parametrize("case", references("prop.", "ci_method.", "diff."))
def test_limits_agree_with_the_reference_values(case):
    counts = case["input"].get("cases")
    counts = np.transpose(counts) if counts else case["input"].values()
    expected = {name: limits for name, limits in case["expected"].items() if name in METHODS}
    assert expected
    for name, limits in expected.items():
        found = np.transpose(METHODS[name](*counts)) * (100 if "cases" in case["input"] else 1)  # in percent
        assert found == pytest.approx(np.array(limits), abs=case["tolerance"], rel=0)


@pytest.mark.parametrize("case", references("orr.keynote"))
def test_published_response_rates_are_printed_alike(case):
    limits = [100 * limit for limit in clopper_pearson(**case["input"])]
    assert limits == pytest.approx(case["expected"]["ci"], abs=case["tolerance"], rel=0)


@pytest.mark.parametrize(
    "x, n, exact, score",
    [
        (81, 263, (0.2527, 0.3676), (0.2553, 0.3662)),
        (15, 148, (0.0578, 0.1617), (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1684), (0.0000, 0.1611)),
        (1, 29, (0.0009, 0.1776), (0.0061, 0.1718)),
    ],
)
def test_one_proportion_matches_newcombe_1998(x, n, exact, score):
    """Stat Med 1998;17:857-872, table I, methods 5 and 3."""
    assert np.round(clopper_pearson(x, n), 4).tolist() == list(exact)
    assert np.round(wilson_interval(x, n), 4).tolist() == list(score)


def test_keynote_028_breast():
    """Rugo 2018: 3 of 25 responded, 12.0 % (95 % CI 2.5-31.2)."""
    assert np.round([100 * limit for limit in clopper_pearson(3, 25)], 1).tolist() == [2.5, 31.2]


def test_the_method_changes_the_printed_digits():
    """KEYNOTE-086, 9 of 170, by R: each method has its own limits."""
    printed = {method.__name__: [f"{100 * limit:.2f}" for limit in method(9, 170)] for method in INTERVALS}
    assert printed == {
        "clopper_pearson": ["2.45", "9.81"],
        "wilson_interval": ["2.81", "9.75"],
        "agresti_coull": ["2.68", "9.89"],
    }


@pytest.mark.parametrize(
    "counts, hybrid, score",
    [
        ((56, 70, 48, 80), (0.0524, 0.3339), (0.0528, 0.3382)),
        ((9, 10, 3, 10), (0.1705, 0.8090), (0.1700, 0.8406)),
        ((0, 10, 0, 20), (-0.1611, 0.2775), (-0.1658, 0.2844)),
    ],
)
def test_differences_match_newcombe_1998(counts, hybrid, score):
    """Stat Med 1998;17:873-890, table II: method 10, and Miettinen and Nurminen as R's ratesci has them."""
    assert np.round(newcombe_difference(*counts), 4).tolist() == list(hybrid)
    assert np.round(miettinen_nurminen_difference(*counts), 4).tolist() == list(score)


@given(COUNTS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_exact_limits_leave_half_the_error_on_each_side(counts, confidence):
    x, n = counts
    low, high = clopper_pearson(x, n, confidence)
    assert (low == 0) if x == 0 else binom.sf(x - 1, n, low) == pytest.approx((1 - confidence) / 2)
    assert (high == 1) if x == n else binom.cdf(x, n, high) == pytest.approx((1 - confidence) / 2)


@given(COUNTS)
def test_score_limits_are_a_normal_quantile_from_the_estimate(counts):
    x, n = counts
    for limit in wilson_interval(x, n):
        distance = abs(x / n - limit) - 1.959963984540054 * np.sqrt(limit * (1 - limit) / n)
        assert distance == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", INTERVALS)
@given(counts=COUNTS)
def test_limits_hold_the_estimate_and_mirror_with_it(method, counts):
    x, n = counts
    low, high = method(x, n)
    assert 0 <= low <= x / n <= high <= 1
    assert low < high
    mirrored_low, mirrored_high = method(n - x, n)
    assert (1 - mirrored_high, 1 - mirrored_low) == pytest.approx((low, high), abs=1e-12)
    wider = method(x, n, confidence=0.99)
    assert wider[0] <= low
    assert high <= wider[1]


@pytest.mark.parametrize("method", DIFFERENCES)
@given(first=COUNTS, second=COUNTS)
@settings(deadline=None)
def test_differences_hold_the_estimate_and_change_sign_with_the_labels(method, first, second):
    difference = first[0] / first[1] - second[0] / second[1]
    low, high = method(*first, *second)
    assert -1 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1
    swapped_low, swapped_high = method(*second, *first)
    assert (-swapped_high, -swapped_low) == pytest.approx((low, high), abs=1e-9)


@given(first=COUNTS, second=COUNTS)
@settings(deadline=None, max_examples=50)
def test_score_differences_are_where_the_score_test_just_rejects(first, second):
    """The restricted estimates found again, by the largest likelihood on a grid."""
    (x1, n1), (x2, n2) = first, second
    for limit in miettinen_nurminen_difference(x1, n1, x2, n2):
        rates = np.linspace(max(limit, 0), min(1 + limit, 1), 200_001)[1:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = sum(
                np.where(count > 0, count * np.log(np.maximum(rate, 1e-300)), 0)
                for count, rate in [
                    (x1, rates),
                    (n1 - x1, 1 - rates),
                    (x2, rates - limit),
                    (n2 - x2, 1 - rates + limit),
                ]
            )
        p1 = rates[likelihood.argmax()] if rates.size else max(limit, 0)
        p2 = p1 - limit
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * (n1 + n2) / (n1 + n2 - 1)
        distance = abs(x1 / n1 - x2 / n2 - limit) - 1.959963984540054 * np.sqrt(max(variance, 0))
        assert distance == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("method", INTERVALS)
def test_none_and_all_of_n_have_a_limit_at_the_end(method):
    assert method(0, 20)[0] == 0
    assert method(20, 20)[1] == 1
    assert 0 < method(0, 20)[1] < method(20, 20)[0] < 1


@pytest.mark.parametrize("method", [miettinen_nurminen_difference])
def test_the_largest_differences_end_at_one(method):
    assert method(5, 5, 0, 5)[1] == 1
    assert method(0, 5, 5, 5)[0] == -1


def test_of_no_participants_nothing_is_known():
    for method in INTERVALS:
        assert np.isnan(method(0, 0)).all()
        low, high = method([0, 3], [0, 25])
        assert np.isnan([low[0], high[0]]).all()
        assert (low[1], high[1]) == method(3, 25)
    for method in DIFFERENCES:
        assert np.isnan(method(0, 0, 3, 25)).all()
        assert np.isnan(method(3, 25, 0, 0)).all()


def test_counts_broadcast():
    low, high = clopper_pearson([[1], [2]], [10, 20, 30])
    assert low.shape == high.shape == (2, 3)
    low, high = miettinen_nurminen_difference([3, 4], 28, 11, [[24], [25], [26]])
    assert low.shape == high.shape == (3, 2)
    assert isinstance(wilson_interval(1, 2)[0], float)


@pytest.mark.parametrize(
    "x, n", [(-1, 5), (6, 5), (1.5, 5), (1, 5.5), (0, -1), (float("nan"), 5), (1, float("inf"))]
)
def test_impossible_counts_raise(x, n):
    for method in INTERVALS:
        with pytest.raises(ValueError):
            method(x, n)
    for method in DIFFERENCES:
        with pytest.raises(ValueError):
            method(1, 2, x, n)
        with pytest.raises(ValueError):
            method(x, n, 1, 2)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(ValueError):
        clopper_pearson(1, 2, confidence)
    with pytest.raises(ValueError):
        miettinen_nurminen_difference(1, 2, 1, 2, confidence)

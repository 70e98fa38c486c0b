"""What a combination adds to its components, against CheckMate 067, R and what holds by definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from tests.references import references
from tracker.stats.combination import (
    component_tests,
    drug_action_expected,
    excess_over_independent_action,
    independent_action,
    independent_drug_action,
)
from tracker.stats.proportions import newcombe_difference

RATES = st.lists(st.floats(0, 1), min_size=1, max_size=5)
COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("case", references("bliss."))
def test_the_excess_agrees_with_the_reference_values(case):
    given, expected, tolerance = case["input"], case["expected"], case["tolerance"]
    components = [counts for name, counts in given.items() if len(name) == 1]
    (combined,) = [counts for name, counts in given.items() if len(name) > 1]
    found = excess_over_independent_action(*combined, components)
    assert (found.expected, found.excess, found.se) == pytest.approx(
        (expected["expected"], expected["excess"], expected["se"]), abs=tolerance
    )
    assert (found.low, found.high) == pytest.approx(expected["ci"], abs=tolerance)
    best = max(x / n for x, n in components)
    assert combined[0] / combined[1] - best == pytest.approx(
        expected["excess_over_best_single"], abs=tolerance
    )


@pytest.mark.parametrize("case", references("iut."))
def test_p_of_beating_each_component_agrees_with_r(case):
    given, expected = case["input"], case["expected"]
    found = component_tests(*given["AB"], [given["A"], given["B"]])
    assert (*found.each, found.p) == pytest.approx(tuple(expected.values()), abs=case["tolerance"])


@pytest.mark.parametrize("case", references("ida."))
def test_independent_drug_action_agrees_with_r(case):
    survivals = [case["input"][name] for name in ("S_A", "S_B")]
    correlations = np.atleast_1d(case["input"]["spearman"])
    found = [independent_drug_action(survivals, one) for one in correlations]
    assert found == pytest.approx(np.atleast_1d(case["expected"]).tolist(), abs=case["tolerance"])


def test_checkmate_067_beats_its_best_component_but_not_independent_action():
    """Larkin 2015: 181 of 314, against 138 of 316 and 60 of 315; the difference by Newcombe."""
    found = excess_over_independent_action(181, 314, [(138, 316), (60, 315)])
    assert [round(one, 6) for one in (found.expected, found.excess, found.low, found.high)] == [
        0.544002,
        0.032431,
        -0.042023,
        0.106885,
    ]
    assert [round(float(one), 3) for one in newcombe_difference(181, 314, 138, 316)] == [0.062, 0.215]


def test_three_components_of_a_fifth_each_are_expected_to_help_about_half():
    assert independent_action([0.2, 0.2, 0.2]) == pytest.approx(0.488)
    found = excess_over_independent_action(60, 100, [(20, 100)] * 3)
    assert found.excess == pytest.approx(0.112)
    assert found.se**2 == pytest.approx(0.6 * 0.4 / 100 + 3 * 0.64**2 * 0.2 * 0.8 / 100)


def test_components_without_a_responder_do_not_make_the_limits_narrow():
    """By the delta method alone 5 of 20 would be above 0 of 20 and 0 of 20; Wilson allows each some 16 %."""
    found = excess_over_independent_action(5, 20, [(0, 20), (0, 20)])
    assert not found.is_delta
    assert np.isnan(found.se)
    assert (found.expected, found.excess) == (0, 0.25)
    assert (found.low, found.high) == pytest.approx((-0.0165, 0.4687), abs=1e-4)


@given(combined=COUNTS, components=st.lists(COUNTS, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_limits_hold_the_excess_and_a_better_combination_has_more(combined, components):
    x, n = combined
    found = excess_over_independent_action(x, n, components)
    assert found.low <= found.excess <= found.high
    assert found.expected >= max(x / n for x, n in components) - 1e-12
    assert excess_over_independent_action(n, n, components).excess >= found.excess - 1e-12


def test_one_component_alone_has_the_excess_of_a_difference():
    found = excess_over_independent_action(0, 10, [(0, 20)])
    assert (found.low, found.high) == pytest.approx(newcombe_difference(0, 10, 0, 20))


@given(rates=RATES, correlation=st.sampled_from([0, 0.1, 0.3, 0.5, 0.8]))
@settings(max_examples=40, deadline=None)
def test_independent_drug_action_is_at_least_the_best_and_at_most_uncorrelated(rates, correlation):
    found = independent_drug_action(rates, correlation)
    assert max(rates) - 1e-12 <= found <= independent_action(rates) + 1e-9


def test_three_agents_agree_with_the_trivariate_normal():
    survivals, r = [0.2, 0.3, 0.55], 2 * np.sin(np.pi * 0.3 / 6)
    covariance = np.full((3, 3), r) + (1 - r) * np.eye(3)
    both = multivariate_normal.cdf(norm.ppf(1 - np.array(survivals)), cov=covariance, abseps=1e-7)
    assert independent_drug_action(survivals, 0.3) == pytest.approx(1 - both, abs=1e-6)


def test_the_expected_curve_stops_at_the_shorter_follow_up_and_lies_within_its_limits():
    random = np.random.default_rng(7)
    arms = [(random.exponential(mean, 120), random.random(120) < 0.9) for mean in (9, 5)]
    shorter = min(times.max() for times, _event in arms)
    at = [0, 3, 6, 12, shorter + 0.01]
    found = drug_action_expected(arms, at, draws=200)
    assert found.expected[0] == found.low[0] == found.high[0] == 1
    inside = slice(1, 4)
    order = (found.low, found.if_strongest, found.expected, found.if_weakest)
    for lower, upper in itertools.pairwise(one[inside] for one in order):
        assert (lower < upper).all()
    assert (found.high[inside] > found.expected[inside]).all()
    assert all(np.isnan(one[-1]) for one in found)
    again = drug_action_expected(arms, at, draws=200)
    assert np.array_equal(found.low, again.low, equal_nan=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: independent_action([0.2, 1.2]),
        lambda: independent_action([]),
        lambda: excess_over_independent_action(3, 2, [(1, 2), (1, 2)]),
        lambda: excess_over_independent_action(1, 2, []),
        lambda: excess_over_independent_action(1, 2, [(0, 0)]),
        lambda: component_tests(1.5, 2, [(1, 2)]),
        lambda: independent_drug_action([0.2, 0.3], -0.1),
        lambda: independent_drug_action([0.2, 1.3]),
    ],
)
def test_what_are_no_counts_or_rates_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()


def test_p_is_one_where_nobody_responds():
    assert component_tests(0, 20, [(0, 10), (0, 30)]).p == 1

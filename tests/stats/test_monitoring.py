"""Repeated looks against R's clinfun, and by walking through all that can happen."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references import references
from tracker.stats.monitoring import crossing, pocock_boundary


@pytest.mark.parametrize("case", references("toxbdry"))
def test_the_boundary_agrees_with_r(case):
    asked, expected = case["input"], case["expected"]
    high = pocock_boundary(tuple(asked["looks"]), asked["p_low"], asked["p_cross_low"])
    assert list(high) == expected["high_boundary"]
    at_low, at_high = (crossing(asked["looks"], high, asked[name]) for name in ("p_low", "p_high"))
    found = [at_low.crosses, at_high.crosses, at_low.expected_n, at_high.expected_n]
    names = ["p_cross_at_low", "p_cross_at_high", "ess_low", "ess_high"]
    assert found == pytest.approx([expected[name] for name in names], abs=case["tolerance"], rel=0)
    low = [
        crossing(asked["looks"], expected["low_boundary"], asked[name]).crosses
        for name in ("p_low", "p_high")
    ]
    assert low == pytest.approx(expected["low_p_cross"], abs=case["tolerance"], rel=0)


@pytest.mark.parametrize(
    "looks, boundary, rate", [((2, 5, 7), (1, 2, 3), 0.3), ((1, 2, 3), (0, 1, 1), 0.5), ((4,), (1,), 0.2)]
)
def test_chances_are_those_of_every_sequence(looks, boundary, rate):
    crosses = early = expected = 0
    for events in itertools.product([0, 1], repeat=looks[-1]):
        chance = np.prod([rate if one else 1 - rate for one in events])
        at = next((n for n, most in zip(looks, boundary) if sum(events[:n]) > most), None)
        crosses += chance * (at is not None)
        early += chance * (at is not None and at < looks[-1])
        expected += chance * (at or looks[-1])
    found = crossing(looks, boundary, rate)
    assert (found.crosses, found.stops_early, found.expected_n) == pytest.approx((crosses, early, expected))


@given(
    st.lists(st.integers(1, 15), min_size=1, max_size=6),
    st.sampled_from([0.1, 0.2, 0.25, 0.33]),
    st.sampled_from([0.05, 0.1, 0.2]),
)
@settings(deadline=None, max_examples=60)
def test_a_boundary_is_crossed_seldom_at_its_rate_and_more_often_above(steps, rate, seldom):
    looks = tuple(np.cumsum(steps).tolist())
    boundary = pocock_boundary(looks, rate, seldom)
    at_rate = crossing(looks, boundary, rate)
    assert at_rate.crosses <= seldom + 1e-9
    assert at_rate.crosses <= crossing(looks, boundary, rate + 0.2).crosses
    assert looks[0] - 1e-9 <= at_rate.expected_n <= looks[-1] + 1e-9


@pytest.mark.parametrize(
    "call",
    [
        lambda: crossing([20, 20], [7, 8], 0.2),
        lambda: crossing([0, 20], [7, 8], 0.2),
        lambda: crossing([20, 40], [7], 0.2),
        lambda: crossing([20, 40], [7, 6], 0.2),
        lambda: crossing([20, 40], [-1, 6], 0.2),
        lambda: crossing([20, 40], [7, 9], 0),
        lambda: crossing([], [], 0.2),
        lambda: pocock_boundary((20, 40), 0.2, 1),
    ],
)
def test_what_is_no_boundary_raises(call):
    with pytest.raises(ValueError):
        call()

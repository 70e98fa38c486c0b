"""Dose finding against R's BOIN, against pbeta, and against what each figure is by definition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from tests.references import references
from tracker.stats.dose_finding import (
    chance_of_passing,
    chance_within,
    exceedance,
    fewest_events,
    interval_boundaries,
    interval_table,
    isotonic_matrix,
    isotonic_rates,
)

COUNTS = st.integers(1, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def listed(column):
    return [None if pd.isna(value) else int(value) for value in column]


@pytest.mark.parametrize("case", references("boin.lambda"))
def test_boundaries_agree_with_r(case):
    found = interval_boundaries(**case["input"])
    assert found == pytest.approx(tuple(case["expected"].values()), abs=case["tolerance"], rel=0)


@pytest.mark.parametrize("case", references("boin.table"))
def test_the_table_agrees_with_r(case):
    n = case["input"]["n"]
    table = interval_table(case["input"]["target"], max(n)).loc[n]
    assert listed(table["escalate_at_most"]) == case["expected"]["escalate_if_le"]
    assert listed(table["de_escalate_at_least"]) == case["expected"]["deescalate_if_ge"]
    assert listed(table["eliminate_at_least"]) == case["expected"]["eliminate_if_ge"]


@pytest.mark.parametrize(
    "target, published",
    [
        (0.15, (0.118, 0.179)),
        (0.20, (0.157, 0.238)),
        (0.25, (0.197, 0.298)),
        (0.30, (0.236, 0.358)),
        (0.35, (0.276, 0.419)),
        (0.40, (0.316, 0.479)),
    ],
)
def test_boundaries_match_liu_and_yuan_2015(target, published):
    """J R Stat Soc C 2015;64:507-523, table 1, where the third digit is rounded or cut off."""
    assert interval_boundaries(target) == pytest.approx(published, abs=0.001)


def test_nobody_is_eliminated_before_three_were_treated():
    assert listed(interval_table(0.3, 4)["eliminate_at_least"]) == [None, None, 3, 3]


@given(st.floats(0.05, 0.6))
def test_the_boundaries_lie_around_the_target(target):
    low, high = interval_boundaries(target)
    assert 0.6 * target < low < target < high < 1.4 * target


@pytest.mark.parametrize("target", [0.1, 0.2, 0.25, 0.3, 0.35, 0.4])
def test_the_table_says_what_the_boundaries_say(target):
    low, high = interval_boundaries(target)
    for n, row in interval_table(target, 40).iterrows():
        for events in range(n + 1):
            assert (events <= row["escalate_at_most"]) == (events / n <= low)
            gone = pd.notna(row["eliminate_at_least"]) and events >= row["eliminate_at_least"]
            assert (events >= row["de_escalate_at_least"]) == (events / n >= high or gone)
            assert gone == (n >= 3 and events > 0 and beta.sf(target, 1 + events, 1 + n - events) > 0.95)


@pytest.mark.parametrize("case", references("overdose"))
def test_the_chance_of_an_overdose_agrees_with_r(case):
    events, n = np.transpose(case["input"]["cases"])
    assert exceedance(events, n, 0.3) == pytest.approx(case["expected"], abs=case["tolerance"], rel=0)


@pytest.mark.parametrize("case", references("toxstop"))
def test_the_fewest_events_that_stop_agree_with_r(case):
    found = fewest_events(case["input"]["n"], 0.3, 0.8, 0.6, 1.4)
    assert listed(found) == case["expected"]


def test_a_minimum_keeps_a_flat_prior_from_stopping_at_one_of_one():
    """With Beta(1, 1), P(p > 0.25) > 0.9 would stop at 1 of 1: P = 1 - 0.25² = 0.9375."""
    assert listed(fewest_events([1, 2, 3], 0.25, 0.9)) == [1, 2, 2]
    assert listed(fewest_events([1, 2, 3], 0.25, 0.9, minimum_n=3)) == [None, None, 2]


def test_a_prior_alone_stops_nothing():
    assert listed(fewest_events([1, 2], 0.05, 0.5)) == [1, 1]


@pytest.mark.parametrize("case", references("boin.mtd"))
def test_isotonic_rates_agree_with_r(case):
    n, events = (np.array(case["input"][name]) for name in ("treated", "dlt"))
    found = isotonic_rates(events[n > 0], n[n > 0])
    assert found == pytest.approx(case["expected"]["isotonic"], abs=case["tolerance"], rel=0)


@pytest.mark.parametrize("case", references("boin.comb.mtd"))
def test_isotonic_pairs_agree_with_r(case):
    found = isotonic_matrix(case["input"]["dlt"], case["input"]["treated"])
    for pair, rate in case["expected"]["isotonic_tried"].items():
        row, column = (int(one) - 1 for one in pair.split(","))
        assert found[row, column] == pytest.approx(rate, abs=case["tolerance"])


@given(st.lists(COUNTS, min_size=1, max_size=6))
def test_isotonic_rates_never_fall_and_keep_what_already_rises(counts):
    events, n = np.transpose(counts)
    found = isotonic_rates(events, n)
    assert (np.diff(found) >= -1e-12).all()
    raw = (events + 0.05) / (n + 0.1)
    if (np.diff(raw) >= 0).all():
        assert found == pytest.approx(raw)
    assert raw.min() - 1e-12 <= found.min() <= found.max() <= raw.max() + 1e-12


@given(st.integers(1, 4), st.integers(1, 5), st.data())
@settings(deadline=None, max_examples=40)
def test_isotonic_pairs_rise_and_are_nearest_to_the_raw_rates(rows, columns, data):
    """Nearest: from the solution, no step towards another isotonic matrix comes nearer (its normal cone)."""
    counts = data.draw(st.lists(COUNTS, min_size=rows * columns, max_size=rows * columns))
    events, n = (np.reshape(one, (rows, columns)) for one in np.transpose(counts))
    found = isotonic_matrix(events, n)
    assert (np.diff(found, axis=0) >= -1e-9).all()
    assert (np.diff(found, axis=1) >= -1e-9).all()
    weights = n + 0.1
    pull = weights * ((events + 0.05) / weights - found)
    assert (pull * found).sum() == pytest.approx(0, abs=1e-6)  # the cone's own property
    others = data.draw(st.lists(st.floats(0, 1), min_size=rows * columns, max_size=rows * columns))
    other = np.cumsum(np.cumsum(np.reshape(others, (rows, columns)), axis=0), axis=1)
    assert (pull * other).sum() <= 1e-6


def test_one_row_of_pairs_is_pooled_like_one_agent_by_number():
    """0.02, 0.35, 0.02 with 3.1 each: the last two pool to their mean."""
    found = isotonic_matrix([[0, 1, 0]], [[3, 3, 3]])
    assert found[0].tolist() == pytest.approx([0.05 / 3.1, 0.55 / 3.1, 0.55 / 3.1])


@pytest.mark.parametrize("case", references("3plus3.p_escalate"))
def test_the_chance_of_passing_a_dose_agrees_with_its_closed_form(case):
    found = chance_of_passing(case["input"]["dlt_rate"])
    assert found == pytest.approx(case["expected"], abs=case["tolerance"], rel=0)


def test_the_chance_within_is_that_of_the_jeffreys_posterior():
    low, high = interval_boundaries(0.3)
    expected = beta.cdf(high, 1.5, 2.5) - beta.cdf(low, 1.5, 2.5)
    assert chance_within(1, 3, low, high) == pytest.approx(expected)


@pytest.mark.parametrize("events, n", [(-1, 3), (4, 3), (0.5, 3), (1, float("nan"))])
def test_impossible_counts_raise(events, n):
    for call in (
        lambda: exceedance(events, n, 0.3),
        lambda: isotonic_rates([events], [n]),
        lambda: isotonic_matrix([[events]], [[n]]),
        lambda: chance_within(events, n, 0.2, 0.4),
    ):
        with pytest.raises(ValueError):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: interval_boundaries(0),
        lambda: interval_boundaries(0.8),
        lambda: interval_boundaries(0.3, safe=0.3),
        lambda: exceedance(1, 3, 1.2),
        lambda: exceedance(1, 3, 0.3, a=0),
        lambda: fewest_events([3], 0.3, 1),
        lambda: fewest_events([0], 0.3, 0.9),
        lambda: fewest_events([], 0.3, 0.9),
        lambda: isotonic_rates([], []),
        lambda: isotonic_rates([0], [0]),
        lambda: isotonic_matrix([0], [1]),
        lambda: chance_of_passing(1.1),
    ],
)
def test_what_is_no_rate_raises(call):
    with pytest.raises(ValueError):
        call()

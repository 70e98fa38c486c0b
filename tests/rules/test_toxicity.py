"""A boundary for toxicity: P(p > 0.30) > 0.80 from Beta(0.6, 1.4), as R's pbeta has it."""

import pytest

from tracker.rules.toxicity import ToxicityBoundary, toxicity_state

BOUNDARY = ToxicityBoundary(0.3, 0.8, 0.6, 1.4)


@pytest.mark.parametrize("dlt, n", [(2, 2), (3, 4), (4, 7), (5, 9), (6, 12), (7, 15), (8, 18)])
def test_the_boundary_is_crossed_at_the_published_counts_and_not_with_one_less(dlt, n):
    crossed, below = toxicity_state(BOUNDARY, dlt, n), toxicity_state(BOUNDARY, dlt - 1, n)
    assert (crossed.is_crossed, crossed.stops_at) == (True, dlt)
    assert crossed.probability > 0.8 >= below.probability
    assert not below.is_crossed


def test_a_minimum_number_is_waited_for():
    """With Beta(1, 1), P(p > 0.25) > 0.9 would stop at 1 of 1."""
    assert toxicity_state(ToxicityBoundary(0.25, 0.9), 1, 1).is_crossed
    waits = toxicity_state(ToxicityBoundary(0.25, 0.9, least_n=3), 1, 1)
    assert (waits.is_crossed, waits.stops_at) == (False, None)
    assert str(waits.reason) == "Judged from 3 participants on; so far there are 1."


def test_nobody_treated_crosses_nothing():
    assert not toxicity_state(BOUNDARY, 0, 0).is_crossed


def test_the_state_says_why():
    assert str(toxicity_state(BOUNDARY, 3, 4).reason) == "3 of 4 had a DLT; 3 or more stop the arm."
    assert str(toxicity_state(BOUNDARY, 1, 4).reason) == "1 of 4 had a DLT; 3 would stop the arm."
    assert (
        str(toxicity_state(BOUNDARY, 1, 1).reason)
        == "1 of 1 had a DLT; no number of so few would stop the arm."
    )


@pytest.mark.parametrize(
    "numbers", [(0, 0.8), (0.3, 1), (0.3, 0.8, 0), (0.3, 0.8, 1, -1), (0.3, 0.8, 1, 1, 0)]
)
def test_what_is_no_boundary_raises(numbers):
    with pytest.raises(ValueError):
        ToxicityBoundary(*numbers)


def test_impossible_counts_raise():
    with pytest.raises(ValueError):
        toxicity_state(BOUNDARY, 3, 2)

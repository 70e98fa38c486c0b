"""Rates against R's poisson.test, and against what exact limits are by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from tests.references import references
from tracker.stats.rates import poisson_rate


@pytest.mark.parametrize("case", references("rate."))
def test_a_rate_agrees_with_r(case):
    rate, low, high = poisson_rate(case["input"]["events"], case["input"]["person_years"])
    assert rate == pytest.approx(case["expected"]["rate"], abs=case["tolerance"], rel=0)
    assert (low, high) == pytest.approx(tuple(case["expected"]["ci"]), abs=case["tolerance"], rel=0)


@given(st.integers(0, 200), st.floats(0.1, 1000), st.sampled_from([0.9, 0.95]))
def test_exact_limits_leave_half_the_error_on_each_side(events, exposure, confidence):
    rate, low, high = poisson_rate(events, exposure, confidence)
    assert low <= rate <= high
    assert poisson.cdf(events, high * exposure) == pytest.approx((1 - confidence) / 2)
    if events:
        assert poisson.sf(events - 1, low * exposure) == pytest.approx((1 - confidence) / 2)
    else:
        assert low == 0


def test_without_exposure_there_is_no_rate():
    assert np.isnan(poisson_rate(0, 0)).all()
    assert poisson_rate([0, 1], [[1.0], [2.0]])[0].tolist() == [[0, 1], [0, 0.5]]


@pytest.mark.parametrize("given", [(-1, 2), (1.5, 2), (1, -2), (1, float("inf")), (1, 2, 95)])
def test_what_is_no_rate_raises(given):
    with pytest.raises(ValueError):
        poisson_rate(*given)

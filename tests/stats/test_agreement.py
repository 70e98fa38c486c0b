"""Agreement of two methods, against published readings and other programs."""

import numpy as np
import pytest

from tests.references import references
from tests.stats.test_association import dataset
from tracker.stats.agreement import bland_altman, passing_bablok


@pytest.mark.parametrize("case", references("passing_bablok."))
def test_the_line_between_two_flow_meters_is_that_of_mcr(case):
    data, expected = dataset("data.PEFR"), case["expected"]
    found = passing_bablok(data["large_wright"], data["mini_wright"])
    assert (found.slope, found.intercept) == pytest.approx(
        (expected["slope"], expected["intercept"]), abs=1e-6
    )
    assert [found.slope_low, found.slope_high] == pytest.approx(expected["slope_ci"], abs=1e-6)
    assert [found.intercept_low, found.intercept_high] == pytest.approx(expected["intercept_ci"], abs=1e-6)


@pytest.mark.parametrize("case", references("bland_altman."))
def test_the_limits_of_agreement_are_those_of_bland_and_altman(case):
    data, expected = dataset("data.PEFR"), case["expected"]
    found = bland_altman(data["large_wright"], data["mini_wright"])
    assert (found.bias, found.sd) == pytest.approx((expected["bias"], expected["sd"]), abs=1e-6)
    assert [found.low, found.high] == pytest.approx(expected["bias_ci"], abs=1e-6)
    assert [found.lower, found.upper] == pytest.approx(expected["loa_196"], abs=1e-6)
    wider = bland_altman(data["large_wright"], data["mini_wright"], multiplier=2)
    assert [wider.lower, wider.upper] == pytest.approx(expected["loa_2sd"], abs=1e-6)


def test_equal_readings_agree_and_constant_ones_have_no_line():
    values = np.arange(10.0)
    assert passing_bablok(values, values)[:3] == pytest.approx((1, 1, 1))
    assert bland_altman(values, values).sd == 0
    with pytest.raises(ValueError, match="too few different"):
        passing_bablok(np.ones(5), np.ones(5))

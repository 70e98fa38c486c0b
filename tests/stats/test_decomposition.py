"""Kitagawa, standardisation and Mantel-Haenszel against published figures, and against what they are by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references import references
from tracker.stats.decomposition import (
    bootstrap_kitagawa,
    fay_feuer,
    kitagawa,
    mantel_haenszel,
    standardised_rate,
)

BREAST, OTHER = ([3, 4, 3], [60, 30, 10]), ([3, 8, 12], [30, 40, 30])
STRATUM = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
GROUPS = st.lists(st.tuples(STRATUM, STRATUM), min_size=1, max_size=6).map(
    lambda strata: tuple(np.transpose([group[place] for group in strata]) for place in (0, 1))
)


@pytest.mark.parametrize("case", references("kitagawa"))
def test_a_gap_is_split_as_by_r(case):
    breast, other = (case["input"][name] for name in ("breast", "other"))
    found = kitagawa(breast["responders"], breast["n"], other["responders"], other["n"])
    expected, close = case["expected"], {"abs": case["tolerance"]}
    assert [*found] == pytest.approx([expected[name] for name in ("gap", "composition", "rate")], **close)
    at_others = standardised_rate(breast["responders"], breast["n"], other["n"])
    assert [at_others.rate, at_others.se] == pytest.approx(
        [expected["breast_at_other_mix"], expected["breast_at_other_mix_se"]], **close
    )
    at_breast = standardised_rate(other["responders"], other["n"], breast["n"])
    assert at_breast.rate == pytest.approx(expected["other_at_breast_mix"], **close)


@pytest.mark.parametrize("case", references("standardise.fleiss"))
def test_a_rate_of_events_is_standardised_as_by_fay_and_feuer(case):
    found = fay_feuer(**case["input"])
    assert np.multiply([found.rate, found.low, found.high], 1e5) == pytest.approx(
        np.array([case["expected"]["adjusted"], *case["expected"]["ci"]]), abs=case["tolerance"]
    )


@pytest.mark.parametrize("case", references("mh.ucb"))
def test_the_odds_ratio_of_berkeleys_admissions_is_r_s(case):
    male, female = np.transpose(np.array(case["input"]["tables"]), (1, 2, 0))
    found = mantel_haenszel(male[0], male.sum(axis=0), female[0], female.sum(axis=0))
    expected = case["expected"]
    assert [found.odds_ratio, found.low, found.high, found.chi2, found.chi2_corrected] == pytest.approx(
        [expected["or_mh"], *expected["ci"], expected["chi2_uncorrected"], expected["chi2_corrected"]],
        abs=case["tolerance"],
    )


def test_the_risk_difference_of_tolbutamide_is_that_of_metafor():
    """Rothman 2008, chapter 15: 0.0349, 90 % limits -0.0176 and 0.0874 (metafor's tests, rma.mh)."""
    found = mantel_haenszel([8, 22], [106, 98], [5, 16], [120, 85], confidence=0.9)
    limits = [found.difference, found.difference_low, found.difference_high]
    assert limits == pytest.approx([0.0349, -0.0176, 0.0874], abs=5e-5)


@settings(max_examples=50, deadline=None)
@given(GROUPS)
def test_the_parts_sum_to_the_gap_and_swapping_the_groups_turns_every_sign(groups):
    (x1, n1), (x2, n2) = groups
    found, back = kitagawa(x1, n1, x2, n2), kitagawa(x2, n2, x1, n1)
    assert abs(found.mix + found.response - found.total) < 1e-12
    assert abs(found.total - (x2.sum() / n2.sum() - x1.sum() / n1.sum())) < 1e-12
    assert [*found] == pytest.approx([-part for part in back], abs=1e-12)
    assert [*kitagawa(x1, n1, x1, n1)] == pytest.approx([0, 0, 0], abs=1e-12)


def test_limits_enclose_the_parts_and_are_the_same_again():
    found, again = (bootstrap_kitagawa(*BREAST, *OTHER, draws=2000) for _repeat in range(2))
    assert found == again
    for part, (low, high) in zip(kitagawa(*BREAST, *OTHER), found[:3]):
        assert low < part < high
    # The limits of the whole are near to those of two binomials.
    assert found.total == pytest.approx((0.13 - 0.101, 0.13 + 0.101), abs=0.015)


def test_a_draw_with_an_empty_stratum_takes_its_full_rate():
    """Two of 25 in a stratum are missed by one draw in eight: (23/25)**25 = 0.124."""
    found = bootstrap_kitagawa([0, 4], [2, 23], [171, 234], [402, 1052], draws=4000)
    assert found.patched / found.draws == pytest.approx(0.124, abs=0.02)
    one = bootstrap_kitagawa([4], [25], [405], [1454], draws=500)
    assert one.patched == 0
    assert one.mix == pytest.approx((0, 0), abs=1e-12)


def test_a_stratum_with_nobody_is_named_and_never_divided_by():
    with pytest.raises(ValueError, match=r"first group has nobody in strata \[1\]"):
        kitagawa([1, 0], [5, 0], [1, 1], [5, 5])
    with pytest.raises(ValueError, match=r"second group has nobody in strata \[0\]"):
        bootstrap_kitagawa([1, 0], [5, 5], [0, 1], [0, 5])
    with pytest.raises(ValueError, match=r"strata \[1\]"):
        standardised_rate([1, 0], [5, 0], [5, 5])
    assert standardised_rate([1, 0], [5, 0], [5, 0]).rate == 0.2
    alone = mantel_haenszel([1, 1], [5, 5], [2, 0], [5, 0])
    assert alone == mantel_haenszel([1], [5], [2], [5])


def test_what_cannot_be_estimated_is_missing():
    found = mantel_haenszel([0, 0], [5, 5], [2, 1], [5, 5])
    assert np.isnan([found.odds_ratio, found.low, found.high]).all()
    assert found.difference == pytest.approx(-0.3)
    assert fay_feuer([0, 0], [10, 10], [1, 1])[:3] == (0, 0, 0)
    for bad in ([[1], [0], [1], [5]], [[6], [5], [1], [5]]):
        with pytest.raises(ValueError):
            kitagawa(*bad)

"""Two-stage designs against Simon 1989 and R's clinfun, and by summing over all that can happen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tests.references import references
from tracker.stats.two_stage import Design, best_designs, characteristics, stagewise_p, unbiased_rate

SIMON = Design(1, 10, 5, 29)


@st.composite
def designs(draw):
    n1 = draw(st.integers(1, 12))
    n = draw(st.integers(n1 + 1, 30))
    r1 = draw(st.integers(0, n1 - 1))
    return Design(r1, n1, draw(st.integers(r1, n - 1)), n)


def outcomes(design, rate):
    """All that can happen: (responders, chance) at the end of the stage that is reached."""
    n2 = design.n - design.n1
    for x1 in range(design.n1 + 1):
        chance = binom.pmf(x1, design.n1, rate)
        if x1 <= design.r1:
            yield x1, chance
        else:
            yield from ((x1 + x2, chance * binom.pmf(x2, n2, rate)) for x2 in range(n2 + 1))


@pytest.mark.parametrize("case", references("simon.0"))
def test_the_best_designs_are_simons(case):
    optimal, minimax = best_designs(**case["input"])
    for name, design in (("optimal", optimal), ("minimax", minimax)):
        at_p0 = characteristics(design, case["input"]["p0"])
        found = [design.r1, design.n1, design.r, design.n, at_p0.expected_n, at_p0.stops_early]
        assert found == pytest.approx(case["expected"][name], abs=case["tolerance"], rel=0)


@pytest.mark.slow
def test_a_large_design_is_that_of_clinfun():
    """R's clinfun, help of ph2simon(0.2, 0.35, 0.05, 0.05)."""
    assert best_designs(0.2, 0.35, 0.05, 0.05) == (Design(11, 53, 26, 99), Design(15, 68, 25, 95))


@pytest.mark.parametrize("case", references("simon.oc"))
def test_characteristics_agree_with_r(case):
    given_ = case["input"]
    design = Design(*(given_[name] for name in ("r1", "n1", "r", "n")))
    at_p0, at_p1 = (characteristics(design, given_[name]) for name in ("p0", "p1"))
    found = [at_p0.rejects, at_p1.rejects, at_p0.stops_early, at_p0.expected_n]
    assert found == pytest.approx(list(case["expected"].values()), abs=case["tolerance"], rel=0)


@given(designs(), st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=50)
def test_characteristics_are_sums_over_all_that_can_happen(design, rate):
    found = characteristics(design, rate)
    everything = list(outcomes(design, rate))
    assert sum(chance for _x, chance in everything) == pytest.approx(1)
    stops = sum(binom.pmf(x, design.n1, rate) for x in range(design.r1 + 1))
    rejects = sum(
        binom.pmf(x1, design.n1, rate) * binom.pmf(x2, design.n - design.n1, rate)
        for x1 in range(design.r1 + 1, design.n1 + 1)
        for x2 in range(design.n - design.n1 + 1)
        if x1 + x2 > design.r
    )
    assert found.stops_early == pytest.approx(stops)
    assert found.rejects == pytest.approx(rejects)
    assert found.expected_n == pytest.approx(design.n1 + (1 - stops) * (design.n - design.n1))


@pytest.mark.parametrize("p0, p1, alpha, beta", [(0.1, 0.4, 0.1, 0.2), (0.3, 0.6, 0.05, 0.2)])
def test_no_design_of_its_kind_expects_fewer(p0, p1, alpha, beta):
    """Every design of at most as many participants as the optimal one, one by one."""
    optimal, minimax = best_designs(p0, p1, alpha, beta)
    fewest, smallest = np.inf, np.inf
    for n in range(2, optimal.n + 1):
        for n1 in range(1, n):
            for r1 in range(n1):
                for r in range(r1, n):
                    at_p0 = characteristics(Design(r1, n1, r, n), p0)
                    if at_p0.rejects <= alpha:
                        if characteristics(Design(r1, n1, r, n), p1).rejects >= 1 - beta:
                            fewest, smallest = min(fewest, at_p0.expected_n), min(smallest, n)
                        break  # a larger r rejects less
    assert characteristics(optimal, p0).expected_n == pytest.approx(fewest)
    assert minimax.n == smallest


@given(designs(), st.floats(0.02, 0.98))
@settings(deadline=None, max_examples=60)
def test_the_unbiased_rate_is_unbiased(design, rate):
    expected = sum(chance * unbiased_rate(x, design) for x, chance in outcomes(design, rate))
    assert expected == pytest.approx(rate, abs=1e-9)


def test_the_naive_rate_is_too_low_on_average_and_the_unbiased_one_higher():
    naive = sum(chance * x / (SIMON.n1 if x <= SIMON.r1 else SIMON.n) for x, chance in outcomes(SIMON, 0.2))
    assert naive < 0.19
    assert unbiased_rate(6, SIMON) > 6 / 29
    assert unbiased_rate(1, SIMON) == 0.1


def test_the_p_value_at_the_boundary_is_the_size_of_the_design():
    assert stagewise_p(6, SIMON, 0.1) == pytest.approx(characteristics(SIMON, 0.1).rejects)
    assert stagewise_p(0, SIMON, 0.1) == 1


@given(designs(), st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=40)
def test_more_responders_are_more_extreme(design, rate):
    p = [stagewise_p(x, design, rate) for x in range(design.n + 1)]
    assert (np.diff(p) <= 1e-12).all()
    assert p[0] == pytest.approx(1)


@pytest.mark.parametrize(
    "numbers", [(-1, 10, 5, 29), (10, 10, 12, 29), (1, 10, 0, 29), (1, 10, 29, 29), (1, 29, 5, 29)]
)
def test_what_is_no_design_raises(numbers):
    with pytest.raises(ValueError):
        Design(*numbers)


@pytest.mark.parametrize(
    "call",
    [
        lambda: best_designs(0.3, 0.1, 0.05, 0.2),
        lambda: best_designs(0.1, 0.3, 0, 0.2),
        lambda: best_designs(0.1, 0.3, 0.05, 0.2, largest=10),
        lambda: characteristics(SIMON, 0),
        lambda: unbiased_rate(30, SIMON),
        lambda: unbiased_rate(-1, SIMON),
        lambda: stagewise_p(3, SIMON, 1),
    ],
)
def test_what_cannot_be_raises(call):
    with pytest.raises(ValueError):
        call()

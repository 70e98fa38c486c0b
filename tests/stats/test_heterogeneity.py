"""Heterogeneity and shrinkage against R's metafor, lme4 and JAGS, and against what they are by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, norm

from tests.references import references
from tracker.stats.heterogeneity import (
    beta_binomial,
    binomial_normal,
    der_simonian_laird,
    exnex,
    log_odds,
    pearson_test,
    restricted_likelihood,
    spread_limits,
)

X, N = [3, 11, 8, 7, 4], [28, 24, 30, 25, 22]
COUNTS = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=6
)


@pytest.mark.parametrize("case", references("meta.bcg.dl", "meta.bcg.reml"))
def test_random_effects_agree_with_metafor_on_the_bcg_trials(case):
    fit = restricted_likelihood if case["id"].endswith("reml") else der_simonian_laird
    found, expected = fit(case["input"]["yi"], case["input"]["vi"]), case["expected"]
    close = {"abs": case["tolerance"], "rel": 0}
    assert [found.estimate, found.se, found.tau2, 100 * found.i2] == pytest.approx(
        [expected[name] for name in ("estimate", "se", "tau2", "I2")], **close
    )
    if "Q" in expected:
        assert found.q == pytest.approx(expected["Q"], **close)
        assert [found.low, found.high] == pytest.approx(expected["ci"], **close)
        assert found.prediction == pytest.approx(tuple(expected["prediction"]), **close)


@pytest.mark.parametrize("case", references("meta.bcg.reml"))
def test_limits_of_the_spread_are_those_that_metafor_prints_for_the_bcg_trials(case):
    """Its documentation of confint.rma: tau² 0.1197 to 1.1115."""
    assert spread_limits(case["input"]["yi"], case["input"]["vi"]) == pytest.approx(
        (0.1197, 1.1115), abs=5e-5
    )
    assert spread_limits([0.1, 0.1], [1.0, 1.0])[0] == 0


@pytest.mark.parametrize("case", references("orr.locations.dl"))
def test_log_odds_of_locations_differ_as_metafor_says(case):
    x, n = case["input"]["responders"], case["input"]["treated"]
    found, expected = der_simonian_laird(*log_odds(x, n)), case["expected"]
    assert [
        found.estimate,
        found.tau2,
        found.q,
        found.q_p,
        100 * found.i2,
        *pearson_test(x, n),
    ] == pytest.approx(
        [expected[name] for name in ("pooled_logit", "tau2", "Q", "Q_p", "I2", "pearson_chi2", "pearson_p")],
        abs=case["tolerance"],
    )
    limits = 1 / (1 + np.exp([-found.low, -found.high]))
    assert limits == pytest.approx(np.array(expected["ci"]), abs=case["tolerance"])


@pytest.mark.parametrize("case", references("orr.locations.glmm"))
def test_the_binomial_normal_model_agrees_with_lme4(case):
    found, expected = binomial_normal(case["input"]["responders"], case["input"]["treated"]), case["expected"]
    close = {"abs": case["tolerance"], "rel": 0}
    assert [found.mu, found.tau, found.se, found.statistic, found.p] == pytest.approx(
        [expected[name] for name in ("mu", "tau", "se", "lrt_heterogeneity", "lrt_p")], **close
    )
    assert found.shrunk == pytest.approx(np.array(expected["shrunk"]), **close)


@pytest.mark.parametrize("case", references("eb.betabinomial"))
def test_empirical_bayes_agrees_with_r(case):
    found, expected = beta_binomial(case["input"]["responders"], case["input"]["treated"]), case["expected"]
    assert [found.alpha, found.beta, found.log_likelihood] == pytest.approx(
        [expected["alpha"], expected["beta"], expected["loglik"]], abs=case["tolerance"]
    )
    assert found.shrunk == pytest.approx(np.array(expected["shrunk"]), abs=case["tolerance"])


@pytest.mark.parametrize("case", references("exnex"))
def test_exnex_agrees_with_jags(case):
    given = case["input"]
    more = {}
    if given["mu_prior"]["mean"] != "logit(0.2)":
        more = {
            "mu_mean": given["mu_prior"]["mean"],
            "mu_sd": given["mu_prior"]["variance_inverse"] ** -0.5,
            "nex_mean": given["nex"]["mean"],
            "nex_sd": given["nex"]["precision"] ** -0.5,
        }
    found = exnex(given["responders"], given["treated"], **more)
    assert found.mean == pytest.approx(np.array(case["expected"]["mean"]), abs=case["tolerance"])
    assert found.sd == pytest.approx(np.array(case["expected"]["sd"]), abs=case["tolerance"])
    # What was published of the same is rounded simulation.
    if printed := case["expected"].get("printed_mean"):
        assert found.mean == pytest.approx(np.array(printed), abs=0.002)


def test_outside_the_exchange_exnex_is_each_group_by_itself():
    """With weight 0 the posterior is of one group alone: here by scipy's adaptive quadrature."""
    found = exnex([3, 160], [28, 588], weight=0)
    for place, (x, n) in enumerate([(3, 28), (160, 588)]):

        def density(theta, x=x, n=n):
            return binom.pmf(x, n, 1 / (1 + np.exp(-theta))) * norm.pdf(theta, np.log(0.25), 2.5)

        total = quad(density, -8, 4, limit=200)[0]
        first = quad(lambda theta, of=density: of(theta) / (1 + np.exp(-theta)), -8, 4, limit=200)[0]
        assert found.mean[place] == pytest.approx(first / total, abs=1e-5)


def test_exnex_of_large_groups_is_their_rate():
    found = exnex([4000, 16000, 90], [25000, 58800, 186])
    assert found.mean[:2] == pytest.approx([0.16, 16000 / 58800], abs=2e-4)
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


def test_rates_that_vary_no_more_than_by_chance_pool_completely():
    """Chugh 2009: the beta-binomial likelihood has no maximum."""
    found = beta_binomial([2, 0, 1, 6, 7, 3, 5, 1, 0, 3], [15, 13, 12, 28, 29, 29, 26, 5, 2, 20])
    assert found.alpha == np.inf
    assert found.shrunk == pytest.approx(np.full(10, 28 / 179))
    assert binomial_normal([5, 5, 5], [20, 20, 20])[2:5] == pytest.approx((0, 0, 1))


@settings(max_examples=10, deadline=None)
@given(COUNTS)
def test_a_shrunk_rate_lies_between_its_own_and_those_of_others(counts):
    x, n = np.transpose(counts)
    fit = der_simonian_laird(*log_odds(x, n))
    assert fit.tau2 >= 0
    assert 0 <= fit.i2 <= 1
    if 0 < x.sum() < n.sum():
        mixed = binomial_normal(x, n)
        assert mixed.statistic >= 0
        assert 0 <= mixed.p <= 1
        assert (mixed.shrunk >= (x / n).min() - 1e-6).all()
        assert (mixed.shrunk <= (x / n).max() + 1e-6).all()


@pytest.mark.parametrize("method", [pearson_test, binomial_normal, exnex, beta_binomial, log_odds])
def test_counts_that_are_none_are_refused(method):
    for x, n in ([(3, 1), (2, 0)], [(5,), (4,)], [(), ()], [(1.5,), (4,)]):
        with pytest.raises(ValueError):
            method(x, n)


def test_there_must_be_two_groups_and_two_outcomes():
    with pytest.raises(ValueError):
        der_simonian_laird([1.0], [0.1])
    with pytest.raises(ValueError):
        binomial_normal([0, 0], [10, 10])
    assert np.isnan(pearson_test([0, 0], [10, 10])).all()

"""Whether the rates of locations differ: each test by its name, and how far they lie apart."""

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.reports.base import Table
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_text, written
from tracker.reports.survival import shown_p
from tracker.stats.heterogeneity import (
    LEAST_FOR_I2,
    binomial_normal,
    der_simonian_laird,
    log_odds,
    pearson_test,
    restricted_likelihood,
    spread_limits,
)

METHOD = [
    _l(
        "Likelihood ratio: one rate for all locations against a rate for each, 2 Σ (log L(own) − log"
        " L(common)), k − 1 degrees of freedom; τ is that of the binomial–normal mixed model, log odds ~"
        " N(μ, τ), by adaptive Gauss–Hermite quadrature, nothing added to empty cells. Stijnen, Hamza and"
        " Özdemir, Stat Med 2010;29:3046-3067."
    ),
    _l(
        "Cochran's Q = Σ w (y − ȳ)², w = 1/variance of the log odds y, with τ² by DerSimonian and Laird,"
        " Control Clin Trials 1986;7:177-188, and by restricted maximum likelihood (REML), Viechtbauer, J"
        " Educ Behav Stat 2005;30:261-293; half a participant is added to both sides where nobody or"
        " everybody responds. I² is the share of τ² in all variance: Higgins and Thompson, Stat Med"
        " 2002;21:1539-1558. Limits of τ: Q profile, Viechtbauer, Stat Med 2007;26:37-52."
    ),
    _l("Pearson's chi-square of the k × 2 table, k − 1 degrees of freedom."),
]


_SHOWN_TESTS = {
    "test": shown_text("test", _l("Test")),
    "statistic": Shown(_l("Statistic"), lambda row: written(row["statistic"], "0.00")),
    "df": shown_count("df", _l("df")),
    "p": Shown(_l("p"), lambda row: shown_p(row["p"])),
    "tau": Shown(
        _l("τ"),
        lambda row: "—" if row["tau"] is None else written(row["tau"], "0.00"),
        detail=lambda row: (
            ""
            if row["tau_low"] is None
            else f"({written(row['tau_low'], '0.00')}–{written(row['tau_high'], '0.00')})"
        ),
    ),
    "i2": Shown(_l("I²"), lambda row: "—" if row["i2"] is None else percent(row["i2"], 0), fractions=("i2",)),
}


def heterogeneity(whole) -> Table:
    """Tests that all locations have one rate; those of fewer than five participants are in none."""
    columns = ["test", "statistic", "df", "p", "tau", "tau_low", "tau_high", "i2"]
    told = whole[whole["n"] >= FEW]
    x, n = told["responders"].to_numpy(float), told["n"].to_numpy(float)
    rows, notes = [], []
    if len(told) < 2:
        notes.append(_l("Too few: there are not two locations with five participants or more."))
    elif not 0 < x.sum() < n.sum():
        notes.append(_l("Nobody, or everybody, responded: the rates cannot differ."))
    else:
        rows, notes = (
            _tests(x, n),
            [_l("Locations in the tests: %(k)d, each with five participants or more.", k=len(told))],
        )
        if len(told) < LEAST_FOR_I2:
            notes.append(_l("I² says next to nothing of fewer than five locations, and is not given."))
    notes.append(
        _l(
            "p: how often rates would differ at least so much if all locations truly responded alike. τ:"
            " how far the log odds of locations lie apart; 0 is not at all, 1 is much."
        )
    )
    return Table(
        "heterogeneity",
        _l("Do the locations differ?"),
        pd.DataFrame(rows, columns=columns),
        _SHOWN_TESTS,
        notes,
        METHOD,
    )


def _tests(x, n) -> list:
    df, many = len(x) - 1, len(x) >= LEAST_FOR_I2
    mixed, estimates = binomial_normal(x, n), log_odds(x, n)
    moments, restricted = der_simonian_laird(*estimates), restricted_likelihood(*estimates)
    low, high = np.sqrt(spread_limits(*estimates))
    pearson = pearson_test(x, n)
    none = [np.nan] * 2
    return [
        [
            "likelihood ratio (binomial–normal GLMM)",
            mixed.statistic,
            df,
            mixed.p,
            mixed.tau if many else np.nan,
            *none,
            np.nan,
        ],
        [
            "Cochran's Q (DerSimonian–Laird)",
            moments.q,
            df,
            moments.q_p,
            moments.tau2**0.5,
            low,
            high,
            moments.i2 if many else np.nan,
        ],
        [
            "Cochran's Q (REML)",
            restricted.q,
            df,
            restricted.q_p,
            restricted.tau2**0.5,
            low,
            high,
            restricted.i2 if many else np.nan,
        ],
        ["Pearson chi-square", pearson[0], df, pearson[1], np.nan, *none, np.nan],
    ]


def p_sentence(p):
    if p is None:
        return _("Too few to test.")
    if p < 0.05:
        return _("The locations differ more than chance alone explains.")
    return _("Differences of this size can be chance.")

"""Effects of treatment within each status of a marker, of the marker within each arm, and how they differ."""

import numpy as np
import pandas as pd

from tracker.reports.survival import TESTED
from tracker.stats.association import odds_ratio
from tracker.stats.firth import firth_logistic
from tracker.stats.interaction import cox_interaction, gail_simon, logistic_interaction
from tracker.stats.logistic import logistic
from tracker.stats.survival import cox
from tracker.terms.biomarker import MarkerStatus

#: The order of rows, and of the cells of each arm.
STATUSES = [MarkerStatus.POSITIVE, MarkerStatus.NEGATIVE]

_NONE = (np.nan,) * 5


def effects_by_status(cells, known, is_survival, reason) -> pd.DataFrame:
    rows = []
    for place, status in enumerate(STATUSES):
        treated, comparator = cells[place], cells[place + 2]
        part = known[known["marker"] == status.value]
        is_compared = reason is None and min(treated.n, comparator.n) >= TESTED
        effect = _effect(treated, comparator, part, "is_treated", is_survival) if is_compared else _NONE
        measure = "HR" if is_survival else "OR"
        rows.append([status.value, *treated, *comparator, measure, *effect])
    columns = ["status", "n_treated", "events_treated", "n_comparator", "events_comparator", "measure"]
    return pd.DataFrame(rows, columns=[*columns, "effect", "low", "high", "p", "log_se"])


def _effect(first, second, part, name, is_survival) -> tuple:
    """Ratio of first over second with limits, p by likelihood ratio, and the standard error of its logarithm."""
    if is_survival:
        fit = cox(part["months"], part["event"], part[name])
        return (
            (fit.hr, fit.low, fit.high, fit.p_lrt, fit.se)
            if fit.problem is None
            else (*_NONE[:3], fit.p_lrt, np.nan)
        )
    found = odds_ratio(first.events, first.n, second.events, second.n)
    if np.isnan(found.ratio):
        fit = firth_logistic([1, 0], [first.events, second.events], [first.n, second.n])
        low, ratio, high = np.exp([fit.low, fit.coef[-1], fit.high])
        return ratio, low, high, fit.p_lrt, (fit.high - fit.low) / (2 * 1.96)
    return found.ratio, found.low, found.high, found.p_lrt, np.log(found.high / found.low) / (2 * 1.96)


def main_effects(cells, known, is_survival, enough) -> pd.DataFrame:
    """The marker within each arm, and treatment with the marker held: effect_of, within, n, effect, low, high, p."""
    rows = []
    marked = known.assign(is_positive=known["marker"] == MarkerStatus.POSITIVE.value)
    for place, (within, is_treated) in enumerate((("treated", True), ("comparator", False))):
        positive, negative = cells[2 * place : 2 * place + 2]
        part = marked[marked["is_treated"] == is_treated]
        is_compared = min(positive.n, negative.n) >= TESTED
        effect = _effect(positive, negative, part, "is_positive", is_survival) if is_compared else _NONE
        rows.append(["marker", within, len(part), *effect[:4]])
    estimate = _adjusted(marked, is_survival) if enough else _NONE[:4]
    rows.append(["treatment", "all", len(marked), *estimate])
    return pd.DataFrame(rows, columns=["effect_of", "within", "n", "effect", "low", "high", "p"])


def _adjusted(marked, is_survival) -> tuple:
    """The effect of treatment with the marker held, p by Wald."""
    both = marked[["is_treated", "is_positive"]].to_numpy(float)
    if is_survival:
        fit = cox(marked["months"], marked["event"], both)
        return tuple(one[0] for one in (fit.hr, fit.low, fit.high, fit.p_wald))
    fit = logistic(both, marked["event"].to_numpy())
    margin = 1.959964 * fit.se[1]
    return (*np.exp([fit.coef[1], fit.coef[1] - margin, fit.coef[1] + margin]), fit.p_wald[1])


def interaction_by_status(cells, known, is_survival):
    if is_survival:
        positive = known["marker"] == MarkerStatus.POSITIVE.value
        return cox_interaction(known["months"], known["event"], known["is_treated"], positive)
    n, events = zip(*cells)
    return logistic_interaction([1, 1, 0, 0], [1, 0, 1, 0], events, n)


def qualitative_p(by_status) -> float:
    effects, se = np.log(by_status["effect"].astype(float)), by_status["log_se"].astype(float)
    if not (np.isfinite(effects) & (se > 0)).all():
        return np.nan
    return gail_simon(effects, se)[1]

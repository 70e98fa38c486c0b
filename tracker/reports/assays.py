"""Whether assays of one biomarker agree in the participants that were measured by both."""

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.reports.base import Table, shown_value
from tracker.reports.columns import Shown, shown_count, shown_text, written
from tracker.reports.survival import TESTED
from tracker.stats.agreement import bland_altman, cohen_kappa, passing_bablok
from tracker.terms.biomarker import MarkerStatus, Scale

COLUMNS = ["assay", "n", "both_positive", "first_only", "second_only", "both_negative"]
COLUMNS += ["kappa", "kappa_low", "kappa_high", "slope", "slope_low", "slope_high"]
COLUMNS += ["intercept", "intercept_low", "intercept_high", "bias", "lower", "upper", "may_be_pooled"]

#: Participants of whom a line is drawn through every pair: of more it would take too long.
MOST_PAIRS = 2_000


def agreement_table(measured, status, chosen, marked, others) -> Table:
    """A row for each other assay. measured: who has a value; status: by the chosen cutoff of the marker."""
    rows = [_row(measured, status, chosen, marked, other) for other in others]
    return Table(
        "agreement",
        _l("Agreement with other assays of the same biomarker"),
        pd.DataFrame(rows, columns=COLUMNS),
        shown=_SHOWN,
        notes=[
            _l(
                "n: participants with a value by both. Kappa: of the status by each assay's own cutoff, unweighted,"
                " limits by Wald. Line: Passing and Bablok, the other assay over this one. Bias: this one less the"
                " other, with Bland and Altman's limits of agreement; both only where the units are the same. Fewer"
                " than 10 participants are too few."
            ),
            _l(
                "Values of assays are pooled only within one pool group: assays of the same biomarker can disagree on"
                " the same tumors, as PD-L1 by SP142 and by 22C3 do, so that one cutoff would mean two things."
            ),
        ],
    )


def _row(measured, status, chosen, marked, other):
    both = measured[measured[other.column].notna()]
    first, second = status[both.index], both[f"{other.column}_status"]
    positive = MarkerStatus.POSITIVE.value
    known = (first != MarkerStatus.MISSING.value) & (second != MarkerStatus.MISSING.value)
    table = pd.crosstab(first[known] == positive, second[known] == positive)
    table = table.reindex(index=[True, False], columns=[True, False], fill_value=0).to_numpy()
    counts = table.ravel().tolist() if chosen is not None and other.cutoff is not None else [np.nan] * 4
    kappa = (np.nan,) * 3
    if (
        not np.isnan(counts[0])
        and table.sum() >= TESTED
        and min(table.sum(axis=0))
        and min(table.sum(axis=1))
    ):
        found = cohen_kappa(table)
        kappa = found.kappa, found.low, found.high
    return [other.name, len(both), *counts, *kappa, *_as_numbers(both, marked, other), other.may_be_pooled]


def _as_numbers(both, marked, other):
    """The line and the bias, where both are numbers in the same unit and there are enough."""
    none = [np.nan] * 9
    is_same = marked.unit == other.unit and marked.scale is other.scale is Scale.CONTINUOUS
    if not is_same or not TESTED <= len(both) <= MOST_PAIRS:
        return none
    first, second = both["marker_value"].to_numpy(float), both[other.column].to_numpy(float)
    gap = bland_altman(first, second)
    try:
        line = passing_bablok(first, second)
    except ValueError:
        return [*none[:6], gap.bias, gap.lower, gap.upper]
    return [*line, gap.bias, gap.lower, gap.upper]


def _with_limits(name, label, low, high, written):
    def text(row):
        return "—" if row[name] is None else written(row[name])

    def detail(row):
        return "" if row[name] is None else f"({written(row[low])}–{written(row[high])})"

    return Shown(label, text, detail=detail)


def _two(value):
    return written(value, "0.00")


def _counts(row):
    if row["both_positive"] is None:
        return "—"
    return " · ".join(
        str(int(row[name])) for name in ("both_positive", "first_only", "second_only", "both_negative")
    )


_SHOWN = {
    "assay": shown_text("assay", _l("Other assay")),
    "n": shown_count("n", _l("n")),
    "both_positive": Shown(_l("+/+ · +/− · −/+ · −/−"), _counts),
    "kappa": _with_limits("kappa", _l("Kappa (95% CI)"), "kappa_low", "kappa_high", _two),
    "slope": _with_limits("slope", _l("Slope (95% CI)"), "slope_low", "slope_high", _two),
    "intercept": _with_limits(
        "intercept", _l("Intercept (95% CI)"), "intercept_low", "intercept_high", shown_value
    ),
    "bias": _with_limits("bias", _l("Bias (limits of agreement)"), "lower", "upper", shown_value),
    "may_be_pooled": Shown(
        _l("One pool group"), lambda row: _("yes") if row["may_be_pooled"] else _("no"), is_number=False
    ),
}

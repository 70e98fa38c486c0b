"""Survival: Kaplan-Meier of progression-free or overall survival by group, landmarks, and hazard ratios."""

import functools

import numpy as np
import pandas as pd
import wtforms
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.km import MOST, KMGroup, km
from tracker.forms.report import (
    GROUPINGS,
    ChoiceField,
    GroupingField,
    LandmarkForm,
    one_of,
    value_label,
    value_order,
)
from tracker.reads.outcome import outcomes_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_group, written
from tracker.stats.survival import cox, kaplan_meier, logrank, median_survival, survival_at
from tracker.terms.trial import ArmType
from tracker.values import Refusal, read_number

#: Of fewer participants in a group nothing is tested, and no ratio is estimated.
TESTED = 10

#: With fewer events in a comparison its ratio is imprecise, and is said to be.
PRECISE = 10

#: Kinds of arm with which others are compared, in this order.
COMPARATORS = [ArmType.ACTIVE_COMPARATOR, ArmType.PLACEBO, ArmType.NO_TREATMENT]

#: Columns of a time to an event.
_TIME = ["months", "event"]

#: Best responses whose duration is counted.
RESPONSES = ["CR", "PR"]

#: How derived times are counted, by endpoint and censoring.
_RULES = {
    ("pfs", "fda"): _l(
        "From randomisation or the first dose to progression (RECIST 1.1) or death; by FDA's rules an event after a new"
        " anticancer therapy, or after two or more missed assessments, is censored at the last adequate assessment."
    ),
    ("pfs", "treatment-policy"): _l(
        "From randomisation or the first dose to progression (RECIST 1.1) or death, whatever therapy came between and"
        " however many assessments were missed."
    ),
    ("os", "fda"): _l("From randomisation or the first dose to death; else censored at the last contact."),
    ("dor", "fda"): _l(
        "Of responders (confirmed, but in randomised trials unconfirmed too), from the first CR or PR to progression or"
        " death, censored as progression-free survival. Arms cannot be compared as if they were randomised."
    ),
}

LANDMARKS = [6.0, 12.0, 24.0]
MOST_LANDMARKS = 12


class LandmarksField(wtforms.Field):
    """Months: `landmarks=6,12`, or repeated."""

    kind = "text"

    def process_formdata(self, valuelist):
        written = [text for one in valuelist for text in one.split(",") if text.strip()]
        try:
            months = sorted({read_number(text, minimum=0, maximum=1200) for text in written})
        except Refusal as refusal:
            raise ValueError(refusal.message) from None
        if len(months) > MOST_LANDMARKS:
            raise ValueError(_("name at most %(n)d months.", n=MOST_LANDMARKS))
        self.data = months or self.data

    def words(self):
        return ", ".join(f"{month:g}" for month in self.data)


class ReferenceField(wtforms.Field):
    """A group with which the others are compared, as the table writes it."""

    kind = "text"

    def process_formdata(self, valuelist):
        self.data = next((text for text in valuelist if text), None)

    def words(self):
        return self.data or _("chosen by rule")


class SurvivalForm(LandmarkForm):
    by = GroupingField(_l("Groups"), GROUPINGS)
    endpoint = ChoiceField(
        _l("Endpoint"),
        {
            "pfs": _l("Progression-free survival"),
            "os": _l("Overall survival"),
            "dor": _l("Duration of response"),
        },
        default="pfs",
    )
    censoring = ChoiceField(
        _l("Censoring of PFS"),
        {"fda": _l("FDA's rules"), "treatment-policy": _l("Treatment policy")},
        default="fda",
    )
    landmarks = LandmarksField(_l("Landmarks (months)"), default=LANDMARKS, description="6,12,24")
    reference = ReferenceField(_l("Reference group"), description=_l("chosen by rule"))

    @property
    def counted(self):
        """A response has no landmark: its duration begins with itself."""
        if self.endpoint.data == "pfs" and self.censoring.data == "treatment-policy":
            return "pfs_policy"
        return None if self.endpoint.data == "dor" else self.endpoint.data


@report(
    "survival",
    title=_l("Survival"),
    about=_l("How long until progression or death: curves, medians, landmarks and hazard ratios by group."),
    form=SurvivalForm,
    reads=[outcomes_frame],
)
def build(participants, by=(), endpoint="pfs", censoring="fda", landmarks=LANDMARKS, reference=None):
    """Kaplan-Meier by group; n: participants with a time and whether it ended in an event.

    Duration of response is of responders only. censoring: of derived progression-free survival.
    """
    by = list(by)
    if endpoint == "dor":
        participants = participants[participants["best_response"].isin(RESPONSES)]
    known = _known(participants, endpoint, censoring)
    groups = _groups(known[[*by, *_TIME]], by)
    reference = _reference(groups, known, by, reference)
    names = by or ["group"]
    tables = [
        _medians(groups, names, _notes(participants, known, endpoint, censoring)),
        _landmarks(groups, names, landmarks),
        _comparison(_compared(groups, by), reference, _words(groups, names)),
    ]
    title = SurvivalForm.endpoint.args[1][endpoint]
    return Result(
        tables=tables, figures=[_figure(groups, names, title)], sentence=_sentence(groups, by, endpoint)
    )


def _known(participants, endpoint, censoring) -> pd.DataFrame:
    """Those whose time is known: a column `months`, and `event`."""
    name = "pfs_policy" if endpoint == "pfs" and censoring == "treatment-policy" else endpoint
    months, event = participants[f"{name}_months"], participants[f"{name}_event"]
    known = months.notna() & event.notna()
    return participants[known].assign(months=months[known], event=event[known].astype(bool))


def _notes(participants, known, endpoint, censoring) -> list:
    """Whose times these are, how they were derived, and who is left out."""
    notes = [
        _l("n: participants with a time and whether it ended in an event."),
        _l("Kaplan-Meier; limits: log-log, 95 %."),
    ]
    source = known["source" if endpoint == "dor" else f"{endpoint}_source"]
    numbers = {name: int((source == name).sum()) for name in ("derived", "reported")}
    if numbers["derived"]:
        notes.append(_RULES[endpoint, censoring if endpoint == "pfs" else "fda"])
    if any(numbers.values()):
        notes.append(_l("Times derived: %(derived)d; as reported: %(reported)d.", **numbers))
    if unknown := len(participants) - len(known):
        notes.append(_l("Participants whose time is not known, and who are left out: %(n)d.", n=unknown))
    return notes


def _groups(known, by) -> list[tuple[tuple, pd.DataFrame]]:
    """(values of the groupings, participants) of each group, in the order of the values."""
    if not by:
        return [(("all",), known)]
    parts = [
        (tuple(None if pd.isna(value) else value for value in values), part)
        for values, part in known.groupby(by, dropna=False, sort=False)
    ]
    orders = [value_order(name) for name in by]

    def place(group):
        return [
            (value is None, () if value is None else order(value)) for value, order in zip(group[0], orders)
        ]

    return sorted(parts, key=place)


def group_name(values) -> str:
    """A group as `comparison` writes it and `reference` names it."""
    return " / ".join(values)


def _words(groups, names) -> dict[str, LazyString]:
    """For each group as `comparison` writes it, the same in the reader's words."""
    return {
        group_name(values): LazyString(_label, names, values)
        for values, _part in groups
        if None not in values
    }


def _label(names, values) -> str:
    return " · ".join(value_label(name, value) for name, value in zip(names, values))


def _compared(groups, by) -> dict[str, pd.DataFrame]:
    """The groups that can be compared: not those of whom a grouping is not stated or missing."""
    unknown = {None, "missing"} if "marker" in by else {None}
    return {group_name(values): part for values, part in groups if not unknown & set(values)}


def _reference(groups, known, by, named) -> str | None:
    """The group with which the others are compared.

    The one that is named; else `negative` for a marker, else the arm of a comparator, else the largest. Raises
    Refusal for a name that no group has.
    """
    compared = _compared(groups, by) if by else {}
    if named is not None and named not in compared:
        raise Refusal(_("reference: %(choose)s", choose=one_of(compared)), "reference")
    if named is not None or len(compared) < 2:
        return named
    if by == ["marker"] and "negative" in compared:
        return "negative"
    if by == ["arm"]:
        for kind in COMPARATORS:
            for arm in sorted(known.loc[known["arm_type"] == kind.value, "arm"].unique()):
                if arm in compared:
                    return arm
    return max(compared, key=lambda name: (len(compared[name]), name))


def _medians(groups, names, notes) -> Table:
    rows = []
    for values, part in groups:
        median = median_survival(part["months"], part["event"]) if len(part) else (np.nan,) * 3
        rows.append([*values, len(part), int(part["event"].sum()), *median])
    frame = pd.DataFrame(rows, columns=[*names, "n", "events", "median", "median_low", "median_high"])
    return Table(
        "median",
        _l("Median survival (months)"),
        frame,
        shown={name: shown_group(name) for name in names}
        | {
            "n": shown_count("n", _l("n")),
            "events": shown_count("events", _l("Events")),
            "median": Shown(
                _l("Median (95% CI)"), _shown_median, _l("NR: not reached; NE: not estimable"), _shown_limits
            ),
        },
        notes=notes,
    )


def _landmarks(groups, names, landmarks) -> Table:
    rows = []
    for values, part in groups:
        if not len(part):
            continue
        at = survival_at(part["months"], part["event"], landmarks)
        rows += [
            [*values, one.time, one.at_risk, one.survival, one.low, one.high]
            for one in at.itertuples(index=False)
        ]
    frame = pd.DataFrame(rows, columns=[*names, "month", "at_risk", "survival", "low", "high"])
    return Table(
        "landmark",
        _l("Survival at landmarks"),
        frame,
        shown={name: shown_group(name) for name in names}
        | {
            "month": Shown(_l("Month"), lambda row: written(row["month"], "0.##")),
            "at_risk": shown_count("at_risk", _l("At risk")),
            "survival": Shown(
                _l("Survival (95% CI)"),
                _shown_survival,
                detail=_shown_survival_limits,
                fractions=("survival", "low", "high"),
            ),
        },
        notes=[_l("Nothing is estimated beyond the last follow-up of a group.")],
    )


def _comparison(compared, reference, words) -> Table:
    """Each group against the reference. words: the groups as pages and notes name them."""
    columns = ["group", "reference", "hr", "hr_low", "hr_high", "p_wald", "logrank_chi2", "logrank_p"]
    method = _l("Hazard ratio of the group over the reference: Cox, ties by Efron; p by Wald; log-rank test.")
    rows, notes = [], [method]
    if reference is not None:
        base = compared.pop(reference)
        rows = [
            [name, reference, *_compare(part, base, notes, words[name])] for name, part in compared.items()
        ]
        parts = [base, *compared.values()]
        test = _logrank(*_together(parts), np.repeat(np.arange(len(parts)), list(map(len, parts))))
        rows.append(["overall", None, *[np.nan] * 4, *test])
    return Table(
        "comparison",
        _l("Comparison"),
        pd.DataFrame(rows, columns=columns),
        shown={
            "group": Shown(_l("Group"), lambda row: _shown_compared(row, words), is_number=False),
            "reference": Shown(
                _l("Reference"), lambda row: str(words.get(row["reference"], "—")), is_number=False
            ),
            "hr": Shown(_l("HR (95% CI)"), _shown_hr, detail=_shown_hr_limits),
            "p_wald": Shown(_l("p (Wald)"), lambda row: shown_p(row["p_wald"])),
            "logrank_p": Shown(_l("p (log-rank)"), lambda row: shown_p(row["logrank_p"])),
        },
        notes=notes,
    )


def _compare(part, base, notes, name) -> tuple:
    """hr, its limits, p by Wald, and the log-rank of two groups; missing where they are too few."""
    if min(len(part), len(base)) < TESTED:
        notes.append(_l("%(group)s: too few to compare (fewer than 10 in a group).", group=name))
        return (np.nan,) * 6
    months, event = _together([part, base])
    is_group = np.arange(len(months)) < len(part)
    fit = cox(months, event, is_group)
    if fit.problem:
        notes.append(_l("%(group)s: no hazard ratio (%(why)s).", group=name, why=str(fit.problem)))
    elif event.sum() < PRECISE:
        notes.append(_l("%(group)s: imprecise, fewer than 10 events.", group=name))
    estimate = (np.nan,) * 4 if fit.problem else (fit.hr, fit.low, fit.high, fit.p_wald)
    return (*estimate, *_logrank(months, event, is_group))


def _together(parts) -> tuple[np.ndarray, np.ndarray]:
    """The months and the events of several groups, one after the other."""
    return tuple(np.concatenate([part[name] for part in parts]) for name in _TIME)


def _logrank(months, event, group) -> tuple[float, float]:
    if not event.any():
        return np.nan, np.nan
    test = logrank(months, event, group)
    return test.chi2, test.p


def _figure(groups, names, title) -> Figure:
    """Curves of the largest groups; of fewer than five participants there is none."""
    drawn = [(values, part) for values, part in groups if len(part) >= FEW]
    largest = sorted(drawn, key=lambda group: -len(group[1]))[:MOST]
    drawn = [group for group in drawn if any(group[1] is other[1] for other in largest)]
    points = [
        kaplan_meier(part["months"], part["event"]).assign(**dict(zip(names, values)))
        for values, part in drawn
    ]
    empty = pd.DataFrame(columns=[*names, "time", "at_risk", "events", "survival", "low", "high"])
    data = pd.concat(points, ignore_index=True)[list(empty.columns)] if points else empty
    curves = [(_label(names, values), part) for values, part in drawn]
    return Figure("km", title, data, functools.partial(_draw, curves=curves))


def _draw(_data, *, curves, title, **layout):
    groups = [KMGroup(label, part["months"].to_numpy(), part["event"].to_numpy()) for label, part in curves]
    return km(groups, title=title, estimate_label=title, percent=percent, **layout)


def _sentence(groups, by, endpoint) -> str:
    if by or not len(groups[0][1]):
        return ""
    part = groups[0][1]
    median = median_survival(part["months"], part["event"]).time
    if np.isnan(median):
        return _("More than half of %(n)s participants had no event while they were followed.", n=len(part))
    within = written(median, "0.0")
    return _("Half of %(n)s participants had the event within %(median)s months.", n=len(part), median=within)


def shown_p(p) -> str:
    """A p value as journals print it."""
    if p is None:
        return "—"
    return _("< 0.001") if p < 0.001 else written(p, "0.000")


def _shown_median(row):
    if not row["n"]:
        return "—"
    return _("NR") if row["median"] is None else written(row["median"], "0.0")


def _shown_limits(row):
    return f"({_limit(row['median_low'])}–{_limit(row['median_high'])})" if row["n"] else ""


def _limit(value):
    return _("NE") if value is None else written(value, "0.0")


def _shown_survival(row):
    return "—" if row["survival"] is None else percent(row["survival"])


def _shown_survival_limits(row):
    if row["low"] is None or row["high"] is None:
        return ""
    low, high = (written(100 * row[end], "0.0") for end in ("low", "high"))
    return f"({low}–{high})"


def _shown_compared(row, words):
    return _("All groups") if row["group"] == "overall" else str(words[row["group"]])


def _shown_hr(row):
    return "—" if row["hr"] is None else written(row["hr"], "0.00")


def _shown_hr_limits(row):
    if row["hr"] is None:
        return ""
    low, high = (written(row[f"hr_{end}"], "0.00") for end in ("low", "high"))
    return f"({low}–{high})"

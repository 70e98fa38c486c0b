"""Accrual: who is enrolled against what is planned, by trial, arm, cohort and month."""

import functools
from typing import NamedTuple

import pandas as pd
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.accrual import Panel, accrual
from tracker.forms.report import GroupingField, ReportForm, value_label
from tracker.reads.participant import participants_frame
from tracker.reads.trial import plans_frame
from tracker.reports.base import Figure, Result, Table, empty_figure, in_order, report
from tracker.reports.columns import shown_count, shown_fraction, shown_group, shown_text

#: Filters that a plan can be told of; of other parts of the participants nothing is planned.
PLANNED_BY = ["trial", "arm", "cohort"]

#: Groups that the figure has room for.
DRAWN = 12


class AccrualForm(ReportForm):
    by = GroupingField(_l("Months by"), PLANNED_BY)

    @property
    def groups(self):
        """No rate is told, so that settings need not be kept apart."""
        return ["trial"]

    @property
    def arguments(self):
        narrowed = [field for field in self.filters if field.data and field.name not in PLANNED_BY]
        return self.own | {"are_all": not narrowed, "until": self.as_of.data}


@report(
    "accrual",
    title=_l("Accrual"),
    about=_l("How many are enrolled, against what is planned: by trial, arm and cohort, and month by month."),
    form=AccrualForm,
    reads=[participants_frame, plans_frame],
)
def build(participants, plans, by=(), are_all=True, until=None):
    """Participants on record against plans, and by month of enrolment, or where that is not known of the first dose.

    are_all: whether the participants are all of their trials, arms and cohorts; nothing is planned of some of them.
    until: up to which day the months of a trial go that takes participants.
    """
    by = list(by)
    if not are_all:
        plans = plans.assign(planned=pd.Series(pd.NA, plans.index, "Int64"))
    came = participants["enrolled_on"].fillna(participants["first_dose_on"])
    month = came.where(~participants["undated"]).dt.to_period("M")
    names = by or ["group"]
    groups = _groups(participants.assign(month=month), plans, by, pd.Period(until, "M"))
    months = _months(groups, names)
    planned = _planned(plans, [])
    total = _compared(pd.DataFrame({"planned": pd.array([planned], "Int64"), "actual": [len(participants)]}))
    shown = _shown()
    return Result(
        tables=[
            _plans(participants, plans, are_all, shown),
            _by_month(months.drop(columns="planned"), names, int(month.isna().sum())),
        ],
        figures=[_figure(groups, months, names) if groups else empty_figure("accrual")],
        headline=Table("total", _l("All groups together"), total, shown),
        sentence=LazyString(_sentence, len(participants), planned),
    )


def _shown():
    return {
        "actual": shown_count("actual", _l("Enrolled")),
        "planned": shown_count("planned", _l("Planned")),
        "share": shown_fraction("share", _l("Share of plan")),
    }


def _compared(rows) -> pd.DataFrame:
    share = rows["actual"] / rows["planned"].astype("Float64")
    return rows.assign(share=share.astype("float64"))


def _plans(participants, plans, are_all, shown) -> Table:
    """A row each trial, arm and cohort, with those of it who are on record."""
    actual = []
    by_trial = dict(iter(participants.groupby("trial")))
    for plan in plans.itertuples(index=False):
        of_trial = by_trial.get(plan.trial, participants[:0])
        if not pd.isna(plan.arm):
            of_trial = of_trial[of_trial["arm"] == plan.arm]
        elif not pd.isna(plan.cohort):
            of_trial = of_trial[of_trial["cohort"] == plan.cohort]
        actual.append(len(of_trial))
    rows = plans[["trial", "arm", "cohort", "planned"]].assign(actual=pd.array(actual, "Int64"))
    order = rows.assign(part=rows["arm"].notna() + 2 * rows["cohort"].notna())
    rows = rows.loc[order.sort_values(["trial", "part", "arm", "cohort"]).index].reset_index(drop=True)
    notes = [_l("Enrolled: participants on record. Planned: as the trial, arm or cohort says.")]
    if not are_all:
        notes.append(_l("Some of the participants are left out, so nothing is compared with the plan."))
    return Table(
        "accrual",
        _l("Enrolled and planned"),
        _compared(rows)[["trial", "arm", "cohort", "planned", "actual", "share"]],
        shown={
            "trial": shown_group("trial"),
            "arm": shown_text("arm", _l("Arm")),
            "cohort": shown_text("cohort", _l("Cohort")),
            **shown,
        },
        notes=notes,
    )


class _Group(NamedTuple):
    """values: of the groupings. months: enrolled by month, from the first to the last. n: with those in no month."""

    values: tuple
    months: pd.Series
    n: int
    planned: int | None


def _groups(participants, plans, by, until) -> list[_Group]:
    """The groups in which somebody's month is known, in the order of their values."""
    enrolling = set(plans.loc[plans["enrols"], "trial"])
    found = []
    for values, part in _parts(participants, by).items():
        known = part["month"].dropna()
        if len(known):
            last = max(known.max(), until) if enrolling & set(part["trial"]) else known.max()
            months = pd.period_range(known.min(), last, freq="M")
            enrolled = known.value_counts().reindex(months, fill_value=0)
            found.append(_Group(values, enrolled, len(part), _planned(plans, list(zip(by, values)))))
    return found


def _parts(participants, by) -> dict[tuple, pd.DataFrame]:
    """The participants of each group, by its values, of which one that is not stated is None."""
    if not by:
        return {("all",): participants}
    order = in_order(participants[by].drop_duplicates(), by)
    parts = {_key(values): part for values, part in participants.groupby(by, dropna=False, sort=False)}
    return {key: parts[key] for key in map(_key, order.itertuples(index=False, name=None))}


def _key(values):
    return tuple(None if pd.isna(value) else value for value in values)


def _planned(plans, chosen) -> int | None:
    """What is planned of a group in all; None where any of its plans is not stated, or none is of such a group.

    chosen: (grouping, value) pairs.
    """
    names = [name for name, _value in chosen]
    if {"arm", "cohort"} <= set(names):
        return None
    of_arm, of_cohort = plans["arm"].notna(), plans["cohort"].notna()
    rows = plans[(of_arm == ("arm" in names)) & (of_cohort == ("cohort" in names))]
    for name, value in chosen:
        rows = rows[rows[name] == value]
    return int(rows["planned"].sum()) if len(rows) and rows["planned"].notna().all() else None


def _months(groups, names) -> pd.DataFrame:
    """Every month of each group, from its first enrolment on: enrolled then, and cumulative; and the group's plan."""
    parts = []
    for group in groups:
        months = pd.DataFrame(
            {"month": group.months.index.strftime("%Y-%m"), "enrolled": group.months.to_numpy()}
        )
        months["cumulative"] = months["enrolled"].cumsum()
        months["planned"] = pd.Series(group.planned, months.index, "Int64")
        parts.append(months.assign(**dict(zip(names, group.values))))
    columns = [*names, "month", "enrolled", "cumulative", "planned"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _by_month(months, names, unknown) -> Table:
    notes = [_l("Month of enrolment, or where that is not known of the first dose.")]
    if unknown:
        notes.append(
            _l("Participants without a calendar date, who are in no month: %(n)d.", n=unknown),
        )
    return Table(
        "by_month",
        _l("Enrolled by month"),
        months,
        shown={name: shown_group(name) for name in names}
        | {
            "month": shown_text("month", _l("Month")),
            "enrolled": shown_count("enrolled", _l("Enrolled")),
            "cumulative": shown_count("cumulative", _l("Cumulative")),
        },
        notes=notes,
    )


def _figure(groups, months, names) -> Figure:
    """A panel for each of the largest groups: enrolled so far, month by month, and the plan."""
    largest = sorted(groups, key=lambda group: -group.n)[:DRAWN]
    panels = [
        Panel(
            label=" · ".join(value_label(name, value) for name, value in zip(names, group.values)),
            months=list(zip(group.months.index.strftime("%Y-%m"), group.months.tolist())),
            planned=group.planned,
            undated=group.n - int(group.months.sum()),
        )
        for group in groups
        if any(group is other for other in largest)
    ]
    return Figure(
        "accrual", _l("Enrolled so far, and planned"), months, functools.partial(_draw, panels=panels)
    )


def _draw(_data, *, panels, title, **layout):
    return accrual(panels, title=title, **layout)


def _sentence(actual, planned) -> str:
    if not planned:
        return ngettext("%(num)s participant is enrolled.", "%(num)s participants are enrolled.", actual)
    return _("%(actual)s of %(planned)s planned participants are enrolled.", actual=actual, planned=planned)

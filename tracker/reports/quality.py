"""Quality: queries, missing data, what is overdue, and what the checks find in what is stored."""

import pandas as pd
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.shares import ShareRow, shares
from tracker.forms.report import GroupingField, ReportForm
from tracker.reads.checks import faults_frame, records_frame
from tracker.reads.oversight import queries_frame, title_of
from tracker.reads.quality import MISSING, quality_frame, unreported_frame
from tracker.reports.base import Figure, Result, Table, empty_figure, in_order, report
from tracker.reports.columns import (
    Shown,
    percent,
    shown_count,
    shown_fraction,
    shown_group,
    shown_text,
    term_label,
)
from tracker.rules.checks import Weight, checks_of
from tracker.terms.oversight import Item, Overdue, QueryState

#: What participants, and the records about them, can be grouped by.
GROUPED_BY = ["trial", "arm", "cohort", "tumor_location"]

#: A check's weight in words: what a form does about it.
_WEIGHTS = {
    Weight.REFUSE: _l("refused in forms"),
    Weight.REASON: _l("asks a reason"),
    Weight.CONFIRM: _l("asks to confirm"),
    Weight.QUERY: _l("opens a query"),
}


class QualityForm(ReportForm):
    by = GroupingField(_l("Group by"), GROUPED_BY)

    @property
    def groups(self):
        """No outcome is told, so that settings need not be kept apart."""
        return ["trial"]

    @property
    def arguments(self):
        narrowed = [field for field in self.filters if field.data and field.name != "trial"]
        return self.own | {"are_all": not narrowed}


@report(
    "quality",
    title=_l("Quality"),
    about=_l(
        "Open queries, missing data, overdue assessments and reports, and what the checks find in what is stored."
    ),
    form=QualityForm,
    reads=[quality_frame, queries_frame, unreported_frame, faults_frame, records_frame],
)
def build(participants, queries, events, faults, records, by=(), are_all=True):
    """are_all: whether the participants are all of their trials; queries about nobody are told only then."""
    by = list(by)
    names = by or ["group"]
    people = participants if by else participants.assign(group="all")
    keys = people[["participant_id", *names]]
    about = _with_groups(queries, keys, names, are_all)
    found = {
        "queries": _by_record_type(about, names),
        "missing": _missing(people, names),
        "overdue": _overdue(people, events.merge(keys, on="participant_id"), names),
        "checks": _checks(
            faults.merge(keys, on="participant_id"), records.merge(keys, on="participant_id"), names
        ),
    }
    late = _late(participants, events)
    return Result(
        tables=[
            _queries_table(found["queries"], names),
            _missing_table(found["missing"], names),
            _overdue_table(found["overdue"], names),
            _late_table(late),
            _checks_table(found["checks"], names, int(records["records"].sum())),
        ],
        figures=[_figure(_missing(participants.assign(group="all"), ["group"]))],
        headline=_headline(about, found["missing"], late, found["checks"]),
        sentence=LazyString(_sentence, int((about["state"] != QueryState.CLOSED.value).sum()), len(late)),
        says_once=True,
    )


# Queries


def _with_groups(queries, keys, names, are_all) -> pd.DataFrame:
    """Queries with the groups of the participant whom they are about; of one about nobody the trial alone is known."""
    of_people = queries[queries["about_id"].notna()].drop(columns="trial")
    of_people = of_people.merge(keys.rename(columns={"participant_id": "about_id"}), on="about_id")
    if not are_all:
        return of_people
    others = queries[queries["about_id"].isna()]
    others = others.assign(group="all").reindex(columns=[*of_people.columns]) if len(others) else others
    return pd.concat([of_people, others], ignore_index=True) if len(others) else of_people


def _by_record_type(queries, names) -> pd.DataFrame:
    """One row a group and kind of record, and one of all kinds (record_type missing)."""
    whole = pd.concat([queries.assign(record_type=None), queries], ignore_index=True)
    rows = []
    for values, part in whole.groupby([*names, "record_type"], dropna=False, sort=False):
        is_closed = part["state"] == QueryState.CLOSED.value
        waiting = part.loc[~is_closed, "days"]
        rows.append(
            {
                **dict(zip([*names, "record_type"], values)),
                "opened": len(part),
                "by_rule": int(part["by_rule"].sum()),
                "open": int((part["state"] == QueryState.OPEN.value).sum()),
                "answered": int((part["state"] == QueryState.ANSWERED.value).sum()),
                "closed": int(is_closed.sum()),
                "median_days_open": waiting.median(),
                "oldest_days": waiting.max(),
                "median_days_to_close": part.loc[is_closed, "days"].median(),
            }
        )
    columns = [*names, "record_type", "opened", "by_rule", "open", "answered", "closed"]
    columns += ["median_days_open", "oldest_days", "median_days_to_close"]
    return _sorted(pd.DataFrame(rows, columns=columns), names, "record_type")


def _queries_table(rows, names) -> Table:
    return Table(
        "queries",
        _l("Queries"),
        rows,
        shown=_groups(names)
        | {
            "record_type": Shown(
                _l("Kind of record"), lambda row: _kind(row["record_type"]), is_number=False
            ),
            "opened": shown_count("opened", _l("Opened")),
            "by_rule": shown_count("by_rule", _l("By a rule")),
            "open": shown_count("open", _l("Open")),
            "answered": shown_count("answered", _l("Answered")),
            "closed": shown_count("closed", _l("Closed")),
            "median_days_open": _days("median_days_open", _l("Median days open")),
            "oldest_days": _days("oldest_days", _l("Oldest (days)")),
            "median_days_to_close": _days("median_days_to_close", _l("Median days to close")),
        },
        notes=[
            _l(
                "Queries on participants and on records about them, and without a filter on participants also those on"
                " their trials. Days open: of queries that are open or answered, from opening to the day of the report."
            )
        ],
    )


def _days(name, label) -> Shown:
    return Shown(label, lambda row: "—" if row[name] is None else f"{row[name]:g}")


def _kind(record_type) -> str:
    return _("all kinds") if record_type is None else title_of(record_type)


# Missing data


def _missing(people, names) -> pd.DataFrame:
    """One row a group and item: of how many it is expected, of how many it is missing."""
    rows = []
    for values, part in people.groupby(names, dropna=False, sort=False):
        for item in Item:
            lacks = part[MISSING + item.value]
            expected = int(lacks.notna().sum())
            missing = int(lacks.fillna(False).sum())
            share = missing / expected if expected else None
            rows.append([*values, item.value, expected, missing, share])
    found = pd.DataFrame(rows, columns=[*names, "item", "expected", "missing", "fraction"])
    return (
        in_order(found.assign(fraction=found["fraction"].astype("float64")), names) if len(found) else found
    )


def _missing_table(rows, names) -> Table:
    return Table(
        "missing",
        _l("Missing data"),
        rows,
        shown=_groups(names)
        | {
            "item": Shown(_l("Item"), lambda row: str(Item(row["item"]).label), is_number=False),
            "expected": shown_count("expected", _l("Expected")),
            "missing": shown_count("missing", _l("Missing")),
            "fraction": shown_fraction("fraction", _l("Share missing")),
        },
        notes=[
            _l(
                "Denominator: those of whom the item is expected. A day is expected of participants with dates; the"
                " first dose of who has a dose on record or has ended treatment; a baseline assessment, up to the first"
                " dose, where the trial records assessments; a best response of who was treated long enough ago; last"
                " known alive of whom no death is known; a subtype, other than unknown, of breast cancer."
            )
        ],
        prints=lambda row: row["expected"] > 0,
    )


def _figure(rows) -> Figure:
    drawn = (
        rows[rows["expected"] > 0].sort_values("fraction", ascending=False, kind="stable")
        if len(rows)
        else rows
    )
    if drawn.empty:
        return empty_figure("missing")
    columns = ["item", "expected", "missing", "fraction"]
    return Figure(
        "missing",
        _l("Missing data"),
        drawn[columns].reset_index(drop=True),
        _draw,
        [_l("Each bar: the share of those of whom the item is expected and is missing.")],
    )


def _draw(data, *, title, **layout):
    rows = [
        ShareRow(str(Item(row.item).label), int(row.missing), int(row.expected))
        for row in data.itertuples(index=False)
    ]
    return shares(rows, title=title, percent=percent, **layout)


# What is overdue


def _overdue(people, events, names) -> pd.DataFrame:
    """One row a group and kind: how many are followed, how many of them overdue, and by how many days."""
    kinds = {
        Overdue.ASSESSMENT: people.loc[people["followed"], [*names, "overdue_days"]],
        Overdue.SERIOUS_EVENT: events[[*names, "overdue_days"]],
        Overdue.CONTACT: people.loc[people["contact_on"].notna(), [*names, "contact_overdue_days"]].rename(
            columns={"contact_overdue_days": "overdue_days"}
        ),
    }
    rows = []
    for kind, part in kinds.items():
        for values, some in part.groupby(names, dropna=False, sort=False):
            late = some.loc[some["overdue_days"] > 0, "overdue_days"].astype("float64")
            rows.append(
                [*values, kind.value, len(some), len(late), len(late) / len(some), late.median(), late.max()]
            )
    columns = [*names, "kind", "n", "overdue", "fraction", "median_days", "longest_days"]
    return _sorted(pd.DataFrame(rows, columns=columns), names, None)


def _overdue_table(rows, names) -> Table:
    return Table(
        "overdue",
        _l("Overdue"),
        rows,
        shown=_groups(names)
        | {
            "kind": _kind_of_overdue(),
            "n": shown_count("n", _l("Followed")),
            "overdue": shown_count("overdue", _l("Overdue")),
            "fraction": shown_fraction("fraction", _l("Share overdue")),
            "median_days": _days("median_days", _l("Median days overdue")),
            "longest_days": _days("longest_days", _l("Longest (days)")),
        },
        notes=[
            _l(
                "Tumor assessments: due an interval after the last one, or after the first dose (randomisation where"
                " the trial is randomised), and overdue after the window; of participants with dates in trials that"
                " judge by RECIST 1.1 or iRECIST and have not ended, until progression (under iRECIST until it is"
                " confirmed), a new anticancer therapy, leaving the study or death."
            ),
            _l(
                "Serious events: to be reported to the sponsor within the hours that the settings name, counted from"
                " the day on which the team was aware. Contacts: of participants with dates who are alive and on study"
                " in trials that have not ended, overdue two intervals and a window after they were last seen."
            ),
        ],
    )


def _kind_of_overdue() -> Shown:
    return Shown(_l("What"), lambda row: str(Overdue(row["kind"]).label), is_number=False)


def _late(participants, events) -> pd.DataFrame:
    """One row each thing that is overdue, the longest first."""
    of_people = participants[["participant_id", "trial", "code"]]
    columns = ["kind", "trial", "code", "what", "latest_on", "overdue_days", "participant_id", "event_id"]
    events = events.merge(of_people, on="participant_id").assign(kind=Overdue.SERIOUS_EVENT.value)
    contacts = {"contact_latest_on": "latest_on", "contact_overdue_days": "overdue_days"}
    others = participants.drop(columns=["latest_on", "overdue_days"]).rename(columns=contacts)
    parts = [
        participants.assign(kind=Overdue.ASSESSMENT.value),
        events.rename(columns={"term": "what"}),
        others.assign(kind=Overdue.CONTACT.value),
    ]
    found = pd.concat([one[one["overdue_days"].fillna(0) > 0].reindex(columns=columns) for one in parts])
    found["event_id"] = found["event_id"].astype("Int64")
    found = found.sort_values(
        ["overdue_days", "code"], ascending=[False, True], kind="stable", ignore_index=True
    )
    return found.assign(latest_on=pd.to_datetime(found["latest_on"]).dt.strftime("%Y-%m-%d"))


def _late_table(rows) -> Table:
    return Table(
        "overdue_list",
        _l("What is overdue, one by one"),
        rows,
        shown={
            "code": Shown(
                _l("Participant"),
                lambda row: row["code"],
                is_number=False,
                link=lambda row: {"endpoint": "participant.show", "id": row["participant_id"]},
            ),
            "kind": _kind_of_overdue(),
            "what": Shown(
                _l("Event"),
                lambda row: "—" if row["what"] is None else term_label(row["what"]),
                is_number=False,
                link=lambda row: (
                    row["event_id"] and {"endpoint": "adverse_event.show", "id": int(row["event_id"])}
                ),
            ),
            "latest_on": shown_text("latest_on", _l("At the latest on")),
            "overdue_days": shown_count("overdue_days", _l("Days overdue")),
        },
    )


# Checks


def _checks(faults, records, names) -> pd.DataFrame:
    """One row a group and check that finds something, with how many records of that kind were looked at."""
    looked_at = records.groupby([*names, "record_type"], dropna=False)["records"].sum()
    rows = []
    for values, part in faults.groupby([*names, "record_type", "field", "rule"], dropna=False, sort=False):
        *groups, record_type, field, rule = values
        check = next(one for one in checks_of(record_type) if (one.field, one.name) == (field, rule))
        n = int(looked_at[(*groups, record_type)])
        rows.append([*groups, record_type, field, rule, check.weight.value, n, len(part), len(part) / n])
    columns = [*names, "record_type", "field", "rule", "weight", "records", "found", "fraction"]
    return _sorted(pd.DataFrame(rows, columns=columns), names, "record_type")


def _checks_table(rows, names, total) -> Table:
    return Table(
        "checks",
        _l("What the checks find in what is stored"),
        rows,
        shown=_groups(names)
        | {
            "record_type": Shown(
                _l("Kind of record"), lambda row: _kind(row["record_type"]), is_number=False
            ),
            "rule": Shown(_l("Check"), _message, is_number=False, is_prose=True),
            "weight": Shown(
                _l("On entry"), lambda row: str(_WEIGHTS[Weight(row["weight"])]), is_number=False
            ),
            "records": shown_count("records", _l("Records")),
            "found": shown_count("found", _l("Found")),
            "fraction": shown_fraction("fraction", _l("Share")),
        },
        notes=[
            _l(
                "The checks of forms and imports, run on every stored record about these participants: %(n)d records."
                " A check that needs more than the record, its participant and their trial is left to the forms.",
                n=total,
            )
        ],
    )


def _message(row) -> str:
    found = next(
        one for one in checks_of(row["record_type"]) if (one.field, one.name) == (row["field"], row["rule"])
    )
    return str(found.message).replace("%(value)s", "…")


# All of it


def _groups(names) -> dict[str, Shown]:
    return {} if names == ["group"] else {name: shown_group(name) for name in names}


def _sorted(rows, names, kind) -> pd.DataFrame:
    """Groups in their order; within each the rows without a kind first, the others by it."""
    if rows.empty:
        return rows
    if kind:
        rows = rows.sort_values(kind, na_position="first", kind="stable")
    places = {}
    for name in names:
        ordered = in_order(rows[[name]].drop_duplicates(), [name])[name].tolist()
        places[name] = rows[name].map({value: place for place, value in enumerate(ordered)})
    order = pd.DataFrame(places, index=rows.index).sort_values(names, kind="stable", na_position="last")
    return rows.loc[order.index].reset_index(drop=True)


def _headline(queries, missing, late, checks) -> Table:
    states = queries["state"]
    expected = int(missing["expected"].sum())
    gone = int(missing["missing"].sum())
    one = {
        "open": int((states == QueryState.OPEN.value).sum()),
        "answered": int((states == QueryState.ANSWERED.value).sum()),
        "missing": gone / expected if expected else None,
        "overdue": int((late["kind"] == Overdue.ASSESSMENT.value).sum()),
        "found": int(checks["found"].sum()),
    }
    return Table(
        "total",
        _l("All together"),
        pd.DataFrame([one]).astype({"missing": "float64"}),
        shown={
            "open": shown_count("open", _l("Open queries")),
            "answered": shown_count("answered", _l("Answered queries")),
            "missing": shown_fraction("missing", _l("Expected data that are missing")),
            "overdue": shown_count("overdue", _l("Overdue assessments")),
            "found": shown_count("found", _l("Found by checks")),
        },
    )


def _sentence(waiting, late) -> str:
    queries = ngettext("%(num)s query is not closed yet", "%(num)s queries are not closed yet", waiting)
    overdue = ngettext("%(num)s thing is overdue", "%(num)s things are overdue", late)
    return _("%(queries)s; %(overdue)s.", queries=queries, overdue=overdue)

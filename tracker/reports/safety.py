"""Safety: adverse events by class and term at the worst grade, attribution, exposure, deaths."""

import functools

import numpy as np
import pandas as pd
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.grades import GradeRow, grades
from tracker.forms.report import GROUPINGS, ChoiceField, GroupingField, ReportForm, value_label
from tracker.reads.participant import MASKED
from tracker.reads.safety import attributions_frame, events_frame, treated_frame
from tracker.reports.base import Figure, Result, Table, empty_figure, in_order, report
from tracker.reports.columns import (
    FEW,
    Shown,
    percent,
    shown_count,
    shown_group,
    shown_terms,
    shown_text,
    term_label,
    written,
)
from tracker.rules.safety import GRADES, days_at_risk, worst_grades
from tracker.stats.rates import poisson_rate
from tracker.stats.survival import cumulative_incidence
from tracker.terms.codes import ctcae_socs

#: Of the events of which nobody said the class.
NOT_CODED = "not coded"

#: Terms that the figure draws, and terms that a page's table is still read with.
DRAWN = 15

#: A death so many days after the last dose is listed.
DEATH_DAYS = 30

DAYS_IN_A_YEAR = 365.25
DAYS_IN_A_MONTH = 30.4375

#: By when it is told how many have had a first immune-related event.
ONSET_MONTHS = [1, 3, 6, 12]

#: Kinds of event: which rows of events_frame they are, and what they are called.
KINDS = {
    "any": (lambda events: events["grade"] > 0, _l("Any")),
    "treatment_emergent": (lambda events: events["treatment_emergent"], _l("Treatment-emergent")),
    "related": (lambda events: events["related"], _l("Related")),
    "immune_related": (lambda events: events["immune_related"], _l("Immune-related")),
    "serious": (lambda events: events["serious"], _l("Serious")),
    "grade3plus": (lambda events: events["grade"] >= 3, _l("Grade 3 or higher")),
    "grade5": (lambda events: events["grade"] == 5, _l("Grade 5")),
    "dlt": (lambda events: events["dlt"], _l("DLT")),
    "discontinued": (lambda events: events["discontinued"], _l("Stopped treatment")),
}

#: Those whose rate by exposure is told.
EXPOSED = ["any", "related", "immune_related", "serious", "grade3plus"]


class SafetyForm(ReportForm):
    by = GroupingField(_l("Groups"), GROUPINGS)
    events = ChoiceField(
        _l("Events"),
        {
            "all": _l("All"),
            "treatment_emergent": _l("Treatment-emergent"),
            "related": _l("Related"),
            "immune_related": _l("Immune-related"),
            "serious": _l("Serious"),
        },
        default="all",
    )


@report(
    "safety",
    title=_l("Safety"),
    about=_l(
        "Adverse events by system organ class and term at the worst grade; serious, immune-related and attributed ones,"
        " rates by exposure, and deaths soon after the last dose."
    ),
    form=SafetyForm,
    reads=[treated_frame, events_frame, attributions_frame],
)
def build(participants, happened, attributions, by=(), events="all"):
    """Participants with adverse events by group; n: all who were treated, with or without events."""
    by = list(by) or ["group"]
    treated = participants[participants["treated"]].assign(group="all")
    groups = in_order(treated.groupby(by, dropna=False, sort=False).size().rename("n").reset_index(), by)
    if groups.empty and by == ["group"]:
        groups = pd.DataFrame({"group": ["all"], "n": [0]})
    own = happened.merge(treated[["participant_id", *by]], on="participant_id")
    own["soc"] = own["soc"].fillna(NOT_CODED)
    chosen = own if events == "all" else own[KINDS[events][0](own)]
    overview = _overview(groups, own, treated, by)
    worst = _worst(groups, chosen, by)
    tables = [
        Table(
            "worst_grade",
            _l("Participants by their worst grade"),
            worst,
            _shown_worst(by),
            _worst_notes(by),
            prints=lambda row: bool(row["any"]) or row["soc"] is None,
        ),
        Table("overview", _l("Overview"), overview, _shown_overview(by), [_ATTRIBUTED]),
        _exposure(groups, own, treated, by),
        _attribution(groups, chosen, attributions, treated, by),
        _immune(own[own["immune_related"]], treated),
        _immune_onset(groups, own[own["immune_related"]], treated, by),
        _deaths(treated, own),
    ]
    return Result(
        tables=[*tables[:2], *(table for table in tables[2:] if len(table.frame))],
        figures=[_figure(chosen, len(treated)) if len(chosen) else empty_figure("grades")],
        sentence=LazyString(functools.partial(_said, len(treated), own)),
    )


def _worst(groups, events, by) -> pd.DataFrame:
    """Every class and term that occurs, for every group: overall, then by class with its terms below it."""
    columns = ["any", *(f"g{grade}" for grade in GRADES)]
    parts = []
    for level, names in enumerate(([], ["soc"], ["soc", "term"])):
        counted = worst_grades(events, [*by, *names])
        counted = counted.reindex(columns=[*by, *names, *columns])
        wanted = groups.merge(events[names].drop_duplicates(), how="cross") if names else groups
        found = wanted.merge(counted, on=[*by, *names], how="left")
        found[columns] = found[columns].fillna(0).astype("int64")
        parts.append(found.assign(level=level))
    rows = pd.concat(parts, ignore_index=True)
    for name in ("soc", "term"):
        rows[name] = rows[name] if name in rows else pd.Series(index=rows.index, dtype=object)
    rows["place"] = rows[by].map(str).agg("\t".join, axis="columns").map(_places(groups, by))
    rows["in_class"] = rows["soc"].map(
        events.drop_duplicates(["soc", "participant_id"]).groupby("soc").size()
    )
    with_term = events.drop_duplicates(["soc", "term", "participant_id"]).groupby(["soc", "term"]).size()
    rows["with_term"] = with_term.reindex(pd.MultiIndex.from_frame(rows[["soc", "term"]])).to_numpy(
        dtype=float
    )
    rows = rows.sort_values(
        ["place", "in_class", "soc", "level", "with_term", "term"],
        ascending=[True, False, True, True, False, True],
        na_position="first",
        ignore_index=True,
    )
    return rows[[*by, "soc", "term", "n", *columns]]


def _places(groups, by) -> dict:
    return {key: place for place, key in enumerate(groups[by].map(str).agg("\t".join, axis="columns"))}


def _worst_notes(by) -> list:
    notes = [
        _l("n: treated participants, those without an event included."),
        _l("A participant counts once in each row, at the worst grade (CTCAE 5); grade 5 is death."),
    ]
    if by != ["group"]:
        notes.append(_l("Terms that nobody of a group had are in the files only."))
    return notes


_ATTRIBUTED = _l(
    "Related: attributed to an agent as possible, probable, definite or related. Treatment-emergent: from the first"
    " dose until the trial's window after the last one."
)


def _overview(groups, events, treated, by) -> pd.DataFrame:
    rows = groups.copy()
    for name, (is_of_it, _label) in KINDS.items():
        who = events.loc[is_of_it(events), ["participant_id", *by]]
        if name == "discontinued":
            who = pd.concat([who, treated.loc[treated["off_for_event"], ["participant_id", *by]]])
        rows = _counted(rows, who, by, name)
    return rows


def _counted(rows, who, by, name) -> pd.DataFrame:
    """The rows with a column: how many different participants of each group are among these."""
    counts = who.drop_duplicates("participant_id").groupby(by, dropna=False).size().rename(name).reset_index()
    rows = rows.merge(counts, on=by, how="left")
    rows[name] = rows[name].fillna(0).astype("int64")
    return rows


def _exposure(groups, events, treated, by) -> Table:
    """First events per person-year: the time of each participant ends with their first event of the kind."""
    parts = []
    for kind in EXPOSED:
        emergent = events[events["treatment_emergent"] & KINDS[kind][0](events)]
        first = emergent.groupby("participant_id")["started_on"].min().reindex(treated["participant_id"])
        days = days_at_risk(
            first.set_axis(treated.index), treated["first_dose_on"], treated["window_ends_on"]
        )
        who = treated[by].assign(events=first.notna().to_numpy(), days=days)[days.notna()]
        summed = who.groupby(by, dropna=False)[["events", "days"]].sum().reset_index()
        rows = groups[by].merge(summed, on=by, how="left").assign(kind=kind)
        parts.append(rows)
    rows = (
        pd.concat(parts, ignore_index=True)
        if len(groups)
        else pd.DataFrame(columns=[*by, "events", "days", "kind"])
    )
    rows = rows.assign(
        events=rows["events"].fillna(0).astype("int64"),
        person_years=rows["days"].fillna(0).astype("float64") / DAYS_IN_A_YEAR,
    )
    rows["rate"], rows["low"], rows["high"] = poisson_rate(rows["events"], rows["person_years"])
    frame = rows[[*by, "kind", "events", "person_years", "rate", "low", "high"]]
    return Table(
        "exposure",
        _l("Rates by exposure"),
        frame[frame["person_years"] > 0].reset_index(drop=True),
        shown={name: shown_group(name) for name in by}
        | {
            "kind": Shown(_l("Events"), lambda row: str(KINDS[row["kind"]][1]), is_number=False),
            "events": shown_count("events", _l("Participants with one")),
            "person_years": Shown(_l("Person-years"), lambda row: written(row["person_years"], "0.0")),
            "rate": Shown(_l("Rate a person-year (95% CI)"), _shown_rate, detail=_shown_limits),
        },
        notes=[
            _l("Treatment-emergent events; a participant's time ends with the first event of the kind, else with the"
               " window after the last dose, death or the cut-off."),
            _l("Limits: exact Poisson (Garwood), 95 %."),
        ],
    )  # fmt: skip


def _shown_rate(row):
    return "—" if row["rate"] is None else written(row["rate"], "0.00")


def _shown_limits(row):
    if row["low"] is None:
        return ""
    return f"({written(row['low'], '0.00')}–{written(row['high'], '0.00')})"


def _attribution(groups, events, attributions, treated, by) -> Table:
    """Participants with an event that was attributed to each agent."""
    own = events.merge(attributions[["event_id", "agent"]], on="event_id")
    # An agent that only one arm receives would tell the arm of few participants.
    masked = treated.loc[treated["arm"] == MASKED, "participant_id"]
    own["agent"] = own["agent"].mask(own["participant_id"].isin(masked), MASKED)
    rows = groups.merge(own[["agent"]].drop_duplicates().sort_values("agent"), how="cross")
    for name, chosen in (
        ("any", own),
        ("grade3plus", own[own["grade"] >= 3]),
        ("serious", own[own["serious"]]),
    ):
        who = chosen.drop_duplicates(["participant_id", "agent"])
        counts = who.groupby([*by, "agent"], dropna=False).size().rename(name).reset_index()
        rows = rows.merge(counts, on=[*by, "agent"], how="left")
        rows[name] = rows[name].fillna(0).astype("int64")
    return Table(
        "attribution",
        _l("Attribution to each agent"),
        rows,
        shown={name: shown_group(name) for name in by}
        | {
            "agent": Shown(_l("Agent"), lambda row: value_label("agent", row["agent"]), is_number=False),
            "n": shown_count("n", _l("Treated")),
            **{name: _shown_part(name, label) for name, label in (
                ("any", _l("Related")), ("grade3plus", _l("Grade 3 or higher")), ("serious", _l("Serious")),
            )},
        },
        notes=[_l("An event that was attributed to several agents counts for each of them.")],
    )  # fmt: skip


def _immune(events, treated) -> Table:
    """Immune-related events by term: when they began and how long they lasted."""
    first_dose = treated.set_index("participant_id")["first_dose_on"]
    events = events.assign(
        onset=(events["started_on"] - first_dose.reindex(events["participant_id"]).to_numpy()).dt.days + 1,
        duration=(events["ended_on"] - events["started_on"]).dt.days + 1,
    )
    rows = [
        {
            "term": term,
            "participants": part["participant_id"].nunique(),
            "events": len(part),
            "grade3plus": part.loc[part["grade"] >= 3, "participant_id"].nunique(),
            "onset_median": part["onset"].median(),
            "onset_first": part["onset"].min(),
            "onset_last": part["onset"].max(),
            "duration_median": part["duration"].median(),
            "ongoing": int(part["ended_on"].isna().sum()),
            "steroids": int(part["steroids"].sum()),
        }
        for term, part in events.groupby("term")
    ]
    columns = ["term", "participants", "events", "grade3plus", "onset_median", "onset_first", "onset_last"]
    frame = pd.DataFrame(rows, columns=[*columns, "duration_median", "ongoing", "steroids"])
    return Table(
        "immune_related",
        _l("Immune-related events"),
        frame.sort_values(["participants", "term"], ascending=[False, True], ignore_index=True),
        shown={
            "term": shown_terms("term", _l("Term")),
            "participants": shown_count("participants", _l("Participants")),
            "events": shown_count("events", _l("Events")),
            "grade3plus": shown_count("grade3plus", _l("Grade 3 or higher")),
            "onset": Shown(_l("Onset, median day (range)"), _shown_onset, detail=_shown_range),
            "duration_median": Shown(
                _l("Median days of the ended"), lambda row: _days(row["duration_median"])
            ),
            "ongoing": shown_count("ongoing", _l("Not ended")),
            "steroids": shown_count("steroids", _l("Systemic steroid")),
        },
        notes=[_l("Onset: the study day on which the event began; the first dose is day 1.")],
    )


def _immune_onset(groups, events, treated, by) -> Table:
    """How many have had a first immune-related event by some months, where death or leaving the study comes first."""
    first = events.groupby("participant_id")["started_on"].min().reindex(treated["participant_id"])
    first = first.set_axis(treated.index)
    left = treated[["died_on", "off_study_on"]].min(axis="columns")
    ends = treated["window_ends_on"]
    is_event = first.notna() & ~(first > ends)
    cause = np.select([is_event, left.notna() & (left <= ends)], [1, 2], 0)
    until = days_at_risk(first.where(is_event), treated["first_dose_on"], left.where(cause == 2, ends))
    known = treated[by].assign(months=until / DAYS_IN_A_MONTH, cause=cause)[until.notna()]
    rows = []
    for group in groups.to_dict("records") if is_event.any() else []:
        part = known.merge(pd.DataFrame([group])[by], on=by)
        if (part["cause"] == 1).any():
            found = cumulative_incidence(part["months"], part["cause"], ONSET_MONTHS)
            for one in found[found["cause"] == 1].itertuples():
                rows.append(
                    [*(group[name] for name in by), one.time, one.at_risk, one.incidence, one.low, one.high]
                )
    return Table(
        "immune_onset",
        _l("First immune-related event"),
        pd.DataFrame(rows, columns=[*by, "month", "at_risk", "incidence", "incidence_low", "incidence_high"]),
        shown={name: shown_group(name) for name in by}
        | {
            "month": Shown(_l("Month"), lambda row: written(row["month"], "0.##")),
            "at_risk": shown_count("at_risk", _l("At risk")),
            "incidence": Shown(
                _l("Have had one (95% CI)"),
                _shown_incidence,
                detail=_shown_incidence_limits,
                fractions=("incidence", "incidence_low", "incidence_high"),
            ),
        },
        notes=[_l("Cumulative incidence (Aalen-Johansen); death and leaving the study compete.")],
    )


def _shown_incidence(row):
    return "—" if row["incidence"] is None else percent(row["incidence"])


def _shown_incidence_limits(row):
    if row["incidence_low"] is None:
        return ""
    return f"({percent(row['incidence_low'], 0)}–{percent(row['incidence_high'], 0)})"


def _days(number):
    return "—" if number is None else written(number, "0.#")


def _shown_onset(row):
    return _days(row["onset_median"])


def _shown_range(row):
    return "" if row["onset_median"] is None else f"({_days(row['onset_first'])}–{_days(row['onset_last'])})"


def _deaths(treated, events) -> Table:
    """Who died within 30 days of the last dose; of who was still on treatment the last dose is not known."""
    after = (treated["died_on"] - treated["ended_on"]).dt.days
    is_soon = treated["died_on"].notna() & ~(after > DEATH_DAYS)
    terms = (
        events[events["fatal"]]
        .groupby("participant_id")["term"]
        .agg(lambda terms: "; ".join(dict.fromkeys(terms)))
    )
    died = treated[is_soon]
    frame = pd.DataFrame(
        {
            "participant": died["code"],
            "arm": died["arm"],
            "died_on": died["died_on"].dt.strftime("%Y-%m-%d").mask(died["undated"].astype(bool)),
            "days_after_last_dose": after[is_soon].astype("Int64"),
            "fatal_events": terms.reindex(died["participant_id"]).set_axis(died.index).astype("str"),
        }
    ).reset_index(drop=True)
    return Table(
        "deaths",
        _l("Deaths within 30 days of the last dose"),
        frame,
        shown={
            "participant": shown_text("participant", _l("Participant")),
            "arm": shown_group("arm"),
            "died_on": shown_text("died_on", _l("Died on")),
            "days_after_last_dose": shown_count("days_after_last_dose", _l("Days after the last dose")),
            "fatal_events": shown_terms("fatal_events", _l("Fatal events")),
        },
        notes=[_l("Where the last dose is not recorded, the participant died on treatment.")],
    )


def _shown_worst(by):
    return {name: shown_group(name) for name in by} | {
        "what": Shown(_l("Class and term"), _shown_term, is_number=False),
        "n": shown_count("n", _l("Treated")),
        "any": _shown_part("any", _l("Any grade")),
        **{f"g{grade}": _shown_part(f"g{grade}", _l("G%(grade)s", grade=grade)) for grade in GRADES},
    }


def _shown_term(row):
    if row["soc"] is None:
        return _("All events")
    if row["term"] is not None:
        return "\u2003" + term_label(row["term"])
    return class_label(row["soc"])


def class_label(soc) -> str:
    """A system organ class in the reader's words."""
    if soc == NOT_CODED:
        return _("Class not stated")
    return ctcae_socs.label(soc, str(get_locale())) if soc in ctcae_socs else soc


def _shown_overview(by):
    return {name: shown_group(name) for name in by} | {
        "n": shown_count("n", _l("Treated")),
        **{name: _shown_part(name, label) for name, (_is_of_it, label) in KINDS.items()},
    }


def _shown_part(name, label) -> Shown:
    """A count of n, with its percentage where n is not too small."""

    def detail(row):
        return f"({percent(row[name] / row['n'], 0)})" if row["n"] >= FEW and row[name] else ""

    return Shown(label, lambda row: str(row[name]), detail=detail)


def _figure(events, n) -> Figure:
    """The most frequent terms, of all groups together."""
    columns = [f"g{grade}" for grade in GRADES]
    terms = worst_grades(events, ["term"]).sort_values(["any", "term"], ascending=[False, True])
    data = terms.head(DRAWN).reset_index(drop=True).assign(n=n)[["term", "n", "any", *columns]]

    def draw(frame, **layout):
        rows = [
            GradeRow(term_label(row["term"]), row["n"], tuple(row[name] for name in columns))
            for row in frame.to_dict("records")
        ]
        return grades(rows, percent=percent, **layout)

    return Figure("grades", _l("Most frequent events by worst grade"), data, draw)


def _said(n, events) -> str:
    if not n:
        return _("No participant was treated.")
    with_one = events["participant_id"].nunique()
    severe = events.loc[events["grade"] >= 3, "participant_id"].nunique()
    fatal = events.loc[events["grade"] == 5, "participant_id"].nunique()
    return _(
        "%(with_one)s of %(n)s treated participants had an adverse event, %(severe)s one of grade 3 or higher, and"
        " %(fatal)s died of one.",
        with_one=with_one,
        n=n,
        severe=severe,
        fatal=fatal,
    )

"""Dose escalation: levels, DLTs and advice of each arm; two-stage designs and toxicity boundaries."""

import functools

import pandas as pd
import wtforms
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.ladder import Rung, ladder
from tracker.forms.report import ReportForm
from tracker.reads.escalation import COHORT_SIZE, arm_standings, arms_frame, dlt_frame, levels_frame
from tracker.reads.outcome import outcomes_frame
from tracker.reports.base import Figure, Result, Table, empty_figure, report
from tracker.reports.boundaries import (
    LARGEST,
    RATES,
    chance_table,
    design_table,
    pocock_tables,
    stage_table,
    toxicity_boundary_table,
    toxicity_chance_table,
    toxicity_table,
)
from tracker.reports.columns import (
    Shown,
    percent,
    shown_count,
    shown_fraction,
    shown_terms,
    shown_text,
    written_fraction,
)
from tracker.rules.advice import shown_level
from tracker.rules.boin import select_mtd, select_mtd_pairs
from tracker.stats.dose_finding import chance_of_passing, interval_table
from tracker.stats.proportions import clopper_pearson
from tracker.terms.escalation import DltStatus
from tracker.terms.trial import DoseAction, DoseLevelStatus, EscalationRule
from tracker.values import Refusal, read_integer, read_number

#: Arms whose ladders one figure draws.
DRAWN = 6

#: The last look that can be asked for.
MOST_LOOKED_AT = 1000


class FractionField(wtforms.Field):
    """A fraction between 0 and 1."""

    kind = "text"

    def process_formdata(self, valuelist):
        try:
            self.data = read_number(next((text for text in valuelist if text), None))
        except Refusal as refusal:
            raise ValueError(refusal.message) from None
        if self.data is None:
            self.data = self.default
        elif not 0 < self.data < 1:
            raise ValueError(_("write a fraction between 0 and 1."))

    def words(self):
        return "" if self.data == self.default else f"{self.data:g}"


class LooksField(wtforms.Field):
    """Numbers of participants at which events are counted: `looks=20,40,60`, or repeated."""

    kind = "text"

    def process_formdata(self, valuelist):
        try:
            written = [text for one in valuelist for text in one.split(",") if text.strip()]
            self.data = tuple(read_integer(text, minimum=1, maximum=MOST_LOOKED_AT) for text in written)
        except Refusal as refusal:
            raise ValueError(refusal.message) from None
        if list(self.data) != sorted(set(self.data)):
            raise ValueError(_("the looks rise."))

    def words(self):
        return ", ".join(map(str, self.data))


class EscalationForm(ReportForm):
    p0 = FractionField(_l("Search a two-stage design: p0"), description="0.1")
    p1 = FractionField(_l("p1"), description="0.3")
    alpha = FractionField(_l("α"), default=0.05, description="0.05")
    beta = FractionField(_l("β"), default=0.2, description="0.2")
    looks = LooksField(_l("… or toxicity at looks"), default=(), description="20,40,60")

    @property
    def groups(self):
        return ["arm"]

    @property
    def arguments(self):
        """A rule must see all participants of an arm: of some of them it advises nothing."""
        narrowed = [field for field in self.filters if field.data and field.name not in ("trial", "arm")]
        return self.own | {"are_all": not narrowed}


@report(
    "escalation",
    title=_l("Dose escalation"),
    about=_l(
        "Dose levels, dose-limiting toxicities and the next dose that the arm's rule advises; two-stage designs and"
        " boundaries for toxicity."
    ),
    form=EscalationForm,
    reads=[outcomes_frame, dlt_frame, arms_frame, levels_frame],
)
def build(outcomes, dlt, arms, levels, p0=None, p1=None, alpha=0.05, beta=0.2, looks=(), are_all=True):
    """Counts by dose level and what the rules make of them; n: DLT-evaluable participants.

    p0, p1, alpha, beta: asks for the best two-stage designs; with looks, for the boundary for toxicity at those
    numbers of participants that is crossed with a chance below alpha where the rate is p0.
    """
    standings = arm_standings(outcomes, dlt, arms, levels)
    climbing = [one for one in standings if one.rule is not None]
    staged = [one for one in standings if one.stages is not None]
    watched = [one for one in standings if one.toxicity is not None]
    tables = [_levels(climbing, are_all), _advice(climbing, are_all)]
    optional = [
        _participants(climbing),
        _boundaries(climbing),
        _passing(climbing),
        stage_table(staged),
        chance_table(staged),
        toxicity_table(watched),
        toxicity_boundary_table(watched),
        toxicity_chance_table(watched),
    ]
    tables += [table for table in optional if len(table.frame)]
    if p0 is not None and p1 is not None:
        tables += pocock_tables(p0, p1, alpha, looks) if looks else [design_table(p0, p1, alpha, beta)]
    return Result(
        tables=tables,
        figures=[ladder_figure(climbing, are_all)],
        sentence=_sentence(standings, climbing),
    )


def _levels(standings, are_all) -> Table:
    rows = []
    for one in standings:
        estimates = _estimates(one)
        out = _eliminated(one) if are_all else []
        for level in one.levels.to_dict("records"):
            low, high = clopper_pearson(level["dlt"], level["evaluable"])
            rows.append(
                {
                    "arm": one.arm,
                    "level": raw_level(level["name"]),
                    "dose": level["dose"],
                    **{name: level[name] for name in ("treated", "evaluable", "dlt", "status")},
                    **{name: level[name] for name in ("pending", "replaced")},
                    "eliminated": level["name"] in out,
                    "dlt_low": low,
                    "dlt_high": high,
                    "estimate": estimates.get(level["name"]),
                }
            )
    columns = [
        "arm",
        "level",
        "dose",
        "treated",
        "evaluable",
        "dlt",
        "status",
        "pending",
        "replaced",
        "eliminated",
    ]
    frame = pd.DataFrame(rows, columns=[*columns, "dlt_low", "dlt_high", "estimate"])
    return Table(
        "levels",
        _l("Dose levels"),
        frame.astype({"estimate": "float64"}),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "level": shown_text("level", _l("Level")),
            "dose": shown_text("dose", _l("Dose"), is_prose=True),
            "treated": shown_count("treated", _l("Treated")),
            "evaluable": shown_count(
                "evaluable", _l("Evaluable"), _l("With a DLT, or with a completed window")
            ),
            "dlt": Shown(_l("DLT (95% CI)"), lambda row: str(row["dlt"]), detail=_dlt_limits),
            "pending": shown_count("pending", _l("Pending")),
            "replaced": shown_count("replaced", _l("Replaced")),
            "estimate": Shown(
                _l("Isotonic estimate"),
                lambda row: written_fraction(row["estimate"]),
                fractions=("estimate",),
            ),
            "status": Shown(_l("Status"), _level_status, is_number=False, is_prose=True),
        },
        notes=[
            _l(
                "Evaluable: a dose-limiting toxicity in the window, or the window completed with the protocol's least"
                " dose; others are replaced. Pending: the window is not over."
            ),
            _l("Limits: Clopper-Pearson, 95 %."),
        ],
    )


def _estimates(standing) -> dict:
    """DLT rates that never fall with the dose, of the levels that were tried; for BOIN only."""
    target = standing.settings["target_dlt_rate"]
    if standing.advice is None or standing.rule is EscalationRule.THREE_PLUS_THREE:
        return {}
    select = select_mtd_pairs if standing.rule is EscalationRule.BOIN_COMB else select_mtd
    return select(standing.seen, target)[1]


def _eliminated(standing) -> list:
    return standing.advice.figures["eliminated"] if standing.advice else []


def _advice(standings, are_all) -> Table:
    rows = [
        {
            "arm": one.arm,
            "rule": one.rule.value,
            "version": one.advice.version,
            "action": one.advice.action.value,
            "next_level": raw_levels(one.advice),
            "current_level": raw_level(one.current),
            "is_due": one.decision_is_due,
            "reason": str(one.advice.reason),
        }
        for one in standings
        if one.advice is not None and are_all
    ]
    notes = [
        _l(
            "Advice by the arm's rule from the figures above; the committee decides, and its decision is recorded."
        ),
        _l("Of several levels in one row none is better by the rule: choose one of them."),
    ]
    if not are_all:
        notes = [_l("A rule must see all participants of an arm: with these filters it advises nothing.")]
    elif silent := [one.arm for one in standings if one.advice is None]:
        notes.append(
            _l(
                "No advice, because dose levels or the target DLT rate are missing: %(arms)s.",
                arms=", ".join(silent),
            )
        )
    columns = ["arm", "rule", "version", "action", "next_level", "current_level", "is_due", "reason"]
    return Table(
        "advice",
        _l("Advice on the next dose"),
        pd.DataFrame(rows, columns=columns),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "rule": Shown(
                _l("Rule"), lambda row: str(EscalationRule(row["rule"]).label), is_number=False, is_prose=True
            ),
            "version": shown_text("version", _l("Version"), is_prose=True),
            "current_level": shown_text("current_level", _l("Now at")),
            "action": Shown(
                _l("Advice"), lambda row: str(DoseAction(row["action"]).label), is_number=False, is_prose=True
            ),
            "next_level": shown_text("next_level", _l("Next level")),
            "reason": shown_text("reason", _l("Why"), is_prose=True),
        },
        notes=notes,
    )


def _participants(standings) -> Table:
    parts = [
        pd.DataFrame(
            {
                "arm": one.arm,
                "participant": treated["participant"],
                "level": treated["name"].map(raw_level).astype(object),
                "first_dose_on": _days(treated, "first_dose_on"),
                "window_ends_on": _days(treated, "window_ends_on"),
                "dose_percent": treated["dose_percent"],
                "status": treated["dlt_status"],
                "detail": treated["dlt_term"]
                .where(treated["dlt_status"] == DltStatus.DLT)
                .fillna(treated["not_evaluable_reason"]),
            }
        )
        for one in standings
        if len(treated := one.participants[one.participants["dlt_status"].notna()])
    ]
    columns = [
        "arm",
        "participant",
        "level",
        "first_dose_on",
        "window_ends_on",
        "dose_percent",
        "status",
        "detail",
    ]
    return Table(
        "participants",
        _l("Participants"),
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "participant": shown_text("participant", _l("Participant")),
            "level": shown_text("level", _l("Level")),
            "first_dose_on": shown_text("first_dose_on", _l("First dose on")),
            "window_ends_on": shown_text("window_ends_on", _l("Window ends on")),
            "dose_percent": Shown(
                _l("Dose given"),
                lambda row: "—" if row["dose_percent"] is None else percent(row["dose_percent"] / 100, 0),
            ),
            "status": Shown(
                _l("DLT status"), lambda row: str(DltStatus(row["status"]).label), is_number=False, is_prose=True
            ),
            "detail": shown_terms("detail", _l("Event, or why not evaluable")),
        },
        notes=[
            _l("Dose given: of what was planned for the doses on record in the window; where none is on record it is"
               " not held against the participant."),
        ],
    )  # fmt: skip


def _days(treated, name) -> pd.Series:
    """Dates as text; of a participant who came without dates there is none."""
    return treated[name].dt.strftime("%Y-%m-%d").mask(treated["undated"].astype(bool))


def _boundaries(standings) -> Table:
    """BOIN's table of each arm, as the protocol prints it."""
    parts = []
    for one in standings:
        target = one.settings["target_dlt_rate"]
        if one.rule is not EscalationRule.THREE_PLUS_THREE and target is not None:
            parts.append(boundaries_of(one).reset_index().assign(arm=one.arm, target=target))
    columns = ["arm", "target", "n", "escalate_at_most", "de_escalate_at_least", "eliminate_at_least"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return Table(
        "boundaries",
        _l("Boundaries of BOIN"),
        frame[columns],
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "target": Shown(_l("Target"), lambda row: written_fraction(row["target"]), fractions=("target",)),
            "n": shown_count("n", _l("Evaluable at the level")),
            "escalate_at_most": shown_count("escalate_at_most", _l("Escalate if DLTs at most")),
            "de_escalate_at_least": shown_count("de_escalate_at_least", _l("De-escalate if at least")),
            "eliminate_at_least": shown_count("eliminate_at_least", _l("Eliminate if at least")),
        },
        notes=[_l("Liu and Yuan 2015; as the R package BOIN 2.7.2.")],
    )


def boundaries_of(standing) -> pd.DataFrame:
    """BOIN's table of an arm, by n: at the end of each cohort until its maximum."""
    cohort = int(standing.settings["cohort_size"] or COHORT_SIZE)
    largest = max(int(standing.settings["maximum_n"] or LARGEST), cohort)
    table = interval_table(standing.settings["target_dlt_rate"], largest)
    return table[table.index % cohort == 0]


def _passing(standings) -> Table:
    rows = [
        {"arm": one.arm, "dlt_rate": rate, "passes": chance_of_passing(rate)}
        for one in standings
        if one.rule is EscalationRule.THREE_PLUS_THREE
        for rate in RATES
    ]
    return Table(
        "passing",
        _l("How often 3+3 goes past a dose"),
        pd.DataFrame(rows, columns=["arm", "dlt_rate", "passes"]),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "dlt_rate": shown_fraction("dlt_rate", _l("True DLT rate")),
            "passes": shown_fraction("passes", _l("Goes past the dose")),
        },
        notes=[_l("Storer 1989: none of three, or one of three and none of three more.")],
    )


def raw_level(name):
    """A level as files write it: its number, or the pair as text."""
    return name if name is None or isinstance(name, int) else shown_level(name)


def raw_levels(advice):
    """Where advice leads: the level, or all of those that are equals."""
    return raw_level(advice.next_levels[0]) if len(advice.next_levels) == 1 else advice.leads_to or None


def _dlt_limits(row):
    if not row["evaluable"]:
        return ""
    return f"({percent(row['dlt_low'], 0)}–{percent(row['dlt_high'], 0)})"


def _level_status(row):
    status = str(DoseLevelStatus(row["status"]).label)
    return _("%(status)s, eliminated", status=status) if row["eliminated"] else status


def rungs_of(standing, are_all=True) -> list[Rung]:
    """The levels as the ladder draws them."""
    out = _eliminated(standing) if are_all else []
    leads = standing.advice is not None and are_all and standing.advice.action is not DoseAction.WAIT
    advised = standing.advice.next_levels if leads else ()
    doses = dict(zip(standing.levels["name"], what_differs(standing.levels["dose"])))
    return [
        Rung(
            _("Level %(level)s", level=shown_level(level["name"])),
            doses[level["name"]],
            *(level[name] for name in ("evaluable", "dlt", "pending", "replaced")),
            str(DoseLevelStatus(level["status"]).label),
            level["name"] in out,
            level["name"] == standing.current,
            level["name"] in advised,
        )
        for level in standing.levels.to_dict("records")
    ]


def what_differs(doses) -> list[str]:
    """Of the doses of several levels the components that are not the same at all of them."""
    parts = [(dose or "").split(" + ") for dose in doses.where(doses.notna(), "")]
    shared = set(parts[0]).intersection(*parts) if len(parts) > 1 else set()
    return [" + ".join(part for part in dose if part not in shared) for dose in parts]


def advised(standing) -> str:
    """The advice in one line, with the rule that it is of."""
    advice = standing.advice
    if advice is None:
        return ""
    what = str(advice.action.label)
    if advice.leads_to:
        what = _("%(action)s (level %(level)s)", action=what, level=advice.leads_to)
    return _("Advice, %(rule)s: %(what)s.", rule=standing.rule.value, what=what)


def ladder_figure(standings, are_all=True) -> Figure:
    """The ladders of the first arms that have levels."""
    drawn = [one for one in standings if len(one.levels)][:DRAWN]
    if not drawn:
        return empty_figure("ladder")
    data = _levels(drawn, are_all).frame

    def draw(_data, **layout):
        arms = [(one.arm, rungs_of(one, are_all), advised(one) if are_all else "") for one in drawn]
        return ladder(arms, **layout)

    return Figure("ladder", _l("The ladder"), data, draw)


def standing_parts(standing) -> dict:
    """What an arm's page shows of where the arm stands: its figure and tables, by name."""
    one = [standing]
    climbs, is_staged = standing.rule is not None, standing.stages is not None
    tables = {
        "levels": _levels(one, are_all=True) if climbs else None,
        "people": _participants(one) if climbs else None,
        "boundaries": _boundaries(one) if climbs else None,
        "stages": stage_table(one) if is_staged else None,
        "chances": chance_table(one) if is_staged else None,
        "toxicity": toxicity_table(one) if standing.toxicity is not None else None,
    }
    for table in filter(None, tables.values()):
        table.shown.pop("arm", None)  # the page is the arm's
    figure = ladder_figure(one) if climbs and len(standing.levels) else None
    return {"standing": standing, "ladder": figure, **tables}


def _sentence(standings, climbing) -> LazyString:
    return LazyString(functools.partial(_said, standings, climbing))


def _said(standings, climbing) -> str:
    if not standings:
        return _("No arm escalates its dose, has two stages or watches toxicity.")
    due = [one.arm for one in climbing if one.decision_is_due]
    crossed = [one.arm for one in standings if one.boundaries_crossed]
    said = [
        _("Dose decisions are due in: %(arms)s.", arms=", ".join(due))
        if due
        else _("No dose decision is due."),
        _("A boundary was crossed in: %(arms)s.", arms=", ".join(crossed)) if crossed else "",
    ]
    return " ".join(filter(None, said))

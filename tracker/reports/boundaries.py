"""Tables of the escalation report: two-stage designs, and boundaries for toxicity."""

import dataclasses

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.reports.base import Table
from tracker.reports.columns import (
    Shown,
    percent,
    shown_count,
    shown_fraction,
    shown_text,
    written,
    written_fraction,
)
from tracker.stats.monitoring import crossing, pocock_boundary
from tracker.stats.two_stage import Design, best_designs, characteristics, stagewise_p
from tracker.terms.escalation import StageAction
from tracker.values import Refusal

#: True rates for which the tables of what a rule does are printed.
RATES = (0.1, 0.2, 0.3, 0.4, 0.5)

#: How many participants a table of boundaries goes to where the arm does not say.
LARGEST = 30

_EXPECTED = Shown(_l("Expected participants"), lambda row: written(row["expected_n"], "0.0"))


def stage_table(standings) -> Table:
    rows = []
    for one in standings:
        state = one.stages
        rows.append(
            {
                "arm": one.arm,
                **{name: int(one.settings[name]) for name in ("r1", "n1", "r", "n")},
                "stage": state.stage,
                "treated": state.n,
                "responders": state.responders,
                "pending": state.pending,
                "needed": state.needed,
                "action": state.action.value,
                "crossed": state.is_crossed,
                "rate": state.rate,
                "reason": str(state.reason),
            }
        )
    columns = [
        "arm",
        "r1",
        "n1",
        "r",
        "n",
        "stage",
        "treated",
        "responders",
        "pending",
        "needed",
        "action",
        "crossed",
    ]
    frame = pd.DataFrame(rows, columns=[*columns, "rate", "reason"])
    return Table(
        "two_stage",
        _l("Two-stage designs"),
        frame.astype({"rate": "float64"}),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "design": Shown(
                _l("Design"),
                lambda row: "{r1}/{n1}, {r}/{n}".format(**row),
                _l("Stops with so many responders or fewer of the first stage, and of both"),
                is_number=False,
            ),
            "stage": shown_count("stage", _l("Stage reached")),
            "treated": shown_count("treated", _l("Counted")),
            "responders": shown_count("responders", _l("Responders")),
            "pending": shown_count("pending", _l("Pending")),
            "needed": shown_count("needed", _l("Still needed")),
            "rate": Shown(
                _l("Unbiased rate"), lambda row: written_fraction(row["rate"]), fractions=("rate",)
            ),
            "action": Shown(
                _l("State"), lambda row: str(StageAction(row["action"]).label), is_number=False, is_prose=True
            ),
            "reason": shown_text("reason", _l("Why"), is_prose=True),
        },
        notes=[
            _l(
                "Simon 1989. Participants count in the order of their first dose; best response as in Outcomes."
            ),
            _l(
                "Unbiased rate: without the bias of stopping early (Jung and Kim 2004), once the design has ended."
            ),
        ],
    )


def chance_table(standings) -> Table:
    """What each design does at some true rates; its p value against each of them once it has ended."""
    rows = []
    for one in standings:
        design = Design(*(int(one.settings[name]) for name in ("r1", "n1", "r", "n")))
        for rate in RATES:
            at = characteristics(design, rate)
            ended = one.stages.rate is not None
            p = stagewise_p(one.stages.responders, design, rate) if ended else None
            rows.append([one.arm, rate, at.rejects, at.stops_early, at.expected_n, p])
    columns = ["arm", "response_rate", "promising", "stops_early", "expected_n", "p"]
    return Table(
        "chances",
        _l("What the two-stage designs do"),
        pd.DataFrame(rows, columns=columns).astype({"p": "float64"}),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "response_rate": shown_fraction("response_rate", _l("True response rate")),
            "promising": shown_fraction("promising", _l("Found promising")),
            "stops_early": shown_fraction("stops_early", _l("Stops after stage 1")),
            "expected_n": _EXPECTED,
            "p": Shown(
                _l("p against it"),
                lambda row: "—" if row["p"] is None else written(row["p"], "0.####"),
            ),
        },
        notes=[_l("p: one-sided, stage-wise (Koyama and Chen 2008), once the design has ended.")],
    )


def toxicity_table(standings) -> Table:
    rows = [
        {
            "arm": one.arm,
            "n": one.toxicity.n,
            "dlt": one.toxicity.dlt,
            "limit": one.settings["toxicity_limit"],
            "certainty": one.settings["toxicity_certainty"],
            "probability": one.toxicity.probability,
            "stops_at": one.toxicity.stops_at,
            "crossed": one.toxicity.is_crossed,
            "reason": str(one.toxicity.reason),
        }
        for one in standings
    ]
    columns = ["arm", "n", "dlt", "limit", "certainty", "probability", "stops_at", "crossed", "reason"]
    return Table(
        "toxicity",
        _l("Boundaries for toxicity"),
        pd.DataFrame(rows, columns=columns).astype({"stops_at": "Int64"}),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "n": shown_count("n", _l("Evaluable")),
            "dlt": shown_count("dlt", _l("DLT")),
            "limit": shown_fraction("limit", _l("Limit")),
            "probability": Shown(
                _l("P(rate > limit)"),
                lambda row: percent(row["probability"]),
                detail=lambda row: _("stops above %(certainty)s", certainty=percent(row["certainty"], 0)),
                fractions=("probability", "certainty"),
            ),
            "stops_at": shown_count("stops_at", _l("Stops at")),
            "crossed": Shown(
                _l("State"),
                lambda row: _("crossed") if row["crossed"] else _("not crossed"),
                is_number=False,
                is_prose=True,
            ),
        },
        notes=[_l("Bayesian, with the arm's beta prior; all evaluable participants of the arm count.")],
    )


def toxicity_boundary_table(standings) -> Table:
    """From which number of participants on how many DLTs stop each arm."""
    parts = []
    for one in standings:
        stops_at = one.boundary.fewest(range(1, _largest(one) + 1)).dropna()
        rises = stops_at[stops_at > stops_at.shift(fill_value=0)]
        parts.append(rises.rename("stops_at").reset_index().assign(arm=one.arm))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["arm", "n", "stops_at"])
    return Table(
        "toxicity_boundary",
        _l("When toxicity stops an arm"),
        frame[["arm", "n", "stops_at"]],
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "n": shown_count("n", _l("Evaluable, from")),
            "stops_at": shown_count("stops_at", _l("Stops at DLTs")),
        },
        notes=[_l("A row holds until the number of the next row is reached.")],
    )


def toxicity_chance_table(standings) -> Table:
    """How often each boundary stops an arm at some true rates, when it is looked at after every participant."""
    rows = []
    for one in standings:
        stops_at = one.boundary.fewest(range(1, _largest(one) + 1)).dropna()
        for rate in RATES if len(stops_at) else ():
            at = crossing(stops_at.index, stops_at - 1, rate)
            rows.append([one.arm, rate, at.crosses, at.expected_n])
    return Table(
        "toxicity_chances",
        _l("What the boundaries for toxicity do"),
        pd.DataFrame(rows, columns=["arm", "dlt_rate", "stops", "expected_n"]),
        shown={
            "arm": shown_text("arm", _l("Arm")),
            "dlt_rate": shown_fraction("dlt_rate", _l("True DLT rate")),
            "stops": shown_fraction("stops", _l("Stops the arm")),
            "expected_n": _EXPECTED,
        },
        notes=[_l("Looked at after every participant until the arm's planned number.")],
    )


def pocock_tables(low, high, crosses, looks) -> list[Table]:
    """The boundary for toxicity that is crossed with a chance below `crosses` where the rate is low."""
    boundary = pocock_boundary(looks, low, crosses)
    rows = [[rate, *dataclasses.astuple(crossing(looks, boundary, rate))] for rate in (low, high)]
    return [
        Table(
            "pocock",
            _l("Boundary for toxicity by repeated looks"),
            pd.DataFrame({"n": looks, "stops_above": boundary}),
            shown={
                "n": shown_count("n", _l("Participants")),
                "stops_above": shown_count("stops_above", _l("Stops if more have a DLT than")),
            },
            notes=[_l("Pocock's boundary made exact (Ivanova, Qaqish and Schell 2005).")],
        ),
        Table(
            "pocock_chances",
            _l("What this boundary does"),
            pd.DataFrame(rows, columns=["rate", "crosses", "stops_early", "expected_n"]),
            shown={
                "rate": shown_fraction("rate", _l("True DLT rate")),
                "crosses": shown_fraction("crosses", _l("Crossed at any look")),
                "stops_early": shown_fraction("stops_early", _l("Crossed before the last")),
                "expected_n": _EXPECTED,
            },
        ),
    ]


def _largest(standing) -> int:
    return min(int(standing.settings["maximum_n"] or standing.settings["n"] or LARGEST), 100)


def design_table(p0, p1, alpha, beta) -> Table:
    """The optimal and the minimax design for what was asked."""
    try:
        found = best_designs(p0, p1, alpha, beta)
    except ValueError:
        raise Refusal(
            _("p1: no design of at most 100 participants tells these rates apart with these errors."), "p1"
        ) from None
    rows = []
    for name, design in zip(("optimal", "minimax"), found):
        at_p0, at_p1 = characteristics(design, p0), characteristics(design, p1)
        numbers = [design.r1, design.n1, design.r, design.n]
        rows.append([name, *numbers, at_p0.expected_n, at_p0.stops_early, at_p0.rejects, at_p1.rejects])
    columns = ["design", "r1", "n1", "r", "n", "expected_n", "stops_early", "size", "power"]
    words = {"optimal": _l("Optimal"), "minimax": _l("Minimax")}
    return Table(
        "designs",
        _l("Simon's designs"),
        pd.DataFrame(rows, columns=columns),
        shown={
            "design": Shown(_l("Design"), lambda row: str(words[row["design"]]), is_number=False),
            **{name: shown_count(name, name) for name in ("r1", "n1", "r", "n")},
            "expected_n": _EXPECTED,
            **{
                name: shown_fraction(name, label)
                for name, label in (
                    ("stops_early", _l("Stops after stage 1")),
                    ("size", _l("Size")),
                    ("power", _l("Power")),
                )
            },
        },
        notes=[_l("By search of all designs (Simon 1989); expected number and early stop under p0.")],
    )

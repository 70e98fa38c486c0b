"""Dose escalation, two-stage designs and boundaries of arms: what was seen, and what the arm's rules make of it."""

import datetime
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Arm,
    DoseLevel,
    LevelDose,
    Participant,
    RegimenComponent,
    Trial,
)
from tracker.reads.base import frame, frames_in_scope, rests_on
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import MASKED, masked_for_reader
from tracker.reads.state import arm_states
from tracker.rules.advice import Advice, Level
from tracker.rules.designs import LARGEST_TARGET, LEAST_TARGET
from tracker.rules.dlt import dlt_status
from tracker.rules.escalation import next_dose
from tracker.rules.toxicity import ToxicityBoundary, ToxicityState, toxicity_state
from tracker.rules.two_stage import StageState, stage_state
from tracker.stats.two_stage import Design
from tracker.terms.escalation import DltStatus
from tracker.terms.participant import BestResponse
from tracker.terms.trial import DoseAction, DoseLevelStatus, EnrolmentStatus, EscalationRule

#: What a cohort is where an arm does not say.
COHORT_SIZE = 3

#: Levels that nobody is to enter.
CLOSED = {DoseLevelStatus.SUSPENDED.value, DoseLevelStatus.CLOSED.value}

_RESPONDED = {one.value for one in (BestResponse.CR, BestResponse.PR, BestResponse.RESPONDER)}

_SETTINGS = [
    "target_dlt_rate",
    "cohort_size",
    "maximum_n",
    *("r1", "n1", "r", "n"),
    "toxicity_limit",
    "toxicity_certainty",
    "toxicity_prior_a",
    "toxicity_prior_b",
    "toxicity_least_n",
]

#: Settings that make an arm's outcomes ask for a decision.
_RULES = ["escalation_rule", "n", "toxicity_limit"]


def dlt_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant of an arm that escalates or watches toxicity. CDISC: ADSL with ADAE and ADEX.

    participant_id, trial_id, arm_id, participant (code), undated, dose_level_id, level, second_level, first_dose_on,
    window_ends_on: the last day of the DLT window,
    dlt_on, dlt_term: the first event from the first dose on that was flagged as dose-limiting,
    dose_percent: of what was planned for the doses on record in the window, what was given; of the component with
    the least; missing where no dose is on record, or its plan is not known in the same unit,
    not_evaluable_reason: as typed,
    dlt_status: DltStatus on the day `as_of`; missing before the first dose.
    """
    of_the_rules = sa.or_(Arm.escalation_rule.is_not(None), Arm.toxicity_limit.is_not(None))
    chosen = sa.and_(participants, of_the_rules)
    found = frame(
        sa.select(
            Participant.id.label("participant_id"),
            Participant.trial_id,
            Participant.arm_id,
            Participant.code.label("participant"),
            Participant.dose_level_id,
            DoseLevel.level,
            DoseLevel.second_level,
            Participant.undated,
            Participant.first_dose_on,
            Participant.dlt_not_evaluable_reason.label("not_evaluable_reason"),
            Trial.dlt_window_days,
            Trial.minimum_dose_percent,
        )
        .join(Participant.trial)
        .join(Participant.arm)
        .outerjoin(Participant.dose_level)
        .where(chosen)
        .order_by(Participant.id)
    )
    days = found.pop("dlt_window_days").astype("float64")
    found["window_ends_on"] = found["first_dose_on"] + pd.to_timedelta(days - 1, unit="D")
    events = frame(
        sa.select(
            AdverseEvent.participant_id,
            AdverseEvent.started_on.label("dlt_on"),
            AdverseEvent.term.label("dlt_term"),
        )
        .join(AdverseEvent.participant)
        .join(Participant.arm)
        .where(chosen, AdverseEvent.dlt.is_(True), AdverseEvent.started_on >= Participant.first_dose_on)
        .order_by(AdverseEvent.started_on, AdverseEvent.id)
    )
    found = found.merge(events.drop_duplicates("participant_id"), on="participant_id", how="left")
    percent = _dose_percent(_doses(chosen), pd.Timestamp(as_of))
    found["dose_percent"] = percent.reindex(found["participant_id"]).to_numpy(
        dtype="float64", na_value=np.nan
    )
    found["dlt_status"] = dlt_status(
        found["first_dose_on"],
        found["dlt_on"],
        found["dose_percent"],
        found["not_evaluable_reason"],
        pd.Timestamp(as_of),
        days,
        found.pop("minimum_dose_percent").astype("float64"),
    )
    return found


def _doses(participants) -> pd.DataFrame:
    """Doses given, beside what was planned at the participant's level, else in the regimen."""
    at_level = sa.and_(
        LevelDose.dose_level_id == Participant.dose_level_id,
        LevelDose.component_id == Administration.component_id,
    )
    return frame(
        sa.select(
            Administration.participant_id,
            Administration.component_id,
            Administration.given_on,
            Administration.dose,
            sa.func.coalesce(LevelDose.dose, RegimenComponent.dose).label("planned"),
            Administration.unit,
            RegimenComponent.unit.label("planned_unit"),
            Participant.first_dose_on,
            Trial.dlt_window_days,
        )
        .join(Administration.participant)
        .join(Participant.trial)
        .join(Participant.arm)
        .join(Administration.component)
        .outerjoin(LevelDose, at_level)
        .where(participants)
    )


def _dose_percent(doses, day) -> pd.Series:
    """What was given of what was planned in the window, by participant: of the component with the least."""
    given_on, first = doses["given_on"], doses["first_dose_on"]
    after = first + pd.to_timedelta(doses["dlt_window_days"].astype("float64"), unit="D")
    in_window = (given_on >= first) & (given_on < after) & (given_on <= day)
    is_known = (doses["unit"] == doses["planned_unit"]) & (doses["planned"] > 0)
    summed = (
        doses[in_window & is_known].groupby(["participant_id", "component_id"])[["dose", "planned"]].sum()
    )
    return (100 * summed["dose"] / summed["planned"]).groupby(level="participant_id").min()


@rests_on(arm_states)
def arms_frame(_participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row an arm that escalates, has two stages or watches toxicity, whoever is in it. CDISC: TA.

    arm_id, trial_id, trial, arm (TRIAL/ARM), masked, arm_status, escalation_rule, the settings as stored
    (_SETTINGS), and of the last dose decision until as_of: decided, decided_on, decided_level and
    decided_second_level (where it led), decided_figures (JSON, of the advice then).
    """
    has_rule = sa.or_(Arm.escalation_rule.is_not(None), Arm.n.is_not(None), Arm.toxicity_limit.is_not(None))
    arms = db.session.scalars(
        sa.select(Arm)
        .where(has_rule)
        .options(joinedload(Arm.trial), selectinload(Arm.dose_decisions))
        .join(Arm.trial)
        .order_by(Trial.code, Arm.code)
    ).all()
    last = {arm: _last_decision(arm, as_of) for arm in arms}
    levels = {
        level.id: level
        for level in db.session.scalars(
            sa.select(DoseLevel).where(
                DoseLevel.id.in_([one.to_level_id for one in last.values() if one and one.to_level_id])
            )
        )
    }

    def column(of, dtype):
        return pd.Series([of(arm) for arm in arms], dtype=dtype)

    def decided(name):
        return lambda arm: getattr(last[arm], name) if last[arm] else None

    def led_to(name):
        return lambda arm: last[arm] and getattr(levels.get(last[arm].to_level_id), name, None)

    return pd.DataFrame(
        {
            "arm_id": column(lambda arm: arm.id, "int64"),
            "trial_id": column(lambda arm: arm.trial_id, "int64"),
            "trial": column(lambda arm: arm.trial.code, "str"),
            "arm": column(lambda arm: f"{arm.trial.code}/{arm.code}", "str"),
            "masked": column(lambda arm: arm.trial.hides_arms, "bool"),
            "arm_status": column(lambda arm: arm.status.value, "str"),
            "escalation_rule": column(lambda arm: arm.escalation_rule and arm.escalation_rule.value, "str"),
            **{name: column(lambda arm, name=name: getattr(arm, name), "float64") for name in _SETTINGS},
            "decided": column(lambda arm: last[arm] and last[arm].decided.value, "str"),
            "decided_on": column(decided("decided_on"), "datetime64[us]"),
            "decided_level": column(led_to("level"), "Int64"),
            "decided_second_level": column(led_to("second_level"), "Int64"),
            "decided_figures": column(
                lambda arm: last[arm] and figures_text((last[arm].advice or {}).get("figures")), "str"
            ),
        }
    )


def _last_decision(arm, as_of):
    until = [one for one in arm.dose_decisions if one.decided_on <= as_of]
    return max(until, key=lambda one: (one.decided_on, one.id), default=None)


def figures_text(figures: dict | None) -> str | None:
    """What advice was given on, to compare: the counts of each level, and the current one."""
    if not figures:
        return None
    return json.dumps({name: figures.get(name) for name in ("levels", "current")}, sort_keys=True)


@rests_on(arm_states)
def levels_frame(_participants: sa.ColumnElement, _as_of: datetime.date) -> pd.DataFrame:
    """One row a dose level, whoever had it, in the order of the dose. CDISC: TA.

    dose_level_id, arm_id, trial_id, trial, arm (TRIAL/ARM), masked, level, second_level, status,
    dose: of each component, in words, such as `pembrolizumab 200 mg`.
    """
    levels = db.session.scalars(
        sa.select(DoseLevel)
        .join(DoseLevel.arm)
        .options(
            joinedload(DoseLevel.arm).joinedload(Arm.trial),
            selectinload(DoseLevel.doses).joinedload(LevelDose.component),
        )
        .order_by(DoseLevel.arm_id, DoseLevel.level, DoseLevel.second_level)
    ).all()

    def column(of, dtype):
        return pd.Series([of(level) for level in levels], dtype=dtype)

    return pd.DataFrame(
        {
            "dose_level_id": column(lambda one: one.id, "int64"),
            "arm_id": column(lambda one: one.arm_id, "int64"),
            "trial_id": column(lambda one: one.arm.trial_id, "int64"),
            "trial": column(lambda one: one.arm.trial.code, "str"),
            "arm": column(lambda one: f"{one.arm.trial.code}/{one.arm.code}", "str"),
            "masked": column(lambda one: one.arm.trial.hides_arms, "bool"),
            "level": column(lambda one: one.level, "int64"),
            "second_level": column(lambda one: one.second_level, "int64"),
            "status": column(lambda one: one.status.value, "str"),
            "dose": column(lambda one: " + ".join(str(dose) for dose in one.doses) or None, "str"),
        }
    )


@dataclass(frozen=True)
class ArmStanding:
    """Where an arm stands.

    settings: its row of arms_frame. levels: its rows of levels_frame with `name` (the level, or the pair),
    treated, evaluable, dlt, pending, replaced. participants: its rows of dlt_frame with `name`. current: the name of
    the level that the next participant would have without another decision.
    """

    settings: dict
    levels: pd.DataFrame
    participants: pd.DataFrame
    current: int | tuple[int, int] | None
    advice: Advice | None
    stages: StageState | None
    boundary: ToxicityBoundary | None
    toxicity: ToxicityState | None

    @property
    def arm_id(self) -> int:
        return self.settings["arm_id"]

    @property
    def arm(self) -> str:
        return self.settings["arm"]

    @property
    def rule(self) -> EscalationRule | None:
        rule = self.settings["escalation_rule"]
        return EscalationRule(rule) if rule else None

    @property
    def seen(self) -> list[Level]:
        """The levels as the rules take them."""
        return _seen(self.levels)

    @property
    def is_closed(self) -> bool:
        return self.settings["arm_status"] == EnrolmentStatus.CLOSED

    @property
    def decision_is_due(self) -> bool:
        """Whether the rule has something to advise that nobody has decided on yet; a closed arm awaits nothing."""
        if self.advice is None or self.advice.is_held or self.is_closed:
            return False
        if figures_text(self.advice.figures) == self.settings["decided_figures"]:
            return False
        goes_on = self.settings["decided"] == DoseAction.EXPAND and self.advice.action is DoseAction.EXPAND
        return not (goes_on and self.advice.next_levels == (self.current,))

    @property
    def crossed(self) -> dict[str, object]:
        """The boundaries that the arm has crossed, of its two stages and of its toxicity, each with why."""
        states = {"stages": self.stages, "toxicity": self.toxicity}
        return {
            name: state.reason for name, state in states.items() if state is not None and state.is_crossed
        }

    @property
    def boundaries_crossed(self) -> list:
        """Why the arm should be decided on."""
        return list(self.crossed.values())


def arm_standings(outcomes, dlt, arms, levels) -> list[ArmStanding]:
    """Where each arm stands, in the order of the arms, from outcomes_frame and the frames above."""
    known = dlt.merge(outcomes[["participant_id"]], on="participant_id")
    by_arm = dict(iter(known.groupby("arm_id")))
    of_arm = dict(iter(levels.groupby("arm_id")))
    treated = outcomes[outcomes["treated"]].sort_values(["first_dose_on", "participant_id"])
    treated_in = dict(iter(treated.groupby("arm")))
    return [
        _standing(
            settings,
            of_arm.get(settings["arm_id"], levels[:0]),
            by_arm.get(settings["arm_id"], known[:0]),
            treated_in.get(settings["arm"], treated[:0]),
        )
        for settings in arms.astype(object).where(arms.notna(), None).to_dict("records")
    ]


def _standing(settings, levels, participants, treated) -> ArmStanding:
    target = settings["target_dlt_rate"]
    if target is not None and not LEAST_TARGET <= target <= LARGEST_TARGET:
        settings = settings | {"target_dlt_rate": None}  # forms refuse it
    is_pair = settings["escalation_rule"] == EscalationRule.BOIN_COMB
    participants = participants.assign(name=_names(participants, is_pair))
    levels = levels.assign(name=_names(levels, is_pair), **_counts(levels, participants))
    current = _current(levels, participants, settings, is_pair)
    status = participants["dlt_status"]
    dlt, n = (status == DltStatus.DLT).sum(), status.isin([DltStatus.DLT, DltStatus.NONE]).sum()
    boundary = _boundary(settings)
    return ArmStanding(
        settings,
        levels,
        participants,
        current,
        _advice(levels, current, settings),
        stage_state(_design(settings), _responded(treated)) if settings["n"] is not None else None,
        boundary,
        toxicity_state(boundary, int(dlt), int(n)) if boundary else None,
    )


def _names(frame_, is_pair) -> pd.Series:
    """The level of each row: its number, or of two agents the pair; None where there is none."""
    first, second = frame_["level"].tolist(), frame_["second_level"].tolist()
    names = [
        None if pd.isna(one) else (int(one), int(other)) if is_pair else int(one)
        for one, other in zip(first, second)
    ]
    return pd.Series(names, frame_.index, dtype=object)


def _counts(levels, participants) -> dict[str, pd.Series]:
    """How many of each DLT status had the level."""
    table = (
        participants.groupby(["dose_level_id", "dlt_status"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=[one.value for one in DltStatus], fill_value=0)
        .reindex(levels["dose_level_id"], fill_value=0)
        .set_axis(levels.index)
    )
    dlt, none = table[DltStatus.DLT.value], table[DltStatus.NONE.value]
    counts = {"treated": table.sum(axis="columns"), "evaluable": dlt + none, "dlt": dlt}
    counts |= {"pending": table[DltStatus.PENDING.value], "replaced": table[DltStatus.NOT_EVALUABLE.value]}
    return {name: count.astype("int64") for name, count in counts.items()}


def _current(levels, participants, settings, is_pair):
    """Where the last decision led; a participant treated since at a higher level moves it, a lower one is backfill.

    Without a decision the level of the participant who was treated last, and before anybody the lowest that is open.
    """
    names = list(levels["name"])
    if not names:
        return None
    treated = participants[participants["first_dose_on"].notna() & participants["name"].notna()]
    decided = settings["decided_level"]
    if decided is not None:
        name = (int(decided), int(settings["decided_second_level"])) if is_pair else int(decided)
        since = treated[treated["first_dose_on"] > settings["decided_on"]]
        return max([name, *since["name"]], key=height) if name in names else names[0]
    if len(treated):
        latest = treated[treated["first_dose_on"] == treated["first_dose_on"].max()]
        return max(latest["name"], key=height)
    is_open = ~levels["status"].isin(CLOSED)
    return next(iter(levels["name"][is_open]), names[0])


def height(name) -> int:
    """How far up a level is; of a pair the steps of both agents together."""
    return sum(name) if isinstance(name, tuple) else name


def _advice(levels, current, settings) -> Advice | None:
    """What the arm's rule advises; None where it has no levels, or its rule no target."""
    rule = settings["escalation_rule"]
    needs_target = rule is not None and rule != EscalationRule.THREE_PLUS_THREE
    if rule is None or current is None or (needs_target and settings["target_dlt_rate"] is None):
        return None
    maximum = settings["maximum_n"]
    return next_dose(
        EscalationRule(rule),
        _seen(levels),
        current,
        settings["target_dlt_rate"],
        int(settings["cohort_size"] or COHORT_SIZE),
        int(maximum) if maximum else None,
    )


def _seen(levels) -> list[Level]:
    return [
        Level(row["name"], row["evaluable"], row["dlt"], row["pending"], row["status"] in CLOSED)
        for row in levels.to_dict("records")
    ]


def _responded(treated) -> list[bool | None]:
    """Whether each participant responded, in the order of the first dose; None where it cannot be known yet."""
    is_known = ~treated["pending"].astype(bool)
    responded = treated["best_response"].isin(_RESPONDED)
    return [bool(one) if known or one else None for one, known in zip(responded, is_known)]


def _design(settings) -> Design:
    return Design(*(int(settings[name]) for name in ("r1", "n1", "r", "n")))


def _boundary(settings) -> ToxicityBoundary | None:
    """The arm's boundary for toxicity; a prior or a least number that is not stated is Beta(1, 1) and 1."""
    limit, certainty = settings["toxicity_limit"], settings["toxicity_certainty"]
    if limit is None or certainty is None:
        return None
    return ToxicityBoundary(
        limit,
        certainty,
        settings["toxicity_prior_a"] or 1.0,
        settings["toxicity_prior_b"] or 1.0,
        int(settings["toxicity_least_n"] or 1),
    )


def standings_in_scope(as_of: datetime.date, **of: int) -> list[ArmStanding]:
    """Where the arms stand that the reader may see and that have levels, a rule, stages or a boundary.

    Masked ones are left out; `arm_id` or `trial_id` asks for some.
    """
    trials = [of["trial_id"]] if "trial_id" in of else None
    arms, levels = frames_in_scope([arms_frame, levels_frame], as_of, trials)
    arms = masked_for_reader(arms)
    is_ruled = arms[_RULES].notna().any(axis="columns") | arms["arm_id"].isin(levels["arm_id"])
    arms = arms[(arms["arm"] != MASKED) & is_ruled]
    for name, value in of.items():
        arms = arms[arms[name] == value]
    if arms.empty:
        return []
    outcomes, dlt = frames_in_scope([outcomes_frame, dlt_frame], as_of, arms["trial_id"].unique())
    return arm_standings(outcomes, dlt, arms, levels)

"""The dose escalations of the demonstration centre: their levels, what was seen there, and what was decided.

ITX-204 alone by 3+3, with pembrolizumab by BOIN, and both ITX-204 and ITX-310 by BOIN-COMB, at a target of 30 %. The
advice beside each decision is that of the tracker's own rules.
"""

import datetime
from dataclasses import dataclass

from tracker.extensions import db
from tracker.models import DoseDecision, DoseLevel, LevelDose, Trial, User
from tracker.rules.advice import Level
from tracker.rules.escalation import next_dose
from tracker.terms.trial import DoseAction, DoseLevelStatus, EscalationRule

_FIRST, _SECOND = "ITX-204", "ITX-310"

#: A level's number, of two agents the pair.
Name = int | tuple[int, int]


@dataclass(frozen=True)
class Step:
    """A cohort at one level: how many were treated, had a DLT, could not be judged; and what was decided after it.

    decided: None where nobody has decided yet; reason: why otherwise than advised.
    """

    level: Name
    n: int
    dlt: int = 0
    replaced: int = 0
    decided: tuple[DoseAction, Name] | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Ladder:
    """The escalation of a trial's only arm. levels: by name, the mg of each agent that is escalated; and status."""

    rule: EscalationRule
    levels: dict[Name, tuple[dict[str, float], DoseLevelStatus]]
    steps: tuple[Step, ...]
    settings: dict

    @property
    def sizes(self) -> list[int]:
        return [step.n for step in self.steps]


_UP, _STAY, _EXPAND, _DOWN = DoseAction.ESCALATE, DoseAction.STAY, DoseAction.EXPAND, DoseAction.DE_ESCALATE
_CLEARED, _OPEN, _CLOSED, _PLANNED = (
    DoseLevelStatus.CLEARED,
    DoseLevelStatus.OPEN,
    DoseLevelStatus.CLOSED,
    DoseLevelStatus.PLANNED,
)

LADDERS = {
    "CCI-ITX-08": Ladder(
        EscalationRule.THREE_PLUS_THREE,
        {
            1: ({_FIRST: 10}, _CLEARED),
            2: ({_FIRST: 30}, _CLEARED),
            3: ({_FIRST: 100}, _CLEARED),
            4: ({_FIRST: 300}, _CLOSED),
        },
        (
            Step(1, 3, decided=(_UP, 2)),
            Step(2, 4, replaced=1, decided=(_UP, 3)),
            Step(3, 3, dlt=1, decided=(_EXPAND, 3)),
            Step(3, 3, decided=(_UP, 4)),
            Step(4, 3, dlt=2, decided=(DoseAction.DECLARE_MTD, 3)),
        ),
        {"cohort_size": 3, "maximum_n": 24},
    ),
    "CCI-ITX-09": Ladder(
        EscalationRule.BOIN,
        {
            1: ({_FIRST: 30}, _CLEARED),
            2: ({_FIRST: 100}, _OPEN),
            3: ({_FIRST: 200}, _OPEN),
            4: ({_FIRST: 300}, _PLANNED),
        },
        (
            Step(1, 3, decided=(_UP, 2)),
            Step(2, 3, dlt=1, decided=(_STAY, 2)),
            Step(
                2, 3, decided=(_STAY, 2),
                reason="One late hepatitis of grade 2: three more at this level before the next.",
            ),
            Step(2, 3, decided=(_UP, 3)),
            Step(3, 3, dlt=2, decided=(_DOWN, 2)),
            Step(2, 3, dlt=1),
        ),
        {"cohort_size": 3, "maximum_n": 30, "target_dlt_rate": 0.3},
    ),
    "CCI-ITX-12": Ladder(
        EscalationRule.BOIN_COMB,
        {
            (1, 1): ({_FIRST: 30, _SECOND: 100}, _CLEARED),
            (2, 1): ({_FIRST: 100, _SECOND: 100}, _CLEARED),
            (3, 1): ({_FIRST: 200, _SECOND: 100}, _PLANNED),
            (1, 2): ({_FIRST: 30, _SECOND: 300}, _PLANNED),
            (2, 2): ({_FIRST: 100, _SECOND: 300}, _OPEN),
            (3, 2): ({_FIRST: 200, _SECOND: 300}, _PLANNED),
        },
        (
            Step((1, 1), 3, decided=(_UP, (2, 1))),
            Step((2, 1), 3, decided=(_UP, (2, 2))),
            Step((2, 2), 3, dlt=1, decided=(_STAY, (2, 2))),
            Step((2, 2), 3),
        ),
        {"cohort_size": 3, "maximum_n": 36, "target_dlt_rate": 0.3},
    ),
}  # fmt: skip


def store_levels(trial: Trial, ladder: Ladder) -> dict[Name, DoseLevel]:
    """The levels of the trial's arm by name, and the arm's rule."""
    (arm,) = trial.arms
    arm.escalation_rule = ladder.rule
    for name, value in ladder.settings.items():
        setattr(arm, name, value)
    levels = {}
    for name, (doses, status) in ladder.levels.items():
        first, second = name if isinstance(name, tuple) else (name, 1)
        level = levels[name] = DoseLevel(arm=arm, level=first, second_level=second, status=status)
        for component in arm.regimen.components:
            dose = doses.get(component.agent.name, component.dose)
            level.doses.append(LevelDose(component=component, dose=dose))
    db.session.add_all(levels.values())
    db.session.flush()
    return levels


def place_on_ladder(people, ladder: Ladder, levels: dict[Name, DoseLevel]):
    """Who had which level, and with what end. people: in the order of their enrolment."""
    waiting = iter(people)
    for step in ladder.steps:
        doses, _status = ladder.levels[step.level]
        for number in range(step.n):
            person = next(waiting)
            person.has_dlt = number < step.dlt
            person.row["dose_level_id"] = levels[step.level].id
            person.planned |= doses
            if number >= step.n - step.replaced:
                person.row["dlt_not_evaluable_reason"] = "Second dose not given for a fracture of the wrist"


def store_decisions(trial: Trial, ladder: Ladder, levels: dict[Name, DoseLevel], people, by: User):
    """What was decided after each cohort, a few days after the last window of it."""
    (arm,) = trial.arms
    seen = {name: [0, 0] for name in ladder.levels}
    rest = list(people)
    for step in ladder.steps:
        cohort, rest = rest[: step.n], rest[step.n :]
        seen[step.level][0] += step.n - step.replaced
        seen[step.level][1] += step.dlt
        if step.decided is None:
            continue
        action, to_level = step.decided
        last = max(one.row["first_dose_on"] for one in cohort)
        advice = next_dose(
            ladder.rule,
            [Level(name, n, dlt) for name, (n, dlt) in seen.items()],
            step.level,
            ladder.settings.get("target_dlt_rate"),
            ladder.settings["cohort_size"],
            ladder.settings["maximum_n"],
        )
        db.session.add(
            DoseDecision(
                arm=arm,
                from_level=levels[step.level],
                to_level=levels[to_level],
                advice={
                    "rule": advice.rule.value,
                    "version": advice.version,
                    "action": advice.action.value,
                    "next_levels": list(advice.next_levels),
                    "reason": str(advice.reason),
                    "figures": advice.figures,
                },
                decided=action,
                decided_on=last + datetime.timedelta(days=trial.dlt_window_days + 2),
                decided_by=by,
                override_reason=step.reason,
            )
        )

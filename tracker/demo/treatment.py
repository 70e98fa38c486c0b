"""Doses of the demonstration centre: as planned, but for those that were late, reduced or left out."""

import datetime
from dataclasses import dataclass

from tracker.audit import store_rows
from tracker.demo.chance import Chance
from tracker.demo.regimen import Schedule
from tracker.models import Administration
from tracker.terms.treatment import Modification

_WHY_LATE = [
    "Participant's request",
    "Intercurrent infection",
    "Public holiday",
    "Result of the scan awaited",
]


@dataclass
class Dose:
    """One dose. place: that of its component in the regimen; dose: in the component's unit, 0 where omitted."""

    cycle: int
    day: int
    place: int
    dose: float
    modification: Modification | None = None
    reason: str | None = None


def draw_doses(schedule: Schedule, cycles: list[int], until: int, chance: Chance) -> list[Dose]:
    """cycles: the days on which cycles began; until: the first day on which nothing is given any more."""
    found, reductions = [], [0] * len(schedule.components)
    for number, start in enumerate(cycles, start=1):
        is_late = number > 1 and start - cycles[number - 2] > schedule.cycle_days
        for place, component in enumerate(schedule.components):
            if not component.cycles[0] <= number <= component.cycles[1]:
                continue
            if number > 1 and reductions[place] < len(component.reduced) and chance.one() < 0.05:
                reductions[place] += 1
            dose = (component.dose, *component.reduced)[reductions[place]]
            for day in component.days:
                if start + day - 1 >= until:
                    continue
                is_first = day == component.days[0]
                one = Dose(number, start + day - 1, place, dose)
                if is_late and is_first:
                    one.modification = Modification.DELAYED
                    one.reason = chance.which(_WHY_LATE, [35, 30, 20, 15], 1)[0]
                elif not is_first and chance.one() < 0.07:
                    one.dose, one.modification = 0, Modification.OMITTED
                    one.reason = "Neutrophils below the protocol's limit"
                elif reductions[place]:
                    one.modification, one.reason = Modification.REDUCED, "Earlier toxicity of this agent"
                found.append(one)
    return sorted(found, key=lambda one: (one.day, one.place))


def store_doses(people, regimens):
    """people: of one trial, with their schedule; regimens: by name."""
    rows = []
    for person in people:
        first, components = person.row["first_dose_on"], regimens[person.regimen].components
        if first is None or person.row["undated"]:
            continue
        for one in person.course.doses:
            component = components[one.place]
            planned = person.planned.get(component.agent.name)
            rows.append(
                {
                    "participant_id": person.id,
                    "component_id": component.id,
                    "cycle": one.cycle,
                    "given_on": first + datetime.timedelta(days=one.day),
                    "dose": float(one.dose if planned is None else planned),
                    "unit": component.unit,
                    "modification": one.modification,
                    "modification_reason": one.reason,
                }
            )
    store_rows(Administration, rows)

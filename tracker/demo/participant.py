"""Participants of the demonstration centre: who they are, when they came, and what their trial reports of them."""

import datetime
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tracker.audit import store_rows
from tracker.demo.biomarker import draw_markers
from tracker.demo.chance import Chance
from tracker.demo.escalation import LADDERS, place_on_ladder
from tracker.demo.outcome import MONTH, Course, Prospects, draw_prospects, follow
from tracker.demo.regimen import SCHEDULES
from tracker.demo.trial import Group, Plan, months
from tracker.models import Participant, ReportedOutcome, Trial
from tracker.models.participant import UNDATED_DAY_1
from tracker.terms.participant import Stage
from tracker.terms.trial import Setting

_day = datetime.timedelta

_FEMALE = {"BREAST": 1.0, "OVARY": 1.0, "UTERUS": 1.0, "LUNG": 0.42, "HEAD_NECK": 0.2, "BLADDER": 0.25}
_AGES = {"BREAST": 55, "LUNG": 64, "BLADDER": 69, "SKIN": 60}


@dataclass
class Person:
    """A participant: what is stored of them, what their tumor is like, and what becomes of them.

    planned: the dose of an agent by its name, where it is not that of the regimen.
    """

    group: Group
    markers: dict
    course: Course
    row: dict
    regimen: str
    planned: dict[str, float] = field(default_factory=dict)
    has_dlt: bool = False
    id: int | None = None

    @property
    def seen_on(self) -> datetime.date:
        """The day up to which the centre knows of the participant."""
        return self.row["first_dose_on"] + _day(days=self.course.seen_until)


def enrol(plan: Plan, trial: Trial, now: datetime.date, levels, chance: Chance) -> list[Person]:
    """Store the participants of a trial, in the order of their enrolment, and where no assessment tells what became of
    them what is reported.

    now: the day that the centre's data reach up to. levels: the dose levels of an escalation.
    """
    ladder = LADDERS.get(plan.code)
    drawn = [_draw(group, 90 if ladder else 0, chance) for group in plan.groups]
    # Who responds came neither earlier nor later than others.
    kinds = np.concatenate([2 * number + one.prospects.responds for number, one in enumerate(drawn)])
    ranks = chance.evenly_within(kinds).argsort().argsort()
    days = _enrolment_days(plan, trial, now, chance)
    enrolled = iter([days[rank] for rank in ranks])
    people = [person for one in drawn for person in _people(plan, trial, one, enrolled, now, chance)]
    people.sort(key=lambda person: person.row["enrolled_on"] or UNDATED_DAY_1)
    arms = {arm.code: arm.id for arm in trial.arms}
    cohorts = {cohort.name: cohort.id for cohort in trial.cohorts}
    prefix = "".join(trial.code.split("-")[1:])
    for number, person in enumerate(people, start=1):
        person.row |= {
            "trial_id": trial.id,
            "code": f"{prefix}-{number:03}",
            "arm_id": arms[person.group.arm],
            "cohort_id": cohorts.get(person.group.cohort),
        }
    if ladder:
        place_on_ladder(people, ladder, levels)
    for arm, number in plan.dlts.items():
        for person in [one for one in people if one.group.arm == arm and one.course.seen_until > 28][:number]:
            person.has_dlt = True
    for person, key in zip(people, store_rows(Participant, [one.row for one in people]), strict=True):
        person.id = key
    if not plan.has_assessments:
        store_rows(ReportedOutcome, [one for person in people if (one := _reported(plan, person, now))])
    return people


def _enrolment_days(plan, trial, now, chance):
    """Weekdays, ascending: few at first, then more; in a dose escalation one cohort after the other."""
    n = sum(group.n for group in plan.groups)
    first = trial.opened_on + _day(days=9)
    last = trial.opened_on + months(plan.accrual_months) if plan.accrual_months else now - _day(days=3)
    span = (last - first).days
    if plan.code in LADDERS:
        sizes = LADDERS[plan.code].sizes
        after = [
            place * (span - 14) / (len(sizes) - 1) + 5 * number
            for place, size in enumerate(sizes)
            for number in range(size)
        ]
    else:
        after = np.sort(chance.evenly(n)) ** 0.8 * span
    return [_weekday(first + _day(days=int(one)), -1) for one in after]


def _weekday(date, direction):
    """The date, or the next weekday in that direction."""
    while date.weekday() > 4:
        date += _day(days=direction)
    return date


@dataclass
class _Drawn:
    """What a group's participants bring with them."""

    group: Group
    markers: pd.DataFrame
    lines: list[int]
    prospects: Prospects


def _draw(group, shortest, chance):
    markers = draw_markers(group, chance)
    lines = chance.which([0, 1, 2, 3, 4], group.prior_lines, group.n)
    return _Drawn(group, markers, lines, draw_prospects(group, markers, lines, shortest, chance))


def _people(plan, trial, drawn, enrolled, now, chance):
    group, markers, lines, prospects = drawn.group, drawn.markers, drawn.lines, drawn.prospects
    n, is_early = group.n, plan.setting is Setting.NEOADJUVANT
    regimen = next(regimen for code, _title, _type, regimen, _n in plan.arms if code == group.arm)
    schedule = SCHEDULES[regimen]
    person = {
        "sex": np.where(chance.happens(np.full(n, _FEMALE.get(group.location, 0.4))), "female", "male"),
        "age": (_AGES.get(group.location, 61) + 10.5 * chance.normal(n)).clip(24, 88),
        "ecog": chance.which([0, 1, 2], [48, 44, 8], n),
        "diagnosis": chance.which(group.diagnoses, [1] * len(group.diagnoses), n),
        "stage": chance.which([Stage.II, Stage.III], [65, 35], n) if is_early else [Stage.IV] * n,
        "lines_known": ~chance.happens(np.full(n, 0.0 if is_early else 0.06)),
        "ecog_known": ~chance.happens(np.full(n, 0.04)),
        "had_immunotherapy": chance.happens(np.where(np.array(lines) > 1, 0.22, 0.0)),
        "consents_to_samples": ~chance.happens(np.full(n, 0.08)),
        "consented": chance.integers(2, 15, n),
        "waited": chance.integers(0, 5, n),
    }
    for place in range(n):
        said = {name: values[place] for name, values in person.items()}
        row = {
            "undated": plan.undated,
            "sex": str(said["sex"]),
            "ecog": said["ecog"] if said["ecog_known"] else None,
            "tumor_location": group.location,
            "diagnosis": said["diagnosis"],
            "subtype": group.subtype,
            "stage": said["stage"],
            "prior_lines": str(lines[place]) if said["lines_known"] else None,
            "prior_immunotherapy": bool(said["had_immunotherapy"]),
        }
        if plan.undated:
            until = int(chance.integers(120, 1500, 1)[0])
            course = follow(prospects, place, schedule, until, False, chance)
            row |= {"age_at_enrolment": round(float(said["age"])), "enrolled_on": None}
            row |= _dates(course, UNDATED_DAY_1)
        else:
            came = next(enrolled)
            first = _weekday(came + _day(days=int(said["waited"])), 1)
            end = trial.closed_on or now
            if first > end:
                course, first = Course(False, 0, alive_on=0), None
            else:
                course = follow(prospects, place, schedule, (end - first).days, bool(plan.closed), chance)
            row |= {
                "birth_year": came.year - int(said["age"]),
                "consented_on": came - _day(days=int(said["consented"])),
                "enrolled_on": came,
                "consents_to_data_research": True,
                "consents_to_sample_research": bool(said["consents_to_samples"]),
                **(_dates(course, first) if first else {"first_dose_on": None, "last_known_alive_on": came}),
            }
        if is_early and course.seen_until >= _SURGERY:
            course.pcr = course.responds
        yield Person(group, markers.loc[place].to_dict(), course, row, regimen)


#: Days from the first dose to the report of the surgery, in the neoadjuvant setting.
_SURGERY = 165


def _dates(course, first):
    def on(day):
        return None if day is None else first + _day(days=day)

    off_treatment, why_off = course.off_treatment or (None, None)
    off_study, why_gone = course.off_study or (None, None)
    return {
        "first_dose_on": first,
        "last_dose_on": on(course.last_dose),
        "new_therapy_on": on(course.new_therapy),
        "off_treatment_on": on(off_treatment),
        "off_treatment_reason": why_off,
        "off_study_on": on(off_study),
        "off_study_reason": why_gone,
        "last_known_alive_on": on(course.alive_on),
        "died_on": on(course.died),
    }


def _reported(plan, person, now):
    """The outcome as the source gives it, once the first assessment is in."""
    course, first = person.course, person.row["first_dose_on"]
    if first is None or (not course.visits and course.died is None and (now - first).days < 63):
        return None
    best = course.best_response
    pfs, progressed = course.pfs
    os, died = course.os
    has_benefit = best in ("CR", "PR") or (best == "SD" and pfs >= 168)
    return {
        "participant_id": person.id,
        "best_overall_response": best,
        "clinical_benefit": has_benefit,
        "pathological_complete_response": course.pcr,
        "pfs_months": round(min(pfs, os) / MONTH, 2),
        "pfs_event": progressed,
        "os_months": round(os / MONTH, 2),
        "os_event": died,
        "source": "register, as received" if plan.undated else "case report form",
    }

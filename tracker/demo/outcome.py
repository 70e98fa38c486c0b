"""What becomes of a synthetic participant: response, progression, survival, and the visits that saw it.

Response under immunotherapy depends on PD-L1, mutational burden, microsatellites and inflammation, and on prior
treatment; survival also on the neutrophil-to-lymphocyte ratio and LDH, under any treatment alike. So PD-L1 is
predictive where an arm with and one without immunotherapy are compared, and the ratio is prognostic only.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from tracker.demo.biomarker import CPS_CUTOFF, LDH_CUTOFF, NLR_CUTOFF, TMB_CUTOFF
from tracker.demo.chance import Chance
from tracker.demo.regimen import Schedule
from tracker.demo.treatment import Dose, draw_doses
from tracker.demo.trial import Group

MONTH = 30.4375

#: Days from one assessment to the next.
INTERVAL = 56


@dataclass
class Course:
    """Days are counted from the first dose, which is day 0; None where it did not happen in sight.

    seen_until: up to when the centre knows of the participant.
    visits: the day and the response (CR, PR, SD, PD) of every assessment in sight.
    doses: those of every component, in the order of the days.
    """

    responds: bool
    seen_until: int
    visits: list[tuple[int, str]] = field(default_factory=list)
    doses: list[Dose] = field(default_factory=list)
    progressed: int | None = None
    died: int | None = None
    last_dose: int | None = None
    off_treatment: tuple[int, str] | None = None
    off_study: tuple[int, str] | None = None
    new_therapy: int | None = None
    alive_on: int | None = None
    pcr: bool | None = None

    @property
    def best_response(self) -> str:
        """The best response that a second visit confirmed, else SD, PD or NE."""
        calls = [call for _day, call in self.visits]
        confirmed = [two for one, two in itertools.pairwise(calls) if {one, two} <= {"CR", "PR"}]
        if confirmed:
            return "CR" if "CR" in confirmed else "PR"
        if not calls:
            return "NE"
        return "PD" if calls[0] == "PD" else "SD"

    @property
    def pfs(self) -> tuple[int, bool]:
        """Days to progression or death and whether there was one; else to the last assessment."""
        events = [day for day in (self.progressed, self.died) if day is not None]
        if events:
            return min(events), True
        return max([0, *(day for day, _call in self.visits)]), False

    @property
    def os(self) -> tuple[int, bool]:
        return (self.died, True) if self.died is not None else (self.alive_on, False)


@dataclass
class Prospects:
    """What is in store for the participants of a group, whether or not it comes in sight. Shapes (n,), days."""

    responds: np.ndarray
    progression: np.ndarray
    survival: np.ndarray
    is_stable: np.ndarray


def draw_prospects(group: Group, markers, lines, shortest: int, chance: Chance) -> Prospects:
    """markers: of draw_markers; lines: prior lines of each; shortest: days that everybody lives."""
    n = group.n
    is_high = (markers["cps"] >= CPS_CUTOFF).to_numpy()
    benefit = -0.2 * np.asarray(lines, float)
    if group.pd_l1:
        benefit += 1.0 * group.pd_l1 * is_high + 1.8 * markers["msi"].to_numpy()
        benefit += 0.8 * np.log(markers["tmb"].to_numpy() / 5).clip(-1.5, 2)
        benefit += 0.6 * markers["inflamed"].to_numpy()
    probability = _with_mean(benefit, group.orr)
    is_nlr_high = (markers["nlr"] >= NLR_CUTOFF).to_numpy()
    alike = 8 * is_high + 4 * (markers["tmb"] >= TMB_CUTOFF).to_numpy() + 2 * is_nlr_high
    responds = chance.happens(probability, alike + probability)
    risk = 1.05 * is_nlr_high + 0.35 * (markers["ldh"] >= LDH_CUTOFF)
    risk = (risk + 0.15 * markers["burden"]).to_numpy()
    risk = risk - risk.mean() - 0.32 * group.pd_l1 * (is_high - 0.5)
    odds = np.log(1 / group.stable - 1)
    is_stable = ~responds & (chance.evenly_within(responds) < 1 / (1 + np.exp(odds + 0.6 * risk)))
    lasting = np.where(responds, 2 + 2 * group.pfs_months, max(group.pfs_months - 1.8, 0.5)) * MONTH
    if group.pd_l1:
        lasting = np.where(responds & (chance.evenly_within(responds) < 0.3), 8 * lasting, lasting)
    start = np.where(responds, 4 * INTERVAL + 10, INTERVAL)
    alike = 2 * is_high + is_nlr_high
    waited = -np.log2(chance.evenly_within(alike))
    progression = start + lasting * waited * np.exp(-np.where(responds, 0.5, 0.9) * risk)
    progression = np.where(responds | is_stable, progression, chance.integers(18, 50, n))
    after = -np.log2(chance.evenly_within(alike)) * 0.72 * group.os_months * MONTH * np.exp(-risk)
    return Prospects(responds, progression, np.maximum(progression + after + 5, shortest), is_stable)


def _with_mean(benefit, rate):
    """Probabilities on the logistic scale that differ by the benefit and have the rate as their mean."""
    if rate == 0:
        return np.zeros(len(benefit))
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        found = 1 / (1 + np.exp(-(benefit + middle)))
        low, high = (middle, high) if found.mean() < rate else (low, middle)
    return found


def follow(prospects: Prospects, place, schedule: Schedule, until: int, ends: bool, chance: Chance) -> Course:
    """The course of one participant of a group.

    until: days from the first dose that are in sight; ends: whether the trial then ends.
    """
    responds, survival = bool(prospects.responds[place]), int(prospects.survival[place])
    lost = int(60 + 840 * chance.one())
    leaves = chance.which([None, "lost to follow-up", "consent withdrawn"], [94, 4, 2], 1)[0]
    seen = min(until, lost) if leaves and lost < survival else until
    died = survival if survival <= seen else None
    course = Course(responds, seen if died is None else died, died=died)
    _assess(course, prospects, place, chance)
    _treat(course, schedule, chance)
    if course.progressed is not None and chance.one() < 0.45:
        new = max(course.progressed, course.last_dose) + int(chance.integers(14, 45, 1)[0])
        course.new_therapy = new if new <= course.seen_until else None
    if died is not None:
        course.off_study = died, "death"
    elif seen < until:
        course.off_study = seen, leaves
    elif ends:
        course.off_study = seen, "completed"
    last = [0, course.last_dose, course.new_therapy or 0, *(day for day, _call in course.visits)]
    told = seen - (0 if course.off_study else int(chance.integers(0, 28, 1)[0]))
    course.alive_on = None if died is not None else max([told, *last])
    return course


def _assess(course, prospects, place, chance):
    """Visits every eight weeks until one sees progression."""
    progression = int(prospects.progression[place])
    onset = chance.which([1, 2, 3], [68, 24, 8], 1)[0]
    becomes_complete = chance.one() < 0.22
    for number in range(1, 60):
        day = number * INTERVAL + int(chance.integers(-4, 4, 1)[0])
        is_missed = number > 4 and chance.one() < 0.03
        if day > course.seen_until or (course.died is not None and day >= course.died):
            return
        if progression <= day:
            course.visits.append((day, "PD"))
            course.progressed = day
            return
        if is_missed:
            continue
        if not course.responds or number < onset:
            call = "SD"
        else:
            call = "CR" if becomes_complete and number > onset else "PR"
        course.visits.append((day, call))


def _treat(course, schedule, chance):
    """Cycles, a few of them late, until something ends the treatment."""
    ends = []
    kinds = ["adverse event", "participant's decision", "physician's decision", None]
    kind = chance.which(kinds, [14 if len(schedule.components) > 1 else 7, 3, 2, 80], 1)[0]
    if kind:
        ends.append((int(chance.integers(32, 330, 1)[0]), kind))
    if course.progressed is not None:
        ends.append((course.progressed + int(chance.integers(1, 9, 1)[0]), "progression"))
    if course.died is not None:
        ends.append((course.died, "death"))
    until = min([course.seen_until + 1, *(day for day, _reason in ends)])
    cycles, day = [], 0
    while day < until and len(cycles) < schedule.cycles:
        cycles.append(day)
        is_late = len(cycles) > 1 and chance.one() < 0.06
        day += schedule.cycle_days + (7 if is_late else 0)
    if len(cycles) == schedule.cycles:
        ends.append((cycles[-1] + schedule.cycle_days, "completed"))
    end, reason = min(ends, default=(None, None))
    if end is not None and end <= course.seen_until:
        course.off_treatment = end, reason
    course.doses = draw_doses(schedule, cycles, until, chance)
    course.last_dose = max(one.day for one in course.doses if one.dose)

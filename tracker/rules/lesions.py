"""Every lesion at every assessment of its participant, as columns.

The grid has a row for each assessment and each lesion of its participant, whether measured or not, by
participant, date and lesion: a participant's rows are a matrix of assessments by lesions, so that what was found
before of the same lesion is found without searching.
"""

import numpy as np
import pandas as pd

from tracker.terms.response import LesionState

#: Micrometres in a millimetre.
UM = 1000

#: A node whose short axis is below this is normal (Eisenhauer 2009, section 4.3.1).
NODE_UM = 10 * UM

#: What counts for a lesion that is seen but too small to measure (section 4.3.2).
TOO_SMALL_UM = 5 * UM

#: The largest diameter that a lesion can have, in mm.
LARGEST_MM = 500

#: Days before the first dose in which the baseline should lie (section 4.1: never more than 4 weeks before).
BASELINE_DAYS = 28

_NEVER = -(2**40)


class LesionGrid:
    """Assessments in time order (`visits`, `day`, `after`, `time_point`, ...), and lesions at each (`role`, `um`, ...).

    Of an assessment: day, before and after (the first dose; on its day is before), time_point (the row of the first
    assessment of its time point), closes (it is the last of its time point). Of a participant: first_of (the row of
    the first assessment), treated_from (a day). Of a lesion at an assessment: visit (the row of the assessment),
    lesion (its row in `lesions`), role, um (micrometres that count for a sum; -1 where unknown), evaluated, seen
    (there, and no node below 10 mm), progressed (unequivocally), recorded (at this very assessment).
    """

    def __init__(self, participants, lesions, assessments, measurements):
        self.participant_ids = participants["participant_id"].to_numpy()
        index = pd.Index(self.participant_ids)
        self.treated_from = days(participants["first_dose_on"])
        self._order_visits(index, assessments)
        self._order_lesions(index, lesions)
        self._lay_out()
        self._place(measurements)
        self._join_time_points(participants["assessment_window_days"].to_numpy(np.int64))

    def count(self, mask) -> np.ndarray:
        """How many lesions of each assessment the mask holds."""
        return np.bincount(self.visit[mask], minlength=self.day.size)

    def sum(self, values) -> np.ndarray:
        """The sum of whole numbers over the lesions of each assessment."""
        return np.bincount(self.visit, values, minlength=self.day.size).astype(np.int64)

    def stand(self, mask) -> tuple[np.ndarray, np.ndarray]:
        """Which lesions of the mask appear at an assessment, and which are there until recorded as absent."""
        last = self._last(mask & self.evaluated)
        standing = mask & (last >= 0) & self.seen[last]
        before = self._before(standing)
        return standing & self.recorded & ~before, standing

    def increase(self) -> np.ndarray:
        """Which lesions grew since they were last measured, or are recorded as unequivocally progressed."""
        return (self.growth() > 0) | (self.progressed & self.recorded)

    def growth(self) -> np.ndarray:
        """Micrometres that each lesion gained since it was last measured; 0 where that is not known."""
        last = self._last(self.um >= 0)
        earlier = self._shift(last)
        known = (self.um >= 0) & (earlier >= 0)
        return np.where(known, self.um - self.um[earlier], 0)

    def standing_um(self, standing) -> np.ndarray:
        """What was last measured of each lesion that stands; 0 where it never was."""
        last = self._last(self.um >= 0)
        return np.where(standing & (last >= 0), self.um[last], 0)

    def frame(self, appeared, reappeared) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "assessment_id": self.visits["assessment_id"].to_numpy()[self.visit],
                "lesion_id": self.lesions["lesion_id"].to_numpy()[self.lesion],
                "counted_mm": np.where(self.um >= 0, self.um / UM, np.nan),
                "evaluated": self.evaluated,
                "seen": self.seen,
                "progressed": self.progressed,
                "appeared": appeared,
                "reappeared": reappeared,
            }
        )

    def _order_visits(self, index, assessments):
        participant = index.get_indexer(assessments["participant_id"])
        visits = pd.DataFrame(
            {
                "assessment_id": assessments["assessment_id"].to_numpy(),
                "participant": participant,
                "assessed_on": assessments["assessed_on"].to_numpy(),
            }
        )[participant >= 0]
        self.visits = visits.sort_values(
            ["participant", "assessed_on", "assessment_id"], kind="stable", ignore_index=True
        )
        self.day = days(self.visits["assessed_on"])
        p = self.visits["participant"].to_numpy()
        self.before = self.day <= self.treated_from[p]
        self.after = ~self.before
        self._visits_of = np.bincount(p, minlength=len(index))
        self.first_of = np.cumsum(self._visits_of) - self._visits_of

    def _order_lesions(self, index, lesions):
        participant = index.get_indexer(lesions["participant_id"])
        kept = lesions.assign(participant=participant)[participant >= 0]
        self.lesions = kept.sort_values(["participant", "lesion_id"], kind="stable", ignore_index=True)
        p = self.lesions["participant"].to_numpy()
        self._lesions_of = np.bincount(p, minlength=len(index))
        self._first_lesion_of = np.cumsum(self._lesions_of) - self._lesions_of

    def _lay_out(self):
        p = self.visits["participant"].to_numpy()
        self._width = self._lesions_of[p]
        self._start = np.cumsum(self._width) - self._width
        self.visit = np.repeat(np.arange(p.size), self._width)
        within = np.arange(self.visit.size) - self._start[self.visit]
        self.lesion = self._first_lesion_of[p[self.visit]] + within
        self.role = self.lesions["role"].to_numpy(object)[self.lesion]
        self.role = self.role.astype("U16")
        self.nodal = self.lesions["nodal"].to_numpy(bool)[self.lesion]
        # The same rows by participant, lesion and date: where each goes, and where its lesion begins.
        nth = self.visit - self.first_of[p[self.visit]]
        block = self._start[self.first_of[p[self.visit]]]
        self._row = block + within * self._visits_of[p[self.visit]] + nth
        self._begins = self._row - nth
        self._at = np.empty_like(self._row)
        self._at[self._row] = np.arange(self._row.size)

    def _place(self, measurements):
        visit = pd.Index(self.visits["assessment_id"]).get_indexer(measurements["assessment_id"])
        lesion = pd.Index(self.lesions["lesion_id"]).get_indexer(measurements["lesion_id"])
        there = (visit >= 0) & (lesion >= 0)
        visit, lesion = visit[there], lesion[there]
        p = self.visits["participant"].to_numpy()[visit]
        if (p != self.lesions["participant"].to_numpy()[lesion]).any():
            raise ValueError("a measurement's lesion and its assessment are of different participants")
        at = self._start[visit] + lesion - self._first_lesion_of[p]
        mm = measurements["diameter_mm"].to_numpy(float)[there]
        um = np.where(np.isnan(mm), -1, np.rint(np.nan_to_num(mm) * UM)).astype(np.int64)
        without = np.flatnonzero(um < 0)  # a state tells only where no diameter does
        state = measurements["state"].to_numpy(object)[there][without]
        um[without[state == LesionState.ABSENT.value]] = 0
        um[without[state == LesionState.TOO_SMALL.value]] = TOO_SMALL_UM
        progressed = np.zeros(um.size, bool)
        progressed[without] = state == LesionState.UNEQUIVOCAL_PROGRESSION.value
        there = progressed.copy()
        there[without] |= state == LesionState.PRESENT.value
        nodal = self.nodal[at]
        rows = self.visit.size
        self.um = np.full(rows, -1, np.int64)
        self.evaluated, self.seen, self.progressed = (np.zeros(rows, bool) for _column in range(3))
        self.um[at] = um
        self.evaluated[at] = (um >= 0) | there
        self.seen[at] = np.where(um >= 0, um >= np.where(nodal, NODE_UM, 1), there)
        self.progressed[at] = progressed
        self.recorded = self.evaluated.copy()

    def _join_time_points(self, window):
        """Find the time points, and let each assessment count what earlier ones of its time point found."""
        rows = np.arange(self.day.size)
        p = self.visits["participant"].to_numpy()
        window = np.where(self.after, window[p], BASELINE_DAYS)
        # The last earlier assessment that looked at a lesion which this one looks at too.
        earlier = self._shift(self._last(self.evaluated))
        again = self.evaluated & (earlier >= 0)
        seen_before = np.full(rows.size, -1)
        np.maximum.at(seen_before, self.visit[again], self.visit[earlier[again]])
        same = (
            np.r_[False, (p[1:] == p[:-1]) & (self.after[1:] == self.after[:-1])] if rows.size else rows > 0
        )
        near = same & (np.r_[0, np.diff(self.day)] <= window) if rows.size else same
        self.time_point = rows.copy()
        step = rows - np.maximum.accumulate(np.where(near, 0, rows)) if rows.size else rows
        for nth in range(1, int(step.max(initial=0)) + 1):
            row = rows[step == nth]
            first = self.time_point[row - 1]
            joins = (self.day[row] - self.day[first] <= window[row]) & (seen_before[row] < first)
            row = row[joins]
            self.time_point[row] = first[joins]
            self._take_over(row)
        self.closes = np.r_[self.time_point[1:] == rows[1:], True] if rows.size else rows > 0

    def _take_over(self, visits):
        """Fill what these assessments did not look at from the assessment just before each."""
        at = np.repeat(self._start[visits], self._width[visits])
        at = (
            at
            + np.arange(at.size)
            - np.repeat(np.cumsum(self._width[visits]) - self._width[visits], self._width[visits])
        )
        at = at[~self.evaluated[at]]
        source = at - self._width[self.visit[at]]
        for column in (self.um, self.evaluated, self.seen, self.progressed):
            column[at] = column[source]

    def _last(self, mask):
        """Of each lesion at each assessment, the last row up to it that the mask holds, or -1."""
        marked = np.where(mask[self._at], np.arange(mask.size), -1)
        last = np.maximum.accumulate(marked)[self._row] if mask.size else marked
        return np.where(last >= self._begins, self._at[last], -1)

    def _shift(self, values):
        """The value of each lesion at the assessment before, or -1 at the first."""
        before = np.r_[-1, values[self._at][:-1]][self._row] if values.size else values
        return np.where(self._row > self._begins, before, -1)

    def _before(self, mask):
        return self._shift(mask.astype(np.int64)) > 0


def days(dates) -> np.ndarray:
    """Whole days since 1970, very long ago where the date is missing."""
    dates = np.asarray(dates, dtype="datetime64[D]")
    return np.where(np.isnat(dates), _NEVER, dates.astype(np.int64))

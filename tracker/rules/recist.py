"""RECIST 1.1: what each assessment says of a participant's tumors.

Source of every rule, unless another is named: Eisenhauer et al., Eur J Cancer 2009;45:228-247 (sections and
tables are those of that paper). Everything works on whole columns; diameters are compared as whole micrometres,
so that exactly 30 % less is 30 % less.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tracker.rules.lesions import BASELINE_DAYS, UM, LesionGrid
from tracker.terms.response import (
    LesionRole,
    NonTargetResponse,
    OverallResponse,
    ResponseReason,
    TargetResponse,
)

_NONE = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Responses:
    """What `recist_responses` derives.

    assessments: one row an assessment, by participant and date; lesions: one row an assessment and lesion of its
    participant. Columns: see `recist_responses`.
    """

    assessments: pd.DataFrame
    lesions: pd.DataFrame


def target_response(baseline_mm, nadir_mm, current_mm, gone=False, complete=True) -> np.ndarray:
    """Response of the target lesions: CR, PD, NE, PR or SD (TargetResponse), section 4.3.1.

    baseline_mm, nadir_mm, current_mm: sums of diameters, with nodes on their short axis; the nadir is the smallest
    earlier complete sum, baseline included. gone: every lesion that is no node has disappeared and every node is
    below 10 mm. complete: every target lesion was measured; where one was not, current_mm is the sum of the others,
    and so can show progression but nothing better. All broadcast together; a missing baseline or nadir gives NE.

    CR stands before PD: nodes that stay below 10 mm are normal, however much they grew.
    """
    return _target_response(_um(baseline_mm), _um(nadir_mm), _um(current_mm), gone, complete)


def overall_response(target, non_target, new_lesion) -> np.ndarray:
    """Overall response from its parts (OverallResponse), tables 1 and 2.

    target: TargetResponse, or "" where there is no target lesion; non_target: NonTargetResponse, or "" where there
    is no non-target lesion; new_lesion: whether there is one. All broadcast together. Without any lesion: NED.
    """
    target, non_target, new_lesion = np.broadcast_arrays(target, non_target, new_lesion)
    progressed = new_lesion | (target == "PD") | (non_target == "PD")
    return np.select(
        [
            progressed,
            target == "NE",
            (target == "CR") & np.isin(non_target, ["CR", ""]),
            np.isin(target, ["CR", "PR"]),
            target == "SD",
            non_target == "",
        ],
        [
            OverallResponse.PD.value,
            OverallResponse.NE.value,
            OverallResponse.CR.value,
            OverallResponse.PR.value,
            OverallResponse.SD.value,
            OverallResponse.NO_DISEASE.value,
        ],
        non_target,
    )


def recist_responses(participants, lesions, assessments, measurements) -> Responses:
    """The response at every assessment.

    participants: participant_id, first_dose_on (or where there was none, enrolment), assessment_window_days.
    lesions: lesion_id, participant_id, role, nodal. assessments: assessment_id, participant_id, assessed_on.
    measurements: assessment_id, lesion_id, and diameter_mm or state.

    Assessments that look at different lesions within one window (a CT, and an MRI some days later) are one time
    point: the later one counts what the earlier ones found, and they are `superseded` by it unless they already
    show progression. An assessment is thus never changed by a later one. Up to the first dose the window is that
    of the baseline.

    Baseline is the last complete assessment of the 28 days to the first dose; else the last complete one before
    (`baseline_old`); else the last one, whose missing target lesion leaves later ones NE (`baseline_incomplete`).
    The nadir is the smallest complete sum of earlier time points, baseline included. A new lesion stays until it
    is recorded as absent. After an overall CR any disease is PD (table 3, note a), a node from 10 mm on.

    Returns, for assessments: assessment_id, participant_id, assessed_on, phase (before, baseline, after),
    superseded, sum_mm (of the target lesions measured), sum_complete, baseline_sum_mm, nadir_sum_mm, nadir_on,
    change_from_baseline and change_from_nadir (fractions), target, non_target and response ("" where there is
    none, as before treatment), new_lesion, reason (ResponseReason), baseline_old, baseline_incomplete; and what
    iRECIST asks: new_lesions_appeared, new_lesions_progressed, new_sum_mm and new_growth_mm (measured new lesions),
    non_target_increases. For lesions: assessment_id, lesion_id, counted_mm (what it adds to a sum), evaluated, seen,
    progressed, appeared, reappeared.
    """
    grid = LesionGrid(participants, lesions, assessments, measurements)
    visits, p = grid.visits, grid.visits["participant"].to_numpy()
    base = _baseline(grid)
    after = grid.after
    last_of_earlier = grid.time_point - 1  # the last assessment of the time point before this one
    first = grid.first_of[p]

    is_target, is_other, is_new = (
        grid.role == LesionRole.TARGET.value,
        grid.role == LesionRole.NON_TARGET.value,
        np.isin(grid.role, [LesionRole.NEW_MEASURED.value, LesionRole.NEW_NOT_MEASURED.value]),
    )
    targets, others = grid.count(is_target), grid.count(is_other)
    complete = grid.count(is_target & (grid.um < 0)) == 0
    total = grid.sum(np.where(is_target & (grid.um >= 0), grid.um, 0))
    left = grid.count(is_target & grid.seen)
    gone = complete & (left == 0)

    in_nadir = complete & (targets > 0) & (after | (np.arange(p.size) == base.row[p])) & grid.closes
    nadir, nadir_row = _cumulative_minimum(np.where(in_nadir, total, _NONE), first)
    known = (last_of_earlier >= first) & after
    nadir = np.where(known, nadir[last_of_earlier], _NONE)
    baseline = np.where(base.row[p] >= 0, base.sum_um[p], _NONE)

    target = np.where(targets > 0, _target_response(baseline, nadir, total, gone, complete), "")
    appeared_new, standing = grid.stand(is_new & grid.after[grid.visit])
    new = grid.count(standing)
    progressed = grid.count(is_other & grid.progressed)
    other_seen = grid.count(is_other & grid.seen)
    other_missing = grid.count(is_other & ~grid.evaluated)
    non_target = np.select(
        [others == 0, progressed > 0, other_missing > 0, other_seen == 0],
        ["", NonTargetResponse.PD.value, NonTargetResponse.NE.value, NonTargetResponse.CR.value],
        NonTargetResponse.NON_CR_NON_PD.value,
    )

    complete_response = after & grid.closes & (overall_response(target, non_target, new > 0) == "CR")
    had = np.cumsum(complete_response)
    had = np.where(known, had[last_of_earlier], 0) - np.where(first > 0, had[first - 1], 0)
    after_cr = known & (had > 0)
    target = np.where(after_cr & (left > 0), TargetResponse.PD.value, target)
    non_target = np.where(after_cr & (other_seen > 0), NonTargetResponse.PD.value, non_target)
    reappeared = after_cr & (left + other_seen > 0)

    no_baseline = base.row[p] < 0
    response = overall_response(target, non_target, new > 0)
    response = np.where(no_baseline & (response != "PD"), OverallResponse.NE.value, response)
    reason = _reason(target, non_target, new > 0, reappeared, no_baseline, response)
    phase = np.select([after, np.arange(p.size) == base.row[p]], ["after", "baseline"], "before")
    unanswered = ~after
    increases, growth, new_sum = grid.increase(), grid.growth(), grid.standing_um(standing)
    measured_new = grid.role == LesionRole.NEW_MEASURED.value
    unmeasured_new = is_new & ~measured_new
    mm = {"baseline": baseline, "nadir": nadir}
    mm = {name: np.where(value < _NONE, value / UM, np.nan) for name, value in mm.items()}
    nadir_at = np.where(known, nadir_row[last_of_earlier], 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = {name: np.where(complete, total / UM / value - 1, np.nan) for name, value in mm.items()}
    found = pd.DataFrame(
        {
            "assessment_id": visits["assessment_id"],
            "participant_id": grid.participant_ids[p],
            "assessed_on": visits["assessed_on"],
            "phase": pd.Series(phase, dtype="str"),
            "superseded": ~grid.closes & (response != "PD"),
            "sum_mm": np.where(
                (targets > 0) & (grid.count(is_target & (grid.um >= 0)) > 0), total / UM, np.nan
            ),
            "sum_complete": complete & (targets > 0),
            "baseline_sum_mm": np.where(targets > 0, mm["baseline"], np.nan),
            "nadir_sum_mm": mm["nadir"],
            "nadir_on": visits["assessed_on"].to_numpy()[nadir_at],
            "change_from_baseline": np.where(targets > 0, change["baseline"], np.nan),
            "change_from_nadir": change["nadir"],
            "target": pd.Series(np.where(unanswered, "", target), dtype="str"),
            "non_target": pd.Series(np.where(unanswered, "", non_target), dtype="str"),
            "new_lesion": new > 0,
            "response": pd.Series(np.where(unanswered, "", response), dtype="str"),
            "reason": pd.Series(
                np.select(
                    [phase == "before", phase == "baseline"],
                    [ResponseReason.BEFORE_BASELINE.value, ResponseReason.BASELINE.value],
                    reason,
                ),
                dtype="str",
            ),
            "baseline_old": base.old[p],
            "baseline_incomplete": base.incomplete[p],
            "new_lesions_appeared": grid.count(appeared_new),
            "new_lesions_progressed": grid.count(standing & (grid.progressed | (unmeasured_new & increases))),
            "new_sum_mm": grid.sum(np.where(measured_new, new_sum, 0)) / UM,
            "new_growth_mm": grid.sum(np.where(measured_new & standing, growth, 0)) / UM,
            "non_target_increases": grid.count(is_other & increases),
        }
    )
    found["nadir_on"] = found["nadir_on"].where(found["nadir_sum_mm"].notna())
    seen_again = after_cr[grid.visit] & (is_target | is_other) & grid.seen
    return Responses(found, grid.frame(appeared_new, seen_again))


def _um(mm):
    mm = np.asarray(mm, float)
    return np.where(np.isnan(mm), _NONE, np.rint(np.nan_to_num(mm) * UM)).astype(np.int64)


def _target_response(baseline, nadir, current, gone, complete):
    unknown = (baseline >= _NONE) | (nadir >= _NONE)
    grew = ~unknown & (5 * current >= 6 * np.where(unknown, 0, nadir)) & (current - nadir >= 5 * UM)
    shrank = 10 * current <= 7 * np.where(unknown, 0, baseline)
    return np.select(
        [unknown, gone, grew, np.logical_not(complete), shrank],
        [
            TargetResponse.NE.value,
            TargetResponse.CR.value,
            TargetResponse.PD.value,
            TargetResponse.NE.value,
            TargetResponse.PR.value,
        ],
        TargetResponse.SD.value,
    )


def _reason(target, non_target, new, reappeared, no_baseline, response):
    return np.select(
        [
            new,
            reappeared,
            non_target == "PD",
            no_baseline,
            target == "PD",
            target == "NE",
            response == "CR",
            target == "CR",
            target == "PR",
            target == "SD",
            non_target == "NE",
            non_target != "",
        ],
        [
            ResponseReason.NEW_LESION.value,
            ResponseReason.REAPPEARED.value,
            ResponseReason.NON_TARGET_PROGRESSED.value,
            ResponseReason.NO_BASELINE.value,
            ResponseReason.TARGET_GREW.value,
            ResponseReason.TARGET_NOT_EVALUATED.value,
            ResponseReason.ALL_GONE.value,
            ResponseReason.TARGET_GONE.value,
            ResponseReason.TARGET_SHRANK.value,
            ResponseReason.TARGET_STABLE.value,
            ResponseReason.NON_TARGET_NOT_EVALUATED.value,
            ResponseReason.NON_TARGET_REMAIN.value,
        ],
        ResponseReason.NO_DISEASE.value,
    )


@dataclass(frozen=True)
class _Baseline:
    """By participant: the assessment that is its baseline (-1: none), and what is wrong with it."""

    row: np.ndarray
    sum_um: np.ndarray
    old: np.ndarray
    incomplete: np.ndarray


def _baseline(grid) -> _Baseline:
    visits = grid.visits
    p = visits["participant"].to_numpy()
    is_target = grid.role == LesionRole.TARGET.value
    is_other = grid.role == LesionRole.NON_TARGET.value
    has_target = grid.count(is_target) > 0
    missing = np.where(
        has_target, grid.count(is_target & (grid.um < 0)), grid.count(is_other & ~grid.evaluated)
    )
    recent = grid.day >= grid.treated_from[p] - BASELINE_DAYS
    rank = np.select([~grid.before, (missing == 0) & recent, missing == 0], [-1, 2, 1], 0)
    rows = np.arange(p.size)
    best = np.full(len(grid.first_of), -1, np.int64)
    np.maximum.at(best, p, np.where(rank >= 0, rank * p.size + rows, -1))
    row = np.where(best >= 0, best % max(p.size, 1), -1)
    chosen = np.where(best >= 0, best // max(p.size, 1), 2)
    total = grid.sum(np.where(is_target & (grid.um >= 0), grid.um, 0))
    known = (row >= 0) & (chosen > 0)
    return _Baseline(
        row=row,
        sum_um=np.where(known, total[row], _NONE) if p.size else np.full(row.size, _NONE),
        old=(row >= 0) & _older(grid, row),
        incomplete=chosen == 0,
    )


def _older(grid, row):
    if not grid.day.size:
        return np.zeros(row.size, bool)
    return grid.day[row] < grid.treated_from - BASELINE_DAYS


def _cumulative_minimum(values, first):
    """The smallest value of each participant so far, and the row where it was first met.

    values: whole numbers up to _NONE, by participant and date; first: the first row of each row's participant.
    """
    if not values.size:
        return values, values
    group = np.cumsum(first == np.arange(values.size))
    step = values.max() + 1 if values.max() < _NONE else np.where(values < _NONE, values, 0).max() + 2
    low = np.minimum(values, step - 1) + (group[-1] - group) * step
    lowest = np.minimum.accumulate(low)
    fresh = np.r_[True, low[1:] < lowest[:-1]]
    row = np.maximum.accumulate(np.where(fresh, np.arange(values.size), 0))
    return np.where(values[row] < _NONE, values[row], _NONE), row

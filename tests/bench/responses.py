"""Responses by RECIST 1.1 for all participants at once, beside a loop over them that reads the same columns.

Six assessments of two target lesions and a non-target one for each participant. The loop knows no more than these
data need: sums, nadir, the response at each assessment and the unconfirmed best one; both must agree. The pass also
finds baselines and time points, lesions that were not measured, new ones, what confirms a response, and the reasons.
"""

from tests.bench import base

#: How many times as long as the loop the pass over whole columns may take.
MOST = 1.0

VISITS, LESIONS = 6, 3
STATES = ["present"] * 14 + ["absent"] * 5 + ["unequivocal progression", "not evaluable"]


def lines(bench):
    measured = bench.quickest("responses.tracked", participants=bench.participants)
    loop = bench.quickest("responses.loop", participants=bench.participants)
    for name in ("responses", "best"):
        if measured[name] != loop[name]:
            raise AssertionError(f"the pass and the loop differ: {measured[name]} and {loop[name]}")
    rows = bench.participants * VISITS
    return [
        base.Line("RECIST 1.1 and best response", measured, "loop", loop, rows=rows, most_times=MOST),
        base.Line("iRECIST, PFS, OS, duration", measured["rest"]),
    ]


def _frames(participants):
    """Participants, lesions, assessments and measurements, as the tracker reads them."""
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(1)
    people, visits = np.arange(participants), np.arange(participants * VISITS)
    start = np.datetime64("2024-01-01", "us")
    day = np.where(visits % VISITS == 0, -7, 56 * (visits % VISITS))
    never = pd.Series(pd.NaT, range(participants), dtype="datetime64[us]")
    known = pd.DataFrame({"participant_id": people, "first_dose_on": start, "start_on": start}).assign(
        assessment_interval_days=56,
        assessment_window_days=7,
        minimum_sd_days=42,
        **dict.fromkeys(["new_therapy_on", "died_on", "last_contact_on"], never),
    )
    lesions = pd.DataFrame(
        {
            "lesion_id": np.arange(participants * LESIONS),
            "participant_id": np.repeat(people, LESIONS),
            "role": pd.Series(np.tile(["target", "target", "non-target"], participants), dtype="str"),
            "nodal": np.tile([False, True, False], participants),
        }
    )
    assessments = pd.DataFrame(
        {
            "assessment_id": visits,
            "participant_id": np.repeat(people, VISITS),
            "assessed_on": start + day.astype("timedelta64[D]"),
        }
    )
    # Tumors that shrink at first and grow later, by tenths of a millimetre.
    course = np.cumsum(chance.integers(-120, 100, (participants, VISITS, 2)), axis=1) + 400
    mm = np.concatenate([course.clip(0) / 10, np.full((participants, VISITS, 1), np.nan)], axis=2)
    state = np.full(mm.shape, None, object)
    state[:, :, 2] = chance.choice(STATES, (participants, VISITS))
    measurements = pd.DataFrame(
        {
            "assessment_id": np.repeat(visits, LESIONS),
            "lesion_id": np.repeat(visits // VISITS * LESIONS, LESIONS)
            + np.tile(range(LESIONS), visits.size),
            "diameter_mm": mm.ravel(),
            "state": pd.Series(state.ravel(), dtype="str"),
        }
    )
    return known, lesions, assessments, measurements


def _counted(codes):
    import collections

    return dict(sorted(collections.Counter(codes).items()))


def tracked(participants):
    from tracker.rules.best_response import best_responses
    from tracker.rules.irecist import best_immune_responses, immune_responses
    from tracker.rules.recist import recist_responses
    from tracker.rules.time_to_event import duration_of_response, overall_survival, progression_free_survival

    known, *recorded = _frames(participants)
    with base.stopwatch() as watch:
        responses = recist_responses(known, *recorded).assessments
        after = responses[(responses["phase"] == "after") & ~responses["superseded"]]
        best = best_responses(known, after)
    with base.stopwatch() as rest:
        best_immune_responses(known, immune_responses(after))
        progression_free_survival(known, after)
        overall_survival(known)
        duration_of_response(known, after, best["response_confirmed_on"])
    counts = {"responses": _counted(after["response"]), "best": _counted(best["best_unconfirmed"])}
    return {**watch, "rest": dict(rest), **counts}


def loop(participants):
    _known, lesions, assessments, measurements = _frames(participants)
    with base.stopwatch() as watch:
        of_lesion = {
            one: (role, nodal)
            for one, role, nodal in zip(*(lesions[name].tolist() for name in ("lesion_id", "role", "nodal")))
        }
        found = {}
        columns = ("assessment_id", "lesion_id", "diameter_mm", "state")
        for visit, lesion, mm, state in zip(*(measurements[name].tolist() for name in columns)):
            found.setdefault(visit, []).append((*of_lesion[lesion], mm, state))
        courses = {}
        columns = ("participant_id", "assessed_on", "assessment_id")
        for participant, date, visit in zip(*(assessments[name].tolist() for name in columns)):
            courses.setdefault(participant, []).append((date, found[visit]))
        responses = {
            one: _responses([visit for _date, visit in sorted(course)]) for one, course in courses.items()
        }
        best = [_best(course) for course in responses.values()]
    counts = {
        "responses": _counted(code for course in responses.values() for code in course),
        "best": _counted(best),
    }
    return {**watch, **counts}


def _responses(course):
    """The response at each assessment after the first, which is the baseline."""
    found, nadir, had_cr = [], None, False
    for visit in course:
        total, gone, left, states = 0, True, False, []
        for role, nodal, mm, state in visit:
            if role == "target":
                um = round(mm * 1000)
                total += um
                gone = gone and (um < 10_000 if nodal else um == 0)
            else:
                states.append(state)
                left = left or state == "present"
        if nadir is None:
            baseline = nadir = total
            continue
        if gone:
            target = "CR"
        elif 5 * total >= 6 * nadir and total - nadir >= 5000:
            target = "PD"
        else:
            target = "PR" if 10 * total <= 7 * baseline else "SD"
        if target == "PD" or "unequivocal progression" in states or (had_cr and (not gone or left)):
            response = "PD"
        elif target == "CR":
            response = "PR" if left or "not evaluable" in states else "CR"
        else:
            response = target
        nadir = min(nadir, total)
        had_cr = had_cr or response == "CR"
        found.append(response)
    return found


def _best(responses):
    until = responses.index("PD") + 1 if "PD" in responses else len(responses)
    return next(code for code in ("CR", "PR", "SD", "PD") if code in responses[:until])

"""What RECIST 1.1 asks of a baseline: which lesions may be targets, and how old it may be."""

import pandas as pd

from tracker.terms.response import BaselineQuestion, LesionRole, Organ

#: Smallest target lesion, and smallest short axis of a target node, in mm (Eisenhauer 2009, section 3.1).
SMALLEST_TARGET_MM, SMALLEST_NODE_MM = 10, 15

#: Most target lesions in all, and in one organ (section 4.2).
MOST_TARGETS, MOST_IN_ORGAN = 5, 2


def baseline_questions(lesions, responses) -> pd.DataFrame:
    """What to ask about each baseline that does not keep to the rules.

    lesions: lesion_id, participant_id, role, nodal, organ (may be missing). responses: of `recist_responses` of the
    same lesions. Returns participant_id, lesion_id (missing where the question is not of one lesion) and question
    (BaselineQuestion). All nodes count as one organ.
    """
    visits = responses.assessments
    first = visits.drop_duplicates("participant_id")
    baseline = visits[visits["phase"] == "baseline"]
    without = ~first["participant_id"].isin(baseline["participant_id"])
    asked = [
        _ask(first[without], BaselineQuestion.NONE),
        _ask(baseline[baseline["baseline_old"]], BaselineQuestion.OLD),
        _ask(baseline[baseline["baseline_incomplete"]], BaselineQuestion.INCOMPLETE),
    ]
    at_baseline = responses.lesions.merge(baseline[["assessment_id"]], on="assessment_id")
    at_baseline = at_baseline.merge(lesions, on="lesion_id")
    target = at_baseline[at_baseline["role"] == LesionRole.TARGET.value]
    nodal = target["nodal"].astype(bool)
    asked += [
        _ask(target[~nodal & (target["counted_mm"] < SMALLEST_TARGET_MM)], BaselineQuestion.TARGET_TOO_SMALL),
        _ask(target[nodal & (target["counted_mm"] < SMALLEST_NODE_MM)], BaselineQuestion.NODE_TOO_SMALL),
    ]
    new = at_baseline["role"].isin([LesionRole.NEW_MEASURED.value, LesionRole.NEW_NOT_MEASURED.value])
    asked.append(_ask(at_baseline[new & at_baseline["seen"]], BaselineQuestion.NEW_AT_BASELINE))
    targets = lesions[lesions["role"] == LesionRole.TARGET.value]
    organ = targets["organ"].mask(targets["nodal"].astype(bool), Organ.LYMPH_NODES.value)
    for question, keys, most in (
        (BaselineQuestion.MORE_THAN_FIVE, ["participant_id"], MOST_TARGETS),
        (BaselineQuestion.MORE_THAN_TWO_IN_ORGAN, ["participant_id", "organ"], MOST_IN_ORGAN),
    ):
        counted = targets.assign(organ=organ).groupby(keys).size().reset_index(name="n")
        asked.append(_ask(counted[counted["n"] > most].drop_duplicates("participant_id"), question))
    return pd.concat(asked, ignore_index=True)


def _ask(rows, question):
    lesion = rows["lesion_id"] if "lesion_id" in rows else pd.Series(None, rows.index, dtype="object")
    return pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "lesion_id": lesion.astype("object"),
            "question": pd.Series(question.value, rows.index, dtype="str"),
        }
    )

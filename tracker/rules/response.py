"""Checks of lesions and tumor assessments."""

import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.rules.checks import check, refuse_future
from tracker.terms.response import CourseQuestion, LesionRole, LesionState

#: The least days from iUPD to its confirmation.
CONFIRM_DAYS = 28

refuse_future("tumor_assessment", "assessed_on")


@check("lesion", "organ", _l("A nodal lesion lies in the lymph nodes."))
def node_elsewhere(nodal, organ):
    return nodal.fillna(False).astype(bool) & organ.notna() & (organ != "lymph nodes")


@check("lesion", "nodal", _l("A lesion of the lymph nodes is nodal: its short axis is measured."))
def lymph_node_not_nodal(nodal, organ):
    return (organ == "lymph nodes") & ~nodal.fillna(False).astype(bool)


@check("lesion_measurement", "state", _l("Give either a diameter or a state."))
def diameter_and_state(diameter_mm, state):
    return diameter_mm.notna() & state.notna()


@check(
    "lesion_measurement",
    "diameter_mm",
    _l("This lesion is not measured: write absent, present, unequivocal or NE."),
)
def measured_though_it_is_not(diameter_mm, lesion_role):
    return diameter_mm.notna() & lesion_role.isin([LesionRole.NON_TARGET, LesionRole.NEW_NOT_MEASURED])


@check("lesion_measurement", "state", _l("A target lesion progresses by its diameter: write it in mm."))
def target_progressed_by_state(state, lesion_role):
    return (state == LesionState.UNEQUIVOCAL_PROGRESSION) & (lesion_role == LesionRole.TARGET)


@check("tumor_assessment", "assessed_on", _l("Nobody is assessed after death."))
def assessed_after_death(assessed_on, participant_died_on):
    return assessed_on > participant_died_on


@check(
    "tumor_assessment",
    "assessed_on",
    _l("This day is before the baseline assessment: correct it, or change the baseline's day first."),
)
def assessed_before_baseline(assessed_on, baseline_on):
    return assessed_on < baseline_on


@check(
    "tumor_assessment",
    "investigator_reason",
    _l("Say why the investigator's call differs from the derived response."),
)
def differing_call_without_reason(investigator_response, investigator_reason):
    return investigator_response.notna() & investigator_reason.isna()


def course_questions(responses) -> pd.DataFrame:
    """What to ask about a course, whatever the criteria make of it.

    responses: of `recist_responses` after baseline, without superseded ones, with `immune_responses` and
    investigator_reason. Returns participant_id, assessment_id and question (CourseQuestion).

    CR or PR after PD needs the investigator's reason at either; iUPD is confirmed at least 4 weeks later (Seymour
    et al., Lancet Oncol 2017;18:e143-e152, figure 1).
    """
    rows = responses.sort_values(["participant_id", "assessed_on", "assessment_id"], kind="stable")
    unexplained = rows["investigator_reason"].isna()
    progressed = ((rows["response"] == "PD") & unexplained).groupby(rows["participant_id"]).cummax()
    better = rows["response"].isin(["CR", "PR"]) & progressed & unexplained
    since = (rows["assessed_on"] - rows["first_iupd_on"]).dt.days
    early = (
        (rows["response"] == "PD") & (rows["immune_response"] == "iUPD") & since.between(1, CONFIRM_DAYS - 1)
    )
    asked = [
        rows.loc[mask, ["participant_id", "assessment_id"]].assign(question=question.value)
        for mask, question in (
            (better, CourseQuestion.BETTER_AFTER_PD),
            (early, CourseQuestion.CONFIRMED_EARLY),
        )
    ]
    return pd.concat(asked, ignore_index=True)

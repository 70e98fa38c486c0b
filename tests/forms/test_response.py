"""An assessment as one grid: what it takes, copies and refuses."""

import pytest
import sqlalchemy as sa

from tests.factories import make_lesion, make_participant, make_trial, make_tumor_assessment
from tracker.extensions import db
from tracker.forms.response import read_found
from tracker.models import Lesion, Query, TumorAssessment
from tracker.roles import Role
from tracker.terms.oversight import QueryState
from tracker.terms.response import LesionRole, LesionState
from tracker.values import Refusal


@pytest.fixture
def participant(app):
    return make_participant(trial=make_trial(code="ONE"))


@pytest.fixture
def physician(sign_in, participant):
    return sign_in(Role.PHYSICIAN, [participant.trial])


@pytest.fixture
def lesions(participant):
    """Two targets and a non-target, as seen at baseline."""
    first = make_lesion(participant=participant, label="T1")
    second = make_lesion(participant=participant, label="T2")
    other = make_lesion(participant=participant, label="NT1", role=LesionRole.NON_TARGET)
    make_tumor_assessment([(first, 40), (second, 20), (other, LesionState.PRESENT)], participant=participant)
    return first, second, other


def assess(browser, participant, cells=(), **given):
    typed = {"assessed_on": "2024-03-13", "modality": "CT"} | given
    typed |= {f"measurements-{lesion.id}": text for lesion, text in cells}
    return browser.submit(f"/tumor-assessments/new?participant={participant.id}", **typed)


def new_lesion(number, **given):
    row = {"label": "T1", "role": "target", "place": "liver", "organ": "liver", "found": "40"} | given
    return {f"new_lesions-{number}-{name}": value for name, value in row.items()}


def last():
    db.session.rollback()
    return db.session.scalars(sa.select(TumorAssessment).order_by(TumorAssessment.id.desc())).first()


def found_at(assessment):
    return [(one.lesion.label, one.diameter_mm, one.state) for one in assessment.measurements]


def test_the_baseline_brings_its_lesions_with_it(physician, participant):
    answer = assess(physician, participant, assessed_on="2024-01-10", **new_lesion(0))
    assert answer.status_code == 303
    assert found_at(last()) == [("T1", 40, None)]
    assert db.session.scalar(sa.select(Lesion.role)) is LesionRole.TARGET


def test_a_later_assessment_is_a_cell_for_each_lesion(physician, participant, lesions):
    first, second, other = lesions
    assess(physician, participant, [(first, "28"), (second, "too small"), (other, "absent")])
    assert found_at(last()) == [
        ("T1", 28, None),
        ("T2", None, LesionState.TOO_SMALL),
        ("NT1", None, LesionState.ABSENT),
    ]


def test_a_cell_takes_and_shows_the_words_of_the_readers_language(physician, participant, lesions):
    first, second, other = lesions
    physician.set_cookie("language", "fr")
    assess(physician, participant, [(first, "28,5"), (second, "trop petite"), (other, "Indiscutable")])
    assert found_at(last()) == [
        ("T1", 28.5, None),
        ("T2", None, LesionState.TOO_SMALL),
        ("NT1", None, LesionState.UNEQUIVOCAL_PROGRESSION),
    ]
    page = physician.get(f"/tumor-assessments/{last().id}/edit").text
    assert 'value="trop petite"' in page
    assert 'value="indiscutable"' in page


def test_an_empty_cell_was_not_looked_at(physician, participant, lesions):
    assess(physician, participant, [(lesions[0], "28")])
    assert found_at(last()) == [("T1", 28, None)]


def test_a_new_lesion_comes_with_the_assessment_that_saw_it(physician, participant, lesions):
    row = new_lesion(0, label="N1", role="new not measured", found="present")
    answer = physician.submit(
        f"/tumor-assessments/new?participant={participant.id}", assessed_on="2024-03-13", add="new_lesions"
    )
    assert answer.status_code == 200
    assess(physician, participant, [(lesions[0], "28")], **row)
    assert found_at(last())[-1] == ("N1", None, LesionState.PRESENT)


def test_empty_cells_are_copied_from_the_assessment_before(physician, participant, lesions):
    page = assess(physician, participant, [(lesions[0], "28")], copy="measurements")
    assert page.status_code == 200
    assert f'name="measurements-{lesions[0].id}" id="measurements-{lesions[0].id}" value="28"' in page.text
    assert f'id="measurements-{lesions[1].id}" value="20"' in page.text
    assert f'id="measurements-{lesions[2].id}" value="present"' in page.text


def test_the_grid_shows_what_was_found_before(physician, participant, lesions):
    page = physician.get(f"/tumor-assessments/new?participant={participant.id}").text
    assert '<td class="num">40</td>' in page


def test_an_edited_cell_changes_its_measurement_alone(physician, participant, lesions):
    assess(physician, participant, [(lesions[0], "28"), (lesions[1], "15")])
    before = {one.lesion.label: one.id for one in last().measurements}
    cells = {f"measurements-{lesions[0].id}": "30", f"measurements-{lesions[1].id}": "15"}
    answer = physician.submit(f"/tumor-assessments/{last().id}/edit", reason="measured again", **cells)
    assert answer.status_code == 303
    assert found_at(last()) == [("T1", 30, None), ("T2", 15, None)]
    assert {one.lesion.label: one.id for one in last().measurements} == before


@pytest.mark.parametrize(
    "given, cell, told",
    [
        ({"assessed_on": "2024-01-05"}, "28", "before the baseline assessment"),
        ({}, "-3", "Write a diameter in mm"),
        ({}, "big", "Write a diameter in mm"),
        ({}, "5000", "Write a diameter in mm"),
        ({}, "unequivocal", "A target lesion progresses by its diameter"),
        ({}, "", "at least one lesion"),
        ({"investigator_response": "SD"}, "28", "Say why the investigator"),
        (new_lesion(0), "28", "has this label already"),
    ],
)
def test_an_assessment_that_cannot_be_is_refused(physician, participant, lesions, given, cell, told):
    if "new_lesions-0-label" in given:
        physician.get(f"/tumor-assessments/new?participant={participant.id}")
    answer = assess(physician, participant, [(lesions[0], cell)], **given)
    assert answer.status_code == 422
    assert told in answer.text
    assert db.session.scalar(sa.select(sa.func.count(TumorAssessment.id))) == 1


def rules():
    db.session.rollback()
    return set(db.session.scalars(sa.select(Query.rule).where(Query.state == QueryState.OPEN)))


def test_a_baseline_that_recist_does_not_foresee_is_stored_and_asked_about(physician, participant):
    assess(physician, participant, assessed_on="2023-12-01", **new_lesion(0, found="8"))
    assert rules() == {"baseline old", "target too small"}


def test_a_question_about_the_baseline_closes_when_it_is_mended(physician, participant):
    assess(physician, participant, assessed_on="2024-01-10", **new_lesion(0, found="8"))
    lesion = last().measurements[0].lesion_id
    physician.submit(
        f"/tumor-assessments/{last().id}/edit", reason="read again", **{f"measurements-{lesion}": "18"}
    )
    assert rules() == set()


def test_a_response_after_progression_is_asked_about_unless_somebody_says_why(
    physician, participant, lesions
):
    first, second, _other = lesions
    assess(physician, participant, [(first, "60"), (second, "20")])
    assess(physician, participant, [(first, "20"), (second, "10")], assessed_on="2024-05-08")
    assert rules() == {"better after PD"}
    assessment = last()
    assert assessment.assessed_on.isoformat() == "2024-05-08"
    physician.submit(
        f"/tumor-assessments/{assessment.id}/edit",
        investigator_response="PR",
        investigator_reason="pseudoprogression, seen on the biopsy",
    )
    assert rules() == set()


def test_a_confirmation_of_progression_within_four_weeks_is_asked_about(physician, participant, lesions):
    first, second, _other = lesions
    assess(physician, participant, [(first, "60"), (second, "20")])
    assess(physician, participant, [(first, "70"), (second, "20")], assessed_on="2024-04-02")
    assert rules() == {"confirmed early"}


@pytest.mark.parametrize(
    "text, found",
    [
        ("12,5", (12.5, None)),
        ("0", (0, None)),
        ("NE", (None, LesionState.NOT_EVALUABLE)),
        ("Absent", (None, LesionState.ABSENT)),
        ("", (None, None)),
    ],
)
def test_a_cell_is_read_as_a_diameter_or_a_state(app, text, found):
    assert read_found(text) == found


def test_a_cell_of_neither_is_refused_with_what_it_may_be(app):
    with pytest.raises(Refusal, match="absent, present"):
        read_found("12 x 14")

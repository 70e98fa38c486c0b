"""What an import of lesions and tumor assessments stores, refuses and leaves as it is."""

import datetime

import pytest
import sqlalchemy as sa

from tests import factories
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import AuditEvent, Lesion, LesionMeasurement, Participant, Query, TumorAssessment
from tracker.reads.response import responses_frame
from tracker.terms.oversight import QueryState

TRIAL = '[trial]\ncode = "CCI-1"\n'

LESIONS = (
    TRIAL
    + """
[lesion]
participant = "id"
label = "lesion"
role = "role"
place = "place"
organ = "organ"
"""
)

FOUND = (
    TRIAL
    + """
[lesion_measurement]
participant = "id"
lesion = "lesion"
assessed_on = "day"
diameter_mm = "mm"
state = "state"
"""
)

ASSESSMENTS = """
[assessment]
participant = "id"
assessed_on = "day"
modality = { constant = "CT" }
"""

THREE_LESIONS = (
    "id,lesion,role,place,organ\n"
    "P1,T1,target,right lobe,liver\nP1,T2,target,axilla,lymph nodes\nP1,NT1,non-target,pleura,\n"
)

HEADER = "id,lesion,day,mm,state\n"

TWO_VISITS = HEADER + (
    "P1,T1,2024-01-10,50,\nP1,T2,2024-01-10,20,\nP1,NT1,2024-01-10,,present\n"
    "P1,T1,2024-03-10,20,\nP1,T2,2024-03-10,9,\nP1,NT1,2024-03-10,,present\n"
)


@pytest.fixture
def trial(app):
    """A trial with the participants P1 and P2, both first dosed on 2024-01-17."""
    trial = factories.make_trial(code="CCI-1")
    for code in ("P1", "P2"):
        factories.make_participant(trial=trial, code=code)
    return trial


@pytest.fixture
def load(app, tmp_path):
    """load(text of the CSV, text of the mapping) imports, as the command does."""

    def load(text, mapping, name="rows.csv", **options):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / name, tmp_path / "map.toml", **options)

    return load


def found():
    chosen = (
        sa.select(
            Participant.code,
            TumorAssessment.assessed_on,
            Lesion.label,
            LesionMeasurement.diameter_mm,
            LesionMeasurement.state,
        )
        .join(LesionMeasurement.assessment)
        .join(LesionMeasurement.lesion)
        .join(TumorAssessment.participant)
        .order_by(LesionMeasurement.assessment_id, LesionMeasurement.position)
    )
    return [tuple(row) for row in db.session.execute(chosen)]


def responses():
    frame = responses_frame(Participant.trial_id > 0, datetime.date(2024, 12, 31))
    return frame["response"].tolist()


def questions():
    chosen = sa.select(Query.rule, Query.record_id).where(Query.state != QueryState.CLOSED)
    return [tuple(row) for row in db.session.execute(chosen.order_by(Query.rule, Query.record_id))]


def faults(done):
    assert not done.is_stored
    return [(row, column) for row, column in zip(done.faults["row"], done.faults["column"])]


# What is created


def test_lesions_of_the_lymph_nodes_are_nodal(load, trial):
    load(THREE_LESIONS, LESIONS)
    lesions = db.session.scalars(sa.select(Lesion).order_by(Lesion.id)).all()
    assert [(one.label, one.role, one.organ, one.nodal) for one in lesions] == [
        ("T1", "target", "liver", False),
        ("T2", "target", "lymph nodes", True),
        ("NT1", "non-target", None, False),
    ]


def test_what_was_found_makes_assessments_and_the_responses_follow(load, trial):
    load(THREE_LESIONS, LESIONS)
    done = load(TWO_VISITS, FOUND + ASSESSMENTS)
    assert {name: one.new for name, one in done.counts.items() if one.new} == {
        "assessment": 2,
        "lesion_measurement": 6,
    }
    assert found()[:3] == [
        ("P1", datetime.date(2024, 1, 10), "T1", 50, None),
        ("P1", datetime.date(2024, 1, 10), "T2", 20, None),
        ("P1", datetime.date(2024, 1, 10), "NT1", None, "present"),
    ]
    assert responses()[1:] == ["PR"]
    events = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "tumor_assessment"))
    assert all("measurements." in "".join(event.changes) for event in events)


def test_one_file_may_bring_lesions_assessments_and_measurements(load, trial):
    mapping = FOUND + ASSESSMENTS + LESIONS.removeprefix(TRIAL).replace('organ = "organ"\n', "")
    text = "id,lesion,day,mm,state,role,place\nP1,T1,2024-01-10,50,,target,liver\nP1,T1,2024-03-10,20,,target,liver\n"
    load(text, mapping)
    assert [one[2:4] for one in found()] == [("T1", 50), ("T1", 20)]
    assert responses()[1:] == ["PR"]


def test_measurements_are_added_to_an_assessment_that_is_stored(load, trial):
    load(THREE_LESIONS, LESIONS)
    rows = TWO_VISITS.splitlines(keepends=True)
    load("".join(rows[:2]), FOUND + ASSESSMENTS)
    version = db.session.scalars(sa.select(TumorAssessment)).one().version
    done = load("".join(rows[:4]), FOUND)
    assert (done.counts["lesion_measurement"].new, done.counts["lesion_measurement"].unchanged) == (2, 1)
    assert [one[2] for one in found()] == ["T1", "T2", "NT1"]
    db.session.expire_all()
    assert db.session.scalars(sa.select(TumorAssessment)).one().version > version


def test_an_investigators_call_comes_with_its_reason(load, trial):
    mapping = TRIAL + ASSESSMENTS + 'investigator_response = "call"\ninvestigator_reason = "why"\n'
    load("id,day,call,why\nP1,2024-03-10,PD,clinical progression\n", mapping)
    one = db.session.scalars(sa.select(TumorAssessment)).one()
    assert (one.modality, one.investigator_response, one.investigator_reason) == (
        "CT",
        "PD",
        "clinical progression",
    )
    assert faults(load("id,day,call,why\nP2,2024-03-10,PD,\n", mapping)) == [(2, "why")]


# Twice, and otherwise


def test_the_same_files_twice_add_nothing(load, trial):
    for _time in range(2):
        lesions, visits = load(THREE_LESIONS, LESIONS), load(TWO_VISITS, FOUND + ASSESSMENTS)
    assert [lesions.counts["lesion"].new, visits.counts["assessment"].new] == [0, 0]
    assert visits.counts["lesion_measurement"].unchanged == 6
    assert len(found()) == 6


def test_another_diameter_is_listed_and_changed_only_by_an_update_with_its_reason(load, trial):
    load(THREE_LESIONS, LESIONS)
    load(TWO_VISITS, FOUND + ASSESSMENTS)
    other = TWO_VISITS.replace("2024-03-10,20", "2024-03-10,45")
    done = load(other, FOUND)
    assert done.differences[["row", "field", "stored", "new"]].values.tolist() == [
        [5, "diameter_mm", "20", "45"]
    ]
    assert responses()[1:] == ["PR"]
    load(other, FOUND, update=True, reason="read again")
    assert responses()[1:] == ["SD"]
    last = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (last.record_type, last.reason) == ("tumor_assessment", "read again")


def test_a_state_in_place_of_a_diameter_is_a_difference_too(load, trial):
    load(THREE_LESIONS, LESIONS)
    load(TWO_VISITS, FOUND + ASSESSMENTS)
    other = TWO_VISITS.replace("2024-03-10,20,", "2024-03-10,,absent")
    done = load(other, FOUND)
    assert done.differences[["row", "field", "stored", "new"]].values.tolist() == [
        [5, "state", "20", "absent"]
    ]
    assert found()[3][3:] == (20, None)
    load(other, FOUND, update=True, reason="read again")
    assert found()[3][3:] == (None, "absent")
    load(TWO_VISITS, FOUND, update=True, reason="and again")
    assert found()[3][3:] == (20, None)


# What is refused


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",T1,2024-03-10,20,", "id"),
        ("P9,T1,2024-03-10,20,", "id"),
        ("P1,,2024-03-10,20,", "lesion"),
        ("P1,T9,2024-03-10,20,", "lesion"),
        ("P2,T1,2024-03-10,20,", "lesion"),  # another participant's
        ("P1,T1,,20,", "day"),
        ("P1,T1,2099-03-10,20,", "day"),
        ("P1,T1,2024-03-10,-1,", "mm"),
        ("P1,T1,2024-03-10,501,", "mm"),
        ("P1,T1,2024-03-10,20,absent", "state"),
        ("P1,T1,2024-03-10,,gone", "state"),
        ("P1,T1,2024-03-10,,unequivocal", "state"),
        ("P1,NT1,2024-03-10,20,", "mm"),
        ("P1,T1,2024-01-10,51,", "mm"),  # repeats the row before otherwise
    ],
)
def test_a_faulty_measurement_is_told_by_row_and_column_and_nothing_is_stored(load, trial, row, column):
    load(THREE_LESIONS, LESIONS)
    done = load(f"{HEADER}P1,T1,2024-01-10,50,\n{row}\n", FOUND + ASSESSMENTS)
    assert (3, column) in faults(done)
    assert found() == []


def test_a_measurement_needs_an_assessment(load, trial):
    load(THREE_LESIONS, LESIONS)
    done = load(TWO_VISITS, FOUND)
    assert {(row, column) for row, column in faults(done)} == {(row, "day") for row in range(2, 8)}
    assert "no assessment on this day" in done.faults["message"][0]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("P9,T1,target,liver,liver", "id"),
        ("P1,,target,liver,liver", "lesion"),
        ("P1,T1,main,liver,liver", "role"),
        ("P1,T1,,liver,liver", "role"),
        ("P1,T1,target,,liver", "place"),
        ("P1,T1,target,liver,moon", "organ"),
    ],
)
def test_a_faulty_lesion_is_told_by_row_and_column(load, trial, row, column):
    done = load(f"id,lesion,role,place,organ\n{row}\n", LESIONS)
    assert faults(done) == [(2, column)]
    assert db.session.scalar(sa.select(sa.func.count(Lesion.id))) == 0


def test_an_assessment_before_the_stored_baseline_is_refused(load, trial):
    load("id,day\nP1,2024-01-10\n", TRIAL + ASSESSMENTS)
    assert faults(load("id,day\nP1,2024-01-05\n", TRIAL + ASSESSMENTS)) == [(2, "day")]


# Queries


def test_what_a_form_would_ask_of_a_baseline_is_asked_of_an_imported_one(load, trial):
    load(THREE_LESIONS, LESIONS)
    text = HEADER + "P1,T1,2023-12-01,9,\nP1,T2,2023-12-01,14,\nP1,T1,2024-03-10,20,\n"
    load(text, FOUND + ASSESSMENTS)
    first = db.session.scalars(sa.select(TumorAssessment.id).order_by(TumorAssessment.assessed_on)).first()
    assert questions() == [
        ("baseline old", first),
        ("node too small", first),
        ("target too small", first),
    ]


def test_a_measurement_that_is_mended_closes_the_query_of_its_assessment(load, trial):
    load(THREE_LESIONS, LESIONS)
    load(HEADER + "P1,T1,2024-01-10,9,\nP1,T2,2024-01-10,19,\n", FOUND + ASSESSMENTS)
    assert [rule for rule, _id in questions()] == ["target too small"]
    load(HEADER + "P1,T1,2024-01-10,19,\n", FOUND, update=True, reason="typing error")
    assert questions() == []


def test_too_many_targets_are_asked_about(load, trial):
    rows = [f"P1,T{number},target,liver,liver" for number in range(1, 4)]
    load("id,lesion,role,place,organ\n" + "\n".join(rows) + "\n", LESIONS)
    found = [f"P1,T{number},2024-01-10,19,\n" for number in range(1, 4)]
    load(HEADER + "".join(found), FOUND + ASSESSMENTS)
    assert [rule for rule, _id in questions()] == ["more than two in an organ"]

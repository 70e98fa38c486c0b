"""Frames: their types, their scope, and the memory that keeps them."""

import datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.factories import make_participant, make_trial, make_trial_member, make_user
from tracker import scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Participant, Trial
from tracker.reads.base import FrameMemory, frame, handed_out, in_scope

TODAY = datetime.date(2026, 7, 1)


def codes_frame(participants, as_of):
    """A small frame: the codes of participants."""
    return frame(
        sa.select(Participant.trial_id, Participant.code).where(participants).order_by(Participant.id)
    )


def codes():
    return list(in_scope(codes_frame, TODAY)["code"])


@pytest.fixture
def statements(app):
    """The statements that were sent to the database."""
    sent = []

    def note(connection, cursor, statement, *_rest):
        sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


def readings(statements):
    return [one for one in statements if "participant.code" in one]


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_column_has_its_type_whatever_it_holds(app, is_empty):
    if not is_empty:
        make_participant(age_at_enrolment=61.5, prior_lines=None)
    names = ["id", "code", "subtype", "prior_lines", "undated", "age_at_enrolment", "enrolled_on", "died_on"]
    found = frame(sa.select(*(getattr(Participant, name) for name in names)))
    assert [str(one) for one in found.dtypes] == [
        "Int64", "str", "str", "str", "boolean", "float64", "datetime64[us]", "datetime64[us]",
    ]  # fmt: skip
    assert len(found) == (0 if is_empty else 1)


def test_a_frame_that_reads_more_than_was_asked_is_kept_by_trial(app):
    def all_codes_frame(_participants, as_of):
        return frame(sa.select(Participant.trial_id, Participant.code).order_by(Participant.id))

    one = make_participant(code="P-1")
    other = make_participant(code="P-2")
    assert list(in_scope(all_codes_frame, TODAY)["code"]) == ["P-1", "P-2"]
    with because("for the test"):
        other.ecog = 2
        db.session.commit()
    assert one.trial_id != other.trial_id
    assert list(in_scope(all_codes_frame, TODAY)["code"]) == ["P-1", "P-2"]


def test_terms_are_read_as_their_values_and_columns_bear_their_labels(app):
    participant = make_participant(tumor_location="BREAST", subtype="TNBC")
    found = frame(sa.select(Participant.subtype.label("kind"), Trial.code).join(Participant.trial))
    assert found.to_dict("records") == [{"kind": "TNBC", "code": participant.trial.code}]


def test_a_frame_has_no_row_that_the_reader_may_not_see(app):
    mine, other = make_participant(), make_participant()
    user = make_user()
    make_trial_member(user=user, trial=mine.trial)
    mine_code, all_codes = mine.code, [mine.code, other.code]
    assert codes() == all_codes
    with scope.reading_as(user):
        assert codes() == [mine_code]
        assert list(frame(sa.select(Participant.code))["code"]) == [mine_code]
    with scope.reading_as(make_user()):
        assert codes() == []
        assert list(in_scope(codes_frame, TODAY).columns) == ["trial_id", "code"]


def test_a_frame_is_read_once_for_all_users(app, statements):
    trials = [make_trial() for _ in range(3)]
    for trial in trials:
        make_participant(trial=trial)
    user = make_user()
    make_trial_member(user=user, trial=trials[0])
    statements.clear()
    first = in_scope(codes_frame, TODAY)
    assert len(readings(statements)) == 1  # all trials at once
    with scope.reading_as(user):
        assert len(codes()) == 1
    pd.testing.assert_frame_equal(in_scope(codes_frame, TODAY), first)
    assert len(readings(statements)) == 1


def test_only_the_trial_that_changed_is_read_again(app, statements):
    first, second = make_participant(), make_participant()
    kept = second.code
    codes()
    with because("typing error"):
        first.code = "NEW"
        db.session.commit()
    statements.clear()
    assert codes() == ["NEW", kept]
    (reading,) = readings(statements)
    assert reading.count("?") == 1 or reading.count("%(") == 1  # one trial


def test_another_day_is_another_frame(app, statements):
    make_participant()
    codes()
    statements.clear()
    in_scope(codes_frame, datetime.date(2025, 1, 1))
    assert len(readings(statements)) == 1


def test_who_is_withdrawn_is_out(app):
    kept, gone, of_gone_trial = make_participant(), make_participant(), make_participant()
    assert len(codes()) == 3
    with because("entered twice"):
        gone.withdrawn_at = of_gone_trial.trial.withdrawn_at = gone.created_at
        db.session.commit()
    assert codes() == [kept.code]


def test_what_is_not_committed_is_seen_and_not_kept(app):
    participant = make_participant()
    assert len(codes()) == 1
    db.session.add(Participant(trial=participant.trial, code="DRAFT", tumor_location="LUNG", undated=False))
    assert codes() == [participant.code, "DRAFT"]
    db.session.rollback()
    assert codes() == [participant.code]


def test_a_caller_cannot_change_what_is_kept(app):
    make_participant(code="P-1")
    for _ in range(2):
        found = in_scope(codes_frame, TODAY)
        assert list(found["code"]) == ["P-1"]
        found["code"] = "changed"
        found.loc[0, "trial_id"] = 99


def test_the_least_recently_used_frame_goes_first():
    one_frame = pd.DataFrame({"number": range(1000)})
    memory = FrameMemory(limit=2 * int(one_frame.memory_usage().sum()))
    memory.keep({("a",): one_frame, ("b",): one_frame})
    memory.find([("a",)])
    memory.keep({("c",): one_frame})
    assert memory.find([("a",), ("b",), ("c",)]).keys() == {("a",), ("c",)}
    memory.keep({("c",): one_frame})  # read twice at once: counted once
    assert memory.find([("a",), ("c",)]).keys() == {("a",), ("c",)}


def test_a_frame_stays_the_same_object_while_its_data_are_the_same(app):
    first, _second = make_participant(), make_participant()
    with handed_out() as frames:
        codes()
        codes()
        with because("read again"):
            first.ecog = 2
            db.session.commit()
        codes()
        with because("typing error"):
            first.code = "NEW"
            db.session.commit()
        codes()
    assert frames[0] is frames[1] is frames[2]
    assert frames[3] is not frames[2]


def test_a_frame_of_one_participant_agrees_with_that_of_all(app):
    participant = make_participant(code="P-1")
    make_participant(code="P-2", trial=participant.trial)
    assert list(codes_frame(Participant.id == participant.id, TODAY)["code"]) == ["P-1"]

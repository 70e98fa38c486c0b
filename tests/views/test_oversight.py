"""Queries: who asks, answers and closes."""

import datetime

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_administration, make_adverse_event, make_participant, make_query, make_trial
from tracker import clock
from tracker.extensions import db
from tracker.models import AuditEvent, Query, QueryMessage, User
from tracker.roles import Role
from tracker.terms.oversight import QueryState, QueryStep


@pytest.fixture
def participant(app):
    return make_participant(trial=make_trial(code="ONE"))


def ask(browser, participant, **given):
    typed = {"field": "ecog", "question": "Is it really 1?"} | given
    return browser.submit(f"/queries/new?record_type=participant&record_id={participant.id}", **typed)


def query():
    db.session.rollback()
    return db.session.scalars(sa.select(Query)).one()


def test_a_question_stands_on_the_record_until_it_is_closed(sign_in, participant):
    physician = sign_in(Role.PHYSICIAN, [participant.trial])
    assert ask(physician, participant).status_code == 303
    assert "Is it really 1?" in physician.get(f"/participants/{participant.id}").text
    physician.submit(f"/queries/{query().id}/answer", text="Yes, as seen on the day.")
    assert query().state is QueryState.ANSWERED
    monitor = sign_in(Role.MONITOR, [participant.trial])
    monitor.submit(f"/queries/{query().id}/close", state="closed")
    assert query().state is QueryState.CLOSED
    assert "Is it really 1?" not in physician.get(f"/participants/{participant.id}").text
    page = monitor.get(f"/queries/{query().id}").text
    assert "Yes, as seen on the day." in page
    assert query().asked_value == "1"
    assert query().opened_by.role is Role.PHYSICIAN
    changes = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "query")).all()
    assert len(changes) == 3


@pytest.mark.parametrize("field, kept", [("term", None), ("grade", "3")])
def test_a_query_keeps_no_free_text_which_could_not_be_redacted_in_it(sign_in, participant, field, kept):
    event = make_adverse_event(participant=participant, term="rash, told by Mrs Example", grade=3)
    monitor = sign_in(Role.MONITOR, [participant.trial])
    address = f"/queries/new?record_type=adverse_event&record_id={event.id}"
    assert monitor.submit(address, field=field, question="Which?").status_code == 303
    assert query().asked_value == kept


def test_a_record_marks_the_field_and_offers_to_ask(sign_in, participant):
    ask(sign_in(Role.MONITOR, [participant.trial]), participant)
    page = sign_in(Role.MONITOR, [participant.trial]).get(f"/participants/{participant.id}").text
    assert page.count('class="query-mark"') == 1
    assert "field=ecog" in page
    assert "query-ask" not in sign_in(Role.ADMIN).get(f"/trials/{participant.trial_id}").text


def test_the_link_beside_a_field_chooses_it(sign_in, participant):
    browser = sign_in(Role.MONITOR, [participant.trial])
    address = f"/queries/new?record_type=participant&record_id={participant.id}"
    assert '<option value="ecog" selected' in browser.get(f"{address}&field=ecog").text
    assert " selected" not in browser.get(f"{address}&field=password").text.split("question")[0]


@pytest.mark.parametrize(
    "state, state_sent, text, status, told",
    [
        ("open", "closed", "", 422, "say why it is closed"),
        ("open", "closed", "Asked by mistake.", 303, None),
        ("open", "open", "Again.", 409, "open already"),
        ("answered", "closed", "", 303, None),
        ("answered", "open", "", 422, "still to be answered"),
        ("answered", "open", "Which day?", 303, None),
        ("closed", "open", "Which day?", 303, None),
        ("closed", "closed", "", 409, "is closed"),
    ],
)
def test_only_possible_steps_are_taken(sign_in, participant, state, state_sent, text, status, told):
    found = make_query(trial=participant.trial, state=QueryState(state))
    answer = sign_in(Role.DIRECTOR).submit(f"/queries/{found.id}/close", state=state_sent, text=text)
    assert answer.status_code == status
    assert told is None or told in answer.text
    assert query().state == (state_sent if status == 303 else state)


def test_a_closed_query_is_not_answered(sign_in, participant):
    found = make_query(trial=participant.trial, state=QueryState.CLOSED)
    answer = sign_in(Role.PHYSICIAN, [participant.trial]).get(f"/queries/{found.id}/answer")
    assert answer.status_code == 409
    assert "opened again" in answer.text


def test_nobody_closes_by_their_own_answer(sign_in, participant):
    browser = sign_in(Role.DIRECTOR)
    found = make_query(trial=participant.trial, state=QueryState.ANSWERED)
    author = db.session.scalar(sa.select(User.id).where(User.role == Role.DIRECTOR))
    found.messages.append(QueryMessage(step=QueryStep.ANSWERED, author_id=author, text="As I said."))
    db.session.commit()
    answer = browser.submit(f"/queries/{found.id}/close", state="closed")
    assert answer.status_code == 403
    assert "own answer" in answer.text


def test_an_answer_that_crossed_another_is_shown_both(sign_in, participant):
    found = make_query(trial=participant.trial)
    first, second = (sign_in(Role.PHYSICIAN, [participant.trial]) for _repeat in range(2))
    address = f"/queries/{found.id}/answer"
    typed = form_values(second.get(address).text) | {"text": "No."}
    first.submit(address, text="Yes.")
    answer = second.post(address, data=typed)
    assert answer.status_code == 409
    assert "Answered: Yes." in answer.text


def test_a_question_that_was_talked_about_at_length_is_shown_whole(sign_in, participant):
    asked = make_query(trial=participant.trial, record_id=participant.id)
    for number in range(35):
        asked.messages.append(QueryMessage(text=f"word {number}", step=QueryStep.ANSWERED, at=clock.now()))
    db.session.commit()
    browser = sign_in(Role.DIRECTOR)
    for address in (f"/queries/{asked.id}", f"/queries/{asked.id}/history"):
        page = browser.get(address)
        assert page.status_code == 200
        assert "word 34" in page.text


@pytest.mark.parametrize(
    "asked, found",
    [
        ("origin=rule", [1]),
        ("origin=person", [2, 3]),
        ("age=older", [3]),
        ("age=week", [1, 2]),
        ("participant=1", [2]),
    ],
)
def test_the_list_is_narrowed(sign_in, participant, asked, found):
    old = clock.now() - datetime.timedelta(days=40)
    make_query(trial=participant.trial, rule="serious_without_criterion", question="one")
    make_query(trial=participant.trial, participant=participant, question="two")
    make_query(trial=participant.trial, created_at=old, question="three")
    page = sign_in(Role.MONITOR, [participant.trial]).get(f"/queries/?{asked}").text
    assert [number for number in (1, 2, 3) if f'href="/queries/{number}"' in page] == found


@pytest.mark.parametrize(
    "given, told",
    [
        ({"field": "password_hash"}, "Choose one"),
        ({"question": " "}, "Fill this in"),
        ({"field": ""}, "Choose one"),
    ],
)
def test_a_question_without_its_field_or_words_is_refused(sign_in, participant, given, told):
    answer = ask(sign_in(Role.PHYSICIAN, [participant.trial]), participant, **given)
    assert answer.status_code == 422
    assert told in answer.text


@pytest.mark.parametrize(
    "record", ["participant&record_id=999", "user&record_id=1", "nothing&record_id=1", "agent"]
)
def test_what_the_reader_may_not_see_cannot_be_asked_about(sign_in, participant, record):
    browser = sign_in(Role.PHYSICIAN, [participant.trial])
    assert browser.get(f"/queries/new?record_type={record}").status_code == 404


def test_another_trials_record_cannot_be_asked_about(sign_in, participant):
    browser = sign_in(Role.PHYSICIAN, [make_trial()])
    address = f"/queries/new?record_type=participant&record_id={participant.id}"
    assert browser.get(address).status_code == 404


@pytest.mark.parametrize(
    "role, answers, closes",
    [
        (Role.PHYSICIAN, 200, 403),
        (Role.RESEARCHER, 200, 403),
        (Role.DIRECTOR, 403, 200),
        (Role.MONITOR, 403, 200),
        (Role.ADMIN, 403, 403),
    ],
)
def test_who_answers_does_not_close(sign_in, participant, role, answers, closes):
    found = make_query(trial=participant.trial)
    browser = sign_in(role, [participant.trial])
    assert browser.get(f"/queries/{found.id}/answer").status_code == answers
    assert browser.get(f"/queries/{found.id}/close").status_code == closes


def test_a_rules_question_is_shown_in_the_readers_language(sign_in, participant):
    make_query(
        trial=participant.trial,
        rule="fatal_without_grade_5",
        question="The event was fatal, but its grade is not 5.",
    )
    browser = sign_in(Role.PHYSICIAN, [participant.trial])
    browser.set_cookie("language", "fr")
    assert "The event was fatal" not in browser.get("/").text


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.MONITOR])
def test_a_question_about_a_masked_dose_is_shown_without_the_dose(sign_in, role):
    trial = make_trial(is_randomised=True)
    participant = make_participant(trial=trial)
    dose = make_administration(participant=participant)
    asked = make_query(
        trial=trial, participant=participant, record_type="administration", record_id=dose.id, field="dose"
    )
    page = sign_in(role, [trial]).get(f"/queries/{asked.id}")
    assert page.status_code == 200
    assert "masked" in page.text
    assert f"/administrations/{dose.id}" not in page.text
    assert f"/administrations/{dose.id}" in sign_in(Role.DIRECTOR).get(f"/queries/{asked.id}").text

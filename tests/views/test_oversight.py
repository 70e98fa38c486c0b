"""Queries: who asks, answers and closes."""

import pytest
import sqlalchemy as sa

from tests.factories import make_administration, make_participant, make_query, make_trial
from tracker.extensions import db
from tracker.models import AuditEvent, Query
from tracker.roles import Role
from tracker.terms.oversight import QueryState


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
    physician.submit(f"/queries/{query().id}/answer", answer="Yes, as seen on the day.")
    assert query().state is QueryState.ANSWERED
    sign_in(Role.MONITOR, [participant.trial]).submit(f"/queries/{query().id}/close", state="closed")
    assert query().state is QueryState.CLOSED
    assert "Is it really 1?" not in physician.get(f"/participants/{participant.id}").text
    changes = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "query")).all()
    assert len(changes) == 3


def test_a_query_may_be_opened_again(sign_in, participant):
    found = make_query(trial=participant.trial, state=QueryState.CLOSED)
    sign_in(Role.DIRECTOR).submit(f"/queries/{found.id}/close", state="open")
    assert query().state is QueryState.OPEN


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

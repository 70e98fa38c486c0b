"""The whole trail as a page and as a file, and what it tells besides changes of records."""

import csv
import datetime
import io
import re

import pytest
import sqlalchemy as sa

from tests.factories import make_administration, make_agent, make_participant, make_user
from tracker import audit, scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import AuditEvent
from tracker.roles import Role
from tracker.terms.account import Action

PASSWORD = "quinze ou plus lettres"
ANOTHER = "encore plus de quinze lettres"


def told(action):
    db.session.rollback()
    return db.session.scalars(sa.select(AuditEvent).where(AuditEvent.action == action)).all()


@pytest.fixture
def person(app):
    user = make_user(name="ada", display_name="Ada")
    user.set_password(PASSWORD)
    db.session.commit()
    return user


def test_signing_in_and_out_is_told(app, person):
    browser = app.test_client()
    browser.submit("/sign-in", name="ada", password=PASSWORD)
    (event,) = told(Action.SIGN_IN)
    assert (event.user_id, event.actor, event.role) == (person.id, "Ada", person.role.value)
    assert (event.record_type, event.record_id) == ("user", person.id)
    token = browser.get("/account").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert browser.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert [one.record_id for one in told(Action.SIGN_OUT)] == [person.id]


def test_a_first_administrator_a_new_password_and_a_revoked_sign_in_are_told(app):
    browser, other = app.test_client(), app.test_client()
    browser.submit("/setup", name="root", display_name="The first", password=PASSWORD)
    (made,) = [event for event in told(Action.CREATE) if event.record_type == "user"]
    assert made.changes["name"] == [None, "root"]
    assert "password_hash" not in made.changes or PASSWORD not in str(made.changes)

    browser.submit("/account/password", current=PASSWORD, password=ANOTHER, repeated=ANOTHER)
    (changed,) = [event for event in told(Action.CHANGE) if event.record_type == "user"]
    assert (changed.record_id, changed.actor) == (made.record_id, "The first")
    assert not {PASSWORD, ANOTHER} & set(map(str, changed.changes.values()))

    other.submit("/sign-in", name="root", password=ANOTHER)
    page = browser.get("/account").text
    (number,) = re.findall(r'action="/account/sign-ins/(\d+)/revoke"', page)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    assert browser.post(f"/account/sign-ins/{number}/revoke", data={"csrf_token": token}).status_code == 303
    assert [event.record_id for event in told(Action.SIGN_OUT)] == [made.record_id]


@pytest.mark.parametrize("name, about", [("ada", "ada"), ("my password by mistake", None)])
def test_a_refused_sign_in_is_told_without_what_was_typed(app, person, name, about):
    app.test_client().submit("/sign-in", name=name, password="wrong")
    (event,) = told(Action.SIGN_IN_REFUSED)
    assert event.record_id == (person.id if about else 0)
    assert (event.user_id, event.actor, event.role, event.changes) == (None, "not signed in", "none", {})


def test_a_report_that_leaves_as_a_file_is_told(sign_in):
    browser = sign_in(Role.DIRECTOR)
    assert browser.get("/reports/outcomes.csv?by=trial").status_code == 200
    assert browser.get("/reports/outcomes.csv?by=nothing").status_code == 422
    assert browser.get("/reports/outcomes").status_code == 200
    (event,) = told(Action.EXPORT)
    assert (event.user_id, event.record_type) == (browser.user_id, "report")
    assert {name: new for name, (_old, new) in event.changes.items()} == {
        "report": "outcomes",
        "format": "csv",
        "parameters": "by=trial",
    }


def test_no_file_leaves_where_the_trail_cannot_tell_it(sign_in, monkeypatch):
    browser = sign_in(Role.DIRECTOR)

    def fail(*_given, **_named):
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr("tracker.actions.note", fail)
    assert browser.get("/reports/outcomes.csv").status_code == 503


def test_the_director_reads_all_and_the_administrator_what_is_about_accounts(sign_in):
    make_participant(code="CCI-9999")
    shown = {role: sign_in(role).get("/trail/").text for role in (Role.DIRECTOR, Role.ADMIN)}
    assert "CCI-9999" in shown[Role.DIRECTOR]
    assert "CCI-9999" not in shown[Role.ADMIN]
    assert all("display name" in page for page in shown.values())


def test_a_monitor_reads_of_their_trials_and_who_enters_what_they_did_themselves(sign_in):
    mine, other = make_participant(code="CCI-9999"), make_participant(code="CCI-8888")
    monitor, physician = (sign_in(role, [mine.trial]) for role in (Role.MONITOR, Role.PHYSICIAN))
    page = monitor.get("/trail/").text
    assert f"/participants/{mine.id}/history" in page
    assert f"/participants/{other.id}/history" not in page
    assert f"/participants/{mine.id}/history" not in physician.get("/trail/").text
    answer = physician.submit(f"/participants/{mine.id}/edit", diagnosis="LUAD", reason="read again")
    assert answer.status_code == 303, answer.text
    page = physician.get("/trail/").text
    assert f"/participants/{mine.id}/history" in page
    assert "read again" in page
    assert [browser.get("/trail/trail.csv").status_code for browser in (monitor, physician)] == [403, 403]


def test_the_trail_of_a_trial_tells_no_values_and_while_it_is_masked_no_dose_and_no_reason(sign_in):
    dose = make_administration(participant=make_participant(diagnosis="a rare one"))
    trial = dose.participant.trial
    monitor, director = sign_in(Role.MONITOR, [trial]), sign_in(Role.DIRECTOR)
    given = f"/administrations/{dose.id}/history"
    page = monitor.get("/trail/").text
    assert "diagnosis" in page
    assert "a rare one" not in page
    assert given in page
    trial.is_randomised = True
    with because("the protocol says so"):
        db.session.commit()
    page = monitor.get("/trail/").text
    assert f"/participants/{dose.participant_id}/history" in page
    assert given not in page
    assert "the protocol says so" not in page
    page = director.get("/trail/").text
    assert "a rare one" in page
    assert given in page
    assert "the protocol says so" in page


@pytest.mark.parametrize(
    "narrowed, count",
    [
        ("action=create&record_type=agent", 2),
        ("q=NOBODY", 0),
        ("until=2020-01-01", 0),
        ("since=2020-01-01", 3),
    ],
)
def test_the_trail_is_narrowed(sign_in, narrowed, count):
    make_agent(), make_agent()
    page = sign_in(Role.DIRECTOR).get(f"/trail/?{narrowed}").text
    assert page.count('<th scope="row"') == count


@pytest.mark.parametrize(
    "wrong", ["action=delete", "since=31/31/2020", "page=99", "sort=at", "record_type=x"]
)
def test_what_the_trail_cannot_be_asked_is_refused(sign_in, wrong):
    assert sign_in(Role.DIRECTOR).get(f"/trail/?{wrong}").status_code in (404, 422)


def test_the_whole_trail_is_one_file(sign_in):
    make_agent(name="=1+1", target=None)
    for role, kinds in ((Role.ADMIN, {"user"}), (Role.DIRECTOR, {"agent", "user", "trail"})):
        answer = sign_in(role).get("/trail/trail.csv")
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert {row["record_type"] for row in rows} >= kinds
        assert ({"agent"} & {row["record_type"] for row in rows}) == ({"agent"} & kinds)
    assert [row["new"] for row in rows if row["field"] == "name" and row["record_type"] == "agent"] == [
        "'=1+1"
    ]
    assert len(rows[0]["digest"]) == 64
    assert len(told(Action.EXPORT)) == 2


def test_a_history_says_what_was_taken_out_of_it_by_whom_and_why(app, sign_in):
    participant = make_participant(diagnosis="Mrs Example's tumor", died_on=datetime.date(2024, 5, 1))
    participant.diagnosis, participant.died_on = "LUAD", None
    with because("it held a name"):
        db.session.commit()
    with scope.everything("the data protection officer"):
        for field in ("diagnosis", "died_on"):
            audit.redact("participant", participant.id, field, "It named her.")
        db.session.commit()
    page = sign_in(Role.PHYSICIAN, [participant.trial]).get(f"/participants/{participant.id}/history").text
    assert "Example" not in page
    assert "taken out" in page
    assert page.count("Values were taken out by the data protection officer") == 4
    assert "It named her." in page

"""Work that takes longer than a request: asked for, done, followed, given up."""

import datetime
import threading

import pytest
import sqlalchemy as sa

from tests.factories import make_agent, make_job, make_trial, make_user
from tracker import jobs, scope
from tracker.clock import now
from tracker.extensions import db
from tracker.models import Agent, AuditEvent, Job, SignIn, Trial
from tracker.roles import Role
from tracker.terms.housekeeping import JobState
from tracker.values import Refusal


def stored(number):
    """The job as it is stored now; the test holds no lock afterwards."""
    found = db.session.get_one(Job, number, populate_existing=True)
    db.session.expunge(found)
    db.session.rollback()
    return found


@pytest.fixture
def kind(monkeypatch):
    """kind(function) makes it do the jobs of the kind "test"."""
    monkeypatch.setattr(jobs, "_FUNCTIONS", dict(jobs._FUNCTIONS))
    return jobs.job("test")


@pytest.fixture
def ask(app):
    """ask(arguments) has a user ask for a job of that kind, and waits until it is over."""

    def ask(user=None, is_waited_for=True, **arguments):
        user = user or make_user()
        with scope.reading_as(user):
            asked = jobs.ask_for("test", arguments, "A test", "/")
            db.session.commit()
            number = asked.id
        db.session.rollback()
        jobs.worker().start()
        if is_waited_for:
            jobs.worker().wait()
        return stored(number)

    yield ask
    db.session.rollback()
    jobs.worker().wait()


def test_a_job_is_done_with_its_arguments_and_gives_its_result(ask, kind):
    @kind
    def double(work):
        work.finish({"twice": 2 * work.arguments["number"]})

    found = ask(number=21)
    assert (found.state, found.result, found.message) == (JobState.DONE, {"twice": 42}, None)
    assert found.ended_at is not None


def test_what_a_job_stores_is_committed_with_it_and_bears_who_asked(ask, kind):
    @kind
    def store(work):
        with work.writing():
            make = Agent(name="nivolumab", mechanism_class="PD-1 inhibitor", modality="antibody")
            db.session.add(make)
            work.commit()

    user = make_user(display_name="Dr Asker")
    assert ask(user).state is JobState.DONE
    event = db.session.scalar(sa.select(AuditEvent).where(AuditEvent.record_type == "agent"))
    assert (event.user_id, event.actor) == (user.id, "Dr Asker")


def test_a_job_sees_no_more_than_who_asked(ask, kind):
    @kind
    def count(work):
        work.finish({"trials": db.session.scalar(sa.select(sa.func.count(Trial.id)))})

    make_trial()
    assert ask(make_user(role=Role.RESEARCHER)).result == {"trials": 0}
    assert ask(make_user(role=Role.DIRECTOR)).result == {"trials": 1}


@pytest.mark.parametrize(
    "error, message",
    [
        (Refusal("The trial is closed."), "The trial is closed."),
        (ZeroDivisionError("secret"), "The fault is on our side"),
    ],
)
def test_a_job_that_is_refused_or_breaks_stores_nothing_and_says_why(ask, kind, log_lines, error, message):
    @kind
    def fail(work):
        with work.writing():
            db.session.add(Agent(name="nivolumab", mechanism_class="PD-1 inhibitor", modality="antibody"))
            db.session.flush()
            raise error

    found = ask()
    assert found.state is JobState.FAILED
    assert found.message.startswith(message)
    assert db.session.scalar(sa.select(Agent.id)) is None
    assert bool(log_lines) == (not isinstance(error, Refusal))


def test_jobs_are_done_one_after_the_other_the_oldest_first(ask, kind):
    order, at_once = [], []

    @kind
    def note(work):
        at_once.append(threading.current_thread().name)
        order.append(work.arguments["number"])

    with scope.reading_as(make_user()):
        for number in range(3):
            jobs.ask_for("test", {"number": number}, "A test", "/")
        db.session.commit()
    db.session.rollback()
    jobs.worker().start()
    jobs.worker().wait()
    assert order == [0, 1, 2]
    assert set(at_once) == {"worker"}


def test_a_job_tells_how_far_it_is_while_it_goes_on(ask, kind):
    begun, may_go_on = threading.Event(), threading.Event()

    @kind
    def slow(work):
        work.tell(3, 12, "Fitting")
        begun.set()
        assert may_go_on.wait(20)

    found = ask(is_waited_for=False)
    assert begun.wait(20)
    assert jobs.progress_of(found) == (3, 12, "Fitting")
    jobs.attend(stored(found.id))  # it is at work: nobody gives it up
    may_go_on.set()
    jobs.worker().wait()
    assert stored(found.id).state is JobState.DONE


def test_the_row_of_a_job_shows_other_processes_how_far_it_is(ask, kind, monkeypatch):
    monkeypatch.setattr(jobs, "BEAT", 0.05)
    told = threading.Event()

    @kind
    def slow(work):
        work.tell(3, 12, "Fitting")
        assert told.wait(20)

    found = ask(is_waited_for=False)
    for _repeat in range(200):
        found = stored(found.id)
        if found.done == 3:
            break
        told.wait(0.05)
    told.set()
    assert (found.done, found.total, found.text) == (3, 12, "Fitting")
    jobs.worker().wait()


def test_a_job_that_was_given_up_meanwhile_commits_nothing(ask, kind):
    @kind
    def store(work):
        with work.writing():
            db.session.execute(sa.update(Job).values(state=JobState.FAILED, message="given up"))
            db.session.commit()
            db.session.add(Agent(name="nivolumab", mechanism_class="PD-1 inhibitor", modality="antibody"))
            work.commit()

    assert ask().message == "given up"
    assert db.session.scalar(sa.select(Agent.id)) is None


@pytest.mark.parametrize("minutes, state", [(5, JobState.FAILED), (0, JobState.RUNNING)])
def test_a_job_whose_process_is_gone_is_marked_failed_after_a_while(app, minutes, state):
    heard = now() - datetime.timedelta(minutes=minutes)
    found = make_job(user_id=make_user().id, state=JobState.RUNNING, heartbeat_at=heard)
    jobs.attend(found)
    db.session.refresh(found)
    assert found.state is state
    assert (found.message or "").startswith("The tracker was stopped" if minutes else "")


def test_a_job_that_waited_for_a_process_is_begun_by_whoever_looks(ask, kind):
    @kind
    def nothing(work):
        pass

    found = make_job(user_id=make_user().id, kind="test", state=JobState.QUEUED)
    jobs.attend(found)
    db.session.rollback()
    jobs.worker().wait()
    db.session.refresh(found)
    assert found.state is JobState.DONE


def test_the_job_of_a_disabled_account_is_not_done(ask, kind):
    @kind
    def nothing(work):
        pytest.fail("it was done")

    found = ask(make_user(disabled_at=now()))
    assert (found.state, found.message) == (JobState.FAILED, "The account is disabled.")


def test_the_page_of_a_job_is_for_who_asked(app, sign_in):
    browser, other = sign_in(Role.RESEARCHER), sign_in(Role.DIRECTOR)
    found = make_job(
        user_id=browser.user_id,
        title="Screening",
        state=JobState.FAILED,
        message="Too few.",
        address="/reports/",
    )
    page = browser.get(f"/jobs/{found.id}").text
    assert "Screening" in page
    assert "Too few." in page
    assert "hx-trigger" not in page
    assert other.get(f"/jobs/{found.id}").status_code == 404


def test_reading_goes_on_while_a_job_holds_the_database(ask, kind, sign_in):
    """Somebody who was last seen long ago is not kept waiting, though it cannot be noted now."""
    holds, may_go_on = threading.Event(), threading.Event()

    @kind
    def hold(work):
        with work.writing():
            db.session.add(Agent(name="nivolumab", mechanism_class="PD-1 inhibitor", modality="antibody"))
            db.session.flush()
            holds.set()
            assert may_go_on.wait(20)
            work.commit()

    make_agent()
    browser = sign_in(Role.DIRECTOR)
    db.session.scalar(sa.select(SignIn)).last_seen_at = now() - datetime.timedelta(minutes=10)
    db.session.commit()
    ask(is_waited_for=False)
    assert holds.wait(20)
    begun = now()
    assert browser.get("/agents/").status_code == 200
    assert now() - begun < datetime.timedelta(seconds=5)
    may_go_on.set()
    jobs.worker().wait()

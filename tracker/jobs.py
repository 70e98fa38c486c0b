"""Work that takes longer than a request: a row says what is to be done, one thread of a process does it.

A function does the jobs of one kind, on behalf of who asked for them and with no more rights than theirs:

    @job("screen")
    def screen(work):
        work.tell(3, 12, _("Fitting"))
        work.finish({"markers": 12})

It reads one snapshot. What it stores it writes inside `with work.writing():`, and `work.commit()` there commits that
together with the news that the job is done; so a job whose process was killed has stored nothing, and is marked as
failed once nobody has heard of it for a while.
"""

import contextlib
import datetime
import logging
import threading
from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _

from tracker import clock, scope
from tracker.extensions import db, reading, writing
from tracker.models import Job
from tracker.terms.housekeeping import JobState
from tracker.values import Refusal

#: Seconds between two signs of life of a job, and after how many without one it is given up.
BEAT, SILENCE = 2, 30

#: Seconds that a job waits for others who write.
PATIENCE = 60

log = logging.getLogger("tracker")

_FUNCTIONS: dict[str, Callable] = {}


def job(kind: str):
    """The function does the jobs of this kind; it is given its `Work`."""

    def declare(function):
        _FUNCTIONS[kind] = function
        return function

    return declare


def ask_for(kind: str, arguments: dict, title: str, address: str) -> Job:
    """A new job in the session, for the reader: the caller commits, and then says `worker().start()`.

    title: what is done, for the page that shows how far it is. address: where the result will be seen.
    """
    asked = Job(
        kind=kind,
        title=title,
        address=address,
        arguments=arguments,
        user_id=scope.reader().user_id,
        language=str(get_locale()),
    )
    db.session.add(asked)
    return asked


def worker() -> "Worker":
    """This process's."""
    return current_app.extensions.setdefault("worker", Worker(current_app._get_current_object()))


def attend(found: Job) -> None:
    """What whoever looks at a job sees to: that it is begun, or given up where its process is gone."""
    here = worker()
    if found.state is JobState.QUEUED:
        here.start()
    elif found.state is JobState.RUNNING and here.progress_of(found) is None and _is_silent(found):
        db.session.rollback()
        _give_up_silent()


def progress_of(found: Job) -> tuple[int, int, str]:
    """Steps done, steps in all (0 where that is not known), and what is being done."""
    return worker().progress_of(found) or (found.done, found.total, found.text)


def _is_silent(found):
    return found.heartbeat_at < clock.now() - datetime.timedelta(seconds=SILENCE)


def _give_up_silent():
    """Mark the jobs whose process is gone as failed. Where the database is held, one of them may be at work."""
    last = clock.now() - datetime.timedelta(seconds=SILENCE)
    with writing(patience=0.2), contextlib.suppress(sa.exc.OperationalError):
        db.session.execute(
            sa.update(Job)
            .where(Job.state == JobState.RUNNING, Job.heartbeat_at < last)
            .values(
                state=JobState.FAILED,
                ended_at=clock.now(),
                message=_(
                    "The tracker was stopped while this was going on. Nothing was stored; start it again."
                ),
            )
        )
        db.session.commit()
    db.session.rollback()


class Work:
    """A job as its function sees it."""

    def __init__(self, job_id: int, arguments: dict):
        self.arguments = arguments
        self.progress = 0, 0, ""
        self._id, self._is_over = job_id, False

    def tell(self, done: int, total: int, text: str) -> None:
        """How far the work is: steps done and in all, and what is being done."""
        self.progress = done, total, str(text)[:200]

    @contextlib.contextmanager
    def writing(self):
        """What is inside may store, and ends with `commit`; a transaction that reads is over."""
        db.session.rollback()
        with writing(PATIENCE):
            yield

    def commit(self, result: dict | None = None) -> None:
        """Commit what was written, and with it that the job is done. Raises Refusal where it was given up."""
        if not _end(self._id, JobState.DONE, result=result):
            raise Refusal(_("The job was given up meanwhile. Nothing was stored; start it again."))
        db.session.commit()
        self._is_over = True

    def finish(self, result: dict | None = None) -> None:
        """The job is done, and stored nothing else than its result."""
        if not self._is_over:
            with self.writing():
                self.commit(result)


def _end(job_id, state, **more) -> bool:
    changed = db.session.execute(
        sa.update(Job)
        .where(Job.id == job_id, Job.state == JobState.RUNNING)
        .values(state=state, ended_at=clock.now(), **more)
    )
    return bool(changed.rowcount)


class Worker:
    """One thread that does the jobs that wait, the oldest first, and ends when none is left."""

    def __init__(self, app: Flask):
        self._app, self._lock = app, threading.Lock()
        self._thread: threading.Thread | None = None
        self._works: dict[int, Work] = {}

    def start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Until nothing is left to do."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def progress_of(self, found: Job) -> tuple[int, int, str] | None:
        """None where this process is not the one that does the job."""
        work = self._works.get(found.id)
        return work and work.progress

    def _run(self):
        with self._app.app_context(), scope.everything("worker"):
            try:
                _give_up_silent()
                while (claimed := self._claim()) is not None:
                    self._do(*claimed)
            except Exception:
                log.exception("the worker ended")
                self._thread = None

    def _claim(self):
        """What of the next job is needed to do it; None, and the thread is over, where none waits."""
        with self._lock:
            while True:
                chosen = sa.select(Job).where(Job.state == JobState.QUEUED).order_by(Job.id).limit(1)
                found = db.session.scalar(chosen)
                if found is None:
                    db.session.rollback()
                    self._thread = None
                    return None
                needed = found.id, found.kind, found.arguments, found.language
                claimed = db.session.execute(
                    sa.update(Job)
                    .where(Job.id == found.id, Job.state == JobState.QUEUED)
                    .values(state=JobState.RUNNING, heartbeat_at=clock.now())
                ).rowcount
                db.session.commit()
                if claimed:  # and not by another process meanwhile
                    return needed

    def _do(self, job_id, kind, arguments, language):
        work = self._works[job_id] = Work(job_id, arguments)
        try:
            with self._app.app_context(), force_locale(language), self._signs_of_life(job_id, work):
                try:
                    with reading():
                        user = db.session.get(Job, job_id).user
                        if not user.is_active:
                            raise Refusal(_("The account is disabled."))
                        with scope.reading_as(user):
                            _FUNCTIONS[kind](work)
                            work.finish()
                except Refusal as refusal:
                    self._fail(job_id, refusal.message)
                except Exception:
                    log.exception("job=%d kind=%s failed", job_id, kind)
                    self._fail(job_id, _("The fault is on our side and has been logged. Nothing was stored."))
        finally:
            del self._works[job_id]

    @staticmethod
    def _fail(job_id, message):
        db.session.rollback()
        _end(job_id, JobState.FAILED, message=str(message))
        db.session.commit()

    @contextlib.contextmanager
    def _signs_of_life(self, job_id, work):
        """While the job is done, its row tells other processes so, and how far it is."""
        is_over = threading.Event()
        thread = threading.Thread(
            target=self._beat, args=(job_id, work, is_over), name="heartbeat", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _beat(self, job_id, work, is_over):
        while not is_over.wait(BEAT):
            # Where the database has one writer and the job is it, nobody else can give it up either.
            with (
                self._app.app_context(),
                writing(patience=0.2),
                contextlib.suppress(sa.exc.OperationalError),
            ):
                done, total, text = work.progress
                db.session.execute(
                    sa.update(Job)
                    .where(Job.id == job_id, Job.state == JobState.RUNNING)
                    .values(heartbeat_at=clock.now(), done=done, total=total, text=text)
                )
                db.session.commit()

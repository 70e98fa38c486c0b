"""The tracker as it is served in life, by a process or several of their own; and people at it without a browser."""

import contextlib
import os
import re
import secrets
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from tests import factories
from tests.conftest import form_values
from tracker import clock
from tracker.extensions import db
from tracker.models import SignIn
from tracker.roles import Role
from tracker.views.access import _hash

ROOT = Path(__file__).parents[2]


def environment_of(app) -> dict:
    """In which another process finds the database of this application, and its secrets."""
    return os.environ | {
        "DATABASE_URL": app.config["DATABASE_URL"],
        "TRACKER_HOME": app.instance_path,
        "TRACKER_SECRET_KEY": app.config["SECRET_KEY"],
        "TRACKER_TRAIL_KEY": app.config["TRAIL_KEY"],
        "TRACKER_TRAIL_ANCHOR": app.config["TRAIL_ANCHOR"],
        "TRACKER_WAIT_SECONDS": "60",  # the machine may be busy with other tests
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@contextlib.contextmanager
def served(app, workers: int):
    """The database of this application behind waitress, or behind gunicorn with several workers; gives the port."""
    command = [sys.executable, "-m", "tracker", "serve", "--port", "0"]
    if workers:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-w",
            str(workers),
            "--threads",
            "4",
            "-b",
            "127.0.0.1:0",
        ]
        command += ["--timeout", "60", "tracker:create_app()"]
    process = subprocess.Popen(
        command,
        env=environment_of(app),
        cwd=app.instance_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError("the server did not start:\n" + "".join(said))
        reader = threading.Thread(
            target=lambda: said.extend(process.stdout), daemon=True
        )  # else it would wait for us
        reader.start()
        yield int(found[1])
    except AssertionError as error:
        error.add_note("The server said:\n" + "".join(said))
        raise
    finally:
        process.terminate()
        process.wait(30)
        reader.join(5)
        process.stdout.close()
    faults = [line for line in said if "Traceback" in line or "unexpected error" in line]
    assert not faults, "".join(said)


class Person:
    """Somebody who is signed in; each request is a connection of its own, so any worker may answer it."""

    def __init__(self, app, port, user_id):
        token, now = secrets.token_hex(16), clock.now()
        db.session.add(SignIn(user_id=user_id, token_hash=_hash(token), created_at=now, last_seen_at=now))
        db.session.commit()
        signed = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token})
        self.port, self.cookie = port, f"tracker={signed}"
        self.form("/account/password")  # the cookie has the form token from now on

    def ask(self, address, fields=None):
        """Status, where it leads, and the page; fields are sent by POST."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": self.cookie}
        body = None
        if fields is not None:
            body, headers["Content-Type"] = urlencode(fields), "application/x-www-form-urlencoded"
        try:
            connection.request("GET" if fields is None else "POST", address, body, headers)
            answer = connection.getresponse()
            page = answer.read().decode()
            self._keep_cookie(answer)
            return answer.status, answer.getheader("Location"), page
        finally:
            connection.close()

    def _keep_cookie(self, answer):
        found = answer.getheader("Set-Cookie") or ""
        if found.startswith("tracker="):
            self.cookie = found.partition(";")[0]

    def form(self, address) -> dict:
        """What the form at this address would send."""
        status, _location, page = self.ask(address)
        assert status == 200, f"{address} answered {status}"
        return form_values(page)


def people(app, port, trial, count=2) -> list[Person]:
    """Physicians of the trial."""
    users = [factories.make_user(role=Role.PHYSICIAN) for _one in range(count)]
    for user in users:
        factories.make_trial_member(user=user, trial=trial)
    db.session.commit()
    return [Person(app, port, number) for number in [user.id for user in users]]


def at_once(*calls) -> list:
    """The results of all calls, which begin in the same moment."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        barrier.wait()
        try:
            results[place] = call()
        except Exception as error:  # told by the caller, as what came of it
            results[place] = error

    threads = [threading.Thread(target=run, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results

"""SQLite: one process serves a database. It holds a lock, which the system takes back when the process ends.

Several would work, slowly: each keeps its own memory of what was read, and they would wait for one another's writes.
Commands, as an import or a backup, run beside it.
"""

import contextlib
import fcntl
import os
import threading
import time

from flask import Flask
from flask_babel import gettext as _

from tracker.extensions import db
from tracker.values import Refusal

#: Seconds that a worker of gunicorn waits for the one that it takes over from.
_TAKING_OVER = 5

#: What this process holds: by database, its own number and the open file.
_held: dict[str, tuple[int, int]] = {}
_claiming = threading.Lock()


def init_app(app: Flask) -> None:
    """Whatever server it is: the first request claims the database. gunicorn is told when its worker starts."""
    app.before_request(claim)
    if os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
        with app.app_context():
            claim(_TAKING_OVER)


def claim(patience: float = 0) -> None:
    """Be the one process that serves this SQLite database. Raises Refusal where another one is."""
    if db.engine.dialect.name != "sqlite":
        return
    database = db.engine.url.database
    if not _is_held(database):
        with _claiming:
            _claim(database, patience)


def _is_held(database) -> bool:
    return _held.get(database, (None,))[0] == os.getpid()


def _claim(database, patience):
    if _is_held(database):  # another thread of ours was quicker
        return
    until = time.monotonic() + patience
    with contextlib.suppress(PermissionError):  # of a folder that is only read
        file = os.open(f"{database}.serving", os.O_RDWR | os.O_CREAT, 0o600)
        while not _lock(file):
            if time.monotonic() >= until:
                os.close(file)
                raise Refusal(
                    _(
                        "Another process serves this SQLite database already, and only one can. Stop it, or serve"
                        " with one process and threads (gunicorn -w 1 --threads 8, without --preload); for several"
                        " processes use PostgreSQL."
                    ),
                    status=503,
                )
            time.sleep(0.1)
        _held[database] = os.getpid(), file


def _lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""An installation of the tracker in a folder of its own, with real processes and people who use it by HTTP."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from tests.conftest import form_values
from tracker import actions, create_app, scope
from tracker.extensions import database_url, db, engine_options, migrate_database
from tracker.roles import Role

ROOT = Path(__file__).parents[2]
NAME, PASSWORD = "ada", "correct horse battery staple"

#: What a client meets whose server goes away.
GONE = (OSError, http.client.HTTPException)


class Installation:
    """A folder, a database, and processes that are forked from one that has imported everything."""

    def __init__(self, folder: Path, database: str | None = None, for_long=False, **settings):
        self.folder = folder
        self.url = database or f"sqlite:///{folder / 'home' / 'tracker.sqlite'}"
        self.environment = {"TRACKER_HOME": str(folder / "home"), "DATABASE_URL": self.url} | {
            f"TRACKER_{name}": str(value) for name, value in settings.items()
        }
        self.log = folder / "log"
        self._lock = threading.Lock()
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.launcher", *(["--compile"] if for_long else [])],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ports = [_free_port(), _free_port()]
        self.servers: dict[int, int] = {}  # port: process

    def _ask(self, **asked) -> int:
        with self._lock:
            self._launcher.stdin.write(json.dumps(asked) + "\n")
            self._launcher.stdin.flush()
            return int(self._launcher.stdout.readline())

    def start(self, *words) -> int:
        """Begin a command; gives its process."""
        return self._ask(start=[str(word) for word in words], environment=self.environment, log=str(self.log))

    def wait(self, process: int) -> int:
        """The exit status of a command; negative where a signal ended it."""
        return self._ask(wait=process)

    def run(self, *words) -> int:
        return self.wait(self.start(*words))

    def serve(self, count: int = 1) -> float:
        """Start servers, and wait until they answer. Returns the seconds that took."""
        begun = time.monotonic()
        for port in self.ports[:count]:
            self.servers[port] = self.start("serve", "--port", port)
        for port in self.servers:
            while True:
                with contextlib.suppress(*GONE):
                    if Person(port).get("/sign-in")[0] < 500:
                        break
                if time.monotonic() - begun > 60:
                    raise TimeoutError(f"no server answers:\n{self.said()}")
                time.sleep(0.02)
        return time.monotonic() - begun

    def end_servers(self, how=signal.SIGKILL) -> None:
        for process in self.servers.values():
            os.kill(process, how)
        for process in self.servers.values():
            self.wait(process)
        self.servers = {}

    def said(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    @contextlib.contextmanager
    def looking(self):
        """A connection that only looks, past the tracker."""
        url = database_url(self.url)
        engine = sa.create_engine(url, **engine_options(url))
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def close(self) -> None:
        if self.servers:
            self.end_servers()
        self._launcher.stdin.close()
        self._launcher.wait(20)
        self._launcher.stdout.close()


def begin(tracker: Installation) -> None:
    """Make its database, with one account."""
    app = create_app({"DATABASE_URL": tracker.url}, home=tracker.environment["TRACKER_HOME"])
    with app.app_context(), scope.everything():
        migrate_database()
        actions.add_user(NAME, Role.PHYSICIAN, PASSWORD)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def installed(for_long=False, **settings):
    """An installation on SQLite, or on a database of its own on the server that DATABASE_URL names."""
    given = os.environ.get("DATABASE_URL", "")
    with tempfile.TemporaryDirectory(prefix="tracker-faults-") as folder, contextlib.ExitStack() as stack:
        database = stack.enter_context(own_database(given)) if given.startswith("postgresql") else None
        made = Installation(Path(folder), database, for_long, **settings)
        stack.callback(made.close)
        yield made


@contextlib.contextmanager
def own_database(server: str, tablespace: str | None = None):
    """A new database on a PostgreSQL server; gives its address."""
    url = database_url(server)
    name = f"tracker_faults_{secrets.token_hex(4)}"
    engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    where = f" TABLESPACE {tablespace}" if tablespace else ""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}{where}")
    try:
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        engine.dispose()
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Person:
    """Somebody with a browser: cookies, pages, and forms that are filled in."""

    def __init__(self, port: int, cookies: dict | None = None):
        self.port, self.cookies = port, dict(cookies or {})

    def _send(self, method, address, body=None, kind=None, timeout=40):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            connection.request(method, address, body, headers | ({"Content-Type": kind} if kind else {}))
            answer = connection.getresponse()
            text = answer.read().decode()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _sign, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, text, answer.headers
        finally:
            connection.close()

    def get(self, address):
        return self._send("GET", address)

    def post(self, address, values):
        return self._send("POST", address, urlencode(values), "application/x-www-form-urlencoded")

    def upload(self, address, values, files):
        """files: (name of the file, its bytes) by field."""
        edge = secrets.token_hex(16)
        parts = [(f'name="{name}"', value.encode()) for name, value in values.items()]
        parts += [(f'name="{field}"; filename="{name}"', content) for field, (name, content) in files.items()]
        body = b"".join(
            f"--{edge}\r\nContent-Disposition: form-data; {said}\r\n\r\n".encode() + content + b"\r\n"
            for said, content in parts
        )
        return self._send(
            "POST", address, body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
        )

    def form(self, address):
        """What the form of a page holds, as it is opened."""
        status, text, _headers = self.get(address)
        if status != 200:
            raise AssertionError(f"GET {address} answered {status}")
        return form_values(text)

    def sign_in(self):
        values = self.form("/sign-in") | {"name": NAME, "password": PASSWORD}
        status, text, _headers = self.post("/sign-in", values)
        assert status in (302, 303), text
        return self


def led_to(headers) -> str:
    return urlsplit(headers["Location"]).path

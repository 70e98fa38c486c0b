"""What tests share: an application on a fresh database, and browsers that are signed in."""

import contextlib
import contextvars
import functools
import logging
import os
import re
import secrets
import shutil
from html.parser import HTMLParser
from pathlib import Path

import argon2
import pytest
import sqlalchemy as sa
from flask import has_app_context
from flask.testing import FlaskClient
from flask_migrate import upgrade

from tests import factories
from tests.tables import copy_tables, differences
from tracker import clock, create_app, scope
from tracker.extensions import database_url, db
from tracker.models import SignIn, account
from tracker.views.access import _hash

SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Mark what uses the database. Where the machine lacks something, its tests skip and say so; with CI set, they
    fail instead.
    """
    for item in items:
        if "database" in item.fixturenames:
            item.add_marker("database")
        if item.get_closest_marker("browser") and not os.environ.get("CI") and not shutil.which("chromium"):
            item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes():
    """Argon2 at its least: in life it is slow on purpose."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def shared():
    """The folder of real data and reference values, which lies beside the project on some machines."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data is not here")
    return SHARED


class _Database:
    """A migrated template, and one database that is made anew from it for every test."""

    def __init__(self, folder: Path):
        self.folder = folder
        given = os.environ.get("DATABASE_URL", "")
        self.is_postgresql = given.startswith("postgresql")
        self.server = database_url(given) if self.is_postgresql else None
        self.stem = f"tracker_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{secrets.token_hex(3)}"
        self.template, self.copy = self.url("template"), self.url("copy")
        self.has_tables = False  # those of the copy; a test that changes them says so
        if self.is_postgresql:
            self.administer(f"CREATE DATABASE {self.template.database}")
        app = create_app({"DATABASE_URL": self.render(self.template)}, home=folder / "template")
        with app.app_context():
            upgrade()
            db.session.remove()
            db.engine.dispose()

    def url(self, name):
        if self.is_postgresql:
            return self.server.set(database=f"{self.stem}_{name}")
        return sa.make_url(f"sqlite:///{self.folder / name}.sqlite")

    @staticmethod
    def render(url):
        return url.render_as_string(hide_password=False)

    def administer(self, *statements, database="postgres"):
        engine = sa.create_engine(self.server.set(database=database), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def restore(self):
        """Make the copy as it was after the migrations; nobody may be connected to it."""
        if self.is_postgresql and self.has_tables:
            # Many times quicker than TRUNCATE, which makes every table's files anew; triggers are left out.
            tables = [table.name for table in reversed(db.metadata.sorted_tables)]
            self.administer(
                "SET session_replication_role = replica",
                "; ".join(f'DELETE FROM "{name}"' for name in tables),
                "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
                "INSERT INTO data_version (version) VALUES (0)",
                database=self.copy.database,
            )
        elif self.is_postgresql:
            self.administer(
                f"DROP DATABASE IF EXISTS {self.copy.database} WITH (FORCE)",
                f"CREATE DATABASE {self.copy.database} TEMPLATE {self.template.database}",
            )
        else:
            for end in ("-wal", "-shm"):
                Path(self.copy.database + end).unlink(missing_ok=True)
            shutil.copy(self.template.database, self.copy.database)
        self.has_tables = True

    def drop(self):
        if self.is_postgresql:
            for url in (self.copy, self.template):
                self.administer(f"DROP DATABASE IF EXISTS {url.database} WITH (FORCE)")


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    made = _Database(tmp_path_factory.mktemp("database"))
    yield made
    made.drop()


def _make_app(database, home):
    app = create_app(
        {"DATABASE_URL": database.render(database.copy), "SECRET_KEY": "of the tests", "TESTING": True},
        home=home,
    )
    app.test_client_class = Browser
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            sa.event.listen(db.engine, "connect", _do_not_wait_for_the_disk)
    return app


def _do_not_wait_for_the_disk(connection, _record):
    connection.execute("PRAGMA synchronous = OFF")


@contextlib.contextmanager
def _running(app, database):
    """The application on a fresh database; the test itself runs as the system's owner."""
    database.restore()
    Path(app.config["TRAIL_ANCHOR"]).unlink(missing_ok=True)
    with app.app_context(), scope.everything("the tests"):
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="session")
def _application(database, tmp_path_factory):
    """One for all tests, because to make one and its pages ready takes longer than most tests."""
    return _make_app(database, tmp_path_factory.mktemp("home"))


@pytest.fixture
def app(_application, database):
    """The application on a fresh, migrated database; its settings and extensions are as new afterwards."""
    config, extensions = dict(_application.config), dict(_application.extensions)
    with _running(_application, database):
        yield _application
    for kept, now in ((config, _application.config), (extensions, _application.extensions)):
        now.clear()
        now.update(kept)


@pytest.fixture
def own_app(database, tmp_path):
    """An application that the test may add addresses to."""
    with _running(_make_app(database, tmp_path / "home"), database) as app:
        yield app


class Browser(FlaskClient):
    """A client whose requests are strangers to the test's own session, as they are in life."""

    def open(self, *args, **kwargs):
        _end_transaction()
        answer = contextvars.Context().run(super().open, *args, **kwargs)
        _end_transaction()
        assert unprotected(answer) == []
        return answer

    def submit(self, address, follow_redirects=False, **fields):
        """Open the page, fill its form in, send it. A field that is not given keeps what the page shows."""
        page = self.get(address)
        assert page.status_code == 200, f"{address} answered {page.status_code}"
        return self.post(
            address, data={**form_values(page.text), **fields}, follow_redirects=follow_redirects
        )


def unprotected(answer) -> list[str]:
    """What an answer, whichever it is, lacks of the headers that protect."""
    headers = answer.headers
    policy = headers.get("Content-Security-Policy", "")
    kept = "no-store" if answer.request.path[:8] != "/static/" or answer.status_code >= 400 else "max-age"
    return [
        name
        for name, is_there in {
            "Content-Security-Policy": "default-src 'self'" in policy and "unsafe" not in policy,
            "frame-ancestors": "frame-ancestors 'none'" in policy,
            "X-Content-Type-Options": headers.get("X-Content-Type-Options") == "nosniff",
            "Referrer-Policy": headers.get("Referrer-Policy") == "same-origin",
            "Cache-Control": kept in headers.get("Cache-Control", ""),
        }.items()
        if not is_there
    ]


def _end_transaction():
    """So that the test holds no lock during a request, and sees afterwards what the request stored."""
    if has_app_context():
        db.session.rollback()


class _FormParser(HTMLParser):
    """What a browser would send of the page's main form."""

    def __init__(self):
        super().__init__()
        self.values, self.inside, self.select, self.area = {}, False, None, None

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if found.get("id") == "record-form":
            self.inside = True
        if not self.inside:
            return
        name = found.get("name")
        if tag == "input" and name:
            ticked = found.get("type") not in ("checkbox", "radio") or "checked" in found
            if ticked:
                self.values[name] = found.get("value") or ""
        elif tag == "select":
            self.select = name
            self.values[name] = ""
        elif tag == "option" and self.select and "selected" in found:
            self.values[self.select] = found.get("value") or ""
        elif tag == "textarea":
            self.area, self.values[name] = name, ""

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def handle_data(self, data):
        if self.area:
            self.values[self.area] += data.removeprefix("\r\n")


def form_values(page: str) -> dict:
    parser = _FormParser()
    parser.feed(page)
    return parser.values


def signed_in(app, role, trials=()) -> Browser:
    """A browser in which a new user of that role is signed in."""
    user = factories.make_user(role=role)
    for trial in trials:
        factories.make_trial_member(user=user, trial=trial)
    token = secrets.token_hex(16)
    now = clock.now()
    db.session.add(SignIn(user_id=user.id, token_hash=_hash(token), created_at=now, last_seen_at=now))
    db.session.commit()
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = token
    browser.user_id = user.id
    return browser


@pytest.fixture
def sign_in(app):
    """sign_in(role, trials=[...]) gives a browser in which a new user of that role is signed in."""
    return functools.partial(signed_in, app)


@pytest.fixture
def log_lines():
    """What the tracker writes to its log during the test."""
    lines, handler = [], logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("tracker")
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


@pytest.fixture
def refused(app, log_lines):
    """refused(browser, address, field="code", code="...") sends a form that must be refused, and gives the answer.

    field: beside which the reason must stand. What was typed must still be on the page, nothing may have changed
    in any table but those in `tells`, and the log must have one line, which names the field and holds nothing that was
    typed.
    """

    def refused(browser, address, *, answered=422, field=None, is_kept=True, tells=(), **typed):
        page = browser.get(address)
        assert page.status_code == 200, f"{address} answered {page.status_code}"
        before = copy_tables()
        log_lines.clear()
        answer = browser.post(address, data={**form_values(page.text), **typed})
        assert answer.status_code == answered
        assert {table for table, _key in differences(before, copy_tables())} <= set(tells)
        (line,) = log_lines
        said, _sign, names = line.partition(" fields=")
        assert f"status={answered}" in said
        texts = [text for text in typed.values() if isinstance(text, str) and len(text) > 3]
        told = re.sub("request=[0-9a-f]{32}", "", said)  # chance may put any digits there
        assert not [text for text in texts if text in told]
        if field is not None:
            assert f'id="{field}-error"' in answer.text, f"no reason stands beside {field}"
            assert field in names.split(",")
        if is_kept:
            shown = form_values(answer.text)
            kept = {name: shown.get(name) for name in typed if not isinstance(typed[name], list)}
            assert kept == {name: typed[name] for name in kept}
        return answer

    return refused

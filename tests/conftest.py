"""What tests share: an application on a fresh database, and browsers that are signed in."""

import contextvars
import itertools
import os
import secrets
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import has_app_context
from flask.testing import FlaskClient
from flask_migrate import upgrade

from tests import factories
from tracker import clock, create_app, scope
from tracker.extensions import database_url, db
from tracker.models import SignIn
from tracker.views.access import _hash

SHARED = Path(__file__).parents[1].parent / "shared"


def pytest_collection_modifyitems(items):
    """Where the machine lacks something, its tests skip and say so; with CI set, they fail instead."""
    for item in items:
        if item.get_closest_marker("browser") and not os.environ.get("CI") and not shutil.which("chromium"):
            item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@pytest.fixture(scope="session")
def shared():
    """The folder of real data and reference values, which lies beside the project on some machines."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data is not here")
    return SHARED


class _Database:
    """A migrated template, and fresh copies of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        given = os.environ.get("DATABASE_URL", "")
        self.is_postgresql = given.startswith("postgresql")
        self.server = database_url(given) if self.is_postgresql else None
        self.stem = f"tracker_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{secrets.token_hex(3)}"
        self.numbers = itertools.count()
        self.template = self.url("template")
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

    def administer(self, statement):
        engine = sa.create_engine(self.server.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def copy(self):
        fresh = self.url(f"copy{next(self.numbers)}")
        if self.is_postgresql:
            self.administer(f"CREATE DATABASE {fresh.database} TEMPLATE {self.template.database}")
        else:
            shutil.copy(self.template.database, fresh.database)
        return fresh

    def drop(self, url):
        if self.is_postgresql:
            self.administer(f"DROP DATABASE {url.database} WITH (FORCE)")
        else:
            for end in ("", "-wal", "-shm"):
                Path(url.database + end).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    made = _Database(tmp_path_factory.mktemp("database"))
    yield made
    made.drop(made.template)


@pytest.fixture
def app(database, tmp_path):
    """An application on a fresh, migrated database; the test itself runs as the system's owner."""
    url = database.copy()
    app = create_app(
        {"DATABASE_URL": database.render(url), "SECRET_KEY": "of the tests", "TESTING": True}, home=tmp_path / "home"
    )
    app.test_client_class = Browser
    with app.app_context(), scope.everything("the tests"):
        yield app
        db.session.remove()
        db.engine.dispose()
    database.drop(url)


class Browser(FlaskClient):
    """A client whose requests are strangers to the test's own session, as they are in life."""

    def open(self, *args, **kwargs):
        _end_transaction()
        answer = contextvars.Context().run(super().open, *args, **kwargs)
        _end_transaction()
        return answer

    def submit(self, address, follow_redirects=False, **fields):
        """Open the page, fill its form in, send it. A field that is not given keeps what the page shows."""
        page = self.get(address)
        assert page.status_code == 200, f"{address} answered {page.status_code}"
        return self.post(
            address, data={**form_values(page.text), **fields}, follow_redirects=follow_redirects
        )


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


@pytest.fixture
def sign_in(app):
    """sign_in(role, trials=[...]) gives a browser in which a new user of that role is signed in."""

    def sign_in(role, trials=()):
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

    return sign_in

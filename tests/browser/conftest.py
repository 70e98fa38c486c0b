"""A server on a free port and Chromium at it; a test fails when anything goes wrong in its pages."""

import contextlib
import shutil
import threading

import pytest
import waitress
from playwright.sync_api import sync_playwright
from waitress import wasyncore

from tests.browser.person import PASSWORD, Person
from tracker import actions, create_app, scope
from tracker.demo.centre import SIGN_INS, load
from tracker.extensions import db, migrate_database
from tracker.roles import Role

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or pytest.fail("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def _serving(app):
    """The application as it is served in life; gives its address."""
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4, ident=None)
    thread = threading.Thread(target=server.run, name="waitress")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # The loop ends when it has no socket left; they may be closed from its own thread only.
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
        thread.join(20)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive(), "the server did not end"


@pytest.fixture
def server(app):
    """The tracker on the test's own database; its address."""
    db.session.rollback()
    with _serving(app) as origin:
        yield origin


@pytest.fixture
def team(app):
    """An administrator, admin, and a physician, moreau, on the test's own database; both sign in with PASSWORD."""
    actions.add_user("admin", Role.ADMIN, PASSWORD)
    actions.add_user("moreau", Role.PHYSICIAN, PASSWORD)
    db.session.commit()


@pytest.fixture(scope="session")
def centre(tmp_path_factory):
    """The demonstration centre, in a database of its own, for tests that only read; its address."""
    home = tmp_path_factory.mktemp("centre")
    app = create_app({"DATABASE_URL": f"sqlite:///{home / 'tracker.sqlite'}", "IS_DEMO": True}, home=home)
    with app.app_context(), scope.everything("the tests"):
        migrate_database()
        load()
        db.session.remove()
    with _serving(app) as origin:
        yield origin
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def arrive(chromium):
    """arrive(origin) puts somebody at a browser of their own; afterwards nothing may have gone wrong in it."""
    people = []

    def arrive(origin, **options):
        people.append(Person(chromium, origin, **options))
        return people[-1]

    yield arrive
    for person in people:
        person.leave()
    faults = [fault for person in people for fault in person.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def physician(arrive, server, team):
    """A physician who has signed in to an empty tracker."""
    person = arrive(server)
    person.sign_in("moreau", PASSWORD)
    return person


@pytest.fixture
def at_the_centre(arrive, centre):
    """at_the_centre(role) gives somebody of that role who has signed in to the demonstration centre."""
    passwords = {role: (name, password) for role, name, password in SIGN_INS}

    def at_the_centre(role, **options):
        person = arrive(centre, **options)
        person.sign_in(*passwords[role])
        return person

    return at_the_centre

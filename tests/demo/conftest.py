"""The demonstration centre, loaded once for the tests that only read it."""

import datetime
import time

import pytest

from tracker import create_app, scope
from tracker.demo.centre import load
from tracker.extensions import db, migrate_database

TODAY = datetime.date(2026, 11, 25)  # a Wednesday

#: Seconds of computing within which the centre must be there.
SECONDS = 10


def make_centre(home):
    """An application on a centre that is loaded on TODAY, in that folder."""
    app = create_app({"DATABASE_URL": f"sqlite:///{home / 'tracker.sqlite'}", "IS_DEMO": True}, home=home)
    with app.app_context(), scope.everything("the tests"):
        migrate_database()
        began = time.process_time()
        load(TODAY)
        app.config["LOADED_IN"] = time.process_time() - began
        db.session.remove()
    return app


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """The application on a loaded centre; no test changes it."""
    app = make_centre(tmp_path_factory.mktemp("demonstration"))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def centre(loaded):
    """The loaded centre, read by the system's owner."""
    with loaded.app_context(), scope.everything("the tests"):
        yield loaded
        db.session.remove()

"""What is answered when something is away, full, held, damaged or breaks."""

import contextlib
import errno
import shutil
import sqlite3
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_agent
from tests.tables import copy_tables, differences
from tracker import create_app
from tracker.extensions import db, sqlite
from tracker.extensions.faults import Fault, fault_of
from tracker.models import Agent, User
from tracker.roles import Role


@pytest.mark.parametrize("address", ["/sign-in", "/trials/", "/", "/reports/outcomes.json"])
def test_a_database_that_is_away_is_answered_503_with_a_plain_page(tmp_path, address):
    app = create_app({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, home=tmp_path)
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = "a sign-in that cannot be looked up"
    answer = browser.get(address)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "The database does not answer now." in answer.text
    assert "127.0.0.1:1" not in answer.text


def test_a_fault_of_ours_is_answered_500_without_a_traceback(own_app):
    @own_app.get("/broken")
    def broken():
        raise ZeroDivisionError("a secret of the inside")

    broken.permissions = ()
    own_app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = own_app.test_client().get("/broken")
    assert answer.status_code == 500
    assert "secret of the inside" not in answer.text
    assert "Traceback" not in answer.text


# Held by somebody else


@contextlib.contextmanager
def _held(app, table="agent"):
    """Another one holds the database: of SQLite the right to write, of PostgreSQL a table."""
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        with contextlib.closing(sqlite.connect(db.engine.url.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
    else:
        other = sa.create_engine(db.engine.url)
        with other.connect() as connection:
            connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
        other.dispose()


@pytest.fixture
def typed(app, sign_in):
    """A browser, and a form that is filled in."""
    app.config["WAIT_SECONDS"] = 0.2
    browser = sign_in(Role.PHYSICIAN)
    values = form_values(browser.get("/agents/new").text)
    values |= {"name": 'ne"w <agent>', "mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
    return browser, values


def test_a_save_that_waits_too_long_keeps_what_was_typed_and_is_sent_again(app, typed):
    browser, values = typed
    before = copy_tables()
    with _held(app):
        answer = browser.post("/agents/new", data=values)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Somebody else is storing something large just now. Nothing was stored." in answer.text
    assert differences(before, copy_tables()) == {}
    kept = form_values(answer.text)
    assert kept == values
    assert browser.post("/agents/new", data=kept).status_code == 303
    assert db.session.scalars(sa.select(Agent.name)).all() == ['ne"w <agent>']


def test_passwords_and_files_are_on_no_page_that_keeps_a_form(app, sign_in):
    app.config["WAIT_SECONDS"] = 0.2
    with _held(app, f'"{User.__tablename__}"'):
        answer = app.test_client().post("/sign-in", data={"name": "ada", "password": "a secret of ada"})
    assert answer.status_code in (422, 503)
    assert "a secret of ada" not in answer.text


def test_pages_are_read_while_somebody_writes(app, typed):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no one lock of all writers")
    with _held(app):
        assert typed[0].get("/agents/").status_code == 200


def test_a_table_that_is_held_is_answered_503_and_then_read(app, typed):
    if db.engine.dialect.name == "sqlite":
        pytest.skip("who reads SQLite waits for nobody")
    with _held(app):
        assert typed[0].get("/agents/").status_code == 503
    assert typed[0].get("/agents/").status_code == 200


# Full, read only, damaged


class _Orig(Exception):
    def __init__(self, **codes):
        self.__dict__.update(codes)


@pytest.mark.parametrize(
    "codes, fault",
    [
        ({"sqlite_errorcode": sqlite3.SQLITE_FULL}, Fault.FULL),
        ({"sqlite_errorcode": sqlite3.SQLITE_IOERR_WRITE}, Fault.FULL),
        ({"sqlite_errorcode": sqlite3.SQLITE_BUSY_SNAPSHOT}, Fault.BUSY),
        ({"sqlite_errorcode": sqlite3.SQLITE_READONLY_DBMOVED}, Fault.READ_ONLY),
        ({"sqlite_errorcode": sqlite3.SQLITE_CORRUPT_INDEX}, Fault.DAMAGED),
        ({"sqlite_errorcode": sqlite3.SQLITE_NOTADB}, Fault.DAMAGED),
        ({"sqlite_errorcode": sqlite3.SQLITE_CONSTRAINT_UNIQUE}, None),
        ({"sqlite_errorcode": sqlite3.SQLITE_ERROR}, None),
        ({"sqlstate": "53100"}, Fault.FULL),
        ({"sqlstate": "53300"}, Fault.AWAY),
        ({"sqlstate": "55P03"}, Fault.BUSY),
        ({"sqlstate": "57P01"}, Fault.AWAY),
        ({"sqlstate": "25006"}, Fault.READ_ONLY),
        ({"sqlstate": "XX001"}, Fault.DAMAGED),
        ({"sqlstate": "42P01"}, None),
        ({}, Fault.AWAY),
    ],
)
def test_faults_are_told_by_the_databases_own_codes(codes, fault):
    assert fault_of(sa.exc.OperationalError("SELECT", {}, _Orig(**codes))) == fault


@pytest.mark.parametrize(
    "number, fault", [(errno.ENOSPC, Fault.FULL), (errno.EROFS, Fault.READ_ONLY), (2, None)]
)
def test_faults_of_the_disk_are_told_too(number, fault):
    assert fault_of(OSError(number, "of the disk")) == fault


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"not a database" * 500,
        lambda content: content[:100] + bytes(4096 * 3) + content[100 + 4096 * 3 :],
        lambda content: content[: len(content) // 2],
    ],
    ids=["another file", "zeros", "cut off"],
)
def test_a_damaged_file_is_told_as_such(database, tmp_path, damage):
    if database.is_postgresql:
        pytest.skip("SQLite has one file")
    file = tmp_path / "damaged.sqlite"
    file.write_bytes(damage(Path(shutil.copy(database.template.database, file)).read_bytes()))
    app = create_app({"DATABASE_URL": f"sqlite:///{file}"}, home=tmp_path / "home")
    answer = app.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "a backup restores it" in answer.text
    with app.app_context():
        db.engine.dispose()


def _let_grow(no_more):
    """As on a disk that is full. The pool gives the next request the same connection."""
    db.session.remove()
    with db.engine.connect() as connection:
        own = connection.connection.driver_connection
        own.set_authorizer(None)
        (pages,) = own.execute("PRAGMA page_count").fetchone()
        own.execute(f"PRAGMA max_page_count = {pages if no_more else 4_000_000_000}")


def _key(number):
    return {"submission": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))), "name": f"agent {number}"}


def test_a_full_disk_is_answered_503_and_nothing_that_was_stored_is_lost(app, typed):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("tests/faults/disk.py fills PostgreSQL's disk")
    browser, values = typed
    make_agent(name="before")
    db.session.commit()
    _let_grow(no_more=True)
    values["developer"] = "x" * 200
    statuses = []
    for number in range(400):
        answer = browser.post("/agents/new", data=values | _key(number))
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            break
    assert statuses[-1] == 503
    assert "The disk is full" in answer.text
    kept = form_values(answer.text)
    assert kept["name"] == f"agent {number}"
    _let_grow(no_more=False)
    assert browser.post("/agents/new", data=kept).status_code == 303
    names = db.session.scalars(sa.select(Agent.name).order_by(Agent.id)).all()
    assert names == ["before", *(f"agent {one}" for one in range(number + 1))]

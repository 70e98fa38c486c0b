"""Copies of a whole database, and whether one is whole. SQLite copies itself; PostgreSQL has programs for it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import Base, db, missing_guards
from tracker.extensions.driver import sqlite
from tracker.values import Refusal


def faults_of_database(session: orm.Session) -> list[str]:
    """What is wrong with the database itself: damaged pages, references that lead nowhere, a trail without guards."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
        found = [f"the database is damaged: {one}" for one in said if one != "ok"]
        lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        found += [
            f"{table} {row} refers to a {other} that is not there" for table, row, other, _number in lost
        ]
    else:
        found = [
            said for table in Base.metadata.sorted_tables for said in _lost_references(connection, table)
        ]
    return found + [f"the trail's trigger {name} is missing" for name in sorted(missing_guards(session))]


def _lost_references(connection, table):
    for reference in table.foreign_keys:
        other = reference.column.table.alias()
        chosen = (
            sa.select(*table.primary_key)
            .select_from(table.outerjoin(other, reference.parent == other.c[reference.column.name]))
            .where(reference.parent.is_not(None), other.c[reference.column.name].is_(None))
        )
        for row in connection.execute(chosen):
            yield f"{table.name} {row[0]} refers to a {reference.column.table.name} that is not there"


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def copy_name() -> str:
    """What a copy is called inside a backup."""
    return "database.sqlite" if is_sqlite() else "database.dump"


def copy_database(path: Path) -> None:
    """Write a copy as of one instant to the file; others go on writing meanwhile. Raises Refusal where that fails."""
    if is_sqlite():
        with closing(sqlite.connect(db.engine.url.database)) as live, closing(sqlite.connect(path)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    else:
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(path))


def has_database() -> bool:
    """Whether there is one at this address already, with anything in it."""
    if is_sqlite():
        file = db.engine.url.database
        return any(Path(file + end).exists() for end in ("", "-wal", "-journal"))
    return bool(sa.inspect(db.engine).get_table_names())


def put_database(path: Path) -> None:
    """Make the database from a copy, where there is none. Raises Refusal where that fails; then there is none still."""
    if is_sqlite():
        try:
            os.link(path, db.engine.url.database)  # which never replaces a file, as a move would
        except FileExistsError:
            raise Refusal("there is a database already") from None
    else:
        words = "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"
        _run("pg_restore", *words, "--dbname", _libpq(), str(path), names_database=False)


@contextmanager
def opened_copy(path: Path) -> Iterator[orm.Session | None]:
    """A session on a copy, to look whether it is whole. None of PostgreSQL's: only a server can open that."""
    if not is_sqlite():
        _run("pg_restore", "--list", str(path), names_database=False)
        yield None
        return
    engine = sa.create_engine(f"sqlite:///{path}", module=sqlite, hide_parameters=True)
    try:
        with orm.Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _libpq() -> str:
    """The address as PostgreSQL's programs read it; the password goes by the environment, where no list shows it."""
    return db.engine.url.set(drivername="postgresql", password=None).render_as_string()


def _run(program, *words, names_database=True):
    environment = dict(os.environ)
    if db.engine.url.password:
        environment["PGPASSWORD"] = str(db.engine.url.password)
    words = [program, *words, *([_libpq()] if names_database else [])]
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refusal(f"{program} is not installed: it comes with PostgreSQL's client programs") from None
    if done.returncode:
        raise Refusal(f"{program} failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")

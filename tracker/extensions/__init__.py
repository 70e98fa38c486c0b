"""Flask extensions, made once; and all that is special to a database."""

import contextlib
import datetime
import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import cached_property, partial

import numpy as np
import sqlalchemy as sa
from flask_babel import Babel, Domain, _get_current_context
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import orm

from tracker.extensions.driver import sqlite
from tracker.extensions.guards import (
    authorize,
    changing_schema,
    guard_final,
    guard_trail,
    missing_guards,
    unguard_final,
    unguard_trail,
)
from tracker.extensions.turns import Turns

__all__ = [
    "changing_schema",
    "guard_final",
    "guard_trail",
    "missing_guards",
    "unguard_final",
    "unguard_trail",
]

#: Earlier libraries can lose commits in WAL mode (https://sqlite.org/wal.html, "The WAL-Reset Bug").
SAFE_WAL = (3, 51, 3)

#: Seconds that commands and jobs wait for others who write, unless they say how long; pages wait `WAIT_SECONDS`.
LOCK_TIMEOUT = 30

#: For PostgreSQL on another machine: a connection that was cut is noticed within this time, not within hours.
_CUT_OFF = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}

#: Rows inserted at once after which PostgreSQL counts the table anew.
MANY_ROWS = 1_000

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.TypeDecorator):
    """An instant: aware in Python, UTC in the database. A naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(datetime.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)


class Base(orm.DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    registry = orm.registry(
        metadata=metadata,
        type_annotation_map={
            datetime.datetime: UtcDateTime,
            dict: sa.JSON,
        },
    )


class _Words(Domain):
    """The catalogue: which language's is asked once a request, and anew where another is forced."""

    def get_translations(self):
        context = _get_current_context()
        if context is None:
            return super().get_translations()
        found = getattr(context, "babel_translations", None)  # which `force_locale` and `refresh` empty
        if found is None:
            found = context.babel_translations = super().get_translations()
        return found


class _Babel(Babel):
    @cached_property
    def domain_instance(self):
        return _Words(domain=self.domain)


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
login_manager = LoginManager()
babel = _Babel()

_writes: ContextVar[bool] = ContextVar("writes", default=True)
_patience: ContextVar[float] = ContextVar("patience", default=LOCK_TIMEOUT)


@contextlib.contextmanager
def reading(patience: float = LOCK_TIMEOUT):
    """Transactions that begin inside read one snapshot and do not wait for writers.

    patience: seconds that they wait for who has a whole table to themselves.
    """
    tokens = _writes.set(False), _patience.set(patience)
    try:
        yield
    finally:
        _writes.reset(tokens[0])
        _patience.reset(tokens[1])


@contextlib.contextmanager
def writing(patience: float = LOCK_TIMEOUT):
    """Transactions that begin inside may write: on SQLite they take the one write lock at once.

    patience: seconds that they wait for a lock before OperationalError is raised.
    """
    tokens = _writes.set(True), _patience.set(patience)
    try:
        yield
    finally:
        _writes.reset(tokens[0])
        _patience.reset(tokens[1])


def reads_one_state() -> bool:
    """Whether a transaction sees nothing that others commit meanwhile; on PostgreSQL one that may write does."""
    return not _writes.get() or db.engine.dialect.name == "sqlite"


def engine_options(url: sa.URL) -> dict:
    """Options for `create_engine`: parameters stay out of messages, they are patients' data."""
    options = {"hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        options |= {"module": sqlite, "connect_args": {"timeout": LOCK_TIMEOUT}}
    else:
        told = {name: value for name, value in _CUT_OFF.items() if name not in url.query}
        options |= {"pool_pre_ping": True, "connect_args": told}
    return options


def database_url(text: str) -> sa.URL:
    """The URL with the driver that we ship: `postgresql://` means psycopg."""
    url = sa.make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def prepare_engine(engine: sa.Engine, patience: float = LOCK_TIMEOUT) -> None:
    """What every connection and transaction of this database needs.

    patience: seconds for which most transactions wait for a lock; PostgreSQL is told once a connection.
    """
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        turns = Turns()
        sa.event.listen(engine, "begin", partial(_begin_sqlite, turns))
        for ending in ("commit", "rollback"):
            sa.event.listen(engine, ending, lambda connection: _give_turn(turns, connection.info))
        sa.event.listen(engine, "checkin", lambda _connection, record: _give_turn(turns, record.info))
    else:
        sa.event.listen(engine, "connect", partial(_prepare_postgresql, patience))
        sa.event.listen(engine, "begin", _begin_postgresql)


def _prepare_postgresql(patience, connection, record):
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(_lock_timeout(patience))
    connection.commit()
    record.info["patience"] = patience


def _lock_timeout(seconds, scope="SESSION"):
    return f"SET {scope} lock_timeout = {int(seconds * 1000)}"


def _prepare_sqlite(connection, _):
    connection.isolation_level = None  # we say BEGIN ourselves
    journal = "WAL" if sqlite.sqlite_version_info >= SAFE_WAL else "DELETE"
    pragmas = (
        f"journal_mode = {journal}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(authorize)


def take_turn(session: orm.Session, what: int = 7462813) -> None:
    """Wait until no other transaction has this turn; what it then reads they have committed. The trail's, unless told.

    SQLite has one writer anyway; PostgreSQL gives the lock back when the commit is visible.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (what,))


def _begin_sqlite(turns, connection):
    patience = _patience.get()
    if _writes.get():
        connection.info["turn"] = turns.take(patience)
        patience = patience if connection.info["turn"] else 0
    if connection.info.get("patience", LOCK_TIMEOUT) != patience:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        connection.info["patience"] = patience
    try:
        # A deferred transaction that turns from reading to writing fails at once when another one writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes.get() else "BEGIN")
    except sa.exc.DBAPIError:
        _give_turn(turns, connection.info)
        raise


def _give_turn(turns, info):
    if info.pop("turn", False):
        turns.give()


def _begin_postgresql(connection):
    if not _writes.get():
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    patience = _patience.get()
    if connection.info.get("patience") != patience:
        connection.exec_driver_sql(_lock_timeout(patience, "LOCAL"))


def migrate_database() -> None:
    """Bring the database to its newest form; reads two revisions when it is there already."""
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from flask_migrate import upgrade

    settings = Config()
    settings.set_main_option("script_location", migrate.directory)
    newest = ScriptDirectory.from_config(settings).get_current_head()
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present != newest:
        upgrade()


def insert_columns(
    session: orm.Session, table: sa.Table, columns: dict[str, list], ids: list[int] | None = None
) -> list[int]:
    """Insert rows, in the session's transaction. Returns their ids, in the rows' order; new ones unless they are given.

    columns: the values of all rows by column, as the column's type takes them; of JSON the text. It is for rows
    by the thousand: the ORM, and `insert()` too, take 50 to 100 µs to prepare each.
    """
    connection = session.connection()
    dialect = connection.dialect
    count = len(next(iter(columns.values())))
    ids = ids or new_ids(session, table, count)
    stored = [ids, *(_as_stored(values, table.c[name].type, dialect) for name, values in columns.items())]
    chosen = [table.c.id, *(table.c[name] for name in columns)]
    quote = dialect.identifier_preparer
    names = ", ".join(quote.format_column(column) for column in chosen)
    insert = f"INSERT INTO {quote.format_table(table)} ({names})"
    if dialect.name == "sqlite":
        connection.exec_driver_sql(f"{insert} VALUES ({', '.join('?' * len(chosen))})", list(zip(*stored)))
    else:
        # An array a column. Without the length of text: a cast would cut off what is too long, and not refuse it.
        kinds = [re.sub(r"\(.*\)", "", column.type.compile(dialect)) for column in chosen]
        arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
        connection.exec_driver_sql(f"{insert} SELECT * FROM unnest({arrays})", tuple(stored))
        if count >= MANY_ROWS:
            # Until PostgreSQL does it by itself, a minute later, it would plan as if the table were as small as before.
            connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {quote.format_table(table)}")
    return ids


def new_ids(session: orm.Session, table: sa.Table, count: int) -> list[int]:
    """Ids for new rows that no other transaction gets, ascending."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":  # only one transaction writes at a time
        last = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0)))
        return list(range(last + 1, last + 1 + count))
    name = connection.dialect.identifier_preparer.format_table(table)
    sequence = sa.func.pg_get_serial_sequence(name, "id")
    each = sa.func.generate_series(1, count).table_valued("number")
    return list(connection.scalars(sa.select(sa.func.nextval(sequence)).select_from(each)))


def _as_stored(values, kind, dialect):
    """Values as the driver takes them; equal ones are converted once."""
    convert = None if isinstance(kind, sa.JSON) else kind.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return values
    found = {value: convert(value) for value in set(values)}
    return [found[value] for value in values]


def fetch_columns(session: orm.Session, statement: sa.Select) -> list[tuple[np.ndarray, Callable | None]]:
    """What a select of a record's columns finds, column by column: the cells as the driver gives them, and a
    function that makes one the value of its type, if the driver does not.

    The session runs it, so it is within the scope; the ORM's own rows take three times as long.
    """
    dialect = session.get_bind().dialect
    result = session.execute(statement).raw
    kinds = [column["type"].dialect_impl(dialect) for column in statement.column_descriptions]
    converters = [
        kind.result_processor(dialect, described[1])
        for kind, described in zip(kinds, result.cursor.description, strict=True)
    ]
    rows = result.cursor.fetchall()
    result.close()
    cells = np.empty((len(rows), len(kinds)), dtype=object, order="F")
    if rows:
        cells[:] = rows
    return list(zip(cells.T, converters))


def violated(error: sa.exc.IntegrityError) -> tuple[str, list[str]]:
    """What an integrity error broke: the kind (unique, check, foreign key, other) and the columns it names."""
    original = error.orig
    if hasattr(original, "diag"):
        name = original.diag.constraint_name or ""
        kind = {"23505": "unique", "23514": "check", "23503": "foreign key"}.get(original.sqlstate, "other")
        return kind, _columns_of(original.diag.table_name, name)
    message = str(original)
    if message.startswith("UNIQUE constraint failed: "):
        columns = message.removeprefix("UNIQUE constraint failed: ").split(", ")
        return "unique", [column.split(".")[-1] for column in columns]
    if message.startswith("CHECK constraint failed: "):
        return "check", [message.removeprefix("CHECK constraint failed: ")]
    return ("foreign key" if message.startswith("FOREIGN KEY") else "other"), []


def _columns_of(table: str, constraint: str) -> list[str]:
    found = db.metadata.tables.get(table)
    if found is None:
        return []
    for item in [*found.constraints, *found.indexes]:
        if item.name == constraint and not isinstance(item, sa.CheckConstraint):
            return [column.name for column in item.columns]
    return [constraint]

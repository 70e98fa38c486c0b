"""Flask extensions, made once; and all that is special to a database."""

import contextlib
import datetime
import sqlite3
from contextvars import ContextVar

import sqlalchemy as sa
from flask_babel import Babel
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import orm

try:
    import pysqlite3 as sqlite
except ImportError:  # another platform than Linux x86-64: the linked library has to do
    sqlite = sqlite3

#: Earlier libraries can lose commits in WAL mode (https://sqlite.org/wal.html, "The WAL-Reset Bug").
SAFE_WAL = (3, 51, 3)

#: Seconds that a write waits for another one before it is refused.
LOCK_TIMEOUT = 10

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


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
login_manager = LoginManager()
babel = Babel()

_writes: ContextVar[bool] = ContextVar("writes", default=True)


@contextlib.contextmanager
def reading():
    """Transactions that begin inside read one snapshot and do not wait for writers."""
    token = _writes.set(False)
    try:
        yield
    finally:
        _writes.reset(token)


@contextlib.contextmanager
def writing():
    """Transactions that begin inside may write: on SQLite they take the one write lock at once."""
    token = _writes.set(True)
    try:
        yield
    finally:
        _writes.reset(token)


def engine_options(url: sa.URL) -> dict:
    """Options for `create_engine`: parameters stay out of messages, they are patients' data."""
    options = {"hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        options |= {"module": sqlite, "connect_args": {"timeout": LOCK_TIMEOUT}}
    else:
        options |= {"pool_pre_ping": True}
    return options


def database_url(text: str) -> sa.URL:
    """The URL with the driver that we ship: `postgresql://` means psycopg."""
    url = sa.make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def prepare_engine(engine: sa.Engine) -> None:
    """What every connection and transaction of this database needs."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        sa.event.listen(engine, "begin", _begin_postgresql)


def _prepare_sqlite(connection, _):
    connection.isolation_level = None  # we say BEGIN ourselves
    journal = "WAL" if sqlite.sqlite_version_info >= SAFE_WAL else "DELETE"
    for pragma in ("foreign_keys = ON", f"journal_mode = {journal}", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection):
    # A deferred transaction that turns from reading to writing fails at once when another one writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes.get() else "BEGIN")


def _begin_postgresql(connection):
    if not _writes.get():
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


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

"""Flask extensions, made once; and all that is special to a database."""

import contextlib
import datetime
import re
import sqlite3
from collections.abc import Callable
from contextvars import ContextVar

import numpy as np
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

#: Seconds that a write waits for another one before it is refused: longer than the largest import stores.
LOCK_TIMEOUT = 30

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

#: What is only ever added to.
TRAIL = ("audit_event", "audit_seal")

_changes_schema: ContextVar[bool] = ContextVar("changes_schema", default=False)
_writes: ContextVar[bool] = ContextVar("writes", default=True)
_patience: ContextVar[float] = ContextVar("patience", default=LOCK_TIMEOUT)


@contextlib.contextmanager
def reading():
    """Transactions that begin inside read one snapshot and do not wait for writers."""
    token = _writes.set(False)
    try:
        yield
    finally:
        _writes.reset(token)


@contextlib.contextmanager
def writing(patience: float = LOCK_TIMEOUT):
    """Transactions that begin inside may write: on SQLite they take the one write lock at once.

    patience: seconds that they wait for it before OperationalError is raised.
    """
    tokens = _writes.set(True), _patience.set(patience)
    try:
        yield
    finally:
        _writes.reset(tokens[0])
        _patience.reset(tokens[1])


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
    pragmas = (
        f"journal_mode = {journal}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(_authorize)


@contextlib.contextmanager
def changing_schema():
    """Statements that are prepared inside may make, change and drop tables; outside SQLite refuses them."""
    token = _changes_schema.set(True)
    try:
        yield
    finally:
        _changes_schema.reset(token)


def _codes(*names):
    return {getattr(sqlite, f"SQLITE_{name}") for name in names}


#: What the application's connection never does: change the schema, or reach another file.
_SCHEMA_CHANGES = _codes(
    *(
        f"{verb}_{kind}"
        for verb in ("CREATE", "DROP")
        for kind in ("INDEX", "TABLE", "TRIGGER", "VIEW", "VTABLE")
    ),
    *(f"{verb}_TEMP_{kind}" for verb in ("CREATE", "DROP") for kind in ("TABLE", "TRIGGER", "VIEW")),
    *("ALTER_TABLE", "ATTACH", "DETACH"),
)
_WRITES = _codes("INSERT", "UPDATE", "DELETE")
_SCHEMA_TABLES = {"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"}

#: The columns of the trail that a logged redaction blanks.
REDACTABLE = {"changes", "reason"}

#: Pragmas that may be given a value: what they ask or say touches no guard.
_HARMLESS_PRAGMAS = {
    *(
        "busy_timeout",
        "synchronous",
        "integrity_check",
        "quick_check",
        "foreign_key_check",
        "foreign_key_list",
    ),
    *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "wal_checkpoint"),
}


def _authorize(action, first, second, _database, _trigger):
    """SQLite asks this of each step of a statement that it prepares."""
    if action == sqlite.SQLITE_READ or _changes_schema.get():
        return sqlite.SQLITE_OK
    refused = (
        action in _SCHEMA_CHANGES
        or (action in _WRITES and first in _SCHEMA_TABLES)
        or (action == sqlite.SQLITE_DELETE and first in TRAIL)
        or (action == sqlite.SQLITE_UPDATE and first in TRAIL and second not in REDACTABLE)
        or (action == sqlite.SQLITE_PRAGMA and second is not None and first.lower() not in _HARMLESS_PRAGMAS)
    )
    return sqlite.SQLITE_DENY if refused else sqlite.SQLITE_OK


def guard_trail(connection: sa.Connection) -> None:
    """Make the triggers that refuse whatever is not a new event, or a redaction that an event tells of.

    A migration that rebuilds these tables calls it again.
    """
    for statement in _GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def unguard_trail(connection: sa.Connection) -> None:
    """For a migration that changes these tables: drop the triggers."""
    for name, table in _guards(connection.dialect.name):
        of_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{of_table}")


def missing_guards(session: orm.Session) -> set[str]:
    """The triggers of the trail that the database does not have, or has switched off."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        asked = "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
    present = set(connection.exec_driver_sql(asked).scalars())
    return {name for name, _table in _guards(connection.dialect.name)} - present


def _guards(dialect):
    """The triggers' names and tables."""
    made = [re.match(r"CREATE TRIGGER (\w+) .*? ON (\w+)", one) for one in _GUARDS[dialect]]
    return [one.groups() for one in made if one]


#: Of an update of an event, old and new: that a redaction says just this.
_REDACTED_SQLITE = """
    OLD.id = NEW.id AND OLD.at = NEW.at AND OLD.user_id IS NEW.user_id AND OLD.actor = NEW.actor
    AND OLD.role = NEW.role AND OLD.action = NEW.action AND OLD.record_type = NEW.record_type
    AND OLD.record_id = NEW.record_id AND OLD.trial_id IS NEW.trial_id AND OLD.request_id = NEW.request_id
    AND OLD.seal_id = NEW.seal_id AND OLD.position = NEW.position AND OLD.mac = NEW.mac
    AND EXISTS (
        SELECT 1 FROM audit_event AS told
        WHERE told.record_type = 'audit_event' AND told.record_id = OLD.id AND told.action = 'redact'
        AND json_extract(told.changes, '$.changes[1]') = NEW.changes
        AND json_extract(told.changes, '$.reason[1]') IS NEW.reason
    )"""

_SAID = "the trail is only written, never changed"


def _refuse_sqlite(name, before, condition):
    when = f"WHEN {condition} " if condition else ""
    return f"CREATE TRIGGER {name} BEFORE {before} {when}BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"


_GUARDS = {
    "sqlite": [
        # Of a row that takes another one's place, as INSERT OR REPLACE does, no trigger of deletion need tell.
        _refuse_sqlite(
            "audit_event_is_new",
            "INSERT ON audit_event",
            "NEW.id <= (SELECT max(id) FROM audit_event)",
        ),
        _refuse_sqlite(
            "audit_seal_is_new",
            "INSERT ON audit_seal",
            "EXISTS (SELECT 1 FROM audit_seal WHERE id = NEW.id OR number = NEW.number)",
        ),
        _refuse_sqlite("audit_event_stays", "DELETE ON audit_event", ""),
        _refuse_sqlite("audit_seal_stays", "DELETE ON audit_seal", ""),
        _refuse_sqlite("audit_event_is_kept", "UPDATE ON audit_event", f"NOT ({_REDACTED_SQLITE})"),
        _refuse_sqlite("audit_seal_is_kept", "UPDATE ON audit_seal", ""),
    ],
    "postgresql": [
        f"""CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'insufficient_privilege'; END $$""",
        f"""CREATE OR REPLACE FUNCTION audit_redact() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_jsonb(OLD) - '{{changes,reason}}'::text[] = to_jsonb(NEW) - '{{changes,reason}}'::text[]
            AND EXISTS (
                SELECT 1 FROM audit_event AS told
                WHERE told.record_type = 'audit_event' AND told.record_id = OLD.id AND told.action = 'redact'
                AND told.changes->'changes'->>1 = NEW.changes::text
                AND told.changes->'reason'->>1 IS NOT DISTINCT FROM NEW.reason
            ) THEN RETURN NEW; END IF;
            RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'insufficient_privilege';
        END $$""",
        "CREATE TRIGGER audit_event_stays BEFORE DELETE OR TRUNCATE ON audit_event EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_event_is_kept BEFORE UPDATE ON audit_event"
        " FOR EACH ROW EXECUTE FUNCTION audit_redact()",
        "CREATE TRIGGER audit_seal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal"
        " EXECUTE FUNCTION audit_refuse()",
    ],
}


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


def take_turn(session: orm.Session) -> None:
    """Wait until no other transaction is about to commit events; what it then reads they have committed.

    SQLite has one writer anyway; PostgreSQL gives the lock back when the commit is visible.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7462813)")


def _begin_sqlite(connection):
    patience = _patience.get()
    if connection.info.get("patience", LOCK_TIMEOUT) != patience:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        connection.info["patience"] = patience
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

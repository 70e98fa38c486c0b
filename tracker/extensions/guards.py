"""What keeps the trail from the application's own connection: SQLite's authorizer, and triggers."""

import contextlib
import re
from contextvars import ContextVar

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions.driver import sqlite

#: What is only ever added to.
TRAIL = ("audit_event", "audit_seal")

#: What is never changed once it is stored.
FINAL = ("report_snapshot", "snapshot_trial", "signature")

_changes_schema: ContextVar[bool] = ContextVar("changes_schema", default=False)


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


def authorize(action, first, second, _database, _trigger):
    """SQLite asks this of each step of a statement that it prepares."""
    if action == sqlite.SQLITE_READ or _changes_schema.get():
        return sqlite.SQLITE_OK
    refused = (
        action in _SCHEMA_CHANGES
        or (action in _WRITES and first in _SCHEMA_TABLES)
        or (action == sqlite.SQLITE_DELETE and first in (*TRAIL, *FINAL))
        or (action == sqlite.SQLITE_UPDATE and first in FINAL)
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
    _drop(connection, _GUARDS)


def guard_final(connection: sa.Connection) -> None:
    """Make the triggers that refuse to change what is frozen or signed; as `guard_trail`."""
    for statement in _FINAL_GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def unguard_final(connection: sa.Connection) -> None:
    """For a migration that changes these tables: drop the triggers."""
    _drop(connection, _FINAL_GUARDS)


def _drop(connection, guards):
    for name, table in _guards(guards[connection.dialect.name]):
        of_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{of_table}")


def missing_guards(session: orm.Session) -> set[str]:
    """The triggers of the trail, and of what is frozen or signed, that the database lacks or has switched off."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        asked = "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
    present = set(connection.exec_driver_sql(asked).scalars())
    wanted = [*_GUARDS[connection.dialect.name], *_FINAL_GUARDS[connection.dialect.name]]
    return {name for name, _table in _guards(wanted)} - present


def _guards(statements):
    """The triggers' names and tables."""
    made = [re.match(r"CREATE TRIGGER (\w+) .*? ON (\w+)", one) for one in statements]
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


def _refuse_sqlite(name, before, condition, said=_SAID):
    when = f"WHEN {condition} " if condition else ""
    return f"CREATE TRIGGER {name} BEFORE {before} {when}BEGIN SELECT RAISE(ABORT, '{said}'); END"


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

_SAID_OF_FINAL = "what is frozen or signed is never changed"

_FINAL_GUARDS = {
    "sqlite": [
        _refuse_sqlite(f"{table}_{name}", f"{before} ON {table}", condition.format(table), _SAID_OF_FINAL)
        for table in FINAL
        for name, before, condition in (
            ("is_new", "INSERT", "EXISTS (SELECT 1 FROM {} WHERE id = NEW.id)"),
            ("stays", "DELETE", ""),
            ("is_kept", "UPDATE", ""),
        )
    ],
    "postgresql": [
        f"""CREATE OR REPLACE FUNCTION final_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '{_SAID_OF_FINAL}' USING ERRCODE = 'insufficient_privilege'; END $$""",
        *(
            f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " EXECUTE FUNCTION final_refuse()"
            for table in FINAL
        ),
    ],
}

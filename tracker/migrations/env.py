"""How Alembic finds the database and the models."""

import contextlib

import sqlalchemy as sa
from alembic import context
from flask import current_app

from tracker.extensions import changing_schema, db


def render_item(kind, item, _context):
    """Our own column types as the plain ones beneath: a migration must not change when the code does."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run_migrations():
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=render_item,
            transaction_per_migration=False,
            transactional_ddl=True,  # on SQLite too, where we say BEGIN ourselves: all or nothing
        )
        with _unwatched_references(connection), context.begin_transaction():
            context.run_migrations()
            if _is_sqlite(connection) and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise RuntimeError("a migration broke a reference")


@contextlib.contextmanager
def _unwatched_references(connection):
    """Batch mode rebuilds tables that others refer to; SQLite takes the pragma outside transactions only."""
    if not _is_sqlite(connection):
        yield
        return
    driver = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _is_sqlite(connection):
    return connection.dialect.name == "sqlite"


with changing_schema():
    run_migrations()

"""How Alembic finds the database and the models."""

import sqlalchemy as sa
from alembic import context
from flask import current_app

from tracker.extensions import db


def render_item(kind, item, _context):
    """Our own column types as the plain ones beneath: a migration must not change when the code does."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run_migrations():
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:  # batch mode drops and rebuilds tables; SQLite takes this pragma outside transactions only
            driver = connection.connection.dbapi_connection
            driver.execute("PRAGMA foreign_keys = OFF")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=render_item,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise sa.exc.IntegrityError("foreign_key_check", None, Exception("a migration broke a reference"))
        if sqlite:
            driver.execute("PRAGMA foreign_keys = ON")


run_migrations()

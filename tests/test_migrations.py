"""The migrations make exactly the tables that the models describe, on both databases."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade

from tracker.extensions import changing_schema, db, migrate_database


@pytest.fixture
def connection(app, database):
    """What a migration is judged by; a connection of its own, so that nothing is cached."""
    database.has_tables = False
    db.session.rollback()
    with db.engine.connect() as connection:
        yield connection
        connection.rollback()


def _described(connection):
    """Names and columns of every rule of every table: what Alembic's own comparison does not look at."""
    inspector = sa.inspect(connection)
    return {
        table: {
            "primary key": inspector.get_pk_constraint(table)["name"],
            "unique": {
                (one["name"], *one["column_names"]) for one in inspector.get_unique_constraints(table)
            },
            "check": {one["name"] for one in inspector.get_check_constraints(table)},
            "foreign keys": {
                (one["name"], *one["constrained_columns"], one["referred_table"], *one["referred_columns"])
                for one in inspector.get_foreign_keys(table)
            },
            "indexes": {
                (one["name"], *one["column_names"], bool(one["unique"]))
                for one in inspector.get_indexes(table)
                if not one.get("duplicates_constraint")
            },
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"]) for one in inspector.get_columns(table)
            },
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def _tables(connection):
    return set(sa.inspect(connection).get_table_names()) - {"alembic_version"}


def test_the_migrations_leave_nothing_that_alembic_would_change(connection):
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    assert compare_metadata(context, db.metadata) == []


def test_the_migrations_make_the_rules_that_the_models_name(connection):
    """Of each table the CHECKs, keys, indexes and columns, by their names, as `create_all` makes them."""
    migrated = _described(connection)
    connection.rollback()
    with changing_schema():
        db.drop_all()
        with db.engine.begin() as other:
            db.metadata.create_all(other)
    assert migrated == _described(connection)


def test_every_rule_has_a_name(connection):
    """Without one it cannot be told to a person, nor changed by a later migration."""
    unnamed = [
        (table, kind)
        for table, described in _described(connection).items()
        for kind in ("check", "unique", "foreign keys", "indexes")
        for name in described[kind]
        if not (name if isinstance(name, str) else name[0])
    ]
    assert unnamed == []


def test_an_empty_database_goes_down_to_nothing_and_up_again(app, connection):
    before = _described(connection)
    connection.rollback()
    downgrade(revision="base")
    assert _tables(connection) == set()
    connection.rollback()
    upgrade()
    assert _described(connection) == before


def test_references_are_whole_and_watched_after_migrating(connection):
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL watches references by itself")
    connection.rollback()
    downgrade(revision="base")
    upgrade()
    assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    connection.rollback()
    with db.engine.connect() as pooled:
        assert pooled.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_migration_that_fails_leaves_the_database_as_it_was(connection, monkeypatch):
    connection.rollback()
    downgrade(revision="base")

    def fail(*_given):
        raise ZeroDivisionError("halfway")

    monkeypatch.setattr("alembic.op.bulk_insert", fail)
    with pytest.raises(ZeroDivisionError, match="halfway"):
        upgrade()
    assert _tables(connection) == set()


def test_a_database_that_is_up_to_date_is_only_read(app, monkeypatch):
    monkeypatch.setattr("flask_migrate.upgrade", lambda: pytest.fail("it was migrated again"))
    migrate_database()

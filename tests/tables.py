"""Copies of everything that is stored, to tell what a request changed."""

import sqlalchemy as sa

from tracker.extensions import db

#: Columns that say when something was last seen, and so move by themselves.
_MOVING = {"sign_in": {"last_seen_at"}}


def copy_tables() -> dict[str, dict[tuple, dict]]:
    """Every row of every table: {table: {primary key: {column: value}}}."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return {
            table.name: {
                tuple(row[column] for column in table.primary_key): {
                    column.name: row[column]
                    for column in table.columns
                    if column.name not in _MOVING.get(table.name, ())
                }
                for row in connection.execute(sa.select(table)).mappings()
            }
            for table in db.metadata.sorted_tables
        }


def differences(before, after) -> dict[tuple[str, tuple], dict[str, tuple]]:
    """What differs, as {(table, primary key): {column: (old, new)}}; a new row had None everywhere."""
    found = {}
    for table, rows in after.items():
        for key in before[table].keys() | rows.keys():
            old, new = before[table].get(key, {}), rows.get(key, {})
            changed = {
                name: (old.get(name), new.get(name)) for name in old | new if old.get(name) != new.get(name)
            }
            if changed:
                found[table, key] = changed
    return found

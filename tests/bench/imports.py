"""An import, read, checked and stored with its trail, beside plain executemany of the same rows."""

import csv
import time
from pathlib import Path

from tests.bench import base, cohort

#: Rows of each file, by participant.
FILES = {"participants": 1, "measurements": cohort.EACH}

#: How many times as long as plain executemany an import may take.
AIM = 12

#: What both databases must hold alike.
SUMS = [
    "SELECT count(*), sum(age_at_enrolment), sum(ecog), count(subtype), max(search_text) FROM participant",
    "SELECT count(*), sum(pfs_months), sum(os_event), max(best_overall_response) FROM reported_outcome",
    "SELECT count(*), sum(value), min(measured_on), max(measured_on), max(participant_id) FROM measurement",
]


def lines(bench):
    measured = imported(bench)
    found = []
    for name, each in FILES.items():
        plain = bench.in_child("imports.plain", folder=str(bench.folder), name=name)
        if plain["sums"] != measured[name]["sums"]:
            raise AssertionError(f"the databases differ after {name}.csv")
        rows = bench.participants * each
        what = f"import {rows:,} {name}" + (" with outcomes" if name == "participants" else "")
        found.append(base.Line(what, measured[name], "executemany", plain, rows=rows, most_times=AIM))
        found.append(base.Line("  of it with the write lock", measured[name]["locked"]))
    return found


def imported(bench) -> dict[str, dict]:
    """Import both files into the database that the other benchmarks read too, if that is not done yet."""
    if "imports" not in bench.kept:
        cohort.write(bench.folder, bench.participants)
        bench.kept["imports"] = {
            name: bench.in_child("imports.tracked", folder=str(bench.folder), name=name) for name in FILES
        }
    return bench.kept["imports"]


def tracked(folder, name):
    """From opening the mapping to the end of the commit; and of that, how long nobody else could write."""
    import sqlalchemy as sa

    from tracker import extensions
    from tracker.exchange.importing import import_file

    folder, began = Path(folder), []
    with base.tracker(folder / "home"):

        @sa.event.listens_for(extensions.db.engine, "begin")
        def _begin(_connection):
            if extensions._writes.get():
                began.append((time.perf_counter(), time.process_time()))

        with base.stopwatch() as watch:
            done = import_file(folder / f"{name}.csv", folder / f"{name}.toml")
        ended = time.perf_counter(), time.process_time()
    if not done.is_stored:
        raise AssertionError(done.faults.head())
    locked = {name: end - start for name, start, end in zip(("seconds", "cpu"), began[-1], ended)}
    return {**watch, "locked": locked, "sums": _sums(folder / "home" / "tracker.sqlite")}


def plain(folder, name):
    """The same rows in the same tables, with the same driver and pragmas: read by csv, converted, inserted."""
    folder = Path(folder)
    database = folder / "plain.sqlite"
    if not database.exists():
        _copy_tables(folder / "home" / "tracker.sqlite", database)
    connection = base.sqlite.connect(str(database), isolation_level=None)
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    with base.stopwatch() as watch:
        connection.execute("BEGIN IMMEDIATE")
        with (folder / f"{name}.csv").open(newline="") as file:
            rows = csv.reader(file)
            next(rows)
            (_plain_participants if name == "participants" else _plain_measurements)(connection, rows)
        connection.execute("COMMIT")
    connection.close()
    return {**watch, "sums": _sums(database)}


def _plain_participants(connection, rows):
    arms = dict(connection.execute("SELECT code, id FROM arm"))
    sexes, now = {"F": "female", "M": "male"}, "2026-01-01 00:00:00.000000"
    people, outcomes = [], []
    for number, row in enumerate(rows, start=1):
        code, arm, location, subtype, diagnosis, sex, ecog, age, lines_before, *dates = row[:12]
        response, pfs_months, pfs_event, os_months, os_event = row[12:]
        people.append(
            (number, 1, code, arms[arm], False, sexes[sex], float(age), int(ecog), location, diagnosis,
             subtype or None, lines_before, *dates, 1, now, now, f"{code} {diagnosis}".lower())
        )  # fmt: skip
        outcomes.append(
            (number, response, float(pfs_months), pfs_event == "1", float(os_months), os_event == "1",
             "participants.csv", 1, now, now, "participants.csv")
        )  # fmt: skip
    _insert(
        connection,
        "participant (id, trial_id, code, arm_id, undated, sex, age_at_enrolment, ecog, tumor_location, diagnosis,"
        " subtype, prior_lines, consented_on, enrolled_on, first_dose_on, version, created_at, updated_at,"
        " search_text)",
        people,
    )
    _insert(
        connection,
        "reported_outcome (participant_id, best_overall_response, pfs_months, pfs_event, os_months, os_event,"
        " source, version, created_at, updated_at, search_text)",
        outcomes,
    )


def _plain_measurements(connection, rows):
    ids = dict(connection.execute("SELECT code, id FROM participant"))
    now = "2026-01-01 00:00:00.000000"
    _insert(
        connection,
        "measurement (assay_id, participant_id, value, qualifier, measured_on, qc_status, version, created_at,"
        " updated_at, search_text)",
        [(1, ids[code], float(value), "=", day, "passed", 1, now, now, "") for code, day, value in rows],
    )


def _insert(connection, table_and_columns, rows):
    places = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO {table_and_columns} VALUES ({places})", rows)


def _copy_tables(source, database):
    """The tracker's empty tables and indexes, and the rows of those that the files only refer to."""
    known, new = base.sqlite.connect(str(source)), base.sqlite.connect(str(database))
    made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    for (statement,) in known.execute(made):
        new.execute(statement)
    for table in ("trial", "agent", "regimen", "regimen_component", "arm", "biomarker", "assay"):
        for row in known.execute(f"SELECT * FROM {table}"):
            new.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    new.commit()
    known.close()
    new.close()


def _sums(database):
    connection = base.sqlite.connect(str(database))
    found = [connection.execute(statement).fetchone() for statement in SUMS]
    connection.close()
    return found

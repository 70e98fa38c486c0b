"""Reports from end to end, beside plain pandas scripts that read the same database and must agree.

Cold: the first time in a process that has imported its modules, so that nothing is in the frames' memory. Warm:
the same report again. Two scripts: one reads the tables whole, as one does who will group and filter by anything;
one reads only the columns that this one table needs.
"""

import datetime
import math
import warnings
from pathlib import Path

from tests.bench import base, imports

#: How many times as long as the script a cold report may take, and how many seconds a warm one.
COLD, WARM = 1.5, 0.3

REPORTS = {
    "outcomes": ("outcomes by location", {"by": "tumor_location"}),
    "survival": ("survival (overall)", {"endpoint": "os"}),
}


def lines(bench):
    imports.imported(bench)
    folder, found = str(bench.folder), []
    for slug, (what, parameters) in REPORTS.items():
        measured = bench.quickest("reports.tracked", folder=folder, slug=slug, parameters=parameters)
        whole = bench.quickest("reports.script", folder=folder, slug=slug, reads_whole=True)
        few = bench.quickest("reports.script", folder=folder, slug=slug, reads_whole=False)
        for script in (whole, few):
            _compare(measured["rows"], script["rows"])
        found.append(base.Line(f"{what}, cold", measured, "script, whole tables", whole, most_times=COLD))
        found.append(base.Line("", measured, "script, few columns", few))
        found.append(base.Line(f"{what}, warm", measured["warm"], most_seconds=WARM))
    return found


def _compare(ours, theirs):
    """Raise AssertionError unless the report and the script found the same numbers."""
    same = len(ours) == len(theirs) and all(
        one == other if isinstance(one, str) else math.isclose(one, other, rel_tol=1e-9)
        for row, other_row in zip(ours, theirs)
        for one, other in zip(row, other_row, strict=True)
    )
    if not same:
        raise AssertionError(f"the report and the script differ: {ours} and {theirs}")


def tracked(folder, slug, parameters):
    import scipy.stats  # noqa: F401  (the scripts import it before their time is taken, too)

    from tracker.extensions import db, reading
    from tracker.reports.base import all_reports, run_report

    all_reports()
    watches = []
    with reading(), base.tracker(Path(folder) / "home"):
        for _again in range(4):
            with base.stopwatch() as watch:
                result = run_report(slug, list(parameters.items()))
                tables = [table.rows for table in result.tables]
            watches.append(watch)
            db.session.rollback()
    names = {
        "outcomes": ["tumor_location", "n", "responders", "orr", "orr_low", "orr_high"],
        "survival": ["n", "events", "median"],
    }[slug]
    rows = [[row[name] for name in names] for row in tables[0]]
    cold, *warm = watches
    return {**cold, "warm": min(warm, key=lambda one: one["cpu"]), "rows": sorted(rows)}


def script(folder, slug, reads_whole):
    import pandas as pd
    import scipy.stats  # noqa: F401

    warnings.simplefilter("ignore", UserWarning)  # pandas names no other driver than Python's own
    connection = base.sqlite.connect(str(Path(folder) / "home" / "tracker.sqlite"))

    def read(statement, **options):
        return pd.read_sql(statement, connection, **options)

    with base.stopwatch() as watch:
        joined = _whole_tables(read) if reads_whole else _few_columns(read, slug)
        rows = _response(joined) if slug == "outcomes" else _median(joined)
    connection.close()
    return {**watch, "rows": sorted(rows)}


def _whole_tables(read):
    days = ["consented_on", "enrolled_on", "first_dose_on", "last_dose_on", "died_on", "last_known_alive_on"]
    people = read("SELECT * FROM participant WHERE withdrawn_at IS NULL", parse_dates=days)
    outcomes = read("SELECT * FROM reported_outcome WHERE withdrawn_at IS NULL")
    trials = read("SELECT id AS trial_id, code AS trial FROM trial WHERE withdrawn_at IS NULL")
    arms = read("SELECT id AS arm_id, code AS arm, regimen_id FROM arm WHERE withdrawn_at IS NULL")
    regimens = read("SELECT id AS regimen_id, name AS regimen FROM regimen WHERE withdrawn_at IS NULL")
    known = ~(people["enrolled_on"].fillna(people["first_dose_on"]) > str(datetime.date.today()))
    joined = people[known & people["first_dose_on"].notna()].merge(trials, on="trial_id")
    joined = joined.merge(arms.merge(regimens, on="regimen_id", how="left"), on="arm_id", how="left")
    outcomes = outcomes.drop(
        columns=["id", "search_text", "version", "created_at", "updated_at", "withdrawn_at"]
    )
    return joined.merge(outcomes, left_on="id", right_on="participant_id", how="left")


def _few_columns(read, slug):
    columns = "tumor_location, best_overall_response" if slug == "outcomes" else "os_months, os_event"
    return read(
        f"SELECT {columns} FROM participant JOIN trial ON trial.id = trial_id LEFT JOIN reported_outcome"
        " ON participant_id = participant.id AND reported_outcome.withdrawn_at IS NULL WHERE first_dose_on IS NOT"
        " NULL AND coalesce(enrolled_on, first_dose_on) <= date() AND participant.withdrawn_at IS NULL"
        " AND trial.withdrawn_at IS NULL"
    )


def _response(joined):
    """Responders of all treated, by location, with exact limits."""
    import pandas as pd
    import scipy.stats

    is_responder = joined["best_overall_response"].isin(["CR", "PR"])
    groups = is_responder.groupby(joined["tumor_location"]).agg(["size", "sum"])
    n, x = groups["size"], groups["sum"]
    groups["orr"] = x / n
    groups["low"] = pd.Series(scipy.stats.beta.ppf(0.025, x, n - x + 1), n.index).fillna(0)
    groups["high"] = pd.Series(scipy.stats.beta.ppf(0.975, x + 1, n - x), n.index).fillna(1)
    return groups.reset_index().values.tolist()


def _median(joined):
    """Kaplan-Meier's median of overall survival."""
    import numpy as np

    known = joined[joined["os_months"].notna() & joined["os_event"].notna()].sort_values("os_months")
    times, first = np.unique(known["os_months"].to_numpy(), return_index=True)
    deaths = np.add.reduceat(known["os_event"].to_numpy(), first)
    survival = np.cumprod(1 - deaths / (len(known) - first))
    return [[len(known), int(deaths.sum()), float(times[np.flatnonzero(survival <= 0.5)[0]])]]

"""A screen of many markers with an interaction each, beside a loop over a hundred of them by statsmodels."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.bench import base

MARKERS, PARTICIPANTS, LOOPED = 20_000, 200, 100

#: Seconds of processor time that a whole screen may take.
MOST_SECONDS = {"response": 15, "os": 25}


def lines(bench):
    found = []
    for endpoint, what in (("response", "logistic"), ("os", "Cox")):
        measured = bench.in_child("screen.tracked", folder=str(bench.folder), endpoint=endpoint)
        looped = bench.in_child("screen.loop", endpoint=endpoint)
        if not np.allclose(measured["p"], looped["p"], rtol=1e-4, atol=1e-9):
            raise AssertionError("the screen and statsmodels differ")
        title = f"{what} interaction, {MARKERS:,} markers x {PARTICIPANTS}"
        aim = MOST_SECONDS[endpoint]
        found.append(base.Line(title, measured, f"statsmodels, {LOOPED}", looped, most_seconds=aim))
    return found


def _data():
    random = np.random.default_rng(20240101)
    people = pd.DataFrame(
        {
            "event": random.random(PARTICIPANTS) < 0.4,
            "months": random.exponential(10, PARTICIPANTS),
            "is_treated": np.arange(PARTICIPANTS) % 2 == 0,
        }
    )
    names = [f"G{place}" for place in range(MARKERS)]
    return people, pd.DataFrame(random.standard_normal((PARTICIPANTS, MARKERS)), columns=names)


def tracked(folder, endpoint):
    from tracker import create_app
    from tracker.reports.screen import screen

    people, values = _data()
    with create_app(home=Path(folder)).app_context():
        screen(people, values.iloc[:, :10], endpoint, "interaction")
        with base.stopwatch() as watch:
            found = screen(people, values, endpoint, "interaction")
    found = found.set_index("marker").loc[values.columns[:LOOPED]]
    return watch | {"p": found["p"].tolist(), "peak_mb": base.peak_mb()}


def loop(endpoint):
    """The same p of the first hundred, one model at a time."""
    import statsmodels.api as sm
    from scipy.stats import chi2

    people, values = _data()
    treated, event = people["is_treated"].to_numpy(float), people["event"].to_numpy(float)
    months = people["months"].to_numpy()

    def fit(design):
        if endpoint == "response":
            return sm.GLM(event, sm.add_constant(design), family=sm.families.Binomial()).fit().llf
        return sm.PHReg(months, design, status=event, ties="efron").fit().llf

    found = []
    with base.stopwatch() as watch:
        for name in values.columns[:LOOPED]:
            marker = values[name].to_numpy()
            marker = (marker - marker.mean()) / marker.std(ddof=1)
            both = np.column_stack([treated, marker])
            full = np.column_stack([both, treated * marker])
            found.append(float(chi2.sf(2 * (fit(full) - fit(both)), 1)))
    return watch | {"p": found, "peak_mb": base.peak_mb()}

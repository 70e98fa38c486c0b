"""Many markers against one outcome: which of them go with it, and how many were tried."""

import numpy as np
import pandas as pd
from flask_babel import gettext as _

from tracker.stats.screening import benjamini_hochberg, screen_response, screen_survival

#: Fewer events, or non-responders, in a marker's model (for an interaction: in each arm) are too few.
LEAST_EVENTS = 10

#: Markers between two signs of progress.
AT_ONCE = 1_000

TOO_FEW, CONSTANT, INFINITE = "too few", "does not vary", "not finite"


def screen(
    people, values: pd.DataFrame, endpoint: str, test: str, tell=lambda *_progress: None
) -> pd.DataFrame:
    """One row a marker, the smallest p first: marker, n, events, ratio (odds or hazards, by a standard deviation of
    the marker, or how the effect of treatment changes by it), chi2, p, q, status (why there is no p or no ratio).

    people: of `people_of`; values: their rows in the same order, a column a marker.
    """
    markers = values.to_numpy(float)
    event = people["event"].to_numpy(bool)
    treated = people["is_treated"].to_numpy(bool) if test == "interaction" else None
    known = ~np.isnan(markers)
    is_enough = _is_enough(known, event, treated, endpoint)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.nansum(markers, axis=0) / count
        spread = np.sqrt(np.nansum((markers - mean) ** 2, axis=0) / np.maximum(count - 1, 1))
    varies = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    tested = np.flatnonzero(is_enough & varies)
    found = pd.DataFrame({"coef": np.nan, "chi2": np.nan, "p": np.nan}, index=range(markers.shape[1]))
    for start in range(0, len(tested), AT_ONCE):
        tell(start, len(tested), _("Fitting %(n)d markers", n=len(tested)))
        chunk = tested[start : start + AT_ONCE]
        scaled = (markers[:, chunk] - mean[chunk]) / spread[chunk]
        if endpoint == "response":
            fitted = screen_response(scaled, event, treated)
        else:
            fitted = screen_survival(scaled, people["months"].to_numpy(float), event, treated)
        found.loc[chunk, ["coef", "chi2", "p"]] = fitted[["coef", "chi2", "p"]].to_numpy()
    status = np.select(
        [~is_enough, ~varies | found["p"].isna(), found["coef"].isna()], [TOO_FEW, CONSTANT, INFINITE], ""
    )
    result = pd.DataFrame(
        {
            "marker": values.columns,
            "n": known.sum(axis=0),
            "events": event.astype(int) @ known,
            "ratio": np.exp(found["coef"]),
            "chi2": found["chi2"],
            "p": found["p"],
            "q": benjamini_hochberg(found["p"]),
            "status": status,
        }
    )
    return result.sort_values(["p", "marker"], na_position="last", ignore_index=True)


def _is_enough(known, event, treated, endpoint):
    """Of each marker: enough events, and for response enough without one; for an interaction in each arm."""
    groups = [np.ones(len(event), bool)] if treated is None else [treated, ~treated]
    enough = np.ones(known.shape[1], bool)
    for group in groups:
        enough &= (event & group).astype(int) @ known >= LEAST_EVENTS
        if endpoint == "response":
            enough &= (~event & group).astype(int) @ known >= LEAST_EVENTS
    return enough


def summary_of(result, people) -> dict:
    """What is kept with the table: how many markers were tried, so that a finding among them can say so."""
    return {
        "tried": len(result),
        "tested": int(result["p"].notna().sum()),
        "too_few": int((result["status"] == TOO_FEW).sum()),
        "found": int((result["q"] <= 0.05).sum()),
        "n": len(people),
        "events": int(people["event"].sum()),
    }

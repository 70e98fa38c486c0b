"""How adverse events are counted."""

import numpy as np
import pandas as pd

GRADES = [1, 2, 3, 4, 5]


def treatment_emergent(started_on, first_dose_on, last_dose_on, window_days) -> pd.Series:
    """Whether each event started on treatment: from the first dose until `window_days` after the last.

    Columns of one index; window_days may be a number. Without a last dose the treatment goes on; without a first
    dose nothing is on treatment.

    Source: ICH E9, glossary; CDISC ADaM OCCDS 1.0, TRTEMFL.
    """
    until = last_dose_on + pd.to_timedelta(window_days, unit="D")
    return (started_on >= first_dose_on) & ~(started_on > until)


def worst_grades(events: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Participants by the columns `by`, each counted once in a row, at the worst grade.

    events: participant_id, grade (1 to 5), and the columns of `by`, whose missing values are a value. Returns one
    row for each combination that occurs: by, any, g1 ... g5 (any is their sum). Without `by` one row.

    Source: CTCAE 5.0; the maximum grade convention of tables of adverse events.
    """
    keys = [*by, "participant_id"]
    worst = events.groupby(keys, dropna=False, sort=False)["grade"].max().reset_index()
    counted = pd.DataFrame({f"g{grade}": (worst["grade"] == grade).astype("int64") for grade in GRADES})
    counted.insert(0, "any", np.ones(len(worst), dtype="int64"))
    if not by:
        return counted.sum().to_frame().T
    return counted.groupby([worst[name] for name in by], dropna=False, sort=False).sum().reset_index()


def days_at_risk(first_event_on, first_dose_on, ends_on) -> pd.Series:
    """Days from the first dose to the first event, both counted, else to the end of observation.

    Columns of one index. Missing without a first dose or an end; never below one day.
    """
    until = first_event_on.fillna(ends_on)
    return ((until - first_dose_on).dt.days + 1).clip(lower=1).astype("float64")

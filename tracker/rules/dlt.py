"""Who counts for the rate of dose-limiting toxicity (DLT), column by column."""

import pandas as pd

from tracker.terms.escalation import DltStatus


def dlt_status(
    first_dose_on: pd.Series,
    first_dlt_on: pd.Series,
    dose_percent: pd.Series,
    not_evaluable_reason: pd.Series,
    as_of: pd.Timestamp | pd.Series,
    window_days: int | pd.Series,
    minimum_dose_percent: float | pd.Series,
) -> pd.Series:
    """What each participant's DLT window has told on the day `as_of`: values of DltStatus.

    The columns have one index. The day of the first dose is the first of `window_days`. first_dlt_on: when the
    first event that was flagged as dose-limiting started. dose_percent: of the dose planned in the window, what
    was given, 0 to 100; where no dose is on record it is missing and not held against the participant.
    not_evaluable_reason: text that someone typed.

    dlt: such an event in the window, whatever else is said; not evaluable: a reason was typed, or the window is
    over with less than `minimum_dose_percent`; pending: the window is not over; none: all the others. Missing
    where there was no first dose by then.

    Source: Storer, Biometrics 1989;45:925-937, for the replacement of participants who are not evaluable; the
    window and the least dose are the protocol's.
    """
    treated = first_dose_on.notna() & (first_dose_on <= as_of)
    window = pd.to_timedelta(window_days, unit="D")
    ends_on = first_dose_on + window - pd.Timedelta(days=1)
    has_dlt = (first_dlt_on >= first_dose_on) & (first_dlt_on <= ends_on) & (first_dlt_on <= as_of)
    is_over = as_of > ends_on
    too_little = dose_percent.notna() & (dose_percent < minimum_dose_percent)
    status = pd.Series(DltStatus.NONE.value, first_dose_on.index, dtype="str")
    status = status.mask(~is_over, DltStatus.PENDING.value)
    status = status.mask(not_evaluable_reason.notna() | (is_over & too_little), DltStatus.NOT_EVALUABLE.value)
    status = status.mask(has_dlt, DltStatus.DLT.value)
    return status.where(treated)

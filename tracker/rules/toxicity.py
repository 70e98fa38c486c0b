"""When an arm has had too many dose-limiting toxicities: the boundary that stops it."""

from dataclasses import dataclass

import pandas as pd
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from tracker.stats.dose_finding import exceedance, fewest_events


@dataclass(frozen=True)
class ToxicityBoundary:
    """Stop where P(DLT rate > limit) > certainty, from a Beta(a, b) prior, once least_n can be judged.

    Rates and chances are fractions. Raises ValueError for what is not a boundary.

    Source: Thall and Simon, Biometrics 1994;50:337-349; as in Ivanova, Qaqish and Schell, Biometrics 2005;61:540-545.
    """

    limit: float
    certainty: float
    a: float = 1.0
    b: float = 1.0
    least_n: int = 1

    def __post_init__(self):
        if not (
            0 < self.limit < 1 and 0 < self.certainty < 1 and self.a > 0 and self.b > 0 and self.least_n > 0
        ):
            raise ValueError(
                "a boundary needs a limit and a certainty between 0 and 1, and a, b, least_n above 0"
            )

    def fewest(self, n) -> pd.Series:
        """The fewest DLTs that stop the arm, Int64 by the number judged; missing where no number does."""
        return fewest_events(n, self.limit, self.certainty, self.a, self.b, self.least_n)


@dataclass(frozen=True)
class ToxicityState:
    """Where an arm stands: probability is P(DLT rate > limit) now, stops_at the DLTs of n that cross."""

    n: int
    dlt: int
    probability: float
    stops_at: int | None
    is_crossed: bool
    reason: LazyString


def toxicity_state(boundary: ToxicityBoundary, dlt: int, n: int) -> ToxicityState:
    """Whether dlt of n cross the boundary. Counts are whole, 0 <= dlt <= n, else ValueError."""
    probability = float(exceedance(dlt, n, boundary.limit, boundary.a, boundary.b))
    fewest = boundary.fewest([n]).iloc[0] if n else pd.NA
    stops_at = None if pd.isna(fewest) else int(fewest)
    is_crossed = stops_at is not None and dlt >= stops_at
    if is_crossed:
        reason = _l(
            "%(dlt)s of %(n)s had a DLT; %(stops_at)s or more stop the arm.", dlt=dlt, n=n, stops_at=stops_at
        )
    elif n < boundary.least_n:
        reason = _l(
            "Judged from %(least)s participants on; so far there are %(n)s.", least=boundary.least_n, n=n
        )
    elif stops_at is None:
        reason = _l("%(dlt)s of %(n)s had a DLT; no number of so few would stop the arm.", dlt=dlt, n=n)
    else:
        reason = _l(
            "%(dlt)s of %(n)s had a DLT; %(stops_at)s would stop the arm.", dlt=dlt, n=n, stops_at=stops_at
        )
    return ToxicityState(n, dlt, probability, stops_at, is_crossed, reason)

"""BOIN, for one agent and for two: advice on the next dose, and the maximum tolerated dose.

See `rules/escalation.py` for what all rules have in common.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _ln

from tracker.rules.advice import (
    Advice,
    Level,
    adviser,
    complete_cohort,
    first_place,
    highest_open,
    ladder,
    open_above,
    shown_level,
    shown_rate,
    wait,
)
from tracker.stats.dose_finding import (
    chance_within,
    interval_boundaries,
    interval_table,
    isotonic_matrix,
    isotonic_rates,
)
from tracker.terms.trial import DoseAction, EscalationRule

#: What one treated participant more adds to a pair's chance, so that of equals the better known is next.
KNOWN_BETTER = 0.0005

#: Chances and rates that differ by less are equal: they come from sums in another order.
EQUAL = 1e-9


def boin(levels: Sequence[Level], current, target, cohort_size=3, maximum_n=None) -> Advice:
    """BOIN: compare the rate of DLTs at the current level with two boundaries.

    levels: in the order of the dose. target: the DLT rate that is aimed at. cohort_size: the first cohort of a
    level is completed before it is judged; the boundaries hold for every number after that. maximum_n: that many
    evaluable participants in all end the escalation, and the MTD is selected.

    Source: Liu and Yuan, J R Stat Soc C 2015;64:507-523; R's BOIN 2.7.2.
    """
    levels, place = ladder(levels, current)
    here, decide = levels[place], _interval_decision(target, levels, cohort_size)
    eliminated = first_place(levels, lambda one: decide.eliminates(one))
    out = [one.level for one in levels[eliminated:]]
    advise = adviser(EscalationRule.BOIN, levels, current=current, eliminated=out, **decide.figures)
    if eliminated == 0:
        return advise(*_lowest_is_toxic())
    if maximum_n and sum(one.n for one in levels) >= maximum_n:
        return advise(*_select(levels, select_mtd(levels, target)))
    if place >= eliminated or here.is_closed:
        below = highest_open(levels[: min(place, eliminated)])
        return advise(*_leave(here, (below.level,) if below else ()))
    held = decide.held(here)
    if held:
        return advise(*held)
    below, above = highest_open(levels[:place]), open_above(levels, place, eliminated)
    return advise(*decide.move(here, (below.level,) if below else (), (above.level,) if above else ()))


def boin_combination(levels: Sequence[Level], current, target, cohort_size=3, maximum_n=None) -> Advice:
    """BOIN for two agents: step along one of them, to the pair most probably within the boundaries.

    levels: named by pairs, such as (2, 3): the second level of the first agent, the third of the other. A pair that
    is not given does not exist. A step up or down changes one agent by one level; the pair with the largest chance of
    a rate between the boundaries is next, of equal ones the one that more participants have had; the rest is a tie.

    Source: Lin and Yin, Stat Methods Med Res 2017;26:2155-2167; R's BOIN 2.7.2, next.comb(), which draws ties.
    """
    levels, place = ladder(levels, current)
    here, decide = levels[place], _interval_decision(target, levels, cohort_size)
    toxic = [one.level for one in levels if decide.eliminates(one)]
    out = {one.level for one in levels if any(_reaches(one.level, low) for low in toxic)}
    advise = adviser(
        EscalationRule.BOIN_COMB, levels, current=current, eliminated=sorted(out), **decide.figures
    )
    if len(out) == len(levels):
        return advise(*_lowest_is_toxic())
    if maximum_n and sum(one.n for one in levels) >= maximum_n:
        return advise(*_select(levels, select_mtd_pairs(levels, target)))
    can_go = [one for one in levels if not one.is_closed and one.level not in out]
    first, second = here.level
    below = _most_probable(can_go, {(first - 1, second), (first, second - 1)}, decide.boundaries)
    if here.level in out or here.is_closed:
        return advise(*_leave(here, below or _nearest_below(can_go, here.level)))
    held = decide.held(here)
    if held:
        return advise(*held)
    above = _most_probable(can_go, {(first + 1, second), (first, second + 1)}, decide.boundaries)
    return advise(*decide.move(here, below, above))


def _reaches(level, lower) -> bool:
    """Whether neither agent of a pair is below that of the other pair."""
    return level[0] >= lower[0] and level[1] >= lower[1]


def _most_probable(levels, names, boundaries) -> tuple:
    """Those of the named pairs whose rate is most probably within the boundaries; several are a tie."""
    there = [one for one in levels if one.level in names]
    chances = [chance_within(one.dlt, one.n, *boundaries) + KNOWN_BETTER * one.n for one in there]
    return tuple(one.level for one, chance in zip(there, chances) if chance >= max(chances) - EQUAL)


def _nearest_below(levels, name) -> tuple:
    """The pairs below this one with the fewest steps to it."""
    steps = {one.level: sum(name) - sum(one.level) for one in levels if _reaches(name, one.level)}
    return tuple(level for level, count in steps.items() if count == min(steps.values()))


def select_mtd(levels: Sequence[Level], target, bounded=True) -> tuple[tuple, dict]:
    """The maximum tolerated dose by isotonic regression, as (levels, {level: estimated rate}).

    Of the levels that were tried and not eliminated, the one whose estimate is nearest to the target: of equal
    estimates the highest below it, the lowest above it. bounded: the estimate must lie below the boundary to
    de-escalate; without, a level with 3 of 6 can be chosen. The levels are empty where no dose can be.

    Source: Liu and Yuan 2015, section 3.4; R's BOIN 2.7.2, select.mtd(boundMTD=TRUE).
    """
    levels = tuple(levels)
    decide = _interval_decision(target, levels)
    tried = [one for one in levels[: first_place(levels, decide.eliminates)] if one.n]
    if not tried:
        return (), {}
    rates = isotonic_rates([one.dlt for one in tried], [one.n for one in tried])
    estimates = {one.level: float(rate) for one, rate in zip(tried, rates)}
    can_be = {one.level: estimates[one.level] for one in tried if not one.is_closed}
    nearest = _nearest(can_be, target, decide.boundaries[1] if bounded else None)
    if not nearest:
        return (), estimates
    return (nearest[-1] if can_be[nearest[0]] < target else nearest[0],), estimates


def select_mtd_pairs(levels: Sequence[Level], target, bounded=True) -> tuple[tuple, dict]:
    """The maximum tolerated pair by isotonic regression on the matrix, as (pairs, {pair: estimated rate}).

    As `select_mtd`; of equal estimates the pairs with the most steps (the fewest above the target), and those that
    are then equal are a tie. Estimates are of the pairs that were tried.

    Source: R's BOIN 2.7.2, select.mtd.comb(boundMTD=TRUE); Zhang and Yuan, Stat Med 2016;35:4924-4936.
    """
    levels = tuple(levels)
    decide = _interval_decision(target, levels)
    toxic = [one.level for one in levels if decide.eliminates(one)]
    first, second = (sorted({one.level[agent] for one in levels}) for agent in (0, 1))
    n, dlt = np.zeros((2, len(first), len(second)))
    for one in levels:
        where = first.index(one.level[0]), second.index(one.level[1])
        n[where], dlt[where] = one.n, one.dlt
    rates = isotonic_matrix(dlt, n)
    estimates = {
        one.level: float(rates[first.index(one.level[0]), second.index(one.level[1])])
        for one in levels
        if one.n
    }
    can_be = {
        one.level: estimates[one.level]
        for one in levels
        if one.n and not one.is_closed and not any(_reaches(one.level, low) for low in toxic)
    }
    nearest = _nearest(can_be, target, decide.boundaries[1] if bounded else None)
    if not nearest:
        return (), estimates
    steps = [sum(level) for level in nearest]
    wanted = max(steps) if can_be[nearest[0]] < target else min(steps)
    return tuple(level for level, count in zip(nearest, steps) if count == wanted), estimates


def _nearest(estimates, target, bound) -> list:
    """The levels whose estimates, all one rate, are nearest to the target, and below the bound."""
    allowed = {level: rate for level, rate in estimates.items() if bound is None or rate < bound}
    if not allowed:
        return []
    distance = min(abs(rate - target) for rate in allowed.values())
    near = {level: rate for level, rate in allowed.items() if abs(rate - target) <= distance + EQUAL}
    rate = min(near.values())  # as far below the target as above it: the lower rate
    return [level for level, one in near.items() if one <= rate + EQUAL]


@dataclass(frozen=True)
class _IntervalDecision:
    """BOIN's boundaries, and what they say of one level."""

    boundaries: tuple[float, float]
    table: pd.DataFrame
    cohort_size: int
    figures: dict

    def eliminates(self, level) -> bool:
        fewest = self.table["eliminate_at_least"].loc[level.n] if level.n else pd.NA
        return pd.notna(fewest) and level.dlt >= fewest

    def held(self, level):
        """Why the level cannot be judged yet; None where it can, or goes down whatever is still to be seen."""
        missing = max(self.cohort_size - level.n - level.pending, 0)
        unknown = level.pending + missing
        if not unknown or level.dlt >= self.table["de_escalate_at_least"].loc[level.n + unknown]:
            return None
        return wait(level, level.pending) if level.pending else complete_cohort(level, missing)

    def move(self, level, below, above):
        rate = {"dlt": level.dlt, "n": level.n}
        if level.dlt >= self.table["de_escalate_at_least"].loc[level.n]:
            bound = {**rate, "bound": shown_rate(self.boundaries[1])}
            if below:
                return (
                    DoseAction.DE_ESCALATE,
                    below,
                    _l("%(dlt)s of %(n)s had a DLT, at or above the boundary of %(bound)s.", **bound),
                )
            return (
                DoseAction.STAY,
                (level.level,),
                _l(
                    "%(dlt)s of %(n)s had a DLT, at or above the boundary of %(bound)s, but there is no"
                    " open level below, and this one is not eliminated.",
                    **bound,
                ),
            )
        if level.dlt <= self.table["escalate_at_most"].loc[level.n]:
            bound = {**rate, "bound": shown_rate(self.boundaries[0])}
            if above:
                return (
                    DoseAction.ESCALATE,
                    above,
                    _l("%(dlt)s of %(n)s had a DLT, at or below the boundary of %(bound)s.", **bound),
                )
            return (
                DoseAction.STAY,
                (level.level,),
                _l(
                    "%(dlt)s of %(n)s had a DLT, at or below the boundary of %(bound)s, but there is no"
                    " open level above.",
                    **bound,
                ),
            )
        return (
            DoseAction.STAY,
            (level.level,),
            _l("%(dlt)s of %(n)s had a DLT, between the boundaries.", **rate),
        )


def _interval_decision(target, levels, cohort_size=3):
    boundaries = interval_boundaries(target)
    largest = max(max(one.n + one.pending for one in levels), cohort_size, 30)
    figures = {"target": target, "lambda_e": boundaries[0], "lambda_d": boundaries[1]}
    return _IntervalDecision(boundaries, interval_table(target, largest), cohort_size, figures)


def _lowest_is_toxic():
    return (
        DoseAction.STOP,
        (),
        _l("The lowest level is eliminated: its DLT rate is above the target with a probability over 0.95."),
    )


def _leave(level, below):
    """From a level that was eliminated or closed, down, or out."""
    if not below:
        return DoseAction.STOP, (), _l("There is no open level below this one.")
    return (
        DoseAction.DE_ESCALATE,
        below,
        _l("Level %(level)s is eliminated or closed.", level=shown_level(level.level)),
    )


def _select(levels, selected):
    """Once the maximum number is reached: the MTD, when nobody's window runs any more."""
    pending = sum(one.pending for one in levels)
    if pending:
        return (
            DoseAction.WAIT,
            (),
            _ln(
                "The maximum number is reached. Wait for %(num)s participant whose window is not over.",
                "The maximum number is reached. Wait for %(num)s participants whose windows are not over.",
                pending,
            ),
            True,
        )
    best, estimates = selected
    if not best:
        return (
            DoseAction.STOP,
            (),
            _l("The maximum number is reached, and no level's estimated DLT rate is below the boundary."),
        )
    return (
        DoseAction.DECLARE_MTD,
        best,
        _l(
            "The maximum number is reached; the isotonic estimate nearest to the target is %(rate)s.",
            rate=shown_rate(estimates[best[0]]),
        ),
    )

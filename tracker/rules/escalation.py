"""Advice on the next dose: the rule that an arm follows, and 3+3.

A rule gets what was seen at each level and where the arm is now, and returns an `Advice`. Advice never leads to a
level that is closed, at or above one that was eliminated; what equals are is shown as equals, never drawn by lot. A
participant whose window is not over holds the advice, unless it is to go down whatever they will have.

ValueError: no levels, two of one name, a current level that is none of them, or impossible counts.
"""

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

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
    wait,
)
from tracker.rules.boin import boin, boin_combination
from tracker.terms.trial import DoseAction, EscalationRule

#: The cohort of 3+3, and how many a level has at most before it is judged.
COHORT, EXPANDED = 3, 6


def next_dose(rule, levels: Sequence[Level], current, target=None, cohort_size=3, maximum_n=None) -> Advice:
    """What the rule advises; 3+3 needs no target, its cohort is of three, and it has no maximum."""
    if rule == EscalationRule.THREE_PLUS_THREE:
        return three_plus_three(levels, current)
    follow = boin if rule == EscalationRule.BOIN else boin_combination
    return follow(levels, current, target, cohort_size, maximum_n)


def three_plus_three(levels: Sequence[Level], current) -> Advice:
    """3+3: 0 of 3 goes up, 1 of 3 becomes 6, 2 go down; 1 of 6 goes up; the MTD has at most 1 of 6.

    levels: in the order of the dose. A level with two DLTs is never entered again, nor any above it; the level
    below it, and the highest of all, need six. Where more than six were treated, at most one in six counts as
    tolerated.

    Source: Storer, Biometrics 1989;45:925-937, design A.
    """
    levels, place = ladder(levels, current)
    exceeded = first_place(levels, lambda one: one.dlt >= 2 and EXPANDED * one.dlt > one.n)
    out = [one.level for one in levels[exceeded:]]
    advise = adviser(EscalationRule.THREE_PLUS_THREE, levels, current=current, eliminated=out)
    here = levels[place]
    if place >= exceeded or here.is_closed:
        return _below(advise, levels, min(exceeded, place))
    if here.pending:
        return advise(*wait(here, here.pending))
    if here.n < COHORT:
        return advise(*complete_cohort(here, COHORT - here.n))
    above = open_above(levels, place, exceeded)
    if above and (here.dlt == 0 or here.n >= EXPANDED):
        return advise(
            DoseAction.ESCALATE,
            (above.level,),
            _l("%(dlt)s of %(n)s participants had a DLT.", dlt=here.dlt, n=here.n),
        )
    if here.n < EXPANDED:
        return advise(*_expand(here, DoseAction.EXPAND))
    return advise(*_mtd_of_six(here))


def _below(advise, levels, place):
    """Down from a level that exceeds the MTD or is closed: to the highest open one below it."""
    below = highest_open(levels[:place])
    if below is None:
        return advise(DoseAction.STOP, (), _l("No dose is tolerated: there is no open level below this one."))
    if below.pending:
        return advise(*wait(below, below.pending))
    if below.n >= EXPANDED:
        return advise(*_mtd_of_six(below))
    return advise(*_expand(below, DoseAction.DE_ESCALATE))


def _expand(level, action):
    return (
        action,
        (level.level,),
        _l(
            "Level %(level)s needs six participants, %(more)s more: %(dlt)s of %(n)s had a DLT.",
            level=shown_level(level.level),
            more=EXPANDED - level.n,
            dlt=level.dlt,
            n=level.n,
        ),
    )


def _mtd_of_six(level):
    return (
        DoseAction.DECLARE_MTD,
        (level.level,),
        _l(
            "Level %(level)s is the highest that is tolerated: %(dlt)s of %(n)s had a DLT.",
            level=shown_level(level.level),
            dlt=level.dlt,
            n=level.n,
        ),
    )

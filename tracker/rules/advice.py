"""What advice on the next dose is made of: the levels, what was seen there, and the words of a reason."""

import dataclasses
import functools
from dataclasses import KW_ONLY, dataclass

from babel.numbers import format_decimal
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_ngettext as _ln

from tracker.terms.trial import DoseAction, EscalationRule

#: Of what each rule follows, and the number of ours that changes with what we make of it.
VERSIONS = {
    EscalationRule.THREE_PLUS_THREE: "Storer 1989; tracker 1",
    EscalationRule.BOIN: "BOIN 2.7.2 boundaries; tracker 1",
    EscalationRule.BOIN_COMB: "BOIN 2.7.2 next.comb; tracker 1",
}


@dataclass(frozen=True)
class Level:
    """What was seen at one level: participants who can be judged, those with a DLT, those whose window runs.

    level: its number; of two agents, the pair of their levels. is_closed: suspended, or closed by decision.
    """

    level: int | tuple[int, int]
    n: int = 0
    dlt: int = 0
    pending: int = 0
    is_closed: bool = False

    def __post_init__(self):
        if not 0 <= self.dlt <= self.n or self.pending < 0:
            raise ValueError("a level needs 0 <= dlt <= n and pending >= 0")


@dataclass(frozen=True)
class Advice:
    """What a rule advises, from which figures. The committee decides.

    next_levels: where the next participants go, several where they are equals; the MTD of DECLARE_MTD; none of
    STOP. is_held: participants are still to be seen before the level can be judged. figures: plain numbers and
    lists, fit for JSON.
    """

    action: DoseAction
    next_levels: tuple
    reason: LazyString
    is_held: bool = False
    _: KW_ONLY
    rule: EscalationRule
    version: str
    figures: dict

    @property
    def leads_to(self) -> str:
        """The next levels as they are printed; those that are equals with a sign between them."""
        return " = ".join(map(shown_level, self.next_levels))


def adviser(rule, levels, **figures):
    """What makes advice of an action, the levels that it leads to, and its reason."""
    seen = [dataclasses.asdict(one) for one in levels]
    return functools.partial(Advice, rule=rule, version=VERSIONS[rule], figures={"levels": seen, **figures})


def ladder(levels, current):
    """The levels, and the place of the current one among them."""
    levels = tuple(levels)
    names = [one.level for one in levels]
    if current not in names or len(set(names)) < len(names):
        raise ValueError("the current level must be one of the levels, each with a name of its own")
    return levels, names.index(current)


def first_place(levels, is_so) -> int:
    """The place of the first level of which it is so; the number of levels where it is so of none."""
    return next((place for place, one in enumerate(levels) if is_so(one)), len(levels))


def highest_open(levels) -> Level | None:
    return next((one for one in reversed(levels) if not one.is_closed), None)


def open_above(levels, place, limit) -> Level | None:
    """The next level above the place, where it is below the limit and open."""
    above = levels[place + 1 : place + 2] if place + 1 < limit else ()
    return next((one for one in above if not one.is_closed), None)


def wait(level, pending):
    """That the advice is held by participants whose window runs."""
    return (
        DoseAction.WAIT,
        (level.level,),
        _ln(
            "Wait for %(num)s participant at level %(level)s whose window is not over.",
            "Wait for %(num)s participants at level %(level)s whose windows are not over.",
            pending,
            level=shown_level(level.level),
        ),
        True,
    )


def complete_cohort(level, missing):
    """That a level is judged only when so many more were treated."""
    return (
        DoseAction.STAY,
        (level.level,),
        _ln(
            "The cohort at level %(level)s is not complete: enrol %(num)s participant more.",
            "The cohort at level %(level)s is not complete: enrol %(num)s participants more.",
            missing,
            level=shown_level(level.level),
        ),
        True,
    )


def shown_level(level) -> str:
    """A level's number, of a pair both."""
    return "({}, {})".format(*level) if isinstance(level, tuple) else str(level)


def shown_rate(rate) -> str:
    """A rate as the reader's language writes a percentage."""
    return _("%(number)s%%", number=format_decimal(100 * rate, "0.0", locale=get_locale() or "en"))

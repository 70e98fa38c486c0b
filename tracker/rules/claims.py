"""What may be said about a marker: whether it is shown to predict what a treatment does.

A marker predicts where the effect of treatment differs by its status (interaction). An effect that is significant in
one status only is not prediction, and one arm alone shows no more than association.

Source: Simon, Paik and Hayes, J Natl Cancer Inst 2009;101:1446-1452; Ballman, J Clin Oncol 2015;33:3968-3971; Gail and
Simon, Biometrics 1985;41:361-372; the minimum numbers are this center's.
"""

from typing import NamedTuple

from flask_babel import lazy_gettext as _l

from tracker.terms.biomarker import MarkerClaim, Unassessable

#: Two-sided, by likelihood ratio.
LEVEL = 0.05

#: Response: participants in each arm and status; responders, and non-responders, in all.
LEAST_IN_CELL, LEAST_RESPONDERS = 10, 10

#: Survival: events in each arm, and in each status.
LEAST_EVENTS = 10


#: The rule, as the page prints it.
RULE = [
    _l(
        "The word predictive needs an interaction of treatment and marker in a randomised comparison within one trial:"
        " likelihood ratio, two-sided p below 0.05. An effect that is significant in one arm or in one status only is"
        " not prediction."
    ),
    _l(
        "Minimum numbers: for response 10 participants in each arm and status, 10 responders and 10 non-responders in"
        " all; for survival 10 events in each arm and in each status. With fewer the verdict is “insufficient”."
    ),
    _l(
        "Qualitative: the effects point in opposite directions, and Gail and Simon's p is below 0.05. Prognostic: the"
        " marker has an effect within the comparator arm, p below 0.05. Without a comparator, with the marker unknown"
        " in one arm, or with an arm assigned by the marker, nothing can be assessed."
    ),
]

#: What is said with each verdict.
TEXTS = {
    MarkerClaim.QUANTITATIVE: _l(
        "Predictive, quantitative: the effect of treatment differs by the marker's status."
    ),
    MarkerClaim.QUALITATIVE: _l(
        "Predictive, qualitative: treatment does better than the comparator in one status and worse in the other."
    ),
    MarkerClaim.AND_PROGNOSTIC: _l(
        "Predictive and prognostic: the effect of treatment differs by the marker's status, and the marker has an"
        " effect within the comparator arm too."
    ),
    MarkerClaim.PROGNOSTIC: _l(
        "Prognostic, not shown predictive: the marker has an effect within the comparator arm, but the effect of"
        " treatment is not shown to differ by its status."
    ),
    MarkerClaim.NOT_SHOWN: _l(
        "Not shown predictive: the effect of treatment is not shown to differ by the marker's status."
    ),
    MarkerClaim.NOT_RANDOMISED: _l(
        "Interaction, not randomised: the groups differ more in one status than in the other, but they were not"
        " randomised within one trial, so this is not shown to be prediction."
    ),
    MarkerClaim.INSUFFICIENT: _l(
        "Insufficient: there are fewer participants or events than a claim can rest on."
    ),
}


class Cell(NamedTuple):
    """Participants of one arm and one status, and how many of them responded or had the event."""

    n: int
    events: int


class Cells(NamedTuple):
    treated_positive: Cell
    treated_negative: Cell
    comparator_positive: Cell
    comparator_negative: Cell


def why_unassessable(cells: Cells, *, assigned: bool) -> Unassessable | None:
    """What keeps these two arms from telling anything of the marker. assigned: recorded on one of them."""
    if assigned:
        return Unassessable.ASSIGNED
    treated, comparator = cells[:2], cells[2:]
    if not all(any(cell.n for cell in arm) for arm in (treated, comparator)):
        return Unassessable.UNKNOWN
    if any((one.n > 0) != (other.n > 0) for one, other in zip(treated, comparator)):
        return Unassessable.ONE_ARM_ALONE
    return None


def is_enough(cells: Cells, *, is_survival: bool) -> bool:
    """Whether there are so many that a claim, for or against, can rest on them."""
    events = [cell.events for cell in cells]
    if is_survival:
        arms = events[0] + events[1], events[2] + events[3]
        statuses = events[0] + events[2], events[1] + events[3]
        return min(*arms, *statuses) >= LEAST_EVENTS
    n = sum(cell.n for cell in cells)
    return (
        min(cell.n for cell in cells) >= LEAST_IN_CELL
        and min(sum(events), n - sum(events)) >= LEAST_RESPONDERS
    )


def claim(*, randomised, p_interaction, p_prognostic, is_opposite, p_qualitative) -> MarkerClaim:
    """What may be said where there are enough.

    randomised: the two arms were randomised within one trial. p_prognostic: of the marker within the comparator, NaN
    where it is not estimated. is_opposite: treatment does good in one status and harm in the other; p_qualitative:
    Gail and Simon's. A qualitative interaction is said before a prognostic effect, because it changes who should be
    treated.
    """
    is_prognostic = p_prognostic < LEVEL
    if not p_interaction < LEVEL:
        return MarkerClaim.PROGNOSTIC if is_prognostic else MarkerClaim.NOT_SHOWN
    if not randomised:
        return MarkerClaim.NOT_RANDOMISED
    if is_opposite and p_qualitative < LEVEL:
        return MarkerClaim.QUALITATIVE
    return MarkerClaim.AND_PROGNOSTIC if is_prognostic else MarkerClaim.QUANTITATIVE

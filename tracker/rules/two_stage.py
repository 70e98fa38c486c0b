"""Where an arm stands in its two-stage design (Simon 1989), and what may be said after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as _ln

from tracker.stats.two_stage import Design, unbiased_rate
from tracker.terms.escalation import StageAction


@dataclass(frozen=True)
class StageState:
    """Where an arm stands.

    stage: 1 or 2. n, responders, pending: of the participants who count for it, in both stages together; the
    pending have no response on record yet. needed: how many more responders pass the next boundary, 0 once the
    last is passed. is_crossed: a boundary was reached that asks for a decision. rate: the response rate without the
    bias of stopping early, once the design has ended.
    """

    stage: int
    n: int
    responders: int
    pending: int
    needed: int
    action: StageAction
    is_crossed: bool
    reason: LazyString
    rate: float | None = None


def stage_state(design: Design, responded: Sequence[bool | None]) -> StageState:
    """Where an arm stands after these participants.

    responded: in the order of their first dose; None while it is not known. The first n1 make stage 1, those up to
    n stage 2, later ones do not count. A stage ends as soon as its outcome is certain: when it has more responders
    than r1 (r), or when too few can still respond.

    Source: Simon, Control Clin Trials 1989;10:1-10.
    """
    counted = list(responded)[: design.n]
    first, second = counted[: design.n1], counted[design.n1 :]
    in_first, pending = first.count(True), counted.count(None)
    if in_first <= design.r1:
        needed = design.r1 + 1 - in_first
        left = design.n1 - len(first) + first.count(None)
        numbers = {"stage": 1, "n": len(first), "responders": in_first, "pending": first.count(None)}
        if needed > left:
            return StageState(
                **numbers,
                needed=needed,
                action=StageAction.STOP_FUTILITY,
                is_crossed=True,
                reason=_l(
                    "At most %(r1)s of the first %(n1)s can respond: the arm stops.",
                    r1=design.r1,
                    n1=design.n1,
                ),
                rate=unbiased_rate(in_first, design) if not left else None,
            )
        waits = len(first) == design.n1
        return StageState(
            **numbers,
            needed=needed,
            action=StageAction.WAIT if waits else StageAction.CONTINUE,
            is_crossed=False,
            reason=_ln(
                "%(num)s responder more among the first %(n1)s opens stage 2.",
                "%(num)s responders more among the first %(n1)s open stage 2.",
                needed,
                n1=design.n1,
            ),
        )
    responders = counted.count(True)
    needed = max(design.r + 1 - responders, 0)
    left = design.n - len(counted) + pending
    numbers = {"n": len(counted), "responders": responders, "pending": pending, "needed": needed}
    rate = unbiased_rate(responders, design) if not left else None
    if not needed:
        return StageState(
            stage=2,
            **numbers,
            action=StageAction.PROMISING,
            is_crossed=True,
            reason=_l("More than %(r)s responded: the treatment is promising.", r=design.r),
            rate=rate,
        )
    if needed > left:
        return StageState(
            stage=2,
            **numbers,
            action=StageAction.NOT_PROMISING,
            is_crossed=True,
            reason=_l("At most %(r)s of %(n)s can respond: not promising.", r=design.r, n=design.n),
            rate=rate,
        )
    opens = len(first) < design.n1 or not second
    return StageState(
        stage=1 if len(first) < design.n1 else 2,
        **numbers,
        action=StageAction.WAIT if len(counted) == design.n else StageAction.CONTINUE,
        is_crossed=opens,
        reason=_ln(
            "Stage 2 is open: %(num)s responder more among %(n)s makes the treatment promising.",
            "Stage 2 is open: %(num)s responders more among %(n)s make the treatment promising.",
            needed,
            n=design.n,
        ),
    )

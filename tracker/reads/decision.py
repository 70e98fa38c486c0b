"""Decisions about arms: which of them a reader may see the figures of, and which arms wait for one."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Arm, ArmDecision, Participant, Trial
from tracker.reads.escalation import ArmStanding
from tracker.scope import reader
from tracker.terms.trial import EnrolmentStatus, TrialStatus

#: What a list of decisions shows beside each.
BESIDE_DECISION = (orm.joinedload(ArmDecision.arm).joinedload(Arm.trial), orm.joinedload(ArmDecision.author))


def decisions_of(*conditions) -> list[ArmDecision]:
    """Decisions that meet these conditions, the latest first."""
    statement = sa.select(ArmDecision).where(*conditions).options(*BESIDE_DECISION)
    latest = (ArmDecision.decided_on.desc(), ArmDecision.id.desc())
    return list(db.session.scalars(statement.order_by(*latest)))


def whose_figures_are_seen(decisions: list) -> set[int]:
    """The numbers of those decisions, or comments, whose figures the reader may see.

    They may be the director's: of trials that others may not see, and of arms that are masked for them. Who took the
    figures saw them.
    """
    if reader().sees_masked_arms:
        return {one.id for one in decisions}
    own = {one.id for one in decisions if one.is_of(reader().user)}
    named = {one.id: {value for name, value in one.parameters or [] if name == "trial"} for one in decisions}
    codes = set().union(*named.values())
    seen = db.session.scalars(sa.select(Trial).where(Trial.code.in_(codes))).all() if codes else []
    open_codes = {trial.code for trial in seen if not trial.hides_arms}
    return own | {number for number, codes in named.items() if codes <= open_codes}


@dataclass(frozen=True)
class Awaited:
    """An arm that a decision is due on, and why."""

    arm: Arm
    reasons: list[str]


def arms_awaiting_decision(standings: list[ArmStanding]) -> list[Awaited]:
    """The arms that crossed a boundary or filled their last place, with no decision since; by trial and code.

    standings: where arms stand now.
    """
    crossed = {one.arm_id: one.crossed for one in standings if one.crossed}
    arms = db.session.scalars(
        sa.select(Arm)
        .join(Arm.trial)
        .where(
            Trial.status.not_in([status for status in TrialStatus if status.has_ended]),
            sa.or_(
                Arm.id.in_(list(crossed)),
                sa.and_(Arm.planned_n.is_not(None), Arm.status == EnrolmentStatus.OPEN),
            ),
            Arm.status != EnrolmentStatus.CLOSED,
        )
        .options(orm.joinedload(Arm.trial))
        .order_by(Trial.code, Arm.code)
    ).all()
    if not arms:
        return []
    ids = [arm.id for arm in arms]
    enrolled = defaultdict(list)
    came = sa.select(Participant.arm_id, Participant.enrolled_on).where(Participant.arm_id.in_(ids))
    for arm_id, day in db.session.execute(came):
        enrolled[arm_id].append(day or datetime.date.min)
    last = {one.arm_id: one for one in reversed(decisions_of(ArmDecision.arm_id.in_(ids)))}
    found = [Awaited(arm, _reasons(arm, crossed, sorted(enrolled[arm.id]), last.get(arm.id))) for arm in arms]
    return [one for one in found if one.reasons]


def _reasons(arm, crossed, enrolled, last) -> list[str]:
    known = set(last.figures.get("crossed", [])) if last is not None and last.figures else set()
    reasons = [str(why) for name, why in crossed.get(arm.id, {}).items() if name not in known]
    is_full = arm.planned_n is not None and len(enrolled) >= arm.planned_n
    if is_full and arm.status is EnrolmentStatus.OPEN:
        filled_on = enrolled[arm.planned_n - 1]
        if last is None or last.decided_on < filled_on:
            reasons.append(
                _("%(n)d of %(planned)d planned are enrolled", n=len(enrolled), planned=arm.planned_n)
            )
    return reasons

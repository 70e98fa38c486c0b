"""Doses and adverse events: what a participant is due, and what awaits a report."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Agent,
    Arm,
    Attribution,
    LevelDose,
    Participant,
    RegimenComponent,
)
from tracker.reads.masking import seen_on_pages
from tracker.terms.regimen import DoseUnit

_USUAL_CYCLE_DAYS = 21


@dataclass(frozen=True)
class Planned:
    """The dose that is planned for one participant of one component of the regimen."""

    component: RegimenComponent
    dose: float | None
    unit: DoseUnit | None


def planned_doses(participant: Participant) -> list[Planned]:
    """The components that a participant receives: at the doses of their dose level, else of the regimen.

    Whose arm is not known, as in a blinded trial, may receive the components of any arm.
    """
    if participant.arm is not None:
        regimens = {participant.arm.regimen_id}
    else:
        arms = sa.select(Arm.regimen_id).where(Arm.trial_id == participant.trial_id)
        regimens = set(db.session.scalars(arms))
    components = db.session.scalars(
        sa.select(RegimenComponent)
        .where(RegimenComponent.regimen_id.in_(regimens - {None}))
        .options(joinedload(RegimenComponent.agent))
        .order_by(RegimenComponent.regimen_id, RegimenComponent.position)
    ).all()
    at_level = {}
    if participant.dose_level_id is not None:
        doses = sa.select(LevelDose).where(LevelDose.dose_level_id == participant.dose_level_id)
        at_level = {one.component_id: one.dose for one in db.session.scalars(doses)}
    return [Planned(one, at_level.get(one.id, one.dose), one.unit) for one in components]


def last_doses(participant: Participant) -> list[Administration]:
    """The administrations of the participant's latest cycle, in the order of the regimen."""
    latest = (
        sa.select(sa.func.max(Administration.cycle))
        .where(Administration.participant_id == participant.id)
        .scalar_subquery()
    )
    found = db.session.scalars(
        sa.select(Administration)
        .where(Administration.participant_id == participant.id, Administration.cycle == latest)
        .options(joinedload(Administration.component))
    )
    return sorted(found, key=lambda one: (one.component.position, one.given_on, one.id))


def doses_of(participant: Participant) -> list[Administration]:
    """The participant's administrations with their agents, the earliest first; none where they are masked."""
    return list(
        db.session.scalars(
            sa.select(Administration)
            .where(Administration.participant_id == participant.id, *seen_on_pages(Administration))
            .options(joinedload(Administration.component))
            .order_by(Administration.given_on, Administration.id)
        )
    )


_EVENTS = (
    sa.select(AdverseEvent)
    .where(AdverseEvent.participant_id == sa.bindparam("participant_id"))
    .options(joinedload(AdverseEvent.attributions).joinedload(Attribution.agent))
    .order_by(AdverseEvent.started_on, AdverseEvent.id)
)


def events_of(participant: Participant) -> list[AdverseEvent]:
    """The participant's adverse events with their attributions, the earliest first."""
    return list(db.session.scalars(_EVENTS, {"participant_id": participant.id}).unique())


def days_of_a_cycle(participant: Participant) -> int:
    """Days between the participant's last two cycles; three weeks where there are not two."""
    starts = db.session.scalars(
        sa.select(sa.func.min(Administration.given_on))
        .where(Administration.participant_id == participant.id)
        .group_by(Administration.cycle)
        .order_by(Administration.cycle.desc())
        .limit(2)
    ).all()
    return max((starts[0] - starts[1]).days, 1) if len(starts) == 2 else _USUAL_CYCLE_DAYS


def agents_of(participant: Participant) -> list[Agent]:
    """The agents, placebos left out, that an event of the participant may be attributed to."""
    agents = {planned.component.agent: None for planned in planned_doses(participant)}
    return [agent for agent in agents if not agent.is_placebo]


def unreported_serious_events() -> list[AdverseEvent]:
    """Serious events in scope whose report to the sponsor is not recorded, the longest known first."""
    return list(
        db.session.scalars(
            sa.select(AdverseEvent)
            .join(AdverseEvent.participant)
            .where(
                AdverseEvent.serious.is_(True),
                AdverseEvent.reported_to_sponsor_on.is_(None),
                Participant.undated.is_(False),
            )
            .options(joinedload(AdverseEvent.participant).joinedload(Participant.trial))
            .order_by(sa.func.coalesce(AdverseEvent.aware_on, AdverseEvent.started_on), AdverseEvent.id)
        )
    )

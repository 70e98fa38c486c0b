"""What participants were given, and what happened to them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Code, Importable, Part, Record
from tracker.terms.codes import ctcae_socs, ctcae_terms
from tracker.terms.regimen import DoseUnit
from tracker.terms.treatment import (
    ActionTaken,
    Causality,
    EventOutcome,
    Immunosuppression,
    Modification,
    SeriousnessCriterion,
)

if TYPE_CHECKING:
    from tracker.models.participant import Participant
    from tracker.models.regimen import Agent, RegimenComponent


class Administration(Record):
    """One dose of one component of a regimen, given to one participant; 0 where it was omitted."""

    titles = _l("Administration"), _l("Administrations")
    trial_path = "participant.trial"
    dated_by = ("given_on",)
    searched = ("modification_reason",)

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    component_id: Mapped[int] = mapped_column(sa.ForeignKey("regimen_component.id"), index=True)
    cycle: Mapped[int]
    given_on: Mapped[datetime.date]
    dose: Mapped[float]
    unit: Mapped[DoseUnit]
    modification: Mapped[Modification | None]
    modification_reason: Mapped[str | None] = mapped_column(sa.String(300))

    participant: Mapped[Participant] = relationship(back_populates="administrations")
    component: Mapped[RegimenComponent] = relationship()

    __table_args__ = (
        sa.UniqueConstraint("participant_id", "component_id", "cycle", "given_on"),
        sa.CheckConstraint("cycle >= 1", name="cycle_from_1"),
        sa.CheckConstraint("dose >= 0", name="dose_not_negative"),
    )

    def __str__(self):
        return _("Cycle %(cycle)d", cycle=self.cycle)


class AdverseEvent(Importable, Record):
    """Something unfavourable that happened to a participant after consent, whatever its cause.

    `term` is in the source's words; `ctcae_term` the term of CTCAE 5 that it matches.
    """

    titles = _l("Adverse event"), _l("Adverse events")
    trial_path = "participant.trial"
    dated_by = ("started_on",)
    days_of = {
        **{name: name for name in ("ended_on", "aware_on", "reported_to_sponsor_on")},
        "outcome": "ended_on",
    }
    searched = ("term", "ctcae_term", "soc")

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    term: Mapped[str] = mapped_column(sa.String(200))
    ctcae_term: Mapped[str | None] = mapped_column(Code(ctcae_terms, 100))
    soc: Mapped[str | None] = mapped_column(Code(ctcae_socs, 100))
    grade: Mapped[int]
    started_on: Mapped[datetime.date]
    ended_on: Mapped[datetime.date | None]
    serious: Mapped[bool] = mapped_column(default=False)
    serious_criterion: Mapped[SeriousnessCriterion | None]
    expected: Mapped[bool | None]
    immune_related: Mapped[bool | None]
    dlt: Mapped[bool] = mapped_column(default=False)
    immunosuppression: Mapped[Immunosuppression | None]
    action_taken: Mapped[ActionTaken | None]
    outcome: Mapped[EventOutcome | None]
    aware_on: Mapped[datetime.date | None]
    reported_to_sponsor_on: Mapped[datetime.date | None]
    narrative: Mapped[str | None] = mapped_column(sa.Text)

    participant: Mapped[Participant] = relationship(back_populates="adverse_events")
    attributions: Mapped[list[Attribution]] = relationship(
        back_populates="adverse_event",
        cascade="all, delete-orphan",
        order_by="Attribution.position",
        collection_class=ordering_list("position"),
    )

    __table_args__ = (
        sa.CheckConstraint("grade BETWEEN 1 AND 5", name="grade_1_to_5"),
        sa.CheckConstraint("ended_on >= started_on", name="ended_after_started"),
    )

    def __str__(self):
        return _(
            "%(term)s, grade %(grade)d",
            term=ctcae_terms.label(self.term, str(get_locale())),
            grade=self.grade,
        )

    @property
    def is_related(self) -> bool:
        """Whether it was attributed to any agent."""
        return any(attribution.causality.is_related for attribution in self.attributions)

    @property
    def awaits_report(self) -> bool:
        """Whether it is serious and the sponsor has not been told."""
        return self.serious and self.reported_to_sponsor_on is None


class Attribution(Part):
    """Whether one agent caused the event."""

    titles = _l("Attribution"), _l("Attributions")
    owner = "adverse_event"
    rows = "attributions"

    adverse_event_id: Mapped[int] = mapped_column(sa.ForeignKey("adverse_event.id"), index=True)
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    causality: Mapped[Causality]

    adverse_event: Mapped[AdverseEvent] = relationship(back_populates="attributions")
    agent: Mapped[Agent] = relationship()

    __table_args__ = (sa.UniqueConstraint("adverse_event_id", "agent_id"),)

    def __str__(self):
        return _("%(name)s: %(what)s", name=self.agent, what=self.causality.label)

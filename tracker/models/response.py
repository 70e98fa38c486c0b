"""Tumor lesions, and what each assessment found of them. Responses are derived, never stored."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Importable, Part, Record
from tracker.terms.response import LesionRole, LesionState, Modality, Organ, OverallResponse

if TYPE_CHECKING:
    from tracker.models.participant import Participant


class Lesion(Record):
    """One lesion of a participant, under the label by which every assessment names it."""

    titles = _l("Lesion"), _l("Lesions")
    trial_path = "participant.trial"
    dated_by = ("created_at",)
    searched = ("label", "place")

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    label: Mapped[str] = mapped_column(sa.String(40))
    role: Mapped[LesionRole]
    place: Mapped[str] = mapped_column(sa.String(200))
    organ: Mapped[Organ | None]
    nodal: Mapped[bool] = mapped_column(default=False)

    participant: Mapped[Participant] = relationship(back_populates="lesions")

    __table_args__ = (sa.UniqueConstraint("participant_id", "label"),)

    def __str__(self):
        return self.label


class TumorAssessment(Importable, Record):
    """What one scan or examination found: a measurement of each lesion.

    `investigator_response` is entered only where the investigator's call differs from what is derived.
    """

    titles = _l("Tumor assessment"), _l("Tumor assessments")
    trial_path = "participant.trial"
    dated_by = ("assessed_on",)
    searched = ("investigator_reason",)

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    assessed_on: Mapped[datetime.date]
    modality: Mapped[Modality]
    investigator_response: Mapped[OverallResponse | None]
    investigator_reason: Mapped[str | None] = mapped_column(sa.String(300))

    participant: Mapped[Participant] = relationship(back_populates="tumor_assessments")
    measurements: Mapped[list[LesionMeasurement]] = relationship(
        back_populates="assessment",
        cascade="all, delete-orphan",
        order_by="LesionMeasurement.position",
        collection_class=ordering_list("position"),
    )

    __table_args__ = (
        sa.UniqueConstraint("participant_id", "assessed_on"),
        sa.CheckConstraint(
            "investigator_response IS NULL OR investigator_reason IS NOT NULL",
            name="differing_call_has_reason",
        ),
    )

    def __str__(self):
        return _("%(modality)s of %(date)s", modality=self.modality.label, date=self.assessed_on.isoformat())

    @property
    def by_lesion(self) -> dict[int, LesionMeasurement]:
        """What was found, by the lesion's id."""
        return {one.lesion_id: one for one in self.measurements}


class LesionMeasurement(Part):
    """One lesion at one assessment: a diameter (the short axis of a node), or its state."""

    titles = _l("Lesion measurement"), _l("Lesion measurements")
    owner = "assessment"
    rows = "measurements"

    assessment_id: Mapped[int] = mapped_column(sa.ForeignKey("tumor_assessment.id"), index=True)
    lesion_id: Mapped[int] = mapped_column(sa.ForeignKey("lesion.id"), index=True)
    diameter_mm: Mapped[float | None]
    state: Mapped[LesionState | None]

    assessment: Mapped[TumorAssessment] = relationship(back_populates="measurements")
    lesion: Mapped[Lesion] = relationship()

    __table_args__ = (
        sa.UniqueConstraint("assessment_id", "lesion_id"),
        sa.CheckConstraint("diameter_mm >= 0", name="diameter_not_negative"),
        sa.CheckConstraint("(diameter_mm IS NULL) <> (state IS NULL)", name="diameter_or_state"),
    )

    def __str__(self):
        found = f"{self.diameter_mm:g} mm" if self.state is None else str(self.state.label)
        return _("%(name)s: %(what)s", name=self.lesion.label, what=found)

"""Specimens: what was taken from a participant, where and when."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Importable, Record
from tracker.terms.biomarker import Timepoint
from tracker.terms.response import Organ
from tracker.terms.specimen import AnatomicPlace, SpecimenQuality, SpecimenStatus, SpecimenType

if TYPE_CHECKING:
    from tracker.models.biomarker import Measurement
    from tracker.models.participant import Participant


class Specimen(Importable, Record):
    """What was taken from a participant, where and when.

    Only of a participant without dates may the day be missing.
    """

    titles = _l("Specimen"), _l("Specimens")
    trial_path = "participant.trial"
    dated_by = ("collected_on",)
    searched = ("barcode",)

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    barcode: Mapped[str] = mapped_column(sa.String(40), unique=True)
    type: Mapped[SpecimenType]
    anatomic_place: Mapped[AnatomicPlace | None]
    location: Mapped[Organ | None]
    collected_on: Mapped[datetime.date | None]
    timepoint: Mapped[Timepoint]
    tumor_content_percent: Mapped[float | None]
    quality: Mapped[SpecimenQuality | None]
    status: Mapped[SpecimenStatus] = mapped_column(default=SpecimenStatus.AVAILABLE)

    participant: Mapped[Participant] = relationship(back_populates="specimens")
    measurements: Mapped[list[Measurement]] = relationship(back_populates="specimen")

    __table_args__ = (
        sa.CheckConstraint("tumor_content_percent BETWEEN 0 AND 100", name="tumor_content_0_to_100"),
    )

    def __str__(self):
        return self.barcode

    @property
    def is_not_for_research(self) -> bool:
        """Whether the participant does not consent, or no longer, to research on samples."""
        return not self.participant.gives_samples

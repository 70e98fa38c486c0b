"""Candidate biomarkers, the assays that measure them, and what was measured."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa
from babel.numbers import format_decimal
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Authored, Importable, Record
from tracker.terms.biomarker import BiomarkerKind, QcStatus, Qualifier, Scale, Timepoint

if TYPE_CHECKING:
    from tracker.models.participant import Participant
    from tracker.models.specimen import Specimen


class Biomarker(Authored, Record):
    """Something measurable in a participant that may tell who responds."""

    titles = _l("Biomarker"), _l("Biomarkers")
    searched = ("name", "hgnc_symbol", "rationale")

    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    hgnc_symbol: Mapped[str | None] = mapped_column(sa.String(40))
    kind: Mapped[BiomarkerKind]
    rationale: Mapped[str | None] = mapped_column(sa.Text)

    assays: Mapped[list[Assay]] = relationship(back_populates="biomarker", order_by="Assay.name")

    def __str__(self):
        return self.name


class Assay(Record):
    """One way to measure a biomarker. Values of two assays are pooled only within one `pool_group`."""

    titles = _l("Assay"), _l("Assays")
    searched = ("name", "platform", "clone", "scoring_method")

    biomarker_id: Mapped[int] = mapped_column(sa.ForeignKey("biomarker.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    platform: Mapped[str | None] = mapped_column(sa.String(200))
    clone: Mapped[str | None] = mapped_column(sa.String(100))
    scoring_method: Mapped[str | None] = mapped_column(sa.String(200))
    scale: Mapped[Scale]
    unit: Mapped[str | None] = mapped_column(sa.String(40))
    lower_limit: Mapped[float | None]
    upper_limit: Mapped[float | None]
    positive_cutoff: Mapped[float | None]
    pool_group: Mapped[str | None] = mapped_column(sa.String(100))

    biomarker: Mapped[Biomarker] = relationship(back_populates="assays")
    measurements: Mapped[list[Measurement]] = relationship(back_populates="assay")

    __table_args__ = (sa.CheckConstraint("upper_limit > lower_limit", name="limits_in_order"),)

    def __str__(self):
        return self.name


class Measurement(Importable, Record):
    """One value of one assay in one participant: a number, or a category of an ordinal assay."""

    titles = _l("Measurement"), _l("Measurements")
    trial_path = "participant.trial"
    dated_by = ("measured_on",)
    searched = ("batch",)

    assay_id: Mapped[int] = mapped_column(sa.ForeignKey("assay.id"), index=True)
    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    specimen_id: Mapped[int | None] = mapped_column(sa.ForeignKey("specimen.id"), index=True)
    value: Mapped[float | None]
    category: Mapped[str | None] = mapped_column(sa.String(100))
    qualifier: Mapped[Qualifier] = mapped_column(default=Qualifier.EQUAL)
    measured_on: Mapped[datetime.date | None]
    timepoint: Mapped[Timepoint | None]
    qc_status: Mapped[QcStatus] = mapped_column(default=QcStatus.PASSED)
    batch: Mapped[str | None] = mapped_column(sa.String(100))

    assay: Mapped[Assay] = relationship(back_populates="measurements")
    participant: Mapped[Participant] = relationship(back_populates="measurements")
    specimen: Mapped[Specimen | None] = relationship(back_populates="measurements")

    __table_args__ = (sa.CheckConstraint("(value IS NULL) <> (category IS NULL)", name="value_or_category"),)

    def __str__(self):
        written = self.category if self.value is None else _written(self.value)
        return written if self.qualifier == Qualifier.EQUAL else f"{self.qualifier.value}{written}"


def _written(number: float) -> str:
    """A number as the reader's language writes it, with all its digits."""
    exact = Decimal(f"{number:.15g}")
    return format_decimal(exact, "0.#", locale=get_locale() or "en", decimal_quantization=False)

"""Participants, and the outcomes that a source reports of them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Code, Importable, Record
from tracker.terms.codes import tissues
from tracker.terms.participant import (
    BestResponse,
    OffStudyReason,
    OffTreatmentReason,
    PriorLines,
    Sex,
    Stage,
    Subtype,
)

if TYPE_CHECKING:
    from tracker.models.biomarker import Measurement
    from tracker.models.response import Lesion, TumorAssessment
    from tracker.models.specimen import Specimen
    from tracker.models.treatment import Administration, AdverseEvent
    from tracker.models.trial import Arm, Cohort, DoseLevel, Trial


#: Study day 1 of participants who came without dates.
UNDATED_DAY_1 = datetime.date(2000, 1, 1)


#: The days of a participant that may come after enrolment, each of which a data cut looks at by itself.
FOLLOW_UP = (
    *("first_dose_on", "last_dose_on", "new_therapy_on", "off_treatment_on", "off_study_on"),
    *("last_known_alive_on", "died_on", "research_consent_withdrawn_on"),
)


def study_day(date: datetime.date, day_1: datetime.date = UNDATED_DAY_1) -> int:
    """The day counted from day 1, of an undated participant where none is given: there is no day 0."""
    days = (date - day_1).days
    return days + 1 if days >= 0 else days


def on_study_day(day: int) -> datetime.date:
    """The date that stands for a study day of an undated participant."""
    return UNDATED_DAY_1 + datetime.timedelta(days=day - 1 if day > 0 else day)


class Participant(Importable, Record):
    """A person in a trial, known by a code only.

    A participant who is `undated` came without calendar dates: their dates count from 2000-01-01 as study
    day 1, and are shown only as study days.
    """

    titles = _l("Participant"), _l("Participants")
    trial_path = "trial"
    dated_by = ("enrolled_on", "first_dose_on")
    days_of = {
        **{name: name for name in FOLLOW_UP},
        "off_treatment_reason": "off_treatment_on",
        "off_study_reason": "off_study_on",
    }
    searched = ("code", "diagnosis")

    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(40))
    arm_id: Mapped[int | None] = mapped_column(sa.ForeignKey("arm.id"), index=True)
    cohort_id: Mapped[int | None] = mapped_column(sa.ForeignKey("cohort.id"), index=True)
    dose_level_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dose_level.id"), index=True)
    undated: Mapped[bool] = mapped_column(default=False)

    sex: Mapped[Sex | None]
    birth_year: Mapped[int | None]
    age_at_enrolment: Mapped[float | None]
    ecog: Mapped[int | None]
    tumor_location: Mapped[str] = mapped_column(Code(tissues))
    diagnosis: Mapped[str | None] = mapped_column(sa.String(200))
    subtype: Mapped[Subtype | None]
    stage: Mapped[Stage | None]
    prior_lines: Mapped[PriorLines | None]
    prior_immunotherapy: Mapped[bool | None]

    consented_on: Mapped[datetime.date | None]
    enrolled_on: Mapped[datetime.date | None]
    first_dose_on: Mapped[datetime.date | None]
    last_dose_on: Mapped[datetime.date | None]
    new_therapy_on: Mapped[datetime.date | None]
    off_treatment_on: Mapped[datetime.date | None]
    off_treatment_reason: Mapped[OffTreatmentReason | None]
    off_study_on: Mapped[datetime.date | None]
    off_study_reason: Mapped[OffStudyReason | None]
    last_known_alive_on: Mapped[datetime.date | None]
    died_on: Mapped[datetime.date | None]
    #: Why the participant cannot count for the DLT rate; the rest of the DLT status is derived.
    dlt_not_evaluable_reason: Mapped[str | None] = mapped_column(sa.String(300))

    consents_to_data_research: Mapped[bool | None]
    consents_to_sample_research: Mapped[bool | None]
    research_consent_withdrawn_on: Mapped[datetime.date | None]

    trial: Mapped[Trial] = relationship(back_populates="participants")
    arm: Mapped[Arm | None] = relationship(back_populates="participants")
    cohort: Mapped[Cohort | None] = relationship(back_populates="participants")
    dose_level: Mapped[DoseLevel | None] = relationship(back_populates="participants")
    # passive_deletes: a second outcome is refused, and does not take the first one's participant away.
    reported_outcome: Mapped[ReportedOutcome | None] = relationship(
        back_populates="participant", passive_deletes="all"
    )
    specimens: Mapped[list[Specimen]] = relationship(
        back_populates="participant", order_by="Specimen.collected_on.nulls_last(), Specimen.id"
    )
    measurements: Mapped[list[Measurement]] = relationship(
        back_populates="participant", order_by="Measurement.measured_on, Measurement.id"
    )
    administrations: Mapped[list[Administration]] = relationship(
        back_populates="participant", order_by="Administration.given_on, Administration.id"
    )
    adverse_events: Mapped[list[AdverseEvent]] = relationship(
        back_populates="participant", order_by="AdverseEvent.started_on, AdverseEvent.id"
    )
    lesions: Mapped[list[Lesion]] = relationship(back_populates="participant", order_by="Lesion.id")
    tumor_assessments: Mapped[list[TumorAssessment]] = relationship(
        back_populates="participant", order_by="TumorAssessment.assessed_on, TumorAssessment.id"
    )

    __table_args__ = (
        sa.UniqueConstraint("trial_id", "code"),
        sa.CheckConstraint("ecog BETWEEN 0 AND 5", name="ecog_0_to_5"),
        sa.CheckConstraint("birth_year BETWEEN 1900 AND 2100", name="birth_year_plausible"),
        sa.CheckConstraint("age_at_enrolment BETWEEN 0 AND 120", name="age_plausible"),
        sa.CheckConstraint("tumor_location <> 'BREAST' OR subtype IS NOT NULL", name="subtype_for_breast"),
    )

    def __str__(self):
        return self.code

    @property
    def day_1(self) -> datetime.date | None:
        """Study day 1: the first dose, or enrolment where there was none."""
        return UNDATED_DAY_1 if self.undated else self.first_dose_on or self.enrolled_on

    @property
    def gives_samples(self) -> bool:
        """Whether the participant's samples may be used for research, as far as is known."""
        return self.research_consent_withdrawn_on is None and self.consents_to_sample_research is not False


class ReportedOutcome(Importable, Record):
    """What a source says became of a participant, where the assessments themselves are not at hand."""

    titles = _l("Reported outcome"), _l("Reported outcomes")
    trial_path = "participant.trial"
    dated_by = ()
    searched = ("source",)

    participant_id: Mapped[int] = mapped_column(sa.ForeignKey("participant.id"), unique=True)
    best_overall_response: Mapped[BestResponse | None]
    clinical_benefit: Mapped[bool | None]
    pathological_complete_response: Mapped[bool | None]
    pfs_months: Mapped[float | None]
    pfs_event: Mapped[bool | None]
    os_months: Mapped[float | None]
    os_event: Mapped[bool | None]
    source: Mapped[str] = mapped_column(sa.String(300))

    participant: Mapped[Participant] = relationship(back_populates="reported_outcome")

    __table_args__ = (
        sa.CheckConstraint("pfs_months >= 0", name="pfs_not_negative"),
        sa.CheckConstraint("os_months >= 0", name="os_not_negative"),
        sa.CheckConstraint("(pfs_months IS NULL) = (pfs_event IS NULL)", name="pfs_whole"),
        sa.CheckConstraint("(os_months IS NULL) = (os_event IS NULL)", name="os_whole"),
    )

    def __str__(self):
        return _("Outcome of %(participant)s", participant=self.participant.code)

"""Trials, their arms and their cohorts."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Code, Record
from tracker.terms.codes import tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.trial import (
    ArmType,
    Design,
    EnrolmentStatus,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)

if TYPE_CHECKING:
    from tracker.models.account import TrialMember
    from tracker.models.participant import Participant
    from tracker.models.regimen import Regimen


class Trial(Record):
    """A clinical trial, or a cohort study that is recorded like one."""

    titles = _l("Trial"), _l("Trials")
    trial_path = ""
    searched = ("code", "title", "nct_number", "eu_ct_number", "principal_investigator", "sponsor")

    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    title: Mapped[str] = mapped_column(sa.String(300))
    phase: Mapped[Phase]
    status: Mapped[TrialStatus]
    design: Mapped[Design]
    is_randomised: Mapped[bool] = mapped_column(default=False)
    is_blinded: Mapped[bool] = mapped_column(default=False)
    results_released: Mapped[bool] = mapped_column(default=False)
    setting: Mapped[Setting | None]
    response_criteria: Mapped[ResponseCriteria]
    primary_endpoint: Mapped[str | None] = mapped_column(sa.String(300))
    nct_number: Mapped[str | None] = mapped_column(sa.String(11))
    eu_ct_number: Mapped[str | None] = mapped_column(sa.String(20))
    sponsor: Mapped[str | None] = mapped_column(sa.String(200))
    partner: Mapped[str | None] = mapped_column(sa.String(200))
    principal_investigator: Mapped[str | None] = mapped_column(sa.String(200))
    accrual_target: Mapped[int | None]
    opened_on: Mapped[datetime.date | None]
    closed_on: Mapped[datetime.date | None]
    synopsis: Mapped[str | None] = mapped_column(sa.Text)

    # The protocol's settings, which derivations and reports follow.
    assessment_interval_days: Mapped[int] = mapped_column(default=56)
    assessment_window_days: Mapped[int] = mapped_column(default=7)
    minimum_sd_days: Mapped[int] = mapped_column(default=42)
    confirmation_required: Mapped[bool] = mapped_column(default=True)
    minimum_age: Mapped[int] = mapped_column(default=18)
    treatment_emergent_window_days: Mapped[int] = mapped_column(default=30)
    dlt_window_days: Mapped[int] = mapped_column(default=28)
    minimum_dose_percent: Mapped[int] = mapped_column(default=75)

    arms: Mapped[list[Arm]] = relationship(back_populates="trial", order_by="Arm.code")
    cohorts: Mapped[list[Cohort]] = relationship(back_populates="trial", order_by="Cohort.name")
    members: Mapped[list[TrialMember]] = relationship(back_populates="trial")
    participants: Mapped[list[Participant]] = relationship(back_populates="trial")

    __table_args__ = (
        sa.CheckConstraint("accrual_target > 0", name="accrual_target_positive"),
        sa.CheckConstraint("closed_on >= opened_on", name="closed_after_opened"),
        sa.CheckConstraint("assessment_interval_days > 0", name="assessment_interval_positive"),
        sa.CheckConstraint("assessment_window_days >= 0", name="assessment_window_not_negative"),
        sa.CheckConstraint("minimum_dose_percent BETWEEN 0 AND 100", name="minimum_dose_is_percent"),
    )

    def __str__(self):
        return self.code

    @property
    def hides_arms(self) -> bool:
        """Whether arms are masked in results: a running randomised trial before the director's release."""
        return self.is_randomised and not self.results_released and not self.status.has_ended


class Arm(Record):
    """What one group of a trial's participants receives."""

    titles = _l("Arm"), _l("Arms")
    trial_path = "trial"
    searched = ("code", "title")

    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    code: Mapped[str] = mapped_column(sa.String(40))
    title: Mapped[str] = mapped_column(sa.String(300))
    type: Mapped[ArmType]
    regimen_id: Mapped[int | None] = mapped_column(sa.ForeignKey("regimen.id"), index=True)
    status: Mapped[EnrolmentStatus]
    planned_n: Mapped[int | None]

    trial: Mapped[Trial] = relationship(back_populates="arms")
    regimen: Mapped[Regimen | None] = relationship(back_populates="arms")
    participants: Mapped[list[Participant]] = relationship(back_populates="arm")

    __table_args__ = (
        sa.UniqueConstraint("trial_id", "code"),
        sa.CheckConstraint("planned_n > 0", name="planned_n_positive"),
        sa.CheckConstraint("type = 'no treatment' OR regimen_id IS NOT NULL", name="has_regimen"),
    )

    def __str__(self):
        return self.code


class Cohort(Record):
    """Participants of a trial who share a tumor location and rules of entry."""

    titles = _l("Cohort"), _l("Cohorts")
    trial_path = "trial"
    searched = ("name", "tumor_location", "biomarker_selection")

    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    tumor_location: Mapped[str] = mapped_column(Code(tissues))
    subtype: Mapped[Subtype | None]
    prior_lines_allowed: Mapped[PriorLines | None]
    biomarker_selection: Mapped[str | None] = mapped_column(sa.String(300))
    status: Mapped[EnrolmentStatus]
    planned_n: Mapped[int | None]

    trial: Mapped[Trial] = relationship(back_populates="cohorts")
    participants: Mapped[list[Participant]] = relationship(back_populates="cohort")

    __table_args__ = (
        sa.UniqueConstraint("trial_id", "name"),
        sa.CheckConstraint("planned_n > 0", name="planned_n_positive"),
    )

    def __str__(self):
        return self.name

"""Trials, their arms and their cohorts."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Authored, Code, FromReport, Part, Record
from tracker.terms.codes import tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.trial import (
    ArmAction,
    ArmType,
    Design,
    DoseAction,
    DoseLevelStatus,
    EnrolmentStatus,
    EscalationRule,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)

if TYPE_CHECKING:
    from tracker.models.account import TrialMember, User
    from tracker.models.biomarker import Assay
    from tracker.models.evidence import Finding
    from tracker.models.participant import Participant
    from tracker.models.regimen import Regimen, RegimenComponent


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
    assigning_assay_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assay.id"), index=True)

    # How its dose is escalated.
    escalation_rule: Mapped[EscalationRule | None]
    target_dlt_rate: Mapped[float | None]
    cohort_size: Mapped[int | None]
    maximum_n: Mapped[int | None]

    # Two stages: stopped after n1 with r1 responders or fewer, in vain after n with r or fewer (Simon 1989).
    r1: Mapped[int | None]
    n1: Mapped[int | None]
    r: Mapped[int | None]
    n: Mapped[int | None]

    # Stopped for toxicity where P(DLT rate > limit) > certainty, from a Beta(a, b) prior and least n on.
    toxicity_limit: Mapped[float | None]
    toxicity_certainty: Mapped[float | None]
    toxicity_prior_a: Mapped[float | None]
    toxicity_prior_b: Mapped[float | None]
    toxicity_least_n: Mapped[int | None]

    trial: Mapped[Trial] = relationship(back_populates="arms")
    regimen: Mapped[Regimen | None] = relationship(back_populates="arms")
    assigning_assay: Mapped[Assay | None] = relationship()
    participants: Mapped[list[Participant]] = relationship(back_populates="arm")
    dose_levels: Mapped[list[DoseLevel]] = relationship(
        back_populates="arm", order_by="DoseLevel.level, DoseLevel.second_level"
    )
    dose_decisions: Mapped[list[DoseDecision]] = relationship(
        back_populates="arm", order_by="DoseDecision.decided_on, DoseDecision.id"
    )
    decisions: Mapped[list[ArmDecision]] = relationship(
        back_populates="arm", order_by="ArmDecision.decided_on, ArmDecision.id"
    )

    __table_args__ = (
        sa.UniqueConstraint("trial_id", "code"),
        sa.CheckConstraint("planned_n > 0", name="planned_n_positive"),
        sa.CheckConstraint("type = 'no treatment' OR regimen_id IS NOT NULL", name="has_regimen"),
        sa.CheckConstraint("target_dlt_rate > 0 AND target_dlt_rate < 1", name="target_is_rate"),
        sa.CheckConstraint("cohort_size > 0", name="cohort_size_positive"),
        sa.CheckConstraint("maximum_n > 0", name="maximum_n_positive"),
        sa.CheckConstraint("r1 >= 0 AND r1 < n1 AND r1 <= r AND r < n AND n1 < n", name="stages_in_order"),
        sa.CheckConstraint(
            "(r1 IS NULL) = (n1 IS NULL) AND (n1 IS NULL) = (r IS NULL) AND (r IS NULL) = (n IS NULL)",
            name="stages_whole",
        ),
        sa.CheckConstraint("toxicity_limit > 0 AND toxicity_limit < 1", name="toxicity_limit_is_rate"),
        sa.CheckConstraint("toxicity_certainty > 0 AND toxicity_certainty < 1", name="certainty_is_fraction"),
        sa.CheckConstraint("toxicity_prior_a > 0 AND toxicity_prior_b > 0", name="prior_positive"),
        sa.CheckConstraint("toxicity_least_n > 0", name="toxicity_least_n_positive"),
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


class DoseLevel(Record):
    """One rung of an arm's escalation: a dose of each component.

    `second_level` is the rung of the second agent where two are escalated, and 1 where only one is.
    """

    titles = _l("Dose level"), _l("Dose levels")
    trial_path = "arm.trial"

    arm_id: Mapped[int] = mapped_column(sa.ForeignKey("arm.id"), index=True)
    level: Mapped[int]
    second_level: Mapped[int] = mapped_column(default=1)
    status: Mapped[DoseLevelStatus]

    arm: Mapped[Arm] = relationship(back_populates="dose_levels")
    doses: Mapped[list[LevelDose]] = relationship(
        back_populates="dose_level",
        cascade="all, delete-orphan",
        order_by="LevelDose.position",
        collection_class=ordering_list("position"),
    )
    participants: Mapped[list[Participant]] = relationship(back_populates="dose_level")

    __table_args__ = (
        sa.UniqueConstraint("arm_id", "level", "second_level"),
        sa.CheckConstraint("level >= 1 AND second_level >= 1", name="levels_from_1"),
    )

    def __str__(self):
        if self.arm.escalation_rule is EscalationRule.BOIN_COMB:
            return _("level %(level)d, %(second)d", level=self.level, second=self.second_level)
        return _("level %(level)d", level=self.level)


class LevelDose(Part):
    """The dose of one component at a level, in the component's unit."""

    owner = "dose_level"
    rows = "doses"

    dose_level_id: Mapped[int] = mapped_column(sa.ForeignKey("dose_level.id"), index=True)
    component_id: Mapped[int] = mapped_column(sa.ForeignKey("regimen_component.id"), index=True)
    dose: Mapped[float]

    dose_level: Mapped[DoseLevel] = relationship(back_populates="doses")
    component: Mapped[RegimenComponent] = relationship()

    __table_args__ = (
        sa.UniqueConstraint("dose_level_id", "component_id"),
        sa.CheckConstraint("dose >= 0", name="dose_not_negative"),
    )

    def __str__(self):
        unit = f" {self.component.unit.label}" if self.component.unit else ""
        return f"{self.component.agent} {self.dose:.15g}{unit}"


class DoseDecision(Record):
    """What was decided about an arm's dose, beside what its rule advised from the figures of that day.

    `advice` keeps the rule, its version, the figures and the advice as they were shown.
    """

    titles = _l("Dose decision"), _l("Dose decisions")
    trial_path = "arm.trial"
    dated_by = ("decided_on",)
    searched = ("override_reason",)

    arm_id: Mapped[int] = mapped_column(sa.ForeignKey("arm.id"), index=True)
    from_level_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dose_level.id"), index=True)
    to_level_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dose_level.id"), index=True)
    advice: Mapped[dict | None] = mapped_column(sa.JSON)
    decided: Mapped[DoseAction]
    decided_on: Mapped[datetime.date]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)
    #: Why something else was decided than advised.
    override_reason: Mapped[str | None] = mapped_column(sa.String(1000))

    arm: Mapped[Arm] = relationship(back_populates="dose_decisions")
    from_level: Mapped[DoseLevel | None] = relationship(foreign_keys=[from_level_id])
    to_level: Mapped[DoseLevel | None] = relationship(foreign_keys=[to_level_id])
    decided_by: Mapped[User | None] = relationship()

    def __str__(self):
        return _("%(action)s, %(date)s", action=self.decided.label, date=self.decided_on.isoformat())

    @property
    def advised_action(self) -> DoseAction | None:
        """What the rule advised then."""
        return DoseAction(self.advice["action"]) if self.advice else None

    @property
    def advised_levels(self) -> str:
        """Where it led, as it is printed."""
        levels = self.advice["next_levels"] if self.advice else []
        return " = ".join("({}, {})".format(*one) if isinstance(one, list) else str(one) for one in levels)


class ArmDecision(Authored, FromReport, Record):
    """What the director decided about an arm, and the figures that it rested on; the arm has its status since then.

    `figures` keeps what the report showed: `summary`, its tables, and the boundaries that were crossed by then.
    """

    titles = _l("Arm decision"), _l("Arm decisions")
    trial_path = "arm.trial"
    dated_by = ("decided_on",)
    searched = ("reason",)

    arm_id: Mapped[int] = mapped_column(sa.ForeignKey("arm.id"), index=True)
    decision: Mapped[ArmAction]
    decided_on: Mapped[datetime.date]
    reason: Mapped[str] = mapped_column(sa.Text)

    arm: Mapped[Arm] = relationship(back_populates="decisions")
    linked_findings: Mapped[list[DecisionFinding]] = relationship(
        back_populates="arm_decision",
        cascade="all, delete-orphan",
        order_by="DecisionFinding.position",
        collection_class=ordering_list("position"),
    )

    def __str__(self):
        return _("%(action)s, %(date)s", action=self.decision.label, date=self.decided_on.isoformat())


class DecisionFinding(Part):
    """A finding that a decision about an arm refers to."""

    owner = "arm_decision"
    rows = "linked_findings"

    arm_decision_id: Mapped[int] = mapped_column(sa.ForeignKey("arm_decision.id"), index=True)
    finding_id: Mapped[int] = mapped_column(sa.ForeignKey("finding.id"), index=True)

    arm_decision: Mapped[ArmDecision] = relationship(back_populates="linked_findings")
    finding: Mapped[Finding] = relationship()

    __table_args__ = (sa.UniqueConstraint("arm_decision_id", "finding_id"),)

    def __str__(self):
        return str(self.finding)

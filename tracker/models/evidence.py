"""Hypotheses about biomarkers, findings with their evidence, and how findings were judged."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from tracker import clock
from tracker.models.base import Authored, Code, FromReport, Part, Record
from tracker.terms.codes import tissues
from tracker.terms.evidence import (
    BestCategory,
    Claim,
    CutoffOrigin,
    EffectMeasure,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingSource,
    FindingStatus,
    HigherMeans,
    RemarkStatus,
    StudyCategory,
)

if TYPE_CHECKING:
    from tracker.models.account import User
    from tracker.models.biomarker import Assay, Biomarker
    from tracker.models.regimen import Regimen
    from tracker.models.trial import Arm, Trial


class _AboutBiomarker:
    """What hypotheses and findings share: the marker, how it is measured, and in whom.

    Without a trial it is about participants of any; without a tumor location about all.
    """

    trial_path = "trial"
    #: They are concluded from the data, as a rule once those are locked.
    stays_open = True

    biomarker_id: Mapped[int] = mapped_column(sa.ForeignKey("biomarker.id"), index=True)
    assay_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assay.id"), index=True)
    cutoff: Mapped[float | None]
    endpoint: Mapped[EvidenceEndpoint]
    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    tumor_location: Mapped[str | None] = mapped_column(Code(tissues))
    regimen_id: Mapped[int | None] = mapped_column(sa.ForeignKey("regimen.id"), index=True)

    @declared_attr
    def biomarker(cls) -> Mapped[Biomarker]:
        return relationship()

    @declared_attr
    def assay(cls) -> Mapped[Assay | None]:
        return relationship()

    @declared_attr
    def trial(cls) -> Mapped[Trial | None]:
        return relationship()

    @declared_attr
    def regimen(cls) -> Mapped[Regimen | None]:
        return relationship(foreign_keys=[cls.regimen_id])

    def _where(self):
        return (
            tissues.label(self.tumor_location, str(get_locale()))
            if self.tumor_location
            else _("all locations")
        )


class Hypothesis(_AboutBiomarker, Authored, Record):
    """What somebody expects of a biomarker, registered before it is looked for. Later edits are amendments."""

    titles = _l("Hypothesis"), _l("Hypotheses")
    searched = ("population", "rationale")

    best_category: Mapped[BestCategory]
    #: In words; the trial and the tumor location tell the machine.
    population: Mapped[str] = mapped_column(sa.String(300))
    higher_means: Mapped[HigherMeans]
    comparator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("regimen.id"), index=True)
    rationale: Mapped[str | None] = mapped_column(sa.Text)
    registered_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    comparator: Mapped[Regimen | None] = relationship(foreign_keys=[comparator_id])

    def __str__(self):
        return _(
            "%(biomarker)s, %(endpoint)s, %(where)s: %(means)s",
            biomarker=self.biomarker,
            endpoint=self.endpoint.label,
            where=self._where(),
            means=self.higher_means.label,
        )


class Finding(_AboutBiomarker, Authored, FromReport, Record):
    """A conclusion about a biomarker, with its evidence. It is moderated: a draft is submitted, and then judged.

    One that was made from a report keeps in `figures` what the report said of each field of the same name.
    """

    titles = _l("Finding"), _l("Findings")
    unsigned = ("status",)
    searched = ("summary", "doi", "pmid")

    hypothesis_id: Mapped[int | None] = mapped_column(sa.ForeignKey("hypothesis.id"), index=True)
    claim: Mapped[Claim]
    summary: Mapped[str | None] = mapped_column(sa.Text)
    arm_id: Mapped[int | None] = mapped_column(sa.ForeignKey("arm.id"), index=True)
    effect_measure: Mapped[EffectMeasure]
    estimate: Mapped[float]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    p_value: Mapped[float | None]
    n: Mapped[int]
    events: Mapped[int | None]
    cutoff_origin: Mapped[CutoffOrigin | None]
    markers_tried: Mapped[int]
    cutoffs_tried: Mapped[int | None]
    has_comparator: Mapped[bool] = mapped_column(default=False)
    interaction_p: Mapped[float | None]
    higher_means: Mapped[HigherMeans]
    direction: Mapped[EvidenceDirection]
    study_category: Mapped[StudyCategory | None]
    validates_id: Mapped[int | None] = mapped_column(sa.ForeignKey("finding.id"), index=True)
    source: Mapped[FindingSource]
    doi: Mapped[str | None] = mapped_column(sa.String(200))
    pmid: Mapped[str | None] = mapped_column(sa.String(8))
    data_cutoff: Mapped[datetime.date | None]
    status: Mapped[FindingStatus] = mapped_column(default=FindingStatus.DRAFT)

    hypothesis: Mapped[Hypothesis | None] = relationship()
    arm: Mapped[Arm | None] = relationship()
    validates: Mapped[Finding | None] = relationship(remote_side="Finding.id", back_populates="validated_by")
    validated_by: Mapped[list[Finding]] = relationship(back_populates="validates", order_by="Finding.id")
    reviews: Mapped[list[FindingReview]] = relationship(
        back_populates="finding", order_by="FindingReview.id.desc()"
    )
    remark_answers: Mapped[list[RemarkAnswer]] = relationship(
        back_populates="finding",
        cascade="all, delete-orphan",
        order_by="RemarkAnswer.position",
        collection_class=ordering_list("position"),
    )

    __table_args__ = (
        sa.CheckConstraint("ci_low <= ci_high", name="ci_in_order"),
        sa.CheckConstraint("p_value BETWEEN 0 AND 1", name="p_is_probability"),
        sa.CheckConstraint("interaction_p BETWEEN 0 AND 1", name="interaction_p_is_probability"),
        sa.CheckConstraint("n >= 1", name="n_positive"),
        sa.CheckConstraint("events >= 0", name="events_not_negative"),
        sa.CheckConstraint("markers_tried >= 1", name="markers_tried_positive"),
        sa.CheckConstraint("cutoffs_tried >= 1", name="cutoffs_tried_positive"),
        sa.CheckConstraint(
            "source <> 'publication' OR doi IS NOT NULL OR pmid IS NOT NULL", name="publication_named"
        ),
    )

    def __str__(self):
        return _(
            "%(biomarker)s, %(claim)s, %(where)s (finding %(number)s)",
            biomarker=self.biomarker,
            claim=str(self.claim.label).lower(),
            where=self._where(),
            number=self.id or "–",
        )


class RemarkAnswer(Part):
    """How a finding answers one item of REMARK that stored data cannot answer."""

    owner = "finding"
    rows = "remark_answers"

    finding_id: Mapped[int] = mapped_column(sa.ForeignKey("finding.id"), index=True)
    item: Mapped[int]
    status: Mapped[RemarkStatus]
    text: Mapped[str | None] = mapped_column(sa.String(1000))

    finding: Mapped[Finding] = relationship(back_populates="remark_answers")

    __table_args__ = (
        sa.UniqueConstraint("finding_id", "item"),
        sa.CheckConstraint("item BETWEEN 1 AND 20", name="item_of_remark"),
    )

    def __str__(self):
        return f"{self.item}: {self.status.label}"


class FindingReview(Record):
    """What was decided on a submitted finding, and why. It is never rewritten."""

    titles = _l("Review"), _l("Reviews")
    trial_path = "finding.trial"
    stays_open = True
    searched = ("reason",)

    finding_id: Mapped[int] = mapped_column(sa.ForeignKey("finding.id"), index=True)
    decision: Mapped[FindingStatus]
    reason: Mapped[str] = mapped_column(sa.Text)
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)

    finding: Mapped[Finding] = relationship(back_populates="reviews")
    decided_by: Mapped[User | None] = relationship()

    __table_args__ = (
        sa.CheckConstraint("decision IN ('accepted', 'returned', 'rejected')", name="decision_decides"),
    )

    def __str__(self):
        return _("Review %(number)d: %(decision)s", number=self.id, decision=self.decision.label)

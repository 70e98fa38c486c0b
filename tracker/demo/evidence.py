"""Hypotheses and findings of the demonstration centre: its own, made from reports on its data, and published ones.

The figures of the published ones are those of Schmid 2018 (IMpassion130, doi 10.1056/NEJMoa1809615; the hazard ratio of
the PD-L1-positive as the FDA reviewed it), Cristescu 2022 (doi 10.1136/jitc-2021-003091; the interval of the difference
follows from the two rates) and McGrail 2021 (doi 10.1016/j.annonc.2021.02.006).
"""

import datetime
from typing import NamedTuple

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import (
    Assay,
    Biomarker,
    Comment,
    Finding,
    FindingReview,
    Hypothesis,
    Measurement,
    Mention,
    Participant,
    RemarkAnswer,
    Trial,
    User,
)
from tracker.reads.evidence import records_named
from tracker.reports.base import run_report
from tracker.reports.findings import FIGURES, figures_of, rounded
from tracker.reports.kept import keep
from tracker.terms.biomarker import Timepoint
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

_SUPPORTS, _AGAINST = EvidenceDirection.SUPPORTS, EvidenceDirection.AGAINST
_BETTER = HigherMeans.BETTER
_ACCEPTED, _RETURNED = FindingStatus.ACCEPTED, FindingStatus.RETURNED


class _Made(NamedTuple):
    """A finding that is made from a report, what became of it, and what the director said of it."""

    report: str
    asked: dict
    summary: str
    status: FindingStatus
    reason: str | None = None
    category: StudyCategory = StudyCategory.D
    claim: Claim | None = None
    markers_tried: int = 1


#: Of which the hypothesis that was registered before the trial is one.
_PREDICTED = {"marker": "PD-L1 22C3 CPS", "trial": "CCI-LUNG-03", "endpoint": "pfs"}

_MADE = [
    _Made("predictive", _PREDICTED,
          "Pembrolizumab delays progression where PD-L1 is at or above CPS 10, and does not below.",
          _ACCEPTED, "Foretold, randomised, one cutoff: accepted.", StudyCategory.A),
    _Made("predictive", _PREDICTED | {"marker": "PD-L1 SP142 IC"},
          "Stained immune cells by SP142 do not tell who gains from pembrolizumab.",
          _ACCEPTED, "The other assay tells otherwise on the same tumors: both stand, side by side.", StudyCategory.B),
    _Made("predictive", {"marker": "TMB panel", "trial": "CCI-LUNG-03", "endpoint": "os"},
          "The effect of pembrolizumab on survival does not follow mutational burden.",
          _ACCEPTED, "Enough events for a clear answer.", StudyCategory.B, markers_tried=3),
    _Made("outcomes", {"marker": "PD-L1 22C3 CPS", "by": "marker", "tumor_location": "BREAST"},
          "Breast cancers at or above CPS 10 respond more often, whatever the regimen.",
          _ACCEPTED, "An association, and no more is claimed.", markers_tried=4),
    _Made("outcomes", {"marker": "Stromal TILs", "by": "marker", "tumor_location": "BREAST"},
          "More responses with 10 % of stromal lymphocytes or more, but chance is not excluded.",
          _ACCEPTED, "Rightly called inconclusive.", markers_tried=4),
    _Made("survival", {"marker": "NLR", "by": "marker", "tumor_location": "LUNG", "endpoint": "os"},
          "A high ratio goes with early death under either treatment.",
          _ACCEPTED, "Prognostic, as the comparator arm shows.", StudyCategory.C, Claim.PROGNOSTIC, 2),
    _Made("survival", {"marker": "NLR", "by": "marker", "tumor_location": "KIDNEY", "endpoint": "os"},
          "A high ratio goes with early death in renal cancer too.", FindingStatus.SUBMITTED,
          category=StudyCategory.C, claim=Claim.PROGNOSTIC, markers_tried=2),
    _Made("predictive", {"marker": "LDH", "trial": "CCI-MEL-02", "endpoint": "pfs"},
          "Both antibodies together rather than ipilimumab alone, above all where LDH is raised.",
          FindingStatus.SUBMITTED, category=StudyCategory.B, markers_tried=5),
    _Made("outcomes", {"marker": "T-cell-inflamed GEP", "by": "marker", "tumor_location": "BREAST"},
          "Inflamed breast cancers respond nine times as often.", _RETURNED,
          "How many signatures were tried before this one? Tell it, and say how missing values were handled.",
          markers_tried=1),
    _Made("outcomes", {"marker": "LDH", "by": "marker", "tumor_location": "SKIN"},
          "Melanomas with raised LDH respond more often.", FindingStatus.REJECTED,
          "Against all that is known, from one of five markers tried: chance is the better explanation.",
          markers_tried=5),
    _Made("survival", {"marker": "NLR", "by": "marker", "tumor_location": "BREAST", "endpoint": "os"},
          "To be compared with the other locations before it is submitted.", FindingStatus.DRAFT),
]  # fmt: skip

_PUBLISHED = [
    {
        "biomarker": "PD-L1 expression", "assay": "PD-L1 SP142 IC", "cutoff": 1.0, "tumor_location": "BREAST",
        "cutoff_origin": CutoffOrigin.PRESPECIFIED, "cutoffs_tried": 1, "endpoint": EvidenceEndpoint.PFS,
        "effect_measure": EffectMeasure.HAZARD_RATIO, "estimate": 0.60, "ci_low": 0.48, "ci_high": 0.77,
        "n": 369, "events": 287, "has_comparator": True, "direction": _SUPPORTS, "higher_means": _BETTER,
        "doi": "10.1056/NEJMoa1809615", "study_category": StudyCategory.A,
        "summary": "IMpassion130: atezolizumab over placebo, each with nab-paclitaxel, where PD-L1 is positive."
        " No interaction is told, so that this is no claim of prediction.",
    },
    {
        "biomarker": "Tumor mutational burden", "endpoint": EvidenceEndpoint.RESPONSE,
        "effect_measure": EffectMeasure.RATE_DIFFERENCE, "estimate": 0.219, "ci_low": 0.173, "ci_high": 0.265,
        "n": 1772, "events": 263, "direction": _SUPPORTS, "higher_means": _BETTER, "pmid": "35101941",
        "doi": "10.1136/jitc-2021-003091", "study_category": StudyCategory.D,
        "summary": "Twelve trials of pembrolizumab: 31.4 % of 433 with 175 mutations an exome or more respond, and"
        " 9.5 % of 1339 with fewer.",
    },
    {
        "biomarker": "Tumor mutational burden", "endpoint": EvidenceEndpoint.RESPONSE,
        "effect_measure": EffectMeasure.ODDS_RATIO, "estimate": 0.46, "ci_low": 0.24, "ci_high": 0.88,
        "p_value": 0.02, "n": 1551, "direction": _AGAINST, "higher_means": HigherMeans.WORSE,
        "doi": "10.1016/j.annonc.2021.02.006", "study_category": StudyCategory.D,
        "summary": "In breast, prostate and brain tumors, where neoantigens do not go with CD8 T cells, a high burden"
        " goes with fewer responses; in melanoma, lung and bladder with more (odds ratio 4.1).",
    },
]  # fmt: skip


def store_evidence(users: dict[str, User], now: datetime.date) -> None:
    """What is asked and found about the markers, once all that it rests on is stored. The caller commits."""
    author, director = users["okoye"], users["lindqvist"]
    findings = [_made(one, now) for one in _MADE]  # before anything is written, so that frames are read once
    published = [_published(one) for one in _PUBLISHED]
    _register(author, findings[0], now)
    for number, (finding, one) in enumerate(zip(findings, _MADE)):
        finding.created_at = _instant(now - datetime.timedelta(days=70 - 5 * number))
        _judge(finding, one.status, one.reason, author, director)
    for finding in published:
        finding.created_at = _instant(now - datetime.timedelta(days=80))
        _judge(finding, _ACCEPTED, "The figures are those of the publication.", author, director)
    db.session.flush()
    _say(findings, director, author)


def mend_a_value() -> None:
    """Change a value that a submitted finding rests on: it is stale from then on. The caller commits, with a reason."""
    chosen = (
        sa.select(Measurement)
        .join(Measurement.assay)
        .join(Measurement.participant)
        .where(
            Assay.name == "NLR",
            Participant.tumor_location == "KIDNEY",
            Measurement.timepoint == Timepoint.BASELINE,
            Measurement.value > 5,
            sa.not_(Participant.undated),
        )
        .order_by(Measurement.id)
        .limit(1)
    )
    value = db.session.scalars(chosen).one()
    value.value = round(value.value / 10, 2)


def _made(one: _Made, now) -> Finding:
    result = run_report(one.report, [*one.asked.items(), ("as_of", now.isoformat())])
    figures = figures_of(result)
    named = records_named(figures)
    finding = Finding(
        **{name: named[name] for name in ("biomarker", "assay", "trial", "arm", "regimen")},
        **{name: rounded(figures[name]) for name in FIGURES},
        cutoff=figures["cutoff"],
        cutoff_origin=CutoffOrigin.PRESPECIFIED,
        cutoffs_tried=1,
        tumor_location=figures["tumor_location"],
        claim=one.claim or Claim(figures["claim"]),
        direction=EvidenceDirection(figures["direction"]),
        endpoint=EvidenceEndpoint(figures["endpoint"]),
        effect_measure=EffectMeasure(figures["effect_measure"]),
        higher_means=HigherMeans(figures["higher_means"]),
        has_comparator=figures["has_comparator"],
        markers_tried=one.markers_tried,
        study_category=one.category,
        source=FindingSource.OWN,
        data_cutoff=now,
        summary=one.summary,
    )
    keep(finding, result, figures)
    return finding


def _published(values) -> Finding:
    biomarker = db.session.scalars(sa.select(Biomarker).where(Biomarker.name == values["biomarker"])).one()
    assay = db.session.scalar(sa.select(Assay).where(Assay.name == values.get("assay")))
    given = values | {"biomarker": biomarker, "assay": assay}
    return Finding(**given, claim=Claim.ASSOCIATED, markers_tried=1, source=FindingSource.PUBLICATION)


def _register(author, predicted: Finding, now) -> None:
    """Three hypotheses: one from before its trial, one of what is measured already, one of what nobody measured."""
    opened = predicted.trial.opened_on
    predicted.hypothesis = Hypothesis(
        author=author,
        best_category=BestCategory.PREDICTIVE,
        population="Lung cancer after platinum, randomised to pembrolizumab or docetaxel",
        registered_at=_instant(opened - datetime.timedelta(days=21)),
        rationale="More PD-L1 to block, more to gain from blocking it.",
        **{
            name: getattr(predicted, name)
            for name in (
                "biomarker",
                "assay",
                "cutoff",
                "endpoint",
                "trial",
                "tumor_location",
                "regimen",
                "higher_means",
            )
        },
    )
    codes = {trial.code: trial for trial in db.session.scalars(sa.select(Trial))}
    markers = {one.name: one for one in db.session.scalars(sa.select(Biomarker))}
    db.session.add_all(
        [
            Hypothesis(
                author=author,
                biomarker=markers["Tumor-infiltrating lymphocytes"],
                best_category=BestCategory.PREDICTIVE,
                endpoint=EvidenceEndpoint.PCR,
                population="Early triple-negative breast cancer before surgery",
                trial=codes["CCI-NEO-06"],
                tumor_location="BREAST",
                higher_means=_BETTER,
                registered_at=_instant(now - datetime.timedelta(days=40)),
                rationale="An immune response that is there already is what chemotherapy and pembrolizumab build on.",
            ),
            Hypothesis(
                author=author,
                biomarker=markers["Circulating tumor DNA"],
                best_category=BestCategory.MONITORING,
                endpoint=EvidenceEndpoint.PFS,
                population="Untreated head and neck cancer, six weeks into treatment",
                trial=codes["CCI-HN-10"],
                tumor_location="HEAD_NECK",
                higher_means=HigherMeans.WORSE,
                registered_at=_instant(now - datetime.timedelta(days=12)),
            ),
        ]
    )


def _judge(finding, status, reason, author, director) -> None:
    finding.author, finding.status = author, status
    if status in (_ACCEPTED, _RETURNED, FindingStatus.REJECTED):
        decided = finding.created_at + datetime.timedelta(days=9)
        finding.reviews.append(
            FindingReview(decision=status, reason=reason, decided_by=director, created_at=decided)
        )
    if finding.source is FindingSource.OWN and status is _ACCEPTED:
        finding.remark_answers.append(
            RemarkAnswer(item=2, status=RemarkStatus.REPORTED, text="As the trial's page tells.")
        )
        finding.remark_answers.append(
            RemarkAnswer(item=10, status=RemarkStatus.REPORTED, text="As the report's notes tell.")
        )
    db.session.add(finding)


def _say(findings, director, author) -> None:
    """The director asks about the finding that was returned."""
    asked = next(one for one in findings if one.status is _RETURNED)
    comment = Comment(
        author=director,
        record_type=Finding.__tablename__,
        record_id=asked.id,
        text="@okoye Which of the published signatures had you tried before? One line is enough.",
    )
    comment.mentions.append(Mention(user=author))
    db.session.add(comment)


def _instant(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(9), datetime.UTC)

"""How findings and hypotheses are judged by what is stored: level, REMARK, before data, confirmatory."""

import datetime
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from tracker.rules.checks import check
from tracker.terms.biomarker import MarkerClaim
from tracker.terms.evidence import (
    REMARK,
    Claim,
    DataStanding,
    EvidenceDirection,
    LevelOfEvidence,
    Nature,
    Portability,
    RemarkItem,
    RemarkStatus,
    StudyCategory,
)

#: Attributes in which a confirmatory finding is the same as its hypothesis.
MATCHED = ("biomarker", "assay", "cutoff", "endpoint", "trial", "tumor_location", "regimen", "higher_means")

#: What a change of the hypothesis must touch to register it anew: what is matched, and its population in words.
DEFINING = frozenset(
    {name for one in MATCHED for name in (one, f"{one}_id")} | {"population", "comparator_id"}
)

#: Two-sided; below it an interaction is one.
ALPHA = 0.05


# The level of evidence


def level_of_evidence(category, consistent: int, inconsistent: int = 0) -> LevelOfEvidence | None:
    """How far a study of a tumor marker carries, from I (most) to IV-V.

    category: the study's, A to D; without one there is no level. consistent, inconsistent: how many other studies
    that validate it agree and disagree; validation that is not consistent counts as none.

    Source: Simon, Paik and Hayes, J Natl Cancer Inst 2009;101:1446-52, table 2.
    """
    validated = 0 if inconsistent else consistent
    if category is None:
        return None
    if category == StudyCategory.A:
        return LevelOfEvidence.I
    if category == StudyCategory.B:
        return LevelOfEvidence.I if validated >= 1 else LevelOfEvidence.II
    if category == StudyCategory.C:
        return LevelOfEvidence.II if validated >= 2 else LevelOfEvidence.III
    return LevelOfEvidence.IV_V


def validations_of(finding, others: Iterable) -> tuple[int, int]:
    """How many of the findings that validate one agree with it, and how many disagree.

    They agree when both support, or speak against, the claim, and a higher marker means the same; an inconclusive one
    does neither. Each has direction and higher_means.
    """
    agreeing = disagreeing = 0
    for other in others:
        if EvidenceDirection.INCONCLUSIVE in (other.direction, finding.direction):
            continue
        if (other.direction, other.higher_means) == (finding.direction, finding.higher_means):
            agreeing += 1
        else:
            disagreeing += 1
    return agreeing, disagreeing


def are_contradictory(findings: Iterable) -> bool:
    """Whether some of these findings support and others speak against, or a higher marker means other things."""
    findings = [one for one in findings if one.direction != EvidenceDirection.INCONCLUSIVE]
    supported = {one.higher_means for one in findings if one.direction == EvidenceDirection.SUPPORTS}
    return len(supported) > 1 or len({one.direction for one in findings}) > 1


def portability_of(findings: Sequence) -> Portability:
    """What the accepted findings about a marker in one tumor location say together.

    Conflicting where some support and others speak against, whatever they claim, or where a higher marker means other
    things; else whichever of them there is; inconclusive ones count only where there are no others.
    """
    if not findings:
        return Portability.NEVER_TESTED
    if are_contradictory(findings):
        return Portability.CONFLICTING
    directions = {one.direction for one in findings}
    for direction in (EvidenceDirection.SUPPORTS, EvidenceDirection.AGAINST):
        if direction in directions:
            return Portability(direction.value)
    return Portability.INCONCLUSIVE


def contradictory_pairs(findings: Sequence) -> list[tuple]:
    """Findings of the same claim, endpoint, marker and location of which one contradicts the other."""
    return [
        (one, other)
        for one, other in itertools.combinations(findings, 2)
        if all(getattr(one, name) == getattr(other, name) for name in _SAME)
        and are_contradictory((one, other))
    ]


#: In which findings agree that can contradict each other.
_SAME = ("biomarker_id", "tumor_location", "claim", "endpoint")


# Before data, confirmatory


@dataclass(frozen=True)
class StoredData:
    """Data of some participants, of one kind.

    first_stored_at: when the first was stored, None where only the day tells; first_on: the earliest day that they
    are of; some_undated: whether any has no day; some_imported: whether any came in a file.
    """

    first_stored_at: datetime.datetime | None
    first_on: datetime.date | None
    some_undated: bool = False
    some_imported: bool = False


def data_standing(registered_at: datetime.datetime, data: Iterable[StoredData]) -> DataStanding:
    """Whether a hypothesis was registered before there were data of its population.

    It was only if nothing was stored earlier and everything is of a later day; what has no day, or came in a file at
    any time, reads "data existed". The day of the registration itself is not later.

    Source: ICH E9, 5.1 (prespecification of the analysis); REMARK item 1.
    """
    day = registered_at.date()
    for one in data:
        stored_earlier = one.first_stored_at is not None and one.first_stored_at <= registered_at
        if stored_earlier or one.some_undated or one.some_imported:
            return DataStanding.DATA_EXISTED
        if one.first_on is None or one.first_on <= day:
            return DataStanding.DATA_EXISTED
    return DataStanding.BEFORE_DATA


def is_amendment(changes: dict) -> bool:
    """Whether a change of a hypothesis, as the trail has it, touched what defines it."""
    return bool(DEFINING & changes.keys())


@dataclass(frozen=True)
class Judged:
    """Whether a finding is confirmatory. differs: the attributes in which it is not as its hypothesis says."""

    nature: Nature
    differs: tuple[str, ...] = ()


def nature_of(finding, hypothesis, standing: DataStanding | None) -> Judged:
    """Confirmatory is a finding that matches a hypothesis from before data in all of `MATCHED`; else exploratory.

    Source: the exploratory and confirmatory trials of ICH E9, 2.1.2-2.1.3.
    """
    if hypothesis is None:
        return Judged(Nature.EXPLORATORY)
    differs = tuple(name for name in MATCHED if getattr(finding, name) != getattr(hypothesis, name))
    confirms = standing is DataStanding.BEFORE_DATA and not differs
    return Judged(Nature.CONFIRMATORY if confirms else Nature.EXPLORATORY, differs)


# REMARK


@dataclass(frozen=True)
class RemarkRow:
    """How an item of REMARK is answered.

    is_computed: by what is stored, not by what was typed. missing: the field that would answer it, where stored data
    could; of the finding, or of its assay as in "assay.platform".
    """

    item: RemarkItem
    status: RemarkStatus
    text: str | None
    is_computed: bool
    missing: str | None

    @property
    def is_gap(self):
        return self.status in (RemarkStatus.NOT_REPORTED, RemarkStatus.PARTLY)


#: What stored data answer: the fields that an item needs, all of them. The other items are typed.
REMARK_FIELDS = {
    1: ("hypothesis",),
    3: ("regimen",),
    5: ("assay", "assay.platform", "assay.scoring_method"),
    6: ("trial", "data_cutoff"),
    7: ("endpoint",),
    8: ("markers_tried",),
    11: ("cutoff_origin",),
    12: ("n", "events"),
    15: ("estimate", "ci_low", "ci_high"),
    18: ("validates",),
}


def remark_rows(finding) -> list[RemarkRow]:
    """The 20 items in their order. What was typed of an item (finding.remark_answers) goes before what is stored.

    An item whose fields are all stored is reported, one with some of them partly. A finding that others validate
    answers item 18 as well.

    Source: REMARK, McShane et al., J Natl Cancer Inst 2005;97:1180-4.
    """
    typed = {answer.item: answer for answer in finding.remark_answers}
    rows = []
    for item in REMARK:
        answer = typed.get(item.number)
        needed = REMARK_FIELDS.get(item.number, ())
        lacking = [name for name in needed if _stored(finding, name) is None]
        if item.number == 18 and finding.validated_by:
            lacking = []
        missing = lacking[0] if lacking else None
        if answer is not None:
            rows.append(RemarkRow(item, answer.status, answer.text, False, missing))
        elif not needed:
            rows.append(RemarkRow(item, RemarkStatus.NOT_REPORTED, None, False, "remark_answers"))
        else:
            some = RemarkStatus.PARTLY if len(lacking) < len(needed) else RemarkStatus.NOT_REPORTED
            rows.append(RemarkRow(item, some if lacking else RemarkStatus.REPORTED, None, True, missing))
    return rows


def _stored(finding, name):
    value = finding
    for step in name.split("."):
        value = None if value is None else getattr(value, step)
    return value


# What a finding may claim


def refused_claim(finding):
    """Why a finding may not be submitted with its claim: a field and what is wrong with it; None where it may.

    Only a significant interaction of treatment and marker, from data with a comparator, supports "predictive": a
    single arm, or significance in one arm alone, is association.

    Source: Polley et al., J Natl Cancer Inst 2013;105:1677-83; Simon et al. 2009.
    """
    if finding.claim != Claim.PREDICTIVE:
        return None
    if not finding.has_comparator:
        why = _l(
            "Without a comparator nothing is predictive: claim “associated with response”, or say what was compared."
        )
        return "has_comparator", why
    if finding.interaction_p is None:
        why = _l("The claim “predictive” needs the p-value of the interaction of treatment and marker.")
        return "interaction_p", why
    if finding.direction == EvidenceDirection.SUPPORTS and finding.interaction_p >= ALPHA:
        why = _l("The interaction is not significant (p at or above 0.05): it does not support “predictive”.")
        return "interaction_p", why
    return None


#: What is right where the claim guard does not bear out the claim "predictive": a field, and what to say there.
_RIGHT = {
    MarkerClaim.PROGNOSTIC: (
        "claim",
        _l("Right would be the claim “prognostic”, or evidence against this one."),
    ),
    MarkerClaim.NOT_SHOWN: ("direction", _l("Right would be evidence against the claim.")),
    MarkerClaim.NOT_RANDOMISED: ("claim", _l("Right would be the claim “associated with response”.")),
    MarkerClaim.INSUFFICIENT: ("direction", _l("Right would be inconclusive evidence.")),
    MarkerClaim.NOT_ASSESSABLE: ("claim", _l("Right would be the claim “associated with response”.")),
}


def refused_by_guard(direction: EvidenceDirection, verdict: MarkerClaim):
    """As `refused_claim`, of a finding that claims prediction, by what the claim guard says of its data."""
    if verdict.is_predictive:
        if direction == EvidenceDirection.AGAINST:
            return "direction", _l("Right would be evidence in support of the claim.")
        return None
    if verdict is MarkerClaim.NOT_ASSESSABLE or direction == EvidenceDirection.SUPPORTS:
        return _RIGHT[verdict]
    if direction == EvidenceDirection.AGAINST and verdict in (
        MarkerClaim.NOT_RANDOMISED,
        MarkerClaim.INSUFFICIENT,
    ):
        return _RIGHT[verdict]
    return None


# What must hold within a finding


@check("finding", "doi", _l("A publication is named by its DOI or PMID."))
def publication_without_name(source, doi, pmid):
    return (source == "publication") & doi.isna() & pmid.isna()


@check("finding", "ci_high", _l("The upper limit is below the lower one."))
def limits_not_in_order(ci_low, ci_high):
    return ci_high < ci_low


@check("finding", "estimate", _l("The estimate lies outside its confidence interval."))
def estimate_outside_interval(estimate, ci_low, ci_high):
    return (estimate < ci_low) | (estimate > ci_high)


@check("finding", "estimate", _l("A ratio is above zero."))
def ratio_not_positive(effect_measure, estimate):
    return effect_measure.isin(["hazard ratio", "odds ratio", "risk ratio"]) & (estimate <= 0)


@check("finding", "estimate", _l("An area under the curve lies between 0 and 1."))
def area_outside_bounds(effect_measure, estimate):
    return (effect_measure == "auc") & ((estimate < 0) | (estimate > 1))


@check("finding", "estimate", _l("A correlation, or a difference of rates, lies between −1 and 1."))
def fraction_outside_bounds(effect_measure, estimate):
    return effect_measure.isin(["correlation", "rate difference"]) & (estimate.abs() > 1)


@check("finding", "events", _l("There cannot be more events than participants."))
def more_events_than_participants(n, events, endpoint):
    return (events > n) & (endpoint != "toxicity")


@check("finding", "cutoff_origin", _l("Say how the cutoff was chosen."))
def cutoff_of_unknown_origin(cutoff, cutoff_origin):
    return cutoff.notna() & cutoff_origin.isna()


@check(
    "finding", "cutoff_origin", _l("A continuous marker has no cutoff: empty it, or say how it was chosen.")
)
def cutoff_of_continuous_marker(cutoff, cutoff_origin):
    return cutoff.notna() & (cutoff_origin == "continuous")


@check("finding", "assay", _l("This assay measures another biomarker."))
@check("hypothesis", "assay", _l("This assay measures another biomarker."))
def assay_of_another_marker(assay_biomarker_id, biomarker_id):
    return assay_biomarker_id.notna() & (assay_biomarker_id != biomarker_id)


@check("finding", "hypothesis", _l("This hypothesis is about another biomarker."))
def hypothesis_of_another_marker(hypothesis_biomarker_id, biomarker_id):
    return hypothesis_biomarker_id.notna() & (hypothesis_biomarker_id != biomarker_id)


@check("finding", "validates", _l("That finding is about another biomarker."))
def validates_another_marker(validates_biomarker_id, biomarker_id):
    return validates_biomarker_id.notna() & (validates_biomarker_id != biomarker_id)


@check("finding", "arm", _l("This arm belongs to another trial."))
def arm_of_another_trial(arm_trial_id, trial_id):
    return arm_trial_id.notna() & (trial_id.isna() | (arm_trial_id != trial_id))


@check("finding", "data_cutoff", _l("This day is still to come: write a day up to today."))
def cutoff_still_to_come(data_cutoff, today):
    return data_cutoff > today

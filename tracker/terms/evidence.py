"""Terms of hypotheses and findings.

Sources: BEST (Biomarkers, EndpointS, and other Tools) Resource, FDA-NIH Biomarker Working Group; Simon, Paik and
Hayes, J Natl Cancer Inst 2009;101:1446-52; REMARK, McShane et al., J Natl Cancer Inst 2005;97:1180-4, in the
wording of Altman et al., PLoS Med 2012;9:e1001216; the states are those of CIViC.
"""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class BestCategory(Term):
    SUSCEPTIBILITY = "susceptibility/risk", _l("Susceptibility or risk")
    DIAGNOSTIC = "diagnostic", _l("Diagnostic")
    MONITORING = "monitoring", _l("Monitoring")
    PROGNOSTIC = "prognostic", _l("Prognostic")
    PREDICTIVE = "predictive", _l("Predictive")
    RESPONSE = "pharmacodynamic/response", _l("Pharmacodynamic or response")
    SAFETY = "safety", _l("Safety")


class Claim(Term):
    ASSOCIATED = "associated with response", _l("Associated with response")
    PREDICTIVE = "predictive", _l("Predictive")
    PROGNOSTIC = "prognostic", _l("Prognostic")
    PHARMACODYNAMIC = "pharmacodynamic", _l("Pharmacodynamic")
    MONITORING = "monitoring", _l("Monitoring")
    SAFETY = "safety", _l("Safety")


class EvidenceEndpoint(Term):
    RESPONSE = "response", _l("Response"), "orr"
    PCR = "pcr", _l("Pathological complete response (pCR)")
    CLINICAL_BENEFIT = "clinical benefit", _l("Clinical benefit"), "cbr"
    PFS = "pfs", _l("Progression-free survival (PFS)")
    OS = "os", _l("Overall survival (OS)")
    DOR = "dor", _l("Duration of response"), "duration of response"
    TOXICITY = "toxicity", _l("Toxicity")
    MARKER_CHANGE = "marker change", _l("Change of the marker")


class EffectMeasure(Term):
    HAZARD_RATIO = "hazard ratio", _l("Hazard ratio"), "HR"
    ODDS_RATIO = "odds ratio", _l("Odds ratio"), "OR"
    RISK_RATIO = "risk ratio", _l("Risk ratio"), "RR"
    RATE_DIFFERENCE = "rate difference", _l("Difference of rates")
    AUC = "auc", _l("Area under the ROC curve (AUC)")
    MEAN_DIFFERENCE = "mean difference", _l("Difference of means")
    CORRELATION = "correlation", _l("Correlation")


class CutoffOrigin(Term):
    PRESPECIFIED = "pre-specified", _l("Pre-specified")
    PUBLISHED = "published", _l("Published by others")
    MEDIAN = "median", _l("Median of these data")
    DATA_DRIVEN = "data-driven", _l("Chosen on these data")
    CONTINUOUS = "continuous", _l("No cutoff: the marker is continuous")


class HigherMeans(Term):
    """What a higher value of the marker goes with."""

    BETTER = "better", _l("Better")
    WORSE = "worse", _l("Worse")
    NO_DIFFERENCE = "no difference", _l("No difference")


class EvidenceDirection(Term):
    SUPPORTS = "supports", _l("Supports")
    AGAINST = "against", _l("Against")
    INCONCLUSIVE = "inconclusive", _l("Inconclusive")


class Portability(Term):
    """What accepted findings say of a marker in one tumor location."""

    SUPPORTS = "supports", _l("Supports")
    AGAINST = "against", _l("Against")
    CONFLICTING = "conflicting", _l("Conflicting")
    INCONCLUSIVE = "inconclusive", _l("Inconclusive")
    NEVER_TESTED = "never tested", _l("Never tested")


class StudyCategory(Term):
    """Of a study of a tumor marker, by Simon, Paik and Hayes 2009."""

    A = "A", _l("A: prospective, designed for the marker")
    B = "B", _l("B: archived specimens of a prospective trial, prospective plan")
    C = "C", _l("C: prospective registry or observational")
    D = "D", _l("D: retrospective or observational")


class LevelOfEvidence(Term):
    I = "I", _l("Level I")  # noqa: E741
    II = "II", _l("Level II")
    III = "III", _l("Level III")
    IV_V = "IV-V", _l("Level IV–V")


class FindingSource(Term):
    OWN = "own analysis", _l("Own analysis")
    PUBLICATION = "publication", _l("Publication")


class FindingStatus(Term):
    DRAFT = "draft", _l("Draft")
    SUBMITTED = "submitted", _l("Submitted")
    ACCEPTED = "accepted", _l("Accepted")
    RETURNED = "returned", _l("Returned")
    REJECTED = "rejected", _l("Rejected")

    @property
    def is_open(self) -> bool:
        """Whether the author still works on it."""
        return self in (FindingStatus.DRAFT, FindingStatus.RETURNED)


class DataStanding(Term):
    """Whether there were data when a hypothesis was registered."""

    BEFORE_DATA = "before data", _l("Before data")
    DATA_EXISTED = "data existed", _l("Data existed")


class Nature(Term):
    """Whether a finding was foretold."""

    CONFIRMATORY = "confirmatory", _l("Confirmatory")
    EXPLORATORY = "exploratory", _l("Exploratory")


class RemarkStatus(Term):
    REPORTED = "reported", _l("Reported")
    PARTLY = "partly reported", _l("Partly reported")
    NOT_REPORTED = "not reported", _l("Not reported")
    NOT_APPLICABLE = "not applicable", _l("Not applicable")


@dataclass(frozen=True)
class RemarkItem:
    number: int
    title: object


REMARK = [
    RemarkItem(number, title)
    for number, title in enumerate(
        [
            _l("The marker, the study objectives and the hypotheses"),
            _l("The participants: characteristics, source, who was included"),
            _l("The treatments received and how they were chosen"),
            _l("The specimens: type, preservation, controls"),
            _l("The assay: method, reagents, scoring, blinding"),
            _l("How cases were selected, the period and the length of follow-up"),
            _l("The clinical endpoints, defined"),
            _l("All candidate variables that were considered"),
            _l("The rationale for the sample size"),
            _l("The statistical methods, variable selection and missing data"),
            _l("How marker values were handled and cutoffs determined"),
            _l("The flow of participants, with numbers and events at each stage"),
            _l("The distributions of demographic characteristics and of the marker"),
            _l("The relation of the marker to standard prognostic variables"),
            _l("Univariable results: estimated effect with its interval"),
            _l("Multivariable results with interval, with all standard variables"),
            _l("Effects with intervals from analyses in which the marker and standard variables stay"),
            _l("Further investigations: assumptions, sensitivity, validation"),
            _l("Interpretation in the context of the hypotheses, with limitations"),
            _l("Implications for research and clinical value"),
        ],
        start=1,
    )
]

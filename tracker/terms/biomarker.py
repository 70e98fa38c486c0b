"""Terms of biomarkers, assays and measurements."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class BiomarkerKind(Term):
    PROTEIN = "protein", _l("Protein")
    CELL_DENSITY = "cell density", _l("Cell density")
    GENE_EXPRESSION = "gene expression", _l("Gene expression")
    SIGNATURE = "signature", _l("Signature")
    MUTATION = "mutation", _l("Mutation")
    COPY_NUMBER = "copy number", _l("Copy number")
    MUTATIONAL_BURDEN = "mutational burden", _l("Mutational burden")
    MICROSATELLITE = "microsatellite", _l("Microsatellite")
    HLA = "HLA", _l("HLA")
    CTDNA = "ctDNA", _l("Circulating tumor DNA (ctDNA)")
    BLOOD_COUNT = "blood count", _l("Blood count")
    BLOOD_CHEMISTRY = "blood chemistry", _l("Blood chemistry")
    MICROBIOME = "microbiome", _l("Microbiome")
    IMAGING = "imaging", _l("Imaging")
    CLINICAL = "clinical", _l("Clinical")


class Scale(Term):
    CONTINUOUS = "continuous", _l("Continuous")
    ORDINAL = "ordinal", _l("Ordinal")
    BINARY = "binary", _l("Binary (0 or 1)")


class Qualifier(Term):
    """How a value stands to what was measured: below or above a limit of quantification it is only a bound."""

    BELOW = "<", _l("below")
    EQUAL = "=", _l("equal")
    ABOVE = ">", _l("above")


class Timepoint(Term):
    BASELINE = "baseline", _l("Baseline")
    ON_TREATMENT = "on treatment", _l("On treatment")
    PROGRESSION = "progression", _l("Progression")


class QcStatus(Term):
    PASSED = "passed", _l("Passed"), "pass"
    FAILED = "failed", _l("Failed"), "fail"
    PENDING = "pending", _l("Pending")


class MarkerStatus(Term):
    """A participant by a marker's baseline value and a cutoff."""

    POSITIVE = "positive", _l("Positive")
    NEGATIVE = "negative", _l("Negative")
    MISSING = "missing", _l("Missing")


class MarkerClaim(Term):
    """What may be said about a marker after a comparison of treatments."""

    QUANTITATIVE = "predictive, quantitative", _l("Predictive, quantitative")
    QUALITATIVE = "predictive, qualitative", _l("Predictive, qualitative")
    AND_PROGNOSTIC = "predictive and prognostic", _l("Predictive and prognostic")
    PROGNOSTIC = "prognostic, not shown predictive", _l("Prognostic, not shown predictive")
    NOT_SHOWN = "not shown predictive", _l("Not shown predictive")
    NOT_RANDOMISED = "interaction, not randomised", _l("Interaction, not randomised")
    INSUFFICIENT = "insufficient", _l("Insufficient")
    NOT_ASSESSABLE = "not assessable", _l("Not assessable")

    @property
    def is_predictive(self) -> bool:
        return self in (MarkerClaim.QUANTITATIVE, MarkerClaim.QUALITATIVE, MarkerClaim.AND_PROGNOSTIC)


class Unassessable(Term):
    """Why a comparison can tell nothing of a marker's prediction, as a sentence."""

    NO_COMPARATOR = "no comparator", _l("there is no comparator, so only an association can be shown")
    MASKED = "masked", _l("the arms of this trial are masked until the director releases its results")
    ASSIGNED = "assigned", _l("an arm was assigned by this marker")
    ONE_ARM_ALONE = (
        "one arm alone",
        _l("a status of the marker occurs in one arm alone, as if it had assigned it"),
    )
    UNKNOWN = "unknown in one arm", _l("the marker is unknown in one arm")
    OVERLAP = "overlap", _l("some participants belong to both the treated and the comparator")
    CRITERIA = "criteria differ", _l("response is judged by different criteria in the two arms")


class ScreenEndpoint(Term):
    """The outcome against which many markers are screened."""

    RESPONSE = "response", _l("Response")
    PFS = "pfs", _l("Progression-free survival")
    OS = "os", _l("Overall survival")


class ScreenTest(Term):
    """What is asked of each marker of a screen."""

    ASSOCIATION = "association", _l("Association with the outcome")
    INTERACTION = "interaction", _l("Interaction with treatment")

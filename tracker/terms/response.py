"""Terms of tumor assessments and of the responses derived from them.

Responses are coded as published: RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009;45:228-247) and iRECIST
(Seymour et al., Lancet Oncol 2017;18:e143-e152).
"""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class LesionRole(Term):
    """What part a lesion has in the response; new lesions come after baseline (measured ones for iRECIST)."""

    TARGET = "target", _l("Target")
    NON_TARGET = "non-target", _l("Non-target"), "nontarget"
    NEW_MEASURED = "new measured", _l("New, measured"), "new target"
    NEW_NOT_MEASURED = "new not measured", _l("New, not measured"), "new", "new non-target"


class LesionState(Term):
    """What is seen of a lesion where no diameter tells it."""

    PRESENT = "present", _l("Present")
    ABSENT = "absent", _l("Absent"), "disappeared", "resolved"
    UNEQUIVOCAL_PROGRESSION = "unequivocal progression", _l("Unequivocal progression"), "unequivocal"
    TOO_SMALL = "too small to measure", _l("Too small to measure (counts as 5 mm)"), "too small"
    NOT_EVALUABLE = "not evaluable", _l("Not evaluable"), "NE", "not assessed", "not done"


class Modality(Term):
    """How the tumor was looked at."""

    CT = "CT", _l("CT"), "CT scan", "computed tomography"
    MRI = "MRI", _l("MRI"), "MR", "magnetic resonance imaging"
    PET_CT = "PET-CT", _l("PET-CT"), "PET/CT", "PET-CT scan"
    PHYSICAL_EXAMINATION = "physical examination", _l("Physical examination"), "clinical examination"
    ULTRASOUND = "ultrasound", _l("Ultrasound"), "echography"
    X_RAY = "X-ray", _l("X-ray"), "chest X-ray"
    ENDOSCOPY = "endoscopy", _l("Endoscopy")
    OTHER = "other", _l("Other")


class TargetResponse(Term):
    """RECIST 1.1 response of the target lesions at one assessment."""

    CR = "CR", _l("Complete response (CR)"), "complete response"
    PR = "PR", _l("Partial response (PR)"), "partial response"
    SD = "SD", _l("Stable disease (SD)"), "stable disease"
    PD = "PD", _l("Progressive disease (PD)"), "progressive disease"
    NE = "NE", _l("Not evaluable (NE)"), "not evaluable"


class NonTargetResponse(Term):
    """RECIST 1.1 response of the non-target lesions at one assessment."""

    CR = "CR", _l("Complete response (CR)"), "complete response"
    NON_CR_NON_PD = "Non-CR/Non-PD", _l("Neither complete response nor progression (Non-CR/Non-PD)")
    PD = "PD", _l("Progressive disease (PD)"), "progressive disease"
    NE = "NE", _l("Not evaluable (NE)"), "not evaluable"


class OverallResponse(Term):
    """RECIST 1.1 response at one assessment."""

    CR = "CR", _l("Complete response (CR)"), "complete response"
    PR = "PR", _l("Partial response (PR)"), "partial response"
    SD = "SD", _l("Stable disease (SD)"), "stable disease"
    NON_CR_NON_PD = "Non-CR/Non-PD", _l("Neither complete response nor progression (Non-CR/Non-PD)")
    PD = "PD", _l("Progressive disease (PD)"), "progressive disease"
    NE = "NE", _l("Not evaluable (NE)"), "not evaluable"
    NO_DISEASE = "NED", _l("No evidence of disease (NED)"), "no evidence of disease"


class ImmuneResponse(Term):
    """iRECIST response at one assessment."""

    ICR = "iCR", _l("Complete response (iCR)")
    IPR = "iPR", _l("Partial response (iPR)")
    ISD = "iSD", _l("Stable disease (iSD)")
    NON_ICR_NON_IUPD = "Non-iCR/Non-iUPD", _l("Neither complete response nor progression (Non-iCR/Non-iUPD)")
    IUPD = "iUPD", _l("Unconfirmed progressive disease (iUPD)")
    ICPD = "iCPD", _l("Confirmed progressive disease (iCPD)")
    NE = "NE", _l("Not evaluable (NE)"), "not evaluable"


class Organ(Term):
    """Where a lesion lies, coarsely: at most two target lesions in one organ; all nodes count as one."""

    LYMPH_NODES = "lymph nodes", _l("Lymph nodes"), "lymph node"
    LUNG = "lung", _l("Lung")
    LIVER = "liver", _l("Liver")
    BONE = "bone", _l("Bone")
    BRAIN = "brain", _l("Brain"), "central nervous system"
    BREAST = "breast", _l("Breast")
    SKIN = "skin", _l("Skin and soft tissue"), "soft tissue"
    PLEURA = "pleura", _l("Pleura")
    PERITONEUM = "peritoneum", _l("Peritoneum")
    ADRENAL = "adrenal gland", _l("Adrenal gland"), "adrenal"
    KIDNEY = "kidney", _l("Kidney")
    PANCREAS = "pancreas", _l("Pancreas")
    SPLEEN = "spleen", _l("Spleen")
    BOWEL = "bowel", _l("Bowel"), "colon", "rectum"
    STOMACH = "stomach", _l("Stomach and esophagus"), "esophagus"
    BLADDER = "bladder", _l("Bladder and urinary tract")
    OVARY = "ovary", _l("Ovary and fallopian tube")
    UTERUS = "uterus", _l("Uterus")
    PROSTATE = "prostate", _l("Prostate")
    HEAD_NECK = "head and neck", _l("Head and neck")
    OTHER = "other", _l("Other")


class ResponseReason(Term):
    """What decided the response at one assessment; of several, the first in this order."""

    BEFORE_BASELINE = "before baseline", _l("Before the baseline assessment")
    BASELINE = "baseline", _l("Baseline assessment")
    NO_BASELINE = "no baseline", _l("There is no baseline to compare with")
    NEW_LESION = "new lesion", _l("New lesion")
    REAPPEARED = "reappeared", _l("Disease again after a complete response")
    NON_TARGET_PROGRESSED = "non-target progressed", _l("Unequivocal progression of a non-target lesion")
    TARGET_GREW = "target grew", _l("Sum at least 20 % and 5 mm above its nadir")
    TARGET_NOT_EVALUATED = "target not evaluated", _l("A target lesion was not evaluated")
    ALL_GONE = "all gone", _l("All lesions gone")
    TARGET_GONE = "target gone", _l("Target lesions gone, non-target lesions not")
    TARGET_SHRANK = "target shrank", _l("Sum at least 30 % below baseline")
    TARGET_STABLE = "target stable", _l("Neither 30 % below baseline nor 20 % and 5 mm above the nadir")
    NON_TARGET_REMAIN = "non-target remain", _l("Non-target lesions remain, without unequivocal progression")
    NON_TARGET_NOT_EVALUATED = "non-target not evaluated", _l("A non-target lesion was not evaluated")
    NO_DISEASE = "no disease", _l("No lesion at baseline, and none since")


class Censoring(Term):
    """Why a time to an event ends without one."""

    NO_EVENT = "no event", _l("No event up to the last adequate assessment")
    NO_ASSESSMENT = "no assessment", _l("No adequate assessment after baseline: censored on day 1")
    MISSED_ASSESSMENTS = "missed assessments", _l("The event came after two or more missed assessments")
    NEW_THERAPY = "new therapy", _l("New anticancer therapy before an event")
    ALIVE = "alive", _l("Alive at the last contact")


class BaselineQuestion(Term):
    """What RECIST 1.1 asks of a baseline, where the data do not keep to it (Eisenhauer 2009, section 4)."""

    OLD = "baseline old", _l("The baseline is more than 28 days older than the first dose.")
    INCOMPLETE = "baseline incomplete", _l("A target lesion was not measured at baseline.")
    NONE = "no baseline", _l("There is no assessment up to the first dose to compare with.")
    TARGET_TOO_SMALL = "target too small", _l("A target lesion measures at least 10 mm at baseline.")
    NODE_TOO_SMALL = "node too small", _l("The short axis of a target node is at least 15 mm at baseline.")
    MORE_THAN_FIVE = "more than five", _l("There are more than five target lesions.")
    MORE_THAN_TWO_IN_ORGAN = (
        "more than two in an organ",
        _l("There are more than two target lesions in one organ; all nodes count as one organ."),
    )
    NEW_AT_BASELINE = "new at baseline", _l("A lesion that was seen at baseline is not new.")


class CourseQuestion(Term):
    """What is asked of a course that the criteria do not foresee, or do not allow."""

    BETTER_AFTER_PD = "better after PD", _l("A response follows progression, and nobody says why.")
    CONFIRMED_EARLY = (
        "confirmed early",
        _l("Progression was seen again less than 4 weeks after iUPD: too early to confirm it (iRECIST)."),
    )


class ScheduleEnd(Term):
    """After what no further tumor assessment is due."""

    DIED = "died", _l("Died")
    PROGRESSED = "progressed", _l("Progression")
    NEW_THERAPY = "new therapy", _l("New anticancer therapy")
    OFF_STUDY = "off study", _l("Off study")

"""Terms of participants and of what became of them."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Sex(Term):
    FEMALE = "female", _l("Female"), "F"
    MALE = "male", _l("Male"), "M"
    UNKNOWN = "unknown", _l("Unknown"), "U"


class Subtype(Term):
    """Breast cancer by receptors; required for breast, empty elsewhere."""

    HR_POSITIVE = "HR+/HER2-", _l("HR+/HER2−"), "HR+/HER2−", "ER+/HER2-"
    HER2_POSITIVE = "HER2+", _l("HER2+")
    TNBC = "TNBC", _l("Triple-negative (TNBC)"), "triple negative"
    UNKNOWN = "unknown", _l("Unknown")


class Stage(Term):
    I = "I", _l("I")  # noqa: E741
    II = "II", _l("II")
    III = "III", _l("III")
    IV = "IV", _l("IV")


class PriorLines(Term):
    """Lines of systemic therapy for the disease before enrolment; a source may tell only "one or more"."""

    NONE = "0", _l("0")
    ONE = "1", _l("1")
    TWO = "2", _l("2")
    THREE = "3", _l("3")
    FOUR = "4", _l("4")
    FIVE = "5", _l("5")
    SIX = "6", _l("6")
    SEVEN = "7", _l("7")
    EIGHT = "8", _l("8")
    NINE = "9", _l("9")
    TEN_OR_MORE = "10+", _l("10 or more"), "10"
    ONE_OR_MORE = "1+", _l("1 or more (number not stated)")


class OffTreatmentReason(Term):
    PROGRESSION = "progression", _l("Progression")
    ADVERSE_EVENT = "adverse event", _l("Adverse event")
    COMPLETED = "completed", _l("Completed as planned")
    DEATH = "death", _l("Death")
    PARTICIPANT = "participant's decision", _l("Participant's decision")
    PHYSICIAN = "physician's decision", _l("Physician's decision")
    OTHER = "other", _l("Other")


class OffStudyReason(Term):
    COMPLETED = "completed", _l("Completed as planned")
    DEATH = "death", _l("Death")
    LOST = "lost to follow-up", _l("Lost to follow-up")
    CONSENT_WITHDRAWN = "consent withdrawn", _l("Consent withdrawn")
    SPONSOR = "sponsor's decision", _l("Sponsor's decision")
    OTHER = "other", _l("Other")


class BestResponse(Term):
    """RECIST 1.1 best overall response, or only whether it was a response where a source tells no more."""

    CR = "CR", _l("Complete response (CR)"), "complete response"
    PR = "PR", _l("Partial response (PR)"), "partial response"
    SD = "SD", _l("Stable disease (SD)"), "stable disease"
    PD = "PD", _l("Progressive disease (PD)"), "progressive disease"
    NE = "NE", _l("Not evaluable (NE)"), "not evaluable"
    RESPONDER = "responder", _l("Responder (CR or PR)")
    NON_RESPONDER = "non-responder", _l("Non-responder"), "nonresponder"

"""Terms of trials, arms and cohorts.

Phases and statuses are those of ClinicalTrials.gov, as its data (API version 2) write them.
"""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class Phase(Term):
    EARLY_PHASE1 = "EARLY_PHASE1", _l("Early Phase 1"), "early 1", "0"
    PHASE1 = "PHASE1", _l("Phase 1"), "1", "I"
    PHASE1_PHASE2 = "PHASE1/PHASE2", _l("Phase 1/Phase 2"), "1/2", "Phase 1/2", "PHASE1|PHASE2", "I/II"
    PHASE2 = "PHASE2", _l("Phase 2"), "2", "II"
    PHASE2_PHASE3 = "PHASE2/PHASE3", _l("Phase 2/Phase 3"), "2/3", "Phase 2/3", "PHASE2|PHASE3", "II/III"
    PHASE3 = "PHASE3", _l("Phase 3"), "3", "III"
    PHASE4 = "PHASE4", _l("Phase 4"), "4", "IV"
    NA = "NA", _l("Not applicable")


class TrialStatus(Term):
    NOT_YET_RECRUITING = "NOT_YET_RECRUITING", _l("Not yet recruiting")
    RECRUITING = "RECRUITING", _l("Recruiting")
    ENROLLING_BY_INVITATION = "ENROLLING_BY_INVITATION", _l("Enrolling by invitation")
    ACTIVE_NOT_RECRUITING = "ACTIVE_NOT_RECRUITING", _l("Active, not recruiting")
    SUSPENDED = "SUSPENDED", _l("Suspended")
    TERMINATED = "TERMINATED", _l("Terminated")
    COMPLETED = "COMPLETED", _l("Completed")
    WITHDRAWN = "WITHDRAWN", _l("Withdrawn")
    UNKNOWN = "UNKNOWN", _l("Unknown status")

    @property
    def enrols(self):
        """Whether a participant may be enrolled now."""
        return self in (TrialStatus.RECRUITING, TrialStatus.ENROLLING_BY_INVITATION)

    @property
    def has_ended(self):
        return self in (TrialStatus.TERMINATED, TrialStatus.COMPLETED, TrialStatus.WITHDRAWN)


class Design(Term):
    DOSE_ESCALATION = "dose escalation", _l("Dose escalation")
    EXPANSION = "expansion", _l("Expansion")
    SINGLE_ARM = "single arm", _l("Single arm")
    TWO_STAGE = "two-stage", _l("Two-stage")
    RANDOMISED = "randomised", _l("Randomised"), "randomized"
    BASKET = "basket", _l("Basket")
    OBSERVATIONAL = "observational", _l("Observational")


class Setting(Term):
    """Where in the course of the disease the trial treats; rates of different settings are never mixed."""

    NEOADJUVANT = "neoadjuvant", _l("Neoadjuvant")
    ADJUVANT = "adjuvant", _l("Adjuvant")
    ADVANCED = "advanced", _l("Advanced"), "metastatic"


class ResponseCriteria(Term):
    RECIST_1_1 = "RECIST 1.1", _l("RECIST 1.1")
    IRECIST = "iRECIST", _l("iRECIST")
    PCR = "pCR", _l("Pathological complete response"), "pathological complete response"
    OTHER = "other", _l("Other")


class ArmType(Term):
    EXPERIMENTAL = "experimental", _l("Experimental")
    ACTIVE_COMPARATOR = "active comparator", _l("Active comparator")
    PLACEBO = "placebo", _l("Placebo"), "placebo comparator"
    NO_TREATMENT = "no treatment", _l("No treatment"), "no intervention"
    OTHER = "other", _l("Other")


class EnrolmentStatus(Term):
    """Of an arm or a cohort."""

    PLANNED = "planned", _l("Planned")
    OPEN = "open", _l("Open")
    PAUSED = "paused", _l("Paused")
    CLOSED = "closed", _l("Closed")


class ArmAction(Term):
    """What the director decides about an arm, and the status that it then has."""

    OPEN = "open", _l("Open")
    EXPAND = "expand", _l("Expand")
    PAUSE = "pause", _l("Pause")
    CLOSE = "close", _l("Close")

    @property
    def status(self) -> EnrolmentStatus:
        return {
            ArmAction.PAUSE: EnrolmentStatus.PAUSED,
            ArmAction.CLOSE: EnrolmentStatus.CLOSED,
        }.get(self, EnrolmentStatus.OPEN)


class EscalationRule(Term):
    """How the next dose of an escalation is found; the rules are in `rules.escalation`."""

    THREE_PLUS_THREE = "3+3", _l("3+3")
    BOIN = "BOIN", _l("BOIN (Bayesian optimal interval)")
    BOIN_COMB = "BOIN-COMB", _l("BOIN-COMB (two agents escalated)"), "BOIN COMB"


class DoseLevelStatus(Term):
    PLANNED = "planned", _l("Planned")
    OPEN = "open", _l("Open")
    CLEARED = "cleared", _l("Cleared")
    SUSPENDED = "suspended", _l("Suspended")
    CLOSED = "closed", _l("Closed")


class DoseAction(Term):
    """What is done with the dose next: what a rule advises, and what was decided."""

    ESCALATE = "escalate", _l("Escalate")
    STAY = "stay", _l("Stay: treat the next cohort at this dose")
    EXPAND = "expand", _l("Expand this dose to six")
    DE_ESCALATE = "de-escalate", _l("De-escalate")
    STOP = "stop", _l("Stop the escalation")
    DECLARE_MTD = "declare MTD", _l("Declare the maximum tolerated dose")
    WAIT = "wait", _l("Wait for participants in their DLT window")

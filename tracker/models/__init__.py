"""What is stored. A record is found under its table's name, which is also its word in addresses."""

from tracker.models.account import SignIn, TrialMember, User
from tracker.models.base import Part, Record
from tracker.models.biomarker import Assay, Biomarker, Measurement
from tracker.models.housekeeping import DataVersion, Submission
from tracker.models.oversight import AuditEvent
from tracker.models.participant import Participant, ReportedOutcome
from tracker.models.regimen import Agent, ReferenceResult, Regimen, RegimenComponent
from tracker.models.trial import Arm, Cohort, Trial

__all__ = [
    "Agent",
    "Arm",
    "Assay",
    "AuditEvent",
    "Biomarker",
    "Cohort",
    "DataVersion",
    "Measurement",
    "Part",
    "Participant",
    "Record",
    "ReferenceResult",
    "Regimen",
    "RegimenComponent",
    "ReportedOutcome",
    "SignIn",
    "Submission",
    "Trial",
    "TrialMember",
    "User",
]

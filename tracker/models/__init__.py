"""What is stored. A record is found under its table's name, which is also its word in addresses."""

from tracker.models.account import RefusedSignIn, SignIn, TrialMember, User
from tracker.models.base import Authored, FromReport, Importable, Part, Record
from tracker.models.biomarker import Assay, Biomarker, Measurement
from tracker.models.evidence import Finding, FindingReview, Hypothesis, RemarkAnswer
from tracker.models.housekeeping import DataVersion, Draft, ImportFile, Job, Lock, Screen, Submission
from tracker.models.oversight import (
    AuditEvent,
    AuditSeal,
    Comment,
    Mention,
    Query,
    QueryMessage,
    ReportSnapshot,
    Signature,
    SnapshotTrial,
)
from tracker.models.participant import Participant, ReportedOutcome
from tracker.models.regimen import Agent, ReferenceResult, Regimen, RegimenComponent
from tracker.models.response import Lesion, LesionMeasurement, TumorAssessment
from tracker.models.second_factor import RecoveryCode, SecondFactor
from tracker.models.specimen import Specimen
from tracker.models.treatment import Administration, AdverseEvent, Attribution
from tracker.models.trial import (
    Arm,
    ArmDecision,
    Cohort,
    DecisionFinding,
    DoseDecision,
    DoseLevel,
    LevelDose,
    Trial,
)

__all__ = [
    "Administration",
    "AdverseEvent",
    "Agent",
    "Arm",
    "ArmDecision",
    "Assay",
    "Attribution",
    "AuditEvent",
    "AuditSeal",
    "Authored",
    "Biomarker",
    "Cohort",
    "Comment",
    "DataVersion",
    "DecisionFinding",
    "DoseDecision",
    "DoseLevel",
    "Draft",
    "Finding",
    "FindingReview",
    "FromReport",
    "Hypothesis",
    "ImportFile",
    "Importable",
    "Job",
    "Lesion",
    "LesionMeasurement",
    "LevelDose",
    "Lock",
    "Measurement",
    "Mention",
    "Part",
    "Participant",
    "Query",
    "QueryMessage",
    "Record",
    "RecoveryCode",
    "ReferenceResult",
    "RefusedSignIn",
    "Regimen",
    "RegimenComponent",
    "RemarkAnswer",
    "ReportSnapshot",
    "ReportedOutcome",
    "Screen",
    "SecondFactor",
    "SignIn",
    "Signature",
    "SnapshotTrial",
    "Specimen",
    "Submission",
    "Trial",
    "TrialMember",
    "TumorAssessment",
    "User",
]

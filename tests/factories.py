"""Valid records, stored, with one thing said: `make_participant(ecog=2)`."""

import datetime
import itertools
import uuid

from tracker import clock
from tracker.audit import because
from tracker.exchange.outline import outline_of
from tracker.exchange.source import SourceOptions
from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Agent,
    Arm,
    ArmDecision,
    Assay,
    Biomarker,
    Cohort,
    Comment,
    DoseDecision,
    DoseLevel,
    Draft,
    Finding,
    FindingReview,
    Hypothesis,
    ImportFile,
    Job,
    Lesion,
    LesionMeasurement,
    Lock,
    Measurement,
    Participant,
    Query,
    ReferenceResult,
    Regimen,
    RegimenComponent,
    ReportedOutcome,
    ReportSnapshot,
    Screen,
    Signature,
    SnapshotTrial,
    Specimen,
    Trial,
    TrialMember,
    TumorAssessment,
    User,
)
from tracker.reads.signing import content_hash, digest
from tracker.reports.base import run_report
from tracker.reports.frozen import content_of, freeze
from tracker.roles import Role
from tracker.scope import owner_of, trial_id_of
from tracker.terms.biomarker import BiomarkerKind, Scale, Timepoint
from tracker.terms.evidence import (
    BestCategory,
    Claim,
    EffectMeasure,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingSource,
    FindingStatus,
    HigherMeans,
)
from tracker.terms.housekeeping import JobState
from tracker.terms.oversight import SignatureMeaning
from tracker.terms.participant import BestResponse, Sex
from tracker.terms.regimen import ComponentRole, DoseUnit, MechanismClass, ReferenceEndpoint
from tracker.terms.regimen import Modality as AgentModality
from tracker.terms.response import LesionRole, LesionState, Modality, Organ
from tracker.terms.specimen import SpecimenType
from tracker.terms.trial import (
    ArmAction,
    ArmType,
    Design,
    DoseAction,
    DoseLevelStatus,
    EnrolmentStatus,
    EscalationRule,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)

_numbers = itertools.count(1)


def _store(record):
    db.session.add(record)
    with because("made for a test"):
        db.session.commit()
    return record


def make_user(**given):
    number = next(_numbers)
    defaults = {
        "name": f"user{number}",
        "display_name": f"Dr User {number}",
        "role": Role.PHYSICIAN,
        "password_hash": "no password",
    }
    return _store(User(**defaults | given))


def make_trial_member(**given):
    return _store(TrialMember(**given))


def make_trial(**given):
    defaults = {
        "code": f"CCI-{next(_numbers):03}",
        "title": "Pembrolizumab in advanced solid tumors",
        "phase": Phase.PHASE2,
        "status": TrialStatus.RECRUITING,
        "design": Design.SINGLE_ARM,
        "setting": Setting.ADVANCED,
        "response_criteria": ResponseCriteria.RECIST_1_1,
    }
    return _store(Trial(**defaults | given))


def make_agent(**given):
    defaults = {
        "name": f"agent {next(_numbers)}",
        "mechanism_class": MechanismClass.PD_1,
        "modality": AgentModality.ANTIBODY,
    }
    return _store(Agent(**defaults | given))


def make_regimen(agents=None, **given):
    """agents: the agents of its components, in order; one new agent where none are given."""
    defaults = {
        "name": f"regimen {next(_numbers)}",
        "rationale": "Both restrain T cells, at different points.",
    }
    regimen = Regimen(**defaults | given)
    for position, agent in enumerate(agents or [make_agent()]):
        role = ComponentRole.ADDED if position else ComponentRole.BACKBONE
        regimen.components.append(RegimenComponent(agent=agent, role=role))
    return _store(regimen)


def make_reference_result(**given):
    defaults = {
        "regimen": given.get("regimen") or make_regimen(),
        "tumor_location": "SKIN",
        "endpoint": ReferenceEndpoint.ORR,
        "x": 10,
        "n": 40,
        "citation": "Larkin 2015",
    }
    return _store(ReferenceResult(**defaults | given))


def make_arm(**given):
    defaults = {
        "trial": given.get("trial") or make_trial(),
        "code": f"ARM{next(_numbers)}",
        "title": "Pembrolizumab",
        "type": ArmType.EXPERIMENTAL,
        "regimen": given.get("regimen") or make_regimen(),
        "status": EnrolmentStatus.OPEN,
    }
    return _store(Arm(**defaults | given))


def make_cohort(**given):
    defaults = {
        "trial": given.get("trial") or make_trial(),
        "name": f"cohort {next(_numbers)}",
        "tumor_location": "LUNG",
        "status": EnrolmentStatus.OPEN,
    }
    return _store(Cohort(**defaults | given))


def make_participant(**given):
    defaults = {
        "trial": given.get("trial") or make_trial(),
        "code": f"CCI-{next(_numbers):04}",
        "sex": Sex.FEMALE,
        "birth_year": 1961,
        "ecog": 1,
        "tumor_location": "LUNG",
        "consented_on": datetime.date(2024, 1, 8),
        "enrolled_on": datetime.date(2024, 1, 15),
        "first_dose_on": datetime.date(2024, 1, 17),
    }
    return _store(Participant(**defaults | given))


def make_reported_outcome(**given):
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "best_overall_response": BestResponse.PR,
        "source": "hospital record",
    }
    return _store(ReportedOutcome(**defaults | given))


def make_biomarker(**given):
    defaults = {"name": f"biomarker {next(_numbers)}", "kind": BiomarkerKind.MUTATIONAL_BURDEN}
    return _store(Biomarker(**defaults | given))


def make_assay(**given):
    defaults = {
        "biomarker": given.get("biomarker") or make_biomarker(),
        "name": f"assay {next(_numbers)}",
        "scale": Scale.CONTINUOUS,
        "unit": "mut/Mb",
    }
    return _store(Assay(**defaults | given))


def make_specimen(**given):
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "barcode": f"B{next(_numbers):06}",
        "type": SpecimenType.FIXED_TISSUE,
        "timepoint": Timepoint.BASELINE,
        "collected_on": datetime.date(2024, 1, 9),
    }
    return _store(Specimen(**defaults | given))


def make_measurement(**given):
    defaults = {
        "assay": given.get("assay") or make_assay(),
        "participant": given.get("participant") or make_participant(),
        "value": 7.5,
        "timepoint": Timepoint.BASELINE,
    }
    return _store(Measurement(**defaults | given))


def make_hypothesis(**given):
    defaults = {
        "biomarker": given.get("biomarker") or make_biomarker(),
        "best_category": BestCategory.PREDICTIVE,
        "endpoint": EvidenceEndpoint.OS,
        "population": "Advanced disease, after one line or more",
        "higher_means": HigherMeans.BETTER,
    }
    return _store(Hypothesis(**defaults | given))


def make_finding(**given):
    defaults = {
        "biomarker": given.get("biomarker") or make_biomarker(),
        "claim": Claim.ASSOCIATED,
        "endpoint": EvidenceEndpoint.OS,
        "effect_measure": EffectMeasure.HAZARD_RATIO,
        "estimate": 0.64,
        "n": 120,
        "markers_tried": 1,
        "higher_means": HigherMeans.BETTER,
        "direction": EvidenceDirection.SUPPORTS,
        "source": FindingSource.OWN,
    }
    return _store(Finding(**defaults | given))


def make_finding_review(**given):
    defaults = {
        "finding": given.get("finding") or make_finding(),
        "decision": FindingStatus.RETURNED,
        "reason": "The number of markers that were tried is not told.",
    }
    return _store(FindingReview(**defaults | given))


def make_comment(**given):
    about = given.pop("about", None) or make_finding(trial=given.get("trial"))
    defaults = {"record_type": about.__tablename__, "record_id": about.id, "text": "Was the assay blinded?"}
    return _store(Comment(**defaults | given))


def make_dose_level(**given):
    arm = given.get("arm") or make_arm(escalation_rule=EscalationRule.BOIN, target_dlt_rate=0.3)
    return _store(DoseLevel(**{"arm": arm, "level": 1, "status": DoseLevelStatus.OPEN} | given))


def make_dose_decision(**given):
    defaults = {
        "arm": given.get("arm") or make_arm(escalation_rule=EscalationRule.BOIN, target_dlt_rate=0.3),
        "decided": DoseAction.STAY,
        "decided_on": datetime.date(2024, 3, 4),
    }
    return _store(DoseDecision(**defaults | given))


def make_arm_decision(**given):
    defaults = {
        "arm": given.get("arm") or make_arm(),
        "decision": ArmAction.EXPAND,
        "decided_on": datetime.date(2024, 3, 4),
        "reason": "Nine of twenty responded.",
    }
    return _store(ArmDecision(**defaults | given))


def make_administration(**given):
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "component": given.get("component") or make_regimen().components[0],
        "cycle": 1,
        "given_on": datetime.date(2024, 1, 17),
        "dose": 200,
        "unit": DoseUnit.MG,
    }
    return _store(Administration(**defaults | given))


def make_adverse_event(**given):
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "term": "Pneumonitis",
        "ctcae_term": "Pneumonitis",
        "soc": "Respiratory, thoracic and mediastinal disorders",
        "grade": 2,
        "started_on": datetime.date(2024, 2, 14),
    }
    return _store(AdverseEvent(**defaults | given))


def make_lesion(**given):
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "label": f"T{next(_numbers)}",
        "role": LesionRole.TARGET,
        "place": "right upper lobe",
        "organ": Organ.LUNG,
    }
    return _store(Lesion(**defaults | given))


def make_tumor_assessment(found=(), **given):
    """found: (lesion, diameter in mm or state) of each lesion that was looked at."""
    defaults = {
        "participant": given.get("participant") or make_participant(),
        "assessed_on": datetime.date(2024, 1, 10),
        "modality": Modality.CT,
    }
    assessment = TumorAssessment(**defaults | given)
    for lesion, what in found:
        key = "state" if isinstance(what, LesionState) else "diameter_mm"
        assessment.measurements.append(LesionMeasurement(lesion=lesion, **{key: what}))
    return _store(assessment)


def make_course(diameters, **given):
    """A participant with one target lesion, whose diameters in mm (or state) are by days since the first dose."""
    participant = given.get("participant") or make_participant(**given)
    lesion = make_lesion(participant=participant, label="T1")
    start = participant.first_dose_on
    for days, found in diameters.items():
        assessed_on = start + datetime.timedelta(days=days)
        make_tumor_assessment([(lesion, found)], participant=participant, assessed_on=assessed_on)
    return participant


#: Of a frozen report that says nothing.
NOTHING = {
    **dict.fromkeys(["data_cutoff", "sentence", "verdict", "headline", "principal"]),
    **{name: [] for name in ("words", "tables", "figures")},
    **{"report": "outcomes", "title": "Outcomes", "parameters": {}},
}


def make_report_snapshot(asked=None, trials=(), **given):
    """asked: pairs of a parameter of `outcomes` and its value, which is then frozen as it is; else it says nothing."""
    snapshot = ReportSnapshot(tracker_version="0.1", **given)
    if asked is None:
        snapshot.content, snapshot.content_hash = NOTHING, digest(NOTHING)
        snapshot.title, snapshot.asked, snapshot.report, snapshot.parameters = "Outcomes", "", "outcomes", []
        snapshot.as_of, snapshot.figures = datetime.date(2024, 3, 4), {"summary": "Nothing.", "tables": []}
    else:
        result = run_report("outcomes", asked)
        freeze(snapshot, result, content_of(result))
    snapshot.trials = [SnapshotTrial(trial_id=trial.id) for trial in trials]
    return _store(snapshot)


def make_signature(about=None, **given):
    """about: what is signed, as it is now; a participant where none is given."""
    about = about or make_participant(**({"trial": given["trial"]} if "trial" in given else {}))
    user = given.get("user") or make_user()
    defaults = {
        "record_type": about.__tablename__,
        "record_id": about.id,
        "trial_id": trial_id_of(about),
        "participant_id": about.id if isinstance(about, Participant) else None,
        "snapshot_id": about.id if isinstance(about, ReportSnapshot) else None,
        "user_id": user.id,
        "printed_name": user.display_name,
        "role": user.role,
        "meaning": SignatureMeaning.RESPONSIBLE,
        "content_hash": content_hash(about),
    }
    return _store(
        Signature(**defaults | {name: one for name, one in given.items() if name not in ("trial", "user")})
    )


def make_query(**given):
    trial = given.get("trial") or make_trial()
    defaults = {
        "trial": trial,
        "record_type": "participant",
        "record_id": given.get("record_id") or make_participant(trial=trial).id,
        "field": "ecog",
        "question": "Is the performance status right?",
    }
    return _store(Query(**defaults | given))


def make_lock(**given):
    """Of the trial, unless a participant or a day (cut_on) is given."""
    participant = given.get("participant")
    trial = given.get("trial") or (participant.trial if participant else make_trial())
    return _store(Lock(**{"trial": trial, "reason": "The database is closed."} | given))


def make_job(**given):
    defaults = {"kind": "import", "title": "Checking values.csv", "address": "/imports/1", "arguments": {}}
    return _store(Job(**defaults | {"language": "en", "state": JobState.DONE} | given))


def make_draft(**given):
    """What somebody typed in the form of a new agent."""
    key = str(uuid.uuid4())
    defaults = {"address": "/agents/new", "submission": key, "kept_at": clock.now()}
    return _store(Draft(**defaults | {"fields": [["name", "pembrolizumab"], ["submission", key]]} | given))


def make_import_file(**given):
    """A file that was uploaded and looked at; nothing is mapped yet."""
    content = given.get("content", b"id,value\nP-1,4\n")
    outline = outline_of("values.csv", content, SourceOptions()).as_json()
    defaults = {"name": "values.csv", "content": content, "outline": outline}
    return _store(ImportFile(**defaults | given))


def make_screen(**given):
    """A screen of three markers that is done."""
    table = b"marker,n,events,ratio,chi2,p,q,status\nCD8,40,20,2,9,0.002,0.004,\nLDH,40,20,0.5,4,0.04,0.04,\n"
    table += b"X,9,2,,,,,too few\n"
    summary = {"as_of": "2026-01-31", "notes": [], "tried": 3, "tested": 2, "too_few": 1, "found": 2, "n": 40}
    defaults = {"endpoint": "os", "test": "association", "summary": summary | {"events": 20}, "table": table}
    return _store(Screen(**defaults | {"trial": given.pop("trial", None) or make_trial()} | given))


def make_in(model, trial):
    """A record of this model that belongs to the trial, with what it belongs to in between."""
    if model is Trial:
        return trial
    make = globals()[f"make_{model.__tablename__}"]
    if model.trials_path is not None:
        return make(**{model.trials_path: [trial]})
    if model.trial_path is None:
        return make()
    if model is Lock:  # one that stands in nobody's way
        return make(trial=trial, cut_on=datetime.date(1990, 1, 1))
    if model is TrialMember:
        return make(trial=trial, user=make_user())
    owner, _key = owner_of(model)
    return make(**{model.trial_path.partition(".")[0]: make_in(owner, trial)})

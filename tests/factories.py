"""Valid records, stored, with one thing said: `make_participant(ecog=2)`."""

import datetime
import itertools

from tracker.audit import because
from tracker.extensions import db
from tracker.models import (
    Agent,
    Arm,
    Assay,
    Biomarker,
    Cohort,
    Measurement,
    Participant,
    ReferenceResult,
    Regimen,
    RegimenComponent,
    ReportedOutcome,
    Trial,
    TrialMember,
    User,
)
from tracker.roles import Role
from tracker.scope import owner_of
from tracker.terms.biomarker import BiomarkerKind, Scale, Timepoint
from tracker.terms.participant import BestResponse, Sex
from tracker.terms.regimen import ComponentRole, MechanismClass, Modality, ReferenceEndpoint
from tracker.terms.trial import (
    ArmType,
    Design,
    EnrolmentStatus,
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
        "modality": Modality.ANTIBODY,
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


def make_measurement(**given):
    defaults = {
        "assay": given.get("assay") or make_assay(),
        "participant": given.get("participant") or make_participant(),
        "value": 7.5,
        "timepoint": Timepoint.BASELINE,
    }
    return _store(Measurement(**defaults | given))


def make_in(model, trial):
    """A record of this model that belongs to the trial, with what it belongs to in between."""
    if model is Trial:
        return trial
    make = globals()[f"make_{model.__tablename__}"]
    if model.trial_path is None:
        return make()
    if model is TrialMember:
        return make(trial=trial, user=make_user())
    owner, _key = owner_of(model)
    return make(**{model.trial_path.partition(".")[0]: make_in(owner, trial)})

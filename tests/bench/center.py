"""A center of middling size for the load benchmark: about 50,000 records in fifty trials, and its people."""

import datetime
import random

TRIALS, PARTICIPANTS = 50, 50

#: Doses, events, assessments and values of a marker that each participant has.
DOSES, EVENTS, ASSESSMENTS, VALUES = 6, 3, 3, 4

#: How many of each role are at work; together 32.
PEOPLE = {"physician": 19, "researcher": 7, "director": 3, "monitor": 3}

#: Trials of each who does not see all.
ASSIGNED = 3

PASSWORD = "thirty-two at work at once"

LOCATIONS = ["LUNG", "SKIN", "HEAD_NECK", "KIDNEY", "BLADDER", "BOWEL"]


def people() -> list[tuple[str, str]]:
    """Of each: the account's name and the role."""
    return [(f"{role}{number}", role) for role, count in PEOPLE.items() for number in range(count)]


def fill() -> int:
    """Store it all in the database that is open, and commit. Returns how many records there are."""
    from tracker.audit import store_rows
    from tracker.extensions import db
    from tracker.models import (
        Administration,
        AdverseEvent,
        Lesion,
        LesionMeasurement,
        Measurement,
        Participant,
        Specimen,
        TumorAssessment,
    )
    from tracker.terms.biomarker import Timepoint
    from tracker.terms.participant import Sex
    from tracker.terms.regimen import DoseUnit
    from tracker.terms.response import LesionRole, Modality
    from tracker.terms.specimen import SpecimenType

    chance = random.Random(32)
    arms, component, assay = _studies()
    rows = {kind: [] for kind in (Administration, AdverseEvent, Specimen, Measurement, TumorAssessment)}
    found = 0
    for trial_id, arm_id in arms:
        starts = [
            datetime.date(2023, 1, 2) + datetime.timedelta(chance.randrange(700)) for _ in range(PARTICIPANTS)
        ]
        ids = store_rows(
            Participant,
            [
                {
                    "trial_id": trial_id,
                    "arm_id": arm_id,
                    "code": f"T{trial_id:02}-{number:03}",
                    "sex": chance.choice(list(Sex)),
                    "birth_year": chance.randrange(1940, 1990),
                    "ecog": chance.randrange(3),
                    "tumor_location": chance.choice(LOCATIONS),
                    "consented_on": start - datetime.timedelta(20),
                    "enrolled_on": start - datetime.timedelta(5),
                    "first_dose_on": start,
                    "last_known_alive_on": start + datetime.timedelta(200),
                }
                for number, start in enumerate(starts, 1)
            ],
        )
        labels = [
            {
                "participant_id": id,
                "label": "T1",
                "role": LesionRole.TARGET,
                "place": "lung, right",
                "organ": "lung",
            }
            for id in ids
        ]
        lesions = store_rows(Lesion, labels)
        found += 2 * len(ids)
        sizes = []
        for id, lesion, start in zip(ids, lesions, starts):
            day = lambda days, start=start: start + datetime.timedelta(days)  # noqa: E731
            rows[Administration] += [
                {
                    "participant_id": id,
                    "component_id": component,
                    "cycle": cycle + 1,
                    "given_on": day(21 * cycle),
                    "dose": 200,
                    "unit": DoseUnit.MG,
                }
                for cycle in range(DOSES)
            ]
            rows[AdverseEvent] += [
                {
                    "participant_id": id,
                    "term": chance.choice(["Fatigue", "Nausea", "Rash", "Diarrhoea"]),
                    "grade": chance.choices([1, 2, 3], [6, 3, 1])[0],
                    "started_on": day(chance.randrange(1, 120)),
                }
                for _event in range(EVENTS)
            ]
            rows[Specimen].append(
                {
                    "participant_id": id,
                    "barcode": f"L{id:06}",
                    "type": SpecimenType.FIXED_TISSUE,
                    "timepoint": Timepoint.BASELINE,
                    "collected_on": day(-10),
                }
            )
            rows[Measurement] += [
                {
                    "participant_id": id,
                    "assay_id": assay,
                    "value": round(chance.lognormvariate(1.5, 1), 2),
                    "timepoint": Timepoint.ON_TREATMENT if visit else Timepoint.BASELINE,
                    "measured_on": day(42 * visit - 7),
                }
                for visit in range(VALUES)
            ]
            course = chance.choice([0.6, 0.9, 1.0, 1.3])
            for visit in range(ASSESSMENTS):
                rows[TumorAssessment].append(
                    {
                        "participant_id": id,
                        "assessed_on": day(56 * visit - (visit == 0)),
                        "modality": Modality.CT,
                    }
                )
                sizes.append([{"lesion_id": lesion, "diameter_mm": round(40 * course**visit, 1)}])
        for kind, waiting in rows.items():
            parts = {LesionMeasurement: sizes} if kind is TumorAssessment else None
            found += len(store_rows(kind, waiting, parts))
            waiting.clear()
    db.session.commit()
    return found


def _studies():
    """Accounts, trials with an arm each and their members. Returns trial and arm ids, a component's and an assay's."""
    from tracker.extensions import db
    from tracker.models import (
        Agent,
        Arm,
        Assay,
        Biomarker,
        Regimen,
        RegimenComponent,
        Trial,
        TrialMember,
        User,
    )
    from tracker.roles import Role
    from tracker.terms.biomarker import BiomarkerKind, Scale
    from tracker.terms.regimen import ComponentRole, MechanismClass, Modality
    from tracker.terms.trial import (
        ArmType,
        Design,
        EnrolmentStatus,
        Phase,
        ResponseCriteria,
        Setting,
        TrialStatus,
    )

    chance = random.Random(50)
    agent = Agent(name="pembrolizumab", mechanism_class=MechanismClass.PD_1, modality=Modality.ANTIBODY)
    regimen = Regimen(
        name="pembrolizumab", components=[RegimenComponent(agent=agent, role=ComponentRole.BACKBONE)]
    )
    marker = Biomarker(name="Tumor mutational burden", kind=BiomarkerKind.MUTATIONAL_BURDEN)
    assay = Assay(
        biomarker=marker, name="TMB (panel)", scale=Scale.CONTINUOUS, unit="mut/Mb", positive_cutoff=10
    )
    arms = [
        Arm(
            trial=Trial(
                code=f"LOAD-{number:02}",
                title=f"Pembrolizumab in advanced solid tumors, study {number}",
                phase=Phase.PHASE2,
                status=TrialStatus.RECRUITING,
                design=Design.SINGLE_ARM,
                setting=Setting.ADVANCED,
                response_criteria=ResponseCriteria.RECIST_1_1,
                accrual_target=80,
            ),
            code="A",
            title="Pembrolizumab",
            type=ArmType.EXPERIMENTAL,
            regimen=regimen,
            status=EnrolmentStatus.OPEN,
        )
        for number in range(1, TRIALS + 1)
    ]
    users = [User(name=name, display_name=name.capitalize(), role=Role(role)) for name, role in people()]
    users[0].set_password(PASSWORD)
    for user in users:
        user.password_hash = users[0].password_hash
    db.session.add_all([*arms, assay, *users])
    for user in users:
        if user.role is not Role.DIRECTOR:
            db.session.add_all(
                TrialMember(user=user, trial=arm.trial) for arm in chance.sample(arms, ASSIGNED)
            )
    db.session.flush()
    return [(arm.trial_id, arm.id) for arm in arms], regimen.components[0].id, assay.id

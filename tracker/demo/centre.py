"""A small centre whose every record is synthetic: the same seed gives the same centre, dated up to today.

Response rates lie near the published ones, so that what the reports show is what a reader would expect.
"""

import datetime
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa

from tracker import actions, clock
from tracker.audit import store_rows
from tracker.extensions import db
from tracker.models import (
    Agent,
    Arm,
    Cohort,
    Participant,
    ReferenceResult,
    Regimen,
    RegimenComponent,
    ReportedOutcome,
    Trial,
    User,
)
from tracker.roles import Role
from tracker.terms.participant import Subtype
from tracker.terms.regimen import (
    ComponentRole,
    DoseUnit,
    MechanismClass,
    Modality,
    ReferenceEndpoint,
    Route,
)
from tracker.terms.trial import (
    ArmType,
    Design,
    EnrolmentStatus,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)

SEED = 2026

#: Role, account, password: printed at the start, and of no use anywhere else.
SIGN_INS = [
    ("physician", "moreau", "demonstration-physician"),
    ("researcher", "okoye", "demonstration-researcher"),
    ("director", "lindqvist", "demonstration-director"),
    ("monitor", "ferrari", "demonstration-monitor"),
    ("admin", "admin", "demonstration-admin"),
]
_NAMES = {
    "moreau": "Dr A. Moreau",
    "okoye": "Dr N. Okoye",
    "lindqvist": "Prof. E. Lindqvist",
    "ferrari": "G. Ferrari",
    "admin": "Administrator",
}

_AGENTS = [
    ("pembrolizumab", "MK-3475", "PD-1", MechanismClass.PD_1, Modality.ANTIBODY),
    ("nivolumab", "BMS-936558", "PD-1", MechanismClass.PD_1, Modality.ANTIBODY),
    ("ipilimumab", "MDX-010", "CTLA-4", MechanismClass.CTLA_4, Modality.ANTIBODY),
    ("atezolizumab", "MPDL3280A", "PD-L1", MechanismClass.PD_L1, Modality.ANTIBODY),
    ("relatlimab", "BMS-986016", "LAG-3", MechanismClass.LAG_3, Modality.ANTIBODY),
    ("nab-paclitaxel", None, "microtubules", MechanismClass.CHEMOTHERAPY, Modality.SMALL_MOLECULE),
    ("docetaxel", None, "microtubules", MechanismClass.CHEMOTHERAPY, Modality.SMALL_MOLECULE),
]

_MG, _MG_KG, _MG_M2 = DoseUnit.MG, DoseUnit.MG_KG, DoseUnit.MG_M2
_REGIMENS = {
    "pembrolizumab": [("pembrolizumab", 200, _MG, "every 3 weeks")],
    "nivolumab": [("nivolumab", 240, _MG, "every 2 weeks")],
    "ipilimumab": [("ipilimumab", 3, _MG_KG, "every 3 weeks, 4 doses")],
    "docetaxel": [("docetaxel", 75, _MG_M2, "every 3 weeks")],
    "nivolumab + ipilimumab": [
        ("nivolumab", 1, _MG_KG, "every 3 weeks, 4 doses, then 240 mg every 2 weeks"),
        ("ipilimumab", 3, _MG_KG, "every 3 weeks, 4 doses"),
    ],
    "nivolumab + relatlimab": [
        ("nivolumab", 480, _MG, "every 4 weeks"),
        ("relatlimab", 160, _MG, "every 4 weeks"),
    ],
    "atezolizumab + nab-paclitaxel": [
        ("nab-paclitaxel", 100, _MG_M2, "days 1, 8 and 15 of 28"),
        ("atezolizumab", 840, _MG, "days 1 and 15 of 28"),
    ],
}
_RATIONALES = {
    "nivolumab + ipilimumab": "PD-1 and CTLA-4 restrain T cells at different points: in the tumor and in the node.",
    "nivolumab + relatlimab": "LAG-3 is expressed with PD-1 on exhausted T cells and may keep them so.",
    "atezolizumab + nab-paclitaxel": "Chemotherapy releases antigen, and this taxane needs no steroid.",
}


_HR, _HER2, _TNBC = Subtype.HR_POSITIVE, Subtype.HER2_POSITIVE, Subtype.TNBC


@dataclass
class _Group:
    """Participants who share arm, cohort and prospects.

    orr: the chance of CR or PR, near the published one. os_months: median overall survival.
    """

    arm: str
    location: str
    diagnosis: str
    n: int
    orr: float
    os_months: float
    subtype: Subtype | None = None
    cohort: str | None = None


@dataclass
class _Plan:
    code: str
    title: str
    phase: Phase
    status: TrialStatus
    design: Design
    arms: list[tuple]  # code, title, type, regimen, planned
    groups: list[_Group]
    target: int
    started_months_ago: int
    setting: Setting = Setting.ADVANCED
    is_randomised: bool = False
    criteria: ResponseCriteria = ResponseCriteria.RECIST_1_1
    facts: dict = field(default_factory=dict)


_EXPERIMENTAL, _COMPARATOR = ArmType.EXPERIMENTAL, ArmType.ACTIVE_COMPARATOR

# Rates: KEYNOTE-028, -086 and -158, CheckMate 067 and OAK, rounded; see also `ReferenceResult` below.
_PLANS = [
    _Plan(
        "CCI-BASKET-01",
        "Pembrolizumab in advanced solid tumors, by tumor location",
        Phase.PHASE2,
        TrialStatus.RECRUITING,
        Design.BASKET,
        [("PEMBRO", "Pembrolizumab", _EXPERIMENTAL, "pembrolizumab", 160)],
        [
            _Group("PEMBRO", "BREAST", "BRCA", 18, 0.11, 9, _TNBC, "Breast, triple-negative"),
            _Group("PEMBRO", "BREAST", "BRCA", 14, 0.06, 12, _HR, "Breast, HR+/HER2−"),
            _Group("PEMBRO", "HEAD_NECK", "HNSC", 20, 0.18, 9, None, "Head and neck"),
            _Group("PEMBRO", "BLADDER", "BLCA", 18, 0.22, 10, None, "Bladder"),
            _Group("PEMBRO", "OVARY", "HGSOC", 16, 0.09, 14, None, "Ovary"),
            _Group("PEMBRO", "BOWEL", "COADREAD", 14, 0.20, 16, None, "Bowel"),
            _Group("PEMBRO", "UTERUS", "UCEC", 12, 0.25, 17, None, "Uterus"),
            _Group("PEMBRO", "STOMACH", "STAD", 14, 0.13, 8, None, "Stomach"),
        ],
        160,
        20,
        facts={"nct_number": "NCT09900001", "primary_endpoint": "Objective response rate"},
    ),
    _Plan(
        "CCI-MEL-02",
        "Nivolumab, ipilimumab, or both in untreated advanced melanoma",
        Phase.PHASE3,
        TrialStatus.COMPLETED,
        Design.RANDOMISED,
        [
            ("NIVO-IPI", "Nivolumab and ipilimumab", _EXPERIMENTAL, "nivolumab + ipilimumab", 36),
            ("NIVO", "Nivolumab", _EXPERIMENTAL, "nivolumab", 36),
            ("IPI", "Ipilimumab", _COMPARATOR, "ipilimumab", 36),
        ],
        [
            _Group("NIVO-IPI", "SKIN", "MEL", 36, 0.58, 40),
            _Group("NIVO", "SKIN", "MEL", 36, 0.44, 36),
            _Group("IPI", "SKIN", "MEL", 36, 0.19, 20),
        ],
        108,
        60,
        is_randomised=True,
        facts={"results_released": True, "primary_endpoint": "Overall survival"},
    ),
    _Plan(
        "CCI-LUNG-03",
        "Pembrolizumab against docetaxel in previously treated lung cancer",
        Phase.PHASE2,
        TrialStatus.RECRUITING,
        Design.RANDOMISED,
        [
            ("PEMBRO", "Pembrolizumab", _EXPERIMENTAL, "pembrolizumab", 40),
            ("DOC", "Docetaxel", _COMPARATOR, "docetaxel", 40),
        ],
        [
            _Group("PEMBRO", "LUNG", "NSCLC", 24, 0.18, 13),
            _Group("DOC", "LUNG", "NSCLC", 24, 0.13, 9),
        ],
        80,
        16,
        is_randomised=True,
        facts={"primary_endpoint": "Progression-free survival"},
    ),
    _Plan(
        "CCI-TNBC-04",
        "Atezolizumab and nab-paclitaxel in advanced triple-negative breast cancer",
        Phase.PHASE2,
        TrialStatus.ACTIVE_NOT_RECRUITING,
        Design.SINGLE_ARM,
        [
            (
                "ATEZO-NAB",
                "Atezolizumab and nab-paclitaxel",
                _EXPERIMENTAL,
                "atezolizumab + nab-paclitaxel",
                32,
            )
        ],
        [_Group("ATEZO-NAB", "BREAST", "BRCA", 32, 0.53, 21, _TNBC)],
        32,
        30,
        facts={"primary_endpoint": "Objective response rate"},
    ),
    _Plan(
        "CCI-LAG-05",
        "Nivolumab and relatlimab in solid tumors: dose expansion",
        Phase.PHASE1_PHASE2,
        TrialStatus.RECRUITING,
        Design.EXPANSION,
        [("NIVO-RELA", "Nivolumab and relatlimab", _EXPERIMENTAL, "nivolumab + relatlimab", 60)],
        [
            _Group("NIVO-RELA", "SKIN", "MEL", 16, 0.42, 24, None, "Melanoma"),
            _Group("NIVO-RELA", "KIDNEY", "CCRCC", 12, 0.28, 22, None, "Kidney"),
            _Group("NIVO-RELA", "BREAST", "BRCA", 8, 0.10, 10, _HER2, "Breast, HER2+"),
        ],
        60,
        12,
        facts={"primary_endpoint": "Objective response rate", "partner": "Example Pharma"},
    ),
    _Plan(
        "CCI-NEO-06",
        "Pembrolizumab before surgery in early triple-negative breast cancer",
        Phase.PHASE2,
        TrialStatus.RECRUITING,
        Design.SINGLE_ARM,
        [("PEMBRO", "Pembrolizumab before surgery", _EXPERIMENTAL, "pembrolizumab", 40)],
        [_Group("PEMBRO", "BREAST", "BRCA", 22, 0.45, 60, _TNBC)],
        40,
        14,
        setting=Setting.NEOADJUVANT,
        criteria=ResponseCriteria.PCR,
        facts={"primary_endpoint": "Pathological complete response"},
    ),
]

# Regimen, location, x, n, citation.
_REFERENCES = [
    ("nivolumab + ipilimumab", "SKIN", 181, 314, "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067)"),
    ("nivolumab", "SKIN", 138, 316, "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067)"),
    ("ipilimumab", "SKIN", 60, 315, "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067)"),
]


def load(today: datetime.date | None = None) -> bool:
    """Fill an empty database, all or nothing. Returns whether there was anything to do."""
    if db.session.scalar(sa.select(User.id).limit(1)) is not None:
        return False
    today = today or clock.today()
    random = np.random.default_rng(SEED)
    users = {
        name: actions.add_user(name, Role(role), password, _NAMES[name]) for role, name, password in SIGN_INS
    }
    regimens = _regimens()
    for plan in _PLANS:
        trial = _trial(plan, regimens, today)
        for name in ("moreau", "okoye", "ferrari"):
            actions.assign(users[name], trial)
        db.session.flush()
        _enrol(plan, trial, today, random)
    db.session.commit()
    return True


def _regimens() -> dict[str, Regimen]:
    agents = {
        name: Agent(name=name, code=code, target=target, mechanism_class=mechanism, modality=modality)
        for name, code, target, mechanism, modality in _AGENTS
    }
    regimens = {}
    for name, components in _REGIMENS.items():
        regimen = Regimen(name=name, rationale=_RATIONALES.get(name))
        for number, (agent, dose, unit, schedule) in enumerate(components):
            role = ComponentRole.ADDED if number else ComponentRole.BACKBONE
            regimen.components.append(
                RegimenComponent(
                    agent=agents[agent],
                    role=role,
                    dose=dose,
                    unit=unit,
                    route=Route.INTRAVENOUS,
                    schedule=schedule,
                    start_day=1,
                )
            )
        regimens[name] = regimen
    db.session.add_all(regimens.values())
    for name, location, x, n, citation in _REFERENCES:
        db.session.add(
            ReferenceResult(
                regimen=regimens[name],
                tumor_location=location,
                endpoint=ReferenceEndpoint.ORR,
                x=x,
                n=n,
                x_is_rounded=True,
                citation=citation,
            )
        )
    return regimens


def _trial(plan: _Plan, regimens, today) -> Trial:
    ended = plan.status.has_ended
    trial = Trial(
        code=plan.code,
        title=plan.title,
        phase=plan.phase,
        status=plan.status,
        design=plan.design,
        setting=plan.setting,
        response_criteria=plan.criteria,
        is_randomised=plan.is_randomised,
        confirmation_required=not plan.is_randomised,
        accrual_target=plan.target,
        sponsor="Center for Cancer Immunotherapy (synthetic)",
        opened_on=_months_before(today, plan.started_months_ago),
        closed_on=_months_before(today, 6) if ended else None,
        **plan.facts,
    )
    status = EnrolmentStatus.OPEN if plan.status.enrols else EnrolmentStatus.CLOSED
    for code, title, arm_type, regimen, planned in plan.arms:
        trial.arms.append(
            Arm(
                code=code,
                title=title,
                type=arm_type,
                regimen=regimens[regimen],
                status=status,
                planned_n=planned,
            )
        )
    for group in plan.groups:
        if group.cohort:
            trial.cohorts.append(
                Cohort(
                    name=group.cohort,
                    tumor_location=group.location,
                    subtype=group.subtype,
                    status=status,
                    planned_n=group.n + 6,
                )
            )
    db.session.add(trial)
    return trial


def _enrol(plan: _Plan, trial: Trial, today, random):
    """Participants of a trial, in the order of their enrolment, and what became of them."""
    arms = {arm.code: arm.id for arm in trial.arms}
    cohorts = {cohort.name: cohort.id for cohort in trial.cohorts}
    last = (_months_before(today, 18) if trial.status.has_ended else today) - trial.opened_on
    planned = sorted(
        ((int(random.integers(7, last.days - 3)), group) for group in plan.groups for _ in range(group.n)),
        key=lambda pair: pair[0],
    )
    rows, outcomes = [], []
    for number, (day, group) in enumerate(planned, start=1):
        enrolled = trial.opened_on + datetime.timedelta(days=day)
        row, outcome = _person(plan, group, enrolled, today, random)
        rows.append(
            row
            | {
                "trial_id": trial.id,
                "code": f"{trial.code.split('-')[1]}-{number:03}",
                "arm_id": arms[group.arm],
                "cohort_id": cohorts.get(group.cohort),
            }
        )
        outcomes.append(outcome)
    ids = store_rows(Participant, rows)
    store_rows(
        ReportedOutcome,
        [outcome | {"participant_id": key} for key, outcome in zip(ids, outcomes, strict=True) if outcome],
    )


def _person(plan, group, enrolled, today, random):
    """Columns of one participant, and of the outcome where there is one yet."""
    first_dose = enrolled + datetime.timedelta(days=int(random.integers(0, 6)))
    followed = max(0, (today - first_dose).days)
    responds = random.random() < group.orr
    survival = (
        int(random.exponential(group.os_months / np.log(2)) * 30.4375 * (2.2 if responds else 0.8)) + 20
    )
    progression = min(survival, int(random.exponential(400 if responds else 90)) + 40)
    died = survival <= followed
    seen = min(followed, survival)
    female = group.location in ("BREAST", "OVARY", "UTERUS") or random.random() < 0.42
    age = float(np.clip(random.normal(61, 11), 24, 88).round(1))
    day = datetime.timedelta
    row = {
        "undated": False,
        "sex": "female" if female else "male",
        "birth_year": enrolled.year - int(age),
        "age_at_enrolment": None,
        "ecog": int(random.choice([0, 1, 2], p=[0.45, 0.45, 0.10])),
        "tumor_location": group.location,
        "diagnosis": group.diagnosis,
        "subtype": group.subtype,
        "stage": "II" if plan.setting is Setting.NEOADJUVANT else "IV",
        "prior_lines": _prior_lines(plan, random),
        "prior_immunotherapy": bool(random.random() < 0.1),
        "consented_on": enrolled - day(days=int(random.integers(1, 15))),
        "enrolled_on": enrolled,
        "first_dose_on": first_dose if first_dose <= today else None,
        "last_dose_on": min(first_dose + day(days=progression), today) if first_dose <= today else None,
        "off_treatment_on": first_dose + day(days=progression) if progression <= seen else None,
        "off_treatment_reason": "progression" if progression <= seen else None,
        "last_known_alive_on": None if died else today - day(days=int(min(followed, random.integers(0, 40)))),
        "died_on": first_dose + day(days=survival) if died else None,
        "consents_to_data_research": True,
        "consents_to_sample_research": bool(random.random() < 0.9),
    }
    if row["last_known_alive_on"]:
        row["last_known_alive_on"] = max(row["last_known_alive_on"], row["last_dose_on"] or enrolled)
    return row, _outcome(plan, responds, progression, survival, followed, random)


def _prior_lines(plan, random):
    if plan.setting is Setting.NEOADJUVANT:
        return "0"
    if random.random() < 0.05:
        return None  # not recorded, as in life
    return str(random.choice(["0", "1", "2", "3", "4"], p=[0.25, 0.35, 0.2, 0.12, 0.08]))


def _outcome(plan, responds, progression, survival, followed, random):
    """The outcome that the centre's own record gives, once the first assessment is in."""
    if followed < 63:
        return None
    if random.random() < 0.03:
        best = "NE"
    elif responds:
        best = "CR" if random.random() < 0.2 else "PR"
    else:
        best = "PD" if progression < 80 or random.random() < 0.3 else "SD"
    progressed, died = progression <= followed, survival <= followed
    is_surgery = plan.setting is Setting.NEOADJUVANT
    return {
        "best_overall_response": best,
        "clinical_benefit": best in ("CR", "PR") or (best == "SD" and progression >= 168),
        "pathological_complete_response": responds if is_surgery else None,
        "pfs_months": round(min(progression, followed) / 30.4375, 2),
        "pfs_event": progressed,
        "os_months": round(min(survival, followed) / 30.4375, 2),
        "os_event": died,
        "source": "demonstration",
    }


def _months_before(day: datetime.date, months: int) -> datetime.date:
    return day - datetime.timedelta(days=round(months * 30.4375))

"""The trials of the demonstration centre: their arms, their cohorts, and the groups that enrol in them.

Trial numbers are invented (NCT099…); rates lie near the published ones that `regimen.py` cites.
"""

import datetime
from dataclasses import dataclass, field

from tracker.extensions import db
from tracker.models import Arm, Cohort, Trial
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.trial import (
    ArmType,
    Design,
    EnrolmentStatus,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)

_HR, _HER2, _TNBC = Subtype.HR_POSITIVE, Subtype.HER2_POSITIVE, Subtype.TNBC
_EXPERIMENTAL, _COMPARATOR = ArmType.EXPERIMENTAL, ArmType.ACTIVE_COMPARATOR


@dataclass(frozen=True)
class Group:
    """Participants who share arm, cohort and prospects.

    orr: the fraction with CR or PR (in the neoadjuvant setting with pCR); pfs_months: the median of those with
    stable disease; os_months: the median of all.
    prior_lines: weights of 0, 1, 2, 3 and 4 lines; pd_l1: how much more PD-L1 tells of response and survival under
    this treatment than it usually does, 0 for nothing; msi: the fraction that is MSI-high; stable: of those who do
    not respond, the fraction with stable disease.
    """

    arm: str
    location: str
    diagnoses: tuple[str, ...]
    n: int
    orr: float
    pfs_months: float
    os_months: float
    subtype: Subtype | None = None
    cohort: str | None = None
    prior_lines: tuple[float, ...] = (0, 40, 30, 20, 10)
    pd_l1: float = 1.0
    msi: float = 0.0
    stable: float = 0.42


@dataclass(frozen=True)
class Plan:
    """A trial as it was meant and as it went.

    opened: months ago; accrual_months: how long it enrolled, None for until now; closed: months ago, where closed.
    assays: those that it measures; undated: whether its participants came without dates; rules: the settings of an
    arm's two stages or boundary; dlts: how many of an arm have a dose-limiting toxicity, where it is no escalation.
    """

    code: str
    title: str
    phase: Phase
    status: TrialStatus
    design: Design
    arms: list[tuple]  # code, title, type, regimen, planned n
    groups: list[Group]
    target: int
    opened: float
    assays: tuple[str, ...]
    accrual_months: float | None = None
    closed: float | None = None
    setting: Setting = Setting.ADVANCED
    criteria: ResponseCriteria = ResponseCriteria.RECIST_1_1
    is_randomised: bool = False
    undated: bool = False
    rules: dict[str, dict] = field(default_factory=dict)
    dlts: dict[str, int] = field(default_factory=dict)
    facts: dict = field(default_factory=dict)

    @property
    def has_assessments(self) -> bool:
        """Whether responses are derived from assessments; else they are reported."""
        return not self.undated and self.criteria is ResponseCriteria.RECIST_1_1


_FIRST_LINE = (100, 0, 0, 0, 0)
_TISSUE = ("CPS", "TMB")
_BLOOD = ("NLR", "LDH")

#: Minimax for response rates of 30 and 55 %, with errors of 5 and 10 % (Simon 1989).
_SIMON = {"r1": 8, "n1": 22, "r": 14, "n": 34}

#: Stop where more than 20 % have a DLT with a certainty of 90 %.
_TOXICITY = {
    "toxicity_limit": 0.2, "toxicity_certainty": 0.9, "toxicity_prior_a": 0.4, "toxicity_prior_b": 1.6,
    "toxicity_least_n": 6,
}  # fmt: skip

PLANS = [
    Plan(
        "CCI-BASKET-01", "Pembrolizumab in advanced solid tumors, by tumor location",
        Phase.PHASE2, TrialStatus.RECRUITING, Design.BASKET,
        [("PEMBRO", "Pembrolizumab", _EXPERIMENTAL, "pembrolizumab", 190)],
        [
            Group("PEMBRO", "BREAST", ("IDC", "BRCA"), 30, 0.10, 4, 10, _TNBC, "Breast, triple-negative",
                  (5, 30, 30, 20, 15)),
            Group("PEMBRO", "BREAST", ("IDC", "ILC"), 24, 0.05, 4.5, 15, _HR, "Breast, HR+/HER2−",
                  (0, 15, 30, 30, 25)),
            Group("PEMBRO", "BREAST", ("IDC",), 8, 0.06, 4, 14, _HER2, "Breast, HER2+", (0, 10, 30, 30, 30)),
            Group("PEMBRO", "HEAD_NECK", ("HNSC",), 20, 0.24, 4, 11, None, "Head and neck", (50, 35, 15, 0, 0)),
            Group("PEMBRO", "BLADDER", ("BLCA",), 18, 0.32, 4, 11, None, "Bladder", (45, 40, 15, 0, 0)),
            Group("PEMBRO", "OVARY", ("HGSOC",), 16, 0.12, 4, 17, None, "Ovary", msi=0.02),
            Group("PEMBRO", "BOWEL", ("COAD", "READ"), 16, 0.32, 5, 17, None, "Bowel", (20, 40, 25, 15, 0),
                  msi=0.45),
            Group("PEMBRO", "UTERUS", ("UEC", "UCEC"), 14, 0.29, 5, 19, None, "Uterus", (0, 60, 25, 15, 0),
                  msi=0.35),
            Group("PEMBRO", "STOMACH", ("STAD",), 16, 0.16, 3.5, 8, None, "Stomach", (0, 20, 40, 30, 10),
                  msi=0.08),
        ],
        190, 26, ("CPS", "IC", "TMB", "MSI", "TILS", "GEP", "HER2", "ctDNA", *_BLOOD),
        facts={
            "nct_number": "NCT09900001", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Objective response rate",
        },
    ),
    Plan(
        "CCI-MEL-02", "Nivolumab, ipilimumab, or both in untreated advanced melanoma",
        Phase.PHASE3, TrialStatus.COMPLETED, Design.RANDOMISED,
        [
            ("NIVO-IPI", "Nivolumab and ipilimumab", _EXPERIMENTAL, "nivolumab + ipilimumab", 27),
            ("NIVO", "Nivolumab", _EXPERIMENTAL, "nivolumab", 27),
            ("IPI", "Ipilimumab", _COMPARATOR, "ipilimumab", 27),
        ],
        [
            Group("NIVO-IPI", "SKIN", ("MEL",), 26, 0.58, 7, 48, prior_lines=_FIRST_LINE, pd_l1=0.5),
            Group("NIVO", "SKIN", ("MEL",), 26, 0.44, 6, 34, prior_lines=_FIRST_LINE),
            Group("IPI", "SKIN", ("MEL",), 26, 0.19, 4, 19, prior_lines=_FIRST_LINE, pd_l1=0.5),
        ],
        80, 64, (*_TISSUE, "GEP", *_BLOOD), accrual_months=17, closed=5, is_randomised=True,
        facts={
            "results_released": True, "nct_number": "NCT09900002", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Overall survival",
            "partner": "Cooperative group (synthetic)",
        },
    ),
    Plan(
        "CCI-LUNG-03", "Pembrolizumab against docetaxel in previously treated lung cancer",
        Phase.PHASE3, TrialStatus.COMPLETED, Design.RANDOMISED,
        [
            ("PEMBRO", "Pembrolizumab", _EXPERIMENTAL, "pembrolizumab", 66),
            ("DOC", "Docetaxel", _COMPARATOR, "docetaxel", 66),
        ],
        [
            Group("PEMBRO", "LUNG", ("LUAD", "LUAD", "LUSC"), 66, 0.25, 4.5, 9,
                  prior_lines=(0, 75, 20, 5, 0), pd_l1=4.0),
            Group("DOC", "LUNG", ("LUAD", "LUAD", "LUSC"), 66, 0.12, 4.5, 5.5,
                  prior_lines=(0, 75, 20, 5, 0), pd_l1=0),
        ],
        132, 48, ("CPS", "IC", "TMB", *_BLOOD), accrual_months=18, closed=3, is_randomised=True,
        facts={
            "results_released": True, "nct_number": "NCT09900003", "principal_investigator": "Dr S. Haddad",
            "eu_ct_number": "2022-509903-12-00",
            "primary_endpoint": "Overall survival",
        },
    ),
    Plan(
        "CCI-TNBC-04", "Atezolizumab and nab-paclitaxel in advanced triple-negative breast cancer",
        Phase.PHASE2, TrialStatus.ACTIVE_NOT_RECRUITING, Design.TWO_STAGE,
        [("ATEZO-NAB", "Atezolizumab and nab-paclitaxel", _EXPERIMENTAL, "atezolizumab + nab-paclitaxel", 34)],
        [Group("ATEZO-NAB", "BREAST", ("IDC", "BRCA"), 34, 0.47, 3, 18, _TNBC,
               prior_lines=(65, 25, 10, 0, 0))],
        34, 33, ("CPS", "IC", "TMB", "TILS", "GEP", "HER2", *_BLOOD), accrual_months=15,
        rules={"ATEZO-NAB": _SIMON},
        facts={
            "nct_number": "NCT09900004", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Objective response rate",
        },
    ),
    Plan(
        "CCI-LAG-05", "Nivolumab and relatlimab in solid tumors: dose expansion",
        Phase.PHASE1_PHASE2, TrialStatus.SUSPENDED, Design.EXPANSION,
        [("NIVO-RELA", "Nivolumab and relatlimab", _EXPERIMENTAL, "nivolumab + relatlimab", 60)],
        [
            Group("NIVO-RELA", "SKIN", ("MEL",), 18, 0.42, 6, 30, None, "Melanoma", (80, 20, 0, 0, 0)),
            Group("NIVO-RELA", "KIDNEY", ("CCRCC",), 10, 0.28, 6, 24, None, "Kidney", (30, 50, 20, 0, 0)),
            Group("NIVO-RELA", "BREAST", ("IDC",), 8, 0.10, 4, 14, _HER2, "Breast, HER2+", (0, 20, 40, 30, 10)),
        ],
        60, 15, (*_TISSUE, "GEP", "HER2", *_BLOOD), accrual_months=12,
        facts={
            "nct_number": "NCT09900005", "principal_investigator": "Dr L. Vega",
            "primary_endpoint": "Objective response rate",
            "partner": "Example Pharma (synthetic)",
        },
    ),
    Plan(
        "CCI-NEO-06", "Pembrolizumab, carboplatin and docetaxel before surgery in early triple-negative breast cancer",
        Phase.PHASE2, TrialStatus.ACTIVE_NOT_RECRUITING, Design.SINGLE_ARM,
        [("PEMBRO-CHEMO", "Pembrolizumab and chemotherapy before surgery", _EXPERIMENTAL,
          "pembrolizumab + carboplatin + docetaxel", 28)],
        [Group("PEMBRO-CHEMO", "BREAST", ("IDC", "BRCA"), 28, 0.57, 40, 120, _TNBC, prior_lines=_FIRST_LINE)],
        28, 20, ("CPS", "IC", "TMB", "TILS", "GEP", "HER2", "ctDNA", "NLR"), accrual_months=13,
        setting=Setting.NEOADJUVANT, criteria=ResponseCriteria.PCR,
        facts={
            "nct_number": "NCT09900006", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Pathological complete response",
        },
    ),
    Plan(
        "CCI-RCC-07", "Pembrolizumab, lenvatinib, or both in advanced renal cell carcinoma",
        Phase.PHASE2, TrialStatus.ACTIVE_NOT_RECRUITING, Design.RANDOMISED,
        [
            ("PEMBRO-LEN", "Pembrolizumab and lenvatinib", _EXPERIMENTAL, "pembrolizumab + lenvatinib", 27),
            ("PEMBRO", "Pembrolizumab", _COMPARATOR, "pembrolizumab", 27),
            ("LEN", "Lenvatinib", _COMPARATOR, "lenvatinib", 27),
        ],
        [
            Group("PEMBRO-LEN", "KIDNEY", ("CCRCC",), 27, 0.72, 11, 50, prior_lines=_FIRST_LINE, pd_l1=0.3, stable=0.7),
            Group("PEMBRO", "KIDNEY", ("CCRCC",), 27, 0.34, 6, 40, prior_lines=_FIRST_LINE),
            Group("LEN", "KIDNEY", ("CCRCC",), 27, 0.26, 5, 34, prior_lines=_FIRST_LINE, pd_l1=0, stable=0.7),
        ],
        81, 36, (*_TISSUE, *_BLOOD), accrual_months=16, is_randomised=True,
        facts={
            "results_released": True, "nct_number": "NCT09900007", "principal_investigator": "Dr L. Vega",
            "primary_endpoint": "Progression-free survival",
        },
    ),
    Plan(
        "CCI-ITX-08", "First in human: ITX-204 in advanced solid tumors",
        Phase.PHASE1, TrialStatus.ACTIVE_NOT_RECRUITING, Design.DOSE_ESCALATION,
        [("ITX", "ITX-204, rising doses", _EXPERIMENTAL, "ITX-204", 24)],
        [
            Group("ITX", "BOWEL", ("COAD", "READ"), 4, 0.0, 3, 8),
            Group("ITX", "OVARY", ("HGSOC",), 4, 0.0, 4, 12),
            Group("ITX", "BREAST", ("IDC",), 2, 0.0, 3, 10, _HR),
            Group("ITX", "LUNG", ("LUAD", "LUSC"), 4, 0.25, 4, 10),
            Group("ITX", "PANCREAS", ("PAAD",), 2, 0.0, 2, 6),
        ],
        24, 34, ("CPS", *_BLOOD), accrual_months=13,
        facts={
            "nct_number": "NCT09900008", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Dose-limiting toxicity",
            "partner": "Invented Therapeutics (synthetic)",
        },
    ),
    Plan(
        "CCI-ITX-09", "Pembrolizumab with rising doses of ITX-204 in advanced solid tumors",
        Phase.PHASE1_PHASE2, TrialStatus.RECRUITING, Design.DOSE_ESCALATION,
        [("PEMBRO-ITX", "Pembrolizumab and ITX-204, rising doses", _EXPERIMENTAL, "pembrolizumab + ITX-204", 30)],
        [
            Group("PEMBRO-ITX", "HEAD_NECK", ("HNSC",), 6, 0.34, 4, 11),
            Group("PEMBRO-ITX", "BREAST", ("IDC",), 4, 0.0, 3, 11, _TNBC),
            Group("PEMBRO-ITX", "LUNG", ("LUAD", "LUSC"), 3, 0.34, 4, 12),
            Group("PEMBRO-ITX", "BOWEL", ("COAD", "READ"), 3, 0.0, 3, 10),
            Group("PEMBRO-ITX", "LIVER", ("HCC",), 2, 0.5, 4, 12),
        ],
        30, 18, (*_TISSUE, *_BLOOD), accrual_months=16,
        facts={
            "nct_number": "NCT09900009", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Dose-limiting toxicity",
            "partner": "Invented Therapeutics (synthetic)",
        },
    ),
    Plan(
        "CCI-HN-10", "Pembrolizumab with or without ITX-204 in untreated head and neck cancer",
        Phase.PHASE2, TrialStatus.RECRUITING, Design.RANDOMISED,
        [
            ("PEMBRO-ITX", "Pembrolizumab and ITX-204", _EXPERIMENTAL, "pembrolizumab + ITX-204", 40),
            ("PEMBRO", "Pembrolizumab", _COMPARATOR, "pembrolizumab", 40),
        ],
        [
            Group("PEMBRO-ITX", "HEAD_NECK", ("HNSC",), 19, 0.34, 4.5, 14, prior_lines=_FIRST_LINE),
            Group("PEMBRO", "HEAD_NECK", ("HNSC",), 19, 0.22, 4, 12, prior_lines=_FIRST_LINE),
        ],
        80, 12, ("CPS", "GEP", *_BLOOD), is_randomised=True,
        rules={"PEMBRO-ITX": _TOXICITY}, dlts={"PEMBRO-ITX": 7},
        facts={
            "nct_number": "NCT09900010", "principal_investigator": "Dr S. Haddad",
            "primary_endpoint": "Progression-free survival",
            "partner": "Invented Therapeutics (synthetic)",
        },
    ),
    Plan(
        "CCI-ITX-12", "ITX-204 and ITX-310 in advanced solid tumors, both at rising doses",
        Phase.PHASE1, TrialStatus.RECRUITING, Design.DOSE_ESCALATION,
        [("ITX-DUO", "ITX-204 and ITX-310, rising doses", _EXPERIMENTAL, "ITX-204 + ITX-310", 36)],
        [
            Group("ITX-DUO", "HEAD_NECK", ("HNSC",), 4, 0.25, 4, 11),
            Group("ITX-DUO", "BREAST", ("IDC",), 3, 0.0, 3, 11, _TNBC),
            Group("ITX-DUO", "BLADDER", ("BLCA",), 3, 0.34, 4, 12),
            Group("ITX-DUO", "STOMACH", ("STAD",), 2, 0.0, 3, 10),
        ],
        36, 11, ("CPS", "TMB", *_BLOOD),
        facts={
            "nct_number": "NCT09900012", "principal_investigator": "Dr A. Moreau",
            "primary_endpoint": "Dose-limiting toxicity",
            "partner": "Invented Therapeutics (synthetic)",
        },
    ),
    Plan(
        "CCI-REG-11", "Checkpoint inhibitors outside trials: a cohort from an older register",
        Phase.NA, TrialStatus.COMPLETED, Design.OBSERVATIONAL,
        [("NIVO", "Nivolumab as prescribed", ArmType.OTHER, "nivolumab", 32)],
        [
            Group("NIVO", "LIVER", ("HCC",), 16, 0.19, 4, 14, prior_lines=(0, 80, 20, 0, 0)),
            Group("NIVO", "KIDNEY", ("CCRCC",), 16, 0.25, 6, 24, prior_lines=(0, 70, 30, 0, 0)),
        ],
        32, 70, ("NLR",), closed=40, undated=True,
        facts={"synopsis": "Came as a file without dates; only outcomes were reported."},
    ),
]  # fmt: skip


def months(number: float) -> datetime.timedelta:
    return datetime.timedelta(days=round(number * 30.4375))


def store_trial(plan: Plan, regimens, now: datetime.date) -> Trial:
    """The trial with its arms and cohorts. now: the day that the centre's data reach up to."""
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
        opened_on=now - months(plan.opened),
        closed_on=now - months(plan.closed) if plan.closed else None,
        **plan.facts,
    )
    if plan.status is TrialStatus.SUSPENDED:
        status = EnrolmentStatus.PAUSED
    else:
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
                **plan.rules.get(code, {}),
            )
        )
    for group in plan.groups:
        if group.cohort:
            trial.cohorts.append(
                Cohort(
                    name=group.cohort,
                    tumor_location=group.location,
                    subtype=group.subtype,
                    prior_lines_allowed=None if group.prior_lines[0] else PriorLines.ONE_OR_MORE,
                    status=status,
                    planned_n=group.n + (6 if plan.status.enrols else 2),
                )
            )
    db.session.add(trial)
    return trial

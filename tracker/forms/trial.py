"""Forms of trials, arms, cohorts and the members of a trial."""

from flask_babel import lazy_gettext as _l

from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    CodeField,
    CodeListField,
    DateField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    TermField,
    TextField,
)
from tracker.models import Arm, Cohort, Regimen, Trial, TrialMember, User
from tracker.terms.codes import tissues
from tracker.terms.participant import PriorLines, Subtype
from tracker.terms.trial import (
    ArmType,
    Design,
    EnrolmentStatus,
    EscalationRule,
    Phase,
    ResponseCriteria,
    Setting,
    TrialStatus,
)


def _days(label, default, **kwargs):
    return IntegerField(label, default=default, maximum=3650, **{"minimum": 0} | kwargs)


def _count(label, **kwargs):
    return IntegerField(label, optional=True, **{"minimum": 1, "maximum": 1000} | kwargs)


def _fraction(label, **kwargs):
    return NumberField(label, optional=True, minimum=0.001, maximum=0.999, **kwargs)


def _prior(label):
    return NumberField(
        label, optional=True, minimum=0.001, maximum=1000, help=_l("1 and 1 where they are empty.")
    )


class TrialForm(RecordForm):
    model = Trial
    sections = [
        (
            _l("Trial"),
            ["code", "title", "phase", "status", "design", "setting", "is_randomised", "is_blinded"],
        ),
        (_l("Endpoints"), ["response_criteria", "primary_endpoint"]),
        (
            _l("Registry and people"),
            ["nct_number", "eu_ct_number", "sponsor", "partner", "principal_investigator"],
        ),
        (_l("Accrual"), ["accrual_target", "opened_on", "closed_on"]),
        (_l("Synopsis"), ["synopsis"]),
        (
            _l("Settings of the protocol"),
            [
                "assessment_interval_days",
                "assessment_window_days",
                "minimum_sd_days",
                "minimum_age",
                "treatment_emergent_window_days",
                "dlt_window_days",
                "minimum_dose_percent",
                "confirmation_required",
            ],
        ),
    ]

    code = CodeField(_l("Code"), help=_l("Short and unique, such as CCI-012. It stays taken."))
    title = TextField(_l("Title"), maximum=300, free=False)
    phase = TermField(_l("Phase"), Phase)
    status = TermField(_l("Status"), TrialStatus)
    design = TermField(_l("Design"), Design)
    setting = TermField(
        _l("Setting"), Setting, optional=True, help=_l("Rates of different settings are never mixed.")
    )
    is_randomised = CheckboxField(
        _l("Randomised"),
        help=_l("While it runs, results show its arms as masked until the director releases them."),
    )
    is_blinded = CheckboxField(
        _l("Blinded"), help=_l("Participants get their arm when the trial is unblinded.")
    )
    response_criteria = TermField(_l("Response criteria"), ResponseCriteria)
    primary_endpoint = TextField(_l("Primary endpoint"), maximum=300, optional=True, free=False)
    nct_number = TextField(
        _l("NCT number"), maximum=11, optional=True, free=False, help=_l("Such as NCT03275402.")
    )
    eu_ct_number = TextField(
        _l("EU CT number"), maximum=20, optional=True, free=False, help=_l("Such as 2023-501234-12-00.")
    )
    sponsor = TextField(_l("Sponsor"), optional=True, free=False)
    partner = TextField(_l("Partner"), optional=True, free=False)
    principal_investigator = TextField(_l("Principal investigator"), optional=True, free=False)
    accrual_target = IntegerField(_l("Accrual target"), optional=True, minimum=1, maximum=100_000)
    opened_on = DateField(
        _l("Opened on"), optional=True, help=_l("2026-03-12, 12mar26, or t-3 for three days ago.")
    )
    closed_on = DateField(_l("Closed on"), optional=True)
    synopsis = TextField(_l("Synopsis"), multiline=True, maximum=10_000, optional=True)
    assessment_interval_days = _days(_l("Days between tumor assessments"), 56, minimum=1)
    assessment_window_days = _days(_l("Window of an assessment (days)"), 7)
    minimum_sd_days = _days(_l("Least days of stable disease"), 42)
    confirmation_required = CheckboxField(_l("CR and PR need confirmation"), default=True)
    minimum_age = IntegerField(_l("Minimum age (years)"), default=18, minimum=0, maximum=120)
    treatment_emergent_window_days = _days(_l("Treatment-emergent until, days after the last dose"), 30)
    dlt_window_days = _days(_l("DLT window (days)"), 28, minimum=1)
    minimum_dose_percent = IntegerField(
        _l("Least dose to be DLT-evaluable (%)"), default=75, minimum=0, maximum=100
    )


class ReleaseForm(RecordForm):
    """The director's: from then on arms of a randomised trial are shown in results."""

    model = Trial
    sections = [(_l("Results"), ["results_released"])]

    results_released = CheckboxField(_l("Results are released: arms are no longer masked"))


class ArmForm(RecordForm):
    model = Arm
    needs = "trial"
    sections = [
        (_l("Arm"), ["trial", "code", "title", "type", "regimen"]),
        (_l("Enrolment"), ["status", "planned_n"]),
        (_l("Dose escalation"), ["escalation_rule", "target_dlt_rate", "cohort_size", "maximum_n"]),
        (_l("Two-stage design"), ["r1", "n1", "r", "n"]),
        (
            _l("Stopping for toxicity"),
            [
                "toxicity_limit",
                "toxicity_certainty",
                "toxicity_prior_a",
                "toxicity_prior_b",
                "toxicity_least_n",
            ],
        ),
    ]

    trial = OwnerField(_l("Trial"), Trial)
    code = CodeField(_l("Code"), help=_l("Unique in the trial."))
    title = TextField(_l("Title"), maximum=300, free=False)
    type = TermField(_l("Type"), ArmType)
    regimen = RecordField(
        _l("Regimen"), Regimen, optional=True, help=_l("Required unless there is no treatment.")
    )
    status = TermField(_l("Status"), EnrolmentStatus)
    planned_n = IntegerField(_l("Planned number of participants"), optional=True, minimum=1, maximum=100_000)
    escalation_rule = TermField(_l("Escalation rule"), EscalationRule, optional=True)
    target_dlt_rate = _fraction(_l("Target DLT rate"), help=_l("A fraction, such as 0.3; 3+3 needs none."))
    cohort_size = _count(
        _l("Participants in a cohort"), help=_l("Three where it is empty; 3+3 always has three.")
    )
    maximum_n = _count(
        _l("Most evaluable participants"), help=_l("BOIN selects the MTD when they have been seen.")
    )
    r1 = _count(_l("Responders of stage 1 that stop the arm, at most (r1)"), minimum=0)
    n1 = _count(_l("Participants of stage 1 (n1)"))
    r = _count(_l("Responders of both stages that are too few, at most (r)"), minimum=0)
    n = _count(_l("Participants of both stages (n)"))
    toxicity_limit = _fraction(_l("DLT rate that is too high"), help=_l("A fraction, such as 0.3."))
    toxicity_certainty = _fraction(
        _l("Stop where it is exceeded with a probability above"), help=_l("A fraction, such as 0.8.")
    )
    toxicity_prior_a = _prior(_l("Beta prior, a"))
    toxicity_prior_b = _prior(_l("Beta prior, b"))
    toxicity_least_n = _count(_l("Judged from so many participants on"))


class CohortForm(RecordForm):
    model = Cohort
    needs = "trial"
    sections = [
        (
            _l("Cohort"),
            ["trial", "name", "tumor_location", "subtype", "prior_lines_allowed", "biomarker_selection"],
        ),
        (_l("Enrolment"), ["status", "planned_n"]),
    ]

    trial = OwnerField(_l("Trial"), Trial)
    name = TextField(_l("Name"), maximum=100, free=False, help=_l("Unique in the trial."))
    tumor_location = CodeListField(_l("Tumor location"), tissues)
    subtype = TermField(
        _l("Subtype"), Subtype, optional=True, help=_l("Of breast tumors; empty for all subtypes.")
    )
    prior_lines_allowed = TermField(_l("Prior lines allowed, at most"), PriorLines, optional=True)
    biomarker_selection = TextField(_l("Biomarker selection"), maximum=300, optional=True)
    status = TermField(_l("Status"), EnrolmentStatus)
    planned_n = IntegerField(_l("Planned number of participants"), optional=True, minimum=1, maximum=100_000)


class TrialMemberForm(RecordForm):
    model = TrialMember
    needs = "trial"
    sections = [(_l("Member"), ["trial", "user"])]

    trial = OwnerField(_l("Trial"), Trial)
    user = RecordField(_l("Account"), User)

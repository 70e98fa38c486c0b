"""What must hold of trials, arms and cohorts."""

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_arm, make_cohort, make_regimen, make_trial
from tracker.extensions import db
from tracker.models import Arm, Trial
from tracker.roles import Role
from tracker.terms.trial import ArmType

TRIAL = dict(
    code="CCI-077",
    title="Pembrolizumab in advanced solid tumors",
    phase="PHASE2",
    status="RECRUITING",
    design="single arm",
    response_criteria="RECIST 1.1",
)


@pytest.fixture
def trial(app):
    return make_trial(code="CCI-012")


@pytest.fixture
def physician(sign_in, trial):
    return sign_in(Role.PHYSICIAN, [trial])


@pytest.mark.parametrize(
    "field, given",
    [
        ("closed_on", dict(status="COMPLETED", opened_on="2024-02-01", closed_on="2024-01-31")),
        ("status", dict(opened_on="2024-01-01", closed_on="2024-02-01")),
        ("is_randomised", dict(design="randomised")),
        ("nct_number", dict(nct_number="NCT123")),
        ("nct_number", dict(nct_number="nct03275402")),
        ("nct_number", dict(nct_number="NCT٠٣٢٧٥٤٠٢")),
        ("eu_ct_number", dict(eu_ct_number="2023-5012-12-00")),
        ("accrual_target", dict(accrual_target="0")),
        ("accrual_target", dict(accrual_target="100001")),
        ("minimum_dose_percent", dict(minimum_dose_percent="101")),
        ("assessment_interval_days", dict(assessment_interval_days="0")),
        ("assessment_interval_days", dict(assessment_interval_days="")),
        ("minimum_age", dict(minimum_age="121")),
        ("dlt_window_days", dict(dlt_window_days="-1")),
        ("code", dict(code="CCI-012")),
        ("code", dict(code="CC\u0406-077")),
        ("title", dict(title="x" * 301)),
        ("synopsis", dict(synopsis="x" * 10_001)),
    ],
)
def test_a_trial_that_cannot_be_is_refused(physician, refused, field, given):
    refused(physician, "/trials/new", field=field, is_kept=False, **{**TRIAL, **given})


def test_a_new_trial_has_the_usual_settings_of_a_protocol(physician):
    assert physician.submit("/trials/new", **TRIAL).status_code == 303
    trial = db.session.scalar(sa.select(Trial).where(Trial.code == "CCI-077"))
    assert (trial.assessment_interval_days, trial.assessment_window_days, trial.minimum_sd_days) == (
        56,
        7,
        42,
    )
    assert (trial.confirmation_required, trial.minimum_age, trial.minimum_dose_percent) == (True, 18, 75)
    assert (trial.treatment_emergent_window_days, trial.dlt_window_days) == (30, 28)
    assert (trial.is_randomised, trial.is_blinded, trial.results_released) == (False, False, False)


def test_a_box_that_is_unticked_is_no(physician, trial):
    address = f"/trials/{trial.id}/edit"
    assert physician.submit(address, is_blinded="1", reason="Protocol.").status_code == 303
    typed = form_values(physician.get(address).text)
    del typed["is_blinded"]  # a browser sends nothing for it
    assert physician.post(address, data={**typed, "reason": "Unblinded."}).status_code == 303
    db.session.rollback()
    assert trial.is_blinded is False


def test_only_the_release_releases_results(physician, trial):
    physician.submit(f"/trials/{trial.id}/edit", results_released="1", title="Another", reason="x")
    db.session.rollback()
    assert (trial.title, trial.results_released) == ("Another", False)


# Arms


@pytest.mark.parametrize("kind", [kind for kind in ArmType if kind is not ArmType.NO_TREATMENT])
def test_an_arm_needs_its_regimen(physician, refused, trial, kind):
    given = dict(code="A", title="A", type=kind.value, status="open")
    refused(physician, f"/arms/new?trial={trial.id}", field="regimen", is_kept=False, **given)


def test_only_an_arm_without_treatment_has_no_regimen(physician, refused, trial):
    given = dict(code="A", title="A", type="no treatment", status="open")
    regimen = make_regimen()
    refused(physician, f"/arms/new?trial={trial.id}", field="regimen", **given, regimen=str(regimen.id))
    assert physician.submit(f"/arms/new?trial={trial.id}", **given).status_code == 303
    assert db.session.scalar(sa.select(Arm.regimen_id)) is None


@pytest.mark.parametrize(
    "field, given",
    [
        ("code", dict(code="")),
        ("code", dict(code="TAKEN")),
        ("planned_n", dict(planned_n="0")),
        ("planned_n", dict(planned_n="-5")),
        ("planned_n", dict(planned_n="1e400")),
        ("status", dict(status="ajar")),
        ("type", dict(type="")),
        ("title", dict(title=" ")),
    ],
)
def test_an_arm_that_cannot_be_is_refused(physician, refused, trial, field, given):
    regimen = make_regimen()
    make_arm(trial=trial, code="TAKEN", regimen=regimen)
    right = dict(code="A", title="A", type="experimental", regimen=str(regimen.id), status="open")
    refused(physician, f"/arms/new?trial={trial.id}", field=field, is_kept=False, **{**right, **given})


# Cohorts


@pytest.mark.parametrize(
    "field, given",
    [
        ("name", dict(name="Taken")),
        ("name", dict(name="x" * 101)),
        ("tumor_location", dict(tumor_location="")),
        ("subtype", dict(subtype="TNBC")),
        ("planned_n", dict(planned_n="0")),
        ("prior_lines_allowed", dict(prior_lines_allowed="11")),
    ],
)
def test_a_cohort_that_cannot_be_is_refused(physician, refused, trial, field, given):
    make_cohort(trial=trial, name="Taken")
    right = dict(name="Lung", tumor_location="LUNG", status="open")
    refused(physician, f"/cohorts/new?trial={trial.id}", field=field, is_kept=False, **{**right, **given})


def test_a_cohort_of_all_breast_tumors_has_no_subtype(physician, trial):
    given = dict(name="Breast", tumor_location="BREAST", status="open")
    assert physician.submit(f"/cohorts/new?trial={trial.id}", **given).status_code == 303

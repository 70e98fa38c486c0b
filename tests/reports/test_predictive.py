"""The claim guard against real trials, and against what it must refuse."""

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_arm,
    make_assay,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tests.reports.test_survival import MAPPINGS, chowell, oak  # noqa: F401
from tracker import scope
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import Assay
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.participant import BestResponse
from tracker.terms.trial import ArmType, ResponseCriteria, TrialStatus
from tracker.values import Refusal

NON_ICI = """
[trial]
code = "MSK-NONICI"
title = "Patients without checkpoint inhibitors"
phase = "NA"
design = "observational"
setting = "advanced"

[participant]
code = { column = "SAMPLE_ID" }
tumor_location = { column = "CancerType", values = { "NSCLC" = "LUNG", "*" = "OTHER" } }

[outcome]
os_months = { column = "OS_Months", unit = "months" }
os_event = "OS_Event"

[[measurement]]
assay = "TMB (MSK-IMPACT)"
value = "TMB"
timepoint = "baseline"
"""


def run(*arguments, **more):
    result = run_report("predictive", [*arguments, *more.items()])
    return result, {table.name: table.rows for table in result.tables}


def make_arms(
    counts,
    assay,
    *,
    randomised=True,
    assigning=None,
    criteria=ResponseCriteria.RECIST_1_1,
    status=TrialStatus.COMPLETED,
):
    """counts: (responders, n) of positive and negative treated, then of the comparator's."""
    trial = make_trial(is_randomised=randomised, status=status, response_criteria=criteria)
    arms = [
        make_arm(trial=trial, code="T", assigning_assay=assigning),
        make_arm(trial=trial, code="C", type=ArmType.ACTIVE_COMPARATOR),
    ]
    is_pcr = criteria is ResponseCriteria.PCR
    for place, (responders, n) in enumerate(counts):
        for number in range(n):
            participant = make_participant(trial=trial, arm=arms[place // 2])
            responded = number < responders
            best = BestResponse.PR if responded and not is_pcr else BestResponse.SD
            make_reported_outcome(
                participant=participant,
                best_overall_response=best,
                pathological_complete_response=responded if is_pcr else None,
            )
            make_measurement(assay=assay, participant=participant, value=1 - place % 2)
    return trial


@pytest.fixture
def assay(app):
    return make_assay(name="EGFR mutation", positive_cutoff=1)


@pytest.mark.parametrize("named", [{}, {"treated": "OAK/ATEZO", "comparator": "OAK/DOC"}])
def test_blood_tmb_is_not_shown_predictive_in_oak(oak, named):  # noqa: F811
    """checks.csv: HR 0.643 in both strata, ratio 0.947, Wald p 0.80."""
    result, tables = run(marker="bTMB (OAK)", cutoff="16", endpoint="os", **named)
    assert [row["status"] for row in tables["by_status"]] == ["positive", "negative"]
    assert [row["effect"] for row in tables["by_status"]] == pytest.approx([0.643, 0.643], abs=6e-4)
    (row,) = tables["interaction"]
    assert (row["measure"], row["estimate"], row["p_wald"]) == pytest.approx(("HR", 0.9468, 0.8042), abs=1e-3)
    assert (row["low"], row["high"]) == pytest.approx((0.6144, 1.4589), abs=1e-3)
    assert row["p_lrt"] == pytest.approx(row["p_wald"], abs=0.005)
    assert result.verdict["code"] == "not shown predictive"


def test_pd_l1_is_not_shown_predictive_in_oak(oak):  # noqa: F811
    """checks.csv: ratio 1.2094 (0.8213-1.7809), Wald p 0.3355."""
    result, tables = run(marker="PD-L1 at least 1 % (OAK)", endpoint="os")
    (row,) = tables["interaction"]
    found = [row[name] for name in ("estimate", "low", "high", "p_wald")]
    assert found == pytest.approx([1.2094, 0.8213, 1.7809, 0.3355], abs=1e-3)
    assert result.verdict["code"] == "not shown predictive"


def test_tmb_of_cohorts_that_were_not_randomised_is_an_interaction_only(chowell, shared, tmp_path):  # noqa: F811
    mapping = tmp_path / "map.toml"
    mapping.write_text(NON_ICI, encoding="utf-8")
    import_file(shared / "data/real/loris/msk_nonicb_841.csv", mapping)
    result, tables = run(
        marker="TMB (MSK-IMPACT)", cutoff="10", endpoint="os", treated="CHOWELL", comparator="MSK-NONICI"
    )
    assert tables["interaction"][0]["estimate"] == pytest.approx(0.452, abs=1e-3)
    assert result.verdict["code"] == "interaction, not randomised"


def test_a_single_arm_is_not_assessable(chowell):  # noqa: F811
    result, tables = run(marker="TMB (MSK-IMPACT)", cutoff="10", endpoint="os")
    assert result.verdict["code"] == "not assessable"
    assert "comparator" in result.verdict["text"]
    assert [row["effect"] for row in tables["by_status"]] == [None, None]
    assert tables["interaction"][0]["estimate"] is None


def test_inspire_is_not_assessable(app, shared):
    import_file(shared / "data/real/inspire/pembrolizumab.csv", MAPPINGS / "inspire.toml")
    for name in db.session.scalars(sa.select(Assay.name)).all():
        result, _tables = run(marker=name, cutoff="1")
        assert result.verdict["code"] == "not assessable"


def test_ipass_is_predictive_although_one_responds_in_one_cell(assay):
    """Mok 2009: 94/132 and 1/91 with gefitinib, 61/129 and 20/85 with carboplatin and paclitaxel."""
    make_arms([(94, 132), (1, 91), (61, 129), (20, 85)], assay)
    result, tables = run(marker=assay.name)
    assert tables["by_status"][0]["effect"] == pytest.approx(2.75754961)
    (row,) = tables["interaction"]
    assert row["measure"] == "OR"
    assert row["estimate"] == pytest.approx(76.3629123, rel=1e-6)
    assert row["p_lrt"] == pytest.approx(4.37e-10, rel=1e-2)
    assert row["n"] == 437
    assert result.verdict["code"] == "predictive, qualitative"


def test_an_empty_cell_is_estimated_and_not_refused(assay):
    make_arms([(15, 20), (0, 20), (8, 20), (8, 20)], assay)
    result, tables = run(marker=assay.name)
    (row,) = tables["interaction"]
    assert row["p_wald"] is None
    assert row["low"] < row["estimate"] < row["high"]
    assert result.verdict["code"].startswith("predictive")


def test_the_same_counts_without_randomisation_are_not_called_predictive(assay):
    make_arms([(94, 132), (1, 91), (61, 129), (20, 85)], assay, randomised=False)
    assert run(marker=assay.name)[0].verdict["code"] == "interaction, not randomised"


def test_nine_in_a_cell_are_insufficient(assay):
    make_arms([(8, 20), (1, 9), (8, 20), (8, 20)], assay)
    result, tables = run(marker=assay.name)
    assert result.verdict["code"] == "insufficient"
    assert tables["interaction"][0]["estimate"] is None


def test_pathological_response_counts_where_it_is_the_trials_criterion(assay):
    make_arms([(12, 20), (3, 20), (6, 20), (6, 20)], assay, criteria=ResponseCriteria.PCR)
    _result, tables = run(marker=assay.name)
    assert [row["events_treated"] for row in tables["by_status"]] == [12, 3]


def test_an_arm_that_the_marker_assigns_is_not_assessable(assay):
    make_arms([(12, 20), (3, 20), (6, 20), (6, 20)], assay, assigning=assay)
    result, _tables = run(marker=assay.name)
    assert result.verdict["code"] == "not assessable"
    assert "assigned" in result.verdict["text"]


def test_a_status_in_one_arm_alone_is_not_assessable(assay):
    make_arms([(12, 20), (3, 20), (0, 0), (6, 20)], assay)
    result, _tables = run(marker=assay.name)
    assert result.verdict["code"] == "not assessable"
    assert "one arm alone" in result.verdict["text"]


@pytest.mark.parametrize("role, is_masked", [(Role.RESEARCHER, True), (Role.DIRECTOR, False)])
@pytest.mark.parametrize("is_named", [True, False])
def test_masked_arms_are_not_compared(assay, role, is_masked, is_named):
    trial = make_arms([(12, 20), (3, 20), (6, 20), (6, 20)], assay, status=TrialStatus.RECRUITING)
    reader = make_user(role=role)
    make_trial_member(user=reader, trial=trial)
    named = {"treated": f"{trial.code}/T", "comparator": f"{trial.code}/C"} if is_named else {}
    with scope.reading_as(reader):
        result, tables = run(marker=assay.name, **named)
    assert ("masked" in result.verdict["text"]) is is_masked
    assert (result.verdict["code"] == "not assessable") is is_masked
    assert (tables["by_status"][0]["effect"] is None) is is_masked


def test_an_arm_that_does_not_exist_is_refused_with_those_that_do(assay):
    trial = make_arms([(1, 2), (1, 2), (1, 2), (1, 2)], assay)
    with pytest.raises(Refusal, match=f"{trial.code}/C"):
        run(marker=assay.name, treated="NOWHERE/X")


def test_without_a_marker_the_page_asks_for_one(app):
    result, tables = run()
    assert tables == {"by_status": [], "interaction": []}
    assert "Choose a marker" in result.sentence


def test_blood_tmb_as_measured_is_not_predictive_either(oak):  # noqa: F811
    """checks.csv: log2(bTMB + 1) by treatment, ratio 1.0571 (0.9106-1.2272), Wald p 0.4656."""
    _result, tables = run(marker="bTMB (OAK)", cutoff="16", endpoint="os")
    (row,) = tables["continuous"]
    assert row["step"] == "doubling of value + 1"
    found = [row[name] for name in ("estimate", "low", "high", "p_wald")]
    assert found == pytest.approx([1.0571, 0.9106, 1.2272, 0.4656], abs=1e-3)


def test_a_verdict_rests_on_q_where_several_markers_were_tried(assay):
    """40/50 and 10/50 against 25/50 and 20/50: p is below 0.05 alone, and not as one of 1,000,000."""
    trial = make_arms([(40, 50), (10, 50), (25, 50), (20, 50)], assay)
    other = make_assay(name="Noise", positive_cutoff=1, biomarker=assay.biomarker)
    for place, participant in enumerate(trial.participants):
        make_measurement(assay=other, participant=participant, value=place % 2)
    alone = run(marker=assay.name)[1]["interaction"][0]
    assert alone["q"] == pytest.approx(alone["p_lrt"])
    assert alone["tried"] == 1
    result, tables = run(("marker", assay.name), ("marker", "Noise"))
    (noise,) = tables["tried"]
    assert (noise["marker"], noise["n"]) == ("Noise", 200)
    row = tables["interaction"][0]
    assert (row["q"], row["tried"]) == (pytest.approx(2 * row["p_lrt"]), 2)
    assert "2 markers" in result.verdict["text"]
    assert result.parameters["marker"] == [assay.name, "Noise"]
    result, tables = run(marker=assay.name, tried="1000000")
    assert result.verdict["code"] in ("not shown predictive", "prognostic, not shown predictive")


def test_figures_of_predictive_name_marker_trial_and_cutoff(assay):
    trial = make_arms([(12, 20), (3, 20), (6, 20), (6, 20)], assay)
    drawn = run(marker=assay.name)[0].figures[0].svg(standalone=True)
    assert "by EGFR mutation" in drawn
    assert f"Trial: {trial.code}." in drawn
    assert "pre-specified" in drawn

"""Findings that are made from a report: filled in, guarded when they are submitted, recomputed, stale."""

import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_arm, make_assay, make_biomarker, make_finding, make_hypothesis, make_trial
from tests.views.test_evidence import RESULT, decide, press_submit, stored
from tracker.audit import because, store_rows
from tracker.extensions import db
from tracker.models import Biomarker, Measurement, Participant, ReportedOutcome
from tracker.reports.base import run_report
from tracker.reports.findings import agrees, figures_of
from tracker.roles import Role
from tracker.terms.biomarker import Timepoint
from tracker.terms.evidence import Claim, EvidenceDirection, FindingStatus
from tracker.terms.participant import BestResponse
from tracker.terms.trial import ArmType, TrialStatus

#: Responders and participants: treated with a positive and a negative marker, then the same of the comparator.
PREDICTS = [(18, 20), (4, 20), (5, 20), (6, 20)]
DOES_NOT = [(12, 20), (6, 20), (11, 20), (5, 20)]


def a_trial(counts=PREDICTS, *, is_randomised=True):
    """A finished trial with two arms, T and C, whose participants have the marker and a response."""
    assay = make_assay(name="TMB panel", biomarker=make_biomarker(name="TMB"), positive_cutoff=10)
    trial = make_trial(code="CCI-P", is_randomised=is_randomised, status=TrialStatus.COMPLETED)
    arms = [make_arm(trial=trial, code="T"), make_arm(trial=trial, code="C", type=ArmType.ACTIVE_COMPARATOR)]
    cells = [
        (arms[place // 2], 12.0 - 8 * (place % 2), BestResponse.PR if one < x else BestResponse.PD)
        for place, (x, n) in enumerate(counts)
        for one in range(n)
    ]
    rows = [
        {
            "trial_id": trial.id,
            "arm_id": arm.id,
            "code": f"P-{number}",
            "tumor_location": "LUNG",
            "undated": True,
        }
        for number, (arm, _value, _best) in enumerate(cells)
    ]
    ids = store_rows(Participant, rows)
    store_rows(
        ReportedOutcome,
        [
            {
                "participant_id": one,
                "best_overall_response": best,
                "os_months": 5.0 + (best is BestResponse.PR) * 7 + number % 5,
                "os_event": number % 3 > 0,
                "source": "a file",
            }
            for number, (one, (_arm, _value, best)) in enumerate(zip(ids, cells))
        ],
    )
    store_rows(
        Measurement,
        [
            {"assay_id": assay.id, "participant_id": one, "value": value, "timepoint": Timepoint.BASELINE}
            for one, (_arm, value, _best) in zip(ids, cells)
        ],
    )
    db.session.commit()
    return trial


@pytest.fixture
def trial(app):
    return a_trial()


@pytest.fixture
def researcher(sign_in, trial):
    return sign_in(Role.RESEARCHER, [trial])


def from_report(browser, slug="predictive", query="marker=TMB+panel", **given):
    """A finding made by the button on the page of the report, whose form is sent as it is, but for what is given."""
    page = browser.get(f"/reports/{slug}?{query}").text
    address = re.search(r'href="(/findings/new\?[^"]+)"', page)[1].replace("&amp;", "&")
    typed = {"markers_tried": "1", "cutoffs_tried": "1", "cutoff_origin": "pre-specified"}
    answer = browser.submit(address, **typed | given)
    assert answer.status_code == 303, answer.text
    return stored()


def change_a_value():
    with because("for the test"):
        db.session.scalars(sa.select(Measurement).order_by(Measurement.id)).first().value = 3.0
        db.session.commit()


def test_a_report_fills_in_a_finding_and_is_kept_with_it(researcher):
    finding = from_report(researcher)
    named = (finding.biomarker.name, finding.assay.name, finding.trial.code, finding.arm.code)
    assert named == ("TMB", "TMB panel", "CCI-P", "T")
    assert (finding.claim, finding.direction) == (Claim.PREDICTIVE, EvidenceDirection.SUPPORTS)
    assert (finding.endpoint.value, finding.higher_means.value) == ("response", "better")
    assert (finding.n, finding.events, finding.cutoff, finding.has_comparator) == (80, 33, 10, True)
    # The odds ratios are (18/2)/(5/15) = 27 and (4/16)/(6/14) = 0.5833.
    assert finding.estimate == pytest.approx(27 / 0.5833, rel=1e-3)
    assert (finding.report, finding.fingerprint is not None) == ("predictive", True)
    assert ["treated", "CCI-P/T"] in finding.parameters
    assert "the report “Predictive marker”" in researcher.get(f"/findings/{finding.id}").text


def test_a_hypothesis_about_the_same_is_filled_in(researcher):
    marker = db.session.scalars(sa.select(Biomarker)).one()
    make_hypothesis(biomarker=marker, endpoint="os")
    expected = make_hypothesis(biomarker=marker, endpoint="response")
    number = expected.id
    assert from_report(researcher).hypothesis_id == number


@pytest.mark.parametrize(
    "slug, query, told",
    [
        (
            "survival",
            {"by": "marker", "endpoint": "os"},
            ("associated with response", "hazard ratio", "os", 80),
        ),
        ("outcomes", {"by": "marker"}, ("associated with response", "odds ratio", "response", 80)),
        ("biomarker", {}, ("associated with response", "odds ratio", "response", 80)),
        ("biomarker", {"endpoint": "os"}, ("associated with response", "hazard ratio", "os", 80)),
    ],
)
def test_other_reports_tell_of_an_association(trial, slug, query, told):
    figures = figures_of(run_report(slug, [("marker", "TMB panel"), *query.items()]))
    assert (figures["claim"], figures["effect_measure"], figures["endpoint"], figures["n"]) == told
    assert (figures["has_comparator"], figures["interaction_p"]) == (False, None)
    assert (figures["trial"], figures["arm"], figures["tumor_location"]) == ("CCI-P", None, "LUNG")


def test_the_odds_ratio_is_that_of_the_four_cells(trial):
    """23 of 40 positive and 10 of 40 negative respond: 23 × 30 / (17 × 10)."""
    figures = figures_of(run_report("outcomes", [("marker", "TMB panel"), ("by", "marker")]))
    assert figures["estimate"] == pytest.approx(23 * 30 / (17 * 10))
    assert (figures["events"], figures["higher_means"], figures["direction"]) == (33, "better", "supports")


@pytest.mark.parametrize(
    "query", [[], [("marker", "TMB panel")], [("marker", "TMB panel"), ("by", "marker,arm")]]
)
def test_a_report_without_one_effect_of_a_marker_makes_no_finding(trial, query):
    assert figures_of(run_report("outcomes", query)) is None


def test_only_who_writes_findings_is_offered_to_make_one(sign_in, trial):
    for role in (Role.PHYSICIAN, Role.DIRECTOR):
        assert "Make a finding" not in sign_in(role, [trial]).get("/reports/predictive?marker=TMB+panel").text


@pytest.mark.parametrize(
    "query", ["report=outcomes", "report=nothing", "report=outcomes&by=x", "report=safety"]
)
def test_an_address_of_which_no_finding_can_be_made_is_refused(researcher, query):
    assert researcher.get(f"/findings/new?{query}").status_code in (404, 422)


@pytest.mark.parametrize(
    "typed, computed, same",
    [(0.64, 0.6427, True), (0.6, 0.6427, False), (0.6, 0.6, True), (120, 118, False), (0.0012, 0.001234, True),
     (None, 0.5, False), (12.0, 12.04, True), (1e-7, 1.04e-7, True)],
)  # fmt: skip
def test_a_typed_figure_agrees_to_its_digits(typed, computed, same):
    assert agrees(typed, computed) is same


# Submitted


def test_what_the_guard_bears_out_is_submitted_and_accepted(sign_in, researcher):
    finding = from_report(researcher)
    assert press_submit(researcher, finding).status_code == 303
    assert decide(sign_in(Role.DIRECTOR), finding, "accepted").status_code == 303
    assert stored().status is FindingStatus.ACCEPTED


def test_a_figure_that_the_report_does_not_give_is_refused_beside_its_field(researcher):
    finding = from_report(researcher, estimate="31", ci_low="", ci_high="")
    answer = press_submit(researcher, finding)
    assert answer.status_code == 422
    assert 'id="estimate-error"' in answer.text
    assert "The report gives" in answer.text
    assert stored().status is FindingStatus.DRAFT
    said = re.search(r"The report gives ([\d.]+)\.</span>", answer.text)[1]
    mended = form_values(answer.text) | {"estimate": said, "reason": "Read wrongly."}
    answer = researcher.post(f"/findings/{finding.id}/submit", data=mended)
    assert 'id="ci_low-error"' in answer.text  # what is emptied is not what the report gives either
    limits = re.findall(r"The report gives ([\d.]+)\.</span>", press_submit(researcher, finding).text)[1:3]
    mended |= dict(zip(("ci_low", "ci_high"), limits))
    assert researcher.post(f"/findings/{finding.id}/submit", data=mended).status_code == 303
    assert stored().status is FindingStatus.SUBMITTED


def typed_by_hand(researcher, trial, **given):
    assay = db.session.scalars(sa.select(Measurement)).first().assay
    values = {
        "claim": Claim.PREDICTIVE,
        "endpoint": "response",
        "effect_measure": "odds ratio",
        "estimate": 20.0,
    }
    values |= {"interaction_p": 0.0001, "has_comparator": True, "n": 80, "trial": trial, "assay": assay}
    return make_finding(biomarker=assay.biomarker, author_id=researcher.user_id, **values | given)


@pytest.mark.parametrize(
    "counts, randomised, given, field, told",
    [
        (DOES_NOT, True, {}, "direction", "Right would be evidence against"),
        (PREDICTS, False, {}, "claim", "Right would be the claim “associated with response”"),
        ([(3, 9), (2, 9), (4, 9), (2, 9)], True, {}, "direction", "Right would be inconclusive evidence"),
        (PREDICTS, True, {"direction": "against"}, "direction", "Right would be evidence in support"),
        (PREDICTS, True, {"interaction_p": 0.04}, "interaction_p", "The claim guard computes"),
        (PREDICTS, True, {"markers_tried": 5000}, "direction", "for 5000 markers that were tried"),
        (PREDICTS, True, {"assay": None}, "assay", "Name the assay"),
        (PREDICTS, True, {"endpoint": "toxicity"}, "endpoint", "Prediction is shown for"),
    ],
)  # fmt: skip
def test_prediction_is_refused_beside_the_field_unless_the_guard_computes_it(
    app, sign_in, counts, randomised, given, field, told
):
    trial = a_trial(counts, is_randomised=randomised)
    researcher = sign_in(Role.RESEARCHER, [trial])
    finding = typed_by_hand(researcher, trial, **given)
    answer = press_submit(researcher, finding)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert told in answer.text
    assert stored().status is FindingStatus.DRAFT


def test_what_is_not_shown_may_be_said_to_speak_against_prediction(app, sign_in):
    trial = a_trial(DOES_NOT)
    researcher = sign_in(Role.RESEARCHER, [trial])
    computed = run_report("predictive", [("marker", "TMB panel")]).tables[1].rows[0]["p_lrt"]
    finding = typed_by_hand(researcher, trial, direction="against", interaction_p=round(computed, 4))
    assert press_submit(researcher, finding).status_code == 303


def test_an_exploratory_finding_tells_how_many_cutoffs_were_tried(researcher):
    finding = from_report(researcher, cutoffs_tried="")
    answer = press_submit(researcher, finding)
    assert answer.status_code == 422
    assert 'id="cutoffs_tried-error"' in answer.text


# Stale


def test_changed_data_make_it_stale_everywhere_until_the_new_figures_are_taken(sign_in, researcher):
    finding = from_report(researcher)
    pages = [f"/findings/{finding.id}", "/findings/", "/", f"/biomarkers/{finding.biomarker_id}"]
    assert not [page for page in pages if ">Stale<" in researcher.get(page).text]
    before = finding.estimate
    change_a_value()
    assert [page for page in pages if ">Stale<" not in researcher.get(page).text] == []
    assert "Recompute the finding" in press_submit(researcher, finding).text
    address = f"/findings/{finding.id}/recompute"
    assert "The report now" in sign_in(Role.DIRECTOR).get(address).text
    assert researcher.submit(address, reason="").status_code == 422
    assert researcher.submit(address, reason="A value was mended.").status_code == 303
    assert stored().estimate != before
    assert not [page for page in pages if ">Stale<" in researcher.get(page).text]
    history = researcher.get(f"/findings/{finding.id}/history").text
    assert "A value was mended." in history
    assert press_submit(researcher, finding).status_code == 303


def test_an_accepted_finding_with_new_figures_is_a_draft_again(sign_in, researcher):
    finding = from_report(researcher)
    press_submit(researcher, finding)
    decide(sign_in(Role.DIRECTOR), finding, "accepted")
    change_a_value()
    assert researcher.submit(f"/findings/{finding.id}/recompute", reason="Mended.").status_code == 303
    assert stored().status is FindingStatus.DRAFT


def test_only_the_author_takes_the_new_figures(sign_in, researcher, trial):
    finding = from_report(researcher)
    address = f"/findings/{finding.id}/recompute"
    token = form_values(researcher.get(address).text)
    assert sign_in(Role.RESEARCHER, [trial]).post(address, data=token).status_code in (400, 403)
    assert sign_in(Role.DIRECTOR).post(address, data=token).status_code == 403


def test_a_finding_that_was_typed_has_nothing_to_recompute(researcher, trial):
    finding = typed_by_hand(researcher, trial)
    assert researcher.get(f"/findings/{finding.id}/recompute").status_code == 302
    assert RESULT["claim"] != finding.claim

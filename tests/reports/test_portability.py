"""Markers by tumor location: what accepted findings say, and where nobody has looked."""

import datetime

import pytest

from tests.factories import (
    make_assay,
    make_biomarker,
    make_finding,
    make_finding_review,
    make_measurement,
    make_participant,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import scope
from tracker.exchange.result import FORMATS, report_file
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.evidence import Claim, FindingStatus, Portability

ACCEPTED = {"status": FindingStatus.ACCEPTED}


def cells(**asked):
    rows = run_report("portability", list(asked.items())).tables[1].rows
    return {(row["biomarker"], row["tumor_location"]): row for row in rows}


def standing(name, location, **asked):
    return cells(**asked)[name, location]["standing"]


@pytest.fixture
def marker(app):
    return make_biomarker(name="TMB")


@pytest.mark.parametrize(
    "directions, told",
    [
        ([], "never tested"),
        (["supports", "supports"], "supports"),
        (["supports", "inconclusive"], "supports"),
        (["against", "inconclusive"], "against"),
        (["inconclusive"], "inconclusive"),
        (["supports", "against"], "conflicting"),
    ],
)
def test_a_cell_says_what_its_accepted_findings_say_together(marker, directions, told):
    for direction in directions:
        make_finding(biomarker=marker, tumor_location="BREAST", direction=direction, **ACCEPTED)
    make_finding(biomarker=marker, tumor_location="BREAST", direction="against", status="submitted")
    assert standing("TMB", "BREAST") == told
    assert standing("TMB", "all") == "never tested"


def test_breast_stands_first_and_what_is_of_all_locations_last(marker):
    make_participant(tumor_location="SKIN")
    make_finding(biomarker=marker, tumor_location="LUNG", **ACCEPTED)
    make_finding(biomarker=marker, **ACCEPTED)
    matrix = run_report("portability", []).tables[0]
    assert list(matrix.frame.columns) == ["biomarker", "BREAST", "LUNG", "SKIN", "all"]
    assert matrix.rows == [
        {
            "biomarker": "TMB",
            "BREAST": "never tested",
            "LUNG": "supports",
            "SKIN": "never tested",
            "all": "supports",
        }
    ]


def test_it_is_narrowed_by_claim_endpoint_and_marker(marker):
    make_biomarker(name="PD-L1")
    make_finding(
        biomarker=marker, tumor_location="LUNG", claim=Claim.PREDICTIVE, direction="against", **ACCEPTED
    )
    make_finding(biomarker=marker, tumor_location="LUNG", **ACCEPTED)
    assert standing("TMB", "LUNG") == "conflicting"
    assert standing("TMB", "LUNG", claim="predictive") == "against"
    assert standing("TMB", "BREAST", endpoint="pcr") == "never tested"
    assert {name for name, _where in cells(biomarker="PD-L1")} == {"PD-L1"}


def test_findings_of_trials_that_are_not_seen_do_not_count(marker):
    mine, others = make_trial(), make_trial()
    for trial in (mine, others):
        make_finding(biomarker=marker, trial=trial, tumor_location="LUNG", **ACCEPTED)
    user = make_user(role=Role.RESEARCHER)
    make_trial_member(user=user, trial=mine)
    assert cells()["TMB", "LUNG"]["supports"] == 2
    with scope.reading_as(user):
        assert cells()["TMB", "LUNG"]["supports"] == 1


def test_as_of_an_earlier_day_later_findings_and_decisions_are_not_known(marker):
    long_ago = datetime.datetime(2024, 1, 5, tzinfo=datetime.UTC)
    found = make_finding(biomarker=marker, tumor_location="LUNG", created_at=long_ago, **ACCEPTED)
    assert standing("TMB", "LUNG", as_of="2024-02-01") == "supports"
    make_finding_review(finding=found, decision=FindingStatus.ACCEPTED)
    assert cells(as_of="2024-02-01")["TMB", "BREAST"]["standing"] == "never tested"
    assert ("TMB", "LUNG") not in cells(as_of="2024-02-01")
    assert standing("TMB", "LUNG") == "supports"


def test_participants_with_a_value_are_counted_once_a_location(marker):
    assay = make_assay(biomarker=marker)
    for location in ("SKIN", "SKIN", "LUNG"):
        person = make_participant(tumor_location=location)
        for _repeat in range(2):
            make_measurement(assay=assay, participant=person)
    found = cells()
    assert [found["TMB", where]["measured"] for where in ("SKIN", "LUNG", "all")] == [2, 1, 3]


@pytest.mark.parametrize("format", FORMATS)
def test_it_comes_in_every_format(marker, format):
    make_finding(biomarker=marker, tumor_location="LUNG", **ACCEPTED)
    assert report_file("portability", format, [])


def test_its_cells_lead_to_findings_or_to_a_new_hypothesis_that_is_filled_in(sign_in, marker):
    make_finding(biomarker=marker, tumor_location="LUNG", **ACCEPTED)
    number = marker.id
    browser = sign_in(Role.RESEARCHER)
    page = browser.get("/reports/portability").text
    assert f"/findings/?biomarker={number}&amp;status=accepted&amp;tumor_location=LUNG" in page
    address = f"/hypotheses/new?biomarker={number}&amp;tumor_location=BREAST"
    assert address in page
    assert address not in sign_in(Role.PHYSICIAN).get("/reports/portability").text
    form = browser.get(address.replace("&amp;", "&")).text
    assert '<option value="BREAST" selected>' in form
    assert browser.get(f"/hypotheses/new?biomarker={number}&tumor_location=NOWHERE").status_code == 200


def test_every_standing_has_its_label():
    assert [one.value for one in Portability] == [
        "supports", "against", "conflicting", "inconclusive", "never tested",
    ]  # fmt: skip

"""Findings by state and level, what of REMARK they lack, and which contradict each other."""

import pytest

from tests.factories import make_assay, make_biomarker, make_finding
from tracker.exchange.result import FORMATS, report_file
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.evidence import Claim, FindingStatus, StudyCategory

ACCEPTED = {"status": FindingStatus.ACCEPTED, "tumor_location": "LUNG"}


@pytest.fixture
def marker(app):
    return make_biomarker(name="TMB")


def rows(name):
    return next(table.rows for table in run_report("evidence", []).tables if table.name == name)


def test_findings_are_counted_by_state_and_level(marker):
    one = make_finding(biomarker=marker, study_category=StudyCategory.B, **ACCEPTED)
    make_finding(biomarker=marker, validates=one, study_category=StudyCategory.D, **ACCEPTED)
    make_finding(biomarker=marker)
    assert [tuple(row.values()) for row in rows("levels")] == [
        ("accepted", "I", 1),
        ("accepted", "IV-V", 1),
        ("draft", "none", 1),
    ]
    assert [(row["agree"], row["disagree"]) for row in rows("findings")] == [(1, 0), (0, 0), (0, 0)]


def test_only_accepted_findings_of_one_claim_and_endpoint_contradict_each_other(marker):
    one = make_finding(biomarker=marker, **ACCEPTED)
    other = make_finding(biomarker=marker, direction="against", **ACCEPTED)
    make_finding(biomarker=marker, direction="against", claim=Claim.PREDICTIVE, **ACCEPTED)
    make_finding(biomarker=marker, direction="against", endpoint="pfs", **ACCEPTED)
    make_finding(biomarker=marker, direction="against", tumor_location="LUNG")
    make_finding(biomarker=make_biomarker(), direction="against", **ACCEPTED)
    (pair,) = rows("contradictions")
    assert (pair["finding"], pair["other"], pair["other_direction"]) == (one.id, other.id, "against")


def test_a_gap_of_remark_leads_its_author_to_the_field_that_is_missing(sign_in, marker):
    browser = sign_in(Role.RESEARCHER)
    mine = make_finding(biomarker=marker, author_id=browser.user_id, assay=make_assay(biomarker=marker))
    others = make_finding(biomarker=marker, author_id=sign_in(Role.RESEARCHER).user_id)
    number, assay = mine.id, mine.assay_id
    page = browser.get("/reports/evidence").text
    assert f'href="/findings/{number}/edit#cutoff_origin"' in page
    assert f'href="/assays/{assay}/edit#platform"' in page
    assert f'href="/findings/{others.id}/edit' not in page
    assert f'href="/findings/{others.id}#remark"' in page


@pytest.mark.parametrize("format", FORMATS)
def test_it_comes_in_every_format(marker, format):
    make_finding(biomarker=marker, **ACCEPTED)
    assert report_file("evidence", format, [])


def test_without_findings_it_says_so(app):
    result = run_report("evidence", [])
    assert all(table.rows == [] for table in result.tables)
    assert result.figures[0].svg()

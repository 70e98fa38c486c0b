"""Waterfall, spider and swimmer: whose bars, lines and lanes are drawn, and how far."""

import datetime

import pytest

from tests.factories import (
    make_arm,
    make_course,
    make_lesion,
    make_participant,
    make_trial,
    make_tumor_assessment,
)
from tracker.exchange.result import FORMATS, report_file
from tracker.reports.base import run_report
from tracker.terms.response import LesionState

PLOTS = ["waterfall", "spider", "swimmer"]


def rows(slug, *arguments):
    return run_report(slug, arguments).tables[0].rows


def notes(slug, *arguments):
    return " ".join(str(note) for note in run_report(slug, arguments).tables[0].notes)


@pytest.fixture
def trial(app):
    """Four participants: PR until the tumor grows, growth, a new lesion, and a baseline alone."""
    trial = make_trial(code="CCI-1")
    make_course({-7: 50, 56: 30, 112: 25, 168: 45, 224: 10}, trial=trial, code="A")
    make_course({-7: 50, 56: 65}, trial=trial, code="B")
    third = make_course({-7: 50}, trial=trial, code="C")
    lesion = make_lesion(participant=third, role="new not measured")
    found = [(third.lesions[0], 40), (lesion, LesionState.PRESENT)]
    make_tumor_assessment(found, participant=third, assessed_on=datetime.date(2024, 3, 13))
    make_course({-7: 50}, trial=trial, code="D")
    return trial


def test_the_best_change_is_up_to_progression_in_the_order_of_the_bars(trial):
    found = [(row["participant"], row["best_change"], row["best_response"]) for row in rows("waterfall")]
    assert found == [
        ("CCI-1/B", pytest.approx(0.3), "PD"),
        ("CCI-1/C", pytest.approx(-0.2), "PD"),
        ("CCI-1/A", pytest.approx(-0.5), "PR"),
    ]
    assert "Participants drawn: 3 of 4 treated." in notes("waterfall")
    assert "who are not drawn: 1." in notes("waterfall")


def test_the_best_response_is_confirmed_or_not_as_asked_for(app):
    make_course({-7: 50, 56: 30})
    assert [
        rows("waterfall", *asked)[0]["best_response"] for asked in ((), [("response", "unconfirmed")])
    ] == [
        "SD",
        "PR",
    ]


def test_a_line_goes_from_baseline_to_progression(trial):
    found = rows("spider")
    line = [
        (row["sum_mm"], row["change"], row["response"]) for row in found if row["participant"] == "CCI-1/A"
    ]
    assert line == [
        (50, 0, None),
        (30, pytest.approx(-0.4), "PR"),
        (25, pytest.approx(-0.5), "PR"),
        (45, pytest.approx(-0.1), "PD"),
    ]
    assert {row["participant"] for row in found} == {"CCI-1/A", "CCI-1/B", "CCI-1/C"}


def test_an_incomplete_sum_is_in_neither(app):
    make_course({-7: 50, 56: LesionState.NOT_EVALUABLE})
    assert rows("waterfall") == rows("spider") == []


def test_a_lane_tells_treatment_and_what_happened(app):
    start = datetime.date(2024, 1, 17)

    def after(days):
        return start + datetime.timedelta(days=days)

    trial = make_trial(code="CCI-1")
    course = {-7: 50, 56: 30, 112: 28, 168: 45}
    make_course(course, trial=trial, code="A", off_treatment_on=after(170), died_on=after(300))
    make_course({-7: 50, 56: 45}, trial=trial, code="B", last_dose_on=after(60))
    make_participant(trial=trial, code="C", first_dose_on=None)
    first, second = rows("swimmer")
    month = 30.4375
    assert first["participant"] == "CCI-1/A"
    assert [
        first[name] for name in ("treated", "responded", "progressed", "died", "followed")
    ] == pytest.approx([170 / month, 56 / month, 168 / month, 300 / month, 300 / month])
    assert (first["ongoing"], first["best_response"]) == (False, "PR")
    assert (second["ongoing"], second["treated"], second["died"]) == (True, pytest.approx(60 / month), None)
    assert "Participants: 2 of 2 with a first dose." in notes("swimmer")


@pytest.mark.parametrize("slug", PLOTS)
def test_later_assessments_are_left_out(trial, slug):
    assert rows(slug, ("as_of", "2024-03-12")) == []
    assert rows(slug, ("as_of", "2024-03-13"))


@pytest.mark.parametrize("slug", PLOTS)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written(trial, slug, format):
    assert report_file(slug, format, [])


@pytest.mark.parametrize("slug", PLOTS)
def test_nobody_gives_an_empty_plot(app, slug):
    assert rows(slug) == []
    assert report_file(slug, "svg", [])


def test_masked_arms_stay_masked(app, sign_in):
    trial = make_trial(code="CCI-1", is_randomised=True, is_blinded=False)
    make_course({-7: 50, 56: 30}, trial=trial, arm=make_arm(trial=trial, code="SECRET"))
    page = sign_in("physician", trials=[trial]).get("/reports/waterfall").text
    assert "SECRET" not in page
    assert "CCI-1/" in page
    assert "masked" in page

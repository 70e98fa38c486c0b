"""The pages and files of reports."""

import datetime
import html
import re

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_arm,
    make_cohort,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
)
from tracker.exchange.result import FORMATS, report_file
from tracker.extensions import db
from tracker.models import User
from tracker.reports.base import all_reports, run_report
from tracker.roles import Role


@pytest.fixture
def trial(app):
    """CCI-017: ten participants of one arm, three of whom respond."""
    trial = make_trial(code="CCI-017")
    arm = make_arm(trial=trial, code="A")
    for number in range(10):
        participant = make_participant(trial=trial, arm=arm, tumor_location="BREAST", subtype="TNBC")
        make_reported_outcome(participant=participant, best_overall_response="PR" if number < 3 else "PD")
    return trial


@pytest.fixture
def other(app):
    """A trial that nobody is assigned to."""
    trial = make_trial(code="SECRET-9")
    participant = make_participant(
        trial=trial,
        arm=make_arm(trial=trial, code="HIDDEN"),
        cohort=make_cohort(trial=trial, name="VEILED"),
        diagnosis="CONCEALED",
    )
    make_reported_outcome(participant=participant, best_overall_response="PD")
    return trial


@pytest.mark.parametrize(
    "role, status",
    [
        (None, 302),
        (Role.ADMIN, 403),
        (Role.PHYSICIAN, 200),
        (Role.RESEARCHER, 200),
        (Role.DIRECTOR, 200),
        (Role.MONITOR, 200),
    ],
)
@pytest.mark.parametrize("address", ["/reports/", "/reports/outcomes", "/reports/outcomes.json"])
def test_reports_are_for_those_who_read_records(app, sign_in, role, status, address):
    browser = sign_in(role) if role else app.test_client()
    sign_in(Role.ADMIN)
    assert browser.get(address).status_code == status


def test_the_index_leads_to_every_report(sign_in):
    page = sign_in(Role.RESEARCHER).get("/reports/").text
    for slug in all_reports():
        assert f'href="/reports/{slug}"' in page


def test_the_page_shows_headline_figure_table_notes_and_files(trial, sign_in):
    page = sign_in(Role.PHYSICIAN, trials=[trial]).get("/reports/outcomes?by=arm&subtype=TNBC").text
    for said in [
        "3 of 10 participants responded. That is 30.0%",
        "30.0%",
        "(6.7–65.2)",
        "CCI-017/A",
        "Clopper-Pearson",
        "Data cut-off",
        "responders/treated",
        "/reports/outcomes.csv?by=arm&amp;subtype=TNBC",
        "/reports/outcomes.json?by=arm&amp;subtype=TNBC",
    ]:
        assert said in page, said
    assert page.count("<svg") >= 2
    assert '<option value="TNBC" selected>' in page


def test_of_too_few_the_page_shows_no_percentage(sign_in):
    trial = make_trial()
    make_reported_outcome(participant=make_participant(trial=trial))
    page = sign_in(Role.PHYSICIAN, trials=[trial]).get("/reports/outcomes").text
    assert "100.0%" not in page.split("<main", 1)[1]
    assert "1/1" in page


def test_nobody_is_no_error(sign_in):
    page = sign_in(Role.PHYSICIAN).get("/reports/outcomes?by=trial")
    assert page.status_code == 200
    assert "No participant in the trials that you may see matches." in page.text


@pytest.mark.parametrize("format", FORMATS)
def test_address_and_command_give_the_same_bytes(trial, sign_in, format, monkeypatch):
    moment = datetime.datetime(2026, 6, 30, 12, 30, tzinfo=datetime.UTC)
    browser = sign_in(Role.DIRECTOR)
    browser.set_cookie("language", "fr")
    with monkeypatch.context() as patch:
        patch.setattr("tracker.exchange.result.clock.now", lambda: moment)
        address = browser.get(f"/reports/outcomes.{format}?by=arm&by=subtype&trial=CCI-017")
        command = report_file("outcomes", format, [("trial", "CCI-017"), ("by", "arm,subtype")])
    assert address.data == command
    assert address.mimetype == FORMATS[format].media_type.partition(";")[0]
    assert address.headers["Content-Disposition"].endswith(f"filename=outcomes.{format}")


def test_the_page_leads_to_every_file(trial, sign_in):
    browser = sign_in(Role.DIRECTOR)
    page = browser.get("/reports/outcomes?by=arm,subtype&subtype=TNBC").text
    links = {html.unescape(link) for link in re.findall(r'href="(/reports/outcomes\.[^"]+)"', page)}
    query = "?by=arm%2Csubtype&subtype=TNBC"
    assert links == {
        *(f"/reports/outcomes.{format}{query}" for format in ("csv", "json", "xlsx", "pdf")),
        *(f"/reports/outcomes.{format}{query}&figure=forest" for format in ("svg", "png", "csv")),
        f"/reports/outcomes.csv{query}&table=response",
        *(f"/reports/outcomes.{format}{query}&share=outside" for format in ("csv", "json", "xlsx", "pdf")),
    }
    assert all(browser.get(link).status_code == 200 for link in links)


def test_files_are_the_same_in_every_language(trial, sign_in):
    browser = sign_in(Role.DIRECTOR)
    english = browser.get("/reports/outcomes.json").json
    browser.set_cookie("language", "fr")
    assert browser.get("/reports/outcomes.json").json["tables"] == english["tables"]


def test_a_page_writes_numbers_as_its_reader_does(trial, sign_in):
    browser = sign_in(Role.DIRECTOR)
    browser.set_cookie("language", "fr")
    assert "30,0" in browser.get("/reports/outcomes").text


def test_a_csv_is_downloaded_under_its_name(trial, sign_in):
    browser = sign_in(Role.DIRECTOR)
    for query, name in (("", "outcomes"), ("?figure=forest", "outcomes-forest")):
        answer = browser.get(f"/reports/outcomes.csv{query}")
        assert answer.mimetype == "text/csv"
        assert answer.headers["Content-Disposition"] == f"attachment; filename={name}.csv"


def test_another_trial_appears_nowhere(trial, other, sign_in):
    browser = sign_in(Role.PHYSICIAN, trials=[trial])
    for address in [
        "/reports/outcomes",
        "/reports/outcomes?by=trial",
        "/reports/outcomes?by=cohort,diagnosis",
        "/reports/outcomes.json?by=trial",
        "/reports/outcomes.csv?by=arm,diagnosis",
        "/reports/outcomes.svg?by=arm,cohort",
        "/reports/outcomes.json?trial=?",
        "/reports/outcomes.json?arm=?",
        "/reports/outcomes.json?cohort=?",
        "/reports/outcomes?diagnosis=?",
    ]:
        text = browser.get(address).text
        for name in ("SECRET", "HIDDEN", "VEILED", "CONCEALED"):
            assert name not in text, address
    assert browser.get("/reports/outcomes.json").json["tables"][0]["rows"][0]["n"] == 10
    assert browser.get("/reports/outcomes.json?trial=SECRET-9").status_code == 422


def test_who_is_newly_assigned_sees_the_trial_at_once(trial, other, sign_in):
    browser = sign_in(Role.PHYSICIAN, trials=[trial])
    assert "SECRET-9" not in browser.get("/reports/outcomes?by=trial").text
    make_trial_member(user=db.session.get(User, browser.user_id), trial=other)
    assert "SECRET-9" in browser.get("/reports/outcomes?by=trial").text


@pytest.mark.parametrize(
    "address, status, said",
    [
        ("/reports/horoscope", 404, ", outcomes,"),
        ("/reports/horoscope.json", 404, ", outcomes,"),
        ("/reports/outcomes.doc", 404, "choose from: csv, json"),
        ("/reports/outcomes?colour=red", 422, "There is no parameter colour"),
        ("/reports/outcomes?subtype=TN", 422, "choose from: HR+/HER2-, HER2+, TNBC, unknown"),
        ("/reports/outcomes?by=sex", 422, "choose from: trial, arm"),
        ("/reports/outcomes.csv?table=forest", 422, "choose from: response"),
        ("/reports/outcomes.svg?figure=pie", 422, "choose from: forest"),
        ("/reports/outcomes.pdf?figure=forest", 422, "There is no parameter figure"),
        ("/reports/outcomes?trial=%ff%fe&as_of=%00", 422, "as_of"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(trial, sign_in, address, status, said):
    answer = sign_in(Role.DIRECTOR).get(address)
    assert answer.status_code == status
    assert said in answer.text


def test_what_was_typed_is_escaped(trial, sign_in):
    page = sign_in(Role.DIRECTOR).get("/reports/outcomes?<script>alert(1)</script>=1").text
    assert "<script>alert" not in page


@pytest.mark.parametrize("address", ["/reports/", "/reports/outcomes?by=trial,arm", "/reports/outcomes.json"])
def test_a_page_needs_few_queries(trial, other, sign_in, address):
    browser = sign_in(Role.PHYSICIAN, trials=[trial])
    sent = []

    def note(connection, cursor, statement, *_rest):
        sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    for _ in range(2):
        sent.clear()
        assert browser.get(address).status_code == 200
        assert len([one for one in sent if one.startswith("SELECT")]) <= 20
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_the_outcomes_of_all_trials_stand_together(trial, other):
    rows = run_report("outcomes", [("by", "trial")]).tables[0].rows
    assert [(row["trial"], row["n"], row["responders"]) for row in rows] == [
        ("CCI-017", 10, 3),
        ("SECRET-9", 1, 0),
    ]


@pytest.mark.parametrize("slug", ["safety", "escalation", "accrual", "combinations"])
@pytest.mark.parametrize("format", ["svg", "png"])
def test_a_figure_of_nothing_is_a_file_that_says_so(sign_in, slug, format):
    answer = sign_in(Role.DIRECTOR).get(f"/reports/{slug}.{format}")
    assert answer.status_code == 200
    assert answer.data

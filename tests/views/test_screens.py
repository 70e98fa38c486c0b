"""Screens on the web, from the request to the table."""

import io
import re

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.conftest import form_values
from tests.factories import make_participant, make_reported_outcome, make_screen, make_trial
from tracker.extensions import db
from tracker.jobs import worker
from tracker.models import Screen
from tracker.roles import Role
from tracker.terms.participant import BestResponse


@pytest.fixture
def trial(app):
    trial = make_trial(code="SCR")
    for place in range(40):
        participant = make_participant(trial=trial, code=f"S-{place}")
        best = BestResponse.PR if place % 3 == 0 else BestResponse.PD
        make_reported_outcome(participant=participant, best_overall_response=best)
    db.session.commit()
    return trial


def ask(browser, trial, text=None, name="matrix.csv", **fields):
    """The screen's page after it was asked for and done."""
    values = form_values(browser.get("/screens/new").text)
    values |= {"trial": fields.pop("trial_id", str(trial.id)), "endpoint": "response", "test": "association"}
    values |= fields
    values.pop("file", None)
    if text is not None:
        values["file"] = FileStorage(io.BytesIO(text.encode()), filename=name)
    boundary, body = encode_multipart(values)
    answer = browser.post("/screens/new", data=body, content_type=f"multipart/form-data; boundary={boundary}")
    if answer.status_code != 303:
        return answer
    db.session.rollback()
    worker().wait()
    page = browser.get(answer.location)
    address = re.search(r'href="(/screens/[0-9]+)"', page.text)[1]
    return browser.get(address)


def matrix(faulty=""):
    lines = [
        "code,GOOD,NOISE",
        *(f"S-{place},{(place % 3 == 0) + place / 50},{place * 7 % 11}" for place in range(40)),
    ]
    return "\n".join([*lines, faulty] if faulty else lines)


def test_a_matrix_is_screened_and_the_table_is_a_file(sign_in, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    page = ask(browser, trial, matrix())
    assert page.status_code == 200
    assert page.text.index("GOOD") < page.text.index("NOISE")
    assert "carry this number" in page.text
    (enter,) = re.findall(r'href="(/findings/new[^"]+)"', page.text)
    assert {"markers_tried=2", "endpoint=response"} <= set(re.split("[?&;]", enter.replace("&amp;", "&")))
    found = db.session.scalars(db.select(Screen)).one()
    assert (found.summary["tried"], found.summary["found"], found.content) == (2, 1, None)
    table = browser.get(f"/screens/{found.id}/table.csv").text.splitlines()
    assert table[0] == "marker,n,events,ratio,chi2,p,q,status"
    assert table[1].startswith("GOOD,40,14,")
    assert "Trial: SCR." in browser.get(f"/screens/{found.id}/volcano.svg").text
    assert "matrix.csv" in browser.get("/screens/").text
    assert browser.get(f"/screens/{found.id}?sort=marker").status_code == 200
    assert browser.get(f"/screens/{found.id}?sort=drop").status_code == 422


def test_faulty_cells_are_named_and_nothing_is_screened(sign_in, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    page = ask(browser, trial, matrix("S-99,high,1")).text
    assert "2 faults" in page
    assert "high" in page
    assert "No participant of this trial that you may see has this code." in page
    found = db.session.scalars(db.select(Screen)).one()
    assert found.table is None
    assert browser.get(f"/screens/{found.id}/table.csv").status_code == 404


@pytest.mark.parametrize(
    "fields, text, name, message",
    [
        ({"test": "interaction"}, matrix(), "m.csv", "there is no comparator"),
        ({"endpoint": "os"}, matrix(), "m.csv", "has both an outcome and a value"),
        ({}, None, None, "has both an outcome and a value"),
        ({}, "%PDF-1.7", "m.csv", "PDF"),
        ({}, matrix(), "m.docx", "ends in .csv"),
    ],
)
def test_what_cannot_be_screened_is_answered_with_why(sign_in, trial, fields, text, name, message):
    browser = sign_in(Role.RESEARCHER, [trial])
    assert message in ask(browser, trial, text, name, **fields).text


@pytest.mark.parametrize("field", [{"trial_id": ""}, {"endpoint": "height"}, {"test": "guess"}])
def test_a_request_that_says_nothing_sensible_is_refused(sign_in, trial, field):
    browser = sign_in(Role.RESEARCHER, [trial])
    assert ask(browser, trial, matrix(), **field).status_code == 422
    assert db.session.scalar(db.select(Screen)) is None


def test_a_screen_is_seen_by_who_asked_alone_and_can_be_thrown_away(sign_in, trial):
    browser, other = sign_in(Role.RESEARCHER, [trial]), sign_in(Role.DIRECTOR)
    number = make_screen(user_id=browser.user_id, trial=trial).id
    db.session.commit()
    assert other.get(f"/screens/{number}").status_code == 404
    page = browser.get(f"/screens/{number}")
    assert "LDH" in page.text
    browser.post(f"/screens/{number}/discard", data={"csrf_token": token_of(page.text)})
    assert browser.get(f"/screens/{number}").status_code == 404


def token_of(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]

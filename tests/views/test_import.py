"""A file on the web: uploaded, mapped, looked over, mended and stored."""

import csv
import datetime
import io
import re
import zipfile

import openpyxl
import pytest
import sqlalchemy as sa
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.exchange.test_source import repacked, xlsx
from tests.factories import make_arm, make_assay, make_job, make_measurement, make_participant, make_trial
from tests.tables import copy_tables, differences
from tracker.audit import because
from tracker.clock import now
from tracker.exchange.plan import parse
from tracker.extensions import db
from tracker.jobs import worker
from tracker.models import (
    AdverseEvent,
    Arm,
    Assay,
    AuditEvent,
    ImportFile,
    Job,
    Measurement,
    Participant,
    ReportedOutcome,
    Trial,
)
from tracker.roles import Role
from tracker.terms.housekeeping import JobState


@pytest.fixture
def trial(app):
    trial = make_trial(code="CCI-020")
    for number in range(1, 5):
        make_participant(trial=trial, code=f"P-{number}")
    return trial


@pytest.fixture
def researcher(sign_in, trial):
    return sign_in(Role.RESEARCHER, [trial])


@pytest.fixture
def physician(sign_in, trial):
    return sign_in(Role.PHYSICIAN, [trial])


def token(browser):
    page = browser.get("/imports/new").text
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def upload(browser, content, name="values.csv", trial=None, mapping=None, address="/imports/new"):
    """The answer to a file that is sent, by the form of this address."""
    content = content if isinstance(content, bytes) else content.encode()
    data = {"csrf_token": token(browser), "trial": str(trial.id) if trial else ""}
    data["file"] = FileStorage(io.BytesIO(content), filename=name)
    if mapping is not None:
        data["mapping"] = FileStorage(io.BytesIO(mapping.encode()), filename="map.toml")
    boundary, body = encode_multipart(data)
    return browser.post(address, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def press(browser, address, follow_redirects=True, **fields):
    data = {"csrf_token": token(browser), **fields}
    return browser.post(address, data=data, follow_redirects=follow_redirects)


def checked(browser, content, trial=None, mapping=None, name="values.csv"):
    """The address of a file that was uploaded with its mapping and checked, and its page."""
    answer = upload(browser, content, name, trial, mapping)
    assert answer.status_code == 303, answer.text
    address = re.match(r"/(imports|jobs)/[0-9]+", answer.headers["Location"])[0]
    page = browser.get(address)
    assert page.status_code in (200, 422), page.text
    return address, page.text


def text_of(page):
    """What a page says, without its tags."""
    return " ".join(re.sub("<[^>]+>", " ", page).split())


def measured():
    rows = db.session.execute(
        sa.select(Participant.code, Measurement.value)
        .join(Measurement.participant)
        .order_by(Participant.code)
    )
    return [tuple(row) for row in rows]


MARKER = "id,NewMarker\nP-1,4\nP-2,x\nP-3,12\nP-4,y\n"

MAP_MARKER = {
    "target-0": "participant.code",
    "target-1": "new",
    "assay-1-name": "New marker (our lab)",
    "assay-1-biomarker": "New marker",
    "assay-1-kind": "protein",
    "assay-1-scale": "continuous",
    "same-field": "measurement.timepoint",
    "same-value": "baseline",
    "check": "1",
}

TMB = """
[trial]
code = "CCI-020"

[[measurement]]
participant = "id"
assay = "TMB"
value = "tmb"
biomarker = "Tumor mutational burden"
kind = "mutational burden"
scale = "continuous"
unit = "mut/Mb"
timepoint = "baseline"
"""

COHORT = """
[trial]
code = "WEB-1"
title = "A cohort"
design = "observational"

[participant]
code = "id"
tumor_location = "place"
enrolled_on = "enrolled"
"""


# From the upload to what is stored


def test_a_researcher_imports_a_new_marker_after_mending_two_cells(researcher, trial):
    answer = upload(researcher, MARKER, trial=trial)
    address = answer.headers["Location"].removesuffix("/map")
    page = researcher.get(f"{address}/map")
    assert '<option value="participant.code" selected>' in page.text
    page = press(researcher, f"{address}/map", **MAP_MARKER)
    assert "Faults: 2." in page.text
    assert page.text.count("Write a number in plain digits") == 2
    assert measured() == []
    refused = press(researcher, f"{address}/store")
    assert refused.status_code == 409
    typed = {"was-3-1": "x", "cell-3-1": "7", "was-5-1": "y", "cell-5-1": "still wrong"}
    page = press(researcher, f"{address}/mend", row=["3", "5"], **typed)
    assert "Faults: 1." in page.text
    assert 'value="still wrong"' in page.text
    page = press(researcher, f"{address}/mend", row="5", **{"was-5-1": "still wrong", "cell-5-1": "9"})
    assert "No cell is faulty" in page.text
    page = press(researcher, f"{address}/mend", row="5", **{"was-5-1": "9", "cell-5-1": "9.5"})
    assert 'value="9.5"' in page.text
    page = press(researcher, f"{address}/store")
    assert "The file is stored." in page.text
    assert "Cells that you mended: 2." in page.text
    assert measured() == [("P-1", 4), ("P-2", 7), ("P-3", 12), ("P-4", 9.5)]
    event = db.session.scalar(sa.select(AuditEvent).where(AuditEvent.record_type == "measurement"))
    assert (event.user_id, event.role) == (researcher.user_id, "researcher")
    stored = db.session.scalar(sa.select(ImportFile))
    assert (stored.content, stored.checked, stored.outline, stored.corrections) == (None, None, None, {})


def test_a_physician_imports_a_cohort_as_a_new_trial_with_its_arms(physician):
    text = "Patient ID,Sexe,Arm,CancerType,OS_days,OS status\nX-01,F,A,NSCLC,304,DECEASED\nX-02,M,B,Weird,61,LIVING\n"
    address = upload(physician, text).headers["Location"]
    page = physician.get(address).text
    assert "values to say the meaning of: 1" in page
    fields = {
        "trial-code": "WEB-1",
        "trial-title": "A cohort",
        "trial-design": "observational",
        **{f"target-{number}": target for number, target in enumerate(
            ["participant.code", "participant.sex", "participant.arm", "participant.tumor_location",
             "outcome.os_months", "outcome.os_event"]
        )},
        "values-3-participant.tumor_location": "1",
        "value-3-participant.tumor_location-0": "LUNG",
        "value-3-participant.tumor_location-1": "OTHER",
        "unit-4-outcome.os_months": "days",
        "arm-code": ["A", "B"],
        "arm-A-title": "Both", "arm-A-type": "experimental", "arm-A-regimen": "nivolumab + ipilimumab",
        "arm-B-title": "One", "arm-B-type": "active comparator", "arm-B-regimen": "nivolumab",
        "check": "1",
    }  # fmt: skip
    page = press(physician, address, **fields)
    assert "No cell is faulty. Rows: 2." in page.text
    assert "DECEASED" in page.text
    assert "9.98768" in page.text  # 304 days in months
    page = press(physician, f"{address.removesuffix('/map')}/store")
    assert "The file is stored." in page.text
    trial = db.session.scalar(sa.select(Trial).where(Trial.code == "WEB-1"))
    assert {arm.code: str(arm.regimen) for arm in trial.arms} == {
        "A": "nivolumab + ipilimumab",
        "B": "nivolumab",
    }
    first = db.session.scalar(sa.select(Participant).where(Participant.code == "X-01"))
    assert (first.sex.value, first.tumor_location, first.arm.code) == ("female", "LUNG", "A")
    assert first.reported_outcome.os_event is True
    assert physician.get(f"/trials/{trial.id}").status_code == 200  # who makes a trial is its member


def test_what_is_asked_of_a_column_follows_what_it_becomes(physician, trial):
    address = upload(physician, "id,x\nP-1,2024-03-01\n", trial=trial).headers["Location"]
    page = press(physician, address, **{"target-0": "participant.code", "target-1": "participant.died_on"})
    assert 'name="format-1-participant.died_on"' in page.text
    page = press(physician, address, **{"target-0": "participant.code", "target-1": ["outcome.os_event"]})
    assert "values to say the meaning of: 1" in page.text
    page = press(physician, address, **{"target-0": "participant.code", "target-1": "outcome.os_months"})
    assert 'name="unit-1-outcome.os_months"' in page.text


def test_a_column_may_become_two_fields(physician, trial):
    address = upload(physician, "id,kind\nQ-1,NSCLC\n", trial=trial).headers["Location"]
    fields = {
        "target-0": "participant.code",
        "target-1": ["participant.tumor_location", "participant.diagnosis"],
    }
    press(physician, address, **fields, check="1")
    mapping = parse(db.session.scalar(sa.select(ImportFile.mapping)))
    assert mapping["participant"] == {
        "code": "id",
        "tumor_location": {"column": "kind", "values": {"NSCLC": "LUNG"}},
        "diagnosis": "kind",
    }


CODE_AND_NEW = {"target-0": "participant.code", "target-1": "new"}


@pytest.mark.parametrize(
    "fields, part",
    [
        ({"target-1": "new", "assay-1-scale": "continuous"}, "Say which column has the participants"),
        ({"target-0": "participant.code"}, "Say of at least one more column"),
        ({"target-0": "participant.code", "target-1": "measurement.measured_on"}, "that an assay measured"),
        ({**CODE_AND_NEW, "assay-1-scale": "continuous"}, "is new, so the mapping must say it"),
        ({**CODE_AND_NEW, "assay-1-scale": "a lot"}, "Write one of: Continuous"),
    ],
)
def test_a_mapping_that_says_too_little_is_refused_and_kept_on_the_page(researcher, trial, fields, part):
    address = upload(researcher, MARKER, trial=trial).headers["Location"]
    before = copy_tables()
    page = press(researcher, address, **fields, check="1")
    assert page.status_code == 422
    assert part in text_of(page.text)
    assert differences(before, copy_tables()) == {}
    assert page.text.count(" selected>Code of the participant") == ("target-0" in fields)


def test_a_new_trial_needs_its_code(physician):
    address = upload(physician, "id,sex\nP-1,F\n").headers["Location"]
    page = press(
        physician, address, **{"target-0": "participant.code", "target-1": "participant.sex", "check": "1"}
    )
    assert page.status_code == 422
    assert "Say what the new trial is" in page.text


def test_a_mapping_is_kept_and_offered_for_the_next_file_with_its_columns(researcher, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    press(researcher, f"{address}/store")
    later = upload(researcher, "tmb,other,id\n7,x,P-2\n", name="later.csv", trial=trial).headers["Location"]
    page = researcher.get(later).text
    assert "The mapping by which values.csv was stored fits this file" in page
    assert "assay=TMB" in page
    assert "Start from guesses instead" in page
    press(researcher, later, **{"target-0": "assay=TMB", "target-2": "participant.code", "check": "1"})
    press(researcher, f"{later.removesuffix('/map')}/store")
    assert measured() == [("P-1", 4), ("P-2", 7)]
    another = upload(researcher, "id,ldh\nP-1,4\n", trial=trial).headers["Location"]
    assert "was stored fits" not in researcher.get(another).text


def test_the_mapping_is_downloaded_as_the_command_reads_it(researcher, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    answer = researcher.get(f"{address}/mapping.toml")
    assert parse(answer.text) == parse(TMB)
    assert answer.headers["Content-Disposition"] == "attachment; filename=values.toml"


def test_a_mapping_that_no_page_can_show_is_used_as_a_file(researcher, trial):
    more = (
        TMB
        + '[[measurement]]\nparticipant = "id"\nassay = "TMB"\nvalue = "late"\ntimepoint = "on treatment"\n'
    )
    address, page = checked(researcher, "id,tmb,late\nP-1,4,5\n", mapping=more)
    assert "No cell is faulty" in page
    page = researcher.get(f"{address}/map").text
    assert "This mapping says more than a page can show" in page
    assert press(researcher, f"{address}/map", from_file="own").status_code == 200
    page = press(researcher, f"{address}/store").text
    assert "The file is stored." in page
    assert measured() == [("P-1", 4), ("P-1", 5)]
    later = upload(researcher, "id,tmb,late\nP-2,6,7\n", trial=trial).headers["Location"]
    assert "This mapping says more than a page can show" in researcher.get(later).text
    number = re.search('name="from_file" value="([0-9]+)"', researcher.get(later).text)[1]
    assert "No cell is faulty" in press(researcher, later, from_file=number).text


# Mending, replacing, leaving out


def test_a_faulty_row_can_be_left_out_and_taken_in_again(researcher, trial):
    address, page = checked(researcher, "id,tmb\nP-1,4\nP-9,5\n", mapping=TMB)
    assert "The trial has no such participant." in page
    page = press(researcher, f"{address}/mend", row="3", **{"out-3": "1"}).text
    assert "No cell is faulty" in page
    assert 'name="out-3" value="1" checked' in page
    assert "Faults: 1." in press(researcher, f"{address}/mend", row="3").text
    press(researcher, f"{address}/mend", row="3", **{"out-3": "1"})
    page = press(researcher, f"{address}/store").text
    assert "Rows that you left out: 1." in page
    assert measured() == [("P-1", 4)]


def test_the_mended_file_is_checked_by_the_same_mapping(researcher, trial):
    address, page = checked(researcher, "id,tmb\nP-1,four\n", mapping=TMB)
    assert "Faults: 1." in page
    answer = upload(researcher, "id,tmb\nP-1,4\n", name="mended.csv", address=f"{address}/file")
    page = researcher.get(answer.headers["Location"]).text
    assert "No cell is faulty" in page
    assert "mended.csv" in page
    refused = upload(researcher, "<html>", name="page.csv", address=f"{address}/file")
    assert refused.status_code == 422
    press(researcher, f"{address}/store")
    assert measured() == [("P-1", 4)]


def test_another_mapping_file_takes_the_place_of_the_first(researcher, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    other = TMB.replace('"baseline"', '"on treatment"').encode()
    answer = upload(researcher, other, name="other.toml", address=f"{address}/file")
    assert researcher.get(answer.headers["Location"]).status_code in (200, 422)
    press(researcher, f"{address}/store")
    assert db.session.scalar(sa.select(Measurement.timepoint)).value == "on treatment"


def test_a_file_that_contradicts_what_is_stored_replaces_it_only_for_a_reason(researcher, trial):
    for content in ("id,tmb\nP-1,4\n", "id,tmb\nP-1,5\nP-2,6\n"):
        address, page = checked(researcher, content, mapping=TMB)
        if "P-2" not in content:
            press(researcher, f"{address}/store")
    assert "Stored values that the file contradicts: 1" in page
    assert "The stored values stay as they are" in page
    page = press(researcher, f"{address}/check", update="1").text
    assert "The stored values will be replaced" in page
    assert re.search(r'<textarea[^>]*name="reason"[^>]*required', page)
    refused = press(researcher, f"{address}/store", reason="  ")
    assert refused.status_code == 422
    assert 'id="reason-error"' in refused.text
    assert measured() == [("P-1", 4)]
    page = press(researcher, f"{address}/store", reason="Measured again").text
    assert "The file is stored." in page
    assert measured() == [("P-1", 5), ("P-2", 6)]
    change = db.session.scalar(sa.select(AuditEvent).where(AuditEvent.action == "change"))
    assert (change.reason, change.changes) == ("Measured again", {"value": [4.0, 5.0]})


def test_without_replacing_only_what_is_new_is_stored(researcher, trial):
    first = db.session.scalar(sa.select(Participant).where(Participant.code == "P-1"))
    make_measurement(assay=make_assay(name="LDH"), participant=first)
    mapping = TMB.replace("TMB", "LDH").partition("biomarker =")[0] + 'timepoint = "baseline"\n'
    address, page = checked(researcher, "id,tmb\nP-1,5\nP-2,6\n", mapping=mapping)
    assert "Stored values that the file contradicts: 1" in page
    press(researcher, f"{address}/store")
    assert measured() == [("P-1", 7.5), ("P-2", 6)]


def test_a_stored_file_is_not_stored_or_changed_again(researcher, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    press(researcher, f"{address}/store")
    before = copy_tables()
    again = press(researcher, f"{address}/store", follow_redirects=False)
    assert (again.status_code, again.headers["Location"]) == (303, address)
    for what in ("mend", "check", "discard"):
        assert press(researcher, f"{address}/{what}").status_code == 409
    assert upload(researcher, "id,tmb\nP-1,5\n", address=f"{address}/file").status_code == 409
    assert researcher.get(f"{address}/map").status_code == 409
    assert differences(before, copy_tables()) == {}


def test_a_file_is_thrown_away(researcher, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    assert "thrown away" in press(researcher, f"{address}/discard").text
    assert db.session.scalar(sa.select(sa.func.count(ImportFile.id))) == 0
    assert researcher.get(address).status_code == 404


def test_a_long_preview_is_shown_a_page_at_a_time(physician):
    rows = "".join(f"X-{number},Lung,2024-01-02\n" for number in range(60))
    address, page = checked(physician, "id,place,enrolled\n" + rows, mapping=COHORT)
    assert "1–25 of 60" in page
    assert "X-30" not in page
    assert "X-30" in physician.get(f"{address}?rows=all&page=2").text
    assert physician.get(f"{address}?rows=all&page=4").status_code == 404
    assert physician.get(f"{address}?page=-1").status_code == 422
    assert physician.get(f"{address}?page=x").status_code == 422


# Bad files: refused at once, and nothing is stored of them


def _bomb():
    buffer = io.BytesIO(xlsx(["id"]))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", b"\0" * 50_000_000)
    return buffer.getvalue()


def _macros():
    buffer = io.BytesIO(xlsx(["id"]))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    return buffer.getvalue()


BAD_FILES = {
    "another ending": (b"id,tmb\n", "values.docx", "ends in .csv"),
    "no ending": (b"id,tmb\n", "values", "ends in .csv"),
    "zero bytes": (b"", "values.csv", "The file is empty"),
    "HTML": (b"<!doctype html><p>id</p>", "values.csv", "HTML, SVG or XML"),
    "SVG": (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "values.csv",
        "HTML, SVG or XML",
    ),
    "JSON": (b'{"id": NaN}', "values.csv", "JSON"),
    "PDF": (b"%PDF-1.7", "values.csv", "PDF"),
    "a workbook that is called CSV": (xlsx(["id"]), "values.csv", "a workbook or a zip archive"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + b"x" * 600, "values.xlsx", "protected by a password"),
    "a truncated workbook": (xlsx(["id"], ["P-1"])[:2000], "values.xlsx", "damaged"),
    "text that is called a workbook": (b"id,tmb\n", "values.xlsx", "damaged"),
    "a zip bomb": (_bomb(), "values.xlsx", "unpacks to"),
    "a workbook with macros": (_macros(), "values.xlsx", "macros"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_what_is_no_table_is_refused_beside_the_field(researcher, trial, log_lines, what):
    content, name, part = BAD_FILES[what]
    key = token(researcher)
    before = copy_tables()
    log_lines.clear()
    data = {"csrf_token": key, "trial": str(trial.id), "file": (io.BytesIO(content), name)}
    answer = researcher.post("/imports/new", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert part in text_of(answer.text)
    assert 'id="file-error"' in answer.text
    assert f'<option value="{trial.id}" selected>' in answer.text
    assert differences(before, copy_tables()) == {}
    (line,) = log_lines
    assert line.endswith("fields=file")


def test_a_file_is_asked_for(researcher):
    answer = press(researcher, "/imports/new")
    assert answer.status_code == 422
    assert "Choose a file." in answer.text
    assert upload(researcher, "id\n").status_code == 422  # a researcher says of which trial


def test_a_file_that_is_too_large_is_refused(app, researcher, trial):
    app.config["MAX_IMPORT_LENGTH"] = 10_000
    before = copy_tables()
    assert upload(researcher, "id\n" + "x" * 20_000, trial=trial).status_code == 413
    assert differences(before, copy_tables()) == {}


def test_a_file_may_be_larger_than_other_forms(researcher, trial):
    content = "id,tmb,note\n" + "".join(f"P-{n % 4 + 1},4,{'x' * 600}\n" for n in range(1000))
    assert len(content) > 600_000
    assert upload(researcher, content, trial=trial).status_code == 303


def test_the_name_of_a_file_is_only_shown(researcher, trial):
    _address, page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB, name="../../x<b>\u202e.csv")
    assert db.session.scalar(sa.select(ImportFile.name)) == "x<b>?.csv"
    assert "x&lt;b&gt;?.csv" in page
    assert "<b>?" not in page


def test_an_encoding_is_asked_for(researcher, trial):
    content = "id,Bergonié\nP-1,4\n"
    for encoding, chosen in (("latin-1", "cp1252"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")):
        address = upload(researcher, content.encode(encoding), trial=trial).headers["Location"]
        page = researcher.get(address)
        assert "Which encoding does the file have?" in page.text
        assert f"<option selected>{chosen}</option>" in page.text
        assert "Bergonié" in page.text
        assert press(researcher, address, encoding="klingon").status_code == 422
        page = press(researcher, address, encoding=chosen)
        assert page.status_code == 200
        assert "Bergonié</th>" in page.text


def test_an_encoding_is_asked_for_where_a_mapping_file_came_along(researcher, trial):
    mapping = TMB.replace('"tmb"', '"é"')
    address = upload(researcher, "id,é\nP-1,4\n".encode("latin-1"), mapping=mapping).headers["Location"]
    page = press(researcher, address, encoding="latin-1")
    assert "No cell is faulty" in page.text


# Bad contents: every fault is told, nothing is stored


BAD_CONTENTS = {
    "a quote that is not closed": ('id,tmb\nP-1,"4\nP-2,5\n', "is not closed"),
    "a cell of 200 kB": ("id,tmb\nP-1," + "9" * 200_000 + "\n", "is too long"),
    "a column twice": ("id,tmb,tmb\nP-1,4,5\n", "Two columns have this name"),
    "a missing column": ("id,other\nP-1,4\n", "there is no such column"),
    "rows of another length": ("id,tmb\nP-1,4,5\n", "The row has 3 cells, the header 2."),
    "a header alone": ("id,tmb\n", "a header and no rows"),
    "an unknown participant": ("id,tmb\nP-77,4\n", "The trial has no such participant."),
    "a number with separators": ('id,tmb\nP-1,"1,000"\n', "without separators of thousands"),
    "not a number": ("id,tmb\nP-1,NaN\n", "Write a number in plain digits"),
    "infinite": ("id,tmb\nP-1,1e400\n", "The number is too large."),
    "a row that repeats another": ("id,tmb\nP-1,4\nP-1,5\n", "repeats row 2 with another value"),
}


@pytest.mark.parametrize("what", BAD_CONTENTS)
def test_a_fault_is_told_on_the_page_and_nothing_is_stored(researcher, trial, what):
    content, message = BAD_CONTENTS[what]
    address, page = checked(researcher, content, mapping=TMB)
    assert "Nothing can be stored before they are mended." in page
    assert message in text_of(page)
    assert press(researcher, f"{address}/store").status_code == 409
    assert measured() == []
    assert db.session.scalar(sa.select(Assay.id)) is None


def test_one_bad_row_of_2000_stores_none(physician):
    rows = [f"X-{number},Lung,2024-01-02" for number in range(2000)]
    rows[1234] = "X-1234,Lung,2024-13-02"
    address, page = checked(physician, "\n".join(["id,place,enrolled", *rows]), mapping=COHORT)
    assert "Faults: 1." in page
    assert 'name="cell-1236-2"' in page
    assert "There is no such day" in page
    assert press(physician, f"{address}/store").status_code == 409
    assert db.session.scalar(sa.select(Trial).where(Trial.code == "WEB-1")) is None


def test_the_same_file_twice_adds_nothing(researcher, trial):
    content = "id,tmb\nP-1,4\nP-2,<5\n"
    address, _page = checked(researcher, content, mapping=TMB)
    press(researcher, f"{address}/store")
    events = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    again, _page = checked(researcher, content, mapping=TMB)
    press(researcher, f"{again}/store")
    assert measured() == [("P-1", 4), ("P-2", 5)]
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == events


def test_a_formula_is_text_and_harmless_in_the_list_of_faults(researcher, trial):
    address, page = checked(researcher, "id,tmb\nP-1,=cmd|' /C calc'!A0\n", mapping=TMB)
    assert "=cmd|&#39; /C calc&#39;!A0" in page
    answer = researcher.get(f"{address}/faults.csv")
    (fault,) = csv.DictReader(io.StringIO(answer.text))
    assert (fault["row"], fault["column"], fault["value"]) == ("2", "tmb", "'=cmd|' /C calc'!A0")
    assert fault["message"].startswith("Write a number in plain digits")


def test_script_in_a_cell_or_heading_is_shown_as_text(researcher, trial):
    mapping = TMB.replace('"tmb"', '"<script>alert(1)</script>"')
    address, page = checked(
        researcher, "id,<script>alert(1)</script>\n<script>x</script>,{{7*7}}\n", mapping=mapping
    )
    assert "<script>alert" not in page
    assert "<script>x" not in page
    assert "{{7*7}}" in page
    assert "<script>alert" not in researcher.get(f"{address}/map").text


def test_dates_of_a_spreadsheet_are_converted_and_shown(physician):
    content = xlsx(
        ["id", "place", "enrolled"], ["X-1", "Lung", datetime.date(2024, 3, 15)], ["X-2", "Lung", 45366]
    )
    address, page = checked(physician, content, mapping=COHORT, name="book.xlsx")
    assert "No cell is faulty" in page
    assert "45366 → 2024-03-15" in text_of(page)
    assert "The number was read as Excel&#39;s day 2024-03-15." in page
    press(physician, f"{address}/store")
    dates = set(db.session.scalars(sa.select(Participant.enrolled_on).where(Participant.code.like("X-%"))))
    assert dates == {datetime.date(2024, 3, 15)}


def test_an_external_link_of_a_workbook_is_not_followed(researcher, trial):
    link = (
        b'<Relationship Id="rId99" Target="https://evil.example/x" TargetMode="External"'
        b' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink"/></Relationships>'
    )
    content = repacked(
        xlsx(["id", "tmb"], ["P-1", 4]),
        lambda name, part: (
            part.replace(b"</Relationships>", link) if name == "xl/_rels/workbook.xml.rels" else part
        ),
    )
    _address, page = checked(researcher, content, mapping=TMB, name="book.xlsx")
    assert "No cell is faulty" in page
    assert "evil.example" not in page


def test_a_sheet_is_chosen(researcher, trial):
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    data = book.create_sheet("Data")
    for row in (["id", "tmb"], ["P-1", 4]):
        data.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    address = upload(researcher, buffer.getvalue(), name="book.xlsx", trial=trial).headers["Location"]
    assert "No column has a name here" in researcher.get(address).text
    page = press(researcher, address, sheet="Data").text
    assert "<option selected>Data</option>" in page
    assert ">tmb</th>" in page
    press(researcher, address, sheet="Data", **MAP_MARKER)
    press(researcher, f"{address.removesuffix('/map')}/store")
    assert measured() == [("P-1", 4)]


# Who may


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MONITOR, Role.ADMIN])
def test_only_physicians_and_researchers_import(sign_in, trial, role):
    browser = sign_in(role, [trial])
    for address in ("/imports/", "/imports/new", "/imports/1"):
        assert browser.get(address).status_code == 403
    assert "/imports/" not in browser.get("/").text


def test_a_researcher_imports_no_participants_by_a_mapping_file(researcher, trial):
    before = copy_tables()
    for mapping in (
        COHORT,
        COHORT.replace("WEB-1", "CCI-020"),
        TMB.replace('code = "CCI-020"', 'code = "CCI-020"\ntitle = "Mine now"'),
        TMB + '[[arm]]\ncode = "A"\ntitle = "A"\ntype = "other"\n',
    ):
        answer = upload(researcher, "id,place,enrolled,tmb\nX-1,Lung,2024-01-02,4\n", mapping=mapping)
        assert answer.status_code == 422
        assert "Your role imports specimens and measurements of participants" in answer.text
    assert differences(before, copy_tables()) == {}


def test_a_researcher_imports_no_participants_by_a_crafted_form(researcher, trial):
    address = upload(researcher, "id,sex,tmb\nP-1,F,4\n", trial=trial).headers["Location"]
    before = copy_tables()
    answer = press(
        researcher, address, **{"target-0": "participant.code", "target-1": "participant.sex", "check": "1"}
    )
    assert answer.status_code == 403
    assert "leave out of the mapping: [participant]" in answer.text
    assert differences(before, copy_tables()) == {}


def test_a_trial_that_one_may_not_see_is_not_imported_into(researcher, physician, trial):
    hidden = make_trial(code="HID-1")
    make_participant(trial=hidden, code="P-1")
    before = copy_tables()
    assert upload(researcher, "id,tmb\nP-1,4\n", trial=hidden).status_code == 404
    answer = upload(researcher, "id,tmb\nP-1,4\n", mapping=TMB.replace("CCI-020", "HID-1"))
    assert answer.status_code == 422
    assert "There is no trial HID-1 that you may see." in answer.text
    assert differences(before, copy_tables()) == {}
    address, _page = checked(
        physician, "id,place,enrolled\nX-1,Lung,2024-01-02\n", mapping=COHORT.replace("WEB-1", "HID-1")
    )
    answer = press(physician, f"{address}/store")
    assert answer.status_code == 422
    assert (
        db.session.scalar(sa.select(sa.func.count(Participant.id)).where(Participant.trial_id == hidden.id))
        == 1
    )


def test_a_file_is_its_uploaders_alone_and_goes_with_the_trial(researcher, sign_in, trial):
    address, _page = checked(researcher, "id,tmb\nP-1,4\n", mapping=TMB)
    colleague = sign_in(Role.RESEARCHER, [trial])
    for part in ("", "/map", "/mapping.toml", "/faults.csv"):
        assert colleague.get(address + part).status_code == 404
    for part in ("mend", "check", "store", "discard"):
        assert press(colleague, f"{address}/{part}").status_code == 404
    (member,) = [one for one in trial.members if one.user_id == researcher.user_id]
    member.withdrawn_at = now()
    with because("left"):
        db.session.commit()
    assert researcher.get(address).status_code == 404
    assert "values.csv" not in researcher.get("/imports/").text


def test_an_import_does_not_tell_who_is_in_a_masked_arm(sign_in):
    trial = make_trial(code="RND-1", is_randomised=True, design="randomised")
    arms = [make_arm(trial=trial, code=code) for code in "AB"]
    make_participant(trial=trial, code="P-1", arm=arms[0])
    browser = sign_in(Role.PHYSICIAN, [trial])
    mapping = '[trial]\ncode = "RND-1"\n[participant]\ncode = "id"\narm = "arm"\n'
    pages = [checked(browser, f"id,arm\nP-1,{code}\n", mapping=mapping)[1] for code in "AB"]
    for page in pages:
        assert "masked until the results are released" in page
        assert "contradicts" not in page
    assert text_of(pages[0]).replace(" A ", " ") == text_of(pages[1]).replace(" B ", " ")


# Long files


def wait(app):
    """Until the worker has done its jobs."""
    db.session.rollback()
    worker().wait()


@pytest.fixture
def long_files(app):
    """Three rows are many."""
    app.config["IMPORT_AT_ONCE"] = 2
    yield
    wait(app)


CONTENT = "id,tmb\nP-1,4\nP-2,5\nP-3,6\n"


def test_a_long_file_is_checked_and_stored_as_a_job(app, researcher, trial, long_files):
    address, page = checked(researcher, CONTENT, mapping=TMB)
    assert address == "/jobs/1"
    wait(app)
    page = researcher.get(address).text
    assert "See the result" in page
    found = re.search('class="btn btn-primary" href="(/imports/[0-9]+)"', page)[1]
    assert "No cell is faulty. Rows: 3." in researcher.get(found).text
    answer = press(researcher, f"{found}/store", follow_redirects=False)
    assert answer.headers["Location"] == "/jobs/2"
    wait(app)
    assert "What was stored" in researcher.get(found).text
    assert measured() == [("P-1", 4), ("P-2", 5), ("P-3", 6)]
    event = db.session.scalar(sa.select(AuditEvent).where(AuditEvent.record_type == "measurement"))
    assert event.user_id == researcher.user_id
    job = db.session.get_one(Job, 2)
    assert job.state is JobState.DONE


def test_a_long_file_with_a_fault_is_told_so_after_its_job(app, researcher, trial, long_files):
    checked(researcher, CONTENT.replace("6", "six"), mapping=TMB)
    wait(app)
    page = researcher.get("/imports/1").text
    assert "Faults: 1." in page
    press(researcher, "/imports/1/mend", row="4", **{"was-4-1": "six", "cell-4-1": "6"})
    wait(app)
    assert "No cell is faulty" in researcher.get("/imports/1").text


def test_while_a_job_works_on_a_file_it_shows_how_far_it_is_and_takes_nothing(app, researcher, trial):
    address, _page = checked(researcher, CONTENT, mapping=TMB)
    found = db.session.get_one(ImportFile, 1)
    found.job = Job(
        kind="import", title="Storing", address=address, arguments={}, user_id=researcher.user_id, language="en",
        state=JobState.RUNNING, heartbeat_at=now(), done=3, total=12, text="Measurements",
    )  # fmt: skip
    db.session.commit()
    answer = researcher.get(address)
    assert answer.headers["Location"] == "/jobs/1"
    page = researcher.get("/jobs/1").text
    assert '<progress class="job-progress" value="3" max="12"' in page
    assert "3 of 12" in page
    assert 'hx-trigger="every 1s"' in page
    for what in ("store", "mend", "check", "discard"):
        assert press(researcher, f"{address}/{what}").status_code == 409


def test_an_import_that_was_killed_has_stored_nothing_and_says_so(app, researcher, trial):
    address, _page = checked(researcher, CONTENT, mapping=TMB)
    found = db.session.get_one(ImportFile, 1)
    found.checked = None
    found.job = Job(
        kind="import", title="Storing", address=address, arguments={}, user_id=researcher.user_id, language="en",
        state=JobState.RUNNING, heartbeat_at=now() - datetime.timedelta(minutes=5),
    )  # fmt: skip
    db.session.commit()
    page = researcher.get("/jobs/1").text
    assert "The tracker was stopped while this was going on. Nothing was stored; start it again." in page
    page = researcher.get(address).text
    assert "Nothing was stored; start it again." in page
    assert "No cell is faulty" in press(researcher, f"{address}/check").text
    press(researcher, f"{address}/store")
    assert len(measured()) == 3


def test_a_job_does_no_more_than_its_asker_may_when_it_runs(app, researcher, trial, long_files, monkeypatch):
    monkeypatch.setattr("tracker.jobs.Worker.start", lambda self: None)
    checked(researcher, CONTENT, mapping=TMB)
    (member,) = [one for one in trial.members if one.user_id == researcher.user_id]
    member.withdrawn_at = now()
    with because("left"):
        db.session.commit()
    monkeypatch.undo()
    worker().start()
    wait(app)
    job = db.session.get_one(Job, 1)
    assert job.state is JobState.FAILED
    assert "may no longer see its trial" in job.message


def test_after_a_failed_job_the_checked_file_can_be_stored_again(app, researcher, trial):
    address, _page = checked(researcher, CONTENT, mapping=TMB)
    found = db.session.get_one(ImportFile, 1)
    found.job = make_job(
        user_id=researcher.user_id, state=JobState.FAILED, message="The tracker was stopped."
    )
    db.session.commit()
    page = researcher.get(address).text
    assert "The tracker was stopped." in page
    assert "No cell is faulty" in page
    press(researcher, f"{address}/store")
    assert len(measured()) == 3


def test_a_trials_page_leads_to_its_import(researcher, trial):
    link = f"/imports/new?trial={trial.id}"
    assert link in researcher.get(f"/trials/{trial.id}").text
    assert f'<option value="{trial.id}" selected>' in researcher.get(link).text


@pytest.mark.parametrize("number, status", [("999999", 404), ("9" * 30, 422), ("x", 422), ("", 200)])
def test_an_address_that_names_no_trial_is_refused(researcher, number, status):
    assert researcher.get(f"/imports/new?trial={number}").status_code == status


def test_imports_are_listed_with_what_became_of_them(researcher, trial):
    address, _page = checked(researcher, CONTENT, mapping=TMB)
    checked(researcher, "id,tmb\nP-1,x\n", mapping=TMB, name="second.csv")
    press(researcher, f"{address}/store")
    page = text_of(researcher.get("/imports/").text)
    assert re.search("second.csv CCI-020 .* UTC not stored yet — —", page)
    assert re.search("values.csv CCI-020 .* UTC stored 5 0", page)


def test_outcomes_and_participants_are_filled_in(physician, trial):
    mapping = (
        '[trial]\ncode = "CCI-020"\n[outcome]\nparticipant = "id"\nos_months = "os"\nos_event = "dead"\n'
    )
    address, _page = checked(physician, "id,os,dead\nP-1,12.5,1\n", mapping=mapping)
    press(physician, f"{address}/store")
    outcome = db.session.scalar(sa.select(ReportedOutcome))
    assert (outcome.os_months, outcome.os_event, outcome.source) == (12.5, True, "values.csv")
    assert db.session.scalar(sa.select(sa.func.count(Arm.id))) == 0


EVENTS = "id,term,grade,onset date,related\nP-1,Rash,2,2024-02-01,possible\nP-2,Cough,6,2024-02-02,no\n"


def test_adverse_events_are_guessed_mended_and_stored_like_any_record(physician, trial):
    address = upload(physician, EVENTS, "events.csv", trial=trial).headers["Location"]
    page = physician.get(address).text
    assert "Related to the treatment" in page
    fields = {
        "target-0": "participant.code",
        "target-1": "adverse_event.term",
        "target-2": "adverse_event.grade",
        "target-3": "adverse_event.started_on",
        "target-4": "adverse_event.related",
        "values-4-adverse_event.related": "1",
        "value-4-adverse_event.related-0": "yes",
        "value-4-adverse_event.related-1": "=",
    }
    page = press(physician, address, check="1", **fields)
    assert "Write a number from 1 to 5" in page.text
    address = address.removesuffix("/map")
    mended = {"row": "3", "cell-3-2": "3", "was-3-2": "6"}
    assert "No cell is faulty" in press(physician, f"{address}/mend", **mended).text
    assert "is stored" in press(physician, f"{address}/store").text
    found = db.session.execute(sa.select(AdverseEvent.term, AdverseEvent.grade).order_by(AdverseEvent.id))
    assert found.all() == [("Rash", 2), ("Cough", 3)]


@pytest.mark.parametrize("section", ["adverse_event", "administration", "lesion", "assessment"])
def test_a_researcher_imports_none_of_what_physicians_record(researcher, trial, section):
    keys = {
        "adverse_event": 'term = "a"\ngrade = "a"\nstarted_on = "a"',
        "administration": 'component = "a"\ncycle = "a"\ngiven_on = "a"\ndose = "a"\nunit = "a"',
        "lesion": 'label = "a"\nrole = "a"\nplace = "a"',
        "assessment": 'assessed_on = "a"\nmodality = "a"',
    }[section]
    mapping = f'[trial]\ncode = "CCI-020"\n[{section}]\nparticipant = "id"\n{keys}\n'
    answer = upload(researcher, "id,a\nP-1,1\n", trial=trial, mapping=mapping)
    assert answer.status_code in (403, 422)
    assert f"[{section}]" in answer.text


def test_a_table_of_agents_is_kept_as_a_file(physician, trial):
    mapping = (
        '[trial]\ncode = "CCI-020"\n[adverse_event]\nparticipant = "id"\nterm = "term"\ngrade = "grade"\n'
        'started_on = "onset date"\nattribution = { "Pembrolizumab" = "related" }\n'
    )
    address, page = checked(physician, EVENTS.replace("6", "3"), mapping=mapping)
    assert "Caused by Pembrolizumab" in page
    assert "This mapping says more than a page can show" in physician.get(f"{address}/map").text


def test_a_page_of_columns_that_had_expired_keeps_what_was_chosen(researcher, trial):
    address = upload(researcher, MARKER, trial=trial).headers["Location"]
    answer = researcher.post(address, data=MAP_MARKER | {"csrf_token": "of yesterday"})
    assert answer.status_code == 422
    assert "had expired" in text_of(answer.text)
    assert 'value="New marker (our lab)"' in answer.text
    assert measured() == []


def test_texts_that_may_name_somebody_are_stored_once_they_are_confirmed(physician, trial):
    mapping = '[trial]\ncode = "CCI-020"\n\n[participant]\ncode = "id"\ndiagnosis = "dx"\n'
    address, page = checked(physician, "id,dx\nP-1,Mme Durand\nP-2,LUAD\n", mapping=mapping)
    assert "Texts that may tell who a person is: 1" in page
    assert "Row 2, dx: “Mme Durand” may be a person’s name." in text_of(page)
    before = copy_tables()
    answer = press(physician, f"{address}/store", follow_redirects=False)
    assert answer.status_code == 422
    assert "Tick this to confirm" in answer.text
    assert differences(before, copy_tables()) == {}
    assert "to confirm,2,dx,Mme Durand" in physician.get(f"{address}/faults.csv").text
    assert press(physician, f"{address}/store", confirmed="1").status_code == 200
    chosen = sa.select(AuditEvent).where(AuditEvent.record_type == "trial").order_by(AuditEvent.id.desc())
    assert db.session.scalars(chosen).first().changes == {
        "confirmed": [None, "participant.diagnosis: name (1)"]
    }
    history = physician.get(f"/trials/{trial.id}/history").text
    assert "Confirmed that it identifies nobody" in history


def test_a_cell_that_is_asked_about_can_be_mended_on_the_page(physician, trial):
    mapping = '[trial]\ncode = "CCI-020"\n\n[participant]\ncode = "id"\ndiagnosis = "dx"\n'
    address, _page = checked(physician, "id,dx\nP-1,Mme Durand\n", mapping=mapping)
    fields = {"row": "2", "cell-2-1": "LUAD", "was-2-1": "Mme Durand"}
    page = press(physician, f"{address}/mend", **fields).text
    assert "Texts that may tell who" not in page
    assert press(physician, f"{address}/store").status_code == 200
    assert db.session.scalars(sa.select(Participant.diagnosis).where(Participant.code == "P-1")).all() == [
        "LUAD"
    ]

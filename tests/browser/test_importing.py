"""A researcher brings a new marker from a file to a figure; a long file goes on without its page."""

import io
import re
import struct

import openpyxl
import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.person import PASSWORD
from tracker import actions
from tracker.audit import because
from tracker.extensions import db
from tracker.jobs import worker
from tracker.roles import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def trial(app):
    """Twelve participants with their survival, and a researcher, okoye, who is assigned to them."""
    trial = factories.make_trial(code="CCI-020")
    for number in range(1, 13):
        factories.make_reported_outcome(
            participant=factories.make_participant(trial=trial, code=f"P-{number:02}"),
            os_months=3.0 * number,
            os_event=number % 3 > 0,
        )
    actions.add_user("okoye", Role.RESEARCHER, PASSWORD)
    with because("for the test"):
        db.session.add(actions.assign(actions.user_named("okoye"), trial))
        db.session.commit()
    return trial


@pytest.fixture
def researcher(arrive, server, trial):
    person = arrive(server)
    person.sign_in("okoye", PASSWORD)
    return person


def choose_file(person, label, name, text):
    content = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    person.page.get_by_label(label).first.set_input_files(content)


def download(person, link):
    with person.page.expect_download() as started:
        link.click()
    return started.value.suggested_filename, started.value.path().read_bytes()


def cell(person, row, column):
    return person.page.get_by_role("textbox", name=f"Row {row}, {column}")


def values(faulty):
    """The marker of twelve participants, with two cells that are no numbers."""
    lines = [f"P-{number:02},{faulty.get(number, number)}" for number in range(1, 13)]
    return "\n".join(["Subject ID,CXCL9 (log2)", *lines]) + "\n"


def upload(person, text):
    person.menu("Imports")
    person.follow("Import a file", person.page.get_by_role("main").locator(".page-actions"))
    person.at("Import a file")
    choose_file(person, "File", "cxcl9.csv", text)
    person.fill({"Trial": "CCI-020"})
    person.press("Upload")
    person.at("cxcl9.csv")


def map_new_marker(person):
    """The column of codes is guessed; that of the values is a new assay."""
    expect(person.field("Subject ID becomes").locator("option:checked")).to_have_text(
        "Code of the participant"
    )
    person.fill({"CXCL9 (log2) becomes": "A new assay …"})
    group = person.page.get_by_role("group", name="The new assay of CXCL9 (log2)")
    expect(group).to_be_visible()
    person.fill(
        {
            "Assay": "CXCL9 RNA",
            "Biomarker": "CXCL9",
            "Kind": "Gene expression",
            "Unit": "log2",
            "Positive at or above": "7",
        },
        group,
    )


def test_a_researcher_brings_a_new_marker_from_a_file_to_a_figure(researcher):
    upload(researcher, values({4: "n.d.", 9: "9,5"}).replace("P-09,9,5", 'P-09,"9,5"'))
    map_new_marker(researcher)
    researcher.check_page()
    with researcher.refused(422):
        researcher.press("Check the file")
    expect(researcher.page.get_by_role("alert")).to_contain_text("Faults: 2.")
    for row, typed in ((5, "n.d."), (10, "9,5")):
        expect(cell(researcher, row, "CXCL9 (log2)")).to_have_value(typed)
        expect(cell(researcher, row, "CXCL9 (log2)")).to_have_accessible_description(
            re.compile("Write a number")
        )
    researcher.check_page()
    cell(researcher, 5, "CXCL9 (log2)").fill("4")
    cell(researcher, 10, "CXCL9 (log2)").fill("9.5")
    researcher.press("Check what I mended")
    researcher.told("No cell is faulty. Rows: 12.")
    researcher.check_page()
    researcher.press("Store")
    researcher.told("The file is stored.")
    stored = {row["Records"]: row["Added"] for row in researcher.table("What was stored")}
    assert (stored["Assays"], stored["Measurements"]) == ("1", "12")
    researcher.check_page()

    researcher.follow("Survival by CXCL9 RNA")
    researcher.at("Survival")
    researcher.fill({"Endpoint": "Overall survival"})
    researcher.press("Show")
    expect(researcher.page).to_have_url(re.compile("endpoint=os"))
    medians = researcher.page.get_by_role("row").filter(
        has_text=re.compile("Positive|Negative", re.IGNORECASE)
    )
    expect(medians.first).to_be_visible()
    name, content = download(researcher, researcher.page.get_by_role("link", name=re.compile("PNG")).first)
    assert name.endswith(".png")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width >= 1000
    assert height >= 400
    name, content = download(researcher, researcher.page.get_by_role("link", name="XLSX", exact=True))
    assert name == "survival.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    cells = {
        str(value).lower() for sheet in book for row in sheet.iter_rows(values_only=True) for value in row
    }
    assert {"positive", "negative"} <= cells
    counted = [
        (row[0], row[1])
        for sheet in book
        for row in sheet.iter_rows(values_only=True)
        if str(row[0]).lower() in ("positive", "negative") and len(row) > 1
    ]
    assert ("positive", 6) in [(str(group).lower(), count) for group, count in counted]


def test_a_researcher_pastes_thirty_results_and_mends_two_of_them(researcher, trial):
    for number in range(13, 31):
        factories.make_participant(trial=trial, code=f"P-{number:02}")
    factories.make_assay(name="CXCL9 RNA", lower_limit=1)
    lines = [f"P-{number:02}\t{number}" for number in range(1, 31)]
    lines[4], lines[20] = "P-05\t0.4", "P-99\t21"
    researcher.menu("Measurements")
    researcher.follow("Paste from a spreadsheet")
    researcher.check_page()
    researcher.fill({"Trial": "CCI-020", "Table": "\n".join(["participant\tCXCL9 RNA", *lines])})
    with researcher.refused(422):
        researcher.press("Look at it")
    expect(researcher.page.get_by_role("alert")).to_contain_text("Faults: 2.")
    value, code = cell(researcher, 6, "CXCL9 RNA"), cell(researcher, 22, "participant")
    expect(value).to_have_accessible_description(re.compile("write <1"))
    expect(code).to_have_accessible_description(re.compile("no such participant"))
    researcher.check_page()
    value.fill("<1")
    code.fill("P-21")
    researcher.press("Check what I mended")
    researcher.told("No cell is faulty. Rows: 30.")
    researcher.press("Store")
    researcher.told("The file is stored.")
    assert {row["Records"]: row["Added"] for row in researcher.table("What was stored")}[
        "Measurements"
    ] == "30"
    researcher.menu("Measurements")
    expect(researcher.page.get_by_role("cell", name="<1", exact=True)).to_be_visible()
    researcher.check_page()


def test_a_file_is_imported_without_script(arrive, server, trial):
    person = arrive(server, java_script_enabled=False)
    person.sign_in("okoye", PASSWORD)
    upload(person, values({}))
    person.fill({"CXCL9 (log2) becomes": "A new assay …"})
    person.press("Update this page")
    map_new_marker(person)
    person.press("Check the file")
    person.press("Store")
    person.told("The file is stored.")


def test_a_long_file_goes_on_while_its_page_is_closed(app, researcher):
    app.config["IMPORT_AT_ONCE"] = 5
    upload(researcher, values({}))
    map_new_marker(researcher)
    researcher.press("Check the file")
    researcher.at("Checking cxcl9.csv")
    researcher.menu("Overview")
    worker().wait()
    researcher.menu("Imports")
    researcher.follow("cxcl9.csv")
    researcher.told("No cell is faulty. Rows: 12.")
    researcher.press("Store")
    researcher.at("Storing cxcl9.csv")
    researcher.check_page()
    researcher.follow("See the result")  # the page asks by itself until the job is done
    assert {row["Records"]: row["Added"] for row in researcher.table("What was stored")}[
        "Measurements"
    ] == "12"
    worker().wait()

"""No file that leaves holds a formula, whatever was typed; and numbers in it are numbers."""

import csv
import io
import zipfile

import pytest

from tests.factories import (
    make_adverse_event,
    make_agent,
    make_arm,
    make_assay,
    make_biomarker,
    make_cohort,
    make_finding,
    make_lesion,
    make_measurement,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_screen,
    make_trial,
    make_tumor_assessment,
)
from tests.views.test_import import checked
from tracker import clock
from tracker.exchange.export import write_records
from tracker.exchange.result import harmless, write
from tracker.exchange.trail import trail_file
from tracker.reports.base import all_reports, run_report
from tracker.roles import Role

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1"]

#: Every address that answers with a file; the reports' own are walked by their formats.
FILES = {
    "reports.file", "trail.file", "import_file.mapping_file", "import_file.faults_file", "screen.table",
    "screen.figure", "report_snapshot.file", "static",
}  # fmt: skip


@pytest.fixture
def named(app):
    """Records whose every name is a formula."""
    trial = make_trial(code="=T+1+1", title="@SUM(1+1)")
    agents = [make_agent(name=f"{start}agent") for start in ("=1+1", "+1+1")]
    arm = make_arm(
        trial=trial, code="-A+1+1", title="=1+1", regimen=make_regimen(name="=R+1+1", agents=agents)
    )
    cohort = make_cohort(trial=trial, name="+C1+1")
    assay = make_assay(name="=M1+1", biomarker=make_biomarker(name="@B1+1"), positive_cutoff=1)
    for number, formula in enumerate(FORMULAS * 2):
        person = make_participant(
            trial=trial, arm=arm, cohort=cohort, code=f"{formula}-{number}", diagnosis=f"{formula}, word",
            first_dose_on=clock.today().replace(year=clock.today().year - 1),
        )  # fmt: skip
        make_measurement(participant=person, assay=assay, value=-1.5 + number)
        make_adverse_event(participant=person, term=f"{formula} rash", narrative=formula, grade=3)
        if number % 2:
            make_reported_outcome(participant=person, best_overall_response="PR", source=formula)
        else:
            lesion = make_lesion(participant=person, label="=L1")
            make_tumor_assessment([(lesion, 20)], participant=person)
    make_finding(biomarker=assay.biomarker, summary="=1+1", trial=trial)
    return trial


def test_no_report_has_a_formula_in_any_table_or_figure(named):
    for slug in all_reports():
        marker = [("marker", "=M1+1")] if slug in ("biomarker", "predictive") else []
        result = run_report(slug, marker)
        for table in result.tables:
            if len(table.frame):
                assert _computed(write(result, "csv", table=table.name)) == [], (slug, table.name)
        for figure in result.figures:
            if len(figure.data):
                assert _computed(write(result, "csv", figure=figure.name)) == [], (slug, figure.name)
        with zipfile.ZipFile(io.BytesIO(write(result, "xlsx"))) as book:
            sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/" in name]
            assert not [sheet for sheet in sheets if "<f>" in sheet or "<f " in sheet or "hyperlink" in sheet]


def _computed(content):
    cells = [cell for line in csv.reader(io.StringIO(content.decode(), newline="")) for cell in line]
    return [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n") and not _is_number(cell)]


def _is_number(cell):
    try:
        return bool(float(cell)) or True
    except ValueError:
        return False


def test_no_export_trail_or_list_of_faults_has_one(named, sign_in, tmp_path):
    for folder, identified in (("all", True), ("less", False)):
        (tmp_path / folder).mkdir()
        write_records(tmp_path / folder, identified=identified)
        for path in (tmp_path / folder).glob("*.csv"):
            assert _computed(path.read_bytes()) == [], path
    trail = trail_file()
    assert _computed(trail) == []
    assert "'=T+1+1" in trail.decode()
    assert ",-1.5," in trail.decode(), "a number stays one"
    browser = sign_in(Role.PHYSICIAN, [named])
    mapping = '[trial]\ncode = "NEW-1"\ntitle = "t"\ndesign = "basket"\n[participant]\ncode = "=id"\necog = "@ecog"\n'
    mapping += 'tumor_location = { constant = "LUNG" }\n'
    address, _page = checked(browser, "=id,@ecog\nP-1,=1+1\nP-2,-7\n", mapping=mapping)
    faults = browser.get(f"{address}/faults.csv")
    assert _computed(faults.data) == []
    assert "'=1+1" in faults.text
    assert ",'-7," in faults.text, "a cell as it was typed is a text"
    screen = make_screen(user_id=browser.user_id, trial=named, table=b"marker,n\n'=1+1,40\n")
    assert _computed(browser.get(f"/screens/{screen.id}/table.csv").data) == []


def test_every_address_of_a_file_is_walked(app):
    found = {
        rule.endpoint for rule in app.url_map.iter_rules() if "." in rule.rule or rule.endpoint == "static"
    }
    assert found == FILES


@pytest.mark.parametrize("text", [*FORMULAS, "-1.5", "+2"])
def test_a_formula_is_made_text(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, 3, None, True, "1+1", "a=b", ""])
def test_what_is_no_formula_stays(value):
    assert harmless(value) is value

"""Reports as workbooks."""

import io

import openpyxl
import pytest

from tests.factories import make_arm, make_cohort, make_participant, make_reported_outcome, make_trial
from tracker.exchange.result import report_file
from tracker.reports.base import run_report

#: What a spreadsheet could take for something other than text.
HOSTILE = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "https://example.org",
    "007",
    "</svg>",
    "#import",
]


def workbook(slug, *arguments):
    return openpyxl.load_workbook(io.BytesIO(report_file(slug, "xlsx", arguments)))


def rows(sheet):
    names, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(names, line)) for line in lines]


@pytest.mark.parametrize("slug, given", [("outcomes", {}), ("survival", {"endpoint": "os"})])
def test_a_sheet_a_table_holds_its_rows_unrounded(app, slug, given):
    trial = make_trial()
    arms = [make_arm(trial=trial, code=code) for code in "AB"]
    for number in range(24):
        participant = make_participant(trial=trial, arm=arms[number % 2])
        make_reported_outcome(
            participant=participant,
            best_overall_response="PR" if number % 3 else "PD",
            os_months=1 + number / 7,
            os_event=number % 5 > 0,
        )
    arguments = [("by", "arm"), *given.items()]
    read, tables = workbook(slug, *arguments), run_report(slug, arguments).tables
    assert read.sheetnames == [*(table.name for table in tables), "About"]
    for table in tables:
        assert rows(read[table.name]) == [
            {
                name: pytest.approx(value, rel=1e-15) if isinstance(value, float) else value
                for name, value in row.items()
            }
            for row in table.rows
        ]


def test_numbers_look_as_they_are_meant(app):
    for months, response in enumerate(("PR", "SD", "SD"), start=2):
        make_reported_outcome(best_overall_response=response, os_months=months + 20.5, os_event=True)
    sheet = workbook("outcomes")["response"]
    looks = {cell.value: sheet.cell(2, cell.column).number_format for cell in sheet[1]}
    assert (looks["n"], looks["orr"], looks["orr_high"]) == ("0", "0.0%", "0.0%")
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    survival = workbook("survival", ("endpoint", "os"))
    assert survival["median"]["D2"].number_format == "0.000"
    assert survival["landmark"]["D2"].number_format == "0.0%"


def test_the_sheet_about_tells_of_what_the_tables_are(app):
    make_reported_outcome(participant=make_participant(trial=make_trial(code="CCI-017")))
    about = list(workbook("outcomes", ("trial", "CCI-017"), ("as_of", "2026-06-30"))["About"].values)
    for line in [
        ("Report", "Outcomes"),
        ("Trial", "CCI-017"),
        ("Population", "Treated"),
        ("Data cut-off", "2026-06-30"),
        ("response", "Response"),
    ]:
        assert line in about
    assert any("Clopper-Pearson" in text for _label, text in about)
    assert any(label == "Generated at" for label, _text in about)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(app, text):
    trial = make_trial()
    make_participant(trial=trial, cohort=make_cohort(trial=trial, name=text))
    read = workbook("outcomes", ("by", "cohort"), ("cohort", text))
    cell = read["response"]["A2"]
    assert (cell.value, cell.data_type) == (text, "s")
    assert cell.hyperlink is None
    assert ("Cohort", text) in list(read["About"].values)
    assert not any(cell.data_type == "f" for sheet in read for line in sheet for cell in line)

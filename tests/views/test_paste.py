"""Measurements pasted from a spreadsheet."""

import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_assay, make_participant, make_specimen, make_trial
from tests.views.test_import import press, text_of
from tracker.extensions import db
from tracker.models import AuditEvent, ImportFile, Measurement, Participant
from tracker.roles import Role

PASTE = "/imports/paste"


@pytest.fixture
def trial(app):
    trial = make_trial(code="CCI-020")
    for code in ("P-1", "P-2", "P-3"):
        make_participant(trial=trial, code=code)
    make_assay(name="TMB panel", lower_limit=1, unit="mut/Mb")
    make_assay(name="HER2 IHC", scale="ordinal", unit=None)
    return trial


@pytest.fixture
def researcher(sign_in, trial):
    return sign_in(Role.RESEARCHER, [trial])


def paste(browser, trial, table, **typed):
    return browser.submit(PASTE, trial=str(trial.id), table=table, **typed)


def pasted(browser, trial, table, **typed):
    """The address of the preview, and its page."""
    answer = paste(browser, trial, table, **typed)
    assert answer.status_code == 303, text_of(answer.text)
    page = browser.get(answer.headers["Location"])
    return answer.headers["Location"], page


def stored():
    db.session.rollback()
    rows = sa.select(Participant.code, Measurement).join(Measurement.participant).order_by(Measurement.id)
    return [(code, str(one), one.timepoint) for code, one in db.session.execute(rows)]


WIDE = "participant\tTMB panel\tHER2 IHC\nP-1\t12.5\t2+\nP-2\t<1\t\nP-3\t7\t0\n"


def test_a_pasted_table_is_seen_before_it_is_stored(researcher, trial):
    address, page = pasted(researcher, trial, WIDE)
    assert page.status_code == 200
    assert "No cell is faulty. Rows: 3." in text_of(page.text)
    assert stored() == []
    press(researcher, f"{address}/store")
    assert stored() == [
        ("P-1", "12.5", "baseline"),
        ("P-2", "<1", "baseline"),
        ("P-3", "7", "baseline"),
        ("P-1", "2+", "baseline"),
        ("P-3", "0", "baseline"),
    ]
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).where(AuditEvent.record_type == "measurement")) == 5


def test_faulty_cells_say_what_would_be_right_and_are_mended_in_place(researcher, trial, log_lines):
    log_lines.clear()
    address, page = pasted(researcher, trial, "participant\tTMB panel\nP-1\thigh\nP-2\t0.5\nP-9\t4\n")
    assert page.status_code == 422
    (line,) = log_lines
    assert "status=422" in line
    assert "high" not in line
    told = text_of(page.text)
    assert "Write a number in plain digits" in told
    assert "write &lt;1." in told
    assert "The trial has no such participant. Was P-1 / P-2 / P-3 meant?" in told
    assert stored() == []
    assert "Nothing can be stored" in told
    typed = {"cell-2-1": "12", "cell-3-1": "<1", "cell-4-0": "P-3"}
    assert set(re.findall(r'name="(cell-[^"]+)"', page.text)) == set(typed)
    press(researcher, f"{address}/mend", row=["2", "3", "4"], **typed)
    press(researcher, f"{address}/store")
    assert [row[:2] for row in stored()] == [("P-1", "12"), ("P-2", "<1"), ("P-3", "4")]


def test_one_value_a_row_with_the_name_of_its_assay(researcher, trial):
    table = "Patient\tAssay\tValue\tUnit\tTimepoint\nP-1\tTMB panel\t4\tmut/Mb\tprogression\nP-2\tHER2 IHC\t3+\t\t\n"
    address, page = pasted(researcher, trial, table, timepoint="")
    assert page.status_code == 200, text_of(page.text)
    press(researcher, f"{address}/store")
    assert sorted(stored()) == [("P-1", "4", "progression"), ("P-2", "3+", None)]


def test_rows_of_specimens_by_barcode_in_a_table_without_a_name_in_its_corner(researcher, trial):
    for number, one in enumerate(trial.participants, start=1):
        make_specimen(barcode=f"B{number}", participant=one, timepoint="progression", collected_on=None)
    address, page = pasted(researcher, trial, "\tTMB panel\nB1\t4\nB3\t5\n")
    assert page.status_code == 200, text_of(page.text)
    press(researcher, f"{address}/store")
    assert stored() == [("P-1", "4", "progression"), ("P-3", "5", "progression")]


@pytest.mark.parametrize(
    "table, kept",
    [
        ("participant\tTMB panel\r\nP-1\t2,5\r\nP-2\t<1,5\r\n", ["2.5", "<1.5"]),
        ("participant;TMB panel\nP-1;2,5\n", ["2.5"]),
        ("\n\nparticipant\ttmb PANEL\t\t\nP-1\t3\t\t\nP-2\n", ["3"]),
    ],
)
def test_the_ways_of_spreadsheets_are_understood(researcher, trial, table, kept):
    address, page = pasted(researcher, trial, table)
    assert page.status_code == 200, text_of(page.text)
    press(researcher, f"{address}/store")
    assert [row[1] for row in stored()] == kept


@pytest.mark.parametrize(
    "table, says",
    [
        ("participant\tTBM panel\nP-1\t4\n", "“TBM panel”: There is no assay of this name; there are: TMB panel"),
        ("TMB panel\n4\n", "Whose values are these?"),
        ("participant\tTMB panel\n", "Paste a row with the names of the columns"),
        ("participant\nP-1\n", "No column is named as an assay is"),
        ("participant\tTMB panel\tTMB panel\nP-1\t4\t5\n", None),
        ("participant\tassay\tvalue\nP-1\tnone\t4\n", "Column “assay”"),
        ("", "Fill this in"),
        ("participant\tTMB panel\nP-1\t4\0\n", "character"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_understood_stays_on_the_page(researcher, trial, table, says):
    answer = paste(researcher, trial, table)
    if says is None:  # as a fault of the preview
        assert "Two columns have this name" in text_of(researcher.get(answer.headers["Location"]).text)
        return
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert form_values(answer.text)["table"].strip("\r\n") == table.strip("\r\n").replace("\0", "\0")
    assert db.session.scalar(sa.select(sa.func.count(ImportFile.id))) == 0


def test_a_table_that_is_sent_twice_is_one_and_stored_once(researcher, trial):
    form = form_values(researcher.get(PASTE).text) | {"trial": str(trial.id), "table": WIDE}
    first, second = (researcher.post(PASTE, data=form) for _repeat in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    address = first.headers["Location"]
    for _repeat in range(2):
        answer = press(researcher, f"{address}/store", follow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert len(stored()) == 5


def test_the_same_results_pasted_again_add_nothing_and_others_are_shown(researcher, trial):
    address, _page = pasted(researcher, trial, "participant\tTMB panel\nP-1\t4\n")
    press(researcher, f"{address}/store")
    address, page = pasted(researcher, trial, "participant\tTMB panel\nP-1\t9\n")
    assert "Stored values that the file contradicts: 1" in text_of(page.text)
    press(researcher, f"{address}/store")
    assert [row[:2] for row in stored()] == [("P-1", "4")]


def test_a_table_is_of_a_trial_that_one_sees(sign_in, trial):
    browser = sign_in(Role.RESEARCHER, [make_trial()])
    assert paste(browser, trial, WIDE).status_code == 404


# What had expired


@pytest.mark.parametrize(
    "action, typed", [("mend", {"row": "2", "cell-2-1": "nearly 12"}), ("store", {}), ("discard", {})]
)
def test_a_form_of_another_session_is_shown_again_with_what_was_typed(researcher, trial, action, typed):
    address, _page = pasted(researcher, trial, "participant\tTMB panel\nP-1\thigh\n")
    answer = researcher.post(f"{address}/{action}", data=typed | {"csrf_token": "of yesterday"})
    assert answer.status_code == 422
    assert "had expired" in text_of(answer.text)
    assert 'name="was-2-1" value="high"' in answer.text
    shown = re.search(r'name="cell-2-1" value="([^"]*)"', answer.text)[1]
    assert shown == typed.get("cell-2-1", "high")
    assert stored() == []


def test_messages_on_pages_have_the_words_of_the_page(researcher, trial):
    answer = paste(
        researcher, trial, "participant\tTMB panel\nP-1\t4\n", timepoint="", measured_on="2099-01-01"
    )
    page = researcher.get(answer.headers["Location"]).text
    assert not re.search(r"\[\[?[a-z_]+\]", text_of(page))

"""Files as they come: CSV and XLSX that are right, and all the ways in which they are not."""

import datetime
import io
import zipfile

import openpyxl
import pytest

from tracker.exchange import workbook
from tracker.exchange.source import CELL_LIMIT, SourceOptions, read_options, read_table
from tracker.values import Refusal


def table(content, name="cohort.csv", needed=("id", "sex"), **options):
    content = content.encode() if isinstance(content, str) else content
    return read_table(name, content, SourceOptions(**options), dict.fromkeys(needed, "[participant]"))


def rows(frame):
    return {row: [cell for cell in cells if cell is not None] for row, *cells in frame.itertuples()}


def only_fault(content, **options):
    _frame, faults = table(content, **options)
    (fault,) = faults.frame().to_dict("records")
    return fault


def xlsx(*lines, title="Sheet1", more=(), **properties):
    book = openpyxl.Workbook()
    book.active.title = title
    for line in lines:
        book.active.append(line)
    for name in more:
        book.create_sheet(name)
    for name, value in properties.items():
        setattr(book, name, value)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def repacked(content, change):
    """The workbook with some of its parts changed: change(name, bytes) gives the new bytes."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


# CSV


@pytest.mark.parametrize(
    "content",
    [
        b"id,sex\n1,F\n2,M\n",
        b"\xef\xbb\xbfid,sex\r\n1,F\r\n2,M",
        b"id,sex\r1,F\r2,M\r",
        b'"id","sex"\n"1","F"\n" 2 ",M\n\n',
        b"x,id,sex,,\n9,1,F,,\n9,2,M,,\n,,,,\n",
    ],
)
def test_a_csv_is_a_table_of_text(content):
    frame, faults = table(content)
    assert rows(frame) == {2: ["1", "F"], 3: ["2", "M"]}
    assert not faults


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "UTF_16"])
def test_an_encoding_that_the_mapping_names_is_read(encoding):
    frame, _faults = table("id,sex\n1,é\n".encode(encoding), encoding=encoding)
    assert rows(frame) == {2: ["1", "é"]}


@pytest.mark.parametrize(
    "content, part",
    [
        (b"", "empty"),
        ("id,sex\n1,é\n".encode("latin-1"), "line 2"),
        ("id,sex\n1,é\n".encode("latin-1"), "Say its encoding"),
        ("id,sex\n1,F\n".encode("utf-16"), "is UTF-16"),
        ("id,sex\n1,F\n".encode("utf-16-le"), "encoding"),
        (b"id,sex\n1,\0F\n", "Line 2"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\xef\xbb\xbf <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'{"id": NaN}', "JSON"),
        (b'[{"id": 1}]', "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or protected"),
        (xlsx(["id"]), ".xlsx"),
    ],
)
def test_what_is_no_csv_is_refused(content, part):
    with pytest.raises(Refusal) as refusal:
        table(content)
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["cohort.xls", "cohort.xlsm", "cohort.pdf", "cohort", "../../etc/passwd", ".csv"]
)
def test_another_ending_is_refused(name):
    with pytest.raises(Refusal, match=r"\.xlsx"):
        table("id,sex\n1,F\n", name=name)


def test_tabs_separate_a_tsv_and_a_path_in_the_name_does_not_matter():
    frame, _faults = table("id\tsex\n1\tF\n", name="../..\\cohort.TSV")
    assert rows(frame) == {2: ["1", "F"]}


def test_a_quote_that_is_not_closed_names_the_line_where_its_row_begins():
    fault = only_fault('id,sex\n1,F\n2,"M\n3,F\n4,F\n')
    assert "line 3" in fault["message"]


def test_a_quote_that_a_later_one_closes_names_the_line_too():
    fault = only_fault('id,sex\n1,F\n2,"M\n3,F\n4,"F"\n')
    assert "line 3" in fault["message"]


def test_a_cell_with_line_breaks_is_one_row():
    frame, _faults = table('id,sex\n1,"a\nb"\n2,M\n')
    assert rows(frame) == {2: ["1", "a\nb"], 3: ["2", "M"]}


@pytest.mark.parametrize("length", [CELL_LIMIT + 1, 200_000])
def test_a_cell_that_is_too_long_is_faulty(length):
    fault = only_fault("id,sex\n1,F\n2," + "x" * length + "\n")
    assert fault["row"] == 3 or "line 3" in fault["message"]


def test_a_column_twice_is_faulty():
    fault = only_fault("id,sex,id\n1,F,2\n")
    assert (fault["row"], fault["column"]) == (1, "id")


def test_every_column_that_is_missing_is_reported_with_those_there_are():
    _frame, faults = table("ID,Geschlecht\n1,F\n")
    found = faults.frame()
    assert found["column"].tolist() == ["id", "sex"]
    assert "ID, Geschlecht" in found["message"][0]


def test_another_delimiter_is_hinted_at():
    fault = only_fault("id;sex\n1;F\n", needed=["id"])
    assert 'divided by ";"' in fault["message"]


def test_rows_of_another_length_are_faulty_with_their_number():
    _frame, faults = table("id,sex\n1,F\n2\n\n3,M,x\n4,F,\n")
    assert faults.frame()["row"].tolist() == [3, 5]


@pytest.mark.parametrize("content", ["id,sex\n", "id,sex", "\n\nid,sex\n,\n\n", "   \n"])
def test_a_header_alone_is_faulty(content):
    _frame, faults = table(content)
    assert len(faults) > 0


def test_composed_and_decomposed_letters_of_a_column_are_equal():
    frame, _faults = table("cafe\u0301\n1\n", needed=["caf\u00e9"])
    assert rows(frame) == {2: ["1"]}


def test_options_of_the_source_are_read_from_the_mapping():
    options = read_options({"missing": ["-9"], "where": [{"column": "set", "equals": "a"}], "decimal": ","})
    assert options.missing == ("", "-9")
    assert options.where[0].equals == ("a",)


# XLSX


def test_a_workbook_is_a_table_of_text():
    content = xlsx(
        ["id", "sex", "n"],
        [1, "F", 0.1],
        [None, None, None],
        ["2.0", True, datetime.date(2024, 3, 25)],
        [3.0, datetime.datetime(2024, 3, 25, 10, 30), 1e-7],
    )
    frame, faults = table(content, name="a.xlsx", needed=["id", "sex", "n"])
    assert rows(frame) == {
        2: ["1", "F", "0.1"],
        4: ["2.0", "TRUE", "2024-03-25"],
        5: ["3", "2024-03-25 10:30:00", "1e-07"],
    }
    assert not faults


def test_numbers_of_a_workbook_are_written_with_the_decimal_mark_of_the_mapping():
    frame, _faults = table(xlsx(["id", "sex"], ["a", 0.5], ["b", "0,5"]), name="a.xlsx", decimal=",")
    assert rows(frame) == {2: ["a", "0,5"], 3: ["b", "0,5"]}


def test_rows_above_the_header_count():
    book = openpyxl.Workbook()
    book.active["B3"], book.active["C3"] = "id", "sex"
    book.active["B5"], book.active["C5"] = "a", "F"
    buffer = io.BytesIO()
    book.save(buffer)
    frame, _faults = table(buffer.getvalue(), name="a.xlsx")
    assert rows(frame) == {5: ["a", "F"]}


def test_error_cells_are_read_as_the_spreadsheet_shows_them():
    book = openpyxl.Workbook()
    for line in (["id", "sex"], ["a", "F"], ["b", "#DIV/0!"], ["c", "#N/A"]):
        book.active.append(line)
    buffer = io.BytesIO()
    book.save(buffer)
    assert b't="e"' in zipfile.ZipFile(buffer).read("xl/worksheets/sheet1.xml")
    frame, _faults = table(buffer.getvalue(), name="a.xlsx")
    assert rows(frame) == {2: ["a", "F"], 3: ["b", "#DIV/0!"], 4: ["c", "#N/A"]}


def test_the_sheet_is_the_one_named_or_the_first():
    content = xlsx(["id", "sex"], ["a", "F"], title="Data", more=["Other"])
    assert rows(table(content, name="a.xlsx")[0]) == {2: ["a", "F"]}
    assert rows(table(content, name="a.xlsx", sheet="data")[0]) == {2: ["a", "F"]}
    with pytest.raises(Refusal, match="Data, Other"):
        table(content, name="a.xlsx", sheet="None")


def test_two_sheets_of_one_name_are_refused():
    content = repacked(
        xlsx(["id", "sex"], ["a", "F"], title="Data", more=["Other"]),
        lambda name, part: part.replace(b'"Other"', b'"Data"') if name == "xl/workbook.xml" else part,
    )
    with pytest.raises(Refusal, match="Two sheets"):
        table(content, name="a.xlsx", sheet="Data")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_workbook_is_refused(share):
    content = xlsx(["id", "sex"], *(["a", "F"] for _ in range(100)))
    with pytest.raises(Refusal, match="damaged"):
        table(content[: int(len(content) * share)], name="a.xlsx")


@pytest.mark.parametrize("content", [b"id,sex\n1,F\n", b"<html></html>", b"PK\x03\x04", b"\0" * 100])
def test_what_is_no_workbook_is_refused(content):
    with pytest.raises(Refusal, match="damaged"):
        table(content, name="a.xlsx")


def test_a_zip_bomb_is_refused_before_it_is_opened():
    buffer = io.BytesIO(xlsx(["id", "sex"]))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image.bin", bytes(20_000_000))
    with pytest.raises(Refusal, match="unpacks"):
        table(buffer.getvalue(), name="a.xlsx")


def test_a_cell_far_away_is_refused_because_the_whole_rectangle_would_be_read():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "id", 1
    buffer = io.BytesIO()
    book.save(buffer)
    with pytest.raises(Refusal, match="span"):
        table(buffer.getvalue(), name="a.xlsx")


def test_a_workbook_with_macros_is_refused():
    buffer = io.BytesIO(xlsx(["id", "sex"]))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    with pytest.raises(Refusal, match="macros"):
        table(buffer.getvalue(), name="a.xlsx")


def test_an_external_link_is_not_followed():
    content = repacked(
        xlsx(["id", "sex"], ["a", "=1"]),
        lambda name, part: part.replace(b"<f>1</f><v></v>", b"<f>[1]Other!A1</f><v>7</v>").replace(
            b"<f>1</f><v />", b"<f>[1]Other!A1</f><v>7</v>"
        ),
    )
    assert rows(table(content, name="a.xlsx")[0]) == {2: ["a", "7"]}


def test_entities_of_a_document_type_are_refused():
    content = repacked(
        xlsx(["id", "sex"]),
        lambda name, part: b'<!DOCTYPE x [<!ENTITY a "b">]>' + part if name == "xl/workbook.xml" else part,
    )
    with pytest.raises(Refusal, match="damaged"):
        table(content, name="a.xlsx")


def test_a_workbook_that_counts_days_from_1904_is_refused():
    with pytest.raises(Refusal, match="1904"):
        table(xlsx(["id", "sex"], epoch=openpyxl.utils.datetime.CALENDAR_MAC_1904), name="a.xlsx")


def test_a_protected_workbook_is_refused():
    with pytest.raises(Refusal, match="password"):
        workbook.read_rows(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))

"""A report as a workbook: a sheet a table, and one that says what the tables are of."""

import datetime
import io

from tracker import clock
from tracker.reports.base import Result, Table
from tracker.reports.frozen import FrozenResult, instant

WIDEST = 60  # characters of a column
LONGEST_NAME = 31  # characters of a sheet's name, by the file format


def xlsx(result: Result) -> bytes:
    """Numbers are raw, and those that are fractions only look like percentages; what is missing is empty.

    No cell is a formula or a link, whatever its text.
    """
    import xlsxwriter

    now = clock.now()
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        workbook.set_properties({"title": str(result.report.title), "created": now.replace(tzinfo=None)})
        for table in result.tables:
            _table(workbook, table)
        _about(workbook, result, now)
    return file.getvalue()


def _table(workbook, table: Table):
    sheet = workbook.add_worksheet(table.name[:LONGEST_NAME])
    head = workbook.add_format({"bold": True, "bottom": 1})
    formats = {
        shape: workbook.add_format({"num_format": shape}) for shape in ("0", "0.000", "0.0E+00", "0.0%")
    }
    rows = table.rows
    for place, name in enumerate(table.frame.columns):
        values = [row[name] for row in rows]
        shape = "0.0%" if name in table.fractions else _shape(values)
        widest = len(name)
        sheet.write_string(0, place, name, head)
        for row, value in enumerate(values, start=1):
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(row, place, value)
            elif isinstance(value, (int, float)):
                is_tiny = shape == "0.000" and 0 < abs(value) < 0.0005
                sheet.write_number(row, place, value, formats["0.0E+00" if is_tiny else shape])
                widest = max(widest, len(f"{value:.3f}" if shape == "0.000" else f"{value:.0f}") + 1)
            else:
                sheet.write_string(row, place, str(value))
                widest = max(widest, len(str(value)))
        sheet.set_column(place, place, min(widest + 2, WIDEST))
    sheet.freeze_panes(1, 0)


def _shape(values) -> str:
    """How the numbers of a column look: with decimals where one of them has any."""
    is_whole = all(value == int(value) for value in values if isinstance(value, (int, float)))
    return "0" if is_whole else "0.000"


def _generated(now):
    return [("Generated at", now.isoformat(timespec="seconds"))]


def _frozen(frozen):
    """When it was frozen, and the signatures: name, meaning, instant, hash."""
    told = [
        ("Frozen at", f"{instant(frozen.frozen_at)} by {frozen.frozen_by}, tracker {frozen.tracker_version}"),
        ("SHA-256", frozen.content_hash),
    ]
    for one in frozen.signatures:
        words = [one.printed_name, one.meaning, instant(one.signed_at), f"SHA-256 {one.content_hash}"]
        told.append(("Void" if one.is_void else "Signed by", ", ".join(words)))
    return told


def _about(workbook, result: Result, now: datetime.datetime):
    sheet = workbook.add_worksheet("About")
    head = workbook.add_format({"bold": True, "valign": "top"})
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    lines = [
        ("Report", result.report.title),
        ("Conclusion", result.verdict["text"] if result.verdict else None),
        ("In words", result.sentence),
        *result.words,
        ("Data cut-off", result.data_cutoff or "none: the participants have no dates"),
        *(_frozen(result.frozen) if isinstance(result, FrozenResult) else _generated(now)),
    ]
    for table in result.tables:
        lines.append((table.name, table.title))
        lines += [("", note) for note in table.remarks]
    lines = [(label, text) for label, text in lines if text]
    for row, (label, text) in enumerate(lines):
        sheet.write_string(row, 0, str(label), head)
        sheet.write_string(row, 1, str(text), wrapped)
    sheet.set_column(0, 0, max(len(str(label)) for label, _text in lines) + 2)
    sheet.set_column(1, 1, 100)

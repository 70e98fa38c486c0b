"""The cells of an XLSX workbook.

A workbook is a zip of XML that anybody may have made, so it is measured before it is opened: what it unpacks
to, and how far out its cells stand, because the reader keeps the whole rectangle. Formulas are not computed
and links not followed: the values stored beside them are read.
"""

import datetime
import io
import posixpath
import re
import zipfile
import zlib
from xml.etree import ElementTree

import python_calamine
from flask_babel import gettext as _

from tracker.values import Refusal

MAXIMUM_UNPACKED = 500_000_000  # bytes
MAXIMUM_RATIO = 200  # bytes unpacked for each byte of the file
MAXIMUM_CELLS = 20_000_000  # of the rectangle around all cells

_BLOCK = 1_000_000
_REFERENCE = re.compile(rb"\sr=[\"']([A-Za-z]+)([0-9]+)[\"']")
_ERROR_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?=[^>]*\st=[\"']e[\"'])[^>]*\br=[\"']([A-Z]+)([0-9]+)[\"'][^>]*>"
    rb"(?:<(?:\w+:)?f[^>]*/>|<(?:\w+:)?f[^>]*>[^<]*</(?:\w+:)?f>)?<(?:\w+:)?v>([^<]*)<"
)
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

#: What the readers of zip, XML and workbooks raise for a file that is none.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    ElementTree.ParseError,
    python_calamine.CalamineError,
)


def read_rows(content: bytes, sheet: str | None = None) -> list[list]:
    """The rows of a sheet from row 1 on, all of one length: text, numbers, dates, yes and no; "" where empty.

    sheet: its name; without it the first sheet that is not hidden. Raises Refusal.
    """
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refusal(
            _("The workbook is protected by a password, or of the time before .xlsx; save it anew.")
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_unsafe(archive, len(content))
            name, part = _choose(archive, sheet)
            errors = _scan(archive, part)
        rows = (
            python_calamine.load_workbook(io.BytesIO(content))
            .get_sheet_by_name(name)
            .to_python(skip_empty_area=False)
        )
    except _UNREADABLE as error:
        raise _damaged() from error
    for (row, column), text in errors.items():
        if row <= len(rows) and column <= len(rows[row - 1]):
            rows[row - 1][column - 1] = text
    return rows


def sheet_names(content: bytes) -> list[str]:
    """The sheets of a workbook that are shown. Raises Refusal."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_unsafe(archive, len(content))
            return [name for name, _target, state in _sheets(archive) if state == "visible"]
    except _UNREADABLE as error:
        raise _damaged() from error


def text_of(cell, decimal=".") -> str:
    """A cell's value as text: a date as ISO, a whole number without decimals, yes and no as TRUE, FALSE."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return (str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)).replace(
            ".", decimal
        )
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return str(cell)


def _damaged():
    return Refusal(_("The workbook is damaged or cut short, or is none; save it as .xlsx again."))


def _refuse_unsafe(archive, size):
    names = [one.filename.lower() for one in archive.infolist()]
    if any(name.endswith("vbaproject.bin") for name in names):
        raise Refusal(_("The workbook has macros; save it as .xlsx without them."))
    unpacked = sum(one.file_size for one in archive.infolist())
    if unpacked > MAXIMUM_UNPACKED or unpacked > MAXIMUM_RATIO * size:
        raise Refusal(
            _(
                "The workbook unpacks to %(unpacked)d bytes, too much for its %(size)d; save it as CSV.",
                unpacked=unpacked,
                size=size,
            )
        )
    if archive.testzip() is not None:
        raise _damaged()


def _sheets(archive) -> list[tuple[str, str, str]]:
    """Name, part of the archive, and state of each sheet."""
    book = _xml(archive, "xl/workbook.xml")
    targets = {
        one.get("Id"): one.get("Target")
        for one in _xml(archive, "xl/_rels/workbook.xml.rels")
        if one.get("TargetMode") != "External"
    }
    if (properties := book.find("{*}workbookPr")) is not None and properties.get("date1904") in ("1", "true"):
        raise Refusal(_("The workbook counts days from 1904; save it with dates from 1900, or as CSV."))
    return [
        (one.get("name"), targets.get(one.get(_RELATION)) or "", one.get("state", "visible"))
        for one in book.iterfind("{*}sheets/{*}sheet")
        if one.get("name")
    ]


def _choose(archive, wanted) -> tuple[str, str]:
    """The sheet's name, and the part of the archive where it is."""
    sheets = _sheets(archive)
    names = [name for name, _target, _state in sheets]
    if wanted is None:
        chosen = [sheet for sheet in sheets if sheet[2] == "visible"][:1]
    else:
        chosen = [one for one in sheets if one[0] == wanted] or [
            one for one in sheets if one[0].casefold() == wanted.strip().casefold()
        ]
    if not chosen and wanted is None:
        raise Refusal(_("The workbook has no sheet that is shown."))
    if not chosen:
        raise Refusal(
            _("There is no sheet %(sheet)s; sheets: %(names)s.", sheet=wanted, names=", ".join(names))
        )
    if names.count(chosen[0][0]) > 1:
        raise Refusal(_("Two sheets are named %(sheet)s; give each its own name.", sheet=chosen[0][0]))
    name, target, _state = chosen[0]
    return name, posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _xml(archive, part):
    """A small part of the workbook; none of them has a document type, which could define endless entities."""
    content = archive.read(part)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise _damaged()
    return ElementTree.fromstring(content)


def _scan(archive, part) -> dict[tuple[int, int], str]:
    """The error cells of a sheet by row and column, counted from 1: the reader shows them as empty.

    Raises Refusal where its cells span more than can be read.
    """
    height, columns, errors, rest = 0, set(), {}, b""
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK):
            block = rest + block
            end = max(block.rfind(b"</c>"), block.rfind(b"</row>")) % (
                len(block) + 1
            )  # all of it where neither is
            block, rest = block[:end], block[end:]
            references = _REFERENCE.findall(block)
            columns.update(letters for letters, _row in references)
            height = max([height, *(int(row) for _letters, row in references)])
            if b'"e"' in block or b"'e'" in block:
                for letters, row, text in _ERROR_CELL.findall(block):
                    errors[int(row), _column_number(letters)] = text.decode()
    if height * max(map(_column_number, columns), default=0) > MAXIMUM_CELLS:
        raise Refusal(_("The sheet's cells span more than %(limit)d; save it as CSV.", limit=MAXIMUM_CELLS))
    return errors


def _column_number(letters):
    """A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number

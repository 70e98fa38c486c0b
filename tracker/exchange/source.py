"""A CSV or XLSX file as a table of text: only the columns that are asked for, one row a row of the file."""

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

import pandas as pd
from flask_babel import gettext as _

from tracker.exchange import workbook
from tracker.exchange.faults import Faults
from tracker.values import Refusal

MAXIMUM_BYTES = 500_000_000
MAXIMUM_ROWS = 1_048_576  # as many as a spreadsheet has

#: Characters of one cell: as many as a spreadsheet's cell holds.
CELL_LIMIT = 32_767

_ENCODING = re.compile(
    r"utf-?(8|16|32)|latin-?1|us-ascii|ascii|iso-?8859-|cp\d|windows-|mac|koi8|gb|big5|euc|shift"
)

_CHUNK = 20_000

_NAMES_LISTED = 50


@dataclass(frozen=True)
class Where:
    """That a cell of the column is one of these; "" is a missing one."""

    column: str
    equals: tuple[str, ...]


@dataclass(frozen=True)
class SourceOptions:
    """The mapping's [source]: how the file is to be read, and which of its rows."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    sheet: str | None = None
    missing: tuple[str, ...] = ("", "NA", ".")
    where: tuple[Where, ...] = ()


def read_options(table) -> SourceOptions:
    """What [source] says. Raises Refusal."""
    if not isinstance(table, dict):
        raise Refusal(_("%(title)s must be one table.", title="[source]"))
    rules = {
        "encoding": (_is_encoding, _('the name of a text encoding, such as "utf-8" or "latin-1"')),
        "delimiter": (
            lambda one: isinstance(one, str) and len(one) == 1 and one not in '"\r\n\0',
            _("one character"),
        ),
        "decimal": (lambda one: one in (".", ","), _('"." or ","')),
        "sheet": (lambda one: isinstance(one, str) and one.strip(), _("the name of a sheet")),
        "missing": (_are_texts, _("a list of texts")),
        "where": (_are_conditions, _('a list such as [{ column = "set", equals = ["train", "test"] }]')),
    }
    for key, value in table.items():
        if key not in rules:
            raise Refusal(
                _("[source] has no %(key)s; it may have: %(keys)s.", key=key, keys=", ".join(rules))
            )
        is_right, wanted = rules[key]
        if not is_right(value):
            raise Refusal(_("[source] %(key)s must be %(wanted)s.", key=key, wanted=wanted))
    given = dict(table)
    if "missing" in given:
        given["missing"] = ("", *(text.strip() for text in given["missing"]))
    if "where" in given:
        given["where"] = tuple(
            Where(
                unicodedata.normalize("NFC", one["column"].strip()),
                tuple(str(text).strip() for text in _as_list(one["equals"])),
            )
            for one in given["where"]
        )
    return SourceOptions(**given)


def _is_encoding(name):
    try:
        return isinstance(name, str) and bool(_ENCODING.match(name.lower()) and codecs.lookup(name))
    except LookupError:
        return False


def _are_texts(value):
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_texts_or_numbers(value):
    return isinstance(value, list) and all(type(one) in (str, int, float) for one in value)


def _as_list(value):
    return value if isinstance(value, list) else [value]


def _are_conditions(value):
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and set(one) == {"column", "equals"}
        and isinstance(one["column"], str)
        and _are_texts_or_numbers(_as_list(one["equals"]))
        for one in value
    )


def read_table(
    name: str,
    content: bytes,
    options: SourceOptions,
    needed: dict[str, str],
    is_enough: Callable[[list[int]], bool] | None = None,
):
    """The columns that are needed, as text, and the faults of the file itself.

    name: the file's; only its ending matters. needed: each column, and what needs it. is_enough: whether the rest
    need not be read, after the rows of these numbers; it is asked now and then.
    Returns a frame without blank rows, with the row numbers that a person sees (the header is row 1) as its
    index and None where a cell is missing; and Faults. Raises Refusal for a file that is no table at all.
    """
    faults = Faults()
    rows = _rows(name, content, options, faults)
    number, header = _header(rows)
    places = _places(header, needed, options, faults)
    frame = _frame(rows, number, len(header), places, options, faults, is_enough)
    if not len(frame) and not faults:
        faults.add(_("The file has a header and no rows."))
    return frame, faults


def read_start(name: str, content: bytes, options: SourceOptions, most: int):
    """Every column by its name, as text, of so many rows; and whether those are all.

    What `read_table` would find faulty is left out; it finds it later. Raises Refusal as it does.
    """
    faults = Faults()
    rows = _rows(name, content, options, faults)
    number, header = _header(rows)
    places = {name: header.index(name) for name in header if name}
    return _frame(islice(rows, most), number, len(header), places, options, faults)


def read_cells(name: str, content: bytes, options: SourceOptions, most: int):
    """The names of the columns, and of so many rows that are not blank the number and the cells, as they stand.

    For tables too wide to be taken column by column. Also Faults: names that stand twice, rows of another length,
    which are left out. Raises Refusal as `read_table` does.
    """
    faults = Faults()
    rows = _rows(name, content, options, faults)
    number, header = _header(rows)
    for twice in [one for one, times in Counter(header).items() if times > 1 or not one]:
        faults.add(
            _("Every column needs a name of its own."), row=number, column=twice or None, value=twice or None
        )
    width, found = len(header), []
    for at, row in enumerate(rows, start=number + 1):
        if _is_blank(row):
            continue
        if len(row) < width or any(row[width:]):
            message = _("The row has %(cells)d cells, the header %(width)d.", cells=len(row), width=width)
            faults.add(message, row=at)
            continue
        found.append((at, row[:width]))
        if len(found) >= most:
            break
    return header, found, faults


def _rows(name, content, options, faults):
    """An iterator of rows, the header among them; the faults of reading them are added on the way."""
    ending = PurePath(name.replace("\\", "/")).suffix.lower()
    if not content:
        raise Refusal(_("The file is empty."))
    if len(content) > MAXIMUM_BYTES:
        raise Refusal(_("The file is larger than %(limit)d bytes.", limit=MAXIMUM_BYTES))
    if ending == ".xlsx":
        return iter(workbook.read_rows(content, options.sheet))
    if ending not in (".csv", ".tsv", ".txt"):
        raise Refusal(
            _("A file to import ends in .csv, .tsv, .txt or .xlsx; save the table as one of these.")
        )
    delimiter = options.delimiter or ("\t" if ending == ".tsv" else ",")
    return _csv_rows(_decoded(content, options.encoding), delimiter, faults)


def _decoded(content, encoding):
    """The text of a CSV file. Raises Refusal where it is no text, or text of another kind."""
    _refuse_other_kinds(content)
    unicode = encoding.lower().replace("_", "-").startswith(("utf-16", "utf16", "utf-32", "utf32"))
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not unicode:
        raise Refusal(
            _("The file is UTF-16: say that this is its encoding, or save it as CSV UTF-8."),
            field="encoding",
        )
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        line = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise Refusal(
            _(
                "The file is not %(encoding)s: line %(line)d has other characters. Say its encoding, such as"
                " latin-1 or cp1252, or save it as CSV UTF-8.",
                encoding=encoding.removesuffix("-sig"),
                line=line,
            ),
            field="encoding",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Refusal(
            _(
                "Line %(line)d has a NUL character: this is no table of text, or its encoding is another;"
                " then say it, such as utf-16-le.",
                line=line,
            ),
            field="encoding",
        )
    return text


def _refuse_other_kinds(content):
    start = content[:1024].removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"PK\x03\x04"):
        raise Refusal(_("The file is a workbook or a zip archive, not CSV; a workbook's name ends in .xlsx."))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refusal(_("The file is an old or protected Excel workbook; save it as .xlsx or CSV."))
    if start.startswith(b"<"):
        raise Refusal(_("The file is HTML, SVG or XML, not CSV; download or save the table itself."))
    if re.match(rb'[{\[]\s*["{\[\]}]', start):
        raise Refusal(_("The file is JSON, not CSV; save the table as CSV or XLSX."))
    if start.startswith(b"%PDF"):
        raise Refusal(_("The file is a PDF, not CSV; save the table as CSV or XLSX."))


def _csv_rows(text, delimiter, faults):
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            line = reader.line_num + 1
            yield row
    except csv.Error as error:
        if "field limit" in str(error):
            message = _(
                "A cell of the row that begins in line %(line)d is too long; is a quote not closed?",
                line=line,
            )
        else:
            message = _(
                "A quote of the row that begins in line %(line)d is not closed, or stands alone.", line=line
            )
        faults.add(_("%(fault)s What follows was not read.", fault=message))


def _header(rows):
    """The number of the first row that is not blank, and the names that it gives to the columns."""
    for number, row in enumerate(rows, start=1):
        if not _is_blank(row):
            names = [unicodedata.normalize("NFC", workbook.text_of(cell).strip()) for cell in row]
            while not names[-1]:
                names.pop()
            return number, names
    return 1, []


def _is_blank(row):
    return not "".join(map(str, row)).strip()


def _places(header, needed, options, faults) -> dict[str, int]:
    """Where each needed column is."""
    names = [name for name in header if name]
    if not names:
        faults.add(_("The file has no header."))
    for name in [name for name, times in Counter(names).items() if times > 1]:
        faults.add(_("Two columns have this name; give each its own."), row=1, column=name, value=name)
    hint = ""
    if len(names) == 1 and (marks := [mark for mark in (";", "\t", "|", ",") if mark in names[0]]):
        hint = " " + _(
            "Are its cells divided by %(mark)s? Then say that.", mark=repr(marks[0]).replace("'", '"')
        )
    listed = ", ".join(dict.fromkeys(names[:_NAMES_LISTED])) + (" …" if len(names) > _NAMES_LISTED else "")
    for name, why in needed.items():
        if name not in names:
            message = _("%(why)s: there is no such column; columns: %(names)s.", why=why, names=listed)
            faults.add(message + hint, row=1, column=name)
    return {name: header.index(name) for name in needed if name in names}


def _frame(rows, number, width, places, options, faults, is_enough=None):
    """The rows after the header."""
    numbers, cells = [], {name: [] for name in places}
    missing = frozenset(options.missing)
    while chunk := list(islice(rows, _CHUNK)):
        numbered = [(at, row) for at, row in enumerate(chunk, start=number + 1) if not _is_blank(row)]
        number += len(chunk)
        if number > MAXIMUM_ROWS:
            raise Refusal(_("The file has more than %(limit)d rows; divide it.", limit=MAXIMUM_ROWS))
        ragged = [
            (at, row) for at, row in numbered if len(row) != width and (len(row) < width or any(row[width:]))
        ]
        if ragged:
            wrong = {at: len(row) for at, row in ragged}
            message = pd.Series(wrong).map(
                lambda cells: _(
                    "The row has %(cells)d cells, the header %(width)d.", cells=cells, width=width
                )
            )
            faults.add_rows(pd.Series(None, message.index, dtype=object), None, message)
            numbered = [(at, row) for at, row in numbered if at not in wrong]
        numbers += [at for at, _row in numbered]
        for name, place in places.items():
            cells[name] += _texts([row[place] for _at, row in numbered], missing, options.decimal)
        if is_enough and is_enough(numbers):
            break
    index = pd.Index(numbers, dtype="int64", name="row")
    frame = pd.DataFrame(
        {name: pd.Series(column, index=index, dtype=object) for name, column in cells.items()}, index
    )
    for name in frame:
        lengths = frame[name].map(len, na_action="ignore")
        too_long = frame.loc[lengths > CELL_LIMIT, name]
        if len(too_long):
            faults.add_rows(
                too_long.str.slice(0, 40) + "…",
                name,
                _("The cell is longer than %(limit)d characters.", limit=CELL_LIMIT),
            )
            frame.loc[too_long.index, name] = None
    return frame


def _texts(cells, missing, decimal):
    """Cells as text without white space around it, None where missing; equal ones are one object."""
    texts = [cell if isinstance(cell, str) else workbook.text_of(cell, decimal) for cell in cells]
    bare = {text: text.strip() for text in set(texts)}
    found = {text: None if stripped in missing else stripped for text, stripped in bare.items()}
    return [found[text] for text in texts]

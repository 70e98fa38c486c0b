"""What a file's columns hold, before anybody has said what they mean."""

import codecs
import re
from dataclasses import asdict, dataclass
from pathlib import PurePath

import pandas as pd

from tracker.exchange import workbook
from tracker.exchange.source import SourceOptions, read_start

#: Rows that are looked at, and different values that are kept of a column.
MOST_ROWS, MOST_VALUES = 20_000, 40

#: Columns that a page can offer; of a wider file the others are left out unless a mapping file names them.
MOST_COLUMNS = 250

#: Characters that are shown of a value.
_SHOWN = 80

_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]+)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"[+-]?[0-9]+,[0-9]+"), re.compile(r"[+-]?[0-9]+\.[0-9]+")


@dataclass(frozen=True)
class Column:
    """A column with its first different values; is_whole: those are all."""

    name: str
    values: list[str]
    is_whole: bool
    missing: int

    @property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers: a file may write "unknown" or "<5" among them."""
        numbers = sum(bool(_NUMBER.fullmatch(value.lstrip("<>"))) for value in self.values)
        return bool(self.values) and numbers >= 0.8 * len(self.values)

    @property
    def samples(self) -> list[str]:
        return self.values[:4]


@dataclass(frozen=True)
class Outline:
    """The columns of a file; rows: how many were looked at, which are all where is_whole says so."""

    columns: list[Column]
    rows: int
    is_whole: bool
    sheets: list[str]
    left_out: int = 0

    def as_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict) -> "Outline":
        return cls(**kept | {"columns": [Column(**column) for column in kept["columns"]]})

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def outline_of(name: str, content: bytes, options: SourceOptions) -> Outline:
    """What a file holds. Raises Refusal, its field `encoding` where another encoding may help."""
    frame = read_start(name, content, options, MOST_ROWS + 1)
    start = frame.iloc[:MOST_ROWS]
    columns = [_column(start[column]) for column in list(start)[:MOST_COLUMNS]]
    is_book = PurePath(name).suffix.lower() == ".xlsx"
    return Outline(
        columns=columns,
        rows=len(start),
        is_whole=len(start) == len(frame),
        sheets=workbook.sheet_names(content) if is_book else [],
        left_out=max(0, frame.shape[1] - MOST_COLUMNS),
    )


def _column(cells: pd.Series) -> Column:
    distinct = list(dict.fromkeys(cells.dropna()))
    return Column(
        name=cells.name,
        values=[value[:_SHOWN] for value in distinct[:MOST_VALUES]],
        is_whole=len(distinct) <= MOST_VALUES and all(len(value) <= _SHOWN for value in distinct),
        missing=int(cells.isna().sum()),
    )


def guess_source(name: str, content: bytes) -> dict:
    """What [source] has to say of a CSV file: the delimiter and decimal mark that its first rows show."""
    ending = PurePath(name).suffix.lower()
    if ending == ".xlsx":
        return {}
    text = content[:100_000].decode(likely_encoding(content) or "utf-8", errors="replace")
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()][:50]
    counts = {mark: re.sub('"[^"]*"', "", lines[0]).count(mark) for mark in ",;\t|"} if lines else {",": 0}
    delimiter = max(counts, key=counts.get)
    usual = "\t" if ending == ".tsv" else ","
    found = {}
    if delimiter != usual and counts[delimiter]:
        found["delimiter"] = delimiter
    if delimiter != ",":
        cells = [cell.strip().lstrip("<> ") for line in lines[1:] for cell in line.split(delimiter)]
        commas, points = (
            sum(bool(mark.fullmatch(cell)) for cell in cells) for mark in (_DECIMAL_COMMA, _DECIMAL_POINT)
        )
        if commas > points:
            found["decimal"] = ","
    return found


def likely_encoding(content: bytes) -> str | None:
    """The encoding that a CSV file which is not UTF-8 seems to have; None for one that is."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = content[:4096]
    if b"\0" in start:
        return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return None

"""A report that is frozen: what it answered, taken down whole, and made an answer again without computing anything.

What is taken down is in English, as files are: the raw rows, and beside them each cell as it was printed and each
figure as it was drawn, so that a later version of a report changes nothing of what was frozen.
"""

import datetime
import json
from dataclasses import asdict, dataclass, field

import pandas as pd
from flask_babel import force_locale
from markupsafe import Markup

from tracker.charts.base import NARROW, WIDE, Standalone
from tracker.reads.signing import digest
from tracker.reports.base import Figure, Report, Result, Table, plain_rows
from tracker.reports.columns import Shown
from tracker.reports.decisions import figures_of_decision, run_named
from tracker.reports.kept import keep


def run_to_freeze(basis: str) -> Result:
    """The report that an address names, as it will be frozen."""
    with force_locale("en"):
        return run_named(basis)


def freeze(record, result: Result, content: dict):
    """The record, a snapshot, with the report whole and its hash; and with its figures as a decision keeps them.

    content: what `content_of` took down of the result.
    """
    with force_locale("en"):
        record.content = content
        record.title = record.content["title"]
        record.asked = "; ".join(f"{label}: {words}" for label, words in record.content["words"])
        record.content_hash = digest(record.content)
        keep(record, result, figures_of_decision(result))
    return record


def trials_in(result: Result) -> set[int]:
    """The ids of the trials whose data the report was computed from."""
    return {
        int(number)
        for frame in result.frames
        if "trial_id" in frame
        for number in frame["trial_id"].dropna().unique()
    }


def content_of(result: Result) -> dict:
    """All that pages and files show of the report, in English and in plain values."""
    with force_locale("en"):
        content = {
            "report": result.report.slug,
            "title": str(result.report.title),
            "parameters": result.parameters,
            "words": result.words,
            "data_cutoff": result.data_cutoff,
            "sentence": None if result.sentence is None else str(result.sentence),
            "verdict": result.verdict and {key: str(value) for key, value in result.verdict.items()},
            "headline": _table(result.headline) if result.headline else None,
            "principal": result.principal,
            "tables": [_table(one) for one in result.tables],
            "figures": [_figure(one) for one in result.figures],
        }
        return json.loads(json.dumps(content, default=str, allow_nan=False))


def _table(table: Table) -> dict:
    rows = table.rows
    return {
        "name": table.name,
        "title": str(table.title),
        "columns": list(table.frame.columns),
        "rows": rows,
        "notes": [str(note) for note in table.notes],
        "method": [str(note) for note in table.method],
        "is_matrix": table.is_matrix,
        "fractions": sorted(table.fractions),
        "shown": [
            {
                "name": name,
                "label": str(column.label),
                "explanation": str(column.explanation),
                "is_number": column.is_number,
                "is_prose": column.is_prose,
            }
            for name, column in table.shown.items()
        ],
        "printed": [
            [_cell(column, row) for column in table.shown.values()] for row in rows if table.prints(row)
        ],
    }


def _cell(column: Shown, row) -> list:
    """What a cell prints: text, detail, sentence and tone. Links are left out: they lead to what may change."""
    words = column.text(row), column.detail(row), column.sentence(row)
    return [*map(str, words), column.tone(row)]


def _figure(figure: Figure) -> dict:
    return {
        "name": figure.name,
        "title": str(figure.title),
        "caption": [str(line) for line in figure.caption],
        "columns": list(figure.data.columns),
        "data": plain_rows(figure.data),
        "drawings": {str(width): str(figure.svg(width)) for width in (WIDE, NARROW)},
        "file": str(figure.svg(standalone=True)),
    }


# And back again


def instant(at: datetime.datetime) -> str:
    """As files print it."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class Signed:
    """A signature as a file prints it. is_void: what was signed was something else."""

    printed_name: str
    meaning: str
    signed_at: datetime.datetime
    content_hash: str
    is_void: bool


@dataclass(frozen=True)
class Frozen:
    """When a report was frozen, by whom and by which version of the tracker, and who signed it."""

    number: int
    frozen_at: datetime.datetime
    frozen_by: str
    tracker_version: str
    content_hash: str
    signatures: list[Signed] = field(default_factory=list)

    def plain(self) -> dict:
        """As JSON holds it: instants as ISO text."""
        told = asdict(self)
        told["frozen_at"] = self.frozen_at.isoformat(timespec="seconds")
        for one in told["signatures"]:
            one["signed_at"] = one["signed_at"].isoformat(timespec="seconds")
        return told


@dataclass
class FrozenTable(Table):
    """A table whose cells are printed as they were."""

    printed: list[list] = field(default_factory=list)
    is_headline: bool = False

    @property
    def printed_rows(self) -> list[dict]:
        return [dict(zip(self.shown, cells)) for cells in self.printed]

    @property
    def rows(self) -> list[dict]:
        return self.printed_rows if self.is_headline else plain_rows(self.frame)


@dataclass
class FrozenFigure(Figure):
    """A figure as it was drawn."""

    drawings: dict[str, str] = field(default_factory=dict)
    file: str = ""

    def svg(self, width: int = WIDE, standalone: bool | Standalone = False):
        return Markup(self.file if standalone else self.drawings[str(width)])


@dataclass
class FrozenResult(Result):
    """An answer that was taken down. frozen: when, by whom, and who signed it."""

    said: list[tuple[str, str]] = field(default_factory=list)
    frozen: Frozen | None = None

    @property
    def words(self) -> list[tuple[str, str]]:
        return self.said


def thaw(content: dict, frozen: Frozen | None = None) -> FrozenResult:
    """The answer again, as it was."""
    report = Report(content["report"], content["title"], "", form=None, reads=[], build=None)
    return FrozenResult(
        tables=[_thawed(one) for one in content["tables"]],
        figures=[_thawed_figure(one) for one in content["figures"]],
        verdict=content["verdict"],
        headline=_thawed(content["headline"], is_headline=True) if content["headline"] else None,
        sentence=content["sentence"],
        principal=content["principal"],
        report=report,
        parameters=content["parameters"],
        data_cutoff=content["data_cutoff"],
        said=[tuple(pair) for pair in content["words"]],
        frozen=frozen,
    )


def _thawed(table, is_headline=False) -> FrozenTable:
    shown = {one["name"]: _shown(**one) for one in table["shown"]}
    if shown:  # the first column has to answer which of all are fractions
        first = next(iter(shown))
        shown[first] = _shown(**table["shown"][0], fractions=tuple(table["fractions"]))
    return FrozenTable(
        table["name"],
        table["title"],
        pd.DataFrame(table["rows"], columns=table["columns"], dtype=object),
        shown=shown,
        notes=table["notes"],
        method=table["method"],
        is_matrix=table["is_matrix"],
        printed=table["printed"],
        is_headline=is_headline,
    )


def _shown(name, label, explanation, is_number, is_prose, fractions=()) -> Shown:
    return Shown(
        label,
        lambda row: row[name][0],
        explanation,
        lambda row: row[name][1],
        is_number,
        is_prose,
        fractions,
        lambda row: row[name][2],
        tone=lambda row: row[name][3],
    )


def _thawed_figure(figure) -> FrozenFigure:
    return FrozenFigure(
        figure["name"],
        figure["title"],
        pd.DataFrame(figure["data"], columns=figure["columns"], dtype=object),
        draw=None,
        caption=figure["caption"],
        drawings=figure["drawings"],
        file=figure["file"],
    )

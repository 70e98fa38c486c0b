"""What a decision or a comment keeps of the report that it rests on, and how later results stand beside it."""

import datetime
import hashlib
import json
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from flask_babel import force_locale
from werkzeug.datastructures import MultiDict

from tracker import clock
from tracker.reads.decision import whose_figures_are_seen
from tracker.reports.base import Result, Table, run_report
from tracker.reports.columns import Shown
from tracker.reports.kept import rerun
from tracker.values import Refusal

#: Rows that are kept of a table, and tables of a report.
MOST_ROWS, MOST_TABLES = 100, 8


@dataclass(frozen=True)
class Line:
    """One row then and now. name: what tells it. cells: (column's label, then, now) of those that are printed."""

    name: str
    cells: list[tuple[str, str | None, str | None]]

    @property
    def is_changed(self) -> bool:
        return any(then != now for _label, then, now in self.cells)


@dataclass(frozen=True)
class Compared:
    """A table then and now."""

    title: str
    labels: list[str]
    lines: list[Line]

    @property
    def is_changed(self) -> bool:
        return any(line.is_changed for line in self.lines)


def figures_of_decision(result: Result, crossed: list[str] = ()) -> dict:
    """What is kept of a report: `summary` in English words, `tables` with their rows, and `crossed`.

    crossed: the boundaries that the arm has crossed by now.
    """
    tables = [
        {"name": table.name, "rows": table.rows[:MOST_ROWS]}
        for table in result.tables[:MOST_TABLES]
        if len(table.frame)
    ]
    with force_locale("en"):
        figures = {"summary": summary_of(result), "tables": tables, "crossed": list(crossed)}
    return json.loads(json.dumps(figures, default=str))


def digest(figures: dict) -> str:
    """The same for equal figures: the form sends it back, so that nobody decides on figures they have not seen."""
    told = {name: value for name, value in figures.items() if name != "summary"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def summary_of(result: Result) -> str:
    """A report in one line: its verdict, its headline, what it says in words, or its first row."""
    parts = []
    if result.verdict:
        parts.append(str(result.verdict["text"]))
    if result.headline and result.headline.rows:
        row = result.headline.rows[0]
        parts.append(" · ".join(_told(column, row) for column in result.headline.shown.values()))
    elif result.sentence:
        parts.append(str(result.sentence))
    if not parts and result.tables[0].rows:
        table = result.tables[0]
        parts.append(" · ".join(_told(column, table.rows[0]) for column in list(table.shown.values())[:5]))
    return " ".join(parts)


def _told(column: Shown, row) -> str:
    return f"{column.label} {column.text(row)} {column.detail(row)}".strip()


def now_of(decision, as_of: datetime.date) -> Result | None:
    """The decision's report with records up to that day; None where it cannot be asked any more."""
    if decision.report is None:
        return None
    try:
        return rerun(decision, as_of)
    except Refusal:
        return None


def then_and_now(decision, now: Result) -> list[Compared]:
    """The tables that the decision keeps beside those of the report now, as they are printed."""
    kept = {table["name"]: table["rows"] for table in decision.figures["tables"]}
    compared = []
    for table in now.tables:
        if table.name in kept or len(table.frame):
            rows = kept.get(table.name, [])
            compared.append(_compared(table, rows))
    return [one for one in compared if one.lines]


def _compared(table: Table, rows) -> Compared:
    """Rows belong together that bear the same name: the texts before the first number."""
    leading = []
    for name, column in table.shown.items():
        if column.is_number or column.is_prose:
            break
        leading.append(name)
    others = {name: column for name, column in table.shown.items() if name not in leading}
    lines = {}
    for place, side in ((1, rows), (2, table.rows[:MOST_ROWS])):
        counted = {}
        for row in side:
            name = " · ".join(_text(table.shown[one], row) for one in leading)
            counted[name] = counted.get(name, 0) + 1
            cells = lines.setdefault((name, counted[name]), {})
            for key, column in others.items():
                cells.setdefault(key, [str(column.label), None, None])[place] = _text(column, row)
    return Compared(
        str(table.title),
        [str(column.label) for column in others.values()],
        [Line(name, [tuple(cells[key]) for key in others]) for (name, _count), cells in lines.items()],
    )


def _text(column: Shown, row) -> str:
    """A cell with its detail; of a row that was kept by an earlier version of the report, what can be told."""
    try:
        return f"{column.text(row)} {column.detail(row)}".strip()
    except (KeyError, TypeError, ValueError):
        return "—"


def told_of(decisions: list, most: int = 2) -> list[tuple]:
    """(decision, its summary then, the same now) for lists; both are None where the reader may not see figures.

    Only of the latest few the report is asked again; of others what is now stands on their own pages.
    """
    if not decisions:
        return []
    seen = whose_figures_are_seen(decisions)
    told = []
    for place, one in enumerate(decisions):
        is_seen = one.id in seen and one.figures is not None
        now = now_of(one, clock.today()) if is_seen and place < most else None
        told.append((one, one.figures["summary"] if is_seen else None, summary_of(now) if now else None))
    return told


def basis_of(slug: str, arguments: MultiDict) -> str:
    """How an address names the report that a decision or a comment is to rest on."""
    return f"{slug}?{urlencode(list(arguments.items(multi=True)))}"


def run_named(basis: str) -> Result:
    """The report that `basis_of` names."""
    slug, _mark, query = basis.partition("?")
    return run_report(slug, MultiDict(parse_qsl(query)))

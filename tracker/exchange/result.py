"""A report's result as a file. Files are in English, so that page and command give the same bytes."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from tracker import clock
from tracker.exchange.pdf import pdf
from tracker.exchange.png import png
from tracker.exchange.xlsx import xlsx
from tracker.reports.base import Figure, Result, find_report, one_of, plain_rows, run_report
from tracker.reports.frozen import FrozenResult
from tracker.reports.sharing import OUTSIDE, TEAM, outside
from tracker.values import Refusal

#: A text that begins so would be taken for a formula by a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Format:
    """write: from the result and the format's own parameters, named in `takes`, to bytes.

    is_drawn: whether it holds one figure, and nothing else of the report.
    """

    media_type: str
    write: Callable[..., bytes]
    takes: tuple[str, ...] = ()
    is_drawn: bool = False


def report_file(slug: str, format: str, arguments) -> bytes:
    """The report as a file of that format.

    arguments: pairs of parameter and value, the report's, the format's own, such as `table`, and `share`, which says
    whom the file is for: the trial team, unless it is `outside`. Raises
    Refusal as `run_report` does; also 404 for an unknown format.
    """
    with force_locale("en"):
        find_report(slug)
        arguments = MultiDict(arguments)
        own = _own_arguments(format, arguments)
        share = arguments.poplist("share")
        if not set(share) <= {TEAM, OUTSIDE} or len(share) > 1:
            message = one_of([TEAM, OUTSIDE])
            raise Refusal(_("%(parameter)s: %(message)s", parameter="share", message=message), field="share")
        result = run_report(slug, arguments)
        if share == [OUTSIDE]:
            if find_format(format).is_drawn:
                raise Refusal(
                    _("Figures stay in the trial team: a step of a curve, or a bar, is a person."), "share"
                )
            result = outside(result, current_app.config["SMALL_CELL"])
        return write(result, format, **own)


def frozen_file(result: FrozenResult, format: str, arguments) -> bytes:
    """A frozen report as a file of that format. arguments: the format's own. Raises Refusal as `report_file`."""
    with force_locale("en"):
        arguments = MultiDict(arguments)
        own = _own_arguments(format, arguments)
        if arguments:
            names = ", ".join(find_format(format).takes) or "—"
            raise Refusal(_("There is no parameter of that name; there are: %(names)s.", names=names))
        return write(result, format, **own)


def _own_arguments(format, arguments) -> dict:
    """What the format itself takes, out of the arguments."""
    own = {}
    for name in find_format(format).takes:
        if given := arguments.poplist(name):
            own[name] = given[-1]
    return own


def find_format(name: str) -> Format:
    if name not in FORMATS:
        raise Refusal(_("There is no format of that name; %(choose)s", choose=one_of(FORMATS)), status=404)
    return FORMATS[name]


def write(result: Result, format: str, **own) -> bytes:
    """The result in that format: numbers unrounded, fractions from 0 to 1, null or empty what is missing."""
    chosen = find_format(format)
    with force_locale("en"):
        return chosen.write(result, **own)


def _json(result: Result) -> bytes:
    content = {
        "report": result.report.slug,
        "parameters": result.parameters,
        "data_cutoff": result.data_cutoff,
        "generated_at": clock.now().isoformat(timespec="seconds"),
        "tables": [
            {
                "name": table.name,
                "title": str(table.title),
                "columns": list(table.frame.columns),
                "rows": table.rows,
                "notes": [str(note) for note in table.remarks],
            }
            for table in result.tables
        ],
        "figures": [
            {"name": figure.name, "title": str(figure.title), "data": plain_rows(figure.data)}
            for figure in result.figures
        ],
        "verdict": result.verdict and {key: str(value) for key, value in result.verdict.items()},
    }
    if isinstance(result, FrozenResult):
        content["frozen"] = result.frozen.plain()
        content["generated_at"] = content["frozen"]["frozen_at"]
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def _csv(result: Result, table: str | None = None, figure: str | None = None) -> bytes:
    """RFC 4180: the rows of a table, or the data of a figure.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    if figure is not None and table is not None:
        raise Refusal("table: choose a table or a figure, not both.", field="table")
    if figure is not None:
        frame = _chosen_figure(result, figure).data
    else:
        frame = _chosen(result.tables, table or result.principal, "table").frame
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([harmless(name) for name in frame.columns])
    writer.writerows([harmless(value) for value in row.values()] for row in plain_rows(frame))
    return file.getvalue().encode()


def harmless(value):
    """The value as a CSV file may hold it: no spreadsheet takes a text for a formula; a number stays one."""
    if not isinstance(value, str) or not value.startswith(_FORMULA_STARTS):
        return value
    return f"'{value}"


def _svg(result: Result, figure: str | None = None) -> bytes:
    """A drawing of its own: with its style, title and margin."""
    return str(_chosen_figure(result, figure).svg(standalone=True)).encode()


def _png(result: Result, figure: str | None = None) -> bytes:
    return png(_chosen_figure(result, figure))


def _chosen_figure(result, name) -> Figure:
    if not result.figures:
        raise Refusal("This report has no figure, so it has neither svg nor png.", status=404)
    return _chosen(result.figures, name, "figure")


def _chosen(parts, name, field):
    """The table or figure of that name; the first where none is named."""
    named = {one.name: one for one in parts}
    if name is not None and name not in named:
        raise Refusal(_("%(parameter)s: %(message)s", parameter=field, message=one_of(named)), field=field)
    return named[name] if name is not None else parts[0]


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", _csv, ("table", "figure")),
    "json": Format("application/json", _json),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx),
    "pdf": Format("application/pdf", pdf),
    "svg": Format("image/svg+xml", _svg, ("figure",), is_drawn=True),
    "png": Format("image/png", _png, ("figure",), is_drawn=True),
}

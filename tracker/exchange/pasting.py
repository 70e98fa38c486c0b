"""A table that was pasted from a spreadsheet, as a file to import: rows of participants or of specimens.

A column is an assay, by its name; or each row has one value, and columns name the assay and hold its value.
"""

import csv
import io
from dataclasses import dataclass

from flask_babel import gettext as _

from tracker.exchange.guessing import guess_plan
from tracker.exchange.measurements import no_assay
from tracker.exchange.outline import Outline, guess_source, outline_of
from tracker.exchange.plan import CODE, content_of, toml
from tracker.exchange.source import read_options
from tracker.values import Refusal

#: What a spreadsheet may stand for in the corner of a table whose first column has no name.
_WHOSE = {False: "participant", True: "barcode"}


@dataclass(frozen=True)
class Pasted:
    """A pasted table with its outline, and the mapping file by which it is read."""

    name: str
    content: bytes
    outline: Outline
    mapping: str


def pasted_table(
    text: str, trial_code: str, assays: list[str], barcodes: set[str], said: dict[str, str]
) -> Pasted:
    """What was pasted, understood. Raises Refusal where a column is none that is known.

    barcodes: of the trial's specimens. said: fields of all measurements that no column tells, such as timepoint.
    """
    name, content = "pasted.tsv", _content(text, barcodes)
    source = guess_source(name, content)
    outline = outline_of(name, content, read_options(source))
    plan = guess_plan(outline, source, {"code": trial_code}, assays, everything=False)
    plan.fields = {key: one for key, one in plan.fields.items() if not key.startswith("specimen.")}
    _refuse_unknown(plan, outline, assays)
    if plan.fields.get("measurement.timepoint") == {
        "constant": "baseline"
    }:  # a guess, where the page has asked
        del plan.fields["measurement.timepoint"]
    for key, value in said.items():
        if key == "timepoint" and "measurement.specimen" in plan.fields:
            continue  # it is the specimen's
        plan.fields.setdefault(f"measurement.{key}", {"constant": value})
    return Pasted(name, content, outline, toml(content_of(plan)))


def _content(text, barcodes) -> bytes:
    """The table with tabs between its cells, all rows as long as the header; a corner without a name gets one."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max("\t;,|", key=first.count)
    rows = [
        row
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if any(map(str.strip, row))
    ]
    if len(rows) < 2:
        raise Refusal(_("Paste a row with the names of the columns, and the rows below it."))
    width = len(rows[0])
    while width and not any(row[width - 1].strip() for row in rows if len(row) >= width):
        width -= 1  # columns beyond the table that were marked with it
    rows = [row[:width] + row[width:] * any(map(str.strip, row[width:])) for row in rows]
    rows = [row + [""] * (width - len(row)) for row in rows]
    if not rows[0][0].strip():
        rows[0][0] = _WHOSE[any(row[0].strip() in barcodes for row in rows[1:])]
    file = io.StringIO()
    csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


def _refuse_unknown(plan, outline, assays):
    known = {origin["column"] for origin in plan.fields.values() if "column" in origin}
    known |= {one["value"]["column"] for one in plan.assays}
    if CODE not in plan.fields and "measurement.specimen" not in plan.fields:
        raise Refusal(_("Whose values are these? Give one column the name “participant” or “barcode”."))
    unknown = [name for name in outline.names if name not in known]
    if unknown:
        raise Refusal(
            " ".join(
                _("Column “%(name)s”: %(why)s", name=name, why=no_assay(name, assays)) for name in unknown[:5]
            )
        )
    if not plan.assays and "measurement.assay" not in plan.fields:
        raise Refusal(
            _("No column is named as an assay is; there are: %(names)s.", names=", ".join(assays) or "–")
        )

"""An import on the web: from the file that somebody uploads to the records that are stored.

The file waits in the database with its mapping while a person looks it over. What each step does is the same as
what the command does at once: `importing` reads, compares and stores.
"""

import contextlib
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _

from tracker import clock
from tracker.exchange.checking import shown
from tracker.exchange.faults import Faults
from tracker.exchange.fields import NUMBER
from tracker.exchange.importing import Import, import_content, settled
from tracker.exchange.mapping import Mapping, read_mapping
from tracker.exchange.outline import Outline
from tracker.exchange.plan import parse
from tracker.exchange.reading import corrected, read_records
from tracker.exchange.sections import terms_of
from tracker.exchange.source import read_table
from tracker.extensions import db
from tracker.jobs import Work, job
from tracker.models import ImportFile, Trial
from tracker.scope import reader
from tracker.terms.codes import CodeList
from tracker.values import Refusal

#: Faults, warnings and differences that are kept of a file: whoever has more mends these first.
MOST_FAULTS = 5_000

#: Rows of a preview's page.
PAGE_ROWS = 25


def own_file(number: int) -> ImportFile | None:
    """The reader's own file of this number, in a trial that they may see."""
    found = db.session.scalar(
        sa.select(ImportFile).where(ImportFile.id == number, ImportFile.user_id == reader().user_id)
    )
    return found if found is not None and _is_seen(found) else None


def own_files() -> list[ImportFile]:
    """The reader's files, the newest first."""
    chosen = (
        sa.select(ImportFile)
        .where(ImportFile.user_id == reader().user_id)
        .options(sa.orm.joinedload(ImportFile.job), sa.orm.joinedload(ImportFile.trial))
        .order_by(ImportFile.id.desc())
        .limit(200)
    )
    return [
        found for found in db.session.scalars(chosen) if found.trial_id is None or found.trial is not None
    ]


def _is_seen(found):
    seen = sa.select(Trial.id).where(Trial.id == found.trial_id)
    return found.trial_id is None or db.session.scalar(seen) is not None


@dataclass(frozen=True)
class Kept:
    """A mapping that an earlier file was stored by, and the text of it."""

    number: int
    name: str
    stored_at: object
    text: str


def kept_mappings(found: ImportFile) -> list[Kept]:
    """The mappings of stored files, one's own and those of the same trial, whose columns this file has all."""
    chosen = (
        sa.select(
            ImportFile.id, ImportFile.name, ImportFile.stored_at, ImportFile.mapping, ImportFile.trial_id
        )
        .where(
            ImportFile.stored_at.is_not(None),
            sa.or_(
                ImportFile.user_id == reader().user_id,
                sa.and_(ImportFile.trial_id == found.trial_id, ImportFile.trial_id.is_not(None)),
            ),
        )
        .order_by(ImportFile.id.desc())
        .limit(50)
    )
    names = set(Outline.from_json(found.outline).names)
    fitting = {}
    for number, name, stored_at, text, trial_id in db.session.execute(chosen):
        try:
            columns = read_mapping(text.encode()).columns
        except Refusal:
            continue
        is_same_trial = trial_id == found.trial_id
        if set(columns) <= names and (is_same_trial or "arm" not in parse(text)):
            fitting.setdefault(text, Kept(number, name, stored_at, text))
    return list(fitting.values())[:5]


# Checking and storing


def mapping_of(found: ImportFile) -> Mapping:
    return read_mapping(found.mapping.encode())


def _import(found: ImportFile, **options) -> Import:
    content, corrections = found.content, _corrections(found)
    return import_content(found.name, lambda: content, mapping_of(found), corrections=corrections, **options)


def _corrections(found):
    return {int(row): cells for row, cells in found.corrections.items()}


def check(found: ImportFile, update: bool, work: Work | None = None) -> None:
    """Set the file against what is stored, and keep what that shows. update: as if differing values were replaced."""
    number = found.id
    done = _import(found, dry_run=True, update=update)
    _keep_check(number, done, update, work)


def _keep_check(number: int, done: Import, update: bool, work: Work | None) -> None:
    checked = {
        "at": clock.now().isoformat(),
        "update": update,
        "rows": done.rows,
        "counts": _counts(done),
        **_kept("faults", done.faults),
        **_kept("warnings", done.warnings),
        **_kept("asked", done.asked),
        **_kept("differences", done.differences),
    }
    with work.writing() if work else contextlib.nullcontext():
        db.session.get_one(ImportFile, number).checked = checked
        work.commit() if work else db.session.commit()


def _counts(done):
    return {name: [count.new, count.changed, count.unchanged] for name, count in done.counts.items()}


def _kept(name, frame):
    rows = frame.head(MOST_FAULTS).astype(object)
    rows = rows.where(rows.notna(), None)
    kept = [{key: _plain(value) for key, value in row.items()} for row in rows.to_dict("records")]
    return {name: kept, f"{name}_count": len(frame)}


def _plain(value):
    return int(value) if isinstance(value, (int, float)) else None if value is None else str(value)


def store_file(
    found: ImportFile, update: bool, reason: str | None, confirmed: bool = False, work: Work | None = None
) -> bool:
    """Store the file's records, whole or not at all; False where it has faults, which are kept like a check's.

    confirmed: whether its texts were looked at, as `import_records` says.
    """
    number = found.id

    def commit(done):
        stored = db.session.get_one(ImportFile, number)
        stored.trial_id = done.trial_id
        stored.stored_at = clock.now()
        stored.counts = {
            "rows": done.rows,
            "sections": _counts(done),
            "left_out": sum(cells is None for cells in stored.corrections.values()),
            "mended": sum(len(cells) for cells in stored.corrections.values() if cells),
        }
        stored.content = stored.outline = stored.checked = None
        stored.corrections = {}
        work.commit() if work else db.session.commit()

    progress = work.tell if work else None
    done = _import(found, update=update, reason=reason, confirmed=confirmed, progress=progress, commit=commit)
    if not done.is_stored:
        _keep_check(number, done, update, work)
    return done.is_stored


@job("import")
def do_import(work: Work) -> None:
    """Check or store a long file; arguments: file, stores, update, reason, confirmed."""
    asked = work.arguments
    found = own_file(asked["file"])
    if found is None or found.content is None:
        raise Refusal(_("The file is no longer there, or you may no longer see its trial."))
    work.tell(0, 0, _("Reading"))
    if asked["stores"]:
        store_file(found, asked["update"], asked["reason"], asked["confirmed"], work)
    else:
        check(found, asked["update"], work)


# Looking at it


@dataclass(frozen=True)
class Cell:
    """place: the column's among those that the mapping names. text: as the file has it, or as it was mended.
    was: the same, before a form that was not taken changed it. becomes: what would be stored of it. messages: what is
    wrong."""

    place: int
    column: str
    text: str | None
    was: str | None
    becomes: list[str]
    messages: list[str]
    warnings: list[str]
    is_mended: bool
    is_asked: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the page takes another text for it: where it is faulty or asked about, and where it was mended."""
        return bool(self.messages) or self.is_mended or self.is_asked


@dataclass(frozen=True)
class Row:
    number: int
    cells: list[Cell]
    is_left_out: bool

    @property
    def is_open(self) -> bool:
        return self.is_left_out or any(cell.is_open for cell in self.cells)


@dataclass(frozen=True)
class Window:
    """Some rows of a file, with the columns that the mapping names. total: of the rows that could be shown."""

    columns: list[str]
    rows: list[Row]
    total: int


def window(found: ImportFile, page: int, only_faulty: bool, typed: dict | None = None) -> Window:
    """A page of the file's rows as they would be stored; only_faulty: those with a faulty cell, one that is
    asked about, or left out.

    typed: by row and column, what stands in cells of a form that was not taken.
    """
    typed = typed or {}
    mapping = settled(mapping_of(found))
    corrections, places = _corrections(found), mapped_columns(found, mapping)
    kinds = ("faults", "warnings", "asked")
    wrong, odd, asked = (_by_cell(found.checked.get(kind, ()), places) for kind in kinds)
    first, last = (page - 1) * PAGE_ROWS, page * PAGE_ROWS
    faulty = sorted({row for row, _column in [*wrong, *asked]} | set(corrections))
    chosen = faulty[first:last] if only_faulty else None
    table, _faults = read_table(
        found.name,
        found.content,
        mapping.source,
        mapping.columns,
        lambda rows: (
            len(rows) >= last if chosen is None else not chosen or max(rows, default=0) >= chosen[-1]
        ),
    )
    columns = [column for column in places if column in table]
    shown_rows = table.iloc[first:last] if chosen is None else table[table.index.isin(chosen)]
    left_out = sum(cells is None for cells in corrections.values())
    total = len(faulty) if only_faulty else found.checked["rows"] + left_out
    becomes = _becoming(found, corrected(shown_rows, corrections, mapping.source), mapping)
    mended = corrected(
        shown_rows, {row: cells for row, cells in corrections.items() if cells}, mapping.source
    )
    rows = [
        Row(
            number=number,
            cells=[
                Cell(
                    place=places.index(column),
                    column=column,
                    text=typed.get((number, column), mended.at[number, column]),
                    was=mended.at[number, column],
                    becomes=becomes.get((number, column), []),
                    messages=wrong.get((number, column), []),
                    warnings=[*asked.get((number, column), ()), *odd.get((number, column), ())],
                    is_asked=(number, column) in asked,
                    is_mended=column in (corrections.get(number) or {}),
                )
                for column in columns
            ],
            is_left_out=number in corrections and corrections[number] is None,
        )
        for number in shown_rows.index
    ]
    return Window(columns, rows, total)


def mapped_columns(found: ImportFile, mapping: Mapping) -> list[str]:
    """The columns that the mapping names, in the order of the file."""
    order = {
        name: place
        for place, name in enumerate((found.outline and Outline.from_json(found.outline).names) or ())
    }
    return sorted(mapping.columns, key=lambda name: order.get(name, len(order)))


def _by_cell(faults, columns):
    found = {}
    for fault in faults:
        if fault["row"] not in (None, 1) and fault["column"] in columns:
            found.setdefault((fault["row"], fault["column"]), []).append(fault["message"])
    return found


def _becoming(found, table, mapping):
    """What would be stored of each cell: by row and column, the values in words."""
    reading = read_records(found.name, table, Faults(), mapping)
    becomes = {}
    for section in reading.sections:
        frame = reading.frames.get(section.place)
        if frame is None or not section.in_rows:
            continue
        undated = pd.Series(section.in_days or _has_days(section, mapping), frame.index)
        for name, column in reading.named[section.place].items():
            if column not in table or name not in section.shown:
                continue
            is_float = frame[name].dtype == NUMBER  # a page needs no more digits than one reads
            texts = frame[name].map("{:.6g}".format) if is_float else shown(frame[name], undated)
            for row, text in texts[frame[name].notna()].items():
                is_same = is_float and _is_number(table.at[row, column], frame.at[row, name])
                if not is_same and not (name == "qualifier" and text == "="):
                    becomes.setdefault((row, column), []).append(_worded(section, name, text))
    return {cell: list(dict.fromkeys(texts)) for cell, texts in becomes.items()}


def _is_number(text, number):
    """Whether a cell says the number itself, with whatever zeros."""
    try:
        return float(text) == number
    except ValueError:
        return False


def _has_days(section, mapping):
    return any(section.days.keys() & origins.keys() for origins in mapping.origins.get(section.name, []))


def _worded(section, name, text):
    """A term by its label; all else as it is."""
    terms = terms_of(section, name)
    if isinstance(terms, CodeList):
        return terms.label(text, str(get_locale()))
    if terms not in (None, (True, False)):
        return str(terms(text).label)
    return str(text)


def general_faults(found: ImportFile, columns: list[str]) -> list[tuple[str | None, str, int]]:
    """What is wrong beside single cells: the field or column, the message, and in how many rows."""
    counted: dict[tuple, int] = {}
    for fault in found.checked["faults"]:
        if fault["row"] in (None, 1) or fault["column"] not in columns:
            place = fault["column"]
            if fault["column"] is None and fault["row"] is not None:
                place = _("row %(row)d", row=fault["row"])
            counted[place, fault["message"]] = counted.get((place, fault["message"]), 0) + 1
    return [(place, message, count) for (place, message), count in counted.items()]

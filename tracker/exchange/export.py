"""All records as CSV files, one a kind. De-identified unless asked otherwise.

De-identified means: no text that somebody wrote freely, no dates but study days (the first dose, else the enrolment, is
day 1), ages by decade and no birth years, numbers drawn anew for participants and their specimens, and no accounts,
comments or queries. Who would be in a small group by trial, tumor location, sex and decade of age is put into a larger
one: their sex and age are left out, and where that is not enough their tumor too.
"""

import contextlib
import csv
import datetime
import functools
import json
import os
import random
import secrets
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from tracker.exchange.result import harmless
from tracker.extensions import db
from tracker.models import Comment, Participant, Query, Record, ReportSnapshot, Signature, TrialMember, User
from tracker.models.base import Part
from tracker.models.participant import study_day
from tracker.terms.base import Term
from tracker.terms.codes import diagnoses
from tracker.values import Refusal

#: What tells of people who use the tracker, and what they say freely.
_OF_PEOPLE = {User, TrialMember, Comment, Query, Signature, ReportSnapshot}

#: Columns that are the tracker's own, or a secret.
_OWN = {"version", "created_at", "updated_at", "withdrawn_at", "search_text", "password_hash"}

#: Texts about participants that come from lists, or are short labels.
_HARMLESS_TEXTS = {"label", "unit", "category", "qualifier"}

#: What names a participant or a specimen outside, or who did something.
_NAMING = {"code", "barcode", "birth_year"}

#: What somebody says in words of a record that is about no participant, and may still tell of one.
_SAID = {"principal_investigator", "synopsis", "rationale", "summary", "selection", "population", "text"}

#: What would tell who somebody in a small group is; and of whom that is not enough.
_COARSE = {"sex", "age_at_enrolment"}
_COARSER = {"tumor_location", "diagnosis", "subtype", "stage", "cohort_id"}

#: Columns of specimens and lesions that would tell it all the same.
_PLACES = {"location", "organ"}


@dataclass
class _Deidentified:
    """What stands for participants in this one export: drawn anew each time, so that no two can be joined.

    numbers: by the participant's id, of those who have not refused research on their data. days: their study day 1.
    coarse: of whom sex and age are left out; coarser: of whom the tumor's kind is, too. records: by the kind of record
    about participants the numbers of those that were asked for.
    """

    numbers: dict[int, str]
    days: dict[int, datetime.date | None]
    coarse: set[int]
    coarser: set[int]
    records: dict[type, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def drawn(cls):
        chosen = sa.select(Participant).where(
            Participant.research_consent_withdrawn_on.is_(None),
            Participant.consents_to_data_research.is_not(False),
        )
        people = db.session.scalars(chosen).all()
        numbers = {number: f"P{place:06d}" for number, place in _shuffled([one.id for one in people]).items()}
        return cls(numbers, {one.id: one.day_1 for one in people}, *_coarsened(people))

    def hides(self, name, person) -> bool:
        """Whether a column of the participant would put them into a small group."""
        return person in (self.coarse if name in _COARSE else self.coarser)

    def record(self, model, number) -> int | None:
        """What stands for a record about a participant, or a part of one."""
        if model not in self.records:
            self.records[model] = _shuffled(db.session.scalars(sa.select(model.id).order_by(model.id)).all())
        return self.records[model].get(number)

    def day(self, date, participant_id):
        day_1 = self.days[participant_id]
        return None if date is None or day_1 is None else study_day(date, day_1)


def _shuffled(numbers) -> dict[int, int]:
    places = list(range(1, len(numbers) + 1))
    random.Random(secrets.randbits(128)).shuffle(places)
    return dict(zip(numbers, places, strict=True))


def _coarsened(people) -> tuple[set[int], set[int]]:
    """Of whom sex and age are left out so that groups are large enough; and of whom the tumor's kind is, too.

    Those whose sex and age are left out are a group, by trial and tumor location; those whose tumor is, by trial.
    """
    least = current_app.config["SMALL_CELL"]
    by_place, by_trial = defaultdict(lambda: defaultdict(set)), defaultdict(lambda: defaultdict(set))
    for one in people:
        by_place[one.trial_id, one.tumor_location][one.sex, _decade(one.age_at_enrolment)].add(one.id)
    coarse, coarser = set(), set()
    for (trial, place), groups in by_place.items():
        hidden = _merged(groups.values(), least)
        coarse |= hidden
        by_trial[trial][place] = set().union(*groups.values())
    for places in by_trial.values():
        coarser |= _merged(places.values(), least)
    return coarse | coarser, coarser


def _merged(groups, least) -> set[int]:
    """The members of the small groups, with those of the next smallest until they are many enough to be one."""
    ordered = sorted(groups, key=len)
    merged: set[int] = set()
    for group in ordered:
        if len(group) < least or 0 < len(merged) < least:
            merged |= group
    return merged


@contextlib.contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
    """A folder to write into, of which nothing is in `output` before all of it is.

    Raises Refusal where `output` holds something. What fails half-way leaves nothing.
    """
    output = output.absolute()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Refusal(f"{output} is not empty; an export replaces nothing")
    exists = output.exists()  # perhaps a disk of its own, so that the files are written within
    if not exists:
        output.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".export-", dir=output if exists else output.parent))
    try:
        yield made
        for path in made.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if exists:
            for path in made.iterdir():
                path.rename(output / path.name)
            made.rmdir()
        else:
            made.rename(output)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def write_records(folder: Path, identified: bool = False) -> dict[str, int]:
    """One CSV file for each kind of record into the folder, and README.txt, which says how to read them.

    Returns how many rows each file has.
    """
    known = None if identified else _Deidentified.drawn()
    counts = {}
    for model in sorted(
        [*Record.__subclasses__(), *Part.__subclasses__()], key=lambda one: one.__tablename__
    ):
        if identified or not {model, _owner(model)} & _OF_PEOPLE:
            header, rows = _table(model, known)
            with (folder / f"{model.__tablename__}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows([harmless(cell) for cell in row] for row in rows)
            counts[model.__tablename__] = len(rows)
    (folder / "README.txt").write_text(_read_me(known), encoding="utf-8")
    return counts


def _owner(model):
    return sa.inspect(model).relationships[model.owner].mapper.class_ if issubclass(model, Part) else None


def _about(model):
    """The model that says whom its rows are about: itself or its owner; None where they are about no participant."""
    found = (one for one in (model, _owner(model)) if one is Participant or hasattr(one, "participant_id"))
    return next(found, None)


@functools.cache
def _model_named(table):
    return next(
        one for one in [*Record.__subclasses__(), *Part.__subclasses__()] if one.__tablename__ == table
    )


def _table(model, known) -> tuple[list[str], list[list]]:
    """Names of the columns, and the rows in the order of their ids, or of the numbers drawn."""
    owner = _owner(model)
    attributes = [one for one in sa.inspect(model).column_attrs if one.key not in _OWN]
    about = _about(model)
    person = None if about is None else about.id if about is Participant else about.participant_id
    chosen = sa.select(
        *(getattr(model, one.key) for one in attributes), sa.literal(None) if person is None else person
    )
    if owner is not None:
        chosen = chosen.select_from(model).join(getattr(model, model.owner))
    rows = db.session.execute(chosen.order_by(model.id)).all()
    if known is None:
        return [one.key for one in attributes], [[_plain(cell) for cell in row[:-1]] for row in rows]
    shown = [
        (place, one.key, *_shown_as(model, one, person is not None, known))
        for place, one in enumerate(attributes)
    ]
    shown = [one for one in shown if one[2] is not None]
    rows = [row for row in rows if person is None or row[-1] in known.numbers]
    if model is Participant:
        rows.sort(key=lambda row: known.numbers[row[-1]])
    elif person is not None:
        key = next(place for place, one in enumerate(attributes) if one.key == "id")
        rows.sort(key=lambda row: known.record(model, row[key]))
    cells = [[_plain(write(row[place], row[-1])) for place, _key, _name, write in shown] for row in rows]
    return [name for _place, _key, name, _write in shown], cells


def _shown_as(model, attribute, is_about_participant, known):
    """(name, function from the value and the participant's id) of a column; (None, None) where it is left out."""
    name, column = attribute.key, attribute.columns[0]
    kind = column.type
    if name == "participant_id" or (model is Participant and name == "id"):
        return name, lambda _value, person: known.numbers[person]
    if any(key.column.table.name == User.__tablename__ for key in column.foreign_keys):
        return None, None
    if isinstance(kind, sa.JSON) or name in _SAID or name.endswith("reason"):
        return None, None
    named = (
        model
        if name == "id"
        else next((_model_named(key.column.table.name) for key in column.foreign_keys), None)
    )
    if named is not None and _about(named) is not None:
        return name, lambda value, _person: known.record(named, value)
    if not is_about_participant:
        return name, lambda value, _person: value
    if name in _NAMING:
        return None, None
    if name in _PLACES or (model is Participant and name in _COARSE | _COARSER):
        return _coarse(name, known)
    if isinstance(kind, sa.Date):
        return f"{name.removesuffix('_on')}_day", known.day
    if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) and name not in _HARMLESS_TEXTS:
        return None, None
    return name, lambda value, _person: value


def _coarse(name, known):
    """(name, function) of a column that would put somebody into a small group."""

    def shown(value, person):
        if known.hides(name, person):
            return None
        if name == "age_at_enrolment":
            return _decade(value)
        if name == "diagnosis":  # a code of OncoTree, or the words of somebody
            return value if value in diagnoses else None
        return value

    return "age_at_enrolment_decade" if name == "age_at_enrolment" else name, shown


def _decade(age):
    if age is None:
        return None
    return "90+" if age >= 90 else f"{int(age) // 10 * 10}-{int(age) // 10 * 10 + 9}"


def _plain(value):
    if isinstance(value, Term):
        return value.value
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return int(value) if isinstance(value, bool) else value


def _read_me(known):
    least = current_app.config["SMALL_CELL"]
    lines = [
        "One file for each kind of record, in UTF-8, comma separated; an empty cell is a missing value,",
        "1 and 0 are yes and no. X_id in one file is id in the file X.csv. A text that a spreadsheet",
        "would take for a formula is preceded by an apostrophe. Withdrawn records are left out.",
        "",
    ]
    if known is None:
        lines += [
            "NOT de-identified: codes, dates and free text are as they were entered.",
            "Treat these files as the database.",
        ]
    else:
        lines += [
            "De-identified: participants and the records about them are numbered anew in each export; dates",
            "are study days (day 1 is the first dose, else the enrolment; there is no day 0), ages are",
            "decades. Codes, barcodes, birth years, free text, kept figures, accounts, comments, queries and",
            "signatures are left out, and so is whoever refused research on their data.",
            "",
            f"Groups of fewer than {least} participants by trial, tumor location, sex and decade of age",
            f"are joined: of {len(known.coarse)} participants sex and age are left out,",
            f"of {len(known.coarser)} of them the tumor's kind and organs too. Rare courses of disease can",
            "still be recognised by who knows them: share these files under an agreement that forbids it, and",
            "publish no table with cells below that number.",
        ]
    return "\n".join(lines) + "\n"

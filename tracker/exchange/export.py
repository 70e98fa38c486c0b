"""All records as CSV files, one a kind. De-identified unless asked otherwise.

De-identified means: no text that somebody wrote freely about a participant, no dates but study days (the first dose,
else the enrolment, is day 1), ages by decade and no birth years, numbers drawn anew for participants and their
specimens, and no accounts, comments or queries. Who is in a small group can still be recognised: `small_cells` says how
many are.
"""

import csv
import datetime
import json
import random
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tracker.exchange.result import harmless
from tracker.extensions import db
from tracker.models import Comment, Participant, Query, Record, TrialMember, User
from tracker.models.base import Part
from tracker.models.participant import study_day
from tracker.terms.base import Term
from tracker.terms.codes import diagnoses

#: A group with fewer participants than this is small.
SMALL = 5

#: What tells of people who use the tracker, and what they say freely.
_OF_PEOPLE = {User, TrialMember, Comment, Query}

#: Columns that are the tracker's own, or a secret.
_OWN = {"version", "created_at", "updated_at", "withdrawn_at", "search_text", "password_hash"}

#: Texts about participants that come from lists, or are short labels.
_HARMLESS_TEXTS = {"label", "unit", "category", "qualifier"}

#: What names a participant or a specimen outside, or who did something.
_NAMING = {"code", "barcode", "birth_year"}


@dataclass
class _Deidentified:
    """What stands for participants in this one export: drawn anew each time, so that no two can be joined.

    numbers: by the participant's id, of those who have not refused research on their data. days: their study day 1.
    """

    numbers: dict[int, str]
    days: dict[int, datetime.date | None]

    @classmethod
    def drawn(cls):
        chosen = sa.select(Participant).where(
            Participant.research_consent_withdrawn_on.is_(None),
            Participant.consents_to_data_research.is_not(False),
        )
        people = db.session.scalars(chosen).all()
        places = list(range(1, len(people) + 1))
        random.Random(secrets.randbits(128)).shuffle(places)
        numbers = {one.id: f"P{place:06d}" for one, place in zip(people, places, strict=True)}
        return cls(numbers, {one.id: one.day_1 for one in people})

    def day(self, date, participant_id):
        day_1 = self.days[participant_id]
        return None if date is None or day_1 is None else study_day(date, day_1)


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
    (folder / "README.txt").write_text(_read_me(identified), encoding="utf-8")
    return counts


def _owner(model):
    return sa.inspect(model).relationships[model.owner].mapper.class_ if issubclass(model, Part) else None


def _table(model, known) -> tuple[list[str], list[list]]:
    """Names of the columns, and the rows in the order of their ids, or of the numbers drawn."""
    owner = _owner(model)
    attributes = [one for one in sa.inspect(model).column_attrs if one.key not in _OWN]
    about = next(
        (one for one in (model, owner) if one is Participant or hasattr(one, "participant_id")), None
    )
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
    if not is_about_participant:
        return name, lambda value, _person: value
    if name in _NAMING or isinstance(kind, sa.JSON):
        return None, None
    if isinstance(kind, sa.Date):
        return f"{name.removesuffix('_on')}_day", known.day
    if name == "age_at_enrolment":
        return "age_at_enrolment_decade", lambda value, _person: _decade(value)
    if name == "diagnosis":  # a code of OncoTree, or the words of somebody
        return name, lambda value, _person: value if value in diagnoses else None
    if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) and name not in _HARMLESS_TEXTS:
        return None, None
    return name, lambda value, _person: value


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


def small_cells() -> tuple[int, int]:
    """How many groups of participants by trial, tumor location, sex and decade of age are small, and who is in them."""
    chosen = sa.select(
        Participant.trial_id, Participant.tumor_location, Participant.sex, Participant.age_at_enrolment
    )
    groups = Counter((*row[:3], _decade(row[3])) for row in db.session.execute(chosen))
    small = [count for count in groups.values() if count < SMALL]
    return len(small), sum(small)


def _read_me(identified):
    groups, people = small_cells()
    lines = [
        "One file for each kind of record, in UTF-8, comma separated; an empty cell is a missing value,",
        "1 and 0 are yes and no. X_id in one file is id in the file X.csv. A text that a spreadsheet",
        "would take for a formula is preceded by an apostrophe. Withdrawn records are left out.",
        "",
    ]
    if identified:
        lines += [
            "NOT de-identified: codes, dates and free text are as they were entered.",
            "Treat these files as the database.",
        ]
    else:
        lines += [
            "De-identified: participants are numbered anew in each export; dates are study days (day 1 is",
            "the first dose, else the enrolment; there is no day 0), ages are decades. Codes, barcodes, birth",
            "years, free text about participants, accounts, comments and queries are left out, and so is",
            "whoever refused research on their data.",
            "",
            f"Small cells: {people} participants are in {groups} groups of fewer than {SMALL} by trial, tumor",
            "location, sex and decade of age, and could be recognised by who knows them. Share these files under an",
            "agreement that forbids it, and publish no table with cells below that number.",
        ]
    return "\n".join(lines) + "\n"

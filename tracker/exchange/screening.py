"""A screen: every marker of a matrix, or every stored assay, against one outcome of one trial, as a job."""

import csv
import io
import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker import clock
from tracker.exchange.outline import guess_source, likely_encoding
from tracker.exchange.result import harmless
from tracker.exchange.source import read_cells, read_options
from tracker.exchange.workbook import text_of
from tracker.extensions import db
from tracker.jobs import Work, job
from tracker.models import Assay, Measurement, Participant, Screen
from tracker.reads.base import in_scope
from tracker.reads.biomarker import marker_frame, ordered_values
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import MASKED, masked_for_reader
from tracker.reports.base import plain_rows
from tracker.reports.known import with_known_outcome
from tracker.reports.predictive import compared_groups, is_in
from tracker.reports.screen import screen, summary_of
from tracker.scope import reader
from tracker.terms.biomarker import MarkerStatus, Scale, Unassessable
from tracker.values import Refusal

#: The largest matrix: columns of markers, and rows of participants.
MOST_MARKERS, MOST_ROWS = 30_000, 5_000

#: Faults that are kept of a matrix: whoever has more mends these first.
MOST_FAULTS = 200

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


class Matrix(NamedTuple):
    """Values by participant's code and marker; of a file what is wrong with its cells, and the numbers of its rows."""

    values: pd.DataFrame
    faults: list[dict]
    rows: tuple[int, ...] = ()


def own_screen(number: int) -> Screen | None:
    """The reader's own screen of this number, in a trial that they may see."""
    chosen = sa.select(Screen).where(Screen.id == number, Screen.user_id == reader().user_id)
    found = db.session.scalar(chosen)
    return found if found is not None and found.trial is not None else None


def own_screens() -> list[Screen]:
    """The reader's screens, the newest first."""
    chosen = (
        sa.select(Screen)
        .where(Screen.user_id == reader().user_id)
        .options(sa.orm.joinedload(Screen.trial), sa.orm.joinedload(Screen.job))
        .order_by(Screen.id.desc())
        .limit(100)
    )
    return [found for found in db.session.scalars(chosen) if found.trial is not None]


# The matrix


def read_matrix(name: str, content: bytes) -> Matrix:
    """A file with a row a participant, whose code stands in the first column, and a column a marker.

    A cell is a number, or a limit such as <0.5; what lies beyond a limit is tied there. Raises Refusal for a file
    that is no such table, or is larger than MOST_MARKERS and MOST_ROWS.
    """
    given = guess_source(name, content)
    if encoding := likely_encoding(content):
        given["encoding"] = encoding
    options = read_options(given)
    header, rows, faults = read_cells(name, content, options, MOST_ROWS + 1)
    if len(header) < 2:
        raise Refusal(
            _("The file needs a column of participants' codes and, right of it, a column for each marker.")
        )
    if len(header) - 1 > MOST_MARKERS:
        raise Refusal(
            _(
                "The file has %(n)d columns of markers; at most %(most)d can be screened at once.",
                n=len(header) - 1,
                most=MOST_MARKERS,
            )
        )
    if len(rows) > MOST_ROWS:
        raise Refusal(_("The file has more than %(most)d rows; a row is a participant.", most=MOST_ROWS))
    found = [_fault(row.row, row.column, row.value, row.message) for row in faults.frame().itertuples()]
    if not rows and not found:
        found.append(_fault(None, None, None, _("The file has a header and no rows.")))
    codes = pd.Series(
        [_text(cells[0], options) or None for _row, cells in rows], [row for row, _cells in rows]
    )
    for row in codes.index[codes.isna()]:
        found.append(_fault(row, header[0], None, _("The participant's code is missing.")))
    for row, code in codes[codes.duplicated() & codes.notna()].items():
        found.append(_fault(row, header[0], code, _("This participant has a row already.")))
    values = _numbers(header, rows, options, found)
    return Matrix(
        pd.DataFrame(values, index=pd.Index(codes, dtype=object), columns=header[1:]),
        found,
        tuple(codes.index),
    )


def _fault(row, column, value, message):
    return {
        "row": None if pd.isna(row) else int(row),
        "column": None if pd.isna(column) else str(column),
        "value": None if pd.isna(value) else str(value)[:80],
        "message": str(message),
    }


def _text(cell, options):
    return (cell if isinstance(cell, str) else text_of(cell, options.decimal)).strip()


def _numbers(header, rows, options, faults):
    """The cells right of the first as numbers, with what is only a limit tied there; adds what is neither."""
    values = np.full((len(rows), len(header) - 1), np.nan)
    bounds = []
    for place, (row, cells) in enumerate(rows):
        try:
            values[place] = np.array(cells[1:], dtype=float)
            is_plain = bool(np.isfinite(values[place]).all()) and "_" not in "".join(map(str, cells[1:]))
        except (TypeError, ValueError):
            is_plain = False
        if not is_plain:
            for column, cell in enumerate(cells[1:]):
                values[place, column], sign = _number(cell, options)
                if sign == "?":
                    message = _("This is neither a number nor a limit such as <0.5.")
                    if len(faults) < 10 * MOST_FAULTS:
                        faults.append(_fault(row, header[column + 1], _text(cell, options), message))
                elif sign:
                    bounds.append((place, column, sign))
    for column in {column for _place, column, _sign in bounds}:
        signs = {place: sign for place, other, sign in bounds if other == column}
        known = np.flatnonzero(~np.isnan(values[:, column]))
        values[known, column] = ordered_values(
            values[known, column], [signs.get(place, "=") for place in known]
        )
    return values


def _number(cell, options):
    """A cell's number, NaN where it is missing; and its sign where it is only a limit, or ? where it is neither."""
    text = _text(cell, options)
    if text in options.missing:
        return np.nan, ""
    sign, bare = (text[0], text[1:].strip()) if text[0] in "<>" else ("", text)
    bare = bare.replace(",", ".") if options.decimal == "," else bare
    number = float(bare) if _NUMBER.fullmatch(bare) else np.nan
    return (number, sign) if np.isfinite(number) else (np.nan, "?")


def stored_matrix(ids: pd.Series, as_of) -> pd.DataFrame:
    """The baseline values of every assay that these participants have, by their id and the assay's name."""
    measured = sa.select(Measurement.assay_id).join(Measurement.participant).distinct()
    chosen = sa.select(Assay.id, Assay.name, Assay.scale).where(Assay.id.in_(measured)).order_by(Assay.name)
    columns = {}
    for number, name, scale in db.session.execute(chosen):
        found = in_scope(marker_frame(number), as_of).set_index("participant_id")
        found = found[found.index.isin(ids) & found["value"].notna().to_numpy()]
        if found.empty:
            continue
        values, sign = found["value"].astype(float), found["qualifier"]
        if scale is not Scale.BINARY:
            values = pd.Series(ordered_values(values, sign), values.index)
        columns[name] = values.reindex(ids)
    return pd.DataFrame(columns, index=pd.Index(ids))


# The screen


@job("screen")
def do_screen(work: Work) -> None:
    """Screen; arguments: screen."""
    found = own_screen(work.arguments["screen"])
    if found is None:
        raise Refusal(_("The screen is no longer there, or you may no longer see its trial."))
    number, endpoint, test, name, content = (
        found.id,
        found.endpoint,
        found.test,
        found.file_name,
        found.content,
    )
    work.tell(0, 0, _("Reading"))
    people, summary = people_of(found.trial_id, endpoint, test)
    if content is None:
        matrix = Matrix(stored_matrix(people["participant_id"], clock.today()), [])
    else:
        matrix = _of_people(read_matrix(name, content), people, found.trial_id, summary)
    if matrix.faults:
        table = None
        summary |= {"faults": matrix.faults[:MOST_FAULTS], "faults_count": len(matrix.faults)}
    else:
        if matrix.values.empty:
            raise Refusal(_("No participant of this trial has both an outcome and a value."))
        result = screen(people, matrix.values, endpoint, test, work.tell)
        summary |= summary_of(result, people)
        table = table_bytes(result)
    with work.writing():
        kept = db.session.get_one(Screen, number)
        kept.summary, kept.table, kept.content = summary, table, None
        work.commit()


def people_of(trial_id: int, endpoint: str, test: str) -> tuple[pd.DataFrame, dict]:
    """Those of the trial whose outcome is known, with `event`, `months` and is_treated; and what is to be said.

    Raises Refusal where an interaction has nothing to compare, or arms are masked for the reader.
    """
    as_of = clock.today()
    everybody = masked_for_reader(in_scope(outcomes_frame, as_of))
    people = everybody[(everybody["trial_id"] == trial_id) & ~everybody["consent_withdrawn"]]
    summary = {"as_of": as_of.isoformat()}
    if test == "interaction":
        if (people["arm"] == MASKED).any():
            raise Refusal(_("Not assessable: %(why)s.", why=str(Unassessable.MASKED.label)))
        treated, comparator = compared_groups(people.assign(marker=MarkerStatus.POSITIVE.value), None, None)
        if comparator is None:
            raise Refusal(_("Not assessable: %(why)s.", why=str(Unassessable.NO_COMPARATOR.label)))
        is_treated = is_in(people, treated)
        people = people.assign(is_treated=is_treated)[is_treated | is_in(people, comparator)]
        randomised = bool(people["randomised"].all())
        summary |= {"treated": treated, "comparator": comparator, "randomised": randomised}
    known, notes = with_known_outcome(people, endpoint)
    return known, summary | {"notes": [str(note) for note in notes]}


def _of_people(matrix: Matrix, people, trial_id, summary) -> Matrix:
    """The rows of a file's matrix in the order of people; codes that nobody of the trial has are faults."""
    chosen = sa.select(Participant.code, Participant.id, Participant.consents_to_sample_research)
    stored = db.session.execute(chosen.where(Participant.trial_id == trial_id)).all()
    ids = {code: number for code, number, _consents in stored}
    refused = {number for _code, number, consents in stored if consents is False}
    faults = list(matrix.faults)
    for row, code in zip(matrix.rows, matrix.values.index):
        if code is not None and code not in ids:
            message = _("No participant of this trial that you may see has this code.")
            faults.append(_fault(row, None, code, message))
    if faults:
        return Matrix(matrix.values, faults)
    values = matrix.values.set_axis(pd.Index([ids[code] for code in matrix.values.index]))
    values = values[~values.index.isin(refused)]
    summary["left_out"] = int((~values.index.isin(people["participant_id"])).sum())
    return Matrix(values.reindex(people["participant_id"]), [])


def table_bytes(result: pd.DataFrame) -> bytes:
    """The whole table as CSV, numbers unrounded."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(result.columns)
    writer.writerows([harmless(value) for value in row.values()] for row in plain_rows(result))
    return file.getvalue().encode()


def table_of(found: Screen) -> pd.DataFrame:
    """The kept table."""
    table = pd.read_csv(
        io.BytesIO(found.table), keep_default_na=False, na_values=[""], dtype={"marker": "str"}
    )
    return table.assign(status=table["status"].fillna(""))

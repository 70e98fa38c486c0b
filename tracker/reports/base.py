"""How a report is asked for and what it answers.

A report is a function `build` from DataFrames and parameters to a `Result` of raw numbers, registered by
`@report`. Pages, files and commands call only `run_report`, so that they agree.
"""

import functools
import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from flask import current_app
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from tracker.charts.base import WIDE, Standalone, empty
from tracker.forms.report import ReportForm, one_of, value_order
from tracker.reads.base import data_versions, frames_in_scope, handed_out, reach
from tracker.reads.biomarker import assay_names, with_marker, with_other_assays
from tracker.reads.memory import Memory
from tracker.reads.participant import MASKED, filter_values, masked_for_reader, started_on
from tracker.reports.columns import FEW, Cell, Shown, written
from tracker.reports.setting import one_setting
from tracker.rules.landmark import from_landmark
from tracker.values import Refusal

#: Results that one process keeps.
RESULTS = 200


@dataclass
class Table:
    """Raw numbers: fractions from 0 to 1, missing where there is nothing to tell. Files have every column.

    shown: the columns that pages print, in their order. notes: denominator, counting rule and method. method: formulas
    with their citations, which a page folds away and a file lists after the notes.
    prints: whether a row is printed where people read; files have every row. is_matrix: many columns of a word or two.
    """

    name: str
    title: str
    frame: pd.DataFrame
    shown: dict[str, Shown] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    method: list[str] = field(default_factory=list)
    is_matrix: bool = False
    prints: Callable[[dict], bool] = lambda row: True
    _cells: dict[str, list[list[Cell]]] = field(default_factory=dict, init=False, repr=False)

    @property
    def remarks(self) -> list[str]:
        """What files say about it: the notes, and the method."""
        return [*self.notes, *self.method]

    @property
    def printed_rows(self) -> list[dict]:
        """The rows that pages and pdf print."""
        return [row for row in self.rows if self.prints(row)]

    @property
    def rows(self) -> list[dict]:
        """The rows as plain Python values, None where a value is missing or not finite."""
        return plain_rows(self.frame)

    @property
    def cells(self) -> list[list[Cell]]:
        """What the rows print, in the reader's language; made once for each."""
        language = str(get_locale())
        if language not in self._cells:
            self._cells[language] = [list(self._printed(row)) for row in self.printed_rows]
        return self._cells[language]

    def _printed(self, row):
        has_number = False
        for column in self.shown.values():
            has_number = has_number or (column.is_number and not column.is_prose)
            yield column.cell(row, names_row=not (has_number or column.is_prose))

    @property
    def fractions(self) -> set[str]:
        """The columns that are percentages where they are printed."""
        return {name for column in self.shown.values() for name in column.fractions}


@dataclass
class Figure:
    """draw: makes the SVG from the data; it takes title, width and standalone as the charts do.

    caption: sentences that go with the figure wherever it is shown: of what it is, and how it is read.
    """

    name: str
    title: str
    data: pd.DataFrame
    draw: Callable
    caption: list[str] = field(default_factory=list)
    _drawn: dict[tuple, Markup] = field(default_factory=dict, init=False, repr=False)

    def svg(self, width: int = WIDE, standalone: bool = False):
        """The drawing, made once for each language and width."""
        alone = Standalone(tuple(map(str, self.caption))) if standalone else False
        key = (str(get_locale()), width, alone)
        if key not in self._drawn:
            self._drawn[key] = self.draw(self.data, title=str(self.title), width=width, standalone=alone)
        return self._drawn[key]


def empty_figure(name: str) -> Figure:
    """A figure of nothing, so that a file of it exists and says so."""
    title = _l("Nothing to show")
    return Figure(
        name, title, pd.DataFrame(), lambda _data, **layout: empty(_("There is nothing to show."), **layout)
    )


@dataclass
class Result:
    """What a report answers.

    headline: a table of one row for the page's cards. sentence: the same in words for everybody.
    verdict: a mapping of `code` and `text`, where the report concludes one.
    chosen: parameters that took effect by a rule, because they were not given. principal: the table of a file that
    holds one and is not asked for another; the first where it is not named. says_once: what holds of all tables is
    said of the first alone, where many follow each other on one page.
    `run_report` adds the rest: the form as it was read, the effective parameters, the cut-off and the frames.
    """

    tables: list[Table]
    figures: list[Figure] = field(default_factory=list)
    verdict: dict | None = None
    headline: Table | None = None
    sentence: str | None = None
    principal: str | None = None
    says_once: bool = False
    chosen: dict = field(default_factory=dict)
    report: "Report | None" = None
    form: ReportForm | None = None
    parameters: dict = field(default_factory=dict)
    data_cutoff: str | None = None
    frames: list[pd.DataFrame] = field(default_factory=list, repr=False)

    @property
    def words(self) -> list[tuple[str, str]]:
        """The parameters that took effect, but for as_of, in the reader's words: (label, value)."""
        form = self.form
        times = form.marker_times if form.landmark_days is not None else []
        fields = [*form.filters, form.marker, form.cutoff, *times, *(form[name] for name in form.own)]
        return [(str(field.label.text), words) for field in fields if (words := field.words())]

    @property
    def by_name(self) -> dict[str, Table]:
        """The tables by their names."""
        return {table.name: table for table in self.tables}

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of the frames that the report was computed from."""
        return fingerprint_of(self.frames)


def fingerprint_of(frames: list[pd.DataFrame]) -> str:
    """A hash of frames: equal as long as their data are."""
    digest = hashlib.sha256()
    for one in frames:
        digest.update("\t".join(one.columns).encode())
        digest.update(pd.util.hash_pandas_object(one, index=False).to_numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Report:
    slug: str
    title: str
    about: str
    form: type[ReportForm]
    reads: list[Callable]
    build: Callable[..., Result]


_reports: dict[str, Report] = {}


def report(slug: str, *, title, about, form, reads):
    """Register a build function.

    reads: the frames that it takes, in this order. The first has one row a participant, with the columns of
    participants_frame; those of the others belong to participants by participant_id, to arms by trial and
    arm, or to no trial. about: what the report answers, for the index. Further arguments of the function are the
    form's.
    """

    def register(build):
        _reports[slug] = Report(slug, title, about, form, reads, build)
        return build

    return register


@functools.cache
def all_reports() -> dict[str, Report]:
    """The reports by slug; each module of this package is imported when the first of them is needed."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    return dict(sorted(_reports.items()))


def find_report(slug: str) -> Report:
    reports = all_reports()
    if slug not in reports:
        raise Refusal(_("There is no report of that name; %(choose)s", choose=one_of(reports)), status=404)
    return reports[slug]


def run_report(slug: str, arguments: MultiDict | Iterable[tuple[str, str]]) -> Result:
    """The report's answer for the reader. arguments: pairs of parameter and value; one may be repeated.

    What it answers is kept, and computed anew only where something has changed that the reader sees in it.
    Raises Refusal: 404 for an unknown report, 422 for an unknown parameter or value.
    """
    with handed_out() as numbers:
        asked = ask(slug, arguments)
    is_kept = None not in numbers
    memory = current_app.extensions.setdefault("results", Memory(RESULTS))
    key = (asked.report.build, *asked.said, reach(), str(get_locale()))
    state = (*numbers, data_versions().get(None))
    kept = memory.find(key, state) if is_kept else None
    if kept is None:
        kept = _built(asked)
        if is_kept:
            memory.keep({key: (state, kept)})
    result = replace(kept, report=asked.report, form=asked.form, frames=asked.frames)
    result.parameters = asked.form.effective() | result.chosen
    result.data_cutoff = asked.form.as_of.data.isoformat() if asked.frames[0]["dated"].any() else None
    return result


def _built(asked: "Asked") -> Result:
    """What the report's function answers, with the notes that every report has."""
    result = asked.report.build(*asked.frames, **asked.form.arguments)
    participants = asked.frames[0]
    if asked.form.is_of_participants:
        for table in result.tables[:1] if result.says_once else result.tables:
            table.notes = [*asked.notes, *common_notes(participants), *table.notes]
    if asked.form.marked is not None and asked.form.uses_marker:
        told = participants.loc[participants["marker_value"].notna(), "trial"]
        told = pd.Series(result.chosen["trial"]) if "trial" in result.chosen else told
        for figure in result.figures:
            figure.caption = [*marker_caption(asked.form.marked, told), *figure.caption]
    return result


@dataclass(frozen=True)
class Asked:
    """A report's form as it was read, and the frames that its function is given."""

    report: Report
    form: ReportForm
    frames: list[pd.DataFrame]
    notes: list

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.frames)

    @property
    def said(self) -> tuple[str, str]:
        """What was asked, as it took effect: every parameter, and what the report's function is given."""
        return repr(self.form.effective()), repr(self.form.arguments)


def ask(slug: str, arguments: MultiDict | Iterable[tuple[str, str]]) -> Asked:
    """What the report would be computed from, without computing it. Raises Refusal as `run_report`."""
    found = find_report(slug)
    form = found.form(MultiDict(arguments))
    as_of = form.as_of.data
    first, *others = frames_in_scope(found.reads, as_of)
    participants = masked_for_reader(first)
    withdrew = participants[participants["consent_withdrawn"]]
    participants = participants.drop(withdrew.index) if len(withdrew) else participants
    form.choose(lambda name: assay_names() if name == "marker" else filter_values(participants, name))
    participants = filtered(participants, form)
    if form.marker.data is not None:
        participants, form.marked = with_marker(
            participants, form.marker.data, form.cutoff.data, as_of, form.needs_cutoff, form.landmark_days
        )
        form.cutoff.data = form.marked.cutoff
        if form.compares_assays:
            participants, form.others = with_other_assays(participants, form.marked, as_of)
        for name, column in form.marker.columns.items():
            other, _marked = with_marker(participants, name, None, as_of, landmark_days=form.landmark_days)
            participants = participants.assign(**{column: other["marker"]})
    participants, notes = one_setting(participants, form)
    if form.marked is not None and form.marked.not_pooled:
        notes = [*notes, _not_pooled(form.marked)]
    if form.landmark_days is not None:
        participants, told = _at_landmark(participants, form)
        notes = [*notes, *told]
    if left_out := len(filtered(withdrew, form)):
        notes = [
            *notes,
            _l("Participants left out because consent to research is withdrawn: %(n)d.", n=left_out),
        ]
    ids = participants["participant_id"]
    return Asked(found, form, [participants, *(_about(other, ids, form) for other in others)], notes)


def _not_pooled(marked) -> str:
    return _l(
        "Measured by %(assay)s alone. Not pooled with it: %(others)s; assays of different pool groups may disagree on"
        " the same tumors.",
        assay=marked.assay,
        others=", ".join(marked.not_pooled),
    )


def _at_landmark(participants: pd.DataFrame, form: ReportForm) -> tuple[pd.DataFrame, list]:
    """Those whose time goes on after the landmark, counted from there, and who is left out."""
    kept, early, unknown = from_landmark(
        participants, started_on(participants), form.landmark_days, form.counted
    )
    notes = [
        _l(
            "Marker on treatment, measured up to the landmark: time begins %(days)d days after randomisation or the"
            " first dose. Left out because the event, or the end of follow-up, came before: %(n)d.",
            days=form.landmark_days,
            n=early,
        )
    ]
    if unknown:
        notes.append(
            _l("Left out because it is not known when their reported response began: %(n)d.", n=unknown)
        )
    return kept, notes


def _about(other: pd.DataFrame, ids: pd.Series, form: ReportForm) -> pd.DataFrame:
    """Of another frame what is about these participants; of a frame of arms those that are asked for and seen.

    Of what belongs to no trial everything: the report itself chooses. Of what is beside the participants what is
    asked for.
    """
    if "participant_id" in other:
        return other[other["participant_id"].isin(ids)]
    if "trial_id" not in other:
        return other
    if "masked" not in other:
        return filtered(other, form)
    arms = masked_for_reader(other)
    return filtered(arms[arms["arm"] != MASKED], form)


def filtered(participants: pd.DataFrame, form: ReportForm) -> pd.DataFrame:
    """Those who have, for every filter that is set and that the frame knows, one of its values."""
    chosen = np.ones(len(participants), dtype=bool)
    for one in form.filters:
        if one.data and one.narrows and one.name in participants:
            chosen &= participants[one.name].isin(one.data).to_numpy(dtype=bool)
    return participants if chosen.all() else participants[chosen]


def common_notes(participants: pd.DataFrame) -> list:
    """What must be said of these participants in every report."""
    notes = []
    if assumed := int(participants["setting_assumed"].sum()):
        notes.append(
            _l(
                "Participants of trials whose setting is not stated: %(n)d; they count as advanced.",
                n=assumed,
            )
        )
    if (participants["arm"] == MASKED).any():
        notes.append(
            _l(
                "Arm, regimen and combination of running randomised trials are masked until the director"
                " releases their results."
            )
        )
    if participants.empty:
        notes.append(_l("No participant in the trials that you may see matches."))
    return notes


def marker_caption(marked, trials: pd.Series) -> list:
    """Of which marker, by which assay, and of which trials a figure is; and its cutoff with its origin."""
    codes = sorted(trials.unique(), key=str.casefold)
    if not codes:
        return []
    lines = [
        _l("Marker: %(biomarker)s, by %(assay)s.", biomarker=marked.biomarker, assay=marked.assay),
        _l("Trial: %(trials)s.", trials=", ".join(codes))
        if len(codes) <= FEW
        else _l(
            "Trials: %(trials)s and %(n)d more.", trials=", ".join(codes[: FEW - 1]), n=len(codes) - FEW + 1
        ),
    ]
    if marked.landmark_days is not None:
        lines.append(_l("Measured on treatment; time begins on day %(days)d.", days=marked.landmark_days))
    return [*lines, cutoff_line(marked.cutoff, marked)] if marked.cutoff is not None else lines


def cutoff_line(cutoff: float, marked, endpoint=None) -> str:
    """The cutoff with its origin. endpoint: what it was sought by, where it was chosen on these data."""
    written = LazyString(lambda: f"{shown_value(cutoff)} {marked.unit or ''}".rstrip())
    if endpoint is not None:
        return _l(
            "Positive: at or above %(cutoff)s, data-driven: chosen on these data (%(endpoint)s).",
            cutoff=written,
            endpoint=endpoint,
        )
    if marked.is_given:
        return _l("Positive: at or above %(cutoff)s, pre-specified: as the reader gave it.", cutoff=written)
    return _l("Positive: at or above %(cutoff)s, pre-specified: the assay's positive cutoff.", cutoff=written)


def shown_value(value: float) -> str:
    """A marker's value in the reader's language, with four digits that count."""
    return written(float(f"{value:.4g}"), "#,##0.######")


def in_order(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rows of groups in the order of their values; what is not stated comes last."""

    def places(column):
        known = sorted(column.dropna().unique(), key=value_order(column.name))
        return column.map({value: place for place, value in enumerate(known)})

    return rows.sort_values(by, key=places, na_position="last", ignore_index=True) if by else rows


def plain_rows(frame: pd.DataFrame) -> list[dict]:
    columns = {name: _plain_cells(column) for name, column in frame.items()}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _plain_cells(column: pd.Series) -> list:
    values, known = column.tolist(), column.notna().to_numpy(dtype=bool)
    if column.dtype.kind == "f":
        known = known & np.isfinite(column.to_numpy(dtype=float, na_value=np.nan))
    return values if known.all() else [value if is_known else None for value, is_known in zip(values, known)]

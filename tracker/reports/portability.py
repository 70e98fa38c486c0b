"""Where a marker holds: what accepted findings say of each marker in each tumor location."""

import functools

import pandas as pd
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.matrix import MatrixCell, matrix
from tracker.forms.report import ChoiceField, FilterField, ReportForm
from tracker.reads.participant import participants_frame
from tracker.reads.portability import biomarker_names, biomarkers_frame, findings_frame, measured_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, shown_count
from tracker.rules.evidence import portability_of
from tracker.terms.codes import tissues
from tracker.terms.evidence import Claim, EvidenceEndpoint, FindingStatus, Portability

#: The column of what was found in all locations together.
ALL = "all"

#: The location of which the centre asks why markers do not carry over: it stands first.
FIRST = "BREAST"

_COUNTED = ("supports", "against", "inconclusive")

#: How each is drawn: sign, series.
_SIGNS = {
    Portability.SUPPORTS: ("+", 5),
    Portability.AGAINST: ("−", 2),
    Portability.CONFLICTING: ("±", 4),
    Portability.INCONCLUSIVE: ("?", 3),
    Portability.NEVER_TESTED: ("", 3),
}

_TONES = {
    Portability.SUPPORTS: "good",
    Portability.AGAINST: "bad",
    Portability.CONFLICTING: "warn",
    Portability.INCONCLUSIVE: "neutral",
}


class PortabilityForm(ReportForm):
    is_of_participants = False

    claim = ChoiceField(_l("Claim"), {one.value: one.label for one in Claim}, open=_l("every claim"))
    endpoint = ChoiceField(
        _l("Endpoint"), {one.value: one.label for one in EvidenceEndpoint}, open=_l("every endpoint")
    )
    biomarker = FilterField(_l("Biomarker"))

    def choose(self, values):
        super().choose(lambda name: biomarker_names() if name == "biomarker" else values(name))

    @property
    def arguments(self) -> dict:
        return super().arguments | {"biomarker": self.biomarker.data}


@report(
    "portability",
    title=_l("Portability of markers"),
    about=_l("Where a marker holds: which locations accepted findings support, oppose, or never tested."),
    form=PortabilityForm,
    reads=[participants_frame, biomarkers_frame, findings_frame, measured_frame],
)
def build(participants, biomarkers, findings, measured, claim=None, endpoint=None, biomarker=()):
    """What accepted findings say, by marker and tumor location.

    Tables: `matrix`, a row a marker (`biomarker`), a column a location by its OncoTree code, BREAST first, and `all`
    for findings on all locations together; each holds supports, against, conflicting, inconclusive or never tested.
    `portability`, a row a marker and location: `biomarker tumor_location standing supports against inconclusive
    measured`, the accepted findings counted by direction, and the participants in scope who have a value.
    """
    markers = biomarkers[biomarkers["biomarker"].isin(biomarker)] if biomarker else biomarkers
    accepted = findings[findings["status"] == FindingStatus.ACCEPTED.value]
    for name, value in (("claim", claim), ("endpoint", endpoint)):
        accepted = accepted if value is None else accepted[accepted[name] == value]
    locations = _locations(participants, accepted)
    cells = _cells(markers, accepted, locations, _measured(participants, measured))
    numbers = dict(zip(markers["biomarker"], markers["biomarker_id"]))
    tables = [_matrix(markers, locations, cells, numbers), _listed(cells, numbers)]
    return Result(tables, figures=[_figure(markers, locations, cells)], sentence=_sentence(cells))


def _locations(participants, accepted) -> list[str]:
    """Breast, then those of participants and of findings by name; last what is of all."""
    known = {*participants["tumor_location"].dropna(), *accepted["tumor_location"].dropna()} - {FIRST}
    return [FIRST, *sorted(known, key=lambda code: tissues.label(code, "en").casefold()), ALL]


def _measured(participants, measured) -> dict[tuple[int, str], int]:
    """Participants who have a value of each marker, by its number and the location; ALL: of all locations."""
    where = participants.set_index("participant_id")["tumor_location"]
    located = measured.assign(where=measured["participant_id"].map(where))
    counts = pd.concat([located, located.assign(where=ALL)]).groupby(["biomarker_id", "where"]).size()
    return {(int(marker), location): int(n) for (marker, location), n in counts.items()}


def _cells(markers, accepted, locations, measured) -> pd.DataFrame:
    groups = dict(
        iter(accepted.assign(where=accepted["tumor_location"].fillna(ALL)).groupby(["biomarker_id", "where"]))
    )
    rows = []
    for number, name in zip(markers["biomarker_id"], markers["biomarker"]):
        for location in locations:
            found = list(groups[number, location].itertuples()) if (number, location) in groups else []
            counts = [sum(one.direction == direction for one in found) for direction in _COUNTED]
            n = measured.get((number, location), 0)
            rows.append([name, location, portability_of(found).value, *counts, n])
    columns = ["biomarker", "tumor_location", "standing", *_COUNTED, "measured"]
    return pd.DataFrame(rows, columns=columns)


def _matrix(markers, locations, cells, numbers) -> Table:
    wide = cells.pivot(index="biomarker", columns="tumor_location", values="standing")
    wide = wide.reindex(index=list(markers["biomarker"]), columns=locations).reset_index()
    wide.columns.name = None
    counts = {(row["biomarker"], row["tumor_location"]): row for row in cells.to_dict("records")}
    return Table(
        "matrix",
        _l("Markers by tumor location"),
        wide,
        shown={"biomarker": _shown_marker(numbers)}
        | {location: _shown_cell(location, counts, numbers) for location in locations},
        notes=[
            _l("Accepted findings only. Conflicting: some support and others speak against, or a higher marker means"
               " other things in them; claim and endpoint narrow what is compared."),
            _l("A cell leads to its findings, or where there are none to a new hypothesis about it."),
        ],
        is_matrix=True,
    )  # fmt: skip


def _shown_marker(numbers) -> Shown:
    return Shown(
        _l("Biomarker"),
        lambda row: row["biomarker"],
        is_number=False,
        link=lambda row: {"endpoint": "biomarker.show", "id": numbers[row["biomarker"]]},
    )


def _shown_cell(location, counts, numbers) -> Shown:
    def text(row):
        cell = counts[row["biomarker"], location]
        told = str(Portability(cell["standing"]).label)
        n = sum(cell[name] for name in _COUNTED)
        return _("%(what)s (%(n)d)", what=told, n=n) if n else told

    return Shown(
        LazyString(
            lambda: location_label(location).replace("/", "/\u200b")
        ),  # where a narrow column breaks it
        text,
        is_number=False,
        is_prose=True,
        link=lambda row: _link(row["biomarker"], location, row[location], numbers),
        tone=lambda row: _TONES.get(Portability(row[location])),
    )


def _link(name, location, standing, numbers) -> dict:
    """To the findings of a cell; to a new hypothesis where there are none."""
    where = {} if location == ALL else {"tumor_location": location}
    if standing == Portability.NEVER_TESTED:
        return {"endpoint": "hypothesis.new", "biomarker": numbers[name], **where}
    if location == ALL:
        return {"endpoint": "biomarker.show", "id": numbers[name], "_anchor": "findings"}
    return {
        "endpoint": "finding.list",
        "biomarker": numbers[name],
        "status": FindingStatus.ACCEPTED.value,
        **where,
    }


def location_label(code: str) -> str:
    return _("All locations") if code == ALL else tissues.label(code, str(get_locale()))


def _listed(cells, numbers) -> Table:
    return Table(
        "portability",
        _l("Accepted findings by marker and location"),
        cells,
        shown={
            "biomarker": _shown_marker(numbers),
            "tumor_location": Shown(
                _l("Tumor location"), lambda row: location_label(row["tumor_location"]), is_number=False
            ),
            "standing": Shown(
                _l("Together"),
                lambda row: str(Portability(row["standing"]).label),
                is_number=False,
                link=lambda row: _link(row["biomarker"], row["tumor_location"], row["standing"], numbers),
                tone=lambda row: _TONES.get(Portability(row["standing"])),
            ),
            "supports": shown_count("supports", _l("Support")),
            "against": shown_count("against", _l("Against")),
            "inconclusive": shown_count("inconclusive", _l("Inconclusive")),
            "measured": shown_count(
                "measured", _l("Measured"), _l("Participants in the trials that you see who have a value")
            ),
        },
        notes=[_l("Pages list only what was tested; files have every marker and location.")],
        prints=lambda row: row["standing"] != Portability.NEVER_TESTED,
    )


def _figure(markers, locations, cells) -> Figure:
    return Figure(
        "matrix", _l("Markers by tumor location"), cells, functools.partial(_draw, locations=locations)
    )


def _draw(data, *, locations, **layout):
    names = list(dict.fromkeys(data["biomarker"]))
    lines = [[] for _name in names]
    for row in data.to_dict("records"):
        standing = Portability(row["standing"])
        spoken = _("%(marker)s, %(where)s: %(what)s", marker=row["biomarker"],
                   where=location_label(row["tumor_location"]), what=str(standing.label))  # fmt: skip
        lines[names.index(row["biomarker"])].append(MatrixCell(*_SIGNS[standing], spoken))
    key = [(*_SIGNS[one], str(one.label)) for one in Portability if _SIGNS[one][0]]
    return matrix(names, [location_label(one) for one in locations], lines, key, **layout)


def _sentence(cells) -> str:
    here = cells[cells["tumor_location"] == FIRST]
    tested = int((here["standing"] != Portability.NEVER_TESTED.value).sum())
    return _(
        "Of %(n)d markers, %(tested)d were tested in breast cancer by a finding that was accepted.",
        n=len(here),
        tested=tested,
    )

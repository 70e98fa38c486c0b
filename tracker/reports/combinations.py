"""The ledger of combinations: does a combination do more than its components do alone?"""

import functools

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.ledger import LedgerRow, ledger
from tracker.forms.report import ChoiceField, FilterField, ReportForm, value_label
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import Combination
from tracker.reads.regimen import reference_results_frame, regimens_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_group, shown_text
from tracker.reports.components import component_tests_table, drug_action_parts
from tracker.reports.ledger import (
    SHORT,
    cards,
    in_words,
    limits_text,
    rate_text,
    said_verdict,
    shown_ledger,
    verdict_code,
    verdict_of,
)
from tracker.reports.response import has_responded, is_counted, response_notes
from tracker.rules.combination import RULE, Entry
from tracker.rules.combination import ledger as ledger_of
from tracker.stats.proportions import clopper_pearson
from tracker.terms.regimen import CombinationVerdict, ResultSource
from tracker.terms.trial import Setting

#: Combinations that the figure has room for.
DRAWN = 25

COLUMNS = [
    *("regimen", "tumor_location", "n", "observed", "low", "high", "best_component", "expected"),
    *("excess", "excess_low", "excess_high", "difference", "difference_low", "difference_high"),
    *("verdict", "source"),
]
#: Beside what others rely on: the responders, where the observed rate comes from, and what to be careful about.
_MORE = ["responders", "origin", "caution"]


_METHOD = [
    _l(
        "Expected by independent action: 1 − Π(1 − p) over the components' rates p; for two, A + B − A·B"
        " (Bliss, Ann Appl Biol 1939;26:585-615). Excess: observed − expected; limits by the delta method, 95 %, or by"
        " combining Wilson limits where none or all of a group respond (Zou and Donner, Stat Med 2008;27:1693-1702)."
    ),
    _l(
        "Difference: observed − best component; limits by Newcombe's method 10, 95 % (Stat Med 1998;17:873-890). Limits"
        " of rates: Clopper-Pearson, 95 %. All groups are taken as independent samples."
    ),
]


class RegimenField(FilterField):
    """Combinations to show. It chooses lines of the ledger, not participants: those with a component alone stay."""

    narrows = False


class CombinationsForm(ReportForm):
    regimen = RegimenField(_l("Regimen"))
    combination = RegimenField(_l("Combination"), Combination)
    source = ChoiceField(
        _l("Results"),
        {"both": _l("Own and published"), "own": _l("Own only"), "published": _l("Published only")},
        default="both",
    )

    @property
    def arguments(self) -> dict:
        """What the results that are no participants must be chosen by, too."""
        names = ("regimen", "combination", "tumor_location", "subtype", "prior_lines", "setting")
        return self.own | {"chosen": {name: self[name].data for name in names}}


@report(
    "combinations",
    title=_l("Combinations"),
    about=_l(
        "Whether a combination does more than its components do alone: observed, expected, and a verdict."
    ),
    form=CombinationsForm,
    reads=[outcomes_frame, regimens_frame, reference_results_frame],
)
def build(participants, regimens, references, source="both", chosen=None):
    """One line a combination and tumor location, one setting alone; n: as in `outcomes`.

    chosen: the values of the filters by name. Published rates tell no setting and count as advanced.
    """
    chosen = chosen or {}
    setting = next(iter(chosen.get("setting") or [Setting.ADVANCED.value]))
    people = _counted(participants[participants["setting"] == setting])
    is_advanced = setting == Setting.ADVANCED.value
    published = _asked(references, chosen) if is_advanced else references[:0]
    entries = ledger_of(people, published, regimens, source)
    if chosen.get("regimen"):
        entries = [entry for entry in entries if entry.regimen in chosen["regimen"]]
    if chosen.get("combination") and Combination.YES.value not in chosen["combination"]:
        entries = []
    entries = sorted(entries, key=lambda entry: not entry.is_assessable)
    cautions = [_cautions(entry, people) for entry in entries]
    ids = dict(zip(regimens["regimen"], regimens["regimen_id"].astype(int)))
    rows = _rows(entries, cautions)
    notes = _notes(entries, people, is_advanced)
    tables = [
        Table("ledger", _l("Ledger"), rows, shown=shown_ledger(ids), notes=notes, method=[*RULE, *_METHOD]),
        in_words(entries, rows),
        _components(entries, ids),
        _missing(entries, regimens),
    ]
    curves, figure = drug_action_parts(entries, people)
    tables += [curves, component_tests_table(entries, people)]
    figures = [_figure(entries, rows), *([figure] if figure else [])]
    single = entries[0] if len(entries) == 1 else None
    return Result(
        tables,
        figures=figures,
        verdict=verdict_of(single) if single else None,
        headline=Table("headline", _l("In short"), rows, shown=cards(single)) if single else None,
        sentence=_summary(entries),
    )


def _counted(people) -> pd.DataFrame:
    """The participants with two columns: whether each is in the denominator, and whether each responded."""
    return people.assign(
        counted=is_counted(people),
        responded=has_responded(people),
    )


def _asked(references, chosen) -> pd.DataFrame:
    """The published results that have one of the values of each filter that is set."""
    for name in ("tumor_location", "subtype", "prior_lines"):
        if chosen.get(name):
            references = references[references[name].isin(chosen[name])]
    return references


def _cautions(entry: Entry, people) -> list[str]:
    """What else differs between the combination and its components than the treatment: codes."""
    found = list(entry.differing)
    groups = [entry.observed, *entry.components]
    own = [people.loc[group.members] for group in groups if group.members is not None and len(group.members)]
    for name, code in (("confirms", "confirmation"), ("assessment_interval_days", "scan interval")):
        if len({value for part in own for value in part[name].unique()}) > 1:
            found.append(code)
    if any(group.is_published != entry.observed.is_published for group in groups):
        found.append("own beside published")
    return found


def _rows(entries, cautions) -> pd.DataFrame:
    rows = []
    for entry, caution in zip(entries, cautions):
        observed = entry.observed
        low, high = clopper_pearson(observed.x, observed.n)
        excess, difference = entry.excess, entry.difference or (np.nan,) * 3
        numbers = (
            (excess.expected, excess.excess, excess.low, excess.high) if excess is not None else (np.nan,) * 4
        )
        rows.append(
            [
                *(entry.regimen, entry.tumor_location, observed.n, observed.rate, low, high),
                *(entry.best.name if entry.best else None, *numbers, *difference),
                *(verdict_code(entry), _source(entry)),
                *(observed.x, observed.origin, "; ".join(caution) or None),
            ]
        )
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *_MORE])
    return frame.astype({"n": "Int64", "responders": "Int64"})


def _source(entry: Entry) -> str:
    """Where the observed rate comes from, and each component's: one word where all come from one."""
    if {group.source for group in (entry.observed, *entry.components)} == {ResultSource.PUBLISHED}:
        return ResultSource.PUBLISHED.value
    parts = [f"observed: {entry.observed.source.value}"]
    parts += [f"{one.name}: {one.source.value}" for one in entry.components]
    return "; ".join(parts)


def _notes(entries, people, is_advanced) -> list:
    notes = [
        *response_notes(people),
        _l("Decision support: a verdict compares rates, and proves neither synergy nor its absence."),
    ]
    if not is_advanced:
        notes.append(
            _l("Published response rates tell no setting; they count as advanced, and are left out here.")
        )
    if any(group.n < FEW for entry in entries for group in (entry.observed, *entry.components)):
        notes.append(_l("Too few: of 1 to 4 participants only x/n and the limits are shown, no percentage."))
    return notes


def _summary(entries) -> str:
    if not entries:
        return _("No combination has a result in the trials that you may see, nor a published one.")
    if len(entries) == 1:
        return ""
    counts = [(term, sum(entry.verdict is term for entry in entries)) for term in CombinationVerdict]
    return "; ".join(f"{term.label}: {count}" for term, count in counts if count) + "."


def _components(entries, ids) -> Table:
    """Each rate that the ledger rests on, with where it comes from."""
    rows = []
    for entry in entries:
        for group in (entry.observed, *entry.components):
            low, high = clopper_pearson(group.x, group.n)
            name = None if group is entry.observed else group.name
            rows.append(
                [
                    *(entry.regimen, entry.tumor_location, name, group.x, group.n, group.rate, low, high),
                    *(group.source.value, group.origin, _population(group), group.reference_id),
                ]
            )
    columns = ["regimen", "tumor_location", "component", "responders", "n", "observed", "low", "high"]
    columns += ["source", "origin", "population", "reference_id"]
    frame = pd.DataFrame(rows, columns=columns)
    counts = dict.fromkeys(["responders", "n", "reference_id"], "Int64")

    def origin_link(row):
        if row["reference_id"] is None:
            return None
        return {"endpoint": "reference_result.show", "id": row["reference_id"]}

    return Table(
        "components",
        _l("What it rests on"),
        frame.astype(counts),
        shown={
            "regimen": shown_group("regimen"),
            "tumor_location": shown_group("tumor_location"),
            "component": Shown(
                _l("Alone"), lambda row: row["component"] or _("the combination"), is_number=False
            ),
            "n": shown_count("n", _l("n")),
            "observed": Shown(
                _l("ORR (95% CI)"),
                rate_text,
                detail=lambda row: limits_text(row, "low", "high"),
                fractions=("observed", "low", "high"),
            ),
            "source": Shown(
                _l("Source"), lambda row: str(ResultSource(row["source"]).label), is_number=False
            ),
            "origin": Shown(
                _l("Arms or citation"),
                lambda row: row["origin"],
                is_number=False,
                is_prose=True,
                link=origin_link,
            ),
            "population": shown_text("population", _l("Population"), is_prose=True),
        },
    )


def _population(group) -> str | None:
    """What is known of the population, in words."""
    names = [value_label("subtype", value) for value in sorted(group.traits.get("subtype", ()))]
    lines = sorted(group.traits.get("prior_lines", ()))
    if lines:
        names.append(
            _("prior lines: %(lines)s", lines=", ".join(value_label("prior_lines", one) for one in lines))
        )
    names += sorted(group.traits.get("selection", ()))
    return "; ".join(names) or None


def _missing(entries, regimens) -> Table:
    """The components that have no result alone, with a link to record one."""
    sizes = regimens.groupby("regimen")["agent"].transform("size")
    alone = regimens[sizes == 1].drop_duplicates("agent").set_index("agent")["regimen_id"]
    rows = sorted(
        {(entry.tumor_location, agent, entry.regimen) for entry in entries for agent in entry.missing}
    )
    frame = pd.DataFrame(rows, columns=["tumor_location", "component", "regimen"])

    def link(row):
        if row["component"] not in alone:
            return {"endpoint": "regimen.new", "name": row["component"]}
        return {
            "endpoint": "reference_result.new",
            "regimen": int(alone[row["component"]]),
            "tumor_location": row["tumor_location"],
        }

    def words(row):
        if row["component"] not in alone:
            return _("Add a regimen of %(agent)s alone first", agent=row["component"])
        return _("Record a reference result")

    return Table(
        "missing",
        _l("What is missing"),
        frame[["regimen", "tumor_location", "component"]],
        shown={
            "component": shown_text("component", _l("Alone")),
            "tumor_location": shown_group("tumor_location"),
            "regimen": shown_text("regimen", _l("Needed for"), is_prose=True),
            "record": Shown(_l("To close the gap"), words, is_number=False, is_prose=True, link=link),
        },
        notes=[
            _l("With these results the lines that are not assessable could be judged.")
            if rows
            else _l("Each component of each line has a result alone.")
        ],
    )


def _figure(entries, rows) -> Figure:
    columns = [
        "regimen",
        "tumor_location",
        "source",
        "responders",
        "n",
        "observed",
        "low",
        "high",
        "expected",
    ]
    data = rows[[*columns, "verdict"]]
    return Figure(
        "ledger",
        _l("Observed and expected response"),
        data,
        functools.partial(_draw, entries=entries[:DRAWN]),
    )


def _draw(data, *, entries, **layout):
    rows = []
    for entry, row in zip(entries, Table("", "", data).rows):
        source = str(SHORT[entry.observed.source.value])
        place = f"{value_label('tumor_location', entry.tumor_location)} · {source}"
        alone = [(one.name, one.rate, one.n) for one in entry.components]
        names = ("responders", "n", "observed", "low", "high", "expected")
        numbers = (row[name] for name in names)
        rows.append(LedgerRow(entry.regimen, place, *numbers, alone, said_verdict(entry)))
    return ledger(rows, percent=percent, **layout)

"""What of a report may leave the trial team: no single person, and no small number that others could be told from.

A team is who sees the trial: its members, and the director. For all others a report's file is asked for with
`share=outside`. Then only the tables and columns that stand here are in it; counts of people below the least that may
be told are left out, with the rates, limits and other counts of the row that they could be computed from. The whole is
told elsewhere, so what is left out of it must not be found again as the rest: where that is one row alone, or few
people together, the next smallest rows go with it. Figures are left out: a step of a curve, or a bar, is a person.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.reports.base import Result, Table
from tracker.reports.columns import Shown
from tracker.values import Refusal

#: Who a file is for.
TEAM, OUTSIDE = "team", "outside"


@dataclass(frozen=True)
class Family:
    """Counts that stand and fall together. counts: of people. of: pairs of a count and the whole that it is of: who is
    left is a count too. rests: what could be computed back into them. more: further counts, from the frame."""

    counts: tuple[str, ...]
    of: tuple[tuple[str, str], ...] = ()
    rests: tuple[str, ...] = ()
    more: Callable[[pd.DataFrame], list[pd.Series]] | None = None

    @property
    def columns(self) -> list[str]:
        return [*self.counts, *self.rests]


@dataclass(frozen=True)
class Share:
    """How a table is shared. keys: columns that name its rows, and are told in any case. whole: the counts without
    which nothing of a row is told. families: those that are left out for themselves. within: the columns that name a
    whole of which rows are the parts. follows: the tables whose rows, where they are left out, take those of the same
    group here with them.
    """

    keys: tuple[str, ...]
    whole: Family
    families: tuple[Family, ...] = ()
    within: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()

    def columns(self, frame) -> list[str]:
        told = [*self.keys, *self.whole.columns]
        told += [name for family in self.families for name in family.columns]
        return [name for name in frame if name in told]


def _family(counts, of="", rests="", more=None):
    pairs = tuple(tuple(one.split("/")) for one in of.split())
    return Family(tuple(counts.split()), pairs, tuple(rests.split()), more)


def _limits(*names):
    return " ".join(f"{name}{end}" for name in names for end in ("", "_low", "_high"))


def _each(*names, of="n"):
    return tuple(_family(name, of=f"{name}/{of}") for name in names)


#: The groupings that a report can be asked for.
_BY = "group trial arm cohort regimen combination tumor_location diagnosis subtype prior_lines marker"


def _keys(more=""):
    return tuple(f"{_BY} {more}".split())


def _events_before(landmark):
    """About how many had the event before the month; nobody was censored."""
    survival = landmark["survival"].astype(float)
    return [(landmark["at_risk"].astype(float) * (1 - survival) / survival.where(survival > 0)).round()]


def _who_benefited(response):
    """How many had clinical benefit, and how many had not, which the rate tells."""
    if "cbr" not in response:
        return []
    benefited = (response["cbr"].astype(float) * response["n"].astype(float)).round()
    return [benefited, response["n"].astype(float) - benefited]


_GRADES = "g1 g2 g3 g4 g5"
_NOBODY = Family(())
_RESPONSE = _family("n responders", "responders/n", _limits("orr"))

#: By report and table. A report, or a table, that is not here is not shared.
SHARED: dict[str, dict[str, Share]] = {
    "outcomes": {
        "response": Share(
            _keys(),
            _RESPONSE,
            (
                _family("cr pr sd pd ne", rests=_limits("dcr", "cbr"), more=_who_benefited),
                _family("pending"),
                _family("derived reported"),
            ),
        )
    },
    "survival": {
        "median": Share(_keys(), _family("n events", "events/n", "median median_low median_high")),
        "landmark": Share(
            _keys("month"),
            _family("at_risk", rests="survival low high", more=_events_before),
            within=("month",),
            follows=("median",),
        ),
        "comparison": Share(
            ("group", "reference"),
            _family("", rests="hr hr_low hr_high p_wald logrank_chi2 logrank_p"),
            follows=("median",),
        ),
    },
    "locations": {
        "locations": Share(
            ("tumor_location", "subtype"),
            _family("n responders", "responders/n", _limits("orr", "difference", "shrunken")),
            within=("tumor_location",),
        ),
        "medians": Share(
            ("tumor_location", "subtype"),
            _NOBODY,
            (
                _family("pfs_n pfs_events", "pfs_events/pfs_n", "pfs_median pfs_low pfs_high"),
                _family("os_n os_events", "os_events/os_n", "os_median os_low os_high"),
            ),
            within=("tumor_location",),
            follows=("locations",),
        ),
    },
    "biomarker": {
        "response": Share(("status",), _RESPONSE),
        "roc": Share((), _family("n responders", "responders/n", _limits("auc")), follows=("response",)),
    },
    "predictive": {
        "by_status": Share(
            ("status", "measure"),
            _family(
                "n_treated events_treated n_comparator events_comparator",
                "events_treated/n_treated events_comparator/n_comparator",
                "effect low high p",
            ),
            within=("measure",),
        ),
        "interaction": Share(
            ("measure",), _family("n", rests="estimate low high p_wald p_lrt"), follows=("by_status",)
        ),
    },
    "breast-gap": {
        "gaps": Share(
            ("group",),
            _family(
                "breast_n breast_x reference_n reference_x",
                "breast_x/breast_n reference_x/reference_n",
                f"{_limits('breast', 'reference', 'estimate')} claim",
            ),
        ),
        "strata": Share(
            ("stratum",),
            _family(
                "n_breast x_breast n_reference x_reference",
                "x_breast/n_breast x_reference/n_reference",
                f"r_breast r_reference {_limits('difference')}",
            ),
        ),
        "gap": Share(("part",), _family("", rests="estimate low high share"), follows=("gaps", "strata")),
    },
    "combinations": {
        "ledger": Share(
            ("regimen", "tumor_location", "source", "origin"),
            _family(
                "n responders",
                "responders/n",
                f"observed low high best_component expected {_limits('excess', 'difference')} verdict",
            ),
            within=("regimen",),
        ),
        "components": Share(
            ("regimen", "tumor_location", "component", "source", "origin", "population"),
            _family("n responders", "responders/n", "observed low high"),
            within=("regimen", "component"),
        ),
    },
    "safety": {
        "worst_grade": Share(
            _keys("soc term"),
            _family("n"),
            (_family("any", "any/n", _GRADES), _family(_GRADES)),
            within=("soc", "term"),
        ),
        "overview": Share(
            _keys(),
            _family("n"),
            _each(
                *("any", "treatment_emergent", "related", "immune_related", "serious"),
                *("grade3plus", "grade5", "dlt", "discontinued"),
            ),
        ),
        "attribution": Share(
            _keys("agent"), _family("n"), _each("any", "grade3plus", "serious"), within=("agent",)
        ),
    },
    "accrual": {
        "accrual": Share(
            ("trial", "arm", "cohort", "planned"), _family("actual", rests="share"), within=("trial",)
        )
    },
    "portability": {
        "matrix": None,
        "portability": Share(
            ("biomarker", "tumor_location", "standing", "supports", "against", "inconclusive"),
            _family("measured"),
            within=("biomarker",),
        ),
    },
    "evidence": dict.fromkeys(["levels", "findings", "contradictions", "remark"]),
}

#: Why the others are not.
_REFUSALS = {
    **dict.fromkeys(
        ["waterfall", "swimmer", "spider"],
        _l("This report shows single participants: it stays in the trial team."),
    ),
    "escalation": _l(
        "Doses are tried in groups of three to six, whose members can be told: it stays in the trial team."
    ),
}


def outside(result: Result, least: int) -> Result:
    """The result as it may leave the trial team. least: the smallest count of people that is told, but for none.

    Raises Refusal for a report that is not shared.
    """
    slug = result.report.slug
    if slug not in SHARED:
        message = _REFUSALS.get(slug) or _l(
            "What of this report may be shared is not decided: it stays in the trial team."
        )
        raise Refusal(str(message), field="share")
    left_out: dict[str, pd.DataFrame] = {}
    tables = []
    for table in result.tables:
        if table.name in SHARED[slug]:
            share = SHARED[slug][table.name]
            tables.append(table if share is None else _shared(table, share, least, left_out))
            if table.name == "locations" and _hides(
                left_out, "tumor_location", result.parameters["reference"]
            ):
                frame = tables[-1].frame  # or each difference would tell the rate that it is from
                tables[-1].frame = frame.assign(**dict.fromkeys(_limits("difference").split()))
    is_whole = all(rows.empty for rows in left_out.values())
    verdict = result.verdict
    if verdict is not None and not is_whole:
        verdict = {"code": verdict["code"], "text": verdict["code"]}
    said = [_note(least, left_out), *(_told(note, least) for note in tables[0].notes)]
    tables[0] = replace(tables[0], notes=said)
    tables[1:] = [replace(one, notes=[_told(note, least) for note in one.notes]) for one in tables[1:]]
    principal = result.principal if result.principal in SHARED[slug] else None
    shared = replace(
        result, tables=tables, figures=[], verdict=verdict, headline=None, sentence=None, principal=principal
    )
    shared.parameters = {**result.parameters, "share": OUTSIDE}
    return shared


def _hides(left_out, key, value):
    return any(key in rows and rows[key].eq(value).any() for rows in left_out.values())


def _note(least, left_out):
    said = _(
        "For outside the trial team: counts of people from 1 to %(most)d are left out, with what they could be computed"
        " from, and so are figures and what shows single participants.",
        most=least - 1,
    )
    count = sum(len(rows) for rows in left_out.values())
    return said + " " + _("Rows in which something is left out: %(count)d.", count=count) if count else said


def _told(note, least):
    """A note whose count is small says only that it is."""
    few = _("fewer than %(least)d", least=least)
    return re.sub(
        r": (\d+)(?=[.;,)]|$)",
        lambda found: f": {few}" if 0 < int(found[1]) < least else found[0],
        str(note),
    )


def _shared(table: Table, share: Share, least: int, left_out: dict) -> Table:
    frame = table.frame[share.columns(table.frame)].copy()
    hidden = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    whole = _small(table.frame, share.whole, least) | _follows(frame, share, left_out)
    whole = _with_others(table.frame, whole, share, least)
    touched = whole.copy()
    hidden.loc[whole, [name for name in frame if name not in share.keys]] = True
    for family in share.families:
        small = _small(table.frame, family, least) & ~whole
        small = _with_others(table.frame, small, share, least, family, whole)
        hidden.loc[small, [name for name in family.columns if name in frame]] = True
        touched |= small
    for name in frame:
        if hidden[name].any():
            numbers = pd.api.types.is_numeric_dtype(frame[name].dtype)
            kind = (
                "Int64"
                if pd.api.types.is_integer_dtype(frame[name].dtype)
                else "Float64"
                if numbers
                else object
            )
            frame[name] = frame[name].astype(kind).mask(hidden[name], pd.NA if numbers else None)
    left_out[table.name] = frame.loc[touched, [name for name in share.keys if name in frame]]
    labels = {name: column.label for name, column in table.shown.items()}
    shown = {
        name: Shown(str(labels.get(name, name)), _printed(name), is_number=_is_number(frame[name]))
        for name in frame
    }
    return replace(table, frame=frame, shown=shown, prints=lambda row: True)


def _is_number(cells):
    return pd.api.types.is_numeric_dtype(cells.dtype)


def _printed(name):
    def text(row):
        value = row[name]
        if value is None:
            return "—"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return text


def _small(frame, family: Family, least) -> pd.Series:
    """Where one of the counts, or who is left of a whole, is small; none at all is told."""
    counts = _counts(frame, family)
    return ((counts > 0) & (counts < least)).any(axis=1)


def _counts(frame, family: Family) -> pd.DataFrame:
    """All counts of people that are in the family, or can be computed from it, a column each."""
    counts = [frame[name] for name in family.counts if name in frame]
    counts += [frame[whole] - frame[part] for part, whole in family.of if part in frame and whole in frame]
    if family.more is not None:
        counts += family.more(frame)
    numbers = [pd.to_numeric(count, errors="coerce").astype("float64") for count in counts]
    return pd.DataFrame(dict(enumerate(numbers)), index=frame.index)


def _follows(frame, share: Share, left_out) -> pd.Series:
    """Where a row is of a group that another table does not tell of."""
    found = pd.Series(False, frame.index)
    for name in share.follows:
        hidden = left_out.get(name)
        if hidden is None or hidden.empty:
            continue
        shared = [key for key in hidden if key in frame and key in share.keys]
        if "reference" in frame and "reference" in share.keys:
            if len(hidden.columns) > 1:
                return ~found
            known = set(hidden.iloc[:, 0].astype("str"))
            found |= frame["group"].astype("str").isin(known) | frame["reference"].astype("str").isin(known)
            continue
        if not shared:
            return ~found
        found |= _joined(frame[shared]).isin(set(_joined(hidden[shared])))
    return found


def _joined(frame) -> pd.Series:
    """Each row's texts as one."""
    return pd.Series(
        ["\t".join(map(str, row)) for row in frame.astype(object).to_numpy()], frame.index, dtype=object
    )


def _with_others(frame, hidden, share: Share, least, family: Family | None = None, gone=None) -> pd.Series:
    """The same with the next smallest rows wherever what is left out of a whole would tell a small count."""
    family = family or share.whole
    counts = [name for name in family.counts if name in frame]
    if not counts or not hidden.any():
        return hidden
    sizes = frame[counts].apply(pd.to_numeric, errors="coerce").astype("float64").max(axis=1)
    within = [name for name in share.within if name in frame]
    wholes = pd.Series("", frame.index)
    if within:
        wholes = _joined(frame[within])
    if (
        within == ["tumor_location"] and "subtype" in frame
    ):  # locations are parts of all, subtypes of one location
        wholes = wholes.where(frame["subtype"].notna(), "")
    hidden, every = hidden.copy(), _counts(frame, family)
    for _whole, rows in frame.groupby(wholes, sort=False).groups.items():
        while hidden[rows].any():
            out = [row for row in rows if hidden[row] or (gone is not None and gone[row])]
            others = sizes[rows].drop(out)
            others = others[others > 0]
            if others.empty or not _is_found_again(every.loc[out], every.loc[rows], least):
                break
            hidden[others.idxmin()] = True
    return hidden


def _is_found_again(left_out, whole, least) -> bool:
    """Whether rows that are left out tell a small count by what they are together: the whole less all other rows."""
    together, total = left_out.sum(), whole.sum()
    is_small = (
        (together > 0) & (together < least) & (total >= least)
    )  # a whole that is small is not told either
    return len(left_out) == 1 or is_small.any() or together.max() == len(left_out)  # then each is one person

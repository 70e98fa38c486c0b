"""What differs between breast and a reference besides their response, and what nobody recorded."""

import functools
import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.reads.outcome import REPORTED
from tracker.reads.participant import MASKED, Combination
from tracker.reports.base import Table
from tracker.reports.columns import FEW, Shown, percent, written
from tracker.reports.rates import shown_difference
from tracker.rules.gap import is_thin
from tracker.stats.proportions import newcombe_difference
from tracker.terms.biomarker import BiomarkerKind
from tracker.terms.participant import BestResponse, PriorLines, Subtype
from tracker.terms.response import Organ
from tracker.terms.specimen import AnatomicPlace
from tracker.terms.trial import Setting

_COLUMNS = ["factor", "measure", "n_breast", "breast", "n_reference", "reference"]
SHARE, MEDIAN = "share", "median"
_MEASURES = {SHARE: _l("share"), MEDIAN: _l("median")}
_DIFFERENCE = ["difference", "difference_low", "difference_high"]


class Candidate(NamedTuple):
    """A marker that may explain a gap. pattern: of a biomarker's name; kind: of the biomarker; either tells it."""

    name: str
    pattern: str
    kind: BiomarkerKind | None = None


#: Markers that are looked for first, and missed where nobody measured them.
CANDIDATES = [
    Candidate(_l("PD-L1"), r"pd-?\s?l1|CD274"),
    Candidate(
        _l("Tumor-infiltrating lymphocytes (TILs)"), r"\btils?\b|infiltrating|CD8", BiomarkerKind.CELL_DENSITY
    ),
    Candidate(
        _l("Tumor mutational burden (TMB)"), r"\bTMB\b|mutational burden", BiomarkerKind.MUTATIONAL_BURDEN
    ),
    Candidate(
        _l("Microsatellite instability (MSI)"), r"\bMSI\b|microsatellite", BiomarkerKind.MICROSATELLITE
    ),
    Candidate(_l("Copy-number burden"), r"copy.?number", BiomarkerKind.COPY_NUMBER),
]


class Words(dict):
    """Words that a row bears in English, whoever reads; `of` gives them in the reader's language."""

    def add(self, words) -> str:
        with force_locale("en"):
            key = str(words)
        self[key] = words
        return key

    def of(self, key) -> str:
        return str(self.get(key, key))


class Groups(NamedTuple):
    """The two groups that are compared, of all whose response is counted.

    values: of `baseline_values_frame`; assays: of `assays_frame`; both people frames have their characteristics.
    """

    breast: pd.DataFrame
    reference: pd.DataFrame
    values: pd.DataFrame
    assays: pd.DataFrame


def not_biology(groups: Groups) -> Table:
    """How the participants were chosen, treated and assessed: what to rule out before any biology."""
    rows, words = [], Words()

    def share(factor, of):
        rows.append([words.add(factor), SHARE, *_shares(groups, of)])

    def median(factor, of):
        rows.append([words.add(factor), MEDIAN, *_medians(groups, of)])

    share(
        _l("Prior lines: one or more"),
        lambda one: _known(one["prior_lines"], lambda lines: lines != PriorLines.NONE),
    )
    share(_l("Prior immunotherapy"), lambda one: one["prior_immunotherapy"])
    share(_l("Selected by a biomarker on entry"), lambda one: one["is_selected"])
    share(_l("Response evaluable"), _is_evaluable)
    median(
        _l("Days between scans, by protocol"),
        lambda one: one["assessment_interval_days"].where(one["dated"]),
    )
    share(_l("Response as the source reports it, not derived"), lambda one: one["source"] == REPORTED)
    share(_l("Combination of agents"), _has_combination)
    share(_l("In a randomised trial"), lambda one: one["randomised"])
    share(_l("Advanced disease"), lambda one: one["setting"] == Setting.ADVANCED.value)
    share(_l("ECOG 0"), lambda one: _known(one["ecog"], lambda ecog: ecog == 0))
    median(_l("Year of enrolment"), lambda one: one["enrolled_on"].dt.year.where(~one["undated"]))
    table = _table(
        "not_biology", _l("What differs first: who was treated, and how they were assessed"), rows, {}, words
    )
    table.notes = [
        _l("Look here first: a gap that these explain is none of biology."),
        *_notes(),
    ]
    return table


def biology(groups: Groups) -> Table:
    """What is recorded of the tumors: each baseline marker, and the places of disease."""
    rows, links, words = [], {}, Words()
    for assay in _in_order(groups.assays).to_dict("records"):
        value = _values_of(groups, assay["assay_id"])
        if not any(value(one).notna().any() for one in (groups.breast, groups.reference)):
            continue
        link = {"endpoint": "measurement.list", "assay": assay["assay_id"]}
        if pd.notna(assay["positive_cutoff"]):
            unit = f" {assay['unit']}" if isinstance(assay["unit"], str) else ""
            name = f"{assay['assay']} ≥ {assay['positive_cutoff']:g}{unit}"
            cutoff = assay["positive_cutoff"]
            rows.append([name, SHARE, *_shares(groups, functools.partial(_at_least, value, cutoff))])
            links[name] = link
        if assay["scale"] != "binary":
            rows.append([assay["assay"], MEDIAN, *_medians(groups, value)])
            links[assay["assay"]] = link
    of_metastasis = words.add(_l("Metastasis biopsied, not the primary tumor"))
    rows.append([of_metastasis, SHARE, *_shares(groups, _is_metastasis)])
    organs = pd.concat([groups.breast["biopsied"], groups.reference["biopsied"]]).dropna()
    for place in sorted(place for place in organs.unique() if ", " in place):
        name = words.add(_l("Metastasis biopsied: %(organ)s", organ=Organ(place.partition(", ")[2]).label))
        is_there = functools.partial(_is_biopsied_in, place)
        rows.append([name, SHARE, *_shares(groups, is_there)])
    rows.append(
        [words.add(_l("Liver lesion at baseline")), SHARE, *_shares(groups, lambda one: one["liver"])]
    )
    table = _table("biology", _l("What differs in the tumors"), rows, links, words)
    table.notes = [
        *_notes(),
        _l("Only values of one assay stand in a row; two assays of one marker are never mixed."),
    ]
    return table


def _at_least(value, cutoff, people):
    return _known(value(people), lambda found: found >= cutoff)


def _is_metastasis(people):
    return _known(people["biopsied"], lambda place: place != AnatomicPlace.PRIMARY.value)


def _is_biopsied_in(place, people):
    return _known(people["biopsied"], lambda found: found == place)


def _values_of(groups, assay_id):
    own = groups.values[groups.values["assay_id"] == assay_id].set_index("participant_id")["value"]
    return lambda people: people["participant_id"].map(own)


def _in_order(assays) -> pd.DataFrame:
    """The candidates' assays first, in their order; then the others by name."""
    place = [
        next((number for number, one in enumerate(CANDIDATES) if _is_of(one, row)), len(CANDIDATES))
        for row in assays.to_dict("records")
    ]
    return assays.assign(place=place).sort_values(["place", "assay"], kind="stable")


def _is_of(candidate, assay) -> bool:
    by_name = re.search(candidate.pattern, f"{assay['biomarker']} {assay['assay']}", re.IGNORECASE)
    return bool(by_name) or (candidate.kind is not None and assay["kind"] == candidate.kind.value)


def _known(column, test) -> pd.Series:
    """What the test says where the column tells anything."""
    return test(column).astype("boolean").where(column.notna())


def _is_evaluable(people):
    return people["best_response"].notna() & (people["best_response"] != BestResponse.NE.value)


def _has_combination(people):
    known = ~people["combination"].isin([Combination.UNKNOWN.value, MASKED])
    return (people["combination"] == Combination.YES.value).astype("boolean").where(known)


def _shares(groups, of) -> list:
    """n and share of both groups, and reference − breast with limits, where neither is too few."""
    counts = []
    for people in (groups.breast, groups.reference):
        told = of(people).dropna().astype(bool)
        counts.append((len(told), int(told.sum())))
    (n, x), (m, y) = counts
    shares = [n, x / n if n else np.nan, m, y / m if m else np.nan]
    if is_thin(n, m):
        return [*shares, *[np.nan] * 3]
    return [*shares, y / m - x / n, *newcombe_difference(y, m, x, n)]


def _medians(groups, of) -> list:
    """n and median of both groups."""
    found = []
    for people in (groups.breast, groups.reference):
        told = of(people).dropna().astype(float)
        found += [len(told), float(told.median()) if len(told) else np.nan]
    return [*found, *[np.nan] * 3]


def _table(name, title, rows, links, words) -> Table:
    frame = pd.DataFrame(rows, columns=[*_COLUMNS, *_DIFFERENCE])
    people = {"endpoint": "participant.list"}
    breast = people | {"tumor_location": "BREAST"}
    return Table(
        name,
        title,
        frame,
        {
            "factor": Shown(
                _l("Factor"),
                lambda row: words.of(row["factor"]),
                is_number=False,
                link=lambda row: links.get(row["factor"], people),
            ),
            "measure": Shown(_l("Measure"), lambda row: str(_MEASURES[row["measure"]]), is_number=False),
            "breast": _shown_value("breast", _l("Breast"), breast),
            "reference": _shown_value("reference", _l("Reference"), people),
            "difference": shown_difference(
                "difference", _l("Difference, points (95% CI)"), _l("Reference less breast")
            ),
        },
        method=[
            _l(
                "Shares of those of whom the factor is known. Limits of a difference: Newcombe, Stat Med"
                " 1998;17:873-890."
            ),
        ],
        prints=_is_told,
    )


def _is_told(row) -> bool:
    """Whether a page needs the line: not where nothing is known, nor where all of both groups are alike."""
    is_alike = row["measure"] == SHARE and row["breast"] == row["reference"] and row["breast"] in (0, 1)
    return bool(row["n_breast"] or row["n_reference"]) and not is_alike


def _shown_value(name, label, link):
    def text(row):
        if not row[f"n_{name}"]:
            return _("not known")
        if row[f"n_{name}"] < FEW:
            return _("too few")
        if row["measure"] == MEDIAN:
            value = row[name]
            return written(value, "0" if value == int(value) and value > 1000 else "0.##")
        return percent(row[name], 0)

    return Shown(
        label,
        text,
        detail=lambda row: _("of %(n)d", n=row[f"n_{name}"]) if row[f"n_{name}"] else "",
        link=lambda row: link if row[f"n_{name}"] else None,
    )


def _notes() -> list:
    return [
        _l(
            "Each line: how common the factor is in breast and in the reference, of those of whom it is known."
        ),
        _l(
            "A difference here can go with the gap; it does not show that it causes it. Files also have"
            " what is alike in all, or not recorded."
        ),
    ]


def not_measured(groups: Groups, thin: list[str]) -> Table:
    """What cannot be said because nobody recorded it, and what would close each hole. thin: names of thin strata."""
    n, m = len(groups.breast), len(groups.reference)
    rows, links, words = [], {}, Words()

    def missing(what, known, of, close, link):
        name = words.add(what)
        rows.append([name, known, n, of, m, words.add(close)])
        links[name] = link

    for candidate in CANDIDATES:
        own = [row for row in groups.assays.to_dict("records") if _is_of(candidate, row)]
        known = [
            (int(value(groups.breast).notna().sum()), int(value(groups.reference).notna().sum()), row)
            for row in own
            for value in [_values_of(groups, row["assay_id"])]
        ]
        best = max(known, key=lambda one: min(one[0] / max(n, 1), one[1] / max(m, 1)), default=None)
        if best is None or best[2] is None or not (best[0] or best[1]):
            missing(candidate.name, 0, 0, _l("an assay of it at baseline"), {"endpoint": "assay.list"})
        elif min(best[0] / max(n, 1), best[1] / max(m, 1)) < 0.5:
            link = {"endpoint": "assay.show", "id": best[2]["assay_id"]}
            missing(
                candidate.name,
                best[0],
                best[1],
                _l("%(assay)s in those without it", assay=best[2]["assay"]),
                link,
            )
    for column, what, close in (
        (
            "biopsied",
            _l("Place biopsied: primary tumor or which metastasis"),
            _l("specimens with their place"),
        ),
        ("liver", _l("Places of disease at baseline, such as the liver"), _l("lesions with their organ")),
    ):
        known = [int(people[column].notna().sum()) for people in (groups.breast, groups.reference)]
        if min(known[0] / max(n, 1), known[1] / max(m, 1)) < 0.5:
            link = {"endpoint": "specimen.list" if column == "biopsied" else "participant.list"}
            missing(what, *known, close, link)
    missing(
        _l("Prior chemotherapy, and which drugs came before"),
        0,
        0,
        _l("the drugs of prior lines; only their number is recorded"),
        {"endpoint": "participant.list"},
    )
    unknown = int((groups.breast["subtype"].fillna(Subtype.UNKNOWN.value) == Subtype.UNKNOWN.value).sum())
    if unknown:
        link = {"endpoint": "participant.list", "tumor_location": "BREAST", "subtype": Subtype.UNKNOWN.value}
        missing(
            _l("Subtype of breast cancer"), n - unknown, None, _l("receptors of breast participants"), link
        )
    for stratum in thin:
        link = {"endpoint": "cohort.list", "tumor_location": "BREAST"}
        missing(
            _l("Enough in the stratum %(stratum)s", stratum=stratum),
            None,
            None,
            _l("a breast cohort of that stratum"),
            link,
        )
    columns = ["missing", "known_breast", "n_breast", "known_reference", "n_reference", "would_close"]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:5], "Int64"))

    def known(name):
        return lambda row: (
            "—" if row[f"known_{name}"] is None else f"{row[f'known_{name}']}/{row[f'n_{name}']}"
        )

    return Table(
        "not_measured",
        _l("What was not measured, and so cannot be said"),
        frame,
        {
            "missing": Shown(_l("Missing"), lambda row: words.of(row["missing"]), is_number=False),
            "breast": Shown(_l("Known in breast"), known("breast")),
            "reference": Shown(_l("Known in the reference"), known("reference")),
            "would_close": Shown(
                _l("What would close it"),
                lambda row: words.of(row["would_close"]),
                is_number=False,
                is_prose=True,
                link=lambda row: links.get(row["missing"]),
            ),
        },
        [_l("Nothing on this page is adjusted for what stands here.")],
    )

"""Strata within which groups are compared: by prior lines, and by baseline markers at a cutoff."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import wtforms
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import one_of
from tracker.reads.biomarker import marker_status
from tracker.reports.base import Table
from tracker.reports.columns import FEW, Shown, percent
from tracker.reports.rates import shown_difference
from tracker.rules.gap import FEWEST, is_thin
from tracker.stats.proportions import newcombe_difference
from tracker.terms.biomarker import MarkerStatus
from tracker.terms.participant import PriorLines
from tracker.values import Refusal, read_number

PRIOR_LINES = "prior_lines"
AT_LEAST = ">="

#: Ways to divide that are crossed with each other.
AT_ONCE = 4

COLUMNS = ["stratum", "n_breast", "r_breast", "n_reference", "r_reference"]
_MORE = ["x_breast", "x_reference", "difference", "difference_low", "difference_high"]


class Division(NamedTuple):
    """One way to divide participants: by an assay at a cutoff, or by prior lines, where there is no assay."""

    assay: str | None = None
    cutoff: float | None = None

    def __str__(self):
        return PRIOR_LINES if self.assay is None else f"{self.assay}{AT_LEAST}{self.cutoff:g}"


def read_division(text) -> Division:
    """Raises ValueError for what is no division."""
    if text == PRIOR_LINES:
        return Division()
    assay, sign, cutoff = text.rpartition(AT_LEAST)
    if not sign or not assay.strip():
        raise ValueError(
            _(
                "write prior_lines, or an assay with its cutoff, such as TMB>=10; not “%(text)s”.",
                text=text[:60],
            )
        )
    try:
        number = read_number(cutoff)
    except Refusal as refusal:
        raise ValueError(refusal.message) from None
    if number is None:
        raise ValueError(_("give a cutoff after %(sign)s.", sign=AT_LEAST))
    return Division(assay.strip(), number)


class StrataField(wtforms.Field):
    """`prior_lines`, or an assay with its cutoff as ASSAY>=CUTOFF; repeated for several, which are crossed.

    find: tells the names of the assays that exist. cutoffs: tells those that have a cutoff of their own, with it.
    """

    kind = "several"

    def __init__(self, label=None, **kwargs):
        super().__init__(label, default=list, **kwargs)
        self.find = self.cutoffs = list

    def process_formdata(self, valuelist):
        written = dict.fromkeys(text.strip() for text in valuelist if text.strip())
        self.data = [str(read_division(text)) for text in written]
        if len(self.data) > AT_ONCE:
            raise ValueError(_("choose at most %(n)d.", n=AT_ONCE))

    def choose(self):
        """Refuse assays that do not exist."""
        names = self.find()
        for one in self.divisions:
            if one.assay is not None and one.assay not in names:
                raise ValueError(one_of([PRIOR_LINES, *(f"{name}{AT_LEAST}…" for name in names)]))

    @property
    def divisions(self) -> list[Division]:
        return [read_division(text) for text in self.data]

    def words(self) -> str:
        return " × ".join(division_label(one) for one in self.divisions)

    def options(self):
        own = (str(Division(name, cutoff)) for name, cutoff in self.cutoffs())
        offered = dict.fromkeys([PRIOR_LINES, *self.data, *own])
        return [(text, division_label(read_division(text))) for text in offered]


def division_label(one: Division) -> str:
    if one.assay is None:
        return _("Prior lines")
    return _("%(name)s at least %(cutoff)s", name=one.assay, cutoff=f"{one.cutoff:g}")


def stratum_of(people: pd.DataFrame, values: pd.DataFrame, assays: pd.DataFrame, divisions) -> pd.Series:
    """The stratum of each, as text; missing where a part of it is not known.

    values: of `baseline_values_frame`; assays: of `assays_frame`.
    """
    parts = [_part(people, values, assays, one) for one in divisions]
    known = np.logical_and.reduce([part.notna() for part in parts])
    joined = parts[0].str.cat(parts[1:], sep=" · ") if len(parts) > 1 else parts[0]
    return joined.where(known)


def _part(people, values, assays, division) -> pd.Series:
    if division.assay is None:
        return prior_lines_stratum(people["prior_lines"])
    (assay_id,) = assays.loc[assays["assay"] == division.assay, "assay_id"]
    own = values[values["assay_id"] == assay_id].set_index("participant_id")
    ids = people["participant_id"]
    status = marker_status(ids.map(own["value"]), ids.map(own["qualifier"]), division.cutoff)
    names = {
        MarkerStatus.POSITIVE.value: f"{division.assay} ≥ {division.cutoff:g}",
        MarkerStatus.NEGATIVE.value: f"{division.assay} < {division.cutoff:g}",
    }
    return status.map(names).astype("str")


def prior_lines_stratum(lines: pd.Series) -> pd.Series:
    """None or some prior lines; where every source tells the number: 0, 1, and 2 or more."""
    none, one, vague = (term.value for term in (PriorLines.NONE, PriorLines.ONE, PriorLines.ONE_OR_MORE))
    if (lines == vague).any():
        told = np.where(lines == none, "prior lines 0", "prior lines ≥ 1")
    else:
        told = np.select([lines == none, lines == one], ["prior lines 0", "prior lines 1"], "prior lines ≥ 2")
    return pd.Series(told, lines.index, "str").where(lines.notna())


def strata_frame(breast: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """A row for each stratum that somebody is in: COLUMNS, responders, and the difference reference − breast.

    breast, reference: participants with `stratum`, None where it is not known, and `responded`. Of a stratum in which a
    group has nobody, that group's rate is missing; of a thin one the difference.
    """
    counted = {}
    for name, people in (("breast", breast), ("reference", reference)):
        groups = people[people["stratum"].notna()].groupby("stratum")["responded"]
        counted |= {f"n_{name}": groups.size(), f"x_{name}": groups.sum()}
    frame = pd.DataFrame(counted).fillna(0).astype("int64").rename_axis("stratum").reset_index()
    frame = frame.sort_values("stratum", ignore_index=True)
    for name in ("breast", "reference"):
        frame[f"r_{name}"] = (frame[f"x_{name}"] / frame[f"n_{name}"]).where(frame[f"n_{name}"] > 0)
    enough = ~is_thin(frame["n_breast"], frame["n_reference"])
    counts = (frame[name].to_numpy() for name in ("x_reference", "n_reference", "x_breast", "n_breast"))
    limits = newcombe_difference(*counts)
    frame["difference"] = (frame["r_reference"] - frame["r_breast"]).where(enough)
    frame["difference_low"], frame["difference_high"] = (np.where(enough, limit, np.nan) for limit in limits)
    return frame[[*COLUMNS, *_MORE]]


def strata_table(frame: pd.DataFrame, notes: list) -> Table:
    return Table(
        "strata",
        _l("Within the same stratum"),
        frame,
        {
            "stratum": Shown(_l("Stratum"), lambda row: row["stratum"], is_number=False),
            "breast": _shown_group("breast", _l("Breast")),
            "reference": _shown_group("reference", _l("Reference")),
            "difference": shown_difference(
                "difference", _l("Gap, points (95% CI)"), _l("Rate of the reference less that of breast")
            ),
        },
        notes,
    )  # fmt: skip


def _shown_group(name, label):
    def text(row):
        if not row[f"n_{name}"]:
            return "—"
        return percent(row[f"r_{name}"]) if row[f"n_{name}"] >= FEW else _("too few")

    return Shown(
        label, text, detail=lambda row: f"{row[f'x_{name}']}/{row[f'n_{name}']}", fractions=(f"r_{name}",)
    )


def thin_notes(frame: pd.DataFrame) -> list:
    """Each stratum from which nothing may be computed, by its name."""
    thin = frame[is_thin(frame["n_breast"], frame["n_reference"])]
    return [
        _l(
            "Too few in the stratum “%(stratum)s”: breast %(breast)d, reference %(reference)d participants; each needs"
            " %(fewest)d. Nothing is computed from it, so mix and response cannot be told apart.",
            stratum=row["stratum"],
            breast=row["n_breast"],
            reference=row["n_reference"],
            fewest=FEWEST,
        )
        for row in thin.to_dict("records")
    ]

"""The gap between a reference and breast, and its figures: the bridge between the rates, and the forest of strata."""

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.base import NARROW_BELOW, WIDE
from tracker.charts.bridge import Step, bridge
from tracker.charts.forest import ForestRow, forest
from tracker.forms.report import value_label
from tracker.reports.base import Figure
from tracker.reports.columns import percent
from tracker.rules.gap import gap_claim, is_thin
from tracker.stats.proportions import clopper_pearson, newcombe_difference
from tracker.terms.location import GapClaim

#: As a reference: every location but breast.
OTHERS = "others"


class Gap(NamedTuple):
    """Reference − breast: counts, and the difference with its limits; missing where a group is too few."""

    group: str
    x: int
    n: int
    reference_x: int
    reference_n: int

    @property
    def difference(self) -> tuple[float, float, float]:
        if is_thin(self.n, self.reference_n):
            return (np.nan,) * 3
        limits = newcombe_difference(self.reference_x, self.reference_n, self.x, self.n)
        return self.reference_x / self.reference_n - self.x / self.n, *map(float, limits)

    @property
    def claim(self) -> GapClaim:
        _difference, low, high = self.difference
        return gap_claim(self.n, self.reference_n, low, high)


def reference_label(reference) -> str:
    return _("All other locations") if reference == OTHERS else value_label("tumor_location", reference)


def group_label(group) -> str:
    if group == "all":
        return _("Breast")
    return _("%(name)s: %(what)s", name=_("Breast"), what=value_label("subtype", group))


def rate_of(x, n) -> tuple:
    return (x / n if n else np.nan, *map(float, clopper_pearson(x, n)))


def bridge_figure(gap, split, reference) -> Figure:
    """From the breast rate to the reference rate; in one step where mix and response cannot be told apart."""
    columns = ["step", "kind", "value", "low", "high", "n"]
    if is_thin(gap.n, gap.reference_n):
        return Figure(
            "bridge",
            _BRIDGE,
            pd.DataFrame(columns=columns),
            functools.partial(_draw_bridge, reference=reference),
        )
    breast, other = (gap.x, gap.n), (gap.reference_x, gap.reference_n)
    if split.mix is not None:
        breast, other = split.breast, split.reference
    rows = [["breast", "rate", *rate_of(*breast), breast[1]]]
    if split.mix is None:
        rows.append(["gap", "unexplained", *gap.difference, None])
    else:
        rows += [["mix", "step", *split.mix, None], ["response", "step", *split.response, None]]
    rows.append(["reference", "rate", *rate_of(*other), other[1]])
    frame = pd.DataFrame(rows, columns=columns).astype({"n": "Int64"})
    return Figure("bridge", _BRIDGE, frame, functools.partial(_draw_bridge, reference=reference))


_BRIDGE = _l("From the breast rate to the reference rate")


def _draw_bridge(data, *, reference, **layout):
    is_narrow = layout.get("width", WIDE) < NARROW_BELOW
    labels = {
        "breast": _("Breast"),
        "mix": _("Mix") if is_narrow else _("Other mix"),
        "response": _("Response") if is_narrow else _("Response within strata"),
        "gap": _("Gap, not split"),
        "reference": _("Reference") if is_narrow else reference_label(reference),
    }
    steps = [
        Step(
            labels[row["step"]],
            row["kind"],
            row["value"],
            row["low"],
            row["high"],
            _("n = %(n)d", n=row["n"]) if row["kind"] == "rate" else "",
        )
        for row in data.to_dict("records")
    ]
    return bridge(steps, percent=percent, **layout)


def forest_figure(gaps, frame, reference) -> Figure:
    """The rates of breast, its subtypes and the reference, and of both within each stratum."""
    rows = [[gap.group, None, gap.x, gap.n] for gap in gaps]
    rows.append(["reference", None, gaps[0].reference_x, gaps[0].reference_n])
    for row in frame.to_dict("records"):
        rows += [
            [name, row["stratum"], row[f"x_{name}"], row[f"n_{name}"]] for name in ("breast", "reference")
        ]
    rates = [[*row, *rate_of(row[2], row[3])] for row in rows]
    data = pd.DataFrame(rates, columns=["group", "stratum", "x", "n", "orr", "orr_low", "orr_high"])
    draw = functools.partial(_draw_forest, reference=reference)
    return Figure("forest", _l("Objective response rate, and within each stratum"), data, draw)


def _draw_forest(data, *, reference, **layout):
    def label(row):
        names = {"reference": reference_label(reference), "breast": _("Breast")}
        name = names.get(row["group"]) or group_label(row["group"])
        return (
            name
            if row["stratum"] is None or row["stratum"] != row["stratum"]
            else f"{row['stratum']} · {name}"
        )

    names = ("x", "n", "orr", "orr_low", "orr_high")
    rows = [ForestRow(label(row), *(row[name] for name in names)) for row in data.to_dict("records")]
    return forest(
        rows, estimate_label=_("ORR (95% CI)"), count_label=_("responders/treated"), percent=percent, **layout
    )

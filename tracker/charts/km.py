"""Kaplan-Meier plot: the share still free of an event over time, by group, and how many were at risk."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width
from tracker.stats.survival import kaplan_meier, median_survival, number_at_risk, survival_at

MOST = 8  # groups: as many colours as there are
FEW = 4  # groups; of more the bands and the names at the ends of curves would hide each other
RATES = (0, 0.25, 0.5, 0.75, 1)
STEPS = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600)  # months from tick to tick
LINE = 15  # pixels from one line of text to the next
SAMPLE = 20  # pixels of a curve beside its name
DASH = "—"

DASHES = {5: "7 3", 6: "3 2", 7: "9 3 2 3", 8: "2 4"}
STYLE = "\n".join(
    [
        ".line { stroke-width: 1.75; fill: none; stroke-linejoin: round; }",
        ".band { opacity: 0.13; stroke: none; }",
        ".censor { stroke-width: 1.25; fill: none; }",
        "text.series { font-weight: 600; }",
    ]
    + [
        f".line.series-{number}, .censor.series-{number} {{ stroke: {colour}; }}"
        f" .band.series-{number}, .mark.series-{number}, .series.series-{number} {{ fill: {colour}; }}"
        for number, colour in enumerate(base.SERIES, start=1)
    ]
    + [f".line.series-{number} {{ stroke-dasharray: {dash}; }}" for number, dash in DASHES.items()]
)


class KMGroup(NamedTuple):
    """Its name, and each participant's follow-up in months and whether the event was seen."""

    label: str
    times: object
    event: object


def plain(value, decimals=0) -> str:
    """A number as English writes it."""
    return f"{value:.{decimals}f}"


def km(
    groups,
    *,
    title,
    estimate_label,
    landmarks=(),
    bands=None,
    median=False,
    percent=base.percent,
    number=plain,
    width=base.WIDE,
    standalone=False,
) -> Markup:
    """The curves of up to eight groups with medians, ticks where someone was censored, and numbers at risk.

    groups: KMGroups, or three values in their order; an empty one has no curve. Limits are log-log, 95 %.
    estimate_label: what the curves show, such as "Overall survival".
    landmarks: months at which a dot on each curve tells its rate, as each tick of the axis does unseen.
    bands: the limits as a band around each curve; if not said, for up to four groups.
    median: dashed lines from 50 % to each median.
    percent, number: write a fraction and a number with that many decimals, as the reader's language does.
    width: pixels; below 520 the names stand above the curves and above their numbers.

    A curve is thinned to what can be seen, one step for each pixel across, so its size has a bound.
    """
    if len(groups) > MOST:
        raise ValueError(f"no more than {MOST} groups can be told apart")
    curves = [_Curve(KMGroup(*one), place, number) for place, one in enumerate(groups, start=1)]
    layout = _layout(curves, width)
    parts = [element("style", Markup(STYLE))] if standalone else []
    parts += _axes(layout, estimate_label, percent, number)
    if bands if bands is not None else len(curves) <= FEW:
        parts += [_band(layout, curve) for curve in curves if curve.n]
    if median:
        parts.append(_median_lines(layout, curves))
    for curve in curves:
        parts += _curve(layout, curve)
    parts += _names_beside(layout, curves) if layout.is_wide else _names_above(layout, curves)
    for curve, y in zip(curves, layout.rows):
        parts += _at_risk(layout, curve, y, landmarks, percent, number)
    return base.svg(*parts, width=width, height=layout.height, title=title, standalone=standalone)


class _Curve:
    """A group with its estimates; time, survival, low and high begin at 0 with 1."""

    def __init__(self, group, place, number):
        self.label, self.place = str(group.label), place
        self.times, self.event = np.asarray(group.times, float), np.asarray(group.event)
        self.n = self.times.size
        self.last, self.median = 0.0, None
        self.said = _("no participants")
        if self.n:
            steps = kaplan_meier(self.times, self.event)
            self.time = np.append(0, steps["time"])
            self.survival, self.low, self.high = (
                np.append(1, steps[column]) for column in ("survival", "low", "high")
            )
            self.last = float(self.times.max())
            self.censored = np.unique(self.times[self.event == 0])
            self.median = median_survival(self.times, self.event)
            self.said = _("median %(median)s", median=self._median(number))

    def _median(self, number):
        time, low, high = self.median
        written = _("NR") if np.isnan(time) else number(time, 1)
        if np.isnan(low) and np.isnan(high):
            return written
        low, high = (_("NE") if np.isnan(limit) else number(limit, 1) for limit in (low, high))
        return f"{written} ({low}–{high})"

    def at(self, months):
        """Survival after the last event up to then."""
        return self.survival[np.searchsorted(self.time, months, side="right") - 1]

    def class_(self, *names):
        return " ".join([*names, f"series-{self.place}"])


@dataclass
class _Layout:
    """Where things are, in pixels."""

    width: int
    left: float  # the axes: from left to right, from top to bottom
    right: float
    top: float
    bottom: float
    end: float  # months at the right
    ticks: list[float]
    rows: list[float]  # base line of each group's numbers
    height: float
    widest: float  # of the numbers at risk

    @property
    def is_wide(self):
        return self.width >= base.NARROW_BELOW

    @property
    def x(self):
        return base.scale(0, self.end, self.left, self.right)

    @property
    def y(self):
        return base.scale(0, 1, self.bottom, self.top)


def _layout(curves, width):
    names = max((text_width(curve.label) for curve in curves), default=0) * 1.06  # they are semi-bold
    said = max((text_width(curve.said) for curve in curves), default=0)
    largest = text_width(str(max((curve.n for curve in curves), default=0)))
    end = max((curve.last for curve in curves), default=0) or 1.0
    if width < base.NARROW_BELOW:
        left, right = 44, width - max(14, largest / 2)
        top = 30 + 18 * len(curves)
        bottom, pitch, first, space = top + 210, 2 * LINE + 4, 2 * LINE + 4, 40
    else:
        left = max(48, SAMPLE + 8 + min(names, 0.2 * width) + 10 + largest / 2)
        key = 0 if len(curves) <= FEW else SAMPLE + 8
        right = width - key - min(max(names, said), 0.23 * width) - 22
        top = 26
        bottom, pitch, first, space = top + max(270, 2 * LINE * len(curves)), LINE + 4, LINE + 4, 60
    ticks = _ticks(end, (right - left) / max(largest + 14, space))
    heading = bottom + 38
    rows = [heading + first + pitch * number for number in range(len(curves))]
    height = (rows[-1] if rows else heading) + 8
    return _Layout(
        width=width, left=round(left), right=round(right), top=top, bottom=bottom, end=end, ticks=ticks,
        rows=rows, height=height, widest=largest,
    )  # fmt: skip


def _ticks(end, most):
    """Months from 0 to at most end, in sensible steps."""
    step = next((step for step in STEPS if end / step < most), STEPS[-1])
    return [step * number for number in range(int(end / step + 1e-9) + 1)]


def _axes(layout, estimate_label, percent, number):
    left, right, bottom = layout.left, layout.right, layout.bottom
    across = " ".join(f"M{left} {_short(layout.y(rate))}H{right}" for rate in RATES[1:])
    yield element("path", class_="grid", d=across)
    ends = " ".join(f"M{_short(layout.x(tick))} {bottom}v5" for tick in layout.ticks)
    yield element("path", class_="axis", d=f"M{left} {bottom}H{right} {ends}")
    for rate in RATES:
        yield text(percent(rate, 0), left - 8, layout.y(rate) + 4, anchor="end", class_="axis")
    decimals = max(map(_decimals, layout.ticks))
    for tick in layout.ticks:
        written = number(tick, decimals)
        yield text(written, layout.x(tick), bottom + 19, anchor="middle", class_="axis")
    names = 0 if layout.is_wide else 2
    yield text(estimate_label, names, 13, room=layout.width, class_="muted")
    yield text(_("Number at risk"), names, bottom + 38, class_="strong")
    yield text(_("Months"), right, bottom + 38, anchor="end", class_="muted")


def _band(layout, curve):
    known = ~np.isnan(curve.low)
    x, high, low = _thinned(layout, curve.time[known], curve.high[known], curve.low[known])
    # Where all have had the event there are no limits, and the band ends.
    until = layout.x(curve.last if known.all() else curve.time[~known][0])
    x = np.append(x, round(until, 1))
    back = "".join(
        f"H{_short(at)}V{_short(y)}" for at, y in zip(x[-2:0:-1], low[-2::-1])
    )  # from the right, each limit down to where it began
    forth = _steps(x, high)
    return element("path", class_=curve.class_("band"), d=f"{forth}V{_short(low[-1])}{back}H{_short(x[0])}Z")


def _curve(layout, curve):
    if not curve.n:
        return
    x, y = _thinned(layout, curve.time, curve.survival)
    x = np.append(x, round(layout.x(curve.last), 1))
    yield element("path", class_=curve.class_("line"), d=_steps(x, y))
    if curve.censored.size:
        at = np.round(layout.x(curve.censored), 1)
        seen = np.diff(at // 2, prepend=-1) > 0  # ticks nearer than two pixels are one
        height = layout.y(curve.at(curve.censored[seen])) - 4
        ticks = "".join(f"M{_short(one)} {_short(top)}v8" for one, top in zip(at[seen], height))
        yield element("path", class_=curve.class_("censor"), d=ticks)


def _thinned(layout, time, *values):
    """Pixels across and down of a step function, of which the last step in each pixel across is kept."""
    x = np.round(layout.x(time), 1)
    kept = np.append(np.floor(x[1:]) > np.floor(x[:-1]), True)
    kept[0] = True
    return [x[kept], *(np.round(layout.y(one[kept]), 1) for one in values)]


def _steps(x, y):
    """A path from x to x at y; x has one more, its end."""
    moved = np.append(True, np.abs(np.diff(y)) > 0.05)
    steps = "".join(f"H{_short(at)}V{_short(to)}" for at, to in zip(x[:-1][moved][1:], y[moved][1:]))
    return f"M{_short(x[0])} {_short(y[0])}{steps}H{_short(x[-1])}"


def _median_lines(layout, curves):
    reached = [curve.median.time for curve in curves if curve.n and not np.isnan(curve.median.time)]
    if not reached:
        return None
    half = _short(layout.y(0.5))
    down = "".join(f"M{_short(layout.x(time))} {half}V{layout.bottom}" for time in sorted(reached))
    return element(
        "path", class_="reference", d=f"M{layout.left} {half}H{_short(layout.x(max(reached)))}{down}"
    )


def _names_beside(layout, curves):
    """At the right: few stand as near to the ends of their curves as they can, many in their order."""
    x = layout.right + 16
    if len(curves) > FEW:
        for index, curve in enumerate(curves):
            y = layout.top + 8 + 2 * LINE * index
            yield element("path", class_=curve.class_("line"), d=f"M{x} {y - 4}h{SAMPLE}")
            yield from _name_and_median(layout, curve, x + SAMPLE + 8, y)
        return
    drawn = sorted((curve for curve in curves if curve.n), key=lambda curve: -curve.survival[-1])
    ends = [round(layout.y(curve.survival[-1]), 1) for curve in drawn]
    for curve, end, y in zip(drawn, ends, _apart(ends, 2 * LINE + 2, layout.top + 4, layout.bottom - 8)):
        start = layout.x(curve.last) + 4
        if start < layout.right - 12 or abs(y - end) > LINE:
            leader = f"M{_short(start)} {_short(end)}H{layout.right + 4}L{x - 3} {_short(y)}"
            yield element("path", class_="reference", d=leader)
        yield from _name_and_median(layout, curve, x, y)


def _name_and_median(layout, curve, x, y):
    yield text(curve.label, x, y, room=layout.width - x, class_=curve.class_("series"))
    yield text(curve.said, x, y + LINE - 1, room=layout.width - x, class_="muted")


def _apart(wanted, pitch, low, high):
    """Places in ascending order, at least a pitch apart and between low and high where there is room."""
    places = []
    for one in wanted:
        places.append(max(one, places[-1] + pitch if places else low))
    limit = high
    for number in reversed(range(len(places))):
        places[number] = min(places[number], limit)
        limit = places[number] - pitch
    return places


def _names_above(layout, curves):
    for index, curve in enumerate(curves):
        y = 34 + 18 * index
        yield element("path", class_=curve.class_("line"), d=f"M2 {y - 4}h{SAMPLE}")
        room = layout.width - SAMPLE - 20 - text_width(curve.said)
        yield text(curve.label, SAMPLE + 8, y, room=room, class_=curve.class_("series"))
        yield text(curve.said, layout.width, y, anchor="end", class_="muted")


def _at_risk(layout, curve, y, landmarks, percent, number):
    """The numbers under their ticks; each tells, as the point of the curve above it does, the rate there."""
    name = curve.class_("series")
    if layout.is_wide:
        yield element("path", class_=curve.class_("line"), d=f"M0 {y - 4}h{SAMPLE}")
        room = layout.left - layout.widest / 2 - SAMPLE - 16
        yield text(curve.label, SAMPLE + 8, y, room=room, class_=name)
    else:
        yield text(curve.label, 2, y - LINE, room=layout.width - 4, class_=name)
    months = sorted({*layout.ticks, *(float(one) for one in landmarks if 0 <= one <= layout.end)})
    counts = number_at_risk(curve.times, months)
    rates = survival_at(curve.times, curve.event, months).to_dict("records") if curve.n else []
    for index, (month, count) in enumerate(zip(months, counts)):
        parts = []
        rate = rates[index] if curve.n and month <= curve.last else None
        if rate is not None:
            place = {"cx": round(layout.x(month), 1), "cy": round(layout.y(rate["survival"]), 1)}
            parts.append(element("circle", **place, r=9, fill="none", pointer_events="all"))
            if month in landmarks:
                parts.append(element("circle", **place, r=3.5, class_=curve.class_("mark")))
        if month in layout.ticks:
            parts.append(text(count, round(layout.x(month), 1), y, anchor="middle", class_=name))
        if parts:
            yield readout(_spoken(curve, month, rate, count, percent, number), *parts)


def _spoken(curve, month, rate, count, percent, number):
    # The number of months is written beside it, so that it can be a fraction.
    when = ngettext(
        "%(months)s month", "%(months)s months", int(month), months=number(month, _decimals(month))
    )
    at_risk = _("%(count)s at risk", count=count)
    if rate is None:
        said = _("beyond follow-up")
    else:
        said = percent(rate["survival"], 1)
        if not np.isnan(rate["low"]):
            low, high = (percent(rate[limit], 1).replace("%", "").strip() for limit in ("low", "high"))
            said = f"{said} ({low}–{high})"
    return _("%(name)s: %(what)s", name=f"{curve.label}, {when}", what=f"{said}, {at_risk}")


def _decimals(months):
    """How many, up to two, it takes to write them."""
    return next((count for count in (0, 1) if round(months, count) == months), 2)


def _short(value):
    """A pixel place in as few characters as a tenth of a pixel needs."""
    return f"{value:.1f}".removesuffix(".0")

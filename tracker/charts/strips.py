"""Box and strip: every value of a group as a dot, with the box of its quartiles, one group below the other."""

import math
from typing import NamedTuple

import numpy as np
from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

FEW = 5  # values; of fewer there is no box
MOST_DOTS = 4000  # in all; of more the strips are thinned
PITCH, NARROW_PITCH, BOX = 34, 54, 16
GAP = 16
SKEWED = 8  # the largest value over the median: from there on an axis of equal steps hides most of the values

STYLE = "\n".join(
    [
        ".dots { stroke-width: 4; stroke-linecap: round; fill: none; opacity: 0.5; }",
        ".bounds { stroke-width: 1.25; fill: none; }",
        ".box { stroke-width: 1.5; fill: none; }",
        ".middle-line { stroke-width: 2.5; fill: none; }",
    ]
    + [
        f".series-{number} .dots, .series-{number} .bounds, .series-{number} .box, .series-{number} .middle-line"
        f" {{ stroke: {colour}; }}"
        for number, colour in enumerate(base.SERIES, start=1)
    ]
)


class Strip(NamedTuple):
    """A group: its values, and of each whether it is only a limit: "<" below it, ">" above it, else "="."""

    label: str
    values: np.ndarray
    qualifiers: np.ndarray


def strips(
    groups,
    *,
    title,
    value_label,
    cutoff=None,
    cutoff_label="",
    number="{:g}".format,
    width=base.WIDE,
    standalone=False,
) -> Markup:
    """groups: Strips. A value that is only a limit is a hollow triangle at it, pointing to where the value lies.

    value_label: what is measured, with its unit, under the axis. cutoff: a line down through all groups, named
    cutoff_label. number: writes a value as the reader's language does. width: pixels; below 520 a label stands
    above its strip.
    """
    groups = [
        Strip(str(one.label), np.asarray(one.values, float), np.asarray(one.qualifiers)) for one in groups
    ]
    is_narrow = width < base.NARROW_BELOW
    values = np.concatenate([one.values for one in groups]) if groups else np.array([])
    axis = _Axis(values, cutoff)
    said = [_said(one, number) for one in groups]
    room = max((text_width(one) for one in said), default=0)
    labels = min(max((text_width(one.label) for one in groups), default=0), 0.26 * width)
    start, end = (12, width - 12) if is_narrow else (round(labels) + GAP, round(width - room - GAP))
    pitch, top = (NARROW_PITCH, 40) if is_narrow else (PITCH, 22)
    bottom = top + pitch * len(groups)

    def x(value):
        return round(start + axis.share(value) * (end - start), 1)

    ticks = _apart([(x(tick), number(tick)) for tick in axis.ticks])
    down = " ".join(f"M{at} {top}V{bottom}" for at, _written in ticks)
    parts = [element("style", Markup(STYLE))] if standalone else []
    parts += [
        element("path", class_="grid", d=down),
        element("path", class_="axis", d=f"M{start} {bottom}H{end}"),
        *(text(written, at, bottom + 16, anchor="middle", class_="axis") for at, written in ticks),
        text(f"{value_label}{axis.said()}", start, bottom + 34, room=width - start, class_="muted"),
        text(_("n · median (quartiles)"), width, 13, anchor="end", class_="muted"),
    ]
    thinning = max(1, math.ceil(values.size / MOST_DOTS))
    for place, (group, words) in enumerate(zip(groups, said)):
        y = top + pitch * place
        parts.append(_row(group, words, y, pitch, x, width, labels, is_narrow, thinning))
    if cutoff is not None and np.isfinite(cutoff):
        at = x(cutoff)
        parts.append(element("path", class_="reference", d=f"M{at} {top - 4}V{bottom}"))
        left = at > width / 2
        line = 31 if is_narrow else 13
        free = width if is_narrow else width - room
        beside, side = (at - 4, "end") if left else (at + 4, None)
        shown = text(
            cutoff_label, beside, line, anchor=side, room=beside if left else free - at - 8, class_="muted"
        )
        parts.append(shown)
    return base.svg(*parts, width=width, height=bottom + 42, title=title, standalone=standalone)


class _Axis:
    """Equal steps; or logarithms where values above 0 are skewed, and square roots where some are 0."""

    def __init__(self, values, cutoff):
        known = values if cutoff is None or not np.isfinite(cutoff) else np.append(values, cutoff)
        low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
        middle = np.median(known) if known.size else 0.0
        is_skewed = low >= 0 and high > SKEWED * max(middle, 0) and high > 0
        self.kind = "linear" if not is_skewed else "log" if low > 0 else "root"
        if low == high:
            low, high = low - 0.5, high + 0.5
        self._low, self._high = self._of(low), self._of(high)
        margin = 0.02 * (self._high - self._low)
        self._low, self._high = self._low - margin, self._high + margin
        self.ticks = self._ticks(low, high)

    def _of(self, value):
        return {"linear": float, "log": math.log10, "root": math.sqrt}[self.kind](value)

    def share(self, value):
        return (self._of(value) - self._low) / (self._high - self._low)

    def said(self):
        return {"linear": "", "log": _(" (logarithmic)"), "root": _(" (square roots)")}[self.kind]

    def _ticks(self, low, high):
        if self.kind == "log":
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            steps = (1, 2, 5) if len(powers) < 4 else (1,)
            ticks = [step * 10.0**power for power in powers for step in steps]
        elif self.kind == "root":
            ticks = [0.0, *(step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5))]
            ticks = [tick for tick in ticks if tick == 0 or tick >= high / 200]
        else:
            step = 10.0 ** math.floor(math.log10(high - low))
            step = next(part * step for part in (0.2, 0.5, 1, 2) if (high - low) / (part * step) <= 6)
            ticks = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
        return [float(f"{tick:.6g}") for tick in ticks if low <= tick <= high]


def _apart(ticks):
    """Those ticks whose numbers do not touch."""
    kept, end = [], -math.inf
    for at, written in sorted(ticks):
        half = text_width(written) / 2
        if at - half > end + 10:
            kept.append((at, written))
            end = at + half
    return kept


def _quartiles(group):
    return np.quantile(group.values, [0.25, 0.5, 0.75]) if group.values.size else None


def _said(group, number):
    n = group.values.size
    if not n:
        return "0"
    low, middle, high = (_bounded(one, group, number) for one in _quartiles(group))
    return f"{n} · {middle} ({low}–{high})" if n >= FEW else str(n)


def _bounded(value, group, number):
    """A quantile; where it is only a limit, with its sign."""
    bounds = group.values == value
    signs = set(group.qualifiers[bounds])
    sign = next((one for one in ("<", ">") if signs == {one}), "")
    return f"{sign}{number(value)}"


def _row(group, words, y, pitch, x, width, labels, is_narrow, thinning):
    line = y + (34 if is_narrow else pitch / 2)
    base_line = y + (14 if is_narrow else pitch / 2 + 4)
    label_room = width - text_width(words) - GAP if is_narrow else labels
    parts = [
        element("rect", x=0, y=y, width=width, height=pitch, fill="none", pointer_events="all"),
        text(group.label, 0, base_line, room=label_room, class_="label"),
        text(words, width, base_line, anchor="end", class_="muted"),
    ]
    order = np.argsort(group.values, kind="stable")[::thinning]
    dots, bounds = [], []
    for place, index in enumerate(order):
        value, sign = group.values[index], group.qualifiers[index]
        at, up = x(value), line + (_spread(place) - 0.5) * (pitch - 16 if not is_narrow else 26)
        if sign == "=":
            dots.append(f"M{at} {up:.1f}h0.01")
        else:
            side = -5 if sign == "<" else 5
            bounds.append(f"M{at} {up - 3.5:.1f}v7l{side} -3.5z")
    if dots:
        parts.append(element("path", class_="dots", d="".join(dots)))
    if bounds:
        parts.append(element("path", class_="bounds", d="".join(bounds)))
    if group.values.size >= FEW:
        low, middle, high = (x(one) for one in _quartiles(group))
        half = BOX / 2
        parts.append(
            element("rect", class_="box", x=low, y=line - half, width=max(high - low, 1), height=BOX)
        )
        parts.append(element("path", class_="middle-line", d=f"M{middle} {line - half}v{BOX}"))
    said = _("%(name)s: %(what)s", name=group.label, what=words)
    return readout(said, *parts, class_="series-1")


def _spread(place):
    """Places from 0 to 1 that look scattered, and are the same every time: van der Corput's."""
    share, part = 0.0, 0.5
    while place:
        place, bit = divmod(place, 2)
        share += bit * part
        part /= 2
    return share

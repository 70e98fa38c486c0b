"""Forest plot: a rate and its interval for each group, one below the other."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup
from pandas import notna

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

FEW = 5  # participants; of fewer no percentage is shown, only x/n and the interval
TICKS = (0, 0.25, 0.5, 0.75, 1)
LARGEST_SIDE, SMALLEST_SIDE = 13, 5  # pixels: the square of the largest group, and of a tiny one
GAP = 18  # pixels between columns
DASH = "—"


class ForestRow(NamedTuple):
    """A group: x of n, and the rate with its limits as fractions; None, NaN or NA where there is none.

    second: another estimate of the same rate, drawn as a ring.
    """

    label: str
    x: int | None
    n: int
    estimate: float | None
    low: float | None
    high: float | None
    second: float | None = None


def forest(
    rows,
    *,
    title,
    estimate_label,
    count_label="x/n",
    reference=None,
    reference_label=None,
    second_label=None,
    percent=base.percent,
    width=base.WIDE,
    standalone=False,
) -> Markup:
    """The rates of up to some forty groups on an axis from 0 to 100 %, with their numbers beside them.

    rows: ForestRows, or six values in their order. A square's area is proportional to n. Of a group of 1 to 4
    only x/n and the interval are shown, of an empty one a dash.
    estimate_label, count_label: heads of the columns, such as "ORR (95% CI)" and "responders/treated".
    reference: the rate of all, drawn as a dashed line; reference_label names it. second_label: what the rings are.
    percent: writes a fraction with that many decimals, as the reader's language does.
    width: pixels; below 520 a label stands above its line.
    """
    groups = [_Group(ForestRow(*row), percent) for row in rows]
    layout = _layout(groups, width, count_label, estimate_label, has_reference=notna(reference))
    parts = [*_axis(layout, percent), *_heads(layout, count_label, estimate_label)]
    if notna(reference):
        label = reference_label or _("All")
        parts += _reference(layout, reference, f"{label} {percent(reference, 1)}")
    if second_label and any(notna(group.second) for group in groups):
        y = 14 if width < base.NARROW_BELOW else layout.bottom + 17
        parts.append(text(second_label, 0, y, room=max(layout.axis[0], 100), class_="muted"))
    largest = max((group.n for group in groups), default=0)
    for group, y in zip(groups, layout.rows):
        parts.append(_row(layout, y, group, estimate_label, largest))
    return base.svg(*parts, width=width, height=layout.bottom + 24, title=title, standalone=standalone)


class _Group:
    """A row with its figures as they are written: count, rate and limits."""

    def __init__(self, row, percent):
        self.label, self.n = str(row.label), int(row.n)
        self.estimate, self.low, self.high, self.second = row.estimate, row.low, row.high, row.second
        self.has_interval = self.n > 0 and notna(row.low) and notna(row.high)
        self.has_rate = self.n >= FEW and notna(row.estimate)
        self.is_few = 0 < self.n < FEW
        self.count = f"{int(row.x) if notna(row.x) else DASH}/{self.n}" if self.n else DASH
        self.rate = percent(row.estimate, 1) if self.has_rate else _("too few") if self.is_few else DASH
        self.limits = ""
        if self.has_interval:
            low, high = (percent(limit, 1).replace("%", "").strip() for limit in (row.low, row.high))
            self.limits = f"({low}–{high})"

    def spoken(self, estimate_label):
        if not self.n:
            return _("%(group)s: no participants who can be assessed", group=self.label)
        said = f"{self.count}, {estimate_label} {self.rate} {self.limits}".rstrip()
        return _("%(name)s: %(what)s", name=self.label, what=said)


@dataclass
class _Layout:
    """Where things are, in pixels. Numbers stand in three columns that end at count, rate and limits."""

    width: int
    rows: list[float]  # the top of each row
    bottom: float
    pitch: float  # of the rows
    base_line: float  # of a row's text, below its top
    line: float  # of a row's interval, below its top
    half: float  # how far a rule reaches from the line of each row
    label_room: float
    axis: tuple[float, float]
    count: float
    rate: float
    reference_y: float

    @property
    def place(self):
        return base.scale(0, 1, *self.axis)

    def rule(self, fraction):
        """A path down through the line of every row."""
        x = round(self.place(fraction), 1)
        return " ".join(f"M{x} {y + self.line - self.half}V{y + self.line + self.half}" for y in self.rows)


def _layout(groups, width, count_label, estimate_label, has_reference):
    def widest(texts):
        return max(map(text_width, texts), default=0)

    limits_width = widest(group.limits for group in groups)
    rate_width = widest(group.rate for group in groups)
    count_width = widest(group.count for group in groups)
    rate = width - limits_width - 7
    if width < base.NARROW_BELOW:
        count = rate - rate_width - 10
        top, pitch = (42 if has_reference else 24), 42
        label_room, axis = count - count_width - 10, (14, width - 18)
        places = {"base_line": 14, "line": 27, "half": 7, "reference_y": 32}
    else:
        rate_width = max(rate_width, text_width(estimate_label) - limits_width)
        count = rate - rate_width - GAP
        top, pitch = 28, (26 if len(groups) <= 20 else 22)
        label_room = min(widest(group.label for group in groups), 0.3 * width)
        end = count - max(count_width, text_width(count_label)) - GAP
        axis = (round(label_room) + GAP, round(end))
        places = {"base_line": pitch / 2 + 4, "line": pitch / 2, "half": pitch / 2, "reference_y": 14}
    rows = [top + pitch * number for number in range(len(groups))]
    return _Layout(
        width=width, rows=rows, bottom=top + pitch * len(groups), pitch=pitch,
        label_room=label_room, axis=axis, count=count, rate=rate, **places,
    )  # fmt: skip


def _axis(layout, percent):
    yield element("path", class_="grid", d=" ".join(layout.rule(tick) for tick in TICKS))
    between = " ".join(f"M0 {y}H{layout.width}" for y in layout.rows)
    yield element("path", class_="grid", d=between)
    start, end = layout.axis
    ends = " ".join(f"M{round(layout.place(tick), 1)} {layout.bottom}v4" for tick in TICKS)
    yield element("path", class_="axis", d=f"M{start} {layout.bottom}H{end} {ends}")
    for tick in TICKS:
        yield text(percent(tick, 0), layout.place(tick), layout.bottom + 17, anchor="middle", class_="axis")


def _heads(layout, count_label, estimate_label):
    if layout.width < base.NARROW_BELOW:
        both = f"{count_label} · {estimate_label}"
        yield text(both, layout.width, 14, anchor="end", room=layout.width, class_="muted")
    else:
        yield text(count_label, layout.count, 14, anchor="end", class_="muted")
        yield text(estimate_label, layout.width, 14, anchor="end", class_="muted")


def _reference(layout, fraction, label):
    start, end = layout.axis
    half = text_width(label) / 2
    x = min(max(layout.place(fraction), start + half), end - half)
    yield text(label, x, layout.reference_y, anchor="middle", room=end - start, class_="muted")
    yield element("path", class_="reference", d=layout.rule(fraction))


def _row(layout, y, group, estimate_label, largest):
    quiet = None if group.has_rate else "muted"
    written = y + layout.base_line
    parts = [
        element("rect", x=0, y=y, width=layout.width, height=layout.pitch, fill="none", pointer_events="all"),
        text(group.label, 0, written, room=layout.label_room, class_="label"),
        text(group.count, layout.count, written, anchor="end"),
        text(group.rate, layout.rate, written, anchor="end", class_=quiet or "strong"),
        text(group.limits, layout.width, written, anchor="end", class_="muted"),
    ]
    middle = y + layout.line
    if group.has_interval:
        low, high = (round(layout.place(limit), 1) for limit in (group.low, group.high))
        caps = f"M{low} {middle - 3}v6M{high} {middle - 3}v6"
        parts.append(element("path", class_="interval", d=f"M{low} {middle}H{high}{caps}"))
    if group.has_rate:
        side = max(SMALLEST_SIDE, LARGEST_SIDE * math.sqrt(group.n / largest))
        x = layout.place(group.estimate) - side / 2
        parts.append(element("rect", class_="mark", x=x, y=middle - side / 2, width=side, height=side))
    if notna(group.second):
        centre = round(layout.place(group.second), 1)
        parts.append(
            element("circle", class_="interval", cx=centre, cy=middle, r=4, fill=base.CARD, fill_opacity=0.6)
        )
    return readout(group.spoken(estimate_label), *parts, class_="series-1" if group.has_rate else "series-3")

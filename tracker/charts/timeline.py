"""A participant's course on one axis: what was given, what happened, what was found, and the tumor below."""

import itertools
from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

LANE, BAR = 22, 10  # pixels: a lane, and the height of a bar in it
LABEL_ROOM, LABEL_ROOM_NARROW = 176, 92
GAP = 10  # pixels between the labels and the plot, and between the panels
SUMS = 130  # pixels: the height of the panel of sums
DAYS_PER_MONTH = 30.4375


class Mark(NamedTuple):
    """Something on a day, or from a day to another (end). `kind` is a class of the style sheet.

    text: all that it says; letters: what stands in it, where it is a box.
    """

    start: int
    end: int | None
    kind: str
    text: str
    letters: str = ""


class Lane(NamedTuple):
    label: str
    marks: list[Mark]


class Sum(NamedTuple):
    """The sum of the target lesions on a day, as a change from baseline (a fraction)."""

    day: int
    change: float
    text: str


def timeline(
    lanes, sums=(), *, title, sums_label="", width=base.WIDE, percent=base.percent, standalone=False
) -> Markup:
    """The lanes one below the other, over the sums, on one axis of study days.

    lanes: Lanes; marks of a lane that overlap take several lines. sums: Sums, in the order of their days.
    Days are study days as numbers: day 1 is the first dose, and there is no day 0. percent: writes a fraction with
    that many decimals, as the reader's language does.
    """
    room = LABEL_ROOM if width >= base.NARROW_BELOW else LABEL_ROOM_NARROW
    days = [day for lane in lanes for mark in lane.marks for day in (mark.start, mark.end) if day is not None]
    days += [one.day for one in sums]
    low, high = min([*days, 1]), max([*days, 29])
    x = base.scale(low, high, room + GAP + 6, width - 12)
    lines = [(lane, row) for lane in lanes for row in _rows(lane.marks, x)]
    bottom = LANE * len(lines) + 8
    plot_bottom = bottom + (GAP + SUMS if sums else 0)
    parts = _axis(x, low, high, plot_bottom, width)
    y, named = 4, None
    for lane, marks in lines:
        middle = y + LANE / 2
        if lane is not named:
            parts.append(text(lane.label, 0, middle + 4, room=room, class_="muted"))
            parts.append(element("line", x1=room + GAP, x2=width, y1=y, y2=y, class_="grid"))
            named = lane
        parts += [_mark(mark, x, middle) for mark in marks]
        y += LANE
    if sums:
        parts += _sums(sums, x, bottom + GAP, room, width, sums_label, percent)
    return base.svg(*parts, width=width, height=plot_bottom + 40, title=title, standalone=standalone)


def _rows(marks, x):
    """The marks in as many lines as they need not to overlap; one empty line where there are none."""
    rows, ends = [], []
    for mark in sorted(marks, key=lambda one: (one.start, one.end or one.start)):
        left, right = _extent(mark, x)
        place = next((number for number, end in enumerate(ends) if end <= left), None)
        if place is None:
            rows.append([])
            ends.append(0)
            place = len(rows) - 1
        rows[place].append(mark)
        ends[place] = right + 2
    return rows or [[]]


def _extent(mark, x):
    left = x(mark.start)
    if mark.letters:
        half = _box(mark) / 2
        return left - half, left + half
    return (left, max(x(mark.end), left + 4)) if mark.end is not None else (left - 4, left + 4)


def _box(mark):
    return text_width(mark.letters) + 8


def _mark(mark, x, middle):
    left, right = _extent(mark, x)
    if mark.letters:
        box = element("rect", x=left, y=middle - 9, width=right - left, height=18, rx=3, class_="mark")
        letters = text(mark.letters, (left + right) / 2, middle + 4, anchor="middle", class_="on-mark")
        return readout(mark.text, box, letters, class_=mark.kind)
    shape = element("rect", x=left, y=middle - BAR / 2, width=right - left, height=BAR, rx=2, class_="mark")
    return readout(mark.text, shape, class_=mark.kind)


def _axis(x, low, high, bottom, width):
    """Months from the first dose, as wide apart as their numbers need."""
    step = next(one for one in (1, 2, 3, 6, 12, 24, 60) if x(one * DAYS_PER_MONTH) - x(0) >= 34 or one == 60)
    parts = [element("line", x1=x(1), x2=x(1), y1=0, y2=bottom, class_="reference")]
    first = -(-int(low) // int(step * DAYS_PER_MONTH + 1))
    for number in itertools.count(min(first, 0)):
        day = number * step * DAYS_PER_MONTH
        if day > high:
            break
        if day < low:
            continue
        parts.append(element("line", x1=x(day), x2=x(day), y1=0, y2=bottom, class_="grid"))
        parts.append(text(number * step, x(day), bottom + 15, anchor="middle", class_="axis"))
    label = _("Months from the first dose")
    parts.append(text(label, width - 12, bottom + 33, anchor="end", class_="axis"))
    return parts


def _sums(sums, x, top, room, width, label, percent):
    changes = [one.change for one in sums]
    low, high = min([-0.5, *changes]), max([0.4, *changes])
    y = base.scale(high, low, top + 8, top + SUMS - 8)
    parts = [text(label, 0, top + 14, room=room, class_="muted")]
    for tick in (-1, -0.3, 0, 0.2, 1):
        if low <= tick <= high:
            kind = "grid" if tick == 0 else "reference"
            parts.append(element("line", x1=room + GAP, x2=width, y1=y(tick), y2=y(tick), class_=kind))
            shown = percent(tick, 0).replace("-", "−")
            parts.append(text(shown, room + GAP - 4, y(tick) + 4, anchor="end", class_="axis"))
    points = " ".join(f"{x(one.day):.1f},{y(one.change):.1f}" for one in sums)
    line = element("polyline", points=points, class_="interval")
    dots = [
        readout(one.text, element("circle", cx=x(one.day), cy=y(one.change), r=4, class_="mark"))
        for one in sums
    ]
    return [*parts, element("g", line, *dots, class_="series-1")]

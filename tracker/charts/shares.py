"""Shares: for each item a bar of how many of those expected are missing."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

PITCH = 26
BAR = 14
GAP = 14
TICKS = (0, 0.25, 0.5, 0.75, 1)


class ShareRow(NamedTuple):
    """An item: x of n."""

    label: str
    x: int
    n: int


def shares(rows, *, title, percent=base.percent, width=base.WIDE, standalone=False) -> Markup:
    """Bars as long as each share, on one axis from 0, with x/n beside them.

    rows: ShareRows, each of at least one. percent: writes a fraction as the reader's language does. width: pixels;
    below 520 a label stands above its bar.
    """
    is_narrow = width < base.NARROW_BELOW
    room = 0 if is_narrow else min(max((text_width(row.label) for row in rows), default=0), 0.36 * width)
    numbers = max((text_width(_number(row)) for row in rows), default=0)
    start, end = (room + GAP if room else 0), width - numbers - GAP
    largest = max((row.x / row.n for row in rows), default=1)
    top = next(tick for tick in (0.25, 0.5, 1) if largest <= tick)
    place = base.scale(0, top, start, end)
    pitch = PITCH + (14 if is_narrow else 0)
    bottom = pitch * len(rows)
    parts = []
    for tick in (one for one in TICKS if one <= top):
        x = round(place(tick), 1)
        anchor = "start" if tick == 0 else "end" if tick == top and is_narrow else "middle"
        parts.append(element("path", class_="grid", d=f"M{x} 0V{bottom}"))
        parts.append(text(percent(tick, 0), x, bottom + 16, anchor=anchor, class_="axis"))
    for number, row in enumerate(rows):
        parts.append(_bar(row, pitch * number, pitch, place, room, width, is_narrow))
    return base.svg(*parts, width=width, height=bottom + 24, title=title, standalone=standalone)


def _number(row):
    return f"{row.x}/{row.n}"


def _bar(row, y, pitch, place, room, width, is_narrow):
    line = y + pitch - (BAR + 5 if is_narrow else (PITCH + BAR) / 2)
    base_line = line + BAR - 3
    left, right = place(0), place(row.x / row.n)
    label_line = y + 13 if is_narrow else base_line
    return readout(
        _("%(name)s: %(what)s", name=row.label, what=_("%(x)s of %(n)s missing", x=row.x, n=row.n)),
        element("rect", x=0, y=y, width=width, height=pitch, fill="none", pointer_events="all"),
        text(row.label, 0, label_line, room=width if is_narrow else room, class_="label"),
        element("rect", class_="mark", x=left, y=line, width=right - left, height=BAR) if row.x else None,
        text(_number(row), width, base_line, anchor="end", class_="strong"),
        class_="series-2",
    )

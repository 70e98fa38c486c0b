"""The most frequent adverse events: for each term a bar of those who had it, by their worst grade."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

PITCH = 26
BAR = 14
GAP = 14
TICKS = (0, 0.25, 0.5, 0.75, 1)

#: How dark the bar of each grade is.
SHADES = {1: 0.18, 2: 0.38, 3: 0.6, 4: 0.8, 5: 1.0}


class GradeRow(NamedTuple):
    """A term: how many of n had it at each worst grade, 1 to 5."""

    label: str
    n: int
    counts: tuple[int, int, int, int, int]


def grades(rows, *, title, percent=base.percent, width=base.WIDE, standalone=False) -> Markup:
    """Bars from the most frequent on, each as long as its share of n, darker where the worst grade is higher.

    rows: GradeRows. percent: writes a fraction as the reader's language does. width: pixels; below 520 a label
    stands above its bar.
    """
    is_narrow = width < base.NARROW_BELOW
    room = 0 if is_narrow else min(max((text_width(row.label) for row in rows), default=0), 0.36 * width)
    numbers = max((text_width(_number(row)) for row in rows), default=0)
    start, end = (room + GAP if room else 0), width - numbers - GAP
    largest = max((sum(row.counts) / row.n for row in rows if row.n), default=1)
    top = next(tick for tick in (0.25, 0.5, 1) if largest <= tick)
    place = base.scale(0, top, start, end)
    pitch = PITCH + (14 if is_narrow else 0)
    bottom = 24 + pitch * len(rows)
    parts = _key(width)
    for tick in (one for one in TICKS if one <= top):
        x = round(place(tick), 1)
        parts.append(element("path", class_="grid", d=f"M{x} 24V{bottom}"))
        anchor = "start" if tick == 0 else "end" if tick == top and is_narrow else "middle"
        parts.append(text(percent(tick, 0), x, bottom + 16, anchor=anchor, class_="axis"))
    for number, row in enumerate(rows):
        parts.append(_bar(row, 24 + pitch * number, pitch, place, room, width, is_narrow))
    return base.svg(*parts, width=width, height=bottom + 24, title=title, standalone=standalone)


def _number(row):
    return f"{sum(row.counts)}/{row.n}"


def _bar(row, y, pitch, place, room, width, is_narrow):
    line = y + pitch - (BAR + 5 if is_narrow else (PITCH + BAR) / 2)
    base_line = line + BAR - 3
    parts = [element("rect", x=0, y=y, width=width, height=pitch, fill="none", pointer_events="all")]
    if is_narrow:
        parts.append(text(row.label, 0, y + 13, room=width, class_="label"))
    else:
        parts.append(text(row.label, 0, base_line, room=room, class_="label"))
    had = 0
    for grade, count in enumerate(row.counts, start=1):
        if count and row.n:
            left, right = place(had / row.n), place((had + count) / row.n)
            parts.append(
                element(
                    "rect",
                    class_="mark",
                    x=left,
                    y=line,
                    width=right - left,
                    height=BAR,
                    fill_opacity=SHADES[grade],
                )
            )
            had += count
    parts.append(text(_number(row), width, base_line, anchor="end", class_="strong"))
    return readout(_spoken(row), *parts, class_="series-2")


def _spoken(row):
    told = [_("%(count)s at worst of grade %(grade)s", count=count, grade=grade)
            for grade, count in enumerate(row.counts, start=1) if count]  # fmt: skip
    return _("%(name)s: %(what)s", name=row.label, what=f"{_number(row)}; " + ", ".join(told))


def _key(width):
    x, parts = 0, []
    for grade, shade in SHADES.items():
        label = _("G%(grade)s", grade=grade)
        parts.append(element("rect", class_="mark", x=x, y=2, width=12, height=12, fill_opacity=shade))
        parts.append(text(label, x + 16, 12, class_="muted"))
        x += 16 + text_width(label) + GAP
    return [element("g", *parts, class_="series-2")]

"""Spider plot: how the sum of each participant's target lesions went over time."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout
from tracker.charts.km import plain
from tracker.charts.responses import (
    COLOURS,
    KEY_HEIGHT,
    ChangeAxis,
    colour_class,
    key,
    month_axis,
    signed,
    style,
)

#: Lines that each tell their own; of more only the shape is drawn.
MOST = 200

TOP, PLOT, NARROW_PLOT, BOTTOM = 16, 320, 240, 40


class Line(NamedTuple):
    """A participant: months since the start and change from baseline (a fraction) of each sum, in their order."""

    label: str
    response: str
    months: list
    changes: list
    progressed: bool


def spider(lines, *, title, percent=base.percent, number=plain, width=base.WIDE, standalone=False) -> Markup:
    """A line for each participant, in the colour of the best overall response; a square ends it at progression.

    lines: Lines, each up to the first progression. percent, number: write a fraction and a number with that many
    decimals, as the reader's language does. width: pixels. Growth beyond 100 % is drawn at the upper edge.
    """
    lines = [Line(*line) for line in lines]
    changes = [change for line in lines for change in line.changes]
    months = [month for line in lines for month in line.months]
    height = NARROW_PLOT if width < base.NARROW_BELOW else PLOT
    top = KEY_HEIGHT + TOP
    axis = ChangeAxis(changes, percent, top=top, height=height, width=width)
    first, last = min([0, *months]), max([1, *months]) * 1.02
    across = base.scale(first, last, axis.left + 4, width - 6)
    counts = {code: sum(line.response == code for line in lines) for code in COLOURS}
    parts = [*style(standalone), *key(counts, width=width), *axis.drawn()]
    parts += month_axis(across, top + height, first=first, last=last, number=number, width=width)
    parts += [_line(line, across, axis, percent, number, tells=len(lines) <= MOST) for line in lines]
    return base.svg(*parts, width=width, height=top + height + BOTTOM, title=title, standalone=standalone)


def _line(line, across, axis, percent, number, tells):
    points = [
        (round(across(month), 1), axis.place(change)) for month, change in zip(line.months, line.changes)
    ]
    shapes = [element("path", class_="interval", d="M" + "L".join(f"{x} {y}" for x, y in points))]
    x, y = points[-1]
    if line.progressed:
        shapes.append(element("rect", class_="mark", x=x - 3.5, y=y - 3.5, width=7, height=7))
    else:
        shapes.append(element("circle", class_="mark", cx=x, cy=y, r=3))
    if not tells:
        return element("g", *shapes, class_=colour_class(line.response))
    least = min(range(len(line.changes)), key=lambda place: line.changes[place])
    said = _(
        "%(participant)s: best response %(response)s, smallest sum %(change)s at month %(month)s",
        participant=line.label,
        response=line.response,
        change=signed(percent, line.changes[least], 1),
        month=number(line.months[least], 1),
    )
    if line.progressed:
        said = _("%(said)s, progression at month %(month)s", said=said, month=number(line.months[-1], 1))
    return readout(said, *shapes, class_=colour_class(line.response))

"""Waterfall plot: the best change of each participant's tumors, from the most growth to the most shrinkage."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout
from tracker.charts.responses import COLOURS, CUT, KEY_HEIGHT, ChangeAxis, colour_class, key, signed, style

#: Bars that each tell their own; of more only the shape is drawn.
MOST = 400

TOP, PLOT, NARROW_PLOT = 16, 300, 220
WIDEST_BAR = 26
TOUCHED = 24  # pixels: the least height that can be pointed at


class Bar(NamedTuple):
    """A participant: the best change from baseline (a fraction) and the best overall response."""

    label: str
    change: float
    response: str


def waterfall(bars, *, title, percent=base.percent, width=base.WIDE, standalone=False) -> Markup:
    """A bar for each participant, in the colour of the best overall response, with lines at +20 % and -30 %.

    bars: Bars in any order. percent: writes a fraction with that many decimals, as the reader's language does.
    width: pixels. A bar of more than 100 % growth ends at the upper edge, with a gap. A colour may tell of
    progression where the bar shows shrinkage: a new lesion is no growth.
    """
    bars = sorted((Bar(*bar) for bar in bars), key=lambda bar: (-bar.change, bar.label))
    height = NARROW_PLOT if width < base.NARROW_BELOW else PLOT
    top = KEY_HEIGHT + TOP
    axis = ChangeAxis([bar.change for bar in bars], percent, top=top, height=height, width=width)
    counts = {code: sum(bar.response == code for bar in bars) for code in COLOURS}
    pitch = min((width - axis.left) / max(len(bars), 1), WIDEST_BAR)
    draw = _each if len(bars) <= MOST else _together
    parts = [*style(standalone), *key(counts, width=width), *axis.drawn(), *draw(bars, axis, pitch, percent)]
    parts.append(element("path", class_="axis", d=f"M{axis.left} {axis.place(0)}H{width}"))
    return base.svg(*parts, width=width, height=top + height + 8, title=title, standalone=standalone)


def _box(number, bar, axis, pitch):
    """Where a bar stands: x, top, width, height."""
    gap = min(2, pitch / 5)
    top, bottom = sorted((axis.place(0), axis.place(bar.change)))
    return axis.left + number * pitch + gap / 2, top, pitch - gap, max(bottom - top, 1)


def _each(bars, axis, pitch, percent):
    for number, bar in enumerate(bars):
        x, y, width, height = _box(number, bar, axis, pitch)
        shapes = [
            element(
                "rect",
                x=x,
                y=min(y, axis.place(0) - TOUCHED / 2),
                width=width,
                height=max(height, TOUCHED),
                fill="none",
                pointer_events="all",
            ),
            element("rect", x=x, y=y + (6 if bar.change > CUT else 0), width=width,
                    height=height - (6 if bar.change > CUT else 0), class_="mark"),
        ]  # fmt: skip
        if bar.change > CUT:
            shapes.append(element("rect", x=x, y=y, width=width, height=4, class_="mark"))
        said = _(
            "%(participant)s: best change %(change)s, best response %(response)s",
            participant=bar.label,
            change=signed(percent, bar.change, 1),
            response=bar.response,
        )
        yield readout(said, *shapes, class_=colour_class(bar.response))


def _together(bars, axis, pitch, _percent):
    """One shape for each colour."""
    for code in COLOURS:
        boxes = [
            _box(number, bar, axis, pitch)
            for number, bar in enumerate(bars)
            if colour_class(bar.response) == colour_class(code)
        ]
        if boxes:
            d = "".join(f"M{x:.1f} {y:.1f}h{w:.2f}v{h:.1f}h-{w:.2f}z" for x, y, w, h in boxes)
            yield element("g", element("path", d=d, class_="mark"), class_=colour_class(code))

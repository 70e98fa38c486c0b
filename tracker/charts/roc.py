"""ROC curve: sensitivity against 1 - specificity of every cutoff of a marker, with some of them named."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, wrapped

SIDE = 340  # pixels of the largest square
TICKS = (0, 0.25, 0.5, 0.75, 1)
LINE = 17
LEFT, TOP = 46, 22

STYLE = "\n".join(
    [".line { stroke-width: 1.75; fill: none; stroke-linejoin: round; }"]
    + [f".line.series-{number} {{ stroke: {colour}; }}" for number, colour in enumerate(base.SERIES, start=1)]
)


class RocPoint(NamedTuple):
    """A cutoff: its name, and the two rates as fractions."""

    label: str
    sensitivity: float
    specificity: float


def roc(
    sensitivity,
    specificity,
    *,
    title,
    area_label,
    points=(),
    percent=base.percent,
    width=base.WIDE,
    standalone=False,
) -> Markup:
    """sensitivity, specificity: the corners of the curve, from nobody positive to everybody.

    area_label: the area with its limits, in words. points: RocPoints, each told beside the curve, or below it where
    the width in pixels is under 520. percent: writes a fraction with that many decimals.
    """
    is_narrow = width < base.NARROW_BELOW
    side = min(SIDE, width - LEFT - 12)
    x, y = base.scale(0, 1, LEFT, LEFT + side), base.scale(0, 1, TOP + side, TOP)
    across = " ".join(f"M{LEFT} {y(tick):.1f}h{side}M{x(tick):.1f} {TOP}v{side}" for tick in TICKS)
    curve = "".join(
        f"{'L' if place else 'M'}{x(1 - one):.1f} {y(other):.1f}"
        for place, (other, one) in enumerate(zip(sensitivity, specificity))
    )
    parts = [element("style", Markup(STYLE))] if standalone else []
    parts += [
        element("path", class_="grid", d=across),
        element("path", class_="reference", d=f"M{x(0)} {y(0)}L{x(1)} {y(1)}"),
        element("path", class_="axis", d=f"M{LEFT} {TOP}V{TOP + side}H{LEFT + side}"),
        *(text(percent(tick, 0), LEFT - 8, y(tick) + 4, anchor="end", class_="axis") for tick in TICKS),
        *(text(percent(tick, 0), x(tick), TOP + side + 17, anchor="middle", class_="axis") for tick in TICKS),
        text(_("Sensitivity"), 0, 12, class_="muted"),
        text(_("1 − specificity"), LEFT + side, TOP + side + 34, anchor="end", class_="muted"),
        element("path", class_="line series-1", d=curve),
    ]
    beside = 0 if is_narrow else LEFT + side + 32
    down = TOP + side + 60 if is_narrow else TOP + 24
    room = width - beside - 18
    for line in wrapped(area_label, room):
        parts.append(text(line, beside, down, class_="strong"))
        down += LINE
    for place, point in enumerate(points, start=2):
        down += 8
        at = {"cx": round(x(1 - point.specificity), 1), "cy": round(y(point.sensitivity), 1)}
        rates = _(
            "sensitivity %(sensitivity)s, specificity %(specificity)s",
            sensitivity=percent(point.sensitivity, 1),
            specificity=percent(point.specificity, 1),
        )
        words = []
        for number, line in enumerate([*wrapped(point.label, room), *wrapped(rates, room)]):
            is_label = number < len(wrapped(point.label, room))
            words.append(text(line, beside + 18, down, class_=None if is_label else "muted"))
            down += LINE
        sample = element("circle", cx=beside + 5, cy=down - LINE * len(words) - 4, r=5, class_="mark")
        mark = element("circle", **at, r=5, class_="mark")
        parts.append(readout(f"{point.label}: {rates}", sample, mark, *words, class_=f"series-{place}"))
    height = max(down, TOP + side + 42)
    return base.svg(*parts, width=width, height=height, title=title, standalone=standalone)

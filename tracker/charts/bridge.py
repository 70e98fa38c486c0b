"""A bridge from one rate to another: where it starts, the steps between, and where it ends."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup
from pandas import notna

from tracker.charts import base
from tracker.charts.base import element, readout, text

PLOT, NARROW_PLOT, TOP, WIDEST = 240, 220, 30, 120
STEPS = (0.02, 0.05, 0.1, 0.2, 0.25)

#: The colours of a start or end, of a step, and of a step that cannot be told apart.
_SERIES = {"rate": 1, "step": 2, "unexplained": 3}


class Step(NamedTuple):
    """A bar. kind: `rate` stands on zero, `step` leads on from where the one before ended, `unexplained` too.

    value, low, high: fractions; the limits are None or NaN where there are none. note: under the label.
    """

    label: str
    kind: str
    value: float
    low: float | None
    high: float | None
    note: str = ""


def bridge(steps, *, title, percent=base.percent, width=base.WIDE, standalone=False) -> Markup:
    """steps: Steps from left to right. percent: writes a fraction with that many decimals. width: pixels."""
    steps = [Step(*step) for step in steps]
    spans, level = [], 0.0
    for step in steps:
        start = 0.0 if step.kind == "rate" else level
        level = start + step.value
        spans.append((start, level))
    limits = [span[0] + limit if step.kind != "rate" else limit
              for step, span in zip(steps, spans) for limit in (step.low, step.high) if notna(limit)]  # fmt: skip
    ends = [0.0, *(end for span in spans for end in span), *limits]
    height = NARROW_PLOT if width < base.NARROW_BELOW else PLOT
    high, low = max(max(ends), 0.05) * 1.06, min(min(ends) * 1.06, 0.0)
    place = base.scale(low, high, TOP + height, TOP)
    tick = next((one for one in STEPS if (high - low) / one <= 6), 0.5)
    left, pitch = 44, (width - 44) / max(len(steps), 1)
    parts = []
    for number in range(int(low / tick) - 1, int(high / tick) + 1):
        if low <= number * tick <= high:
            y = round(place(number * tick), 1)
            parts.append(element("path", class_="grid", d=f"M{left} {y}H{width}"))
            parts.append(text(percent(number * tick, 0), left - 8, y + 4, anchor="end", class_="axis"))
    parts.append(element("path", class_="axis", d=f"M{left} {place(0):.1f}H{width}"))
    side = min(pitch * 0.62, WIDEST)
    for number, (step, span) in enumerate(zip(steps, spans)):
        middle = left + pitch * (number + 0.5)
        if number + 1 < len(steps):
            y = round(place(span[1]), 1)
            next_start = left + pitch * (number + 1.5) - side / 2
            parts.append(
                element("path", class_="reference", d=f"M{middle + side / 2:.1f} {y}H{next_start:.1f}")
            )
        parts.append(_bar(step, span, middle, side, pitch, place, TOP + height, percent))
    return base.svg(*parts, width=width, height=TOP + height + 44, title=title, standalone=standalone)


def _bar(step, span, middle, side, pitch, place, bottom, percent):
    top, foot = sorted((place(span[0]), place(span[1])))

    def write(value):
        return percent(value, 1) if step.kind == "rate" else _points(value, percent)

    written = write(step.value)
    box = {"x": middle - side / 2, "y": top, "width": side, "height": max(foot - top, 1)}
    shapes = [
        element("rect", x=middle - pitch / 2, y=0, width=pitch, height=bottom + 40, fill="none", pointer_events="all"),
        element("rect", **box, class_="mark", fill_opacity=0.4),
    ]  # fmt: skip
    above, limits = top, ""
    if notna(step.low) and notna(step.high):
        start = 0.0 if step.kind == "rate" else span[0]
        ends = [round(place(start + limit), 1) for limit in (step.low, step.high)]
        caps = "".join(f"M{middle - 5:.1f} {y}h10" for y in ends)
        shapes.append(element("path", class_="interval", d=f"M{middle:.1f} {ends[0]}V{ends[1]}{caps}"))
        above = min(top, *ends)
        limits = _(" (%(low)s to %(high)s)", low=write(step.low), high=write(step.high))
    shapes += [
        text(written, middle, max(above - 7, 12), anchor="middle", room=pitch, class_="strong"),
        text(step.label, middle, bottom + 18, anchor="middle", room=pitch - 6, class_="label"),
        text(step.note, middle, bottom + 34, anchor="middle", room=pitch - 6, class_="muted"),
    ]
    said = f"{written}{limits}" + (f", {step.note}" if step.note else "")
    return readout(
        _("%(name)s: %(what)s", name=step.label, what=said), *shapes, class_=f"series-{_SERIES[step.kind]}"
    )


def _points(fraction, percent):
    """A difference, in percentage points with its sign."""
    return f"{'−' if fraction < 0 else '+'}{percent(abs(fraction), 1).replace('%', '').strip()}"

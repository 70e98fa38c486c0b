"""Ratios and their intervals, one below the other, on a logarithmic axis with a line where there is no effect."""

import math
from typing import NamedTuple

from markupsafe import Markup
from pandas import notna

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
NARROWEST, WIDEST = (0.5, 2), (0.01, 100)  # what the axis shows at least, and at most
SIDE, GAP, PITCH = 9, 18, 30
DASH = "—"


class RatioRow(NamedTuple):
    """counts: who is behind it, in words. estimate, low, high: ratios; None or NaN where there is none."""

    label: str
    counts: str
    estimate: float | None
    low: float | None
    high: float | None


def ratios(
    rows, *, title, estimate_label, below, above, number="{:.2f}".format, width=base.WIDE, standalone=False
) -> Markup:
    """rows: RatioRows. below, above: what a ratio below and above 1 means, written under the axis.

    number: writes a ratio as the reader's language does. width: pixels; below 520 a label stands above its line.
    """
    rows = [RatioRow(*row) for row in rows]
    is_narrow = width < base.NARROW_BELOW
    written = [_written(row, number) for row in rows]
    room = max(text_width(one) for one in [*written, estimate_label])
    labels = max((text_width(f"{row.label}  {row.counts}") for row in rows), default=0)
    start, end = (12, width - 12) if is_narrow else (min(labels, 0.45 * width) + GAP, width - room - GAP)
    pitch, top = (56 if is_narrow else PITCH), 26
    low, high = _range(rows)
    place = base.scale(math.log(low), math.log(high), start, end)

    def x(ratio):
        return round(place(math.log(min(max(ratio, low), high))), 1)

    bottom = top + pitch * len(rows)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    lines = " ".join(f"M{x(tick)} {top}V{bottom}" for tick in ticks if tick != 1)
    parts = [
        element("path", class_="grid", d=lines),
        element("path", class_="reference", d=f"M{x(1)} {top}V{bottom}"),
        element("path", class_="axis", d=f"M{round(start)} {bottom}H{round(end)}"),
        *(
            text(f"{tick:g}", x(tick), bottom + 16, anchor="middle", class_="axis")
            for tick in _apart(ticks, x)
        ),
        text(f"← {below}", x(1) - 6, bottom + 34, anchor="end", room=x(1) - 6, class_="muted"),
        text(f"{above} →", x(1) + 6, bottom + 34, room=width - x(1) - 6, class_="muted"),
        text(estimate_label, width, 14, anchor="end", class_="muted"),
    ]
    for position, (row, numbers) in enumerate(zip(rows, written)):
        parts.append(_row(row, numbers, top + pitch * position, pitch, width, x, (low, high), is_narrow))
    return base.svg(*parts, width=width, height=bottom + 42, title=title, standalone=standalone)


def _written(row, number):
    if not notna(row.estimate):
        return DASH
    return f"{number(row.estimate)} ({number(row.low)}–{number(row.high)})"


def _range(rows):
    """The axis: all limits, as far as it may reach."""
    known = [value for row in rows for value in row[2:] if notna(value) and value > 0]
    low, high = min([*known, NARROWEST[0]]), max([*known, NARROWEST[1]])
    return max(low / 1.1, WIDEST[0]), min(high * 1.1, WIDEST[1])


def _apart(ticks, x):
    """Those ticks whose numbers do not touch."""
    kept = []
    for tick in sorted(ticks, key=lambda tick: abs(math.log(tick))):
        if all(abs(x(tick) - x(other)) > 34 for other in kept):
            kept.append(tick)
    return kept


def _row(row, numbers, y, pitch, width, x, ends, is_narrow):
    base_line, line = (y + 16, y + 40) if is_narrow else (y + pitch / 2 + 4, y + pitch / 2)
    quiet = None if notna(row.estimate) else "muted"
    label_end = text_width(row.label)
    label_room = width - text_width(numbers) - GAP if is_narrow else x(ends[0]) - GAP / 2
    if is_narrow:
        words = [text(row.label, 0, base_line, room=label_room, class_="label")]
    else:
        words = [
            text(row.label, 0, base_line, room=label_room, class_="label"),
            text(
                row.counts,
                label_end + 10,
                base_line,
                room=max(label_room - label_end - 10, 20),
                class_="muted",
            ),
        ]
    parts = [
        element("rect", x=0, y=y, width=width, height=pitch, fill="none", pointer_events="all"),
        *words,
        text(numbers, width, base_line, anchor="end", class_=quiet or "strong"),
    ]
    if notna(row.estimate):
        low, high = x(row.low), x(row.high)
        caps = "".join(
            f"M{place} {line - 3}v6"
            for place, limit in ((low, row.low), (high, row.high))
            if ends[0] <= limit <= ends[1]
        )
        middle = x(row.estimate)
        parts.append(element("path", class_="interval", d=f"M{low} {line}H{high}{caps}"))
        mark = {"x": middle - SIDE / 2, "y": line - SIDE / 2, "width": SIDE, "height": SIDE}
        parts.append(element("rect", class_="mark", **mark))
    heard = f"{row.counts}, {numbers}" if row.counts else numbers
    return readout(f"{row.label}: {heard}", *parts, class_="series-1")

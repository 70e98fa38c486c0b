"""The ledger of combinations: each one's rate beside what independent action expects and what each component does."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup
from pandas import notna

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

TICKS = (0, 0.25, 0.5, 0.75, 1)
PITCH, NARROW_PITCH = 54, 84
SIDE, RADIUS, REACH = 11, 4.5, 11  # pixels: the square, a component's circle, half of the expectation's line
GAP = 18
FEW = 5  # participants; of fewer no rate is drawn
DASH = "—"

STYLE = (
    "\n".join(
        f".series-{number} .{part} {{ {rule}: {base.SERIES[number - 1]}; }}"
        for number, part, rule in ((2, "expected", "stroke"), (3, "alone", "stroke"))
    )
    + "\n.expected { stroke-width: 3; fill: none; } .alone { stroke-width: 1.5; fill: none; }"
)


class LedgerRow(NamedTuple):
    """rate, low, high, expected: fractions, None or NaN where there is none. components: (agent, rate, n) of each."""

    label: str
    place: str
    x: int
    n: int
    rate: float | None
    low: float | None
    high: float | None
    expected: float | None
    components: list[tuple[str, float, int]]
    verdict: str


def ledger(rows, *, title, percent=base.percent, width=base.WIDE, standalone=False) -> Markup:
    """A square with its interval is the combination, a bar what is expected, a circle a component alone.

    rows: LedgerRows, or their values in order. percent: writes a fraction with that many decimals. width: pixels;
    below 520 a label stands above its line.
    """
    rows = [LedgerRow(*row) for row in rows]
    is_narrow = width < base.NARROW_BELOW
    written = [_written(row, percent) for row in rows]
    numbers = max((text_width(one) for one in written), default=0)
    labels = max((max(text_width(row.label) * 1.05, text_width(row.place)) for row in rows), default=0)
    if is_narrow:
        start, end, pitch = 14, width - 20, NARROW_PITCH
    else:
        start, end, pitch = min(labels, 0.36 * width) + GAP, width - numbers - GAP, PITCH
    place = base.scale(0, 1, start, end)
    key, top = _key(width, is_narrow)
    bottom = top + pitch * len(rows)
    lines = " ".join(f"M{place(tick):.1f} {top}V{bottom}" for tick in TICKS)
    parts = [element("style", Markup(STYLE))] if standalone else []
    parts += [
        *key,
        element("path", class_="grid", d=lines),
        element("path", class_="axis", d=f"M{start:.1f} {bottom}H{end:.1f}"),
        *(
            text(percent(tick, 0), place(tick), bottom + 17, anchor="middle", class_="axis")
            for tick in (TICKS if not is_narrow else TICKS[::2])
        ),
    ]
    for position, (row, said) in enumerate(zip(rows, written)):
        parts.append(_row(row, said, top + pitch * position, place, (start, end, width), is_narrow, percent))
    return base.svg(*parts, width=width, height=bottom + 26, title=title, standalone=standalone)


def _key(width, is_narrow):
    """What the marks mean, and where the rows begin below it."""
    named = [
        (_square, "series-1", _("combination (95% CI)")),
        (_bar, "series-2", _("expected: independent action")),
        (_circle, "series-3", _("each component alone")),
    ]
    x, y, parts = 8, 14, []
    for draw, series, label in named:
        room = text_width(label) + 34
        if is_narrow and x + room > width:
            x, y = 8, y + 20
        parts += [element("g", draw(x, y - 4, 8), class_=series), text(label, x + 14, y, class_="muted")]
        x += room
    return parts, y + 16


def _square(x, y, size=SIDE):
    return element("rect", class_="mark", x=x - size / 2, y=y - size / 2, width=size, height=size)


def _bar(x, y, reach=REACH):
    return element("path", class_="expected", d=f"M{x:.1f} {y - reach:.1f}v{2 * reach:.1f}")


def _circle(x, y, _size=None):
    return element("circle", class_="alone", cx=round(x, 1), cy=y, r=RADIUS)


def _written(row, percent):
    if not row.n:
        return DASH
    if row.n < FEW:
        return f"{row.x}/{row.n}"
    low, high = (percent(limit, 1).replace("%", "").strip() for limit in (row.low, row.high))
    return f"{percent(row.rate, 1)} ({low}–{high})"


def _row(row, said, y, place, ends, is_narrow, percent):
    start, end, width = ends
    expected = _("expected %(rate)s", rate=percent(row.expected, 1)) if notna(row.expected) else ""
    parts = [element("rect", x=0, y=y, width=width, height=PITCH, fill="none", pointer_events="all")]
    if is_narrow:
        line = y + 56
        parts += [
            text(row.label, 0, y + 16, room=width - text_width(said) - GAP, class_="strong"),
            text(said, width, y + 16, anchor="end", class_="strong"),
            text(row.place, 0, y + 33, room=width - text_width(expected) - GAP, class_="muted"),
            text(expected, width, y + 33, anchor="end", class_="muted"),
        ]
    else:
        line = y + PITCH / 2
        parts += [
            text(row.label, 0, line - 4, room=start - GAP, class_="strong"),
            text(row.place, 0, line + 13, room=start - GAP, class_="muted"),
            text(said, width, line - 4, anchor="end", class_="strong"),
            text(expected, width, line + 13, anchor="end", class_="muted"),
        ]
    alone = sorted((one for one in row.components if one[2] >= FEW and notna(one[1])), key=lambda one: one[1])
    marks = [_circle(place(rate), line) for _agent, rate, _n in alone]
    parts.append(element("g", *marks, class_="series-3"))
    if not is_narrow:
        parts += _names(alone, place, line, (start, end))
    if notna(row.expected):
        parts.append(element("g", _bar(place(row.expected), line), class_="series-2"))
    if row.n and notna(row.low):
        low, high = round(place(row.low), 1), round(place(row.high), 1)
        caps = f"M{low} {line - 3}v6M{high} {line - 3}v6"
        parts.append(
            element("path", class_="interval", d=f"M{low} {line}H{high}{caps}")
            if row.n < FEW
            else element(
                "g",
                element("path", class_="interval", d=f"M{low} {line}H{high}{caps}"),
                _square(place(row.rate), line),
                class_="series-1",
            )
        )
    each = "; ".join(f"{agent} {percent(rate, 1)}" for agent, rate, n in alone)
    heard = "; ".join(filter(None, [f"{row.x}/{row.n}, {said}", expected, each, row.verdict]))
    name = f"{row.label}, {row.place}"
    return readout(_("%(name)s: %(what)s", name=name, what=heard), *parts)


def _names(alone, place, line, ends):
    """The agents under their circles, or above where a name would touch the one before it."""
    free = {line + 23: ends[0] - 4, line - 13: ends[0] - 4}
    for agent, rate, _n in alone:
        half = text_width(agent) / 2
        x = min(max(place(rate), ends[0] + half), ends[1] - half)
        y = next((y for y, taken in free.items() if x - half > taken), None)
        if y is not None:
            yield text(agent, x, y, anchor="middle", class_="muted")
            free[y] = x + half + 6

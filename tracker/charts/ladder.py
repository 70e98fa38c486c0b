"""The ladder of a dose escalation: its levels, the highest on top, with what became of who had them."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

PITCH = 34  # pixels from level to level
RADIUS = 6
STEP = 17  # pixels from participant to participant
GAP = 18
HEAD = 26  # pixels of an arm's heading
MOST_MARKS = 24  # participants of a level that are drawn; of more only the numbers are told


class Rung(NamedTuple):
    """A level. is_current: where the next participant would go as it is; is_next: where the rule leads."""

    label: str
    dose: str
    evaluable: int
    dlt: int
    pending: int
    replaced: int
    status: str
    is_eliminated: bool
    is_current: bool
    is_next: bool


def ladder(arms, *, title, width=base.WIDE, standalone=False) -> Markup:
    """The levels of one or several arms, a mark a participant: full with a DLT, empty without, dashed while pending.

    arms: (heading, Rungs from the lowest on, what is advised) of each. width: pixels; below 520 the dose stands
    under the level's name and the status is left to the table.
    """
    is_narrow = width < base.NARROW_BELOW
    y, parts = 0, []
    for heading, rungs, advice in arms:
        parts.append(text(heading, 0, y + 16, room=width, class_="strong"))
        y += HEAD
        layout = _columns(rungs, width, is_narrow)
        for rung in reversed(rungs):
            parts.append(_rung(rung, y, layout))
            y += PITCH
        if advice:
            parts.append(text(advice, 0, y + 14, room=width, class_="muted"))
            y += HEAD - 4
        y += GAP
    parts.append(_key(y, width, is_narrow))
    height = y + (2 if is_narrow else 1) * 20
    return base.svg(*parts, width=width, height=height, title=title, standalone=standalone)


class _Columns(NamedTuple):
    """Where the columns start, and how wide they are, in pixels."""

    width: int
    name_room: float
    marks: float
    most: int
    status: float | None


def _columns(rungs, width, is_narrow):
    names = [rung.label if is_narrow else _named(rung) for rung in rungs] + [
        rung.dose for rung in rungs if is_narrow
    ]
    room = min(max(map(text_width, names), default=0), (0.42 if is_narrow else 0.4) * width)
    counts = max((text_width(_count(rung)) for rung in rungs), default=0)
    marks = 20 + room + GAP + counts + GAP / 2
    status = None if is_narrow else width - max((text_width(_status(rung)) for rung in rungs), default=0)
    free = (status - GAP if status is not None else width) - marks
    return _Columns(width, room, marks, max(min(int(free // STEP), MOST_MARKS), 0), status)


def _named(rung):
    return f"{rung.label} · {rung.dose}" if rung.dose else rung.label


def _count(rung):
    return f"{rung.dlt}/{rung.evaluable}"


def _status(rung):
    words = [rung.status, _("eliminated") if rung.is_eliminated else "", _("advised") if rung.is_next else ""]
    return ", ".join(filter(None, words))


def _rung(rung, y, layout):
    middle = y + PITCH / 2
    tone = "series-6" if rung.is_eliminated else "series-1"
    parts = [
        element("rect", x=0, y=y, width=layout.width, height=PITCH, fill="none", pointer_events="all"),
        element("path", class_="grid", d=f"M0 {y}H{layout.width}"),
    ]
    if rung.is_current:
        parts.append(element("path", class_="mark", d=f"M3 {middle - 6}l10 6l-10 6z"))
    if rung.is_next:
        parts.append(
            element("rect", class_="interval", x=18, y=y + 3, width=layout.width - 19, height=PITCH - 6, rx=4)
        )
    if layout.status is None:
        parts.append(
            text(rung.label, 24, middle - (2 if rung.dose else -4), room=layout.name_room, class_="label")
        )
        if rung.dose:
            parts.append(text(rung.dose, 24, middle + 12, room=layout.name_room, class_="muted"))
    else:
        parts.append(text(_named(rung), 24, middle + 4, room=layout.name_room, class_="label"))
        parts.append(text(_status(rung), layout.width - 6, middle + 4, anchor="end", class_="muted"))
    parts.append(text(_count(rung), layout.marks - GAP / 2, middle + 4, anchor="end", class_="strong"))
    marks = _marks(rung)
    if len(marks) <= layout.most:
        parts += [mark(layout.marks + RADIUS + STEP * place, middle) for place, mark in enumerate(marks)]
    return readout(_spoken(rung), *parts, class_=tone)


def _marks(rung):
    """A mark for each participant: those with a DLT first."""
    none = rung.evaluable - rung.dlt
    return [_dlt] * rung.dlt + [_no_dlt] * none + [_pending] * rung.pending + [_replaced] * rung.replaced


def _dlt(x, y):
    return element("circle", class_="mark", cx=x, cy=y, r=RADIUS)


def _no_dlt(x, y):
    return element("circle", class_="interval", cx=x, cy=y, r=RADIUS - 1)


def _pending(x, y):
    return element("circle", class_="interval", cx=x, cy=y, r=RADIUS - 1, stroke_dasharray="2 2.5")


def _replaced(x, y):
    cross = element("path", class_="interval", d=f"M{x - 4} {y - 4}l8 8m-8 0l8 -8")
    return element("g", cross, class_="series-3")


def _spoken(rung):
    said = _(
        "%(level)s: %(dlt)s of %(n)s had a DLT, %(pending)s pending, %(replaced)s replaced",
        level=_named(rung),
        dlt=rung.dlt,
        n=rung.evaluable,
        pending=rung.pending,
        replaced=rung.replaced,
    )
    return "; ".join(filter(None, [said, _status(rung), _("current level") if rung.is_current else ""]))


def _key(y, width, is_narrow):
    """What the marks mean, on one line or two."""
    entries = [(_dlt, _("DLT")), (_no_dlt, _("no DLT")), (_pending, _("pending")), (_replaced, _("replaced"))]
    parts, x, line = [], RADIUS, y + 10
    for number, (mark, label) in enumerate(entries):
        if is_narrow and number == 2:
            x, line = RADIUS, line + 20
        parts += [mark(x, line), text(label, x + RADIUS + 5, line + 4, class_="muted")]
        x += RADIUS + 5 + text_width(label) + GAP
    current = element("path", class_="mark", d=f"M{x - 4} {line - 5}l8 5l-8 5z")
    if not is_narrow:
        parts += [current, text(_("current level"), x + 10, line + 4, class_="muted")]
    return element("g", *parts, class_="series-1")

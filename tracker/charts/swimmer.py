"""Swimmer plot: each participant's treatment and what happened, a lane each, the longest on top."""

from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width
from tracker.charts.km import plain
from tracker.charts.responses import COLOURS, KEY_HEIGHT, colour_class, key, month_axis, style

#: Lanes that one drawing has room for.
MOST = 80

LANE, NARROW_LANE, BAR = 18, 16, 8
BOTTOM = 40
EVENTS = ("response", "progression", "death", "ongoing")


class Lane(NamedTuple):
    """A participant: months on treatment and followed, and the months of what happened; None where it did not.

    short: the label where there is little room. response: the best overall response; responded: the first CR or PR;
    ongoing: still on treatment.
    """

    label: str
    short: str
    response: str
    treated: float
    followed: float
    responded: float | None
    progressed: float | None
    died: float | None
    ongoing: bool


def swimmer(lanes, *, title, number=plain, width=base.WIDE, standalone=False) -> Markup:
    """A lane for each participant: a bar of treatment in the colour of the best overall response, a line after it.

    lanes: up to MOST Lanes, in any order. A triangle is the first response, a square progression, a cross death, an
    arrow treatment that goes on. number: writes a number with that many decimals. width: pixels.
    """
    if len(lanes) > MOST:
        raise ValueError(f"there is room for {MOST} lanes")
    lanes = sorted(
        (Lane(*lane) for lane in lanes), key=lambda lane: (-max(lane.treated, lane.followed), lane.label)
    )
    is_narrow = width < base.NARROW_BELOW
    pitch = NARROW_LANE if is_narrow else LANE
    names = [lane.short if is_narrow else lane.label for lane in lanes]
    room = min(max(map(text_width, names), default=0), (0.3 if is_narrow else 0.25) * width)
    last = max([1, *(max(lane.treated, lane.followed) for lane in lanes)])
    across = base.scale(0, last * 1.03, room + 16, width - 8)
    counts = {code: sum(lane.response == code for lane in lanes) for code in COLOURS}
    top = KEY_HEIGHT + (2 if is_narrow else 1) * 20
    parts = [*style(standalone), *key(counts, width=width), *_signs(width, is_narrow)]
    for place, (lane, name) in enumerate(zip(lanes, names)):
        y = top + pitch * (place + 0.5)
        touched = element(
            "rect", x=0, y=y - pitch / 2, width=width, height=pitch, fill="none", pointer_events="all"
        )
        shown = text(name, 0, y + 4, room=room, class_="label")
        parts.append(readout(_spoken(lane, number), touched, shown, *_course(lane, across, y)))
    bottom = top + pitch * len(lanes) + 4
    parts += month_axis(across, bottom, first=0, last=last * 1.03, number=number, width=width)
    return base.svg(*parts, width=width, height=bottom + BOTTOM, title=title, standalone=standalone)


def _sign(event, x, y):
    """The mark of an event."""
    x, y = round(x, 1), round(y, 1)
    shapes = {
        "response": {"d": f"M{x - 4.5} {y + 4}h9l-4.5 -8.5z"},
        "progression": {"d": f"M{x - 4} {y - 4}h8v8h-8z"},
        "death": {"d": f"M{x - 4} {y - 4}l8 8m0 -8l-8 8", "class_": "interval"},
        "ongoing": {"d": f"M{x} {y - 5}l8 5l-8 5z"},
    }
    return element("path", **({"class_": "mark"} | shapes[event]))


def _signs(width, is_narrow):
    """What the marks stand for."""
    labels = {
        "response": _("First CR or PR"),
        "progression": _("Progression"),
        "death": _("Death"),
        "ongoing": _("Treatment goes on"),
    }
    x, y = 6, KEY_HEIGHT + 6
    for event in EVENTS:
        label = labels[event]
        if x + 12 + text_width(label) > width and is_narrow:
            x, y = 6, y + 18
        yield _sign(event, x - (4 if event == "ongoing" else 0), y)
        yield text(label, x + 10, y + 4, class_="muted")
        x += 10 + text_width(label) + 18


def _course(lane, across, y):
    start, end = across(0), across(lane.treated)
    colour = colour_class(lane.response)
    if lane.followed > lane.treated:
        yield element("path", class_="axis", d=f"M{end:.1f} {y:.1f}H{across(lane.followed):.1f}")
    bar = element("rect", class_="mark", x=start, y=y - BAR / 2, width=max(end - start, 1), height=BAR)
    yield element("g", bar, class_=colour)
    if lane.ongoing:
        yield element("g", _sign("ongoing", end, y), class_=colour)
    happened = {"response": lane.responded, "progression": lane.progressed, "death": lane.died}
    for event, month in happened.items():
        if month is not None:
            yield _sign(event, across(month), y)


def _spoken(lane, number):
    treated = number(lane.treated, 1)
    if lane.ongoing:
        said = [_("on treatment since %(months)s months", months=treated)]
    else:
        said = [_("on treatment for %(months)s months", months=treated)]
    if lane.responded is not None:
        said.append(_("first response at month %(month)s", month=number(lane.responded, 1)))
    if lane.progressed is not None:
        said.append(_("progression at month %(month)s", month=number(lane.progressed, 1)))
    if lane.died is not None:
        said.append(_("death at month %(month)s", month=number(lane.died, 1)))
    who = f"{lane.label}, {lane.response}"
    return _("%(name)s: %(what)s", name=who, what=", ".join(said))

"""What plots of single participants share: the colours of responses with their key, and the axes."""

from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, text, text_width

#: As the light theme of static/css/tracker.css has them.
COLOURS = {"CR": "#1c7f5c", "PR": "#5ba66b", "SD": "#dba93a", "PD": "#c2432c", "NE": "#8b95a1"}

STYLE = "\n".join(
    f".response-{code} .mark {{ fill: {colour}; }} .response-{code} .interval, .response-{code} .line"
    f" {{ stroke: {colour}; stroke-width: 1.75; fill: none; }}"
    for code, colour in COLOURS.items()
)

#: Changes from which on a sum is a response, and progression.
RESPONSE, PROGRESSION = -0.3, 0.2

#: Growth beyond this is drawn at the upper edge.
CUT = 1.0

KEY_HEIGHT = 24
TICKS = (1, 0.75, 0.5, 0.25, 0, -0.25, -0.5, -0.75, -1)
STEPS = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 60)  # months from tick to tick
LEAST_TICK = 46  # pixels between two ticks
_SIDE = 10  # pixels of a sample in the key


def colour_class(response) -> str:
    """The class that gives a best response its colour; what is none of the five has that of NE."""
    return f"response-{response if response in COLOURS else 'NE'}"


def style(standalone) -> list[Markup]:
    """The colours, for a drawing that has no style sheet."""
    return [element("style", Markup(STYLE))] if standalone else []


def key(counts, *, width, y=0):
    """A sample of each colour with its response and how many have it; those that nobody has are left out."""
    x = 0
    for code in COLOURS:
        if not counts.get(code):
            continue
        label = f"{code} {counts[code]}"
        sample = element("rect", x=x, y=y + 3, width=_SIDE, height=_SIDE, class_="mark")
        yield element("g", sample, class_=colour_class(code))
        yield text(label, x + _SIDE + 5, y + 12)
        x += _SIDE + 5 + text_width(label) + 14
        if x > width:
            return


def signed(percent, fraction, decimals=0) -> str:
    """A change as text."""
    sign = "+" if fraction > 0 else "−" if fraction < 0 else ""
    return sign + percent(abs(fraction), decimals)


class ChangeAxis:
    """The axis of changes from baseline, down the left side: place(change) is a pixel."""

    def __init__(self, changes, percent, *, top, height, width):
        self.percent, self.width = percent, width
        highest = min(max([PROGRESSION, *changes]), CUT)
        self.ticks = [tick for tick in TICKS if tick <= highest + 0.05]
        self.left = max(text_width(signed(percent, tick)) for tick in self.ticks) + 10
        self._place = base.scale(highest * 1.04, -1.04, top, top + height)

    def place(self, change):
        return round(self._place(max(-1, min(change, CUT))), 1)

    def drawn(self):
        """Ticks with their lines, and the lines of response and progression."""
        for tick in self.ticks:
            y = self.place(tick)
            yield element("path", class_="grid", d=f"M{self.left} {y}H{self.width}")
            yield text(signed(self.percent, tick), self.left - 8, y + 4, anchor="end", class_="axis")
        # Growth stands on the left and shrinkage on the right of a waterfall: each name stands opposite.
        for line, x, anchor in ((PROGRESSION, self.width, "end"), (RESPONSE, self.left + 4, None)):
            y = self.place(line)
            yield element("path", class_="reference", d=f"M{self.left} {y}H{self.width}")
            yield text(signed(self.percent, line), x, y - 4, anchor=anchor, class_="muted")


def month_axis(across, y, *, first, last, number, width):
    """The axis of months at the bottom; across: the function from months to pixels."""
    step = next((one for one in STEPS if across(one) - across(0) >= LEAST_TICK), 120)
    month = 0
    while month <= last:
        x = round(across(month), 1)
        yield element("path", class_="axis", d=f"M{x} {y}v4")
        yield text(number(month, 0 if month == int(month) else 2), x, y + 17, anchor="middle", class_="axis")
        month += step
    yield element("path", class_="axis", d=f"M{round(across(first), 1)} {y}H{width}")
    yield text(_("Months since the start"), width, y + 34, anchor="end", class_="muted")

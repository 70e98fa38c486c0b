"""Accrual: participants enrolled so far, month by month, against what is planned; a panel for each group."""

from dataclasses import dataclass
from typing import NamedTuple

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

STYLE = "\n".join(
    [
        ".line { stroke-width: 1.75; fill: none; stroke-linejoin: round; }",
        f".line.series-1 {{ stroke: {base.SERIES[0]}; }}",
        f".band {{ opacity: 0.13; stroke: none; }} .band.series-1 {{ fill: {base.SERIES[0]}; }}",
    ]
)

BESIDE, BELOW = 28, 18  # pixels from panel to panel
HEAD, FOOT = 42, 26  # pixels of a panel above and below its curve
MOST_POINTS = 60  # months of a panel that can be pointed at
STEPS = (1, 2, 3, 6, 12, 24, 60, 120)  # months from tick to tick


class Panel(NamedTuple):
    """A group: its name, each month ("2026-03") with the number enrolled in it, and how many are planned.

    undated: participants besides whose month is not known.
    """

    label: str
    months: list[tuple[str, int]]
    planned: int | None = None
    undated: int = 0

    @property
    def enrolled(self):
        return sum(number for _month, number in self.months) + self.undated


def accrual(panels, *, title, width=base.WIDE, standalone=False) -> Markup:
    """Steps that rise with each month's enrolments, and a dashed line where the plan is reached.

    panels: one fills the width, of more two or three stand side by side; below 520 pixels they stand in one column.
    Each has its own axes: from its first month to its last, from 0 to its plan, or to all enrolled if they are more.
    """
    across = 1 if width < base.NARROW_BELOW else min(len(panels), 3)
    room = (width - BESIDE * (across - 1)) / across
    tall = 250 if len(panels) == 1 else 96
    parts = [element("style", Markup(STYLE))] if standalone else []
    for place, panel in enumerate(panels):
        layout = _Layout.of(panel, place % across * (room + BESIDE), place // across, room, tall)
        parts += _panel(panel, layout)
    rows = -(-len(panels) // across)
    height = rows * (HEAD + tall + FOOT) + (rows - 1) * BELOW
    return base.svg(*parts, width=width, height=height, title=title, standalone=standalone)


@dataclass
class _Layout:
    """Where a panel's parts are, in pixels. most: participants at the top. steps: from one number to the next."""

    start: float
    left: float
    right: float
    head: float
    top: float
    bottom: float
    count: int
    most: int
    steps: int

    @classmethod
    def of(cls, panel, start, row, room, tall):
        most = max(panel.enrolled, panel.planned or 0, 1)
        steps = next(
            size * factor for size in (10**power for power in range(9)) for factor in (1, 2, 5)
            if size * factor * 4 >= most
        )  # fmt: skip
        head = row * (HEAD + tall + FOOT + BELOW)
        left = start + text_width(str(most)) + 10
        return cls(
            start,
            left,
            start + room - 4,
            head,
            head + HEAD,
            head + HEAD + tall,
            len(panel.months),
            most,
            steps,
        )

    def x(self, months):
        """After so many months of the panel."""
        return round(self.left + months / self.count * (self.right - self.left), 1)

    def y(self, number):
        return round(base.scale(0, self.most, self.bottom, self.top)(number), 1)


def _panel(panel, layout):
    yield from _heading(panel, layout)
    yield from _axes(panel, layout)
    so_far, path, points = 0, f"M{layout.left:.1f} {layout.bottom}", []
    for number, (month, enrolled) in enumerate(panel.months):
        so_far += enrolled
        path += f"H{layout.x(number + 0.5)}V{layout.y(so_far)}"
        points.append((number, month, enrolled, so_far))
    path += f"H{layout.right:.1f}"
    yield element("path", class_="band series-1", d=f"{path}V{layout.bottom}Z")
    yield element("path", class_="line series-1", d=path)
    if panel.planned is not None:
        y = layout.y(panel.planned)
        yield element("path", class_="reference", d=f"M{layout.left:.1f} {y}H{layout.right:.1f}")
    told = sorted(sorted(points, key=lambda point: -point[2])[:MOST_POINTS])  # those in which most came
    for number, month, enrolled, after in told:
        spot = element(
            "circle", cx=layout.x(number + 0.5), cy=layout.y(after), r=7, fill="none", pointer_events="all"
        )
        came = ngettext("%(num)s enrolled", "%(num)s enrolled", enrolled)
        yield readout(
            _(
                "%(group)s, %(month)s: %(came)s, %(all)s in all",
                group=panel.label,
                month=month,
                came=came,
                all=after,
            ),
            spot,
        )


def _heading(panel, layout):
    said = ngettext("%(num)s enrolled", "%(num)s enrolled", panel.enrolled)
    if panel.planned is not None:
        said = _("%(enrolled)s of %(planned)s planned", enrolled=panel.enrolled, planned=panel.planned)
    if panel.undated:
        said = _("%(said)s; %(n)s in no known month", said=said, n=panel.undated)
    room = layout.right - layout.start
    yield text(panel.label, layout.start, layout.head + 14, room=room, class_="strong")
    yield text(said, layout.start, layout.head + 30, room=room, class_="muted")


def _axes(panel, layout):
    left, right, bottom = (f"{one:.1f}" for one in (layout.left, layout.right, layout.bottom))
    for number in range(0, layout.most + 1, layout.steps):
        y = layout.y(number)
        if number:
            yield element("path", class_="grid", d=f"M{left} {y}H{right}")
        yield text(number, layout.left - 6, y + 4, anchor="end", class_="axis")
    yield element("path", class_="axis", d=f"M{left} {bottom}H{right}")
    yield from _month_ticks(panel, layout)


def _month_ticks(panel, layout):
    """Months in sensible steps; where fewer than three have room, the first and the last."""
    months = [month for month, _enrolled in panel.months]
    most = max(int((layout.right - layout.left) // 74), 1)
    step = next((step for step in STEPS if layout.count / step <= most), STEPS[-1])
    # A step of months is counted from January, so that years stand where they begin.
    ticks = [number for number, month in enumerate(months) if _ordinal(month) % step == 0]
    if len(ticks) < 3:
        yield text(months[0], layout.left, layout.bottom + 18, class_="axis")
        if len(months) > 1:
            yield text(months[-1], layout.right, layout.bottom + 18, anchor="end", class_="axis")
        return
    for number in ticks:
        written = months[number][:4] if step >= 12 else months[number]
        yield element("path", class_="axis", d=f"M{layout.x(number)} {layout.bottom}v4")
        yield text(written, layout.x(number), layout.bottom + 18, anchor="middle", class_="axis")


def _ordinal(month):
    year, number = month.split("-")
    return 12 * int(year) + int(number) - 1

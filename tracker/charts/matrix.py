"""A matrix: markers by tumor locations, or findings by state and level, with a sign in each cell."""

from typing import NamedTuple

from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, readout, text, text_width

PITCH = 28  # pixels from row to row
WIDEST = 74  # pixels from column to column, at most
GAP = 10
HEAD = 118  # pixels for the names of columns, which stand aslant
SLANT = 50  # degrees
ROOM = 145  # pixels of a column's name


class MatrixCell(NamedTuple):
    """A sign in a colour of its own; without a sign the cell is empty. spoken: what it says, in words."""

    sign: str
    series: int
    spoken: str


def matrix(rows, columns, cells, key=(), *, title, width=base.WIDE, standalone=False) -> Markup:
    """Rows of cells under slanted names.

    rows, columns: their names. cells: MatrixCells, a list for each row. key: (sign, series, what it means).
    """
    is_narrow = width < base.NARROW_BELOW
    room = min(max(map(text_width, rows), default=0), (0.34 if is_narrow else 0.4) * width)
    left = room + GAP
    # The last name leans out to the right.
    pitch = min((width - left - (30 if is_narrow else 70)) / max(len(columns), 1), WIDEST)
    parts = [_name(name, left + pitch * (place + 0.5)) for place, name in enumerate(columns)]
    for number, (name, line) in enumerate(zip(rows, cells, strict=True)):
        y = HEAD + PITCH * number
        parts.append(text(name, 0, y + 18, room=room, class_="label"))
        for place, cell in enumerate(line):
            parts.append(_cell(cell, left + pitch * place, y, pitch))
    y, drawn = _key(key, HEAD + PITCH * len(rows) + GAP, width)
    return base.svg(*parts, *drawn, width=width, height=y, title=title, standalone=standalone)


def _name(name, x):
    lean = f"rotate(-{SLANT} {round(x, 1)} {HEAD - 8})"
    return element("g", text(name, x, HEAD - 8, room=ROOM, class_="axis", anchor="start"), transform=lean)


def _cell(cell, x, y, pitch):
    box = {"x": x + 1, "y": y + 1, "width": pitch - 2, "height": PITCH - 2, "rx": 3}
    if not cell.sign:
        return readout(cell.spoken, element("rect", class_="grid", fill="none", pointer_events="all", **box))
    parts = [
        element("rect", class_="mark", fill_opacity=0.22, **box),
        text(cell.sign, x + pitch / 2, y + 19, anchor="middle", class_="series"),
    ]
    return readout(cell.spoken, *parts, class_=f"series-{cell.series}")


def _key(key, y, width):
    x, parts = 0, []
    for sign, series, meaning in key:
        needed = 24 + text_width(meaning) + 2 * GAP
        if x and x + needed > width:
            x, y = 0, y + 20
        parts.append(element("g", text(sign, x + 6, y + 14, class_="series"), class_=f"series-{series}"))
        parts.append(text(meaning, x + 22, y + 14, class_="muted"))
        x += needed
    return y + (22 if key else 0), parts

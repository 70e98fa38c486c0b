"""Volcano: of each of many markers how large its effect is, and how unlikely by chance."""

import math

import numpy as np
from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, text, text_width

NAMED = 6  # markers that are named, those with the smallest p
PLOT, NARROW_PLOT = 320, 260
LEFT, TOP = 44, 24
LEVEL = 0.05

STYLE = "\n".join(
    [
        ".dots { stroke-width: 4; stroke-linecap: round; fill: none; opacity: 0.5; }",
        ".series-2 .dots { opacity: 0.95; }",
    ]
    + [
        f".series-{number} .dots {{ stroke: {colour}; }}"
        for number, colour in enumerate(base.SERIES, start=1)
    ]
)


def volcano(table, *, title, ratio_label, width=base.WIDE, standalone=False) -> Markup:
    """table: marker, ratio, p, q, one row a marker; rows without a ratio or p are left out.

    Across the ratio (logarithmic), up -log10 p. Those with q up to 0.05 are in another colour. Dots that would
    cover each other are one, so that the size has a bound. ratio_label: what the ratio is. width: pixels.
    """
    table = table[table["ratio"].gt(0) & np.isfinite(table["ratio"]) & table["p"].notna()]
    height = NARROW_PLOT if width < base.NARROW_BELOW else PLOT
    log2 = np.log2(table["ratio"].to_numpy(float))
    rarity = -np.log10(np.maximum(table["p"].to_numpy(float), 1e-300))
    most = max(float(np.quantile(np.abs(log2), 0.9999)) if log2.size else 1.0, 0.5) * 1.05
    top = max(float(rarity.max()) if rarity.size else 1.0, 2.0) * 1.08
    x, y = base.scale(-most, most, LEFT, width - 8), base.scale(0, top, TOP + height, TOP)
    step = next(one for one in (0.5, 1, 2, 5, 10, 20, 50, 100) if top / one <= 7)
    ups = [step * place for place in range(int(top / step) + 1)]
    across = [tick for tick in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16) if abs(math.log2(tick)) <= most]
    if len(across) < 3:
        across = [tick for tick in (0.67, 0.8, 1, 1.25, 1.5) if abs(math.log2(tick)) <= most]
    lines = " ".join(f"M{LEFT} {y(up):.1f}H{width - 8}" for up in ups)
    parts = [element("style", Markup(STYLE))] if standalone else []
    parts += [
        element("path", class_="grid", d=lines),
        element("path", class_="reference", d=f"M{x(0):.1f} {TOP}V{TOP + height}"),
        *(text(f"{up:g}", LEFT - 8, y(up) + 4, anchor="end", class_="axis") for up in ups),
        *(
            text(f"{tick:g}", x(math.log2(tick)), TOP + height + 17, anchor="middle", class_="axis")
            for tick in across
        ),
        text(_("−log₁₀ p"), 0, 13, class_="muted"),
        text(ratio_label, width - 8, TOP + height + 36, anchor="end", room=width - 8, class_="muted"),
    ]
    is_found = table["q"].le(LEVEL).to_numpy()
    at = np.round(x(np.clip(log2, -most, most)), 0), np.round(y(rarity), 0)
    for group, name in ((~is_found, "series-3"), (is_found, "series-2")):
        places = sorted(set(zip(at[0][group], at[1][group])))
        if places:
            d = "".join(f"M{one:.0f} {other:.0f}h0.01" for one, other in places)
            parts.append(element("g", element("path", class_="dots", d=d), class_=name))
    parts += _names(table, is_found, at, width)
    return base.svg(*parts, width=width, height=TOP + height + 46, title=title, standalone=standalone)


def _names(table, is_found, at, width):
    """The first few of those that are found, where their names do not touch."""
    taken = []
    for place in np.flatnonzero(is_found)[: 4 * NAMED]:
        name, across, down = str(table["marker"].iloc[place]), at[0][place], at[1][place]
        size = min(text_width(name), 140)
        is_left = across + 8 + size > width
        start = across - 8 - size if is_left else across + 8
        box = (start, start + size, down - 8, down + 6)
        if len(taken) >= NAMED or any(
            box[0] < other[1] and other[0] < box[1] and box[2] < other[3] and other[2] < box[3]
            for other in taken
        ):
            continue
        taken.append(box)
        yield text(
            name, across - 8 if is_left else across + 8, down + 4, anchor="end" if is_left else None, room=140
        )

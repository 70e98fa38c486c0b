"""A combination's survival beside what independent drug action expects of its components."""

import numpy as np
from flask_babel import gettext as _
from markupsafe import Markup

from tracker.charts import base
from tracker.charts.base import element, text, text_width
from tracker.charts.km import STYLE

RATES = (0, 0.25, 0.5, 0.75, 1)
STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)
HEIGHT = 260
SAMPLE = 22

#: What a file needs beside the style of Kaplan-Meier plots.
EXTRA = ".line.dashed { stroke-dasharray: 6 3; } .line.thin { stroke-width: 1.25; }"


def drug_action(
    data, *, title, estimate_label, agents, percent=base.percent, width=base.WIDE, standalone=False
):
    """data: a frame with month, observed, observed_low, observed_high, expected, expected_rho_0, expected_rho_05, and
    a column for each of the agents: fractions, NaN beyond a follow-up; the first month is 0.

    The band is what independent drug action expects between no correlation and one of 0.5.
    """
    is_narrow = width < base.NARROW_BELOW
    end = float(data["month"].max()) or 1.0
    entries = [
        ("series-1", "line", _("observed, with its 95% CI")),
        ("series-2", "line dashed", _("expected, correlation 0.3; band 0 to 0.5")),
        *((f"series-{3 + place}", "line thin", agent) for place, agent in enumerate(agents)),
    ]
    key, top = _key(entries, width)
    left, right, bottom = 46, width - 16, top + (210 if is_narrow else HEIGHT)
    x, y = base.scale(0, end, left, right), base.scale(0, 1, bottom, top)
    month = data["month"].to_numpy(float)
    parts = [element("style", Markup(f"{STYLE}\n{EXTRA}"))] if standalone else []
    parts += [text(estimate_label, 0, 13, room=width, class_="muted"), *key]
    parts += _axes(x, y, end, (left, right, bottom), percent, is_narrow)
    bands = (("series-2", "expected_rho_05", "expected_rho_0"), ("series-1", "observed_low", "observed_high"))
    for series, low, high in bands:
        parts.append(_area(x, y, month, data[low], data[high], f"band {series}"))
    for place, agent in enumerate(agents):
        parts.append(_curve(x, y, month, data[agent], f"line thin series-{3 + place}"))
    parts.append(_curve(x, y, month, data["expected"], "line dashed series-2"))
    parts.append(_curve(x, y, month, data["observed"], "line series-1"))
    return base.svg(*parts, width=width, height=bottom + 42, title=title, standalone=standalone)


def _key(entries, width):
    """Samples of the curves with their names, in as many lines as they need."""
    at, y, parts = 2, 34, []
    for series, kind, label in entries:
        room = SAMPLE + 8 + text_width(label) + 18
        if at > 2 and at + room > width:
            at, y = 2, y + 18
        parts += [
            element("path", class_=f"{kind} {series}", d=f"M{at} {y - 4}h{SAMPLE}"),
            text(label, at + SAMPLE + 8, y, room=width - at - SAMPLE - 8),
        ]
        at += room
    return parts, y + 18


def _axes(x, y, end, ends, percent, is_narrow):
    left, right, bottom = ends
    grid = " ".join(f"M{left} {y(rate):.1f}H{right}" for rate in RATES[1:])
    yield element("path", class_="grid", d=grid)
    step = next((step for step in STEPS if end / step <= (6 if is_narrow else 12)), STEPS[-1])
    ticks = np.arange(0, end + 1e-9, step)
    marks = " ".join(f"M{x(tick):.1f} {bottom}v5" for tick in ticks)
    yield element("path", class_="axis", d=f"M{left} {bottom}H{right} {marks}")
    for rate in RATES:
        yield text(percent(rate, 0), left - 8, y(rate) + 4, anchor="end", class_="axis")
    for tick in ticks:
        yield text(f"{tick:g}", x(tick), bottom + 19, anchor="middle", class_="axis")
    yield text(_("Months"), right, bottom + 37, anchor="end", class_="muted")


def _points(x, y, month, values):
    """Corners of the steps, as far as the values are known."""
    values = np.asarray(values, float)
    known = np.isfinite(values)
    month, values = month[known], values[known]
    across, up = np.repeat(month, 2)[1:], np.repeat(values, 2)[:-1]
    return [f"{x(one):.1f} {y(other):.1f}" for one, other in zip(across, up)]


def _curve(x, y, month, values, class_):
    points = _points(x, y, month, values)
    return element("path", class_=class_, d="M" + "L".join(points)) if points else None


def _area(x, y, month, low, high, class_):
    known = np.isfinite(np.asarray(low, float)) & np.isfinite(np.asarray(high, float))
    if not known.any():
        return None
    lower = _points(x, y, month[known], np.asarray(low, float)[known])
    upper = _points(x, y, month[known], np.asarray(high, float)[known])
    return element("path", class_=class_, d="M" + "L".join([*upper, *reversed(lower)]) + "Z")

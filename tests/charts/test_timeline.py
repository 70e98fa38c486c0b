"""The timeline: what happened stands where its day is, and is read out."""

import re
import xml.etree.ElementTree as ElementTree

from tracker.charts import base
from tracker.charts.timeline import Lane, Mark, Sum, timeline

SVG = "{http://www.w3.org/2000/svg}"
LANES = [
    Lane("pembrolizumab", [Mark(1, None, "dose", "cycle 1"), Mark(22, None, "dose", "cycle 2")]),
    Lane("Adverse events", [Mark(10, 60, "grade-3", "colitis"), Mark(30, None, "grade-1", "rash")]),
    Lane("Assessments", [Mark(-5, None, "response-BL", "baseline", "BL")]),
]


def drawn(*args, **kwargs):
    return ElementTree.fromstring(timeline(*args, title="Timeline of 0001", **kwargs))


def marks(figure):
    return {
        group.get("data-readout"): group.find(f"{SVG}rect")
        for group in figure.iter(f"{SVG}g")
        if group.get("data-readout") and group.find(f"{SVG}rect") is not None
    }


def test_every_mark_says_what_it_is(app):
    assert set(marks(drawn(LANES))) == {"cycle 1", "cycle 2", "colitis", "rash", "baseline"}


def test_days_are_as_far_apart_as_the_axis_says(app):
    """A month of the axis is 30.4375 days; the second dose is 21 days after the first."""
    figure = drawn(LANES)
    found = marks(figure)
    days = float(found["cycle 2"].get("x")) - float(found["cycle 1"].get("x"))
    ticks = [
        float(one.get("x"))
        for one in figure.iter(f"{SVG}text")
        if one.get("class") == "axis" and re.fullmatch("[0-9]+", one.text or "")
    ]
    assert abs(days / (ticks[1] - ticks[0]) - 21 / 30.4375) < 0.01


def test_a_bar_reaches_from_its_start_to_its_end(app):
    found = marks(drawn(LANES))
    per_day = (float(found["cycle 2"].get("x")) - float(found["cycle 1"].get("x"))) / 21
    assert abs(float(found["colitis"].get("width")) - 50 * per_day) < 0.1


def test_events_that_overlap_stand_in_lines_of_their_own(app):
    found = marks(drawn(LANES))
    assert found["colitis"].get("y") != found["rash"].get("y")
    assert found["cycle 1"].get("y") == found["cycle 2"].get("y")


def test_the_sums_stand_below_on_the_same_axis(app):
    sums = [Sum(-5, 0, "baseline, 40 mm"), Sum(56, -0.4, "24 mm"), Sum(112, -0.5, "20 mm")]
    figure = drawn(LANES, sums, sums_label="Change of the sum")
    circles = {
        group.get("data-readout"): group.find(f"{SVG}circle")
        for group in figure.iter(f"{SVG}g")
        if group.find(f"{SVG}circle") is not None
    }
    baseline = marks(figure)["baseline"]
    middle = float(baseline.get("x")) + float(baseline.get("width")) / 2
    assert abs(float(circles["baseline, 40 mm"].get("cx")) - middle) < 0.1
    heights = [float(circles[one.text].get("cy")) for one in sums]
    assert heights == sorted(heights)  # a smaller sum stands lower


def test_it_fits_into_a_telephone(app):
    figure = drawn(LANES, width=base.NARROW)
    assert all(0 <= float(one.get("x")) <= base.NARROW for one in marks(figure).values())


def test_nothing_at_all_is_an_empty_axis(app):
    assert marks(drawn([Lane("Doses", [])])) == {}

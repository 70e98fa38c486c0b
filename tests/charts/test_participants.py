"""Waterfall, spider and swimmer plots, read as a reader would."""

import re
import time
from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.spider import Line, spider
from tracker.charts.swimmer import Lane, swimmer
from tracker.charts.waterfall import Bar, waterfall

SVG = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("A", -0.45, "PR"),
    Bar("B", 0.6, "PD"),
    Bar("C", -0.5, "PD"),
    Bar("D", 2.5, "PD"),
    Bar("E", 0, "SD"),
]
LINES = [Line("A", "PR", [-0.3, 1.8, 3.6], [0, -0.4, -0.5], False), Line("B", "PD", [0, 1.8], [0, 1.4], True)]
LANES = [
    Lane("T/A", "A", "PR", 5.0, 12.0, 1.8, 9.0, None, False),
    Lane("T/B", "B", "NE", 14.0, 14.0, None, None, None, True),
    Lane("T/C", "C", "PD", 2.0, 4.0, None, 1.8, 4.0, False),
]


def draw(plot, *values, **options):
    return ElementTree.fromstring(str(plot(*values, title="A plot", **options)))


def readouts(root):
    return [group.get("data-readout") for group in root.iter(f"{SVG}g") if group.get("data-readout")]


def written(root):
    return [one.text if len(one) == 0 else one[0].tail for one in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_bars_go_from_growth_to_shrinkage_in_the_colour_of_the_best_response(width):
    root = draw(waterfall, BARS, width=width)
    assert readouts(root) == [
        "D: best change +250.0%, best response PD",
        "B: best change +60.0%, best response PD",
        "E: best change 0.0%, best response SD",
        "A: best change −45.0%, best response PR",
        "C: best change −50.0%, best response PD",
    ]
    groups = [group for group in root.iter(f"{SVG}g") if group.get("data-readout")]
    assert [group.get("class") for group in groups] == [
        f"response-{code}" for code in ["PD", "PD", "SD", "PR", "PD"]
    ]
    assert written(root)[:3] == ["PR 1", "SD 1", "PD 3"]
    assert {"+20%", "−30%"} <= set(written(root))


def test_a_bar_reaches_its_change_on_the_axis_and_no_further_than_the_edge():
    root = draw(waterfall, BARS)
    at = {one.text: float(one.get("y")) - 4 for one in root.iter(f"{SVG}text") if one.get("class") == "axis"}
    groups = [group for group in root.iter(f"{SVG}g") if group.get("data-readout")]
    cut, b, _e, a, _c = [
        [rect for rect in group.iter(f"{SVG}rect") if rect.get("class") == "mark"] for group in groups
    ]
    (b,), (a,) = b, a
    assert float(b.get("y")) == pytest.approx(at["0%"] - 0.6 * (at["0%"] - at["+100%"]), abs=0.2)
    assert float(a.get("y")) == pytest.approx(at["0%"], abs=0.2)
    bottom = float(a.get("y")) + float(a.get("height"))
    assert bottom == pytest.approx(at["0%"] + 0.45 * (at["−100%"] - at["0%"]), abs=0.2)
    assert len(cut) == 2  # with a gap
    assert min(float(part.get("y")) for part in cut) == pytest.approx(at["+100%"], abs=0.2)


def test_many_bars_are_one_shape_for_each_colour():
    bars = [Bar(f"P{number}", number / 1000 - 1, "PR" if number < 700 else "SD") for number in range(1000)]
    root = draw(waterfall, bars)
    assert readouts(root) == []
    assert len([one for one in root.iter(f"{SVG}path") if one.get("class") == "mark"]) == 2


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_a_line_tells_its_smallest_sum_and_progression(width):
    root = draw(spider, LINES, width=width)
    assert readouts(root) == [
        "A: best response PR, smallest sum −50.0% at month 3.6",
        "B: best response PD, smallest sum 0.0% at month 0.0, progression at month 1.8",
    ]
    first, second = [group for group in root.iter(f"{SVG}g") if group.get("data-readout")]
    assert first.find(f"{SVG}circle") is not None
    assert second.find(f"{SVG}rect").get("class") == "mark"
    points = re.findall(r"[\d.]+ [\d.]+", first.find(f"{SVG}path").get("d"))
    assert len(points) == 3


def test_the_longest_lane_is_on_top_and_says_what_happened():
    root = draw(swimmer, LANES)
    assert readouts(root) == [
        "T/B, NE: on treatment since 14.0 months",
        "T/A, PR: on treatment for 5.0 months, first response at month 1.8, progression at month 9.0",
        "T/C, PD: on treatment for 2.0 months, progression at month 1.8, death at month 4.0",
    ]
    assert {"T/A", "Progression", "Treatment goes on", "Months since the start"} <= set(written(root))
    assert "A" in written(draw(swimmer, LANES, width=base.NARROW))
    with pytest.raises(ValueError):
        swimmer(LANES * 40, title="too many")


@pytest.mark.parametrize("plot", [waterfall, spider, swimmer])
def test_nobody_leaves_an_empty_plot(plot):
    for width in (base.WIDE, base.NARROW):
        assert readouts(draw(plot, [], width=width)) == []


@pytest.mark.parametrize("plot, values", [(waterfall, BARS), (spider, LINES), (swimmer, LANES)])
def test_a_file_has_its_own_colours_and_escapes_what_it_is_told(plot, values):
    values = [value._replace(label="<b>&") for value in values]
    drawing = str(plot(values, title="A <plot>", standalone=True))
    assert ".response-PR .mark" in drawing
    assert "<b>" not in drawing
    ElementTree.fromstring(drawing)


def test_hundreds_are_drawn_at_once():
    start = time.process_time()
    waterfall([Bar(f"P{number}", number / 400 - 0.5, "SD") for number in range(400)], title="A plot")
    spider(
        [Line(f"P{number}", "SD", [0, 2, 4], [0, 0.1, 0.1], False) for number in range(200)], title="A plot"
    )
    assert time.process_time() - start < 1  # 0.1 s where nothing else runs

"""Accrual charts: what is written, where the steps and the plan stand, what is heard."""

import re
from xml.etree import ElementTree

from tracker.charts import base
from tracker.charts.accrual import MOST_POINTS, Panel, accrual

SVG = "{http://www.w3.org/2000/svg}"
YEAR = [(f"2024-{month:02}", month % 3) for month in range(1, 13)]  # 12 in all


def draw(panels, **options):
    return ElementTree.fromstring(str(accrual(panels, title="Enrolled so far", **options)))


def texts(root):
    return [one.text if len(one) == 0 else one[0].tail for one in root.iter(f"{SVG}text")]


def paths(root, name):
    return [one.get("d") for one in root.iter(f"{SVG}path") if name in one.get("class", "").split()]


def test_a_panel_says_how_many_are_enrolled_and_planned(app):
    assert texts(draw([Panel("CCI-1", YEAR, 20)]))[:2] == ["CCI-1", "12 of 20 planned"]
    assert texts(draw([Panel("CCI-1", YEAR)]))[1] == "12 enrolled"
    assert texts(draw([Panel("CCI-1", YEAR, 20, 3)]))[1] == "15 of 20 planned; 3 in no known month"


def test_the_line_rises_to_all_enrolled_and_the_plan_is_dashed(app):
    root = draw([Panel("CCI-1", YEAR, 24)])
    (line,), (plan,) = paths(root, "line"), paths(root, "reference")
    heights = [float(y) for y in re.findall(r"V([\d.]+)", line)]
    bottom = float(re.match(r"M[\d.]+ ([\d.]+)", line)[1])
    top = float(re.match(r"M[\d.]+ ([\d.]+)", plan)[1])
    assert heights == sorted(heights, reverse=True)
    assert abs((bottom - heights[-1]) / (bottom - top) - 12 / 24) < 0.01


def test_without_a_plan_there_is_no_dashed_line(app):
    assert paths(draw([Panel("CCI-1", YEAR)]), "reference") == []


def test_each_month_can_be_pointed_at_and_heard(app):
    said = [one.get("aria-label") for one in draw([Panel("CCI-1", YEAR, 20)]).iter(f"{SVG}g")]
    assert said[:2] == ["CCI-1, 2024-01: 1 enrolled, 1 in all", "CCI-1, 2024-02: 2 enrolled, 3 in all"]
    assert len(said) == 12


def test_of_many_months_those_can_be_pointed_at_in_which_most_came(app):
    months = [(f"{2000 + number // 12}-{number % 12 + 1:02}", int(number == 300)) for number in range(400)]
    said = [one.get("aria-label") for one in draw([Panel("CCI-1", months)]).iter(f"{SVG}g")]
    assert len(said) == MOST_POINTS
    assert any("2025-01: 1 enrolled" in one for one in said)


def test_panels_stand_beside_each_other_where_there_is_room_and_nothing_leaves_the_figure(app):
    panels = [Panel(f"A trial with a rather long name, number {number}", YEAR, 200) for number in range(5)]
    for width in (base.WIDE, base.NARROW):
        root = draw(panels, width=width)
        heads = [one for one in root.iter(f"{SVG}text") if one.get("class") == "strong"]
        assert len({one.get("x") for one in heads}) == (3 if width == base.WIDE else 1)
        places = [float(x) for x in re.findall(r"H([\d.]+)", " ".join(paths(root, "line")))]
        assert max(places) <= width
        assert float(root.get("height")) > max(float(one.get("y")) for one in heads)


def test_years_are_written_where_they_begin_and_of_a_short_time_the_first_and_last_month(app):
    months = [(f"{2016 + number // 12}-{number % 12 + 1:02}", 1) for number in range(6, 126)]
    assert "2018" in texts(draw([Panel("CCI-1", months)]))
    short = texts(draw([Panel("CCI-1", [("2024-11", 1), ("2024-12", 2)])]))
    assert short[-2:] == ["2024-11", "2024-12"]
    assert texts(draw([Panel("CCI-1", [("2024-11", 1)])]))[-1] == "2024-11"


def test_a_file_carries_its_own_style(app):
    root = draw([Panel("CCI-1", YEAR)], standalone=True)
    style = " ".join(one.text for one in root.iter(f"{SVG}style"))
    assert ".line.series-1" in style
    assert ".band.series-1" in style

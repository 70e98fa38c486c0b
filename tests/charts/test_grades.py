"""Bars of adverse events by worst grade."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.grades import GradeRow, grades

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [GradeRow("Rash", 40, (10, 6, 3, 1, 0)), GradeRow("Colitis", 40, (0, 2, 2, 0, 1))]


def draw(rows=ROWS, **options):
    return ElementTree.fromstring(str(grades(rows, title="Events", **options)))


def rows_of(root):
    return [one for one in root.iter(f"{SVG}g") if one.get("role") == "img"]


def bars(row):
    return [one for one in row.iter(f"{SVG}rect") if one.get("class") == "mark"]


def test_a_bar_says_how_many_had_which_grade():
    first, second = rows_of(draw())
    assert first.get("aria-label") == (
        "Rash: 20/40; 10 at worst of grade 1, 6 at worst of grade 2, 3 at worst of grade 3, 1 at worst of grade 4"
    )
    assert [one.text for one in second.iter(f"{SVG}text")] == ["Colitis", "5/40"]


def test_a_bars_parts_are_as_long_as_their_share_and_darker_with_the_grade():
    parts = bars(rows_of(draw())[0])
    widths = [float(one.get("width")) for one in parts]
    assert [width / widths[3] for width in widths] == pytest.approx([10, 6, 3, 1], rel=0.01)
    shades = [float(one.get("fill-opacity")) for one in parts]
    assert shades == sorted(shades)
    for left, right in pairwise(parts):
        assert float(left.get("x")) + float(left.get("width")) == pytest.approx(
            float(right.get("x")), abs=0.02
        )


def test_the_axis_ends_where_the_bars_do():
    words = [one.text for one in draw().iter(f"{SVG}text")]
    assert [word for word in words if word.endswith("%")] == ["0%", "25%", "50%"]


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_nothing_is_drawn_outside(width):
    long = GradeRow(
        "A term whose name is so long that nobody would ever write it into a table", 8, (4, 1, 1, 1, 1)
    )
    for row in rows_of(draw([long], width=width)):
        for one in row.iter(f"{SVG}rect"):
            assert float(one.get("x")) + float(one.get("width")) <= width + 0.5


def test_nobody_treated_and_no_rows_are_drawn_too():
    assert bars(rows_of(draw([GradeRow("Rash", 0, (0, 0, 0, 0, 0))]))[0]) == []
    assert rows_of(draw([])) == []

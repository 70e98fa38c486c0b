"""Ratios on a logarithmic axis, read as a reader would."""

from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.ratios import RatioRow, ratios

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    RatioRow("Positive", "53/77 · 60/79", 0.64, 0.44, 0.94),
    RatioRow("Negative", "1/5 · 2/5", None, None, None),
    RatioRow("Ratio of the two", "", 76.0, 9.4, 621.6),
]


def draw(rows=ROWS, **options):
    given = {"title": "Effects", "estimate_label": "HR (95% CI)", "below": "better", "above": "worse"}
    return ElementTree.fromstring(str(ratios(rows, **given | options)))


def marks(root, name):
    return [one for one in root.iter() if one.get("class") == name]


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_each_row_is_heard_with_its_numbers(width):
    heard = [one.get("aria-label") for one in draw(width=width).iter(f"{SVG}g")]
    assert heard == [
        "Positive: 53/77 · 60/79, 0.64 (0.44–0.94)",
        "Negative: 1/5 · 2/5, —",
        "Ratio of the two: 76.00 (9.40–621.60)",
    ]


def test_a_row_without_an_estimate_has_no_mark():
    assert len(marks(draw(), "mark")) == len(marks(draw(), "interval")) == 2


def test_benefit_and_harm_of_equal_size_lie_equally_far_from_none():
    root = draw([RatioRow("a", "", 0.5, 0.4, 0.6), RatioRow("b", "", 2, 1.6, 2.5)])
    centre = [float(one.get("x")) + float(one.get("width")) / 2 for one in marks(root, "mark")]
    none = float(marks(root, "reference")[0].get("d")[1:].split()[0])
    assert none - centre[0] == pytest.approx(centre[1] - none, abs=0.3)


def test_a_limit_beyond_the_axis_has_no_cap():
    *_others, last = marks(draw(), "interval")
    assert last.get("d").count("v6") == 1


def test_nothing_leaves_the_drawing():
    for width in (base.WIDE, base.NARROW):
        for one in marks(draw(width=width), "mark"):
            assert 0 <= float(one.get("x")) <= width - float(one.get("width"))


def test_no_rows_are_an_empty_axis():
    assert marks(draw([]), "mark") == []

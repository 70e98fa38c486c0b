"""Bars of shares."""

from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.shares import ShareRow, shares

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [ShareRow("Stage", 10, 40), ShareRow("ECOG", 5, 40), ShareRow("Sex", 0, 40)]


def rows_of(**options):
    root = ElementTree.fromstring(str(shares(ROWS, title="Missing", **options)))
    return [one for one in root.iter(f"{SVG}g") if one.get("role") == "img"]


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_a_bar_is_as_long_as_its_share_and_says_it(width):
    stage, ecog, sex = rows_of(width=width)
    bars = [
        [one for one in row.iter(f"{SVG}rect") if one.get("class") == "mark"] for row in (stage, ecog, sex)
    ]
    long, half = (float(row[0].get("width")) for row in bars[:2])
    assert long == pytest.approx(2 * half, rel=0.01)
    assert bars[2] == []
    assert stage.get("aria-label") == "Stage: 10 of 40 missing"
    assert float(bars[0][0].get("x")) + long <= width

"""Box and strip, read as a reader would."""

from xml.etree import ElementTree

import numpy as np
import pytest

from tracker.charts import base
from tracker.charts.strips import Strip, strips

SVG = "{http://www.w3.org/2000/svg}"


def draw(groups, **options):
    return ElementTree.fromstring(str(strips(groups, title="Values", value_label="TMB (mut/Mb)", **options)))


def strip(values, below=0, label="Lung"):
    return Strip(label, np.array(values, float), np.array(["<"] * below + ["="] * (len(values) - below)))


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_each_group_is_heard_with_its_quartiles(width):
    root = draw([strip([1, 2, 3, 4, 5]), strip([7, 8], label="Skin")], width=width)
    assert [one.get("aria-label") for one in root.iter(f"{SVG}g")] == ["Lung: 5 · 3 (2–4)", "Skin: 2"]


def test_values_below_a_limit_are_hollow_marks_at_the_limit():
    root = draw([strip([1, 1, 1, 4, 5], below=3)])
    paths = {one.get("class"): one.get("d") for one in root.iter(f"{SVG}path")}
    assert paths["bounds"].count("z") == 3
    assert paths["dots"].count("M") == 2
    assert root.find(f".//{SVG}g").get("aria-label") == "Lung: 5 · <1 (<1–4)"


def test_fewer_than_five_have_no_box():
    assert [one for one in draw([strip([1, 2, 3, 4])]).iter() if one.get("class") == "box"] == []


@pytest.mark.parametrize(
    "values, said",
    [([-3, 0, 4, 5, 6], ""), ([1, 2, 3, 4, 900], " (logarithmic)"), ([0, 2, 3, 4, 900], " (square roots)")],
)
def test_the_axis_says_what_its_steps_are(values, said):
    texts = [one.text for one in draw([strip(values)]).iter(f"{SVG}text")]
    assert f"TMB (mut/Mb){said}" in texts


@pytest.mark.parametrize(
    "values", [[], [3, 3, 3, 3, 3], [0, 0, 0, 0, 0], [0.001, 0.002], [1e6, 1.1e6, 9e6], [1, 10]]
)
@pytest.mark.parametrize("cutoff", [None, 4.0, np.inf])
def test_any_values_can_be_drawn(values, cutoff):
    assert draw([strip(values)], cutoff=cutoff, cutoff_label="≥ 4").tag == f"{SVG}svg"

"""Forest plots, read as a reader would: what is written, where the marks stand, what is heard."""

import re
import time
from itertools import pairwise
from xml.etree import ElementTree

import pandas as pd
import pytest

from tracker.charts import base
from tracker.charts.forest import ForestRow, forest

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    ForestRow("Breast", 9, 170, 9 / 170, 0.0245, 0.0981),
    ForestRow("Skin", 118, 305, 118 / 305, 0.3320, 0.4441),
    ForestRow("Thyroid", 1, 3, 1 / 3, 0.0084, 0.9057),
    ForestRow("Thymus", 0, 0, None, None, None),
]


def draw(rows=ROWS, **options):
    """The figure, parsed."""
    options = {"title": "Objective response", "estimate_label": "ORR (95% CI)", **options}
    return ElementTree.fromstring(str(forest(rows, **options)))


def texts(root):
    return [one.text if len(one) == 0 else one[0].tail for one in root.iter(f"{SVG}text")]


def groups(root):
    return root.findall(f"{SVG}g")


def classes(root, name):
    return [one for one in root.iter() if name in one.get("class", "").split()]


def french(fraction, decimals):
    return f"{100 * fraction:.{decimals}f}\u00a0%".replace(".", ",")


def test_a_group_says_its_count_rate_and_limits():
    assert texts(groups(draw())[1]) == ["Skin", "118/305", "38.7%", "(33.2–44.4)"]


def test_of_one_to_four_only_the_count_and_the_interval_are_shown():
    few = groups(draw())[2]
    assert texts(few) == ["Thyroid", "1/3", "too few", "(0.8–90.6)"]
    assert classes(few, "interval")
    assert not classes(few, "mark")


def test_of_five_the_rate_is_shown():
    five = groups(draw([("Liver", 2, 5, 0.4, 0.0527, 0.8534)]))[0]
    assert texts(five) == ["Liver", "2/5", "40.0%", "(5.3–85.3)"]
    assert classes(five, "mark")


def test_an_empty_group_is_a_dash():
    empty = groups(draw())[3]
    assert [text for text in texts(empty) if text] == ["Thymus", "—", "—"]
    assert not classes(empty, "interval") + classes(empty, "mark")
    assert empty.get("data-readout") == "Thymus: no participants who can be assessed"


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_rate_that_is_not_known_is_a_dash(missing):
    unknown = groups(draw([("Lung", missing, 12, missing, missing, missing)], reference=missing))[0]
    assert [text for text in texts(unknown) if text] == ["Lung", "—/12", "—"]


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_marks_stand_at_their_values_on_the_axis(width):
    root = draw(width=width, reference=0.25)
    at = {one.text: float(one.get("x")) for one in classes(root, "axis") if one.tag == f"{SVG}text"}
    assert list(at) == ["0%", "25%", "50%", "75%", "100%"]

    def place(fraction):
        return pytest.approx(at["0%"] + fraction * (at["100%"] - at["0%"]), abs=0.1)

    skin = groups(root)[1]
    (square,) = classes(skin, "mark")
    assert float(square.get("x")) + float(square.get("width")) / 2 == place(118 / 305)
    low, high = re.match(r"M([\d.]+) [\d.]+H([\d.]+)", classes(skin, "interval")[0].get("d")).groups()
    assert (float(low), float(high)) == (place(0.3320), place(0.4441))
    reference = classes(root, "reference")[0].get("d")
    assert [float(x) for x in re.findall(r"M([\d.]+)", reference)] == [place(0.25)] * len(ROWS)


def test_the_area_of_a_square_is_proportional_to_n():
    rows = [("A", 100, 400, 0.25, 0.2, 0.3), ("B", 25, 100, 0.25, 0.17, 0.35), ("C", 2, 8, 0.25, 0.03, 0.65)]
    sides = [float(square.get("width")) for square in classes(draw(rows), "mark")]
    assert sides[0] == 2 * sides[1]
    assert sides[2] == 5  # still to be seen


def test_the_reference_is_named_and_stays_on_the_axis():
    root = draw(reference=0.0, reference_label="Overall")
    (label,) = [one for one in root.iter(f"{SVG}text") if one.text == "Overall 0.0%"]
    ticks = [float(one.get("x")) for one in classes(root, "axis") if one.tag == f"{SVG}text"]
    assert ticks[0] < float(label.get("x")) < ticks[-1]
    assert not classes(draw(), "reference")
    assert "All 25.0%" in texts(draw(reference=0.25))


def test_the_reader_of_french_reads_french():
    root = draw(percent=french, reference=0.262, reference_label="Ensemble", estimate_label="TRO (IC 95 %)")
    assert texts(groups(root)[1]) == ["Skin", "118/305", "38,7\u00a0%", "(33,2–44,4)"]
    assert "Ensemble 26,2\u00a0%" in texts(root)
    assert "25\u00a0%" in texts(root)


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_every_group_can_be_pointed_at_entered_and_heard(width):
    root = draw(width=width)
    spoken = [group.get("data-readout") for group in groups(root)]
    assert spoken[1] == "Skin: 118/305, ORR (95% CI) 38.7% (33.2–44.4)"
    for group, label in zip(groups(root), spoken):
        assert (group.get("role"), group.get("tabindex"), group.get("aria-label")) == ("img", "0", label)
        assert group[0].tag == f"{SVG}title"
        assert group[0].text == label
    assert root.get("aria-label") == "Objective response"


@pytest.mark.parametrize("width, shown_as", [(760, "chart-wide"), (520, "chart-wide"), (340, "chart-narrow")])
def test_a_drawing_is_in_its_own_pixels(width, shown_as):
    root = draw(width=width)
    assert root.get("class") == shown_as
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert root.get("width") == str(width)


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_nothing_in_a_page_is_styled_in_line_or_named_twice(width):
    for one in draw(width=width, reference=0.3).iter():
        assert one.tag != f"{SVG}style"
        assert not {"style", "id"} & set(one.keys())
        assert not [key for key in one.keys() if key.startswith("on")]  # noqa: SIM118


def test_a_file_carries_its_title_and_its_style():
    root = draw(standalone=True)
    assert root[0].text == "Objective response"
    assert "Objective response" in texts(root)
    (style,) = root.iter(f"{SVG}style")
    for name in ("text", ".axis", ".grid", ".interval", ".mark", ".muted", ".reference", ".series-1 .mark"):
        assert f"{name} {{" in style.text or f"{name}," in style.text
    assert "var(" not in style.text  # not every program knows variables


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_a_long_label_is_cut_and_told_in_full(width):
    label = "Adenocarcinoma of the gastro-oesophageal junction, second line and later, PD-L1 positive"
    written = groups(draw([(label, 5, 29, 5 / 29, 0.058, 0.358)], width=width))[0].find(f"{SVG}text")
    assert written[0].text == label
    assert written[0].tail.endswith("…")
    assert label.startswith(written[0].tail[:-1])
    assert base.text_width(written[0].tail) <= 0.6 * width


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
def test_columns_do_not_run_into_each_other(width):
    rows = [
        ("Head and Neck, second line", 1000, 1234, 0.8104, 0.7874, 0.8319),
        ("Liver", 7, 7, 1.0, 0.59, 1.0),
    ]
    root = draw(rows, width=width, count_label="responders/treated")
    for group in groups(root):
        spans = []
        for one in group.iter(f"{SVG}text"):
            long = base.text_width(one.text or one[0].tail)
            start = float(one.get("x")) - (long if one.get("text-anchor") == "end" else 0)
            spans.append((start, start + long))
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        assert spans[0][0] >= 0
        assert spans[-1][1] <= width + 0.01


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "a \"b\" & 'c'", "{{7*7}}", "a\0b\x1b\ud800"])
def test_whatever_a_group_is_called_the_drawing_stays_whole(label):
    written = groups(draw([(label, 5, 29, 5 / 29, 0.058, 0.358)], title=label, standalone=True))[0]
    clean = re.sub("[\0\x1b\ud800]", "\ufffd", label)
    assert texts(written)[0] == clean
    assert written.get("data-readout").startswith(clean)


def test_forty_groups_are_drawn_at_once_in_less_than_a_page():
    rows = [
        (f"NCT0{number:07}/ARM-A", number, 80, number / 80, number / 100, number / 60) for number in range(40)
    ]
    start = time.perf_counter()
    drawing = forest(rows, title="Objective response", estimate_label="ORR (95% CI)")
    assert time.perf_counter() - start < 0.5  # 0.01 s where nothing else runs
    root = ElementTree.fromstring(str(drawing))
    assert len(groups(root)) == 40
    assert float(root.get("height")) < 1000


def test_no_groups_leave_an_empty_axis():
    assert not groups(draw([]))
    assert "50%" in texts(draw([], width=base.NARROW))

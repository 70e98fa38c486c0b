"""Kaplan-Meier plots, read as a reader would: where the curves run, what is written, what is heard."""

import re
import time
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from tracker.charts import base
from tracker.charts.km import KMGroup, km
from tracker.stats.survival import kaplan_meier, survival_at

SVG = "{http://www.w3.org/2000/svg}"
# Freireich 1963: remission of acute leukaemia (in weeks, here taken as months).
MP6 = KMGroup(
    "6-MP",
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PLACEBO = KMGroup(
    "Placebo", [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [True] * 21
)
BOTH = [MP6, PLACEBO]
WIDTHS = pytest.mark.parametrize("width", [base.WIDE, base.NARROW])


def draw(groups=BOTH, **options):
    """The figure, parsed."""
    options = {"title": "Remission", "estimate_label": "In remission", **options}
    return ElementTree.fromstring(str(km(groups, **options)))


def many(count):
    generator = np.random.default_rng(count)
    return [
        (f"Group {number}", generator.exponential(9 + number, 60).clip(0, 30), generator.random(60) < 0.7)
        for number in range(1, count + 1)
    ]


def texts(root):
    return [one.text if len(one) == 0 else one[0].tail for one in root.iter(f"{SVG}text")]


def classes(root, *names):
    return [one for one in root.iter() if {*names} <= set(one.get("class", "").split())]


def readouts(root):
    return [one for one in root.iter(f"{SVG}g") if one.get("data-readout")]


def spoken(root):
    return [one.get("data-readout") for one in readouts(root)]


def axes(root):
    """Functions from months and from a fraction to pixels, read off the ticks."""
    x, y = {}, {}
    for one in classes(root, "axis"):
        if one.tag == f"{SVG}text":
            (y if one.text.endswith("%") else x)[float(one.text.rstrip("%"))] = one
    x = {month: float(one.get("x")) for month, one in x.items()}
    y = {rate: float(one.get("y")) - 4 for rate, one in y.items()}
    assert list(y) == [0, 25, 50, 75, 100]
    (start, *_, last), unit = x, max(x)
    return (
        lambda month: x[start] + month / unit * (x[last] - x[start]),
        lambda rate: y[0] + rate * (y[100] - y[0]),
    )


def corners(path):
    """Where a path of M, H and V turns."""
    found, x, y = [], None, None
    for letter, numbers in re.findall(r"([MHVZ])([\d. ]*)", path.get("d")):
        if letter == "M":
            x, y = map(float, numbers.split())
        elif letter == "H":
            x = float(numbers)
        elif letter == "V":
            y = float(numbers)
        found.append((x, y))
    return found


def curve_of(root, number):
    """Its path, not the sample beside its name."""
    return max(classes(root, "line", f"series-{number}"), key=lambda one: len(one.get("d")))


@WIDTHS
def test_curves_step_down_where_events_are(width):
    root = draw(width=width)
    x, y = axes(root)
    for number, group in enumerate(BOTH, start=1):
        curve = kaplan_meier(group.times, group.event)
        expected, before = [(x(0), y(1))], 1
        for at, survival in zip(curve["time"], curve["survival"]):
            expected += [(x(at), y(before)), (x(at), y(survival))]
            before = survival
        expected.append((x(max(group.times)), y(before)))
        found = corners(curve_of(root, number))
        assert np.array(found) == pytest.approx(np.array(expected), abs=0.6)


@WIDTHS
def test_a_mark_stands_where_someone_was_censored(width):
    root = draw(width=width)
    x, y = axes(root)
    (ticks,) = classes(root, "censor")  # nobody on placebo was
    assert "series-1" in ticks.get("class")
    found = [tuple(map(float, one)) for one in re.findall(r"M([\d.]+) ([\d.]+)v8", ticks.get("d"))]
    times = [6, 9, 10, 11, 17, 19, 20, 25, 32, 34, 35]
    rates = survival_at(MP6.times, MP6.event, times)["survival"]
    expected = [(x(at), y(rate) - 4) for at, rate in zip(times, rates)]
    assert np.array(found) == pytest.approx(np.array(expected), abs=0.6)


def test_a_band_holds_its_curve_and_ends_where_no_one_is_left():
    root = draw()
    x, _ = axes(root)
    placebo = classes(root, "band", "series-2")[0]
    assert max(at for at, _ in corners(placebo)) == pytest.approx(x(23), abs=0.1)
    mp6 = classes(root, "band", "series-1")[0]
    assert max(at for at, _ in corners(mp6)) == pytest.approx(x(35), abs=0.1)
    survival = dict(corners(curve_of(root, 1)))
    for at in {at for at, _ in corners(mp6)} & survival.keys():
        edges = [y for where, y in corners(mp6) if where == at]
        assert min(edges) - 0.1 <= survival[at] <= max(edges) + 0.1


def test_bands_are_for_up_to_four_groups_unless_asked():
    assert len(classes(draw(many(4)), "band")) == 4
    assert not classes(draw(many(5)), "band")
    assert len(classes(draw(many(5), bands=True), "band")) == 5
    assert not classes(draw(bands=False), "band")


@WIDTHS
def test_numbers_at_risk_stand_under_their_ticks_in_the_colour_of_the_curve(width):
    root = draw(width=width)
    x, _ = axes(root)
    written = [one.find(f"{SVG}text") for one in readouts(root)]
    count = len(written) // 2
    expected = {0: (21, 21), 6: (21, 12), 12: (12, 6), 18: (9, 2), 24: (5, 0), 30: (4, 0)}
    months = [int(re.search(r"(\d+) months?:", one)[1]) for one in spoken(root)]
    for index, (number, month) in enumerate(zip(written, months)):
        group = index // count
        assert number.text == str(expected[month][group])
        assert float(number.get("x")) == pytest.approx(x(month), abs=0.1)
        assert number.get("text-anchor") == "middle"
        assert f"series-{group + 1}" in number.get("class")
    assert "Number at risk" in texts(root)


@WIDTHS
def test_each_tick_tells_the_rate_its_limits_and_who_is_left(width):
    """S(12) is that of 10 months: 0.753 (0.503-0.889) by R, log-log."""
    marks = {one.get("data-readout"): one for one in readouts(draw(width=width))}
    told = "6-MP, 12 months: 75.3% (50.3–88.9), 12 at risk"
    mark = marks[told]
    assert (mark.get("role"), mark.get("tabindex"), mark.get("aria-label")) == ("img", "0", told)
    assert mark[0].tag == f"{SVG}title"
    assert "Placebo, 24 months: beyond follow-up, 0 at risk" in marks
    assert "6-MP, 0 months: 100.0% (100.0–100.0), 21 at risk" in marks


def test_a_mark_to_point_at_lies_on_the_curve():
    root = draw()
    x, y = axes(root)
    (mark,) = [one for one in readouts(root) if one.get("data-readout").startswith("6-MP, 12 ")]
    circle = mark.find(f"{SVG}circle")
    place = float(circle.get("cx")), float(circle.get("cy"))
    assert place == pytest.approx((x(12), y(0.7529)), abs=0.1)


def test_landmarks_are_dots_that_tell():
    root = draw(landmarks=[10, 12.5, 30, 48])
    assert len(classes(root, "mark", "series-1")) == 3
    assert len(classes(root, "mark", "series-2")) == 2  # not followed for 30 months
    assert "6-MP, 10 months: 75.3% (50.3–88.9), 15 at risk" in spoken(root)
    assert "6-MP, 12.5 months: 75.3% (50.3–88.9), 12 at risk" in spoken(root)
    assert len([one for one in spoken(root) if "30 months" in one]) == 2  # a tick too, and told once
    assert not any("48 months" in one for one in spoken(root))


@pytest.mark.parametrize(
    "last, ticks",
    [(0.9, 0.25), (4.2, 0.5), (7, 1), (23, 3), (35, 6), (62, 12), (130, 24), (400, 60), (9000, 600)],
)
def test_ticks_are_as_far_apart_as_months_are_counted(last, ticks):
    root = draw([("A", [last, last / 2, last / 3], [1, 1, 0])])
    months = [float(one.text) for one in classes(root, "axis") if one.text and not one.text.endswith("%")]
    assert months[:2] == [0, ticks]
    assert months[-1] <= last
    assert len(months) <= (10 if last < 5000 else 16)


@WIDTHS
def test_medians_stand_beside_the_names(width):
    found = texts(draw(width=width))
    assert "median 23.0 (13.0–NE)" in found
    assert "median 8.0 (4.0–11.0)" in found
    assert "median NR" in texts(draw([("A", [3, 5], [0, 0])], width=width))


def test_median_lines_go_from_half_to_the_axis():
    root = draw(median=True)
    x, y = axes(root)
    (line,) = [one.get("d") for one in classes(root, "reference") if "L" not in one.get("d")]
    assert re.match(r"M[\d.]+ ([\d.]+)H([\d.]+)", line).groups() == (f"{y(0.5):.0f}", f"{x(23):.1f}")
    down = [float(one) for one in re.findall(r"M([\d.]+) [\d.]+V", line)]
    assert down == pytest.approx([x(8), x(23)], abs=0.1)
    assert not [one for one in classes(draw(), "reference") if "L" not in one.get("d")]
    assert not classes(draw([("A", [3, 5], [0, 0])], median=True), "reference")


@WIDTHS
@pytest.mark.parametrize("count", range(1, 9))
def test_up_to_eight_groups_are_told_apart(width, count):
    root = draw(many(count), width=width)
    for number in range(1, count + 1):
        assert curve_of(root, number) is not None
        assert texts(root).count(f"Group {number}") == 2  # beside or above the curves, and at its numbers
    with pytest.raises(ValueError):
        draw(many(9))


@WIDTHS
@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_no_text_runs_into_another_or_out_of_the_drawing(width, count):
    groups = [(f"{label} with pembrolizumab", *rest) for label, *rest in many(count)]
    root = draw(groups, width=width)
    boxes = []
    for one in root.iter(f"{SVG}text"):
        long = base.text_width(one.text if len(one) == 0 else one[0].tail)
        start = float(one.get("x")) - {"end": long, "middle": long / 2}.get(one.get("text-anchor"), 0)
        boxes.append((start, start + long, float(one.get("y"))))
    for left, right, y in boxes:
        assert left >= 0
        assert right <= width + 0.01
        assert 0 < y < float(root.get("height"))
    for index, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[index + 1 :]:
            assert abs(y - other_y) >= 12 or right <= other_left or other_right <= left


def test_few_names_stand_at_the_ends_of_their_curves():
    """Unless they would cover each other."""

    def beside(root):
        names = [
            one for one in classes(root, "series") if float(one.get("x")) > 400 and not one.get("text-anchor")
        ]
        return {one.text: float(one.get("y")) for one in names}

    root = draw()
    _, y = axes(root)
    assert beside(root)["6-MP"] == pytest.approx(y(0.4482), abs=1)
    assert beside(root)["Placebo"] == pytest.approx(y(0), abs=10)
    alike = beside(draw([(name, [1, 2, 9], [1, 0, 0]) for name in "ABCD"]))
    assert min(after - before for before, after in pairwise(sorted(alike.values()))) >= 30


@WIDTHS
@pytest.mark.parametrize(
    "times, event",
    [([], []), ([5], [1]), ([5], [0]), ([0], [1]), ([0, 0], [0, 0]), ([3, 5], [0, 0]), ([4, 4], [1, 1])],
)
def test_whatever_is_given_is_drawn(width, times, event):
    root = draw([("A", times, event)], width=width, median=True, landmarks=[2])
    assert "Number at risk" in texts(root)
    assert "nan" not in ElementTree.tostring(root, "unicode").lower().replace("nano", "")
    assert draw([("A", times, event), MP6], width=width) is not None


def test_no_groups_leave_empty_axes():
    assert "50%" in texts(draw([]))
    assert not classes(draw([]), "line")


def test_an_empty_group_is_named_and_has_no_curve():
    root = draw([MP6, ("Nobody", [], [])], width=base.NARROW)
    assert "no participants" in texts(root)
    assert "Nobody, 12 months: beyond follow-up, 0 at risk" in spoken(root)
    assert not classes(root, "band", "series-2") + classes(root, "censor", "series-2")


@WIDTHS
def test_a_hundred_thousand_participants_make_a_small_drawing(width):
    generator = np.random.default_rng(1)
    groups = [
        (f"Arm {arm}", generator.exponential(20, 50_000).clip(0, 60), generator.random(50_000) < 0.6)
        for arm in "AB"
    ]
    start = time.process_time()
    drawing = str(km(groups, title="Survival", estimate_label="Overall survival", width=width))
    assert time.process_time() - start < 2  # 0.15 s where nothing else runs
    assert len(drawing) < 60_000
    root = ElementTree.fromstring(drawing)
    for number in (1, 2):
        turns = sorted({int(x) for x, _ in corners(curve_of(root, number))})
        falls = len(re.findall("V", curve_of(root, number).get("d")))
        assert falls <= len(turns) <= width
    assert sum(1 for _ in root.iter()) < 150


def test_a_thinned_curve_is_within_a_pixel_of_the_whole():
    generator = np.random.default_rng(4)
    times, event = generator.exponential(20, 20_000), np.ones(20_000)
    root = draw([("A", times, event)])
    x, y = axes(root)
    path = np.array(corners(curve_of(root, 1)))
    for at, survival in kaplan_meier(times, event)[["time", "survival"]].to_numpy()[::97]:
        before, after = path[path[:, 0] <= x(at) + 1], path[path[:, 0] >= x(at) - 1]
        assert after[0, 1] - 1 <= y(survival) <= before[-1, 1] + 1


def test_the_reader_of_french_reads_french():
    root = draw(
        percent=lambda fraction, decimals: f"{100 * fraction:.{decimals}f}\u00a0%".replace(".", ","),
        number=lambda value, decimals: f"{value:.{decimals}f}".replace(".", ","),
        landmarks=[12.5],
    )
    assert "25\u00a0%" in texts(root)
    assert "median 8,0 (4,0–11,0)" in texts(root)
    assert "6-MP, 12,5 months: 75,3\u00a0% (50,3–88,9), 12 at risk" in spoken(root)


@WIDTHS
def test_nothing_in_a_page_is_styled_in_line_or_named_twice(width):
    root = draw(width=width, median=True, landmarks=[12])
    assert root.get("aria-label") == "Remission"
    assert root.get("viewBox") == f"0 0 {width} {root.get('height')}"
    for one in root.iter():
        assert one.tag != f"{SVG}style"
        assert not {"style", "id"} & set(one.keys())
        assert not [key for key in one.keys() if key.startswith("on")]  # noqa: SIM118


def test_a_file_carries_its_title_and_its_style():
    root = draw(many(8), standalone=True, bands=True)
    assert "Remission" in texts(root)
    style = "".join(one.text for one in root.iter(f"{SVG}style"))
    for name in (".line", ".band", ".censor", "text.series"):
        assert f"{name} {{" in style
    for number in range(1, 9):
        assert f".line.series-{number}, .censor.series-{number} {{ stroke: #" in style
    assert "var(" not in style  # not every program knows variables,
    assert ":is" not in style  # or more than the oldest selectors


@WIDTHS
@pytest.mark.parametrize(
    "label", ["<script>alert(1)</script>", "a \"b\" & 'c'", "{{7*7}}", "a\0b\ud800", "100%(x)s"]
)
def test_whatever_a_group_is_called_the_drawing_stays_whole(width, label):
    root = draw([(label, *MP6[1:])], title=label, width=width, standalone=True)
    clean = re.sub("[\0\ud800]", "\ufffd", label)
    assert spoken(root)[0].startswith(f"{clean}, 0 months")
    assert clean in "".join(root.itertext())

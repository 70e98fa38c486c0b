"""The ladder of an escalation, read as a reader would."""

from xml.etree import ElementTree

import pytest

from tracker.charts import base
from tracker.charts.ladder import Rung, ladder

SVG = "{http://www.w3.org/2000/svg}"


def rung(
    number, n=0, dlt=0, pending=0, replaced=0, status="Open", dose="", out=False, here=False, advised=False
):
    return Rung(f"Level {number}", dose, n, dlt, pending, replaced, status, out, here, advised)


RUNGS = [
    rung(1, 3, dose="0.3 mg/kg"),
    rung(2, 6, 1, dose="1 mg/kg", advised=True),
    rung(3, 3, 2, 1, 1, dose="3 mg/kg", status="Suspended", out=True, here=True),
]


def draw(rungs=RUNGS, advice="Advice, 3+3: De-escalate (level 2).", **options):
    return ElementTree.fromstring(str(ladder([("CCI-1/A", rungs, advice)], title="The ladder", **options)))


def spoken(root):
    return [one.get("aria-label") for one in root.iter(f"{SVG}g") if one.get("role") == "img"]


def marks(root, name):
    """The circles of this class in each level, the highest first."""
    return [
        sum(one.get("class") == name for one in group.iter(f"{SVG}circle"))
        for group in root.iter(f"{SVG}g")
        if group.get("role") == "img"
    ]


def test_the_highest_level_stands_on_top_and_says_what_is_known():
    assert spoken(draw()) == [
        "Level 3 · 3 mg/kg: 2 of 3 had a DLT, 1 pending, 1 replaced; Suspended, eliminated; current level",
        "Level 2 · 1 mg/kg: 1 of 6 had a DLT, 0 pending, 0 replaced; Open, advised",
        "Level 1 · 0.3 mg/kg: 0 of 3 had a DLT, 0 pending, 0 replaced; Open",
    ]


def test_each_participant_has_a_mark():
    assert marks(draw(), "mark") == [2, 1, 0]
    assert marks(draw(), "interval") == [2, 5, 3]  # without a DLT, and pending


def test_the_advice_stands_below_its_ladder():
    words = [one.text for one in draw().iter(f"{SVG}text")]
    assert words[0] == "CCI-1/A"
    assert "Advice, 3+3: De-escalate (level 2)." in words


@pytest.mark.parametrize("width", [base.WIDE, base.NARROW])
@pytest.mark.parametrize("dose", ["", "an agent with a very long name indeed 200 mg + another one 400 mg/kg"])
def test_nothing_is_drawn_outside(width, dose):
    rungs = [
        rung(number, 6, 1, 2, 1, dose=dose, status="Suspended", out=True, advised=True)
        for number in range(1, 4)
    ]
    root = draw(rungs, width=width)
    height = float(root.get("height"))
    for one in root.iter():
        for name, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert one.get(name) is None or 0 <= float(one.get(name)) <= limit


def test_of_many_participants_only_the_numbers_are_told():
    root = draw([rung(1, 60, 12)])
    assert sum(marks(root, "mark") + marks(root, "interval")) == 0
    assert "12/60" in [one.text for one in root.iter(f"{SVG}text")]


def test_a_file_carries_its_style_and_odd_names_are_escaped():
    root = ElementTree.fromstring(str(ladder([("<A & B>", RUNGS, "")], title="T", standalone=True)))
    assert root.find(f"{SVG}style") is not None
    assert "<A & B>" in [one.text for one in root.iter(f"{SVG}text")]


def test_an_arm_without_levels_has_its_heading_only():
    assert spoken(draw([])) == []

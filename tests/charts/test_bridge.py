"""The bridge from one rate to another."""

import re

import pytest

from tracker.charts.bridge import Step, bridge

STEPS = [
    Step("Breast", "rate", 0.1, 0.05, 0.18, "n = 100"),
    Step("Mix", "step", 0.06, 0.02, 0.12),
    Step("Response", "step", 0.07, -0.04, 0.17),
    Step("Others", "rate", 0.23, 0.15, 0.32, "n = 100"),
]


def bars(svg):
    """(top, foot) of each bar in pixels."""
    found = re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" class="mark"', svg)
    return [(float(top), float(top) + float(height)) for top, height in found]


@pytest.mark.parametrize("width", [760, 340])
def test_each_step_leads_on_from_where_the_last_one_ended(width):
    svg = bridge(STEPS, title="Gap", width=width)
    start, mix, response, end = bars(svg)
    assert start[1] == end[1]  # both stand on zero
    assert mix[1] == pytest.approx(start[0], abs=0.02)
    assert response[1] == pytest.approx(mix[0], abs=0.02)
    assert response[0] == pytest.approx(end[0], abs=0.02)
    assert "Mix: +6.0 (+2.0 to +12.0)" in svg
    assert "Breast: 10.0% (5.0% to 18.0%), n = 100" in svg
    assert "Response: +7.0 (−4.0 to +17.0)" in svg


def test_a_step_down_hangs_from_where_the_last_one_ended():
    steps = [Step("Breast", "rate", 0.3, None, None), Step("Gap", "unexplained", -0.1, None, None)]
    first, second = bars(bridge(steps, title="Gap"))
    assert second[0] == pytest.approx(first[0], abs=0.02)
    assert second[1] > second[0]
    assert "−10.0" in bridge(steps, title="Gap", standalone=True)


def test_without_steps_it_is_an_empty_frame():
    assert "<svg" in bridge([], title="Gap")

"""The director reads how participants of all trials respond, and takes the numbers away."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TRIALS = [
    "CCI-BASKET-01",
    "CCI-HN-10",
    "CCI-ITX-08",
    "CCI-ITX-09",
    "CCI-ITX-12",
    "CCI-LAG-05",
    "CCI-LUNG-03",
    "CCI-MEL-02",
    "CCI-NEO-06",
    "CCI-RCC-07",
    "CCI-REG-11",
    "CCI-TNBC-04",
]
TRIALS_OF_ADVANCED_BREAST_CANCER = {
    "CCI-BASKET-01",
    "CCI-ITX-08",
    "CCI-ITX-09",
    "CCI-ITX-12",
    "CCI-LAG-05",
    "CCI-TNBC-04",
}


def download(person, name):
    with person.page.expect_download() as started:
        person.follow(name)
    return started.value.suggested_filename, started.value.path().read_text()


def breast_by_trial(person):
    """Narrow the outcomes to breast cancer, a row for each trial, by the report's own form."""
    person.menu("Outcomes")
    person.at("Outcomes")
    person.page.get_by_text("Choose participants").click()
    person.fill({"Tumor location": "Breast", "Group by": "Trial"})
    person.press("Show")
    expect(person.page).to_have_url(re.compile("tumor_location=BREAST"))


def test_the_director_sees_the_outcomes_of_all_trials_first(at_the_centre):
    director = at_the_centre("director")
    director.at("Overview")
    assert [row["Trial"] for row in director.table("Outcomes of all trials")] == TRIALS
    marks = director.card("Outcomes of all trials").get_by_role("img", name=re.compile("CCI-"))
    expect(marks.filter(visible=True)).to_have_count(len(TRIALS))
    director.follow("Open the report")
    director.at("Outcomes")
    assert [row["Trial"] for row in director.table("Response")] == TRIALS


def test_a_narrowed_report_is_what_its_address_says(at_the_centre):
    director = at_the_centre("director")
    breast_by_trial(director)
    narrowed = director.table("Response")
    assert {row["Trial"] for row in narrowed} == TRIALS_OF_ADVANCED_BREAST_CANCER
    director.page.reload()
    assert director.table("Response") == narrowed
    expect(director.field("Group by").locator("option:checked")).to_have_text("Trial")
    director.page.get_by_text("Choose participants").click()
    expect(director.field("Tumor location").locator("option:checked")).to_have_text("Breast")

    colleague = at_the_centre("monitor")
    colleague.open(director.page.url)
    assert [row["Trial"] for row in colleague.table("Response")] == [row["Trial"] for row in narrowed]
    director.follow("Show all")
    assert [row["Group"] for row in director.table("Response")] == ["All participants"]


def test_the_marks_of_a_chart_are_read_by_keyboard(at_the_centre):
    director = at_the_centre("director")
    breast_by_trial(director)
    director.page.get_by_role("button", name="Show", exact=True).focus()
    for _ in range(20):
        director.page.keyboard.press("Tab")
        if director.focused().get_attribute("role") == "img":
            break
    first, second, *_others = (row["Trial"] for row in director.table("Response"))
    readout = director.card("Objective response rate").locator("[aria-live]").filter(visible=True)
    expect(director.focused()).to_have_accessible_name(re.compile(first))
    expect(readout).to_contain_text(first)
    director.page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text(second)
    director.check_page()
    director.page.keyboard.press("Shift+Tab")
    expect(readout).to_be_empty()


def test_the_pointer_reads_out_the_nearest_mark_of_a_curve(at_the_centre):
    director = at_the_centre("director")
    director.open("/reports/survival?endpoint=os&trial=CCI-TNBC-04")
    chart = director.card("Overall survival").locator("svg.chart-wide")
    mark = chart.locator("[data-readout*=' 12 months'] circle").first
    mark.scroll_into_view_if_needed()
    place = mark.bounding_box()
    readout = director.card("Overall survival").locator("[aria-live]").filter(visible=True)
    for beside, told in ((30, re.compile("12 months: .*at risk")), (-30, re.compile("12 months"))):
        director.page.mouse.move(place["x"] + place["width"] / 2 + beside, place["y"])
        expect(readout).to_have_text(told)
    director.page.mouse.move(2, 2)
    expect(readout).to_have_text("")


def test_the_files_of_a_report_hold_what_its_page_shows(at_the_centre):
    director = at_the_centre("director")
    breast_by_trial(director)
    shown = [
        (row["Trial"], int(row["Treated"]), int(row["Responders"])) for row in director.table("Response")
    ]
    name, text = download(director, "CSV")
    assert name == "outcomes.csv"
    read = [
        (row["trial"], int(row["n"]), int(row["responders"])) for row in csv.DictReader(text.splitlines())
    ]
    assert read == shown
    name, text = download(director, "JSON")
    result = json.loads(text)
    assert (name, result["report"]) == ("outcomes.json", "outcomes")
    table = result["tables"][0]["rows"]
    assert [(row["trial"], row["n"], row["responders"]) for row in table] == shown
    assert all(0 <= row["orr_low"] <= row["orr"] <= row["orr_high"] <= 1 for row in table)


def test_a_report_is_narrowed_without_script(at_the_centre):
    director = at_the_centre("director", java_script_enabled=False)
    breast_by_trial(director)
    assert "CCI-TNBC-04" in [row["Trial"] for row in director.table("Response")]

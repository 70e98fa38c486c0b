"""A physician enters a trial, from its agents to a participant's outcome, and changes what was entered."""

import datetime
import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.person import PASSWORD
from tracker.actions import user_named
from tracker.terms.participant import Sex

pytestmark = pytest.mark.browser

AGENTS = {
    "pembrolizumab": {
        "Code": "MK-3475",
        "Target": "PD-1",
        "Mechanism class": "PD-1 inhibitor",
        "Modality": "Antibody",
    },
    "relatlimab": {"Target": "LAG-3", "Mechanism class": "LAG-3 inhibitor", "Modality": "Antibody"},
}


def enter_agents(physician):
    for name, facts in AGENTS.items():
        physician.menu("Agents")
        physician.follow("New")
        physician.fill({"Name": name} | facts)
        physician.press("Save")
        physician.told(f"{name} is stored.")


def enter_regimen(physician):
    """Two agents, one beside the other: a row too many is added and removed again."""
    physician.menu("Regimens")
    physician.follow("New")
    physician.fill({"Name": "pembrolizumab + relatlimab"})
    physician.fill(
        {"Agent": "pembrolizumab", "Role": "Backbone", "Dose": "200", "Unit": "mg"}, physician.row(1)
    )
    for number in (2, 3):
        physician.press("Add a row: Components")
        expect(physician.row(number)).to_be_visible()
    physician.fill({"Agent": "relatlimab", "Role": "Added", "Dose": "160"}, physician.row(3))
    physician.press("Remove: Components 2")
    expect(physician.row(3)).to_have_count(0)
    with physician.refused(422):
        physician.press("Save")
    physician.corrected("Rationale", "Components 2, Unit: Give both dose and unit, or neither.")
    expect(physician.field("Dose", physician.row(2))).to_have_value("160")
    expect(physician.field("Agent", physician.row(1)).locator("option:checked")).to_have_text("pembrolizumab")


def mend_regimen(physician):
    physician.fill({"Unit": "mg"}, physician.row(2))
    physician.fill({"Rationale": "Both restrain T cells, at different points."})
    physician.press("Save")
    physician.told("pembrolizumab + relatlimab is stored.")
    rows = physician.card("Components").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("pembrolizumab")
    expect(rows.nth(2)).to_contain_text("160 mg")


def test_a_physician_enters_a_trial_from_its_agents_to_an_outcome(physician):
    enter_agents(physician)
    enter_regimen(physician)
    physician.check_page()
    mend_regimen(physician)

    physician.menu("Trials")
    physician.follow("New")
    physician.fill(
        {
            "Code": "CCI-012",
            "Title": "Pembrolizumab and relatlimab in advanced breast cancer",
            "Phase": "Phase 2",
            "Status": "Recruiting",
            "Design": "Single arm",
            "Setting": "Advanced",
            "Response criteria": "RECIST 1.1",
            "Accrual target": "30",
            "Opened on": "12jan26",
        }
    )
    physician.press("Save")
    physician.told("CCI-012 is stored.")

    physician.follow("Add an arm")
    physician.fill(
        {
            "Code": "A",
            "Title": "Both",
            "Type": "Experimental",
            "Regimen": "pembrolizumab + relatlimab",
            "Status": "Open",
            "Planned number of participants": "30",
        }
    )
    physician.press("Save")
    physician.told("A is stored.")

    physician.back_to("CCI-012")
    physician.follow("Add a cohort")
    physician.fill({"Name": "Breast", "Tumor location": "Breast", "Status": "Open"})
    physician.press("Save")
    physician.told("Breast is stored.")

    physician.back_to("CCI-012")
    physician.follow("Enrol participant")
    physician.fill(
        {
            "Code": "CCI-0001",
            "Arm": "A",
            "Cohort": "Breast",
            "Sex": "Female",
            "Year of birth": "1961",
            "Tumor location": "Breast",
            "Consented on": "t-9",
            "Enrolled on": "t-3",
            "First dose on": "t-3",
        }
    )
    with physician.refused(422):
        physician.press("Save")
    physician.corrected("Subtype: Breast cancer needs its subtype")
    expect(physician.field("Code")).to_have_value("CCI-0001")
    expect(physician.field("Enrolled on")).to_have_value("t-3")
    expect(physician.field("Cohort").locator("option:checked")).to_have_text("Breast")
    physician.check_page()
    physician.follow("Subtype")
    expect(physician.field("Subtype")).to_be_focused()
    physician.fill({"Subtype": "Triple-negative (TNBC)"})
    physician.press("Save")
    physician.told("CCI-0001 is stored.")
    three_days_ago = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=3)
    physician.has_fact("Enrolled on", three_days_ago.isoformat())

    physician.follow("Enter the reported outcome")
    physician.fill({"Best overall response": "Partial response (PR)", "Source": "hospital record"})
    physician.fill({"Progression-free survival (months)": "7.5", "Progressed or died": "no"})
    physician.press("Save")
    physician.told("is stored.")
    physician.menu("Participants")
    expect(physician.page.get_by_role("row", name="CCI-0001")).to_contain_text("PR")

    physician.menu("Trials")
    physician.follow("CCI-012")
    expect(physician.card("Arms").get_by_role("progressbar", name="Accrual of A")).to_have_attribute(
        "value", "1"
    )
    physician.follow("Outcomes", physician.page.get_by_role("main"))
    physician.at("Outcomes")
    expect(physician.page).to_have_url(re.compile(r"trial=CCI-012"))
    (response,) = physician.table("Response")
    assert (response["Treated"], response["Pending"]) == ("0", "1")  # dosed too lately for an assessment


@pytest.fixture
def their_participant(app, team):
    """CCI-0001, whom an outcome was reported of and whom the physician may edit."""
    trial = factories.make_trial(code="CCI-012", title="Pembrolizumab in advanced lung cancer")
    factories.make_trial_member(user=user_named("moreau"), trial=trial)
    participant = factories.make_participant(trial=trial, code="CCI-0001", sex=Sex.FEMALE, ecog=1)
    factories.make_reported_outcome(participant=participant)
    factories.db.session.rollback()


def test_a_change_needs_its_reason_and_stands_in_the_history(their_participant, physician):
    physician.menu("Participants")
    physician.follow("CCI-0001")
    physician.follow("Edit")
    physician.fill({"ECOG performance status": "2"})
    with physician.refused(422):
        physician.press("Save")
    physician.corrected("Reason")
    physician.fill({"Reason for the change": "misread on the form"})
    physician.press("Save")
    physician.told("CCI-0001 is changed.")
    physician.follow("History")
    latest = physician.page.get_by_role("main").get_by_role("listitem").filter(has_text="misread on the form")
    expect(latest).to_contain_text("ECOG performance status")
    expect(latest.locator("del")).to_have_text("1")
    expect(latest.locator("ins")).to_have_text("2")
    expect(latest).to_contain_text("moreau")


def test_what_another_tab_saved_meanwhile_is_shown_beside_what_was_typed(their_participant, physician):
    other = physician.another_tab()
    for tab in (physician, other):
        tab.open("/participants/")
        tab.follow("CCI-0001")
        tab.follow("Edit")
    other.fill({"ECOG performance status": "0", "Reason for the change": "seen again today"})
    other.press("Save")
    other.told("CCI-0001 is changed.")

    physician.fill({"ECOG performance status": "2", "Reason for the change": "misread on the form"})
    with physician.refused(409):
        physician.press("Save")
    physician.corrected("Someone else changed this record while you were editing it.")
    expect(physician.field("ECOG performance status")).to_have_value("2")
    expect(physician.page.get_by_role("term").filter(has_text="Stored meanwhile")).to_have_count(1)
    physician.has_fact("Stored meanwhile", "0")
    physician.check_page()
    physician.press("Save")
    physician.told("CCI-0001 is changed.")
    physician.has_fact("ECOG performance status", "2")


def test_a_double_click_on_save_stores_one_record(physician):
    physician.menu("Agents")
    physician.follow("New")
    physician.fill({"Name": "nivolumab"} | AGENTS["pembrolizumab"])
    physician.page.get_by_role("button", name="Save").dblclick()
    physician.at("nivolumab")
    physician.menu("Agents")
    expect(physician.page.get_by_role("row", name="nivolumab")).to_have_count(1)


def test_a_withdrawn_record_leaves_the_lists_and_says_why(their_participant, physician):
    physician.menu("Participants")
    physician.follow("CCI-0001")
    physician.follow("Withdraw")
    physician.at("Withdraw CCI-0001")
    physician.check_page()
    with physician.refused(422):
        physician.press("Withdraw")
    physician.corrected("Reason for the withdrawal")
    physician.fill({"Reason for the withdrawal": "enrolled twice"})
    physician.press("Withdraw")
    physician.told("CCI-0001 is withdrawn.")
    physician.follow("History")
    expect(physician.page.get_by_text("Reason: enrolled twice")).to_be_visible()
    physician.menu("Participants")
    expect(physician.page.get_by_text("Nothing has been entered yet.")).to_be_visible()


def test_all_of_it_is_entered_without_script(arrive, server, team):
    physician = arrive(server, java_script_enabled=False)
    physician.sign_in("moreau", PASSWORD)
    enter_agents(physician)
    enter_regimen(physician)
    mend_regimen(physician)

"""A physician enters a trial, from its agents to a participant's outcome, and changes what was entered."""

import datetime
import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.person import PASSWORD
from tracker.actions import user_named
from tracker.audit import because
from tracker.extensions import db
from tracker.terms.participant import Sex
from tracker.terms.regimen import DoseUnit

pytestmark = pytest.mark.browser

EVENTS = [("Pneumonitis", "2024-02-14", "2024-03-20", 1), ("Fatigue", "2024-02-01", "", 0)]

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


class Typist:
    """Enters by the keyboard alone. count: keys and clicks, without what is typed as a value."""

    def __init__(self, person):
        self.page, self.count = person.page, 0

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1

    def send(self, key):
        with self.page.expect_navigation():
            self.press(key)
        begins = self.page.locator("[autofocus]")
        if begins.count():
            expect(begins).to_be_focused()

    def type(self, *values):
        """Each value, with a Tab to the next field between them; None is a field left as it is."""
        for place, value in enumerate(values):
            if place:
                self.press("Tab")
            if value:
                self.page.keyboard.type(value)
        expect(self.page.locator(".htmx-request")).to_have_count(0)  # what depends on a value has come


def test_a_participants_course_is_entered_in_under_sixty_keys(physician):
    """Enrolled, dosed for three cycles, two adverse events, four assessments; then the page tells the response."""
    trial = factories.make_trial(code="KEYS")
    regimen = factories.make_regimen(agents=[factories.make_agent(name="pembrolizumab")])
    regimen.components[0].dose, regimen.components[0].unit = 200, DoseUnit.MG
    with because("for the test"):
        db.session.commit()
    factories.make_arm(trial=trial, code="PEMBRO", regimen=regimen)
    factories.make_trial_member(trial=trial, user=user_named("moreau"))
    address = f"/trials/{trial.id}"
    db.session.rollback()  # so that the test does not hold the database while the tracker writes
    physician.open(address)
    hands = Typist(physician)

    hands.send("n")
    code_to_location = ["KEYS-0001", "PEMBRO", None, None, "1961", None, None, "Lung"]
    hands.type(*code_to_location, None, None, None, None, None, "2024-01-08", "2024-01-15")
    hands.send("Enter")
    expect(physician.page.get_by_role("heading", level=1)).to_contain_text("KEYS-0001")

    hands.send("d")
    for key in ("Control+Enter", "Control+Enter", "Enter"):
        hands.send(key)

    hands.send("e")
    for number, (term, started, ended, arrows) in enumerate(EVENTS):
        hands.type(term, started, ended, None, None)
        hands.press("Space", *["ArrowDown"] * arrows)
        hands.send("Enter" if number else "Control+Enter")

    hands.send("a")
    hands.type("2024-01-10", "CT", None, None, "liver", "Liver", None, "40")
    hands.send("Control+Enter")
    for number, (day, diameter) in enumerate(
        [("2024-03-11", "26"), ("2024-05-06", "20"), ("2024-07-01", "30")]
    ):
        hands.type(day, None, None, diameter)
        hands.send("Enter" if number == 2 else "Control+Enter")

    page = physician.page.get_by_role("main")
    expect(page).to_contain_text("PR on 2024-03-11")
    expect(page).to_contain_text("confirmed on 2024-05-06")
    expect(page).to_contain_text("nadir of 20 mm")
    marks = page.locator("#timeline .chart").first.locator("[data-readout]")
    readouts = [mark.get_attribute("data-readout") for mark in marks.all()]
    assert sum("pembrolizumab" in one for one in readouts) == 3
    assert sum("grade" in one for one in readouts) == 2
    assert hands.count < 60

"""From a hypothesis to a finding that was judged, and stale once a value has changed."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import PASSWORD
from tests.views.test_finding_figures import a_trial
from tracker import actions
from tracker.extensions import db
from tracker.roles import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def people(app, arrive, server):
    """A researcher, the director and a physician of a trial with a predictive marker, each at a browser."""
    trial = a_trial()
    names = {"okoye": Role.RESEARCHER, "lindqvist": Role.DIRECTOR, "moreau": Role.PHYSICIAN}
    for name, role in names.items():
        user = actions.add_user(name, role, PASSWORD)
        if role is not Role.DIRECTOR:
            actions.assign(user, trial)
    db.session.commit()
    found = [arrive(server) for _name in names]
    for person, name in zip(found, names):
        person.sign_in(name, PASSWORD)
    return found


def decide(director, decision, reason):
    director.open("/")
    director.card("Findings awaiting review").get_by_role("link").first.click()
    director.at("TMB, predictive")
    director.follow("Decide")
    director.fill({"Decision": decision, "Reason": reason})
    director.press("Save")
    director.told("is stored")


def submit(researcher):
    researcher.press("Submit for review")
    researcher.told("is submitted")


def test_a_finding_goes_from_hypothesis_to_judgement_and_turns_stale(people):
    researcher, director, physician = people
    researcher.menu("Biomarkers")
    researcher.follow("TMB")
    researcher.follow("Register a hypothesis")
    researcher.fill(
        {"BEST category": "Predictive", "Endpoint": "Response", "A higher marker means": "Better"}
    )
    researcher.fill({"Population": "Lung cancer, in two arms", "Tumor location": "Lung"})
    researcher.press("Save")
    researcher.told("is stored")

    researcher.open("/reports/predictive?marker=TMB+panel")
    researcher.follow("Make a finding")
    researcher.at("New finding from the report “Predictive marker”")
    expect(researcher.field("Estimate")).to_have_value("46.29")
    researcher.fill({"Markers tried": "1"})
    researcher.press("Save")
    researcher.at("TMB, predictive, Lung")
    researcher.has_fact("Figures from", "the report “Predictive marker”")
    address = researcher.page.url
    submit(researcher)
    expect(researcher.page.get_by_role("link", name="Decide")).to_have_count(0)

    physician.open(address)
    physician.at("TMB, predictive, Lung")
    expect(physician.page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    with physician.refused(403):
        physician.open(f"{address}/edit")

    decide(director, "Returned", "How many markers were tried?")
    researcher.open(address)
    researcher.follow("Edit")
    researcher.fill({"Markers tried": "3", "Reason for the change": "As the review asks."})
    researcher.press("Save")
    submit(researcher)
    decide(director, "Accepted", "Randomised, and enough of them.")

    researcher.open("/measurements/1/edit")
    researcher.fill({"Value": "4", "Reason for the change": "Misread."})
    researcher.press("Save")
    researcher.told("is changed")
    researcher.open("/")
    assert "Stale" in researcher.table("My findings")[0]["State"]
    researcher.open(address)
    researcher.follow("See the old and the new figures side by side")
    assert {row["Figure"]: row["The report then"] for row in researcher.table("Figures")}[
        "Estimate"
    ] == "46.29"
    researcher.check_page()
    researcher.fill({"Reason for the change": "A value was mended."})
    researcher.press("Take the new figures")
    researcher.told("is changed")
    expect(researcher.page.get_by_text("Stale", exact=True)).to_have_count(0)

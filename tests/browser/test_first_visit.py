"""An empty installation: who comes first makes the administrator, who makes the others and shuts them out."""

import pytest
from playwright.sync_api import expect

from tests.browser.person import PASSWORD

pytestmark = pytest.mark.browser


def test_the_first_visit_makes_the_administrator_who_makes_the_others(arrive, server):
    admin = arrive(server)
    admin.open("/trials/")
    admin.at("Welcome to ImmunoTrack")
    admin.check_page()
    admin.fill({"Account name": "Admin", "Name": "A. Keeper", "First password": "too short"})
    with admin.refused(422):
        admin.press("Make the administrator")
    admin.corrected("First password: Write at least 15 characters")
    expect(admin.field("Name")).to_have_value("A. Keeper")
    admin.check_page()
    admin.fill({"First password": PASSWORD})
    admin.press("Make the administrator")
    admin.told("The tracker is yours.")

    for name, role in (("moreau", "Physician"), ("lindqvist", "Medical director")):
        admin.menu("Accounts")
        admin.follow("New account")
        admin.fill({"Account name": name, "Name": f"Dr {name}", "Role": role, "First password": PASSWORD})
        admin.press("Save")
        admin.told(f"Dr {name} is stored.")

    physician = arrive(server)
    physician.sign_in("moreau", PASSWORD, address="/")
    physician.at("Overview")
    expect(physician.page.get_by_text("You are not assigned to a trial yet.")).to_be_visible()
    expect(physician.page.get_by_role("link", name="Accounts")).to_have_count(0)


def test_a_disabled_account_is_out_at_its_next_click(arrive, server, physician):
    admin = arrive(server)
    admin.sign_in("admin", PASSWORD)
    admin.menu("Accounts")
    admin.follow("moreau")
    admin.press("Disable")
    admin.told("moreau is disabled.")

    physician.menu("Trials")
    physician.at("Sign in")
    physician.told("Sign in to go on.")
    physician.fill({"Account": "moreau", "Password": PASSWORD})
    with physician.refused(422):
        physician.press("Sign in")
    physician.corrected("the account is disabled")

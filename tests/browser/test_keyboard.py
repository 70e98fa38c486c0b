"""All of it without a mouse; and the theme and language that one chooses."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_keys_lead_to_the_search_the_new_record_and_the_help(physician):
    page = physician.page
    physician.open("/agents/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_be_focused()
    page.keyboard.type("n?")
    expect(physician.focused()).to_have_value("n?")

    physician.open("/agents/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    physician.check_page()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("n")
    physician.at("New agent")
    physician.fill({"Name": "ipilimumab", "Mechanism class": "CTLA-4 inhibitor", "Modality": "Antibody"})
    page.keyboard.press("Control+Enter")
    physician.told("ipilimumab is stored.")


def test_the_search_finds_a_record_by_part_of_its_name(at_the_centre):
    director = at_the_centre("director")
    director.page.keyboard.press("/")
    director.page.keyboard.type("triple-negative")
    director.page.keyboard.press("Enter")
    director.at("Search triple-negative")
    director.follow("CCI-TNBC-04")
    director.at("CCI-TNBC-04")


def test_the_first_tab_skips_to_the_content(physician):
    physician.open("/agents/")
    physician.page.keyboard.press("Tab")
    expect(physician.focused()).to_have_text("Skip to the content")
    expect(physician.focused()).to_be_in_viewport()
    physician.page.keyboard.press("Enter")
    expect(physician.page.get_by_role("main")).to_be_focused()
    physician.page.keyboard.press("Tab")
    expect(physician.focused()).to_have_accessible_name("New")


@pytest.mark.parametrize(
    "address", ["/", "/trials/", "/trials/1", "/regimens/5/edit", "/participants/new?trial=1"]
)
def test_tab_reaches_everything_and_shows_where_it_is(at_the_centre, address):
    physician = at_the_centre("physician")
    physician.open(address)
    reached = physician.page.evaluate_handle("new Set()")
    stops = physician.page.evaluate(_STOPS)
    for _ in range(stops + 5):
        physician.page.keyboard.press("Tab")
        assert physician.page.evaluate(_SEEN, reached) != "hidden", physician.focused().evaluate(
            "e => e.outerHTML"
        )
    missed = physician.page.evaluate(_MISSED, reached)
    assert not missed, f"never reached of {stops}: {missed}"


_FOCUSABLE = """[...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")].filter(
  (one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true}))"""
_STOPS = f"{_FOCUSABLE}.length"
_SEEN = """(reached) => {
  const one = document.activeElement;
  if (one === document.body) return "outside";
  reached.add(one);
  const box = one.getBoundingClientRect();
  const [x, y] = [box.left + Math.min(box.width, innerWidth) / 2, box.top + Math.min(box.height, 40) / 2];
  const above = document.elementFromPoint(x, y);
  return above && (one.contains(above) || above.contains(one)) ? "seen" : "hidden";
}"""
_MISSED = (
    f"(reached) => {_FOCUSABLE}.filter((one) => !reached.has(one)).map((one) => one.outerHTML.slice(0, 200))"
)


def test_the_menu_of_a_small_screen_opens_and_closes(at_the_centre):
    director = at_the_centre("director", viewport={"width": 390, "height": 844})
    menu = director.page.get_by_role("navigation", name="Main menu")
    expect(menu).to_have_count(0)
    director.press("Open the menu")
    expect(menu).to_be_visible()
    director.page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    director.press("Open the menu")
    director.menu("Trials")
    director.at("Trials")
    expect(menu).to_have_count(0)


def test_the_theme_is_kept(at_the_centre):
    director = at_the_centre("director")
    html = director.page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", "light")
    director.press("Use the dark theme")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    director.at("Overview")
    director.menu("Trials")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    director.press("Sign out")
    director.at("Sign in")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    director.press("Use the light theme")
    expect(html).to_have_attribute("data-bs-theme", "light")


def test_the_language_is_kept(at_the_centre):
    director = at_the_centre("director")
    director.menu("Trials")
    director.press("FR: Afficher en français")
    expect(director.page.locator("html")).to_have_attribute("lang", "fr")
    director.at("Essais")
    director.page.reload()
    director.at("Essais")
    director.press("EN: Show in English")
    expect(director.page.locator("html")).to_have_attribute("lang", "en")
    director.at("Trials")

"""Every page that a role is led to answers, keeps to the policy, is accessible, and fits its window."""

import html
import re
from collections import Counter
from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from tracker.demo.centre import SIGN_INS

pytestmark = pytest.mark.browser

#: Reports of a line a participant are looked at for one trial: of hundreds of lines each would be measured.
NARROWED = {f"/reports/{slug}": "?trial=CCI-TNBC-04" for slug in ("safety", "spider", "swimmer", "waterfall")}

#: How many addresses of a kind, such as participants, are asked for as one role.
OF_A_KIND = 2

#: A link to an address of the tracker, without the part of the page that it leads to.
_LINK = re.compile(r'<a\b[^>]*\shref="([^"#]+)')


def links(address, text) -> list[str]:
    """Where the page at the address leads to, of the tracker's own."""
    found = (urljoin(address, html.unescape(link)) for link in _LINK.findall(text))
    return [link for link in found if link.startswith("/")]


def kind(address) -> str:
    """What addresses are alike: of one kind of record, or of one list however it is narrowed or sorted."""
    return re.sub(r"\d+", "1", address.split("?")[0])


def looks(address) -> str:
    """What pages look alike: those of a kind; a form, new and later; histories and withdrawals of any record."""
    form = re.sub(r"/1/edit$", "/new", kind(address))
    return re.sub(r"^/[a-z-]+/1/(history|withdraw)$", r"/record/1/\1", form)


def is_file(address) -> bool:
    return "." in address.split("?")[0]


def test_all_that_each_role_is_led_to_answers_and_is_accessible(at_the_centre):
    """What the pages of the side bar link to is asked for (OF_A_KIND at most, of files one of each format), one page of
    each look is looked at, and what that leads to is followed.

    The physician, who enters the most, comes first; of the others' pages, the home and the looks that nobody had
    before them are looked at.
    """
    seen, wrong = set(), []
    for role, _name, _password in sorted(SIGN_INS, key=lambda one: one[0] != "physician"):
        person = at_the_centre(role)
        kinds = _walk(person, seen, wrong)
        if role == "physician":
            entered = {"/participants/1/edit", "/regimens/1/edit", "/arms/new", "/cohorts/1/history"}
            assert entered <= set(kinds)
        seen.discard("/")
        person.leave()
    assert not wrong, "\n".join(wrong)


def _walk(person, seen, wrong) -> Counter[str]:
    """Ask for what the person is led to; adds to the looks that were seen, and to what is wrong with them.

    Gives how many addresses of each kind came by.
    """
    side_bar = links("/", person.page.locator("#menu").inner_html())
    waiting, near = list(side_bar), set(side_bar)
    asked, kinds = set(), Counter()
    while waiting:
        address = waiting.pop(0)
        if address in asked:
            continue
        is_new = looks(address) not in seen and not is_file(address)
        shown = ""
        if is_new:
            person.open(address + NARROWED.get(address, ""))
            wrong += person.faults_of_page()
            shown = person.page.content()
        elif address in side_bar or kinds[kind(address)] < _enough(address, near):
            answer = person.context.request.get(address + NARROWED.get(address, ""))
            assert answer.status < 400, f"{answer.status} for {address}"
            shown = "" if is_file(address) else answer.text()
        if address in side_bar:
            near.update(links(address, shown))
        if address in side_bar or is_new:
            waiting += links(address, shown)
        asked.add(address)
        kinds[kind(address)] += 1
        seen.add(looks(address))
    return kinds


def _enough(address, near):
    return OF_A_KIND if address in near and not is_file(address) else 1


def test_pages_that_say_no_are_accessible(arrive, at_the_centre, centre):
    stranger = arrive(centre)
    stranger.open("/sign-in")
    stranger.check_page()
    monitor = at_the_centre("monitor")
    for address, status, heading in (
        ("/trials/999", 404, "Not found"),
        ("/users/", 403, "Not for your role"),
        ("/participants/?sort=shoe-size", 422, "That does not work"),
    ):
        with monitor.refused(status):
            monitor.open(address)
        monitor.at(heading)
        monitor.check_page()
    monitor.open("/search?q=no+such+words")
    expect(monitor.page.get_by_text("Nothing matches.")).to_be_visible()
    monitor.check_page()

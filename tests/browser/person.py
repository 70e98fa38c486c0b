"""Somebody at a browser: acts by labels, roles and keys, and notes whatever goes wrong in the pages."""

import contextlib
import copy
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Error, Locator, expect

#: What the accounts that the tests make sign in with.
PASSWORD = "a sentence is easy to keep"

(_AXE,) = Path(__file__).parent.glob("vendor/axe-core-*/axe.min.js")

#: WCAG 2.2 A and AA, and axe's own best practices; none is left out.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

#: Of these, the rules whose answer depends on colours, sizes and what a small screen shows in place of a wide one.
_RULES_OF_LOOKS = [
    *["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"],
    *["button-name", "link-name", "label", "aria-hidden-focus", "heading-order", "region", "skip-link"],
]

#: Runs in every page before its own scripts: a violation of the content policy becomes an error in the console.
_TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`content policy: ${event.violatedDirective} of ${event.blockedURI} ${event.sample}`));"""

WIDE, NARROW = {"width": 1360, "height": 850}, {"width": 390, "height": 844}


class Person:
    """A browser of one's own, at the tracker at `origin`.

    faults: what must not happen and did: errors and warnings in the console, violations of the content policy,
    requests to another host, requests that failed, answers of 400 and more that nobody announced by `refused`.
    """

    def __init__(self, chromium, origin, **options):
        # Without motion no page is looked at in the middle of a transition.
        options = {"viewport": WIDE, "reduced_motion": "reduce", "locale": "en-GB"} | options
        self.context = chromium.new_context(base_url=origin, **options)
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.host = urlsplit(origin).netloc
        self.faults, self.announced = [], []
        self.context.on("request", self._note_request)
        self.context.on("response", self._note_answer)
        self.context.on("requestfailed", self._note_failure)
        self.context.on("console", self._note_message)
        self.context.on(
            "weberror", lambda error: self.faults.append(f"error in {self.page.url}: {error.error}")
        )
        self.page = self.context.new_page()

    def _note_request(self, request):
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.netloc != self.host:
            self.faults.append(f"request to another host: {request.url}")

    def _note_answer(self, answer):
        if answer.status >= 400 and answer.status not in self.announced:
            self.faults.append(f"{answer.status} for {answer.request.method} {answer.url}")

    def _note_failure(self, request):
        # A file that is downloaded, and what is under way when one goes on to the next page, end as "aborted".
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.failure} for {request.url}")

    def _note_message(self, message):
        # The console repeats refusals, which are noted by their status.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"{message.type} in {self.page.url}: {message.text}")

    @contextlib.contextmanager
    def refused(self, status):
        """What is done inside is answered with this status, once or more; nothing else is refused."""
        self.announced.append(status)
        with self.page.expect_response(lambda answer: answer.status == status):
            yield
        self.page.wait_for_load_state()
        self.announced.remove(status)

    # What a person does

    def open(self, address):
        self.page.goto(address)

    def sign_in(self, name, password, address="/sign-in"):
        self.open(address)
        self.at("Sign in")
        self.fill({"Account": name, "Password": password})
        self.press("Sign in")
        expect(self.page).not_to_have_url(re.compile("/sign-in"))
        self.page.wait_for_load_state()  # before that, the page's keys do nothing

    def another_tab(self):
        """The same person in a second tab of the same browser."""
        other = copy.copy(self)
        other.page = self.context.new_page()
        return other

    def follow(self, name, within=None):
        (within or self.page).get_by_role("link", name=name, exact=True).click()

    def press(self, name, within=None):
        (within or self.page).get_by_role("button", name=name, exact=True).click()

    def menu(self, name):
        self.follow(name, self.page.get_by_role("navigation", name="Main menu"))

    def back_to(self, name):
        """Go to what this page belongs to."""
        self.follow(name, self.page.get_by_role("navigation", name="Where this page belongs"))

    def fill(self, values, within=None):
        """values: by label, what is typed, chosen by its words, or ticked (True and False)."""
        for label, value in values.items():
            field = self.field(label, within)
            if isinstance(value, bool):
                field.set_checked(value)
            elif field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(label=value)
            else:
                field.fill(value)

    # What a person sees

    def field(self, label, within=None) -> Locator:
        """The field of this label, whether or not the label adds "(optional)"."""
        return (within or self.page).get_by_label(re.compile(rf"^{re.escape(label)}(\s\(optional\))?$"))

    def row(self, number) -> Locator:
        """A row of the form's list of components."""
        return self.page.get_by_role("group", name=f"Components {number}", exact=True)

    def at(self, heading):
        """The page of this heading has come."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)
        self.page.wait_for_load_state()  # before that, the page's keys do nothing

    def told(self, message):
        """The page says this of what was just done."""
        expect(self.page.get_by_role("status").filter(has_text=message)).to_be_visible()

    def corrected(self, *messages):
        """The summary of what is wrong has the focus, and says this."""
        expect(self.page.get_by_role("alert").first).to_be_focused()
        for message in messages:
            expect(self.page.get_by_role("alert").first).to_contain_text(message)

    def has_fact(self, label, value, within=None):
        """On a record's page this stands beside that label."""
        term = (
            (within or self.page)
            .get_by_role("term")
            .filter(has_text=re.compile(rf"^\s*{re.escape(label)}\s*$"))
        )
        expect(term.first.locator("xpath=following-sibling::dd[1]")).to_contain_text(value)

    def card(self, title) -> Locator:
        return self.page.locator("section").filter(
            has=self.page.get_by_role("heading", name=title, exact=True)
        )

    def table(self, title) -> list[dict[str, str]]:
        """The table of a card, as it is read: each row by the headings of its columns."""
        self.page.wait_for_load_state()
        heading, *rows = (
            [cell.inner_text() for cell in row.locator("th, td").all()]
            for row in self.card(title).get_by_role("row").all()
        )
        return [dict(zip(heading, row)) for row in rows]

    def focused(self) -> Locator:
        return self.page.locator("*:focus")

    # What must be true of every page

    def look(self, theme, size):
        """See the page in a theme and size, without asking for it again."""
        self.page.set_viewport_size(size)
        self.page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)

    def check_page(self):
        """The page is accessible, and not wider than its window."""
        faults = self.faults_of_page()
        assert not faults, "\n".join(faults)

    def faults_of_page(self) -> list[str]:
        """What is wrong with the page, seen light on a desk and dark on a telephone."""
        wrong = []
        for theme, size, rules in (("light", WIDE, _RULES), ("dark", NARROW, _RULES_OF_LOOKS)):
            self.look(theme, size)
            found = [*self._barriers(rules), *self._overflow()]
            wrong += [f"{self.page.url}, {theme}, {size['width']} px: {text}" for text in found]
        self.look("light", WIDE)
        return wrong

    def _barriers(self, rules):
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE.read_text())
        options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
        found = self.page.evaluate(f"axe.run(document, {json.dumps(options)})")["violations"]
        return [
            f"{one['id']}: {one['help']}\n  {node['html'][:300]}\n  {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]

    def _overflow(self):
        widths = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        return [f"the page is {widths[0]} px wide"] if widths[0] > widths[1] else []

    def leave(self):
        with contextlib.suppress(Error):
            self.context.close()

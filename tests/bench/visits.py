"""What people of each role do with the pages, over and over: python -m tests.bench.child visits.work '{...}'"""

import datetime
import html
import http.client
import itertools
import random
import re
import threading
import time
from collections import defaultdict
from urllib.parse import urlencode

import numpy as np

from tests.bench import center

_INPUT = re.compile(r"<input\b[^>]*>")
_SELECT = re.compile(r'<select\b[^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.S)
_AREA = re.compile(r'<textarea\b[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', re.S)
_FORM = re.compile(r"<form\b.*?</form>", re.S)

#: How many days on which something was entered each participant has had.
_DAYS = defaultdict(itertools.count)

#: How often a person of each role does what, of what `_Person` can do.
WORK = {
    "physician": {
        "home": 2,
        "participants": 3,
        "participant": 6,
        "trial": 1,
        "events": 2,
        "search": 2,
        "queries": 1,
        "outcomes": 1,
        "enter_event": 2,
        "enter_dose": 2,
        "change_participant": 2,
    },
    "researcher": {
        "home": 1,
        "measurements": 4,
        "measurement": 4,
        "specimens": 2,
        "biomarkers": 1,
        "participant": 2,
        "search": 1,
        "outcomes": 1,
        "enter_measurement": 3,
    },
    "director": {
        "home": 2,
        "trials": 2,
        "trial": 3,
        "participant": 2,
        "outcomes": 1,
        "survival": 1,
        "findings": 1,
    },
    "monitor": {"home": 1, "participants": 3, "participant": 4, "history": 3, "queries": 2, "trials": 1},
}


def work(port: int, seconds: float, seed: int) -> dict:
    """32 people at once for so long. Returns the seconds of each request by its kind, and what was no right answer."""
    people = [_Person(port, name, role, seed) for name, role in center.people()]
    for person in people:
        person.sign_in()
    ends = time.perf_counter() + seconds
    threads = [threading.Thread(target=person.work, args=(ends,)) for person in people]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    times = defaultdict(list)
    for person in people:
        for kind, found in person.times.items():
            times[kind] += found
    whole = np.concatenate(list(times.values()))
    return {
        "seconds": took,
        "requests": len(whole),
        "written": sum(len(found) for kind, found in times.items() if kind.startswith("save")),
        "p50": float(np.quantile(whole, 0.5)),
        "p95": float(np.quantile(whole, 0.95)),
        "kinds": {
            kind: [len(found), float(np.quantile(found, 0.95))] for kind, found in sorted(times.items())
        },
        "errors": [error for person in people for error in person.errors],
    }


class _Person:
    """Somebody at a browser of their own, who keeps the connection and the cookie."""

    def __init__(self, port, name, role, seed):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.name, self.role = name, role
        self.chance = random.Random(f"{name} {seed}")
        self.cookies, self.times, self.errors = {}, defaultdict(list), []
        self.known = defaultdict(list)

    def sign_in(self):
        page = self.get("sign-in", "/sign-in")
        self.post("sign-in", "/sign-in", _fields(page) | {"name": self.name, "password": center.PASSWORD})
        for name in ("participants", "measurements", "trials"):
            if name != "measurements" or self.role == "researcher":
                page = self.get(name, f"/{name}/?page=1")
                self.known[name] += sorted(set(re.findall(rf'"/{name}/(\d+)"', page)))
        self.times.clear()

    def work(self, ends):
        choices = WORK[self.role]
        while time.perf_counter() < ends:
            (what,) = self.chance.choices(list(choices), choices.values())
            getattr(self, what, lambda what=what: self.look(what))()

    def look(self, what):
        one = {name: self.chance.choice(found) for name, found in self.known.items()}
        address = {
            "home": "/",
            "participants": "/participants/",
            "participant": f"/participants/{one['participants']}",
            "history": f"/participants/{one['participants']}/history",
            "trials": "/trials/",
            "trial": f"/trials/{one['trials']}",
            "events": "/adverse-events/",
            "queries": "/queries/",
            "search": f"/search?q=T0{self.chance.randrange(9)}-0{self.chance.randrange(9)}",
            "measurements": "/measurements/",
            "measurement": f"/measurements/{one.get('measurements')}",
            "specimens": "/specimens/",
            "biomarkers": "/biomarkers/",
            "findings": "/findings/",
            "outcomes": "/reports/outcomes?by=tumor_location",
            "survival": "/reports/survival?by=tumor_location",
        }[what]
        self.get(what, address)

    def enter_event(self):
        typed = {"term": "Fatigue", "grade": "2"}
        return self.enter("event", "/adverse-events/new", typed, day="started_on")

    def enter_dose(self):
        typed = {"cycle": str(self.chance.randrange(7, 60))}
        return self.enter("dose", "/administrations/new", typed, day="given_on")

    def enter_measurement(self):
        typed = {"assay": "1", "value": str(self.chance.randrange(1, 90)), "timepoint": "on treatment"}
        return self.enter("measurement", "/measurements/new", typed, day="measured_on")

    def change_participant(self):
        address = f"/participants/{self.chance.choice(self.known['participants'])}/edit"
        page = self.get("form: participant", address)
        typed = {"stage": self.chance.choice(["III", "IV"]), "reason": "Read again in the hospital's record"}
        return self.post("save: participant", address, _fields(page) | typed, may_conflict=True)

    def enter(self, kind, address, typed, day):
        """day: the name of the field of a day; each participant has one such thing a day."""
        participant = self.chance.choice(self.known["participants"])
        typed[day] = str(datetime.date(2025, 6, 1) + datetime.timedelta(next(_DAYS[participant])))
        address += f"?participant={participant}"
        page = self.get(f"form: {kind}", address)
        return self.post(f"save: {kind}", address, _fields(page) | typed)

    def get(self, kind, address):
        return self._ask(kind, "GET", address)

    def post(self, kind, address, fields, may_conflict=False):
        return self._ask(kind, "POST", address, urlencode(fields, doseq=True), may_conflict)

    def _ask(self, kind, method, address, body=None, may_conflict=False):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.perf_counter()
        self.connection.request(method, address, body, headers)
        answer = self.connection.getresponse()
        content = answer.read().decode()
        self.times[kind].append(time.perf_counter() - started)
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _sign, rest = value.partition("=")
                self.cookies[cookie] = rest.partition(";")[0]
        right = {303} if method == "POST" else {200}
        if answer.status not in right | ({409} if may_conflict else set()):
            told = re.findall(r'class="(?:field-error|invalid-feedback|error)[^"]*"[^>]*>([^<]*)', content)
            self.errors.append(f"{method} {address.partition('?')[0]}: {answer.status} {'; '.join(told)}")
        return content or True


def _fields(page) -> dict:
    """What a browser would send of the page's form of records, as it was opened."""
    forms = [form for form in _FORM.findall(page) if 'name="submission"' in form or 'name="password"' in form]
    (form,) = forms[:1] or [""]
    found = {}
    for tag in _INPUT.findall(form):
        told = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind = told.get("type", "text")
        if "name" in told and (kind not in ("checkbox", "radio") or re.search(r"\bchecked\b", tag)):
            found.setdefault(told["name"], []).append(html.unescape(told.get("value", "")))
    for name, options in _SELECT.findall(form):
        chosen = re.search(r'<option[^>]*value="([^"]*)"[^>]*\bselected', options)
        first = re.search(r'<option[^>]*value="([^"]*)"', options)
        found[name] = html.unescape((chosen or first).group(1)) if chosen or first else ""
    for name, text in _AREA.findall(form):
        found[name] = html.unescape(text).removeprefix("\r\n").removeprefix("\n")
    return found

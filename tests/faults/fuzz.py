"""Forms fed with nonsense, and hostile text in every field: no fault of ours, nothing changed by what was refused.

The forms are found on the pages themselves, for every role, so that a new one is tested when it is there.
"""

import argparse
import collections
import contextlib
import json
import logging
import random
import re
import sys
import tempfile
import threading
import traceback
import uuid
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from tests import factories
from tests.conftest import _Database, _make_app, _running, signed_in
from tests.faults.payloads import FAMILIES, MARK, payloads
from tests.test_access import MODELS, _address, _rules
from tracker.extensions import db
from tracker.models import SignIn
from tracker.roles import GRANTS, Role

#: Refusals that are told in the trail, and so change it.
TOLD = {"account.sign_in", "account.confirm", "account.password", "account.change_password"}

#: Texts of all families, and what no text is.
_HOSTILE = [text for texts in FAMILIES.values() for text in texts]

#: What is typed again and again would only be too long.
_SHORT = [text for text in _HOSTILE if len(text) < 300]


class Form:
    """A form as a page has it: where it goes, and its fields with what they hold."""

    def __init__(self, address, kind):
        self.address, self.kind, self.page = address, kind, None
        self.values: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.options: dict[str, list[str]] = collections.defaultdict(list)

    @property
    def texts(self) -> list[str]:
        return [
            name
            for name, kind in self.kinds.items()
            if kind in ("text", "textarea", "search", "number", "date", "email", "url", "tel")
        ]


class _Page(HTMLParser):
    """The forms of a page; and what in it would be run, or was typed and became a part of it."""

    def __init__(self, address):
        super().__init__()
        self.address, self.forms, self.foul = address, [], []
        self._form = self._select = self._area = None
        self._scripted = False

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self._look(tag, found)
        if tag == "form":
            action = found.get("action") or self.address
            self._form = Form(action, found.get("enctype")) if found.get("method") == "post" else None
            if self._form:
                self.forms.append(self._form)
        name = found.get("name")
        if self._form is None or (not name and tag not in ("option",)):
            return
        if tag == "input":
            kind = found.get("type") or "text"
            self._form.kinds[name] = kind
            if kind in ("checkbox", "radio"):
                self._form.options[name].append(found.get("value") or "on")
            if kind not in ("checkbox", "radio", "file") or "checked" in found:
                self._form.values[name] = found.get("value") or ""
        elif tag == "button":
            self._form.options.setdefault(name, []).append(found.get("value") or "")
            self._form.kinds.setdefault(name, "button")
        elif tag == "select":
            self._select = name
            self._form.kinds[name], self._form.values[name] = "select", ""
        elif tag == "option" and self._select:
            self._form.options[self._select].append(found.get("value") or "")
            if "selected" in found:
                self._form.values[self._select] = found.get("value") or ""
        elif tag == "textarea":
            self._area, self._form.kinds[name], self._form.values[name] = name, "textarea", ""

    def _look(self, tag, found):
        if tag == MARK or (tag == "script" and not (found.get("src") or "").startswith("/static/")):
            self.foul.append(f"<{tag}>")
        if tag in ("base", "iframe", "object", "embed") or (tag == "style" and not found):
            self.foul.append(f"<{tag}>")
        for name, value in found.items():
            is_address = name in ("href", "src", "action", "formaction", "data", "poster")
            if name.startswith("on") or (
                is_address and re.match(r"\s*(javascript|vbscript):|//", value or "")
            ):
                self.foul.append(f"<{tag} {name}={(value or '')[:40]!r}>")

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data):
        if self._area and self._form:
            self._form.values[self._area] += data.removeprefix("\n")


class Fuzz:
    """Sends forms of all roles; `faults` says what was wrong, with how it can be sent again."""

    def __init__(self, app, seed: int, tells=False):
        self.app, self.chance, self.tells = app, random.Random(seed), tells
        self.faults: collections.Counter = collections.Counter()
        self.examples: dict[str, str] = {}
        self.statuses: collections.Counter = collections.Counter()
        self.addresses: set[str] = set()
        self.fields: set[tuple[str, str]] = set()
        self.stored = 0
        self._commits: list[str] = []
        self._writes: list[str] = []
        self._lines: list[str] = []

    @contextlib.contextmanager
    def watching(self):
        """Note what this thread's transactions write and commit, and what the log says of our faults."""
        mine = threading.get_ident()

        def execute(_connection, _cursor, statement, *_rest):
            is_change = re.match(r"\s*(INSERT|UPDATE|DELETE)", statement) and "last_seen_at" not in statement
            if threading.get_ident() == mine and is_change:
                self._writes.append(statement.partition("(")[0][:60])

        def commit(_connection):
            if threading.get_ident() == mine:
                self._commits += self._writes
                self._writes.clear()

        def rollback(_connection):
            if threading.get_ident() == mine:
                self._writes.clear()

        handler = logging.Handler(logging.ERROR)
        handler.emit = lambda record: self._lines.append(
            "".join(traceback.format_exception(record.exc_info[1])[-6:])
            if record.exc_info
            else record.getMessage()
        )
        log = logging.getLogger("tracker")
        listeners = [("before_cursor_execute", execute), ("commit", commit), ("rollback", rollback)]
        kept = log.handlers[:]
        log.handlers[:] = [handler]
        for name, listener in listeners:
            sa.event.listen(db.engine, name, listener)
        try:
            yield self
        finally:
            log.handlers[:] = kept
            for name, listener in listeners:
                sa.event.remove(db.engine, name, listener)

    # The world

    def make_world(self):
        """A trial with a record of every kind, and a browser of each role."""
        trial = factories.make_trial()
        self.numbers = {name: factories.make_in(model, trial).id for name, model in MODELS.items()}
        self.browsers = {role: signed_in(self.app, role, [trial]) for role in Role}
        self.own = {}
        for role, browser in self.browsers.items():
            file = factories.make_import_file(
                user_id=browser.user_id, job=factories.make_job(user_id=browser.user_id)
            )
            sign_in = db.session.scalar(sa.select(SignIn.id).where(SignIn.user_id == browser.user_id))
            screen = factories.make_screen(user_id=browser.user_id, trial=trial)
            self.own[role] = {
                "import_file": file.id,
                "job": file.job_id,
                "screen": screen.id,
                "account": sign_in,
            }
            if hasattr(factories, "make_draft"):
                self.own[role]["draft"] = factories.make_draft(user_id=browser.user_id).id
        db.session.commit()
        self.trial = trial.id

    def _addresses(self, role, method):
        for rule, blueprint, permissions in _rules(self.app, method):
            if permissions and not GRANTS[role] & set(permissions):
                continue
            if "id" in rule.arguments:
                number = {**self.numbers, **self.own[role]}.get(blueprint)
                if number is None:
                    continue
                yield rule, _address(rule, number)
            else:
                yield rule, _address(rule)
                needs = blueprint in MODELS and rule.rule.endswith("/new")
                if needs and MODELS[blueprint].trial_path is not None:
                    owner = self._owner(blueprint)
                    yield rule, f"{_address(rule)}?{owner}={self.numbers[owner]}"

    def _owner(self, blueprint):
        path = MODELS[blueprint].trial_path
        return path.partition(".")[0] if path else "trial"

    def forms(self, role, most=None) -> dict[str, Form]:
        """All forms on the pages of a role, by where they go; and of addresses that no page leads to an empty one.

        most: so many pages only, those that are there to enter and to change.
        """
        found: dict[str, Form] = {}
        token = None
        pages = [address for _rule, address in self._addresses(role, "GET")]
        if most:
            pages = self.chance.sample(
                [one for one in pages if re.search(r"/(new|edit|withdraw)\b", one)], most
            )
        for address in pages:
            if re.search(r"\.(json|csv|xlsx|svg|png|pdf|toml|zip)", address):
                continue
            for form in self._open(role, address).forms:
                form.page = address
                where = form.address if form.address.startswith("/") else address
                if form.values.keys() >= found.get(where, form).values.keys():
                    found[where] = form
                token = form.values.get("csrf_token") or token
        for _rule, address in self._addresses(role, "POST"):
            if address not in found and not most:
                found[address] = Form(address, None)
                found[address].values["csrf_token"] = token
        return {address: form for address, form in found.items() if "/sign-out" not in address}

    def _open(self, role, address) -> _Page:
        answer = self.browsers[role].get(address)
        page = _Page(address)
        self._judge(role, "GET", address, answer, {})
        if answer.mimetype == "text/html":
            page.feed(answer.text)
            if page.foul:
                self._fault(f"GET {_rough(address)} holds {page.foul[0]}", f"{role} {address}")
        return page

    # Sending

    def send(self, role, address, values, kind=None, body=None):
        """Send a form; gives the answer, judged."""
        self._commits.clear()
        self._writes.clear()
        self._lines.clear()
        if body is None:
            body, kind = (
                urlencode(values, doseq=True, errors="surrogatepass").encode(),
                "application/x-www-form-urlencoded",
            )
        try:
            answer = self.browsers[role].post(address, data=body, content_type=kind)
        except AssertionError as error:
            self._fault(f"POST {_rough(address)}: {error}", f"{role} {address} {values!r:.600}")
            return None
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._fault(
                f"POST {_rough(address)} raised {error!r:.200} in {where.name}",
                f"{role} {address} {values!r:.600}",
            )
            return None
        self.statuses[answer.status_code] += 1
        self.addresses.add(_rough(address))
        self._judge(role, "POST", address, answer, values)
        return answer

    def _judge(self, role, method, address, answer, values):
        said = f"{role} {address} {values!r:.1500}"
        if answer.status_code >= 500:
            self._fault(
                f"{method} {_rough(address)} answered {answer.status_code}: {' '.join(self._lines)[-900:]}",
                said,
            )
        if (
            method == "POST"
            and answer.status_code >= 400
            and self._commits
            and self._endpoint(address) not in TOLD
        ):
            self._fault(
                f"POST {_rough(address)} answered {answer.status_code} and wrote {self._commits[:3]}", said
            )
        if any("zqx" in name.lower() for name, _value in answer.headers):
            self._fault(f"{method} {_rough(address)}: a header was typed", said)
        if answer.mimetype == "text/html":
            page = _Page(address)
            page.feed(answer.text)
            if page.foul:
                self._fault(f"{method} {_rough(address)} holds {page.foul[0]}", said)
            if "837221" in answer.text:
                self._fault(f"{method} {_rough(address)} worked out what was typed", said)

    def _endpoint(self, address):
        with contextlib.suppress(Exception):
            return self.app.url_map.bind("127.0.0.1").match(urlsplit(address).path, method="POST")[0]
        return None

    def _fault(self, what, example):
        if what not in self.faults and self.tells:
            print(f"FAULT: {what}\n    {example}", flush=True)
        self.faults[what] += 1
        self.examples.setdefault(what, example)

    # What is sent

    def submissions(self, count: int, roles=tuple(Role), most=None):
        """So many forms, each a page's own with something wrong in it. most: as in `forms`."""
        sent = 0
        while sent < count:
            self.make_world()
            forms = [
                (role, address, form) for role in roles for address, form in self.forms(role, most).items()
            ]
            for _round in range(6):
                self.chance.shuffle(forms)
                for role, address, form in forms[: count - sent]:
                    self._send_wrong(role, address, self._opened_again(role, form))
                    sent += 1

    def _opened_again(self, role, form) -> Form:
        """The form as its page has it now."""
        if form.page is None:
            return form
        again = [one for one in self._open(role, form.page).forms if one.address == form.address]
        if not again:  # signed out, or what it was about is gone
            self.browsers[role] = self.browsers[role] if self._is_in(role) else self._again(role)
        return again[0] if again else form

    def _is_in(self, role):
        return self.browsers[role].get("/account").status_code == 200

    def _again(self, role):
        from tracker.models import Trial

        return signed_in(self.app, role, [db.session.get(Trial, self.trial)])

    def _send_wrong(self, role, address, form):
        values = {**form.values}
        for name, options in form.options.items():  # of what must be chosen, something
            if form.kinds.get(name) != "button" and not values.get(name) and self.chance.random() < 0.7:
                values[name] = self.chance.choice(options)
        for name in form.texts:
            if not values.get(name) and self.chance.random() < 0.3:
                values[name] = self.chance.choice(["1", "2024-01-01", "A text", "A-1", "50"])
        if "submission" in values:
            values["submission"] = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        names = list(values) or ["name"]
        for _change in range(self.chance.choice([0, 1, 1, 1, 2, 3, 8])):
            name = self.chance.choice(names)
            how = self.chance.random()
            if how < 0.5:
                values[name] = self.chance.choice(_HOSTILE)
            elif how < 0.6:
                values.pop(name, None)
            elif how < 0.7:
                values[name] = [
                    self.chance.choice(_SHORT),
                    str(values.get(name, "")),
                    self.chance.choice(_SHORT),
                ]
            elif how < 0.8:
                extra = self.chance.choice(
                    ["role", "id", "version", "user_id", "trial", "add", "remove", "copy", "next"]
                )
                values[extra] = self.chance.choice([*_SHORT, "admin", "1", "components", "rows-0"])
            elif how < 0.87:
                values[name.replace("-0-", "-9999-")] = self.chance.choice(_SHORT)
            elif how < 0.93:
                values["csrf_token"] = self.chance.choice(["", "wrong", *_SHORT])
            else:
                values["version"] = self.chance.choice(["0", "-1", "999", str(2**63), "x", ""])
        body = kind = None
        how = self.chance.random()
        if how < 0.04:
            number = self.chance.choice(
                ["0", "-1", "2147483647", "2147483648", str(2**63), "x", "1e3", "%00", "%ff"]
            )
            address = re.sub(r"/\d+", f"/{number}", address)
        elif how < 0.08:
            body, kind = self.chance.choice(
                [
                    (json.dumps({"a": [1, None]}).encode(), "application/json"),
                    (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
                    (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
                    (b"--x", "multipart/form-data"),
                    (b"&&&===%%%", "application/x-www-form-urlencoded"),
                    (b"", "text/plain"),
                    (b"a=1&" * 3_000, "application/x-www-form-urlencoded"),
                ]
            )
        elif form.kind == "multipart/form-data" or how < 0.1:
            body, kind = self._with_files(form, values)
        self.send(role, address, values, kind, body)

    def _with_files(self, form, values):
        edge = "zzzzedge"
        parts = []
        for name, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                parts.append((f'name="{name}"', str(one).encode("utf-8", "surrogatepass")))
        files = [name for name, kind in form.kinds.items() if kind == "file"] or ["file"]
        for name in files:
            content = self.chance.choice(
                [
                    b"",
                    b"\0" * 100,
                    b"a,b\n1,2\n",
                    b"a,a\n1,2\n",
                    b'a,b\n"1,2\n',
                    b"PK\x03\x04" + bytes(50),
                    "é,b\n1,2".encode("utf-16"),
                    b"<html><zqx>",
                    b"[trial]\ncode = 1\n",
                    b"x" * 70_000,
                    self.chance.randbytes(300),
                ]
            )
            names = [
                "t.csv",
                "t.xlsx",
                "m.toml",
                "../../x.csv",
                "x.exe",
                "\u202ex.csv",
                "",
                "a" * 400 + ".csv",
            ]
            typed = self.chance.choice(names)
            parts.append((f'name="{name}"; filename="{typed}"', content))
        body = b"".join(
            f"--{edge}\r\nContent-Disposition: form-data; {said}\r\n\r\n".encode("utf-8", "surrogatepass")
            + content
            + b"\r\n"
            for said, content in parts
        )
        return body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"

    def injections(self, texts):
        """Each text in every text field of every form; what is stored is looked at on the pages that show it."""
        for place, text in enumerate(texts):
            if place % 50 == 0:
                self.make_world()
                forms = self._with_texts()
            for role, address in forms:
                self._inject(role, address, text)

    def _with_texts(self) -> list[tuple[Role, str]]:
        """The pages that hold a form with a field of text, each with a role that may send it."""
        found = {}
        for role in Role:
            for address, form in self.forms(role).items():
                is_left_out = "password" in address or self._endpoint(address) in TOLD
                if form.texts and form.page and not is_left_out:
                    found.setdefault(address, (role, form.page))
        return list(found.values())

    def _inject(self, role, address, text):
        page = self.browsers[role].get(address)
        if page.status_code != 200:
            if not self._is_in(role):
                self.browsers[role] = self._again(role)
            return
        parsed = _Page(address)
        parsed.feed(page.text)
        form = next((one for one in parsed.forms if one.texts and "/sign-out" not in one.address), None)
        if form is None:
            return
        values = dict(form.values)
        typed = dict.fromkeys(form.texts, text)
        if "reason" in form.values:
            typed["reason"] = text
        for _attempt in range(3):
            self.fields |= {(_rough(address), name) for name in typed}
            sent = values | typed | {"confirmed": "y"}
            if "submission" in sent:
                sent["submission"] = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            answer = self.send(role, form.address if form.address.startswith("/") else address, sent)
            if answer is None or answer.status_code != 422:
                break
            wrong = {name for name in typed if f'id="{name}-error"' in answer.text}
            typed = {name: value for name, value in typed.items() if name not in wrong}
            if not wrong:
                break
            if "reason" in wrong:
                values["reason"] = "because"
        if answer is not None and answer.status_code in (302, 303):
            self.stored += 1
            where = urlsplit(answer.headers["Location"])
            if where.netloc:
                self._fault(f"POST {_rough(address)} leads elsewhere: {where.netloc}", repr(text))
            if "<" in text or self.chance.random() < 0.3:
                self._open(role, where.path)
            if self.chance.random() < 0.1 and re.search(r"/\d+$", where.path):
                self._open(role, f"{where.path}/history")
                self._open(role, re.sub(r"\d+$", "", where.path))


def _rough(address):
    return re.sub(r"\d+", "N", urlsplit(address).path)[:80]


def summary(fuzz: Fuzz) -> str:
    told = ", ".join(f"{status}: {count}" for status, count in sorted(fuzz.statuses.items()))
    return (
        f"{sum(fuzz.statuses.values())} forms sent to {len(fuzz.addresses)} addresses ({told}); "
        f"{len(fuzz.fields)} text fields, {fuzz.stored} stored and looked at; {sum(fuzz.faults.values())} faults"
    )


def main():
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--submissions", type=int, default=10_000)
    words.add_argument("--payloads", type=int, default=500)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracker-faults-") as folder:
        database = _Database(Path(folder))
        try:
            app = _make_app(database, Path(folder) / "home")
            with _running(app, database):
                fuzz = Fuzz(app, given.seed, tells=True)
                with fuzz.watching():
                    fuzz.submissions(given.submissions)
                    print(f"fuzzed: {summary(fuzz)}", flush=True)
                    fuzz.injections(payloads(given.payloads))
        finally:
            database.drop()
    print(summary(fuzz))
    for what, count in fuzz.faults.most_common():
        print(f"{count} times: {what}")
    sys.exit(1 if fuzz.faults else 0)


if __name__ == "__main__":
    main()

"""kill -9 in the middle of saves and imports: nothing that was acknowledged is lost, nothing is there by half.

Each round starts real servers, lets people save, change and import by HTTP and by command, kills all processes at a
random moment, and looks: every row that a page had acknowledged is there once, every import is whole or not there,
and `verify` finds the database and its trail whole, without anything having been done in between.
"""

import argparse
import contextlib
import os
import random
import re
import signal
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.faults.installation import GONE, Installation, Person, begin, installed, led_to
from tracker.jobs import SILENCE

PEOPLE = 4

MAPPING = """
[trial]
code = "{code}"
title = "An import that is killed"
phase = "NA"
design = "observational"

[[arm]]
code = "A"
title = "All"
type = "no treatment"

[participant]
code = "ID"
tumor_location = {{ constant = "LUNG" }}

[outcome]
best_overall_response = "RESPONSE"
"""


@dataclass
class Known:
    """What people were told, and what they sent without an answer."""

    names: set[str] = field(default_factory=set)  # agents and regimens that were acknowledged
    values: dict[int, int] = field(
        default_factory=dict
    )  # by the person: the change that was acknowledged last
    sent: dict[int, int] = field(default_factory=dict)  # and the one that was sent last
    imports: dict[str, int] = field(default_factory=dict)  # rows of each import that was begun
    stored: set[str] = field(default_factory=set)  # imports that were acknowledged
    unanswered: list[tuple[str, dict]] = field(default_factory=list)  # forms to be sent again
    jobs: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    kills: int = 0
    resent: int = 0
    verified: int = 0
    slowest_start: float = 0


class Round:
    """Between a start and a kill."""

    def __init__(self, tracker: Installation, known: Known, cookies: dict, chance: random.Random):
        self.tracker, self.known, self.cookies, self.chance = tracker, known, cookies, chance
        self.is_over, self.is_saving, self.has_saved = (threading.Event() for _each in range(3))
        self.is_importing, self.has_imported = threading.Event(), threading.Event()
        self.commands: dict[int, str] = {}

    def person(self, number: int):
        """Saves, changes and imports, one after another, until the server is gone."""
        ports = list(self.tracker.servers)
        person = Person(ports[number % len(ports)], self.cookies)
        chance = random.Random(f"{number} {self.chance.random()}")
        with contextlib.suppress(*GONE):
            while not self.is_over.is_set():
                saves = [self.save_agent, self.save_regimen, self.change]
                what = chance.choice(saves) if number % 2 else self.import_file
                what(person, number, chance)

    def _post(self, person, address, values, name=None):
        """Send a form; without an answer it is kept, to be sent again."""
        (self.is_importing if address.startswith("/imports") else self.is_saving).set()
        try:
            status, text, headers = person.post(address, values)
        except GONE:
            if name:
                self.known.unanswered.append((address, values))
            raise
        if status != 303:
            self.known.faults.append(f"POST {address} answered {status}: {_plain(text)}")
            return None
        if name:
            self.known.names.add(name)
            self.has_saved.set()
        return led_to(headers)

    def save_agent(self, person, number, chance):
        name = f"agent {uuid.uuid4().hex}"
        values = person.form("/agents/new") | {
            "name": name,
            "mechanism_class": "PD-1 inhibitor",
            "modality": "antibody",
        }
        self._post(person, "/agents/new", values, name)

    def save_regimen(self, person, number, chance):
        """One record with two parts."""
        name = f"regimen {uuid.uuid4().hex}"
        values = person.form("/regimens/new") | {"name": name, "rationale": "Two are more than one."}
        for place in (0, 1):
            values |= {f"components-{place}-agent": str(place + 1), f"components-{place}-role": "backbone"}
            values.setdefault(f"components-{place}-id", "")
        self._post(person, "/regimens/new", values, name)

    def change(self, person, number, chance):
        """Count one further in a record of one's own: what is stored may never be less than what was acknowledged."""
        values = person.form(f"/agents/{number + 1}/edit")
        value = int(values["developer"] or 0) + 1
        self.known.sent[number] = value
        values |= {"developer": str(value), "reason": "counted"}
        if self._post(person, f"/agents/{number + 1}/edit", values):
            self.known.values[number] = value

    def import_file(self, person, number, chance):
        code, rows = f"K-{uuid.uuid4().hex[:10].upper()}", chance.choice([40, 160])
        content, mapping = _table(rows), MAPPING.format(code=code).encode()
        self.known.imports[code] = rows
        if chance.random() < 0.3:
            return self._import_by_command(code, content, mapping)
        token = {"csrf_token": person.form("/imports/new")["csrf_token"], "trial": ""}
        files = {"file": ("table.csv", content), "mapping": ("map.toml", mapping)}
        status, text, headers = person.upload("/imports/new", token, files)
        if status != 303:
            self.known.faults.append(f"an upload was answered {status}: {_plain(text)}")
            return None
        address = self._wait_for(person, led_to(headers))
        number = re.search(r"\d+", address)[0]
        led = self._post(person, f"/imports/{number}/store", token)
        if led is not None and self._wait_for(person, led, code):
            self.known.stored.add(code)
            self.has_imported.set()
        return None

    def _wait_for(self, person, address, code=None):
        """Where a job leads when it is over; the address itself where there is none."""
        if not address.startswith("/jobs/"):
            return address
        self.known.jobs.add(address)
        while True:
            status, text, _headers = person.get(address)
            found = re.search(r'href="(/imports/\d+)"', text)
            if status != 200:
                raise AssertionError(f"{address} answered {status}")
            with self.tracker.looking() as connection:
                state = connection.execute(
                    sa.text("SELECT state FROM job WHERE id = :id"), {"id": int(address.rpartition("/")[2])}
                ).scalar_one()
            if state in ("DONE", "done"):
                return found[1]
            if state in ("FAILED", "failed"):
                self.known.faults.append(f"{address} failed: {_plain(text)}")
                return None
            time.sleep(0.05)

    def _import_by_command(self, code, content, mapping):
        folder = self.tracker.folder / code
        folder.mkdir()
        (folder / "table.csv").write_bytes(content)
        (folder / "map.toml").write_bytes(mapping)
        process = self.tracker.start("import", folder / "table.csv", "--mapping", folder / "map.toml")
        self.commands[process] = code
        self.is_importing.set()

    def kill(self):
        """All at once, and look which of the commands had come to their end."""
        for process in [*self.tracker.servers.values(), *self.commands]:
            os.kill(process, signal.SIGKILL)
        self.is_over.set()
        self.tracker.end_servers()
        for process, code in self.commands.items():
            status = self.tracker.wait(process)
            if status == 0:
                self.known.stored.add(code)
            elif status != -signal.SIGKILL:
                self.known.faults.append(f"an import ended with {status}: {self.tracker.said()[-400:]}")


def _table(rows) -> bytes:
    lines = [f"P{row:04d},{('CR', 'PR', 'SD', 'PD')[row % 4]}" for row in range(rows)]
    return "\n".join(["ID,RESPONSE", *lines, ""]).encode()


def _plain(text) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text.partition("<main")[2]))[:300]


def send_again(tracker: Installation, known: Known, cookies: dict) -> None:
    """The forms that had no answer: each makes one record, whether or not it had made one."""
    person = Person(next(iter(tracker.servers)), cookies)
    for address, values in known.unanswered:
        status, text, _headers = person.post(address, values)
        if status != 303:
            known.faults.append(f"{address} sent again was answered {status}: {_plain(text)}")
        known.names.add(values["name"])
        known.resent += 1
    known.unanswered.clear()


def look(tracker: Installation, known: Known) -> None:
    """Compare what is stored with what people were told."""
    with tracker.looking() as connection:
        ask = lambda text: connection.exec_driver_sql(text).all()  # noqa: E731
        names = [name for (name,) in ask("SELECT name FROM agent UNION ALL SELECT name FROM regimen")]
        lost = known.names - {*names}
        doubled = len(names) - len({*names})
        parts = ask(
            "SELECT name, count(part.id) FROM regimen LEFT JOIN regimen_component AS part"
            " ON part.regimen_id = regimen.id GROUP BY name HAVING count(part.id) <> 2"
        )
        values = dict(ask(f"SELECT id - 1, developer FROM agent WHERE id <= {PEOPLE}"))
        counts = dict(
            ask(
                "SELECT trial.code, count(participant.id) FROM trial LEFT JOIN participant"
                " ON participant.trial_id = trial.id GROUP BY trial.code"
            )
        )
        told = ask(
            "SELECT count(*) FROM participant WHERE NOT EXISTS (SELECT 1 FROM reported_outcome AS outcome"
            " WHERE outcome.participant_id = participant.id)"
        )
        silent = ask(
            "SELECT count(*) FROM agent WHERE NOT EXISTS (SELECT 1 FROM audit_event AS event"
            " WHERE event.record_type = 'agent' AND event.record_id = agent.id)"
        )
    said = []
    said += [f"{len(lost)} acknowledged records are lost"] if lost else []
    said += [f"{doubled} records are there twice"] if doubled else []
    said += [f"{len(parts)} regimens are there by half"] if parts else []
    for number, least in known.values.items():
        stored = int(values[number] or 0)
        if not least <= stored <= known.sent[number]:
            said.append(f"person {number} was told {least}, sent {known.sent[number]}, stored is {stored}")
    said += [
        f"import {code}: {counts.get(code)} of {rows} rows are there"
        for code, rows in known.imports.items()
        if counts.get(code, rows if code not in known.stored else 0) != rows
    ]
    said += ["participants without their outcome"] if told[0][0] else []
    said += ["agents of which the trail is silent"] if silent[0][0] else []
    known.faults += said


def run(rounds: int, seed: int, longest: float = 1.0, tell=lambda text: None, jobs_too=True) -> Known:
    """Kill the tracker so many times; what was found is in `faults`."""
    chance, known = random.Random(seed), Known()
    with installed(for_long=rounds > 5, IMPORT_AT_ONCE=100) as tracker:
        count = 1 if tracker.url.startswith("sqlite") else 2
        begin(tracker)
        tracker.serve(count)
        person = Person(tracker.ports[0]).sign_in()
        for number in range(PEOPLE):
            values = {"name": f"own {number}", "mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
            person.post("/agents/new", person.form("/agents/new") | values)
        for number in range(rounds):
            if not tracker.servers:
                known.slowest_start = max(known.slowest_start, tracker.serve(count))
            send_again(tracker, known, person.cookies)
            look(tracker, known)
            _one_round(tracker, known, person.cookies, chance, longest)
            if (status := tracker.run("verify")) != 0:
                known.faults.append(f"verify ended with {status}: {tracker.said()[-400:]}")
            known.verified += 1
            tell(f"round {number + 1}: {_summary(known)}")
            if known.faults:
                break
        tracker.serve(count)
        send_again(tracker, known, person.cookies)
        look(tracker, known)
        if jobs_too and known.jobs:
            _look_at_jobs(tracker, known, person.cookies)
        if tracker.run("verify") != 0:
            known.faults.append(f"verify at the end: {tracker.said()[-400:]}")
    return known


def _one_round(tracker, known, cookies, chance, longest):
    here = Round(tracker, known, cookies, chance)
    people = [threading.Thread(target=here.person, args=(number,)) for number in range(PEOPLE)]
    for one in people:
        one.start()
    # A server that was just started reads its pages first: the moment is chosen from when it stores something.
    moments = [here.is_saving, here.has_saved, here.is_importing, here.has_imported]
    (chance.choice(moments) if longest >= 1 else here.has_saved).wait(30)
    time.sleep(chance.uniform(0, longest))
    here.kill()
    known.kills += 1
    for one in people:
        one.join()


def _look_at_jobs(tracker, known, cookies):
    """Whoever looks at a job whose process was killed is told so, once nobody has heard of it for a while."""
    time.sleep(SILENCE + 1)
    person = Person(next(iter(tracker.servers)), cookies)
    for address in known.jobs:
        person.get(address)
    for _second in range(30):  # those that had not begun are done now
        with tracker.looking() as connection:
            states = connection.exec_driver_sql("SELECT lower(state), count(*) FROM job GROUP BY state").all()
        going_on = {state: count for state, count in states if state not in ("done", "failed")}
        if not going_on:
            break
        time.sleep(1)
    else:
        known.faults.append(f"jobs of killed processes still seem to go on: {going_on}")
    look(tracker, known)


def _summary(known) -> str:
    return (
        f"{known.kills} kills, {len(known.names)} saves and {sum(known.values.values())} changes acknowledged, "
        f"{len(known.stored)} of {len(known.imports)} imports acknowledged, {len(known.jobs)} jobs, "
        f"{known.resent} forms sent again, {known.verified} times whole, slowest start "
        f"{known.slowest_start:.1f} s, {len(known.faults)} faults"
    )


def main():
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--longest", type=float, default=2, help="seconds of a round")
    given = words.parse_args()
    known = run(given.rounds, given.seed, given.longest, tell=lambda text: print(text, flush=True))
    print(_summary(known))
    for fault in known.faults:
        print(f"FAULT: {fault}")
    sys.exit(1 if known.faults else 0)


if __name__ == "__main__":
    main()

"""The trail as evidence.

Every event carries a keyed digest of itself. Every transaction that wrote events is a link of a chain, an
`AuditSeal`: the keyed digest of its events and of the link before, in the order of the commits. The key is not in
the database. How far the chain goes is told by the anchor, a file that is not there either. So whoever has the
database alone can change, delete, exchange or cut off nothing that `check` does not find.

A redacted event keeps its digest: that is made of the digest of what is said, which the redaction's own event tells.
"""

import fcntl
import functools
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import orm

from tracker.extensions import db, fetch_columns, insert_columns, new_ids, take_turn
from tracker.models import AuditEvent, AuditSeal
from tracker.terms.account import Action

#: What a chain begins with.
START = bytes(32)

#: Events that are read at once.
_BATCH = 20_000

#: The columns of an event that `event_mac` is made of, the last of which may hold any character; and what it says.
FACTS = (
    *("id", "seal_id", "position", "at", "user_id", "action", "record_type", "record_id", "trial_id"),
    *("request_id", "role", "actor"),
)
SAYS = ("changes", "reason")
_FACTS = "|".join(["%s"] * len(FACTS))

log = logging.getLogger("tracker")


def trail_key() -> bytes:
    return current_app.config["TRAIL_KEY"].encode()


@functools.lru_cache(2)
def _pads(key):
    """The two halves of HMAC-SHA-256 (RFC 2104) with this key; to copy them takes half as long as `hmac.digest`."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(
        bytes(byte ^ 0x5C for byte in block)
    )


def _mac(key, text) -> bytes:
    inner, outer = _pads(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(text.encode())
    outer.update(inner.digest())
    return outer.digest()


def payload_mac(key: bytes, changes: str, reason: str | None) -> bytes:
    """The digest of what an event says; changes: its JSON as it is stored."""
    return _mac(key, f"says|{changes}|" if reason is None else f"says|{changes}|because|{reason}")


def event_mac(key: bytes, facts: Iterable, payload: bytes) -> bytes:
    """The digest of an event. facts: FACTS, the instant as ISO text in UTC. payload: `payload_mac`."""
    return _mac(key, f"event|{payload.hex()}|" + _FACTS % tuple(facts))


def seal_mac(key: bytes, before: bytes, number: int, seal_id: int, events: int, digest: bytes) -> bytes:
    """The digest of a link. before: that of the link before. digest: of its events, one after another, `chained`."""
    return _mac(key, f"seal|{before.hex()}|{number}|{seal_id}|{events}|{digest.hex()}")


def chained(digest: bytes, macs: Iterable[bytes]) -> bytes:
    for mac in macs:
        digest = hashlib.sha256(digest + mac).digest()
    return digest


@dataclass
class OpenSeal:
    """The events that the transaction has written so far."""

    id: int
    events: int = 0
    digest: bytes = START
    last_event: int = 0

    def add(self, columns: dict[str, list]) -> list[int]:
        """Insert events with their digests. columns: all others of the events; the changes as JSON text."""
        key, count = trail_key(), len(columns["changes"])
        ids = new_ids(db.session, AuditEvent.__table__, count)
        own = {
            "id": ids,
            "seal_id": [self.id] * count,
            "position": list(range(self.events + 1, self.events + 1 + count)),
            "at": [at.isoformat() for at in columns["at"]],
        }
        facts = zip(*(own[name] if name in own else columns[name] for name in FACTS))
        says = zip(*(columns[name] for name in SAYS))
        macs = [event_mac(key, row, payload_mac(key, *said)) for row, said in zip(facts, says, strict=True)]
        more = {"seal_id": own["seal_id"], "position": own["position"], "mac": macs}
        insert_columns(db.session, AuditEvent.__table__, columns | more, ids)
        self.events += count
        self.digest = chained(self.digest, macs)
        self.last_event = ids[-1]
        return ids


def open_seal() -> OpenSeal:
    """A new link for the transaction that is going on; its place in the chain is known when it is closed."""
    return OpenSeal(new_ids(db.session, AuditSeal.__table__, 1)[0])


_LAST_SEAL = sa.select(AuditSeal.number, AuditSeal.mac).order_by(AuditSeal.number.desc()).limit(1)


def close_seal(opened: OpenSeal) -> "Anchor":
    """Write the link, the last thing before the commit: others that write events wait for it from here on."""
    take_turn(db.session)
    number, before = db.session.execute(_LAST_SEAL).first() or (0, START)
    number += 1
    mac = seal_mac(trail_key(), before, number, opened.id, opened.events, opened.digest)
    columns = {"number": [number], "events": [opened.events], "mac": [mac]}
    insert_columns(db.session, AuditSeal.__table__, columns, [opened.id])
    return Anchor(number, opened.last_event, mac)


# The anchor


@dataclass(frozen=True)
class Anchor:
    """How far the chain goes: the number of its last link, that link's last event, and its digest."""

    number: int
    event_id: int
    mac: bytes

    def line(self, key: bytes) -> str:
        text = f"{self.number:012d} {self.event_id:012d} {self.mac.hex()}"
        return f"{text} {_mac(key, f'anchor|{text}').hex()}\n"

    @classmethod
    def read(cls, key: bytes, line: str) -> "Anchor | None":
        """None where the line is damaged, or made with another key."""
        try:
            number, event_id, mac, _own = line.split()
            found = cls(int(number), int(event_id), bytes.fromhex(mac))
        except ValueError:
            return None
        return found if hmac.compare_digest(found.line(key), line) else None


def drop_anchor(anchor: Anchor) -> None:
    """Note that the chain goes this far. It only ever moves on, whatever the order of those who tell it."""
    path, key = current_app.config["TRAIL_ANCHOR"], trail_key()
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = Anchor.read(key, os.pread(file, 1000, 0).decode(errors="replace"))
            if known is None or anchor.number >= known.number:
                os.pwrite(file, anchor.line(key).encode(), 0)
        finally:
            os.close(file)
    except OSError as error:  # what was committed stays so; the next commit tells it again
        log.error("the anchor of the trail could not be written: %s", error.strerror)


def begin_anchor() -> None:
    """Make the file of a trail that has no link yet: what is there already can be written over on a full disk too."""
    if not os.path.exists(current_app.config["TRAIL_ANCHOR"]) and extent() == (0, 0):
        drop_anchor(Anchor(0, 0, START))


def read_anchor() -> str | None:
    """The line of the anchor's file; None where there is none."""
    try:
        with open(current_app.config["TRAIL_ANCHOR"], encoding="utf-8", errors="replace") as file:
            return file.read(1000)
    except FileNotFoundError:
        return None


# Verifying


@dataclass
class _Read:
    """What of one link's events has been read."""

    events: int = 0
    digest: bytes = START
    last_event: int = 0


@dataclass
class _Check:
    key: bytes
    seals: dict[int, tuple]  # id: number, events, mac
    faults: list[tuple[int, str]] = field(default_factory=list)  # event, what is wrong
    read: dict[int, _Read] = field(default_factory=dict)
    differing: dict[int, tuple] = field(default_factory=dict)  # of events that say something else now
    redactions: dict[int, list] = field(default_factory=dict)

    def event(self, row):
        facts, changes, reason, mac = row[: len(FACTS)], row[-3], row[-2], row[-1]
        number, seal_id, position = facts[:3]
        seal = self.seals.get(seal_id)
        if seal is None:
            self.faults.append((number, f"{_named(facts)} was added: no sealed transaction wrote it"))
            return
        read = self.read.setdefault(seal_id, _Read())
        if position != read.events + 1:
            said = f"event {read.events + 1} of transaction {seal[0]} is missing or was moved, before {_named(facts)}"
            self.faults.append((number, said))
        payload = payload_mac(self.key, changes, reason)
        if hmac.compare_digest(event_mac(self.key, facts, payload), mac):
            if facts[5] == Action.REDACT:
                self.redactions.setdefault(facts[7], []).append(json.loads(changes)["digest"])
        else:
            self.differing[number] = facts, payload, mac
        read.events = position
        read.digest = hashlib.sha256(read.digest + mac).digest()
        read.last_event = number

    def redacted(self):
        """Of what says something else than it did: whether redactions tell so."""
        for number, (facts, payload, mac) in self.differing.items():
            told = self.redactions.get(number, [])
            olds = [bytes.fromhex(old) for old, _new in told]
            news = [bytes.fromhex(new) for _old, new in told]
            is_told = told and olds[1:] == news[:-1] and news[-1] == payload
            if not is_told or not hmac.compare_digest(event_mac(self.key, facts, olds[0]), mac):
                self.faults.append((number, f"{_named(facts)} was changed"))

    def chain(self):
        before, expected, last = START, 1, 0
        for seal_id, (number, events, mac) in sorted(self.seals.items(), key=lambda one: one[1][0]):
            read = self.read.get(seal_id, _Read())
            last = max(last, read.last_event)
            if number != expected:
                self.faults.append((last, f"transaction {expected} is missing, after event {last}"))
            elif read.events < events:
                said = f"event {read.events + 1} of the {events} of transaction {number} is missing, after event {last}"
                self.faults.append((last, said))
            elif seal_mac(self.key, before, number, seal_id, events, read.digest) != mac:
                said = f"transaction {number}, which ends with event {last}, was changed or exchanged"
                self.faults.append((last, said))
            before, expected = mac, number + 1
        return expected - 1, last

    def anchor(self, line, last_number, last_event):
        if line is None:
            if last_number:
                said = "there is no anchor: nobody can tell whether the end of the trail is missing"
                self.faults.append((last_event, said))
            return
        anchor = Anchor.read(self.key, line)
        if anchor is None:
            self.faults.append((last_event, "the anchor is damaged, or was made with another key"))
        elif anchor.number > last_number:
            said = f"the end of the trail is missing: all after event {last_event}, up to event {anchor.event_id}"
            self.faults.append((last_event, said))
        elif anchor.number and anchor.mac not in {
            mac for number, _events, mac in self.seals.values() if number == anchor.number
        }:
            said = f"transaction {anchor.number}, which ends with event {anchor.event_id}, is not the anchored one"
            self.faults.append((anchor.event_id, said))


def _named(facts):
    number, at, action, kind, record = facts[0], facts[3], facts[5], facts[6], facts[7]
    return f"event {number} ({action} {kind} {record}, {at})"


def check(key: bytes, events: Iterable[tuple], seals: Iterable[tuple], anchor: str | None) -> list[str]:
    """What is wrong with a trail, the earliest event first; nothing when it is whole.

    events: FACTS, SAYS and mac of each, by id. seals: id, number, events and mac. anchor: the line of its file.
    """
    found = _Check(key, {seal_id: (number, count, bytes(mac)) for seal_id, number, count, mac in seals})
    for row in events:
        found.event(row)
    found.redacted()
    last = found.chain()
    found.anchor(anchor, *last)
    return [said for _number, said in sorted(found.faults, key=lambda one: one[0])]


def extent(session: orm.Session | None = None) -> tuple[int, int]:
    """How many events and links there are."""
    counts = sa.select(sa.func.coalesce(sa.func.sum(AuditSeal.events), 0), sa.func.count(AuditSeal.id))
    return tuple((session or db.session).execute(counts).one())


def faults_of_trail(anchor: str | None, session: orm.Session | None = None) -> list[str]:
    """What is wrong with the stored trail, the earliest event first.

    anchor: its line, as it was read before the transaction that reads the trail. session: on a copy of the database.
    """
    session = session or db.session
    columns = sa.select(AuditSeal.id, AuditSeal.number, AuditSeal.events, AuditSeal.mac)
    seals = [tuple(row) for row in session.execute(columns)]
    return check(trail_key(), stored_events(session), seals, anchor)


def stored_events(session: orm.Session) -> Iterator[tuple]:
    """FACTS, SAYS and mac of every event, by id."""
    named = [getattr(AuditEvent, name) for name in FACTS]
    named[FACTS.index("action")] = sa.cast(AuditEvent.action, sa.String)
    chosen = sa.select(
        *named, sa.cast(AuditEvent.changes, sa.Text).label("changes"), AuditEvent.reason, AuditEvent.mac
    )
    last = 0
    while True:
        batch = chosen.where(AuditEvent.id > last).order_by(AuditEvent.id).limit(_BATCH)
        cells = [_values(*one) for one in fetch_columns(session, batch)]
        if not len(cells[0]):
            return
        cells[FACTS.index("at")] = [at.isoformat() for at in cells[FACTS.index("at")]]
        cells[-1] = map(bytes, cells[-1])
        yield from zip(*cells)
        last = cells[0][-1]


def _values(cells, convert):
    return cells.tolist() if convert is None else [convert(cell) for cell in cells]

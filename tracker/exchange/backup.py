"""Backups: the database as of one instant, the anchor of its trail, and what says that they are undamaged, in one file.

The trail's key is not in it unless that is asked for: who has both can forge the trail. A backup is as confidential
as the database.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from tracker import clock, seal
from tracker.extensions.copies import (
    copy_database,
    copy_name,
    faults_of_database,
    has_database,
    opened_copy,
    put_database,
)
from tracker.values import Refusal

#: The form of the file; another one is refused.
FORMAT = 1

_MANIFEST, _ANCHOR, _KEY = "manifest.json", "trail_anchor", "trail_key"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Backup:
    """What a backup holds: when it was made, and how many events and transactions its trail has."""

    made_at: str
    events: int
    transactions: int


def key_fingerprint(key: bytes) -> str:
    """By which one sees whether a key is the right one, and from which nobody gets it."""
    return hashlib.sha256(b"tracker trail key|" + key).hexdigest()[:16]


def write_backup(path: Path, with_key: bool = False) -> Backup:
    """Make a backup while others go on working. It is checked before it is there: Refusal where it is not whole."""
    if path.exists():
        raise Refusal(f"{path} exists already; a backup replaces nothing")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        anchor = seal.read_anchor()  # before the copy, which so goes at least as far
        copy = Path(folder) / copy_name()
        copy_database(copy)
        events, transactions = _extent_of(copy, anchor)
        manifest = {
            "format": FORMAT,
            "made_at": clock.now().isoformat(timespec="seconds"),
            "database": copy.name,
            "sha256": _digest(copy),
            "anchor": anchor,
            "key": key_fingerprint(seal.trail_key()),
            "events": events,
            "transactions": transactions,
        }
        draft = Path(folder) / "backup.zip"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(copy, copy.name)
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
            if with_key:
                archive.writestr(_KEY, seal.trail_key())
        os.chmod(draft, 0o600)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            raise Refusal(f"{path} exists already; a backup replaces nothing") from None
    return Backup(manifest["made_at"], events, transactions)


def _extent_of(copy, anchor):
    """Events and transactions of a copy that is whole."""
    with opened_copy(copy) as session:
        faults = (
            [] if session is None else faults_of_database(session) + seal.faults_of_trail(anchor, session)
        )
        if faults:
            raise Refusal(f"the copy is not whole: {faults[0]}")
        return seal.extent(session)


def restore_backup(path: Path) -> Backup:
    """Make the database from a backup, where there is none. Raises Refusal, and leaves all as it was, where the file is
    damaged, belongs to another key or kind of database, or a database is there already.

    An anchor that is there already is kept under another name: it may know of what came after the backup.
    """
    if has_database():
        raise Refusal(
            "there is a database already: a backup is restored to an empty place, never over another one"
        )
    home = Path(current_app.instance_path)
    with (
        tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as folder,
        _read(path) as (archive, manifest),
    ):
        if manifest["key"] != key_fingerprint(seal.trail_key()):
            raise Refusal(
                f"the backup was made with another key: put its {_KEY} into {home}, or set TRAIL_KEY, and restore again"
            )
        copy = Path(folder) / manifest["database"]
        with archive.open(manifest["database"]) as packed, copy.open("wb") as file:
            shutil.copyfileobj(packed, file, _CHUNK)
        if _digest(copy) != manifest["sha256"]:
            raise Refusal(f"{path} is damaged: its database is not the one that was backed up")
        with opened_copy(copy) as session:
            faults = [] if session is None else faults_of_database(session)
            faults += [] if session is None else seal.faults_of_trail(manifest["anchor"], session)
        if faults:
            raise Refusal(f"{path} is damaged: {faults[0]}")
        os.chmod(copy, 0o600)
        put_database(copy)
    _put_anchor(manifest["anchor"])
    return Backup(manifest["made_at"], manifest["events"], manifest["transactions"])


def _put_anchor(line):
    anchor = Path(current_app.config["TRAIL_ANCHOR"])
    if anchor.exists():
        anchor.rename(anchor.with_name(f"{anchor.name}.until-{clock.now():%Y%m%dT%H%M%SZ}"))
    if line is not None:
        with os.fdopen(os.open(anchor, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line)


@contextlib.contextmanager
def _read(path) -> Iterator[tuple[zipfile.ZipFile, dict]]:
    """The archive and its manifest."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest.get("format") != FORMAT or manifest["database"] not in archive.namelist():
                raise Refusal(f"{path} is a backup of another version of the tracker")
            if manifest["database"] != copy_name():
                raise Refusal(f"{path} is of another kind of database: it holds {manifest['database']}")
            yield archive, manifest
    except (
        zipfile.BadZipFile,
        json.JSONDecodeError,
        KeyError,
        EOFError,
        UnicodeDecodeError,
        ValueError,
    ) as error:
        raise Refusal(f"{path} is damaged, or is not a backup of the tracker: {error}") from None


def key_within(path: Path) -> str | None:
    """The trail's key, where the backup holds it."""
    with contextlib.suppress(zipfile.BadZipFile, KeyError, OSError), zipfile.ZipFile(path) as archive:
        return archive.read(_KEY).decode()
    return None


def _digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

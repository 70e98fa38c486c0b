"""The disk full, the database held, stopped and started again: clear answers of 503, all as before within 5 seconds.

Needs root for a small disk (a tmpfs), and for PostgreSQL a cluster that may be stopped, as in
`pg_virtualenv -v 15 env DATABASE_URL=postgresql:// PYTHONPATH=. python -m tests.faults.outage`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import sqlalchemy as sa

from tests.conftest import form_values
from tests.faults.installation import NAME, Installation, Person, begin, own_database
from tracker.extensions import database_url, sqlite

#: Seconds within which all is as before.
SOON = 5

WAIT = 1


class Watch:
    """People who go on saving through the fault, and what they were told."""

    all: list["Watch"] = []

    def __init__(self, tracker: Installation):
        self.tracker, self.names, self.faults = tracker, [], []
        Watch.all.append(self)
        self.person = Person(tracker.ports[0]).sign_in()

    def save(self, name) -> tuple[int, str]:
        """Save a new record, by a form that was opened earlier; gives the status and the page."""
        status, text, headers = self.person.post("/agents/new", self.form | {"name": name})
        if status == 303:
            self.names.append(name)
        elif status == 503:
            self.expect(headers["Retry-After"] is not None, "there is no Retry-After")
        return status, text

    def open(self):
        self.form = self.person.form("/agents/new") | {
            "mechanism_class": "PD-1 inhibitor",
            "modality": "antibody",
            "developer": "x" * 200,
        }

    def expect(self, is_so, otherwise):
        if not is_so:
            self.faults.append(otherwise)
            print(f"FAULT: {otherwise}", flush=True)

    def during(self, said, status_of_pages):
        """While the fault lasts: a form is refused with what was typed kept, in a time that one waits."""
        begun = time.monotonic()
        status, text = self.save("typed meanwhile")
        waited = time.monotonic() - begun
        self.expect(status == 503, f"a save was answered {status}")
        self.expect(said in text, f"the page does not say {said!r}")
        self.expect("Traceback" not in text, "a traceback is shown")
        self.expect(form_values(text).get("name") == "typed meanwhile", "what was typed is not kept")
        self.expect(waited < WAIT + 6, f"the answer took {waited:.1f} s")
        page = self.person.get("/agents/")
        self.expect(page[0] == status_of_pages, f"a page was answered {page[0]}")
        print(f"  during: a save {status} after {waited:.1f} s, a page {page[0]}", flush=True)
        return form_values(text)

    def after(self, kept):
        """When it is over: the kept form is stored, once, and nothing is lost."""
        begun = time.monotonic()
        while True:
            status, _text, _headers = self.person.post("/agents/new", kept)
            took = time.monotonic() - begun
            if status == 303 or took > 30:
                break
            time.sleep(0.1)
        self.names.append(kept["name"])
        self.expect(took < SOON, f"it took {took:.1f} s until a save was stored")
        pages = {
            address: self.person.get(address)[0] for address in ("/agents/", "/", "/trials/", "/imports/")
        }
        self.expect({*pages.values()} == {200}, f"pages are answered {pages}")
        with self.tracker.looking() as connection:
            stored = connection.exec_driver_sql("SELECT name FROM agent ORDER BY id").scalars().all()
        self.expect(sorted(stored) == sorted({*self.names}), f"{len(self.names)} told, {len(stored)} stored")
        self.expect(self.tracker.run("verify") == 0, f"verify: {self.tracker.said()[-300:]}")
        print(f"  after {took:.2f} s all is as before; {len(stored)} records, none lost", flush=True)

    def command(self, status, said):
        found = self.tracker.run("user", "role", NAME, "researcher")
        self.expect(found == status, f"a command ended with {found}")
        lines = [line for line in self.tracker.said().splitlines() if line.startswith("tracker: ")]
        last = lines[-1] if lines else ""  # the servers write into the same log
        self.expect(said in last and last, f"a command said {last!r}")
        self.expect("Traceback" not in self.tracker.said(), "a traceback is in the log")
        print(f"  a command: {found}, {last[:110]}", flush=True)


@contextlib.contextmanager
def watched(name, folder, database=None):
    print(f"{name}:", flush=True)
    tracker = Installation(folder, database, WAIT_SECONDS=WAIT)
    try:
        begin(tracker)
        tracker.serve()
        watch = Watch(tracker)
        watch.open()
        for number in range(3):
            watch.open()
            watch.save(f"before {number}")
        watch.open()
        yield watch
    finally:
        tracker.close()


@contextlib.contextmanager
def small_disk(folder, megabytes):
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def filled(folder):
    """Not a byte is left."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    try:
        yield
    finally:
        path.unlink()


def _save_until_refused(watch):
    for number in range(200):
        watch.open()
        status, _text = watch.save(f"on the last bytes {number}")
        if status != 303:
            return
    watch.expect(False, "200 records were stored on a full disk")


def sqlite_disk(folder):
    with small_disk(folder / "home", 12), watched("SQLite, its disk full", folder) as watch:
        with filled(folder / "home"):
            _save_until_refused(watch)
            kept = watch.during("The disk is full", 200)
            watch.command(1, "the disk of the database is full")
        watch.after(kept)


def sqlite_read_only(folder):
    with small_disk(folder / "home", 12), watched("SQLite, its disk read only", folder) as watch:
        watch.tracker.end_servers()  # nothing may be open for writing
        remount = ["mount", "-o", "remount,ro", str(folder / "home")]
        subprocess.run(remount, check=True)
        watch.command(1, "cannot be written")
        subprocess.run([*remount[:2], "remount,rw", remount[3]], check=True)
        watch.tracker.serve()
        watch.open()
        watch.after(watch.form | {"name": "afterwards"})


def sqlite_held(folder):
    with watched("SQLite, held by another one", folder) as watch:
        file = watch.tracker.url.removeprefix("sqlite:///")
        holds = "import pysqlite3 as s" if sqlite.__name__.startswith("pysqlite3") else "import sqlite3 as s"
        code = (
            f"{holds}; c = s.connect({file!r}, isolation_level=None); c.execute('BEGIN IMMEDIATE');"
            " print(1, flush=True); input()"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        other.stdout.readline()
        kept = watch.during("Somebody else is storing something large", 200)
        other.communicate("\n")
        watch.after(kept)


def postgresql_disk(folder, server):
    with small_disk(folder / "space", 40) as disk:
        shutil.chown(disk, "postgres", "postgres")
        disk.chmod(0o700)
        with _administered(server) as ask:
            ask(f"CREATE TABLESPACE small LOCATION '{disk}'")
            try:
                with (
                    own_database(server, "small") as url,
                    watched("PostgreSQL, its disk full", folder, url) as watch,
                ):
                    with filled(disk):
                        _save_until_refused(watch)
                        kept = watch.during("The disk is full", 200)
                    watch.after(kept)
            finally:
                ask("DROP TABLESPACE small")


def postgresql_held(folder, server):
    with (
        own_database(server) as url,
        watched("PostgreSQL, a table held by another one", folder, url) as watch,
    ):
        with _administered(server, sa.make_url(url).database, "READ COMMITTED") as ask:
            ask("LOCK TABLE agent IN ACCESS EXCLUSIVE MODE")
            kept = watch.during("Somebody else is storing something large", 503)
        watch.after(kept)


def postgresql_stopped(folder, server):
    with own_database(server) as url, watched("PostgreSQL, stopped", folder, url) as watch:
        for how in ("fast", "immediate"):
            watch.open()
            print(f"  {how}", flush=True)
            is_over, people = threading.Event(), []
            people = [threading.Thread(target=_go_on, args=(watch, how, one, is_over)) for one in range(3)]
            for one in people:
                one.start()
            time.sleep(0.5)
            _control("stop", "-m", how)
            kept = watch.during("The database does not answer now", 503)
            watch.command(1, "the database does not answer")
            _control("start")
            is_over.set()
            for one in people:
                one.join()
            watch.after(kept | {"name": f"after {how}"})


def _go_on(watch, how, number, is_over):
    """Save while the server is stopped and started: what is acknowledged must be there, what is not is sent again."""
    person = Person(watch.tracker.ports[0], watch.person.cookies)
    for count in range(1000):
        if is_over.is_set():
            return
        status, text, _headers = person.get("/agents/new")
        if status != 200:
            time.sleep(0.1)
            continue
        name = f"{how} {number} {count}"
        values = form_values(text) | {
            "name": name,
            "mechanism_class": "PD-1 inhibitor",
            "modality": "antibody",
        }
        for _attempt in range(300):
            status, _text, _headers = person.post("/agents/new", values)
            if status == 303:
                watch.names.append(name)
                break
            time.sleep(0.1)
        else:
            watch.expect(False, f"a save was answered {status} for 30 s")


def _control(*words):
    """Of the cluster that DATABASE_URL means, which PGPORT names, and of no other."""
    listed = subprocess.run(["pg_lsclusters", "-h"], capture_output=True, text=True, check=True).stdout
    (cluster,) = [row for row in map(str.split, listed.splitlines()) if row[2] == os.environ["PGPORT"]]
    subprocess.run(["pg_ctlcluster", *cluster[:2], *words], check=True)


@contextlib.contextmanager
def _administered(server, database="postgres", level="AUTOCOMMIT"):
    engine = sa.create_engine(database_url(server).set(database=database), isolation_level=level)
    try:
        with engine.connect() as connection:
            yield connection.exec_driver_sql
    finally:
        engine.dispose()


def main():
    server = os.environ.get("DATABASE_URL", "")
    if server.startswith("postgresql"):
        scenes = [postgresql_held, postgresql_stopped, postgresql_disk]
        given = (server,)
    else:
        scenes, given = [sqlite_held, sqlite_disk, sqlite_read_only], ()
    faults = 0
    for scene in scenes:
        with tempfile.TemporaryDirectory(prefix="tracker-faults-") as folder:
            os.chmod(folder, 0o755)
            faults += _faults_of(scene, Path(folder), given)
    print(f"{len(scenes)} outages, {faults} faults")
    sys.exit(1 if faults else 0)


def _faults_of(scene, folder, given):
    Watch.all = []
    scene(folder, *given)
    return sum(len(one.faults) for one in Watch.all)


if __name__ == "__main__":
    main()

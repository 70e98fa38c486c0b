"""32 people at work at once with 50,000 records, mixed reading and writing, against a server of its own.

On SQLite it is `serve`, one process; on PostgreSQL, where DATABASE_URL names a server on which the account may make a
database, gunicorn with a process for each processor.
"""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.bench import base, center

#: What is aimed at.
LEAST_PER_SECOND, MOST_P95 = 100, 0.3

#: Seconds between two looks at the server's memory.
LOOK_EVERY = 10


@dataclass(frozen=True)
class Served:
    """A line of the table: what `visits.work` found, the server's seconds of processor time and its memory."""

    database: str
    found: dict
    cpu: float
    memory: list[float]

    @property
    def is_met(self) -> bool:
        rate = self.found["requests"] / self.found["seconds"]
        return rate >= LEAST_PER_SECOND and self.found["p95"] < MOST_P95 and not self.found["errors"]

    def cells(self, _is_judged) -> list[str]:
        found, settled = self.found, self.memory[len(self.memory) // 4 :]
        return [
            f"{len(center.people())} people, {self.database}: {found['requests']:,} requests,"
            f" {found['written']:,} saves",
            f"{found['seconds']:.0f}",
            f"{self.cpu:.0f}",
            f"{found['requests'] / found['seconds']:.0f}",
            f"p50 {found['p50'] * 1000:.0f}, p95 {found['p95'] * 1000:.0f} ms, {len(found['errors'])} errors",
            "",
            "",
            f"{LEAST_PER_SECOND}/s, p95 {MOST_P95 * 1000:.0f} ms" + ("" if self.is_met else " missed"),
            f"{settled[0]:.0f} → {settled[-1]:.0f}",
        ]


def lines(bench):
    found = [_measured(bench, "SQLite", None)]
    server = os.environ.get("DATABASE_URL", "")
    if server.startswith("postgresql"):
        with _postgresql(server) as address:
            found.append(_measured(bench, "PostgreSQL", address))
    return found


def _measured(bench, database, address) -> Served:
    home = bench.folder / f"load-{database.lower()}"
    settings = {"DATABASE_URL": address} if address else {}
    records = bench.in_child("load.fill", home=str(home), settings=settings)["records"]
    bench.tell(f"{database}: {records:,} records, {bench.minutes:g} minutes")
    with _server(home, settings) as (port, processes):
        memory, stop = [], threading.Event()
        watch = threading.Thread(target=_watch, args=(processes, memory, stop))
        watch.start()
        found = bench.in_child("visits.work", port=port, seconds=bench.minutes * 60, seed=1)
        stop.set()
        watch.join()
        cpu = sum(map(_cpu, processes()))
    for kind, (count, p95) in found["kinds"].items():
        bench.tell(f"{kind}: {count}, p95 {p95 * 1000:.0f} ms")
    for error in found["errors"][:5]:
        print(error, file=sys.stderr)
    return Served(database, found, cpu, memory)


def fill(home, settings):
    """In a process of its own: a new database with the center's records."""
    os.environ.update(settings)
    with base.tracker(home):
        return {"records": center.fill()}


@contextlib.contextmanager
def _server(home, settings):
    """A server on a free port; gives the port, and a function that names its processes that now are."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tracker", "serve", "--port", str(port)]
    if settings and importlib.util.find_spec("gunicorn"):
        workers = f"--workers {os.cpu_count()} --threads 8 --keep-alive 60 --bind 127.0.0.1:{port}".split()
        command = [sys.executable, "-m", "gunicorn", *workers, "tracker:create_app()"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
    environment |= {"TRACKER_HOME": str(home), "DATABASE_URL": ""} | settings
    process = subprocess.Popen(command, cwd=base.ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield port, lambda: [process.pid, *_children(process.pid)]
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port, process):
    for _again in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=5).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def _watch(processes, memory, stop):
    while not stop.wait(LOOK_EVERY if memory else 0):
        memory.append(sum(map(_memory_mb, processes())))
    memory.append(sum(map(_memory_mb, processes())))


def _children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in path.read_text().split()] if path.exists() else []


def _memory_mb(pid):
    told = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmRSS")) / 2**10


def _cpu(pid):
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _postgresql(server):
    """The address of a new database on this server, which is dropped afterwards."""
    import sqlalchemy as sa

    from tracker.extensions import database_url

    url = database_url(server)
    name = f"tracker_bench_{os.getpid()}"
    engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()

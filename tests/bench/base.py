"""Benchmarks: each file of this folder that has a function `lines` is one, found by its name.

Every measurement is a process of its own, so that each has its own peak of memory and no other's caches. They
work in a temporary folder with an SQLite database of their own; the installation's database is not touched.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

try:
    import pysqlite3 as sqlite  # the tracker's driver; scripts take it from here, so as not to load the tracker
except ImportError:
    import sqlite3 as sqlite

ROOT = Path(__file__).parents[2]

#: Participants that the aims are for.
FULL_SIZE = 100_000

#: Columns of the terminal that the table needs.
WIDTH = 132


@dataclass(frozen=True)
class Line:
    """One line of the table.

    measured, other: what `in_child` gave, of the tracker and of what it is compared with: seconds, cpu, peak.
    rows: of the file that was read. most: how many times the other's CPU time, or how many seconds, are aimed at.
    """

    what: str
    measured: dict
    beside: str = ""
    other: dict | None = None
    rows: int | None = None
    most_times: float | None = None
    most_seconds: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.measured["cpu"] / self.other["cpu"] if self.other else None

    @property
    def aim(self) -> str:
        if self.most_times is not None:
            return f"{self.most_times:g}×"
        return f"{self.most_seconds:g} s" if self.most_seconds is not None else ""

    @property
    def is_met(self) -> bool:
        if self.most_times is not None:
            return self.ratio <= self.most_times
        return self.most_seconds is None or self.measured["cpu"] <= self.most_seconds

    def cells(self, is_judged: bool) -> list[str]:
        """is_judged: whether the data are as large as the aims are for."""
        rate = f"{self.rows / self.measured['seconds']:,.0f}" if self.rows else ""
        memory = [f"{one['peak_mb']:.0f}" for one in (self.measured, self.other) if one and "peak_mb" in one]
        return [
            self.what,
            f"{self.measured['seconds']:.2f}",
            f"{self.measured['cpu']:.2f}",
            rate,
            self.beside,
            f"{self.other['cpu']:.2f}" if self.other else "",
            f"{self.ratio:.1f}×" if self.other else "",
            self.aim + (" missed" if is_judged and not self.is_met else ""),
            " / ".join(memory),
        ]


@dataclass(frozen=True)
class Bench:
    """What a benchmark works with: a temporary folder, how large the data are, how long people work with the pages,
    and whom to tell what is done.

    kept: what benchmarks share, such as the database that one of them has filled.
    """

    folder: Path
    participants: int
    minutes: float
    tell: Callable[[str], None]
    kept: dict = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """How often what takes a second or two is measured; the quickest counts."""
        return 3 if self.participants >= 10_000 else 1

    def in_child(self, function: str, **arguments) -> dict:
        """What a function of this folder, such as "imports.plain", gives in a process of its own, with its peak_mb."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
        environment.pop("DATABASE_URL", None)
        self.tell(f"{function} {' '.join(map(str, arguments.values()))}".replace(f"{self.folder}/", ""))
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.child", function, json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)

    def quickest(self, function: str, **arguments) -> dict:
        return min(
            (self.in_child(function, **arguments) for _again in range(self.repeats)),
            key=lambda one: one["cpu"],
        )


@contextlib.contextmanager
def stopwatch():
    """A mapping that has `seconds` and `cpu` (of this process) afterwards."""
    found = {}
    started = time.perf_counter(), time.process_time()
    yield found
    found["seconds"] = time.perf_counter() - started[0]
    found["cpu"] = time.process_time() - started[1]


def peak_mb() -> float:
    """The most memory that this process has had, with Python and its libraries."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


@contextlib.contextmanager
def tracker(home: str):
    """The application on the database in this folder, as the system's owner."""
    from tracker import create_app, scope
    from tracker.extensions import migrate_database

    with create_app(home=Path(home)).app_context(), scope.everything("benchmark"):
        migrate_database()
        yield


def names() -> list[str]:
    modules = (one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return [name for name in modules if hasattr(importlib.import_module(f"tests.bench.{name}"), "lines")]


def run(chosen: list[str], participants: int, minutes: float) -> None:
    """Measure and print the table."""
    with (
        tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("Starting", total=None)
        bench = Bench(Path(folder), participants, minutes, lambda text: bar.update(task, description=text))
        lines = [
            line for name in chosen for line in importlib.import_module(f"tests.bench.{name}").lines(bench)
        ]
    table = Table(
        title=f"{participants:,} participants; SQLite {sqlite.sqlite_version} in a temporary folder",
        caption="CPU: seconds of processor time, which other work on the machine disturbs least; ratios and aims"
        " are of it. Python's start and imports are not counted. MB: most memory, of the tracker / of the other.",
        title_justify="left",
        caption_justify="left",
    )
    heads = ["What", "Seconds", "CPU", "Rows/s", "Beside", "CPU", "Ratio", "Aim", "MB"]
    for head in heads:
        table.add_column(head, justify="left" if head in ("What", "Beside", "Aim") else "right")
    for line in lines:
        table.add_row(*line.cells(participants >= FULL_SIZE))
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)

"""Commands, as somebody types them."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracker import cli, extensions
from tracker.extensions import sqlite

ROOT = Path(__file__).parents[1]


def test_bench_measures_beside_a_plain_script(tmp_path):
    home = tmp_path / "home"
    environment = os.environ | {"TRACKER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "tracker", "bench", "responses", "--participants", "200"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("RECIST 1.1 and best response", "iRECIST, PFS, OS, duration"):
        assert line in done.stdout
    assert not home.exists()


def test_bench_lists_the_benchmarks_that_there_are():
    done = CliRunner().invoke(cli.cli, ["bench", "everything"])
    assert done.exit_code == 2
    assert done.stderr == (
        "tracker: there is no benchmark 'everything'; there are: imports, load, locations, reports, responses, screen\n"
    )


def test_bench_says_where_the_benchmarks_are_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "tracker" / "cli.py"))
    done = CliRunner().invoke(cli.cli, ["bench"])
    assert done.exit_code == 1
    assert done.stderr == (
        "tracker: the benchmarks are not installed: they come with the source, in tests/bench\n"
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(words) invokes a command on an installation of its own."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'tracker.sqlite'}")
    return lambda *words: CliRunner().invoke(cli.cli, [str(word) for word in words])


def test_import_reads_a_folder_of_sdtm_domains(run, tmp_path):
    (tmp_path / "tu.csv").write_text("USUBJID,TULNKID,TULOC,TUORRES\nS1,T1,LIVER,TARGET\n")
    (tmp_path / "tr.csv").write_text("USUBJID,TRLNKID,TRTESTCD,TRSTRESN,TRDTC\nS1,T1,LDIAM,20,2024-01-10\n")
    done = run("import", tmp_path, "--sdtm", "--trial", "T")
    assert done.exit_code == 0, done.output
    assert "lesion_measurement: 1 new, 0 changed, 0 unchanged" in done.stdout
    assert done.stdout.endswith("stored\n")
    (tmp_path / "tr.csv").write_text("USUBJID,TRLNKID,TRTESTCD,TRSTRESN,TRDTC\nS1,T9,LDIAM,20,2024-02-10\n")
    done = run("import", tmp_path, "--sdtm", "--trial", "T")
    assert done.exit_code == 1
    assert "row 2, column TR.TRLNKID: The participant has no lesion of this label." in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--sdtm"],
        ["--sdtm", "--trial", "T", "--mapping", "map.toml"],
        ["--trial", "T"],
        [],
    ],
)
def test_import_used_wrongly_says_what_would_be_right(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.toml").write_text("")
    done = run("import", tmp_path, *words)
    assert done.exit_code == 2
    assert "--sdtm" in done.stderr


def test_verify_says_that_all_is_whole_or_which_event_was_changed(run, tmp_path):
    added = CliRunner().invoke(
        cli.cli,
        ["user", "add", "ada", "--role", "admin", "--password-stdin"],
        input="quinze ou plus lettres\n",
    )
    assert added.exit_code == 0
    done = run("verify")
    assert done.exit_code == 0, done.output
    assert done.stdout == "whole: the database, and its trail of 1 events in 1 transactions\n"
    with sqlite3.connect(tmp_path / "tracker.sqlite") as connection:
        (guard,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'audit_event_is_kept'"
        ).fetchone()
        connection.execute("DROP TRIGGER audit_event_is_kept")
        connection.execute("UPDATE audit_event SET actor = 'nobody'")
    done = run("verify")
    assert done.exit_code == 1
    assert done.stderr.startswith("tracker: the trail's trigger audit_event_is_kept is missing (and 1 more)")
    with sqlite3.connect(tmp_path / "tracker.sqlite") as connection:
        connection.execute(guard)
    done = run("verify")
    assert done.exit_code == 1
    assert re.fullmatch(r"tracker: event 1 \(create user 1, .*\) was changed\n", done.stderr)


def test_the_trail_is_exported_and_the_export_told(run, tmp_path):
    done = run("export", "trail", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "out" / "trail.csv").read_text().splitlines()
    assert len(lines) == 2
    assert ",export,trail,0," in lines[1]
    assert run("export", "everything", "--output", tmp_path / "out").exit_code == 2


def test_redact_says_what_it_found(run):
    done = run("redact", "participant", "1", "diagnosis", "--reason", "a name")
    assert done.exit_code == 1
    assert "has no former value of diagnosis" in done.stderr


@pytest.mark.parametrize("words", [("verify",), ("serve",), ("user", "disable", "ada")])
def test_a_damaged_database_is_told_in_one_line(run, tmp_path, words):
    (tmp_path / "tracker.sqlite").write_bytes(b"not a database" * 500)
    done = run(*words)
    assert done.exit_code == 1
    assert done.stderr == (
        "tracker: the database is damaged; move it away and restore a backup: file is not a database\n"
    )


def test_a_database_that_somebody_holds_is_told_in_one_line(run, tmp_path, monkeypatch):
    assert run("verify").exit_code == 0
    monkeypatch.setattr(extensions, "_patience", ContextVar("patience", default=0.1))
    with contextlib.closing(sqlite.connect(tmp_path / "tracker.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = run("user", "disable", "ada")
    assert done.exit_code == 1
    assert done.stderr == (
        "tracker: somebody else holds the database; nothing was stored, try again: database is locked\n"
    )
    assert run("verify").exit_code == 0


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "home").write_text("a file")
    done = run("verify")
    assert done.exit_code == 1
    assert (
        done.stderr == f"tracker: File exists: {tmp_path / 'home'} (the folder of the database and secrets)\n"
    )


def test_a_new_trail_has_an_anchor_before_anything_is_stored(run, tmp_path):
    anchor = tmp_path / "home" / "trail_anchor"
    assert run("verify").exit_code == 0
    before = anchor.stat().st_size
    assert run("user", "add", "ada", "--role", "physician").exit_code == 1  # without a password
    assert run("verify").exit_code == 0
    anchor.unlink()
    assert run("verify").exit_code == 0, "nothing was ever stored"
    assert anchor.stat().st_size == before

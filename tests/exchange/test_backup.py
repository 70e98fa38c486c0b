"""Backups: made while others work, checked, restored to an empty place and nowhere else."""

import json
import os
import shutil
import sqlite3
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracker import cli


@pytest.fixture
def at(tmp_path, monkeypatch, database):
    """at(place, words) invokes a command on the installation of that name."""

    def at(place, *words, typed=None):
        monkeypatch.setenv("TRACKER_HOME", str(tmp_path / place))
        if database.is_postgresql:
            monkeypatch.setenv("DATABASE_URL", database.render(database.url(place)))
        else:
            monkeypatch.delenv("DATABASE_URL", raising=False)
        return CliRunner().invoke(cli.cli, [str(word) for word in words], input=typed)

    if database.is_postgresql:
        template = database.template.database
        database.administer(f"CREATE DATABASE {database.url('first').database} TEMPLATE {template}")
        database.administer(f"CREATE DATABASE {database.url('second').database}")
    else:
        (tmp_path / "first").mkdir()
        shutil.copy(database.template.database, tmp_path / "first" / "tracker.sqlite")
    yield at
    if database.is_postgresql:
        for place in ("first", "second"):
            database.administer(f"DROP DATABASE {database.url(place).database} WITH (FORCE)")


@pytest.fixture
def made(at, tmp_path):
    """A backup of an installation with one account."""
    done = at(
        "first", "user", "add", "ada", "--role", "admin", "--password-stdin", typed="quinze ou plus lettres\n"
    )
    assert done.exit_code == 0, done.output
    file = tmp_path / "backup.zip"
    done = at("first", "backup", file)
    assert done.exit_code == 0, done.output
    return file


def test_a_backup_is_restored_whole_with_its_trail(at, made, tmp_path):
    assert stat.S_IMODE(os.stat(made).st_mode) == 0o600
    (tmp_path / "second").mkdir()
    shutil.copy(tmp_path / "first" / "trail_key", tmp_path / "second" / "trail_key")
    done = at("second", "restore", made)
    assert done.exit_code == 0, done.output
    assert "2 transactions" in done.stdout
    done = at("second", "verify")
    assert done.stdout == "whole: the database, and its trail of 3 events in 3 transactions\n"
    done = at("second", "user", "role", "ada", "director")
    assert "last administrator" in done.stderr, "the account is there"
    done = at("second", "restore", made)
    assert done.exit_code == 1
    assert "there is a database already" in done.stderr


def test_a_backup_needs_its_key_unless_it_holds_it(at, made, tmp_path):
    done = at("second", "restore", made)
    assert done.exit_code == 1
    assert "the backup was made with another key" in done.stderr
    shutil.rmtree(tmp_path / "second")
    with_key = tmp_path / "with-key.zip"
    assert at("first", "backup", with_key, "--with-key").exit_code == 0
    done = at("second", "restore", with_key)
    assert done.exit_code == 0, done.output
    keys = [(tmp_path / place / "trail_key").read_text() for place in ("first", "second")]
    assert keys[0] == keys[1]
    assert at("second", "verify").exit_code == 0


def test_a_backup_replaces_nothing(at, made, tmp_path):
    done = at("first", "backup", made)
    assert done.exit_code == 1
    assert "replaces nothing" in done.stderr
    done = at("first", "backup")
    assert done.exit_code == 0
    assert len(list((tmp_path / "first" / "backups").iterdir())) == 1, "and leaves no scraps"


def _damaged(made, tmp_path, how):
    if how == "cut off":
        content = made.read_bytes()
        made.write_bytes(content[: len(content) * 2 // 3])
    elif how == "no backup":
        made.write_text("id,code\n")
    else:
        with zipfile.ZipFile(made) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = next(name for name in parts if name.startswith("database"))
        if how == "a byte":
            middle = len(parts[name]) // 2
            parts[name] = parts[name][:middle] + bytes([parts[name][middle] ^ 1]) + parts[name][middle + 1 :]
        elif how == "another version":
            parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | {"format": 99}).encode()
        elif how == "another kind":
            parts["manifest.json"] = parts["manifest.json"].replace(name.encode(), b"database.other")
            parts["database.other"] = parts.pop(name)
        with zipfile.ZipFile(made, "w") as archive:
            for one, content in parts.items():
                archive.writestr(one, content)


@pytest.mark.parametrize("how", ["cut off", "no backup", "a byte", "another version", "another kind"])
def test_a_damaged_file_is_refused_and_leaves_no_database(at, made, tmp_path, how):
    _damaged(made, tmp_path, how)
    (tmp_path / "second").mkdir()
    shutil.copy(tmp_path / "first" / "trail_key", tmp_path / "second" / "trail_key")
    done = at("second", "restore", made)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("tracker: ")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["secret_key", "trail_key"]


def test_a_backup_of_a_trail_that_was_tampered_with_is_refused(at, made, tmp_path, database):
    if database.is_postgresql:
        pytest.skip("only a server reads a dump")
    with sqlite3.connect(tmp_path / "first" / "tracker.sqlite") as connection:
        connection.execute("DROP TRIGGER audit_event_is_kept")
        connection.execute("UPDATE audit_event SET actor = 'nobody' WHERE id = 1")
    file = Path(tmp_path / "late.zip")
    done = at("first", "backup", file)
    assert done.exit_code == 1
    assert "the copy is not whole" in done.stderr
    assert not file.exists()


def test_wrong_use_is_told(at, tmp_path):
    assert at("first", "restore", tmp_path / "nothing.zip").exit_code == 2
    assert at("first", "restore").exit_code == 2

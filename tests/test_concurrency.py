"""Many at once, over HTTP: threads of one process on SQLite, several processes behind gunicorn on PostgreSQL.

These are a few rounds of each; `python -m tests.concurrency` does as many as one asks for.
"""

import shutil

import pytest
from click.testing import CliRunner

from tests.concurrency import rounds
from tests.concurrency.servers import environment_of, served
from tracker import cli, create_app, scope, seal
from tracker.extensions import db, serving
from tracker.values import Refusal


@pytest.fixture(scope="module")
def own_database(database, tmp_path_factory):
    """An application on a database that no other test has opened."""
    home = tmp_path_factory.mktemp("served")
    if database.is_postgresql:
        database.restore()
        url = database.render(database.copy)
    else:
        shutil.copy(database.template.database, home / "tracker.sqlite")
        url = f"sqlite:///{home / 'tracker.sqlite'}"
    app = create_app({"DATABASE_URL": url}, home=home)
    with app.app_context(), scope.everything("the tests"):
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def port(own_database, database):
    with served(own_database, workers=3 if database.is_postgresql else 0) as port:
        yield port
    db.session.rollback()
    assert seal.faults_of_trail(seal.read_anchor()) == []


def test_of_two_who_change_a_record_at_once_one_sees_both_values(own_database, port):
    assert rounds.edit_in_pairs(own_database, port, 4) == {(303, 409): 4}


def test_a_form_that_is_sent_fifty_times_at_once_makes_one_record(own_database, port):
    rounds.send_many_times(own_database, port, 50, kinds=1)


def test_no_process_shows_what_is_out_of_date(own_database, port):
    rounds.see_what_others_store(own_database, port, 1)


def test_wrong_passwords_are_counted_together(own_database, port):
    rounds.refuse_to_sign_in(own_database, port)


def test_one_process_serves_an_sqlite_database(own_database, port, database, monkeypatch):
    """The second is told what to do, and refused, whatever the server."""
    if database.is_postgresql:
        pytest.skip("PostgreSQL is for several")
    db.session.rollback()
    for name, value in environment_of(own_database).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli.cli, ["serve", "--port", "0"])
    assert done.exit_code == 1
    assert done.stderr.startswith("tracker: Another process serves this SQLite database already")
    answer = own_database.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "Another process serves this SQLite database already" in answer.text
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/1")
    monkeypatch.setattr(serving, "_TAKING_OVER", 0.1)
    with pytest.raises(Refusal, match="Another process"):
        create_app({"DATABASE_URL": own_database.config["DATABASE_URL"]}, home=own_database.instance_path)

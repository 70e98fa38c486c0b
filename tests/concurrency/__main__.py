"""Many rounds: PYTHONPATH=. python -m tests.concurrency [--pairs 200] [--times 50] [--workers 4]

On SQLite in a temporary folder behind waitress; or, where DATABASE_URL names a PostgreSQL server, on a database made
for it there, behind gunicorn with several workers.
"""

import argparse
import os
import secrets
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from tests.concurrency import rounds
from tests.concurrency.servers import served
from tracker import create_app, scope, seal
from tracker.extensions import database_url, db, migrate_database


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.concurrency")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4, help="of gunicorn")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("DATABASE_URL", "")
        if not given.startswith("postgresql"):
            _rounds(Path(folder), f"sqlite:///{folder}/tracker.sqlite", 0, asked)
            return
        server, name = database_url(given), f"concurrency_{secrets.token_hex(4)}"
        _administer(server, f"CREATE DATABASE {name}")
        try:
            url = server.set(database=name).render_as_string(hide_password=False)
            _rounds(Path(folder), url, asked.workers, asked)
        finally:
            _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server, statement):
    engine = sa.create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _rounds(home, url, workers, asked):
    app = create_app({"DATABASE_URL": url}, home=home)
    with app.app_context(), scope.everything("the tests"):
        migrate_database()
        began = time.monotonic()
        with served(app, workers) as port:
            print(f"{workers or 'one'} process(es) on {db.engine.dialect.name}")
            print("pairs:", dict(rounds.edit_in_pairs(app, port, asked.pairs)))
            rounds.send_many_times(app, port, asked.times)
            print(f"one form sent {asked.times} times at once: one record, three kinds")
            rounds.see_what_others_store(app, port, 10)
            print("a report after each of 10 changes, asked 6 times at once: never old")
            rounds.refuse_to_sign_in(app, port)
            print("wrong passwords: counted together")
        db.session.rollback()
        faults = seal.faults_of_trail(seal.read_anchor())
        assert not faults, faults
        print(f"the trail is whole: {seal.extent()[0]} events; {time.monotonic() - began:.0f} seconds")
        db.session.remove()
        db.engine.dispose()


main()

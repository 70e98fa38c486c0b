"""Short versions of what tests/faults does at length."""

from tests.faults import kill
from tests.faults.fuzz import Fuzz
from tests.faults.payloads import payloads
from tracker.roles import Role


def test_killed_in_the_midst_of_saves_and_imports_nothing_that_was_acknowledged_is_lost():
    known = kill.run(rounds=2, seed=7, longest=0.3, jobs_too=False)
    assert known.faults == []
    assert (known.kills, known.verified) == (2, 2)
    assert known.names


def test_forms_fed_with_nonsense_change_nothing_and_break_nothing(app):
    fuzz = Fuzz(app, seed=7)
    with fuzz.watching():
        fuzz.submissions(30, roles=[Role.PHYSICIAN], most=6)
    assert [f"{what}: {fuzz.examples[what]}" for what in fuzz.faults] == []
    assert sum(fuzz.statuses.values()) == 30


def test_there_are_500_different_hostile_texts():
    assert len({*payloads(500)}) == 500

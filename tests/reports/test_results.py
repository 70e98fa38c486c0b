"""What a report answered is kept, and told again only while it would be computed the same."""

import pytest
from flask_babel import force_locale

from tests.factories import (
    make_arm,
    make_assay,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Participant
from tracker.reports import base
from tracker.reports.base import run_report
from tracker.roles import Role


@pytest.fixture
def people(app):
    """Two participants of trial A, blinded as it were, and one of trial B."""
    masked = make_trial(code="A", is_randomised=True)
    arm = make_arm(trial=masked, code="X")
    people = [make_participant(trial=masked, arm=arm) for _ in range(2)]
    other = make_trial(code="B")
    people.append(make_participant(trial=other, arm=make_arm(trial=other, code="Y")))
    for one in people:
        make_reported_outcome(participant=one, best_overall_response="PR")
    return people


@pytest.fixture
def built(app, monkeypatch):
    """One entry each time that a report is computed."""
    times, build = [], base._built
    monkeypatch.setattr(base, "_built", lambda asked: times.append(asked) or build(asked))
    return times


def counts(*arguments):
    return {
        row[arguments[0][1] if arguments else "group"]: row["n"]
        for row in outcomes(*arguments).tables[0].rows
    }


def outcomes(*arguments):
    return run_report("outcomes", arguments)


def test_a_report_is_computed_again_only_where_what_it_shows_has_changed(people, built):
    assert counts() == counts() == {"all": 3}
    assert len(built) == 1
    with because("measured again"):
        people[0].ecog = 2
        db.session.commit()
    assert counts() == {"all": 3}
    assert len(built) == 1  # no frame of it has the performance status
    with because("entered twice"):
        people[0].withdrawn_at = people[0].created_at
        db.session.commit()
    assert counts() == {"all": 2}
    assert len(built) == 2


def test_what_was_asked_otherwise_is_another_answer(people):
    assert counts(("by", "trial")) == {"A": 2, "B": 1}
    assert counts() == {"all": 3}
    assert outcomes(("trial", "A")).parameters["trial"] == ["A"]
    assert outcomes(("as_of", "2000-01-01")).tables[0].rows[0]["n"] == 0
    assert "trial" not in outcomes().parameters


def test_every_reader_gets_what_they_may_see(people):
    director, member, stranger = make_user(role=Role.DIRECTOR), make_user(), make_user()
    make_trial_member(user=member, trial=people[0].trial)
    answers = []
    for user in (director, member, stranger, director):
        with scope.reading_as(user):
            answers.append(counts(("by", "arm")))
    assert answers == [{"A/X": 2, "B/Y": 1}, {"masked": 2}, {}, {"A/X": 2, "B/Y": 1}]
    with scope.reading_as(member):
        assert "masked" in str(outcomes().tables[0].notes)


def test_each_language_has_its_own_words_and_drawings(people):
    english = outcomes()
    with force_locale("fr"):
        french = outcomes()
        told = str(french.sentence), french.figures[0].svg(), french.tables[0].cells[0][0].text
    assert told != (str(english.sentence), english.figures[0].svg(), english.tables[0].cells[0][0].text)
    assert english.figures[0].svg() is outcomes().figures[0].svg()


def test_what_is_not_committed_is_in_no_answer_that_is_kept(people):
    db.session.add(Participant(trial=people[2].trial, code="DRAFT", tumor_location="LUNG", undated=False))
    assert len(outcomes().frames[0]) == 4
    db.session.rollback()
    assert len(outcomes().frames[0]) == 3


def test_a_marker_that_was_measured_again_changes_the_answer(people):
    assay = make_assay(name="PD-L1", positive_cutoff=1)
    value = make_measurement(assay=assay, participant=people[0], value=5, timepoint="baseline")
    asked = [("by", "marker"), ("marker", "PD-L1")]
    assert counts(*asked) == {"positive": 1, "missing": 2}
    with because("typing error"):
        value.value = 0.5
        db.session.commit()
    assert counts(*asked) == {"negative": 1, "missing": 2}
    with because("another clone"):
        assay.positive_cutoff = 0.5
        db.session.commit()
    assert counts(*asked) == {"positive": 1, "missing": 2}

"""Figures that a record keeps from a report: asked again, and stale once their data have changed."""

import datetime

import pytest

from tests.factories import (
    make_assay,
    make_biomarker,
    make_finding,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import clock, scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Finding, Measurement
from tracker.reports.base import run_report
from tracker.reports.kept import arguments_of, keep, rerun, stale
from tracker.roles import Role

MARKER = ("marker", "TMB panel"), ("cutoff", "10"), ("by", "marker")


@pytest.fixture
def trial(app):
    trial = make_trial(code="CCI-K")
    assay = make_assay(name="TMB panel", biomarker=make_biomarker(name="TMB"))
    for value in (4, 8, 12, 16):
        participant = make_participant(trial=trial)
        make_reported_outcome(participant=participant)
        make_measurement(participant=participant, assay=assay, value=value)
    return trial


def a_finding(*arguments):
    """One that rests on what the report `outcomes` says now."""
    finding = make_finding()
    with because("for the test"):
        keep(finding, run_report("outcomes", arguments), {"n": 4})
        db.session.commit()
    return finding


def change(record, **values):
    with because("for the test"):
        for name, value in values.items():
            setattr(record, name, value)
        db.session.commit()


def test_the_trials_are_among_what_was_asked(trial):
    finding = a_finding(*MARKER)
    asked = arguments_of(finding)
    assert ("trial", "CCI-K") in asked
    assert ("as_of", clock.today().isoformat()) in asked
    assert {("marker", "TMB panel"), ("cutoff", "10.0"), ("by", "marker")} <= set(asked)
    make_reported_outcome(participant=make_participant(trial=make_trial()))
    assert [row["n"] for row in rerun(finding).tables[0].rows] == [2, 2]


def test_a_value_that_changes_makes_stale_even_where_no_figure_does(trial):
    finding = a_finding(*MARKER)
    assert stale([finding]) == set()
    change(db.session.query(Measurement).filter_by(value=12).one(), value=13)
    assert stale([finding]) == {finding.id}


def test_what_is_of_another_trial_or_of_a_later_day_changes_nothing(trial):
    finding = a_finding(("as_of", "2024-06-30"))
    make_reported_outcome(participant=make_participant(trial=make_trial()))
    make_reported_outcome(participant=make_participant(trial=trial, enrolled_on=datetime.date(2024, 7, 1)))
    assert stale([finding]) == set()
    make_reported_outcome(participant=make_participant(trial=trial, enrolled_on=datetime.date(2024, 6, 1)))
    assert stale([finding]) == {finding.id}


def test_it_is_the_same_for_every_reader_and_whether_or_not_arms_are_masked(trial):
    change(trial, is_randomised=True)
    researcher = make_user(role=Role.RESEARCHER)
    make_trial_member(user=researcher, trial=trial)
    with scope.reading_as(researcher):
        finding = make_finding()
        keep(finding, run_report("outcomes", [("by", "arm")]), {})
        fingerprint, asked = finding.fingerprint, finding.parameters
    finding = db.session.get(Finding, finding.id)
    change(finding, report="outcomes", parameters=asked, as_of=clock.today(), fingerprint=fingerprint)
    for reader in (researcher, make_user(role=Role.RESEARCHER), make_user(role=Role.DIRECTOR)):
        with scope.reading_as(reader):
            assert stale([finding]) == set()


def test_a_report_that_cannot_be_asked_any_more_is_stale(trial):
    finding = a_finding(*MARKER)
    change(trial, code="CCI-L")
    assert stale([finding]) == {finding.id}


def test_it_is_computed_anew_only_when_the_data_of_its_trials_moved(trial, monkeypatch):
    finding = a_finding(*MARKER)
    stale([finding])
    asked = []
    monkeypatch.setattr("tracker.reports.kept.ask", lambda *arguments: asked.append(arguments))
    make_participant(trial=make_trial())
    assert stale([finding]) == set()
    assert asked == []

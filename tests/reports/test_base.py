"""What every report does with what it is asked: filters, settings, masks, cut-off, refusals."""

import datetime

import pytest

from tests.factories import (
    make_arm,
    make_cohort,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import scope
from tracker.audit import because
from tracker.extensions import db
from tracker.forms.report import ReportForm
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import participants_frame
from tracker.reports import base
from tracker.reports.base import Report, Result, all_reports, run_report
from tracker.roles import Role
from tracker.values import Refusal


def rows(*arguments):
    return run_report("outcomes", arguments).tables[0].rows


def numbers(*arguments):
    """{group: n} of a report with one grouping."""
    return {next(iter(row.values())): row["n"] for row in rows(*arguments)}


def notes(*arguments):
    return " ".join(str(note) for note in run_report("outcomes", arguments).tables[0].notes)


def refusal(*arguments, slug="outcomes"):
    with pytest.raises(Refusal) as refused:
        run_report(slug, arguments)
    return refused.value


@pytest.fixture
def two_trials(app):
    """Trials A and B with two participants each, of lung and skin."""
    for code in "AB":
        trial = make_trial(code=code)
        arm = make_arm(trial=trial, code="X")
        for location in ("LUNG", "SKIN"):
            make_reported_outcome(participant=make_participant(trial=trial, arm=arm, tumor_location=location))


def test_being_in_the_folder_registers_a_report():
    assert "outcomes" in all_reports()


def test_a_report_gets_its_frames_of_the_same_participants(two_trials, monkeypatch):
    given = []

    def build(*frames):
        given.extend(frames)
        return Result(tables=[])

    toy = Report("toy", "Toy", "", ReportForm, [outcomes_frame, participants_frame], build)
    monkeypatch.setattr(base, "find_report", lambda slug: toy)
    run_report("toy", [("trial", "A"), ("tumor_location", "SKIN")])
    outcomes, participants = given
    assert list(outcomes["participant_id"]) == list(participants["participant_id"])
    assert len(participants) == 1


def test_filters_narrow_and_a_repeated_one_means_or(two_trials):
    assert rows()[0]["n"] == 4
    assert rows(("trial", "A"))[0]["n"] == 2
    assert rows(("trial", "A"), ("trial", "B"), ("tumor_location", "LUNG"))[0]["n"] == 2
    assert rows(("arm", "B/X"))[0]["n"] == 2
    assert rows(("trial", ""), ("tumor_location", " "))[0]["n"] == 4  # as a form sends what is not chosen


def test_groupings_are_given_together_or_one_by_one(two_trials):
    assert numbers(("by", "trial")) == {"A": 2, "B": 2}
    assert rows(("by", "trial,tumor_location")) == rows(("by", "trial"), ("by", "tumor_location"))
    assert len(rows(("by", "trial,tumor_location"))) == 4


def test_a_code_matches_as_a_term_does(two_trials):
    assert rows(("tumor_location", "lung"))[0]["n"] == 2
    assert run_report("outcomes", [("tumor_location", "Lung")]).parameters["tumor_location"] == ["LUNG"]


def test_a_location_that_nobody_has_is_an_empty_table_with_a_note(two_trials):
    assert rows(("tumor_location", "BREAST"), ("by", "trial")) == []
    (row,) = rows(("tumor_location", "BREAST"))
    assert (row["group"], row["n"], row["orr"]) == ("all", 0, None)
    assert "No participant" in notes(("tumor_location", "BREAST"))


def test_a_trial_without_participants_can_be_asked_for(app):
    make_cohort(trial=make_arm(trial=make_trial(code="NEW"), code="A").trial, name="C1")
    for filter in [("trial", "NEW"), ("arm", "NEW/A"), ("cohort", "C1")]:
        assert rows(filter)[0]["n"] == 0


@pytest.mark.parametrize(
    "argument, listed",
    [
        (("colour", "red"), "colour; there are: trial, arm, cohort"),
        (("trial", "C"), "trial: choose from: A, B."),
        (("arm", "X"), "arm: choose from: A/X, B/X."),
        (("cohort", "1"), "cohort: there is nothing to choose from yet."),
        (("tumor_location", "SHOE"), "BREAST"),
        (("subtype", "TN"), "subtype: choose from: HR+/HER2-, HER2+, TNBC, unknown."),
        (("combination", "maybe"), "combination: choose from: yes, no, unknown."),
        (("prior_lines", "many"), "prior_lines: choose from: 0, 1, 2,"),
        (("setting", "home"), "setting: choose from: neoadjuvant, adjuvant, advanced."),
        (("by", "sex"), "by: choose from: trial, arm,"),
        (("by", "trial,arm,cohort"), "by: group by at most two of: trial"),
        (("endpoint", "os"), "endpoint: choose from: response, pcr."),
        (("response", "maybe"), "response: choose from: confirmed, unconfirmed."),
        (("population", "all"), "population: choose from: treated, evaluable."),
        (("as_of", "tomorrow"), "as_of: "),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(two_trials, argument, listed):
    refused = refusal(argument)
    assert refused.status == 422
    assert listed in refused.message


def test_a_long_list_is_cut(app):
    for number in range(30):
        make_trial(code=f"T{number:02}")
    message = refusal(("trial", "C")).message
    assert "T19 … (30 in all)" in message
    assert "T20" not in message


def test_a_choice_is_made_once(two_trials):
    assert refusal(("endpoint", "pcr"), ("endpoint", "response")).status == 422
    assert refusal(("as_of", "2026-01-01"), ("as_of", "2026-01-02")).status == 422


def test_an_unknown_report_is_not_found(app):
    refused = refusal(slug="horoscope")
    assert refused.status == 404
    assert "outcomes" in refused.message


def test_another_trial_is_unknown(two_trials):
    user = make_user(role=Role.PHYSICIAN)
    make_trial_member(user=user, trial=make_trial(code="MINE"))
    with scope.reading_as(user):
        assert rows()[0]["n"] == 0
        for filter in [("trial", "A"), ("arm", "A/X")]:
            message = refusal(filter).message
            assert "A, B" not in message
            assert "A/X" not in message


def test_a_randomised_trial_is_masked_before_it_is_filtered(app):
    trial = make_trial(code="RCT", is_randomised=True)
    for code, n in [("A", 3), ("B", 2)]:
        arm = make_arm(trial=trial, code=code, regimen=make_regimen(name=f"regimen {code}"))
        for _ in range(n):
            make_reported_outcome(participant=make_participant(trial=trial, arm=arm))
    for role, is_masked in [(Role.PHYSICIAN, True), (Role.RESEARCHER, True), (Role.DIRECTOR, False)]:
        user = make_user(role=role)
        make_trial_member(user=user, trial=trial)
        with scope.reading_as(user):
            assert numbers(("by", "arm")) == ({"masked": 5} if is_masked else {"RCT/A": 3, "RCT/B": 2})
            assert numbers(("by", "regimen")) == (
                {"masked": 5} if is_masked else {"regimen A": 3, "regimen B": 2}
            )
            assert rows(("arm", "RCT/A"))[0]["n"] == (0 if is_masked else 3)
            assert rows(("regimen", "regimen A"))[0]["n"] == (0 if is_masked else 3)
            assert rows(("combination", "no"))[0]["n"] == (0 if is_masked else 5)
            assert ("masked until" in notes()) is is_masked
    with because("the director released the results"):
        trial.results_released = True
        db.session.commit()
    with scope.reading_as(user):
        assert numbers(("by", "arm")) == {"RCT/A": 3, "RCT/B": 2}


@pytest.fixture
def three_settings(app):
    """Trials NEO (2 participants), ADV (3) and one whose setting is not stated (1)."""
    for code, setting, n in [("NEO", "neoadjuvant", 2), ("ADV", "advanced", 3), ("NULL", None, 1)]:
        trial = make_trial(code=code, setting=setting)
        for number in range(n):
            location = "SKIN" if number else "LUNG"
            make_reported_outcome(participant=make_participant(trial=trial, tumor_location=location))


def test_settings_are_never_mixed_in_one_rate(three_settings):
    assert rows()[0]["n"] == 4
    assert "left out: 2" in notes()
    assert run_report("outcomes", []).parameters["setting"] == ["advanced"]
    assert numbers(("by", "tumor_location")) == {"LUNG": 2, "SKIN": 2}


def test_for_pathological_response_the_neoadjuvant_are_kept(three_settings):
    assert rows(("endpoint", "pcr"))[0]["n"] == 2
    assert "Neoadjuvant" in notes(("endpoint", "pcr"))


def test_groups_of_one_setting_each_stand_side_by_side(three_settings):
    assert numbers(("by", "trial")) == {"ADV": 3, "NEO": 2, "NULL": 1}
    assert "never mixed" not in notes(("by", "trial"))


def test_a_filter_that_asks_for_a_mix_is_refused(three_settings):
    both = [("setting", "advanced"), ("setting", "neoadjuvant")]
    assert refusal(*both).message.endswith("choose one of: advanced, neoadjuvant.")
    assert numbers(*both, ("by", "trial")) == {"ADV": 3, "NEO": 2, "NULL": 1}
    assert rows(("setting", "neoadjuvant"))[0]["n"] == 2


def test_where_the_preferred_setting_is_absent_another_is_kept(app):
    for setting in ("neoadjuvant", "adjuvant"):
        make_participant(trial=make_trial(setting=setting))
    assert run_report("outcomes", []).parameters["setting"] == ["neoadjuvant"]
    assert run_report("outcomes", [("endpoint", "pcr")]).parameters["setting"] == ["neoadjuvant"]


def test_a_setting_that_is_not_stated_is_said(three_settings):
    assert "setting is not stated: 1" in notes()
    assert "setting is not stated" not in notes(("trial", "ADV"))


def test_the_cut_off_is_that_of_dated_participants(app):
    dated, undated = make_trial(code="DATED"), make_trial(code="UNDATED")
    make_participant(trial=dated)
    make_participant(trial=undated, undated=True, enrolled_on=None, consented_on=None, first_dose_on=None)
    day = ("as_of", "2025-12-31")
    assert run_report("outcomes", [day, ("trial", "DATED")]).data_cutoff == "2025-12-31"
    assert run_report("outcomes", [day, ("trial", "UNDATED")]).data_cutoff is None
    assert run_report("outcomes", [day]).data_cutoff == "2025-12-31"
    assert run_report("outcomes", [("trial", "DATED")]).data_cutoff == datetime.date.today().isoformat()


def test_later_records_are_ignored(app):
    trial = make_trial(assessment_interval_days=56, assessment_window_days=7)
    for first_dose in ["2025-01-01", "2025-04-01"]:
        day = datetime.date.fromisoformat(first_dose)
        participant = make_participant(trial=trial, consented_on=None, enrolled_on=day, first_dose_on=day)
        make_reported_outcome(participant=participant)

    def counted(as_of):
        row = rows(("as_of", as_of))[0]
        return row["n"], row["pending"]

    assert counted("2024-12-31") == (0, 0)
    assert counted("2025-03-04") == (0, 1)
    assert counted("2025-03-05") == (1, 0)
    assert counted("2025-04-01") == (1, 1)
    assert counted("2025-06-03") == (2, 0)


def test_the_fingerprint_follows_the_data(two_trials):
    first = run_report("outcomes", [])
    assert run_report("outcomes", [("by", "trial")]).fingerprint == first.fingerprint
    assert run_report("outcomes", [("trial", "A")]).fingerprint != first.fingerprint
    make_participant(trial=make_trial())
    assert run_report("outcomes", []).fingerprint != first.fingerprint


def test_who_withdrew_consent_to_research_is_in_no_report_whatever_day_it_is_of(app):
    trial = make_trial(code="ONE")
    for day in (None, None, datetime.date(2025, 3, 1)):
        participant = make_participant(trial=trial, research_consent_withdrawn_on=day)
        make_reported_outcome(participant=participant)
    for as_of in ("2024-12-31", "2026-01-01"):
        (table, *_others) = run_report("outcomes", [("as_of", as_of), ("trial", "ONE")]).tables
        assert table.rows[0]["n"] == 2
        assert any("consent to research is withdrawn: 1" in str(note) for note in table.notes)
    notes = run_report("outcomes", [("tumor_location", "BREAST")]).tables[0].notes
    assert not any("consent" in str(note) for note in notes)

"""What must hold of a participant, as the form says it: refused, asked a reason for, or asked to confirm."""

import datetime
import html
import re

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import (
    make_arm,
    make_assay,
    make_cohort,
    make_participant,
    make_reported_outcome,
    make_trial,
)
from tests.tables import copy_tables, differences
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Arm, AuditEvent, Measurement, Participant
from tracker.roles import Role

PARTICIPANT = dict(
    code="CCI-0001",
    tumor_location="LUNG",
    birth_year="1961",
    consented_on="2024-01-08",
    enrolled_on="2024-01-15",
    first_dose_on="2024-01-17",
)


@pytest.fixture
def trial(app):
    return make_trial(code="CCI-012", minimum_age=18)


@pytest.fixture
def physician(sign_in, trial):
    return sign_in(Role.PHYSICIAN, [trial])


def enrol(browser, trial, **given):
    return browser.submit(f"/participants/new?trial={trial.id}", **{**PARTICIPANT, **given})


def change(record, **given):
    for name, value in given.items():
        setattr(record, name, value)
    with because("for the test"):
        db.session.commit()


def tomorrow():
    return (clock.today() + datetime.timedelta(days=1)).isoformat()


def stored():
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count(Participant.id)))


def test_a_participant_is_enrolled(physician, trial):
    assert enrol(physician, trial).status_code == 303
    assert stored() == 1


# Refused


@pytest.mark.parametrize(
    "field, given, told",
    [
        ("died_on", dict(died_on="2024-01-14"), "cannot die before enrolment"),
        ("enrolled_on", dict(enrolled_on="2024-01-07"), "Consent comes before enrolment"),
        ("enrolled_on", dict(enrolled_on=""), "Fill this in"),
        (
            "consented_on",
            dict(consented_on="2024-01-18", enrolled_on="2024-01-18"),
            "Consent comes before treatment",
        ),
        ("first_dose_on", dict(first_dose_on="2024-01-14"), "cannot come before enrolment"),
        ("last_dose_on", dict(last_dose_on="2024-01-16"), "cannot come before the first"),
        ("last_dose_on", dict(last_dose_on="2024-02-16", first_dose_on=""), "nor without one"),
        (
            "last_dose_on",
            dict(last_dose_on="2024-03-02", died_on="2024-03-01"),
            "Nobody is dosed after death",
        ),
        (
            "last_known_alive_on",
            dict(last_known_alive_on="2024-03-02", died_on="2024-03-01"),
            "later than the day",
        ),
        ("off_treatment_on", dict(off_treatment_on="2024-01-16"), "cannot end before the first dose"),
        ("off_treatment_reason", dict(off_treatment_reason="progression"), "both the day and the reason"),
        ("off_study_on", dict(off_study_on="2024-01-14"), "cannot leave the study before enrolment"),
        ("off_study_reason", dict(off_study_reason="death"), "both the day and the reason"),
        ("birth_year", dict(birth_year="1903"), "older than 120"),
        ("birth_year", dict(birth_year="2025"), "lies after enrolment"),
        ("age_at_enrolment", dict(age_at_enrolment="121"), "from 0 to 120"),
        ("age_at_enrolment", dict(age_at_enrolment="-1"), "from 0 to 120"),
        ("age_at_enrolment", dict(age_at_enrolment="40"), "disagree by more than a year"),
        ("subtype", dict(tumor_location="BREAST"), "Breast cancer needs its subtype"),
        ("subtype", dict(subtype="TNBC"), "belongs to breast tumors only"),
        ("ecog", dict(ecog="6"), "from 0 to 5"),
        ("code", dict(code=""), "Fill this in"),
        ("tumor_location", dict(tumor_location=""), "Choose one"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(physician, refused, trial, field, given, told):
    answer = refused(
        physician,
        f"/participants/new?trial={trial.id}",
        field=field,
        is_kept=False,
        **{**PARTICIPANT, **given},
    )
    beside = answer.text.partition(f'id="{field}-error"')[2].partition("</div>")[0]
    assert told in beside
    shown = form_values(answer.text)
    assert {name: shown[name] for name in given} == given, "what was typed is kept"


@pytest.mark.parametrize(
    "field",
    ["consented_on", "enrolled_on", "first_dose_on", "last_dose_on", "new_therapy_on", "off_treatment_on",
     "off_study_on", "last_known_alive_on", "died_on", "research_consent_withdrawn_on"],
)  # fmt: skip
def test_no_day_lies_in_the_future(physician, refused, trial, field):
    given = {**PARTICIPANT, field: tomorrow()}
    answer = refused(physician, f"/participants/new?trial={trial.id}", field=field, **given)
    assert "This day is still to come" in answer.text


def test_today_is_not_the_future(physician, trial):
    assert enrol(physician, trial, died_on="t").status_code == 303
    assert db.session.scalar(sa.select(Participant.died_on)) == clock.today()


@pytest.mark.parametrize("subtype", ["HR+/HER2-", "HER2+", "TNBC", "unknown"])
def test_breast_cancer_with_its_subtype_is_enrolled(physician, trial, subtype):
    assert enrol(physician, trial, tumor_location="BREAST", subtype=subtype).status_code == 303


def test_several_faults_are_told_at_once(physician, refused, trial):
    given = {
        **PARTICIPANT,
        "died_on": "2024-01-01",
        "ecog": "9",
        "tumor_location": "BREAST",
        "birth_year": "x",
    }
    page = refused(physician, f"/participants/new?trial={trial.id}", field="died_on", **given).text
    for field in ("ecog", "subtype", "birth_year"):
        assert f'id="{field}-error"' in page


# Where one may not enrol


@pytest.mark.parametrize(
    "status", ["NOT_YET_RECRUITING", "ACTIVE_NOT_RECRUITING", "SUSPENDED", "TERMINATED", "COMPLETED"]
)
def test_nobody_is_enrolled_in_a_trial_that_does_not_recruit(physician, trial, status):
    change(trial, status=status)
    answer = enrol(physician, trial)
    assert answer.status_code == 422
    assert "The trial does not recruit" in answer.text
    assert stored() == 0


@pytest.mark.parametrize("status", ["planned", "paused", "closed"])
@pytest.mark.parametrize("make, field", [(make_arm, "arm"), (make_cohort, "cohort")])
def test_nobody_is_enrolled_where_it_is_not_open(physician, refused, trial, make, field, status):
    place = make(trial=trial, status=status)
    answer = refused(
        physician, f"/participants/new?trial={trial.id}", field=field, **PARTICIPANT, **{field: str(place.id)}
    )
    assert f"The {field} is not open to enrolment." in answer.text


def test_who_is_enrolled_already_may_be_changed_after_it_closed(physician, trial):
    arm = make_arm(trial=trial)
    participant = make_participant(trial=trial, arm=arm, ecog=None)
    change(arm, status="closed")
    change(trial, status="COMPLETED")
    assert physician.submit(f"/participants/{participant.id}/edit", ecog="1").status_code == 303


def test_who_is_moved_to_an_arm_is_enrolled_there(physician, refused, trial):
    closed = make_arm(trial=trial, status="closed")
    participant = make_participant(trial=trial)
    refused(
        physician, f"/participants/{participant.id}/edit", field="arm", arm=str(closed.id), reason="Moved."
    )


def test_the_arms_of_a_blinded_trial_are_not_entered(physician, refused, trial):
    change(trial, is_blinded=True)
    arm = make_arm(trial=trial)
    refused(physician, f"/participants/new?trial={trial.id}", field="arm", **PARTICIPANT, arm=str(arm.id))
    assert enrol(physician, trial).status_code == 303


@pytest.mark.parametrize(
    "given", [dict(tumor_location="SKIN"), dict(tumor_location="BREAST", subtype="HER2+")]
)
def test_a_cohort_takes_only_who_belongs_there(physician, refused, trial, given):
    cohort = make_cohort(trial=trial, tumor_location="BREAST", subtype="TNBC")
    refused(
        physician,
        f"/participants/new?trial={trial.id}",
        field="cohort",
        **{**PARTICIPANT, **given, "cohort": str(cohort.id)},
    )
    right = dict(tumor_location="BREAST", subtype="TNBC", cohort=str(cohort.id))
    assert enrol(physician, trial, **right).status_code == 303


# Overruled with a reason


def full_trial(trial):
    change(trial, accrual_target=1)
    make_participant(trial=trial)
    return {}


def full_arm(trial):
    arm = make_arm(trial=trial, planned_n=1)
    make_participant(trial=trial, arm=arm)
    return {"arm": str(arm.id)}


def full_cohort(trial):
    cohort = make_cohort(trial=trial, planned_n=1)
    make_participant(trial=trial, cohort=cohort)
    return {"cohort": str(cohort.id)}


def too_young(_trial):
    return {"birth_year": "2010"}


@pytest.mark.parametrize(
    "prepare, told",
    [
        (full_trial, "The trial has reached its accrual target."),
        (full_arm, "The arm has reached its planned number."),
        (full_cohort, "The cohort has reached its planned number."),
        (too_young, "younger than the trial's minimum age"),
    ],
)
def test_what_the_protocol_does_not_foresee_needs_a_reason(physician, trial, prepare, told):
    given = prepare(trial)
    before = copy_tables()
    answer = enrol(physician, trial, **given)
    assert answer.status_code == 422
    assert told in html.unescape(answer.text)
    assert differences(before, copy_tables()) == {}
    asked = {**form_values(answer.text)}
    assert asked["reason"] == ""
    address = f"/participants/new?trial={trial.id}"
    assert physician.post(address, data={**asked, "reason": "  "}).status_code == 422
    assert physician.post(address, data={**asked, "reason": "Replaces one who left."}).status_code == 303
    event = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.record_type, event.reason) == ("participant", "Replaces one who left.")


def test_an_age_replaces_the_year_of_birth(physician, trial):
    assert enrol(physician, trial, birth_year="", age_at_enrolment="17.9").status_code == 422
    assert enrol(physician, trial, birth_year="", age_at_enrolment="18").status_code == 303


# Confirmed


@pytest.mark.parametrize(
    "text, kind",
    [
        ("Mme Durand, adenocarcinoma", "a person’s name"),
        ("seen with M. Dupont-Élie", "a person’s name"),
        ("Mr. Smith", "a person’s name"),
        ("call 06 12 34 56 78", "a telephone number"),
        ("0612345678", "a telephone number"),
        ("+33 6 12 34 56 78", "a telephone number"),
        ("(617) 555-0123", "a telephone number"),
        ("2 61 03 75 116 001 23", "a national identity or health number"),
        ("261037511600123", "a national identity or health number"),
        ("SSN 078-05-1120", "a national identity or health number"),
        ("née le 12/03/1961", "a full date of birth"),
        ("DOB: 3/12/61", "a full date of birth"),
        ("ada@example.org", "an e-mail address"),
    ],
)
def test_what_may_name_a_person_must_be_confirmed(physician, trial, text, kind):
    answer = enrol(physician, trial, diagnosis=text)
    assert answer.status_code == 422
    assert f"” may be {kind}." in html.unescape(answer.text)
    assert stored() == 0
    again = {**form_values(answer.text), "confirmed": "1"}
    assert again["diagnosis"] == text
    assert physician.post(f"/participants/new?trial={trial.id}", data=again).status_code == 303


@pytest.mark.parametrize(
    "text",
    [
        "LUAD",
        "Adenocarcinoma, EGFR p.L858R 12.5 %",
        "pT2N1M0, 2024",
        "TMB 10 mut/Mb; PD-L1 CPS 10",
        "M.D. Anderson",
    ],
)
def test_what_names_nobody_needs_no_confirmation(physician, trial, text):
    assert enrol(physician, trial, diagnosis=text).status_code == 303


def test_what_was_confirmed_once_is_not_asked_again(physician, trial):
    enrol(physician, trial, diagnosis="Mme Durand", confirmed="1")
    number = db.session.scalar(sa.select(Participant.id))
    assert physician.submit(f"/participants/{number}/edit", ecog="1").status_code == 303
    assert (
        physician.submit(f"/participants/{number}/edit", diagnosis="Mme Durant", reason="x").status_code
        == 422
    )


def test_that_it_was_confirmed_stands_in_the_history_but_not_of_which_words(physician, trial):
    enrol(physician, trial, diagnosis="Mme Durand", confirmed="1")
    (event,) = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "participant"))
    assert event.changes["confirmed"] == [None, "diagnosis: a person’s name"]
    page = physician.get(f"/participants/{event.record_id}/history").text
    assert "Confirmed that it identifies nobody" in page


def test_a_tick_holds_for_the_words_that_it_was_asked_about(physician, trial):
    asked = form_values(enrol(physician, trial, diagnosis="Mme Durand").text)
    address = f"/participants/new?trial={trial.id}"
    answer = physician.post(address, data={**asked, "diagnosis": "Mme Petit", "confirmed": "1"})
    assert answer.status_code == 422
    assert "“Mme Petit” may be" in answer.text
    assert stored() == 0
    assert physician.post(address, data={**form_values(answer.text), "confirmed": "1"}).status_code == 303


def test_a_number_in_a_code_or_a_name_of_something_is_asked_about_too(physician, trial):
    assert enrol(physician, trial, code="255081416802538").status_code == 422
    answer = physician.submit(f"/trials/{trial.id}/edit", sponsor="Sponsor, 06 12 34 56 78", reason="x")
    assert "a telephone number" in answer.text
    given = {"principal_investigator": "Dr Marie Curie", "reason": "x"}
    assert physician.submit(f"/trials/{trial.id}/edit", **given).status_code == 303


@pytest.mark.parametrize("address, field", [("edit", "reason"), ("withdraw", "reason")])
def test_a_reason_names_nobody_either(physician, trial, address, field):
    participant = make_participant(trial=trial, ecog=1)
    given = {"ecog": "2"} if address == "edit" else {}
    answer = physician.submit(f"/participants/{participant.id}/{address}", reason="Mme Durand rang", **given)
    assert answer.status_code == 422
    assert "a person’s name" in answer.text
    again = {**form_values(answer.text), "confirmed": "1"}
    assert physician.post(f"/participants/{participant.id}/{address}", data=again).status_code == 303


@pytest.mark.parametrize("code", ["JD-0001", "0001 AB", "CCI-0001.XY", "J.D", "abc"])
def test_initials_in_a_code_must_be_confirmed(physician, trial, code):
    answer = enrol(physician, trial, code=code)
    assert answer.status_code == 422
    assert "look like a person's initials" in html.unescape(answer.text)
    assert stored() == 0
    assert enrol(physician, trial, code=code, confirmed="1").status_code == 303


def test_letters_that_the_trials_codes_have_are_nobodys_initials(physician, trial):
    make_participant(trial=trial, code="ONC-0001")
    assert enrol(physician, trial, code="ONC-0002").status_code == 303
    assert enrol(physician, trial, code="cci-0003").status_code == 303


# Arms that are masked


@pytest.fixture
def masked(trial):
    """A participant of arm SECRET-ARM in a randomised trial that runs; its director has released nothing."""
    change(trial, is_randomised=True, design="randomised")
    arm = make_arm(trial=trial, code="SECRET-ARM")
    make_arm(trial=trial, code="OTHER-ARM")
    return make_participant(trial=trial, arm=arm, code="CCI-0042", ecog=1)


def tells_the_arm(page, arm):
    """Whether a page about a participant names the arm; that a list offers it without choosing it tells nothing."""
    return arm.code in re.sub(r"<option value=\"\d+\">[^<]*</option>", "", page.partition("<main")[2])


def test_a_masked_arm_is_on_no_page_of_its_participant(physician, sign_in, masked):
    addresses = [f"/participants/{masked.id}{end}" for end in ("", "/edit", "/history")] + ["/participants/"]
    director = sign_in(Role.DIRECTOR)
    for address in addresses:
        assert not tells_the_arm(physician.get(address).text, masked.arm), address
        if not address.endswith("/edit"):
            assert tells_the_arm(director.get(address).text, masked.arm), address


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"code": "CCI-0043", "reason": "Wrong."},
        {"ecog": "2"},
        {"ecog": "9", "reason": "x"},
        {"version": "0", "ecog": "2"},
    ],
)
def test_no_refusal_tells_a_masked_arm(physician, trial, masked, given):
    """Not even where the form was sent without its field."""
    make_participant(trial=trial, code="CCI-0043")
    address = f"/participants/{masked.id}/edit"
    typed = {**form_values(physician.get(address).text), **given}
    del typed["arm"]
    answer = physician.post(address, data=typed)
    assert answer.status_code in (303, 409, 422)
    assert not tells_the_arm(answer.text, masked.arm)
    db.session.rollback()
    assert masked.arm.code == "SECRET-ARM", "and it stays as it is"


def test_a_masked_arm_that_is_left_empty_stays_and_one_that_is_chosen_is_stored(physician, trial, masked):
    address = f"/participants/{masked.id}/edit"
    assert physician.submit(address, ecog="2", reason="Read again.").status_code == 303
    db.session.rollback()
    assert (masked.ecog, masked.arm.code) == (2, "SECRET-ARM")
    other = db.session.scalar(sa.select(Arm).where(Arm.code == "OTHER-ARM"))
    assert physician.submit(address, arm=str(other.id), reason="Wrong arm.").status_code == 303
    db.session.rollback()
    assert masked.arm.code == "OTHER-ARM"


def test_an_arm_is_no_longer_masked_after_its_release(physician, sign_in, trial, masked):
    address = f"/participants/{masked.id}"
    director = sign_in(Role.DIRECTOR)
    assert (
        director.submit(f"/trials/{trial.id}/release", results_released="1", reason="Final.").status_code
        == 303
    )
    assert tells_the_arm(physician.get(address).text, masked.arm)
    assert tells_the_arm(physician.get(f"{address}/edit").text, masked.arm)


@pytest.mark.parametrize("address", ["?sort=arm", "?arm=1"])
def test_a_list_is_not_sorted_or_narrowed_by_what_may_be_masked(physician, masked, address):
    assert physician.get(f"/participants/{address}").status_code == 422


# Cohorts without dates


def test_an_undated_participant_may_lack_even_the_enrolment(physician, trial, refused):
    participant = make_participant(
        trial=trial, undated=True, enrolled_on=None, consented_on=None, first_dose_on=None, ecog=None
    )
    address = f"/participants/{participant.id}/edit"
    assert physician.submit(address, ecog="1").status_code == 303
    refused(physician, address, field="enrolled_on", enrolled_on="nonsense")


def test_the_days_of_an_undated_participant_are_study_days_everywhere(physician, sign_in, trial, refused):
    participant = make_participant(
        trial=trial,
        undated=True,
        enrolled_on=None,
        consented_on=datetime.date(1999, 12, 29),
        first_dose_on=datetime.date(2000, 1, 1),
        birth_year=None,
    )
    address = f"/participants/{participant.id}"
    shown = form_values(physician.get(f"{address}/edit").text)
    assert (shown["consented_on"], shown["first_dose_on"], shown["died_on"]) == ("-3", "1", "")
    assert physician.submit(f"{address}/edit", died_on="31").status_code == 303
    assert db.session.scalar(sa.select(Participant.died_on)) == datetime.date(2000, 1, 31)
    assert participant.consented_on == datetime.date(1999, 12, 29), "what was not touched stays"
    for end in ("", "/history"):
        page = physician.get(address + end).text
        assert "day 31" in page
        assert not re.search("1999-12|2000-01", page)
    for text in ("0", "2024-01-31", "1.5", "t"):
        refused(physician, f"{address}/edit", field="died_on", died_on=text, reason="x")
    browser = sign_in(Role.RESEARCHER, [trial])
    measured = dict(assay=str(make_assay().id), value="1", measured_on="-7")
    assert browser.submit(f"/measurements/new?participant={participant.id}", **measured).status_code == 303
    assert db.session.scalar(sa.select(Measurement.measured_on)) == datetime.date(1999, 12, 25)


# Reported outcomes


@pytest.mark.parametrize(
    "field, given",
    [
        ("pfs_event", dict(pfs_months="3")),
        ("pfs_event", dict(pfs_event="yes")),
        ("os_event", dict(os_months="3")),
        ("pfs_months", dict(pfs_months="5", pfs_event="no", os_months="3", os_event="no")),
        ("pfs_months", dict(pfs_months="-1", pfs_event="no")),
        ("os_months", dict(os_months="1201", os_event="no")),
        ("source", dict(source="")),
    ],
)
def test_a_reported_outcome_is_whole_and_possible(physician, refused, trial, field, given):
    participant = make_participant(trial=trial)
    refused(
        physician,
        f"/reported-outcomes/new?participant={participant.id}",
        field=field,
        is_kept=False,
        **{"source": "registry", **given},
    )


def test_a_participant_has_one_reported_outcome(physician, trial):
    outcome = make_reported_outcome(participant=make_participant(trial=trial))
    address = f"/reported-outcomes/new?participant={outcome.participant_id}"
    answer = physician.submit(address, source="registry")
    assert answer.status_code == 422
    assert "This is taken already" in answer.text

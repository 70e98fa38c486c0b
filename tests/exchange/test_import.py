"""What an import stores, refuses and leaves as it is."""

import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from tracker import scope
from tracker.audit import because
from tracker.clock import now
from tracker.exchange import importing
from tracker.exchange.compare import compare
from tracker.exchange.importing import import_file
from tracker.exchange.mapping import read_mapping
from tracker.exchange.reading import read
from tracker.extensions import db, writing
from tracker.models import (
    Agent,
    Arm,
    AuditEvent,
    Cohort,
    DataVersion,
    Participant,
    Regimen,
    ReportedOutcome,
    Trial,
)
from tracker.roles import Role
from tracker.terms.account import Action
from tracker.values import Refusal

TRIAL = """
[trial]
code = "CCI-1"
title = "A trial"
design = "single arm"
"""

MAPPING = (
    TRIAL
    + """
[participant]
code = "id"
tumor_location = "place"
sex = "sex"
"""
)


@pytest.fixture
def load(app, tmp_path):
    """load(text of the CSV, text of the mapping) imports, as the command does."""

    def load(text, mapping=MAPPING, name="cohort.csv", **options):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / name, tmp_path / "map.toml", **options)

    return load


def participants(*columns):
    names = columns or (Participant.code, Participant.sex)
    return db.session.execute(sa.select(*names).order_by(Participant.code)).all()


def faults(done):
    assert not done.is_stored
    return [(row, column) for row, column in zip(done.faults["row"], done.faults["column"])]


def nothing_is_stored():
    found = [
        db.session.scalar(sa.select(sa.func.count(model.id))) for model in (Trial, Participant, AuditEvent)
    ]
    return found == [0, 0, 0]


# What is created


def test_an_import_creates_the_trial_with_honest_defaults(load):
    load(
        "id,place\n1,BREAST\n",
        """
        [trial]
        code = "X"
        title = "Combination"
        design = "randomised"

        [[arm]]
        code = "AB"
        title = "Both"
        type = "experimental"
        regimen = ["Drug A", "Drug B"]

        [[arm]]
        code = "P"
        title = "Placebo"
        type = "placebo"
        regimen = ["placebo"]

        [[arm]]
        code = "N"
        title = "Nothing"
        type = "no treatment"

        [[cohort]]
        name = "Breast"
        tumor_location = "BREAST"

        [participant]
        code = "id"
        arm = { constant = "AB" }
        cohort = { constant = "Breast" }
        tumor_location = "place"
        subtype = { constant = "TNBC" }
        """,
    )
    trial = db.session.scalars(sa.select(Trial)).one()
    assert (trial.phase, trial.status, trial.response_criteria) == ("NA", "COMPLETED", "other")
    assert trial.is_randomised
    assert trial.minimum_age == 18
    assert [(arm.code, arm.status) for arm in trial.arms] == [
        ("AB", "closed"),
        ("N", "closed"),
        ("P", "closed"),
    ]
    regimens = {regimen.name: regimen for regimen in db.session.scalars(sa.select(Regimen))}
    assert sorted(regimens) == ["Drug A + Drug B", "placebo"]
    both = regimens["Drug A + Drug B"]
    assert both.rationale == "as in the source"
    assert [(part.agent.name, part.role) for part in both.components] == [
        ("Drug A", "backbone"),
        ("Drug B", "backbone"),
    ]
    agent = both.components[0].agent
    assert (agent.mechanism_class, agent.modality) == ("not stated", "not stated")
    assert regimens["placebo"].rationale is None
    assert regimens["placebo"].components[0].agent.is_placebo
    person = db.session.scalars(sa.select(Participant)).one()
    assert (person.arm.code, person.cohort.name, person.undated) == ("AB", "Breast", True)


def test_an_arm_uses_the_regimen_that_has_exactly_its_agents(load):
    pembrolizumab = factories.make_agent(name="Pembrolizumab")
    stored = factories.make_regimen(name="Pembro 200", agents=[pembrolizumab])
    arm = '[[arm]]\ncode = "{}"\ntitle = "x"\ntype = "experimental"\nregimen = {}\n'
    arms = arm.format("A", '["pembrolizumab"]') + arm.format("B", '["pembrolizumab", "new"]')
    load("id,place,sex\n1,LUNG,F\n", MAPPING + arms)
    found = {arm.code: arm.regimen for arm in db.session.scalars(sa.select(Arm))}
    assert found["A"].id == stored.id
    assert found["B"].name == "pembrolizumab + new"
    assert found["B"].components[0].agent_id == pembrolizumab.id
    assert db.session.scalar(sa.select(sa.func.count(Agent.id))) == 2


def test_of_a_trial_that_exists_the_code_suffices(load):
    trial = factories.make_trial(code="CCI-9")
    arm = factories.make_arm(trial=trial, code="A")
    done = load(
        "who,place\nP1,LUNG\n",
        """
        [trial]
        code = "CCI-9"
        [participant]
        code = "who"
        tumor_location = "place"
        arm = { constant = "A" }
        """,
    )
    assert done.is_stored
    assert participants(Participant.code, Participant.arm_id) == [("P1", arm.id)]


def test_a_new_trial_without_title_and_design_is_faulty(load):
    done = load("id,place,sex\n1,LUNG,F\n", MAPPING.replace('title = "A trial"\ndesign = "single arm"', ""))
    assert sum("[trial] CCI-1" in message for message in done.faults["message"]) == 2
    assert nothing_is_stored()


def test_every_record_has_its_event_in_the_trail(load):
    load("id,place,sex\n1,LUNG,F\n2,LUNG,M\n")
    events = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.record_type, event.action) for event in events] == [
        ("trial", Action.CREATE),
        ("participant", Action.CREATE),
        ("participant", Action.CREATE),
    ]
    assert events[2].changes["sex"] == [None, "male"]


# The same again


def test_the_same_file_twice_adds_and_changes_nothing(load):
    text = "id,place,sex\n1,LUNG,F\n2,SKIN,M\n"
    load(text)
    events = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    versions = db.session.execute(sa.select(DataVersion.trial_id, DataVersion.version)).all()
    done = load(text, name="renamed.csv")
    assert done.counts["participant"].unchanged == 2
    assert done.differences.empty
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == events
    assert db.session.execute(sa.select(DataVersion.trial_id, DataVersion.version)).all() == versions


def test_a_later_file_fills_empty_fields_without_a_reason(load):
    load("id,place,sex\n1,LUNG,\n2,SKIN,M\n")
    done = load("id,place,sex\n1,LUNG,F\n2,SKIN,\n3,SKIN,F\n")
    assert (done.counts["participant"].new, done.counts["participant"].changed) == (1, 1)
    assert participants() == [("1", "female"), ("2", "male"), ("3", "female")]


def test_a_file_may_bring_the_outcomes_later(load):
    load("id,place,sex\n1,LUNG,F\n2,SKIN,M\n")
    done = load(
        "who,best\n2,PR\n1,\n",
        '[trial]\ncode = "CCI-1"\n[outcome]\nparticipant = "who"\nbest_overall_response = "best"',
        name="best.csv",
    )
    assert done.counts["outcome"].new == 1
    outcome = db.session.scalars(sa.select(ReportedOutcome)).one()
    assert (outcome.participant.code, outcome.best_overall_response, outcome.source) == (
        "2",
        "PR",
        "best.csv",
    )


def test_a_different_value_is_listed_and_left_as_it_is(load):
    load("id,place,sex\n1,LUNG,F\n2,SKIN,M\n")
    done = load("id,place,sex\n1,LUNG,M\n2,SKIN,M\n")
    assert done.differences.to_dict("records") == [
        {"section": "participant", "row": 2, "record": "1", "field": "sex", "stored": "female", "new": "male"}
    ]
    assert participants() == [("1", "female"), ("2", "male")]


def test_a_different_value_is_stored_by_an_update_with_its_reason(load):
    load("id,place,sex\n1,LUNG,F\n")
    done = load("id,place,sex\n1,LUNG,M\n", update=True, reason="corrected by the site")
    assert len(done.differences) == 1
    assert participants() == [("1", "male")]
    event = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event.changes == {"sex": ["female", "male"]}
    assert event.reason == "corrected by the site"


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_an_update_without_a_reason_is_refused(load, reason):
    load("id,place,sex\n1,LUNG,F\n")
    with pytest.raises(Refusal, match="reason"):
        load("id,place,sex\n1,LUNG,M\n", update=True, reason=reason)
    assert participants() == [("1", "female")]


def test_a_different_title_of_the_trial_is_a_difference_too(load):
    load("id,place,sex\n1,LUNG,F\n")
    done = load("id,place,sex\n1,LUNG,F\n", MAPPING.replace("A trial", "Another"))
    assert done.differences[["section", "record", "field", "new"]].values.tolist() == [
        ["trial", "CCI-1", "title", "Another"]
    ]
    assert db.session.scalar(sa.select(Trial.title)) == "A trial"


def test_a_dry_run_stores_nothing_and_tells_what_it_would_do(load):
    done = load("id,place,sex\n1,LUNG,F\n", dry_run=True)
    assert not done.is_stored
    assert done.counts["participant"].new == 1
    assert nothing_is_stored()


def test_an_import_that_is_cut_off_in_the_middle_stores_nothing(load):
    def stop(done, total, text):
        if text == "Participants":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("id,place,sex\n1,LUNG,F\n", progress=stop)
    assert nothing_is_stored()


# Faults


def test_one_bad_row_of_two_thousand_is_reported_and_nothing_is_stored(load):
    rows = [f"P{number},LUNG,F" for number in range(2000)]
    rows[1233] = "P1233,LUNG,neither"
    done = load("id,place,sex\n" + "\n".join(rows))
    assert faults(done) == [(1235, "sex")]
    assert done.faults["value"].tolist() == ["neither"]
    assert nothing_is_stored()


def test_every_faulty_cell_is_reported(load):
    done = load("id,place,sex\n1,MOON,F\n,LUNG,M\n3,LUNG,x\n4,,x\nБ,LUNG,F\n")
    assert faults(done) == [(2, "place"), (3, "id"), (4, "sex"), (5, "sex"), (5, "place"), (6, "id")]


def test_an_error_of_a_spreadsheet_is_faulty_unless_it_means_missing(load):
    text = "id,place,sex,set\n1,LUNG,#N/A,a\n2,LUNG,#REF!,b\n"
    only_a = '[source]\nwhere = [{ column = "set", equals = "a" }]\n'
    assert faults(load(text, only_a + MAPPING)) == [(2, "sex")]
    load(text, only_a + 'missing = ["#N/A"]' + MAPPING)
    assert participants() == [("1", None)]


def test_blank_rows_are_left_out_and_rows_keep_their_numbers(load):
    done = load("\n\nid,place,sex\n1,LUNG,F\n,,\n\n  \n2,LUNG,x\n,,\n,,\n")
    assert faults(done) == [(8, "sex")]


def test_a_row_that_repeats_a_participant_with_equal_values_is_the_same(load):
    done = load("id,place,sex,visit\n1,LUNG,F,1\n1,LUNG,F,2\n2,SKIN,,1\n2,SKIN,,2\n")
    assert done.counts["participant"].new == 2


def test_a_row_that_repeats_a_participant_otherwise_names_both_rows(load):
    done = load("id,place,sex\n1,LUNG,F\n2,LUNG,F\n1,LUNG,M\n")
    assert faults(done) == [(4, "sex")]
    assert "row 2" in done.faults["message"].item()


def test_breast_without_a_subtype_is_faulty_and_unknown_elsewhere_is_nothing(load):
    mapping = MAPPING + 'subtype = "subtype"'
    done = load("id,place,subtype,sex\n1,BREAST,,F\n2,LUNG,unknown,F\n3,LUNG,TNBC,F\n", mapping)
    assert faults(done) == [(2, "subtype"), (4, "subtype")]
    load("id,place,subtype,sex\n1,BREAST,unknown,F\n2,LUNG,unknown,F\n", mapping)
    assert participants(Participant.code, Participant.subtype) == [("1", "unknown"), ("2", None)]


def test_an_arm_or_cohort_that_does_not_exist_is_faulty_and_those_that_do_are_listed(load):
    mapping = MAPPING + 'arm = "arm"\n[[arm]]\ncode = "A"\ntitle = "a"\ntype = "no treatment"'
    done = load("id,place,sex,arm\n1,LUNG,F,A\n2,LUNG,F,B\n", mapping)
    assert faults(done) == [(3, "arm")]
    assert "A" in done.faults["message"].item()


def test_an_outcome_of_an_unknown_participant_is_faulty(load):
    done = load(
        "id,os,dead\n1,3,1\n",
        TRIAL + '[outcome]\nparticipant = "id"\nos_months = "os"\nos_event = "dead"',
    )
    assert faults(done) == [(2, "id")]


@pytest.mark.parametrize(
    "cells, column",
    [
        ("2020-01-10,2020-01-01,,", "died"),
        ("2020-01-10,,2020-01-01,", "first"),
        ("2999-01-10,,,", "enrolled"),
        (",,,130", "age"),
        (",,,-1", "age"),
        ("20240101,,,", "enrolled"),
        ("2025-02-29,,,", "enrolled"),
    ],
)
def test_what_cannot_be_is_faulty(load, cells, column):
    mapping = (
        MAPPING
        + 'enrolled_on = "enrolled"\ndied_on = "died"\nfirst_dose_on = "first"\nage_at_enrolment = "age"'
    )
    done = load(f"id,place,sex,enrolled,died,first,age\n1,LUNG,F,{cells}\n", mapping)
    assert faults(done) == [(2, column)]


def test_a_full_birth_date_where_a_year_is_asked_is_faulty(load):
    done = load("id,place,sex,born\n1,LUNG,F,1961-04-03\n", MAPPING + 'birth_year = "born"')
    assert faults(done) == [(2, "born")]


def test_what_asks_for_a_reason_in_a_form_is_a_warning_in_an_import(load):
    done = load(
        "id,place,sex,age\n1,LUNG,F,12\n",
        MAPPING + 'age_at_enrolment = "age"',
    )
    assert done.is_stored
    assert sorted(zip(done.warnings["row"], done.warnings["column"])) == [(2, "age")]


def test_texts_that_may_name_somebody_are_stored_once_they_are_confirmed(load):
    """Of a file's own cells and of what its mapping says; the trail tells that it was confirmed, not the text."""
    file = 'id,place,sex,dx\n1,LUNG,F,"seen by Mme Durand"\n255081416802538,LUNG,M,LUAD\n'
    mapping = MAPPING.replace("[participant]", 'synopsis = "Call 06 12 34 56 78"\n\n[participant]', 1)
    done = load(file, mapping + 'diagnosis = "dx"')
    assert not done.is_stored
    assert done.faults.empty
    assert list(zip(done.asked["row"], done.asked["column"])) == [
        (None, "[trial], synopsis"), (2, "dx"), (3, "id"),
    ]  # fmt: skip
    assert "“Mme Durand” may be a person’s name." in done.asked["message"].tolist()
    done = load(file, mapping + 'diagnosis = "dx"', confirmed=True)
    assert done.is_stored
    told = [
        event.changes["confirmed"]
        for event in db.session.scalars(sa.select(AuditEvent))
        if "confirmed" in event.changes
    ]
    assert told == [
        [
            None,
            "trial.synopsis: telephone (1); participant.code: national (1); participant.diagnosis: name (1)",
        ]
    ]


def test_half_an_outcome_is_faulty(load):
    done = load(
        "id,place,sex,os,dead\n1,LUNG,F,3,\n", MAPPING + '[outcome]\nos_months = "os"\nos_event = "dead"'
    )
    assert faults(done) == [(2, "dead")]


def test_a_check_does_not_add_to_a_cell_that_could_not_be_read(load):
    done = load(
        "id,place,sex,os,dead\n1,LUNG,F,3,maybe\n", MAPPING + '[outcome]\nos_months = "os"\nos_event = "dead"'
    )
    assert faults(done) == [(2, "dead")]


# Records that are withdrawn or out of sight


def withdraw(record):
    record.withdrawn_at = now()
    with because("entered by mistake"):
        db.session.commit()


def test_an_import_into_a_withdrawn_trial_is_refused(load):
    withdraw(factories.make_trial(code="CCI-1"))
    with pytest.raises(Refusal, match="withdrawn"):
        load("id,place,sex\n1,LUNG,F\n")


def test_the_code_of_a_withdrawn_participant_stays_taken(load):
    load("id,place,sex\n1,LUNG,F\n")
    withdraw(db.session.scalars(sa.select(Participant)).one())
    assert faults(load("id,place,sex\n1,LUNG,F\n2,LUNG,F\n")) == [(2, "id")]


def test_the_code_of_a_trial_that_the_user_cannot_see_is_refused_without_a_trace(load):
    factories.make_trial(code="CCI-1")
    user = factories.make_user(role=Role.PHYSICIAN)
    with scope.reading_as(user), pytest.raises(Refusal, match="code"):
        load("id,place,sex\n1,LUNG,F\n")
    assert participants() == []


def test_whoever_imports_a_new_trial_is_its_first_member(load):
    user = factories.make_user(role=Role.PHYSICIAN)
    with scope.reading_as(user):
        load("id,place,sex\n1,LUNG,F\n")
    trial = db.session.scalars(sa.select(Trial)).one()
    assert [member.user_id for member in trial.members] == [user.id]


# How cells are read


def test_values_match_text_or_number_and_blank_and_star(load):
    mapping = (
        TRIAL
        + """
    [participant]
    code = "id"
    [participant.tumor_location]
    column = "place"
    values = { "1" = "LUNG", "2.50" = "SKIN", "" = "OTHER", "*" = "BOWEL" }
    """
    )
    load("id,place\n1,1\n2,1.0\n3,2.5\n4,\n5,NA\n6,x\n7,01\n", mapping)
    assert participants(Participant.tumor_location) == [
        (place,) for place in ["LUNG", "LUNG", "SKIN", "OTHER", "OTHER", "BOWEL", "LUNG"]
    ]


def test_a_cell_that_matches_no_value_is_faulty(load):
    mapping = MAPPING.replace(
        'sex = "sex"', 'sex = { column = "sex", values = { "0" = "female", "1" = "male" } }'
    )
    done = load("id,place,sex\n1,LUNG,0\n2,LUNG,2\n3,LUNG,\n", mapping)
    assert faults(done) == [(3, "sex")]
    assert "0, 1" in done.faults["message"].item()


def test_rows_can_be_numbered_where_the_file_has_no_key(load):
    mapping = (
        TRIAL
        + '[participant]\ncode = { row = true, prefix = "OAK-" }\ntumor_location = { constant = "LUNG" }'
    )
    load("x\na\nb\n\nc\n", mapping)
    assert [code for (code,) in participants(Participant.code)] == ["OAK-1", "OAK-2", "OAK-4"]


def test_where_takes_rows_for_which_all_hold(load):
    mapping = """
    [source]
    where = [{ column = "set", equals = ["train", "test"] }, { column = "ok", equals = [1] }]
    """
    load(
        "id,place,sex,set,ok\n1,LUNG,F,train,1.0\n2,LUNG,F,other,1\n3,LUNG,wrong,test,0\n4,LUNG,F,test,1\n",
        mapping + MAPPING,
    )
    assert [code for (code,) in participants(Participant.code)] == ["1", "4"]


def test_where_that_leaves_nothing_is_faulty(load):
    done = load("id,place,sex\n1,LUNG,F\n", '[source]\nwhere = [{ column = "sex", equals = "M" }]' + MAPPING)
    assert "leave none" in done.faults["message"].item()


def test_missing_says_which_cells_are_empty_besides_blank_ones(load):
    load("id,place,sex\n1,LUNG,-9\n2,LUNG,\n", '[source]\nmissing = ["-9"]' + MAPPING)
    assert participants() == [("1", None), ("2", None)]


def test_times_are_stored_in_months_of_30_4375_days(load):
    mapping = (
        MAPPING
        + """
    [outcome]
    pfs_months = { column = "pfs", unit = "days" }
    pfs_event = "event"
    os_months = { column = "os", unit = "weeks" }
    os_event = "event"
    """
    )
    load("id,place,sex,pfs,os,event\n1,LUNG,F,60.875,8.7,yes\n2,LUNG,F,0,0,N\n", mapping)
    found = db.session.execute(
        sa.select(ReportedOutcome.pfs_months, ReportedOutcome.os_months, ReportedOutcome.os_event)
    ).all()
    assert found == [(2, pytest.approx(8.7 * 7 / 30.4375), True), (0, 0, False)]


def test_years_are_twelve_months_and_an_age_may_come_in_months(load):
    mapping = (
        MAPPING
        + """
    age_at_enrolment = { column = "age", unit = "months" }
    [outcome]
    os_months = { column = "os", unit = "years" }
    os_event = "event"
    """
    )
    load("id,place,sex,age,os,event\n1,LUNG,F,726,1.5,true\n", mapping)
    assert participants(Participant.age_at_enrolment) == [(60.5,)]
    assert db.session.scalar(sa.select(ReportedOutcome.os_months)) == 18


def test_a_decimal_comma_and_another_delimiter(load):
    mapping = '[source]\ndelimiter = ";"\ndecimal = ","' + MAPPING + 'age_at_enrolment = "age"'
    load("id;place;sex;age\n1;LUNG;F;61,5\n", mapping)
    assert participants(Participant.age_at_enrolment) == [(61.5,)]
    done = load("id;place;sex;age\n2;LUNG;F;61.5\n", mapping)
    assert faults(done) == [(2, "age")]


def test_study_days_are_dates_counted_from_day_one_and_there_is_no_day_zero(load):
    mapping = MAPPING + 'first_dose_day = "first"\nconsented_day = "consented"\ndied_day = "died"'
    load("id,place,sex,first,consented,died\n1,LUNG,F,1,-1,31\n", mapping)
    person = db.session.scalars(sa.select(Participant)).one()
    assert person.undated
    assert person.consented_on == datetime.date(1999, 12, 31)
    assert person.first_dose_on == datetime.date(2000, 1, 1)
    assert person.died_on == datetime.date(2000, 1, 31)
    done = load("id,place,sex,first,consented,died\n1,LUNG,F,1,-1,32\n2,LUNG,F,1,0,\n", mapping)
    assert faults(done) == [(3, "consented")]
    assert done.differences[["stored", "new"]].values.tolist() == [["day 31", "day 32"]]


def test_dates_in_a_format_or_iso_or_as_excel_counts_days(load):
    mapping = MAPPING + 'enrolled_on = { column = "on", date_format = "%d/%m/%Y" }'
    done = load("id,place,sex,on\n1,LUNG,F,25/03/2024\n2,LUNG,F,2024-03-25\n3,LUNG,F,45376\n", mapping)
    assert done.is_stored
    assert {on for (on,) in participants(Participant.enrolled_on)} == {datetime.date(2024, 3, 25)}
    assert done.warnings[["row", "value"]].values.tolist() == [[4, "45376"]]
    assert "2024-03-25" in done.warnings["message"].item()
    assert not any(undated for (undated,) in participants(Participant.undated))


def test_dates_and_study_days_of_one_participant_are_not_mixed(load):
    load("id,place,sex,first\n1,LUNG,F,1\n", MAPPING + 'first_dose_day = "first"')
    done = load("id,place,sex,on\n1,LUNG,F,2024-03-25\n", MAPPING + 'died_on = "on"')
    assert faults(done) == [(2, "id")]


def test_a_participant_who_came_without_dates_is_dated_by_an_update(load):
    load("id,place,sex\n1,LUNG,F\n")
    mapping = MAPPING + 'enrolled_on = "on"'
    assert faults(load("id,place,sex,on\n1,LUNG,F,2024-03-25\n", mapping)) == [(2, "id")]
    load("id,place,sex,on\n1,LUNG,F,2024-03-25\n", mapping, update=True, reason="dates released")
    assert participants(Participant.undated, Participant.enrolled_on) == [(False, datetime.date(2024, 3, 25))]


def test_a_formula_is_text(load):
    load("id,place,sex,dx\n1,LUNG,F,=cmd|' /C calc'!A0\n", MAPPING + 'diagnosis = "dx"')
    assert participants(Participant.diagnosis) == [("=cmd|' /C calc'!A0",)]


# The order of reading


ROWS = ["1,LUNG,F,CR,3.5", "2,SKIN,M,PD,1", "3,BOWEL,,SD,", "4,KIDNEY,F,,7.25", "1,LUNG,F,CR,3.5"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(ROWS))
def test_the_order_of_rows_does_not_matter(order):
    mapping = read_mapping(
        (MAPPING + 'age_at_enrolment = "n"\n[outcome]\nbest_overall_response = "bor"').encode()
    )

    def records(rows):
        reading = read("x.csv", "\n".join(["id,place,sex,bor,n", *rows]).encode(), mapping)
        assert not reading.faults
        return {
            name: reading.frames[name].sort_values(key).reset_index(drop=True)
            for name, key in (("participant", "code"), ("outcome", "participant"))
        }

    expected, found = records(ROWS), records(order)
    for name, frame in expected.items():
        assert frame.equals(found[name])


def test_progress_is_told_from_reading_to_commit(load):
    steps = []
    load("id,place,sex\n1,LUNG,F\n", progress=lambda done, total, text: steps.append((done, total, text)))
    assert [text for _done, _total, text in steps] == [
        "Reading",
        "Comparing with what is stored",
        "Trials",
        "Participants",
        "Committing",
    ]
    assert steps[3][:2] == (2, 2)


@pytest.fixture
def meanwhile(app, monkeypatch):
    """meanwhile(change): somebody else changes something between the comparison and the storing of an import."""

    def meanwhile(change):
        def compare_and_change(reading, update):
            comparison = compare(reading, update)
            with app.app_context(), scope.everything("somebody else"), writing():
                change()
                db.session.commit()
            return comparison

        monkeypatch.setattr(importing, "compare", compare_and_change)

    return meanwhile


def test_others_write_while_a_file_is_read_and_compared(load, meanwhile):
    meanwhile(
        lambda: db.session.add(Agent(name="new", mechanism_class="PD-1 inhibitor", modality="antibody"))
    )
    assert load("id,place,sex\n1,LUNG,F\n").is_stored
    assert db.session.scalars(sa.select(Agent.name)).all() == ["new"]
    assert participants() == [("1", "female")]


def test_an_import_is_compared_again_with_what_came_in_the_meantime(load, meanwhile):
    load("id,place,sex\n1,LUNG,F\n")
    trial = db.session.scalar(sa.select(Trial.id))
    db.session.rollback()
    meanwhile(
        lambda: db.session.add(Participant(trial_id=trial, code="2", tumor_location="LUNG", sex="male"))
    )
    done = load("id,place,sex\n1,LUNG,F\n2,LUNG,M\n3,LUNG,M\n")
    assert done.is_stored
    assert (done.counts["participant"].new, done.counts["participant"].unchanged) == (1, 2)
    assert participants() == [("1", "female"), ("2", "male"), ("3", "male")]


def test_an_import_is_refused_whole_where_what_came_in_the_meantime_forbids_it(load, meanwhile):
    load("id,place,sex\n1,LUNG,F\n")
    one = db.session.scalar(sa.select(Participant.id))
    db.session.rollback()

    def withdraw():
        with because("entered by mistake"):
            db.session.get_one(Participant, one).withdrawn_at = now()
            db.session.commit()

    meanwhile(withdraw)
    done = load("id,place,sex\n1,LUNG,F\n2,LUNG,M\n")
    assert faults(done) == [(2, "id")]
    assert participants() == []


def test_cohorts_and_arms_are_found_by_their_names(load):
    mapping = MAPPING + 'cohort = "cohort"\n[[cohort]]\nname = "A"\ntumor_location = "LUNG"\n'
    load("id,place,sex,cohort\n1,LUNG,F,A\n", mapping)
    done = load(
        "id,place,sex,cohort\n1,LUNG,F,A\n", mapping + '[[cohort]]\nname = "B"\ntumor_location = "SKIN"\n'
    )
    assert (done.counts["cohort"].new, done.counts["cohort"].unchanged) == (1, 1)
    assert db.session.scalar(sa.select(sa.func.count(Cohort.id))) == 2

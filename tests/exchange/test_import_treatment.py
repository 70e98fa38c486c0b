"""What an import of doses and adverse events stores, refuses and leaves as it is."""

import datetime

import pytest
import sqlalchemy as sa

from tests import factories
from tracker.audit import because
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Agent,
    Attribution,
    AuditEvent,
    Participant,
    Query,
    RegimenComponent,
)
from tracker.terms.oversight import QueryState
from tracker.values import Refusal

TRIAL = '[trial]\ncode = "CCI-1"\n'

DOSES = (
    TRIAL
    + """
[administration]
participant = "id"
component = "drug"
cycle = "cycle"
given_on = "day"
dose = "dose"
unit = { constant = "mg" }
modification = "change"
reason = "why"
"""
)

EVENTS = (
    TRIAL
    + """
[adverse_event]
participant = "id"
term = "term"
grade = "grade"
started_on = "start"
ended_on = "end"
serious = "serious"
serious_criterion = "criterion"
outcome = "outcome"
related = "related"
"""
)


@pytest.fixture
def trial(app):
    """A trial with an arm of two agents and one of placebo; P1 and P2 in the first, P3 in the second."""
    trial = factories.make_trial(code="CCI-1")
    agents = [factories.make_agent(name=name) for name in ("Atezolizumab", "Bevacizumab")]
    placebo = factories.make_agent(name="Placebo", mechanism_class="placebo")
    both = factories.make_arm(trial=trial, code="AB", regimen=factories.make_regimen(agents, name="AB"))
    none = factories.make_arm(
        trial=trial, code="P", regimen=factories.make_regimen([placebo], name="P"), type="placebo"
    )
    for code, arm in (("P1", both), ("P2", both), ("P3", none)):
        factories.make_participant(trial=trial, code=code, arm=arm, first_dose_on=None, **DATES)
    return trial


DATES = {"consented_on": datetime.date(2024, 1, 1), "enrolled_on": datetime.date(2024, 1, 2)}


@pytest.fixture
def load(app, tmp_path):
    """load(text of the CSV, text of the mapping) imports, as the command does."""

    def load(text, mapping, name="rows.csv", **options):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / name, tmp_path / "map.toml", **options)

    return load


def doses(*columns):
    names = columns or (Agent.name, Administration.cycle, Administration.dose)
    chosen = (
        sa.select(Participant.code, *names)
        .join(Administration.participant)
        .join(Administration.component)
        .join(RegimenComponent.agent)
    )
    return [tuple(row) for row in db.session.execute(chosen.order_by(Administration.id))]


def events(*columns):
    names = columns or (AdverseEvent.term, AdverseEvent.grade)
    chosen = sa.select(Participant.code, *names).join(AdverseEvent.participant)
    return [tuple(row) for row in db.session.execute(chosen.order_by(AdverseEvent.id))]


def causes():
    chosen = (
        sa.select(AdverseEvent.term, Agent.name, Attribution.causality)
        .join(Attribution.adverse_event)
        .join(Attribution.agent)
        .order_by(Attribution.id)
    )
    return [tuple(map(str, row)) for row in db.session.execute(chosen)]


def questions():
    chosen = sa.select(Query.rule, Query.record_id).where(Query.state != QueryState.CLOSED)
    return [tuple(row) for row in db.session.execute(chosen.order_by(Query.rule, Query.record_id))]


def faults(done):
    assert not done.is_stored
    return [(row, column) for row, column in zip(done.faults["row"], done.faults["column"])]


# Doses


def test_doses_are_of_the_components_of_the_participants_arm(load, trial):
    text = (
        "id,drug,cycle,day,dose,change,why\n"
        "P1,atezolizumab,1,2024-01-05,1200,,\n"
        "P1,Bevacizumab,1,2024-01-05,0,omitted,hypertension\n"
        "P3,Placebo,1,2024-01-06,1,,\n"
    )
    done = load(text, DOSES)
    assert done.counts["administration"].new == 3
    assert doses() == [("P1", "Atezolizumab", 1, 1200), ("P1", "Bevacizumab", 1, 0), ("P3", "Placebo", 1, 1)]
    one = db.session.scalars(sa.select(Administration).where(Administration.dose == 0)).one()
    assert (one.modification, one.modification_reason, one.unit) == ("omitted", "hypertension", "mg")


def test_the_first_dose_of_the_file_is_the_participants_where_none_is_known(load, trial):
    rows = "P1,Atezolizumab,2,2024-01-26,1200,,\nP1,Atezolizumab,1,2024-01-05,1200,,\n"
    text = "id,drug,cycle,day,dose,change,why\n" + rows
    load(text, DOSES)
    first = dict(db.session.execute(sa.select(Participant.code, Participant.first_dose_on)).all())
    assert first == {"P1": datetime.date(2024, 1, 5), "P2": None, "P3": None}
    done = load(text.replace("2024-01-05", "2024-01-04"), DOSES)
    assert (3, "day") in faults(done)  # the first dose is known now, and later


def test_doses_twice_add_nothing_and_another_dose_is_listed(load, trial):
    text = "id,drug,cycle,day,dose,change,why\nP1,Atezolizumab,1,2024-01-05,1200,,\n"
    load(text, DOSES)
    again = load(text, DOSES)
    assert (again.counts["administration"].new, again.counts["administration"].unchanged) == (0, 1)
    other = load(text.replace("1200", "840"), DOSES)
    assert other.differences[["field", "stored", "new"]].values.tolist() == [["dose", "1200", "840"]]
    assert doses() == [("P1", "Atezolizumab", 1, 1200)]
    load(text.replace("1200", "840"), DOSES, update=True, reason="wrong flat dose")
    assert doses() == [("P1", "Atezolizumab", 1, 840)]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("P9,Atezolizumab,1,2024-01-05,1200,,", "id"),
        (",Atezolizumab,1,2024-01-05,1200,,", "id"),
        ("P3,Atezolizumab,1,2024-01-05,1200,,", "drug"),
        ("P1,Cisplatin,1,2024-01-05,1200,,", "drug"),
        ("P1,Atezolizumab,0,2024-01-05,1200,,", "cycle"),
        ("P1,Atezolizumab,1,2024-01-01,1200,,", "day"),  # before enrolment
        ("P1,Atezolizumab,1,2099-01-05,1200,,", "day"),
        ("P1,Atezolizumab,1,2024-01-05,-1,,", "dose"),
        ("P1,Atezolizumab,1,2024-01-05,,,", "dose"),
        ("P1,Atezolizumab,1,2024-01-05,0,,", "change"),  # omitted, but not said so
        ("P1,Atezolizumab,1,2024-01-05,600,reduced,", "why"),
    ],
)
def test_a_faulty_dose_is_told_by_row_and_column_and_nothing_is_stored(load, trial, row, column):
    done = load(f"id,drug,cycle,day,dose,change,why\nP2,Atezolizumab,1,2024-01-05,1200,,\n{row}\n", DOSES)
    assert (3, column) in faults(done)
    assert doses() == []


def test_a_dose_far_above_the_plan_is_a_warning(load, trial):
    component = db.session.scalars(
        sa.select(RegimenComponent).join(Agent).where(Agent.name == "Atezolizumab")
    )
    with because("as in the protocol"):
        one = component.one()
        one.dose, one.unit = 1200, "mg"
        db.session.commit()
    text = "id,drug,cycle,day,dose,change,why\nP1,Atezolizumab,1,2024-01-05,1200000,,\n"
    done = load(text, DOSES, dry_run=True)
    assert "more than twice" in done.warnings["message"].str.cat()


# Adverse events


HEADER = "id,term,grade,start,end,serious,criterion,outcome,related\n"


def test_the_ctcae_term_and_its_class_follow_from_the_words(load, trial):
    load(
        HEADER + "P1,DIARRHEA,2,2024-02-01,2024-02-03,N,,resolved,Y\nP1,Odd feeling,1,2024-02-01,,,,,\n",
        EVENTS,
    )
    assert events(AdverseEvent.term, AdverseEvent.ctcae_term, AdverseEvent.soc) == [
        ("P1", "DIARRHEA", "Diarrhea", "Gastrointestinal disorders"),
        ("P1", "Odd feeling", None, None),
    ]
    one = db.session.scalars(sa.select(AdverseEvent).order_by(AdverseEvent.id)).first()
    assert (one.serious, one.dlt, one.outcome, one.ended_on) == (
        False,
        False,
        "recovered",
        datetime.date(2024, 2, 3),
    )


def test_a_class_in_the_source_stays_where_the_words_match_no_term(load, trial):
    mapping = EVENTS + 'soc = "class"\n'
    header = HEADER.strip() + ",class\n"
    load(
        header + "P1,Odd feeling,1,2024-02-01,,,,,,GENERAL DISORDERS AND ADMINISTRATION SITE CONDITIONS\n",
        mapping,
    )
    assert events(AdverseEvent.soc) == [("P1", "General disorders and administration site conditions")]


def test_related_is_said_of_every_agent_that_is_no_placebo(load, trial):
    text = HEADER + "P1,Rash,1,2024-02-01,,,,,yes\nP2,Cough,1,2024-02-01,,,,,no\nP2,Pain,1,2024-02-01,,,,,\n"
    load(text, EVENTS)
    assert causes() == [
        ("Rash", "Atezolizumab", "related"),
        ("Rash", "Bevacizumab", "related"),
        ("Cough", "Atezolizumab", "not related"),
        ("Cough", "Bevacizumab", "not related"),
    ]
    load(text, EVENTS)
    assert len(causes()) == 4


def test_of_who_receives_only_placebo_it_is_said_of_that(load, trial):
    load(HEADER + "P3,Rash,1,2024-02-01,,,,,yes\n", EVENTS)
    assert causes() == [("Rash", "Placebo", "related")]


def test_an_agents_own_column_goes_before_what_is_said_of_all(load, trial):
    mapping = EVENTS + 'attribution = { "bevacizumab" = "bev" }\n'
    text = HEADER.strip() + ",bev\nP1,Rash,1,2024-02-01,,,,,no,probable\nP2,Rash,1,2024-02-01,,,,,no,\n"
    load(text, mapping)
    assert sorted(causes()) == [
        ("Rash", "Atezolizumab", "not related"),
        ("Rash", "Atezolizumab", "not related"),
        ("Rash", "Bevacizumab", "not related"),
        ("Rash", "Bevacizumab", "probable"),
    ]
    unknown = load(text, EVENTS + 'attribution = { "cisplatin" = "bev" }\n')
    assert faults(unknown) == [(2, "bev")]


def test_attributions_are_filled_in_and_changed_like_any_value(load, trial):
    load(HEADER + "P1,Rash,1,2024-02-01,,,,,\n", EVENTS)
    event = db.session.scalars(sa.select(AdverseEvent)).one()
    version = event.version
    load(HEADER + "P1,Rash,1,2024-02-01,,,,,no\n", EVENTS)
    assert [one[2] for one in causes()] == ["not related"] * 2
    db.session.expire_all()
    assert event.version > version
    done = load(HEADER + "P1,Rash,1,2024-02-01,,,,,yes\n", EVENTS)
    assert len(done.differences) == 2
    assert [one[2] for one in causes()] == ["not related"] * 2
    load(HEADER + "P1,Rash,1,2024-02-01,,,,,yes\n", EVENTS, update=True, reason="the sponsor's verdict")
    assert [one[2] for one in causes()] == ["related"] * 2
    last = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (last.record_type, last.reason) == ("adverse_event", "the sponsor's verdict")


def test_the_same_events_twice_add_nothing_and_a_later_file_fills_what_is_empty(load, trial):
    text = HEADER + "P1,Rash,1,2024-02-01,,,,,yes\n"
    load(text, EVENTS)
    count = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    done = load(text, EVENTS)
    assert done.counts["adverse_event"].unchanged == 1
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == count
    load(text.replace("2024-02-01,,", "2024-02-01,2024-02-09,"), EVENTS)
    assert events(AdverseEvent.ended_on) == [("P1", datetime.date(2024, 2, 9))]
    done = load(text.replace("2024-02-01,,", "2024-02-01,2024-02-10,"), EVENTS)
    assert done.differences[["field", "stored", "new"]].values.tolist() == [
        ["ended_on", "2024-02-09", "2024-02-10"]
    ]


def test_a_row_that_repeats_an_event_otherwise_names_both_rows(load, trial):
    row = "P1,Rash,1,2024-02-01,2024-02-09,,,,\n"
    assert load(HEADER + row + row, EVENTS, dry_run=True).counts["adverse_event"].new == 1
    done = load(HEADER + row + row.replace("-09", "-10"), EVENTS)
    assert faults(done) == [(3, "end")]
    assert "row 2" in done.faults["message"][0]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",Rash,1,2024-02-01,,,,,", "id"),
        ("P9,Rash,1,2024-02-01,,,,,", "id"),
        ("P1,,1,2024-02-01,,,,,", "term"),
        ("P1,Rash,6,2024-02-01,,,,,", "grade"),
        ("P1,Rash,0,2024-02-01,,,,,", "grade"),
        ("P1,Rash,,2024-02-01,,,,,", "grade"),
        ("P1,Rash,1,,,,,,", "start"),
        ("P1,Rash,1,2024-02-30,,,,,", "start"),
        ("P1,Rash,1,2099-02-01,,,,,", "start"),
        ("P1,Rash,1,2024-02-01,2024-01-31,,,,", "end"),
        ("P1,Rash,1,2024-02-01,2099-01-31,,,,", "end"),
        ("P1,Rash,1,2024-02-01,,no,death,,", "criterion"),
        ("P1,Rash,1,2024-02-01,,perhaps,,,", "serious"),
        ("P1,Rash,1,2024-02-01,,,,gone,", "outcome"),
        ("P1,Rash,1,2024-02-01,,,,,perhaps", "related"),
    ],
)
def test_a_faulty_event_is_told_by_row_and_column_and_nothing_is_stored(load, trial, row, column):
    done = load(f"{HEADER}P2,Rash,1,2024-02-01,,,,,\n{row}\n", EVENTS)
    assert faults(done) == [(3, column)]
    assert events() == []


def test_one_bad_row_of_2000_and_nothing_is_stored(load, trial):
    rows = [f"P1,Rash {number},1,2024-02-01,,,,,yes" for number in range(2000)]
    rows[1234] = "P1,Rash 1234,6,2024-02-01,,,,,yes"
    done = load(HEADER + "\n".join(rows) + "\n", EVENTS)
    assert faults(done) == [(1236, "grade")]
    assert events() == []
    assert causes() == []


def test_study_days_are_of_the_undated(load, trial):
    undated = {"undated": True, "consented_on": None, "enrolled_on": None, "first_dose_on": None}
    factories.make_participant(trial=trial, code="U1", **undated)
    mapping = EVENTS.replace("started_on", "started_day").replace("ended_on", "ended_day")
    load(HEADER + "U1,Rash,1,8,10,,,,\n", mapping)
    assert events(AdverseEvent.started_on) == [("U1", datetime.date(2000, 1, 8))]
    assert faults(load(HEADER + "P1,Rash,1,8,,,,,\n", mapping)) == [(2, "start")]
    assert faults(load(HEADER + "U1,Rash,1,2024-02-01,,,,,\n", EVENTS)) == [(2, "start")]


# Queries


def test_what_a_form_would_ask_is_asked_of_imported_events_too(load, trial):
    text = (
        HEADER
        + "P1,Sepsis,5,2024-02-01,,Y,death,fatal,no\nP2,Rash,1,2024-02-01,,Y,,,no\nP2,Alopecia,4,2024-02-01,,,,,no\n"
    )
    done = load(text, EVENTS)
    ids = dict(db.session.execute(sa.select(AdverseEvent.term, AdverseEvent.id)).all())
    assert questions() == [
        ("grade_that_the_term_lacks", ids["Alopecia"]),
        ("serious_without_awareness", ids["Sepsis"]),
        ("serious_without_awareness", ids["Rash"]),
        ("serious_without_criterion", ids["Rash"]),
    ]
    assert {"criterion"} <= set(done.warnings["column"])
    query = db.session.scalars(sa.select(Query)).first()
    assert (query.trial_id, query.record_type, query.state) == (trial.id, "adverse_event", "open")


def test_a_query_is_opened_once_and_closed_when_a_later_file_mends_the_data(load, trial):
    text = HEADER + "P2,Rash,1,2024-02-01,,Y,,,no\n"
    load(text, EVENTS)
    load(text, EVENTS)
    assert [rule for rule, _id in questions()] == ["serious_without_awareness", "serious_without_criterion"]
    load(text.replace("Y,,", "Y,hospitalisation,"), EVENTS)
    assert [rule for rule, _id in questions()] == ["serious_without_awareness"]
    queries = db.session.scalars(sa.select(Query).order_by(Query.rule)).all()
    assert [(one.state, one.is_found) for one in queries] == [("open", True), ("closed", False)]
    assert [message.step for message in queries[1].messages] == ["closed"]


# Mappings


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("grade =", "colour ="), ["[adverse_event]", "colour"]),
        (('grade = "grade"\n', ""), ["[adverse_event]", "needs grade"]),
        (('related = "related"', "attribution = 'x'"), ["[adverse_event] attribution", "agents"]),
        (('ended_on = "end"', 'ended_day = "end"'), ["started_on", "ended_day"]),
    ],
)
def test_a_mapping_that_is_wrong_is_refused(load, trial, change, parts):
    with pytest.raises(Refusal) as refusal:
        load(HEADER, EVENTS.replace(*change))
    for part in parts:
        assert part in str(refusal.value)


def test_participants_may_come_with_their_events(load, app):
    mapping = """
    [trial]
    code = "NEW"
    title = "A new one"
    design = "single arm"
    [[arm]]
    code = "A"
    title = "Drug"
    type = "experimental"
    regimen = ["Drug A"]
    [participant]
    code = "id"
    arm = { constant = "A" }
    tumor_location = { constant = "LUNG" }
    [adverse_event]
    term = "term"
    grade = "grade"
    started_on = "start"
    related = "related"
    """
    done = load(
        "id,term,grade,start,related\n1,Rash,1,2024-02-01,yes\n1,Cough,2,2024-02-02,no\n2,,,,\n", mapping
    )
    assert {name: one.new for name, one in done.counts.items() if one.new} == {
        "trial": 1,
        "arm": 1,
        "participant": 2,
        "adverse_event": 2,
        "attribution": 2,
    }
    assert causes() == [("Rash", "Drug A", "related"), ("Cough", "Drug A", "not related")]
    undated = dict(db.session.execute(sa.select(Participant.code, Participant.undated)).all())
    assert undated == {"1": False, "2": True}

"""Doses by the cycle and adverse events, as their forms take and refuse them."""

import datetime

import pytest
import sqlalchemy as sa

from tests.factories import make_agent, make_arm, make_participant, make_regimen, make_trial
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Administration, AdverseEvent, Query
from tracker.roles import Role
from tracker.terms.oversight import QueryState
from tracker.terms.regimen import DoseUnit
from tracker.terms.treatment import Causality


@pytest.fixture
def participant(app):
    """Receives 200 mg of one agent and 3 mg/kg of another."""
    regimen = make_regimen(agents=[make_agent(name="pembrolizumab"), make_agent(name="eftilagimod")])
    trial = make_trial(code="ONE")
    for component, dose, unit in zip(regimen.components, (200, 3), (DoseUnit.MG, DoseUnit.MG_KG)):
        component.dose, component.unit = dose, unit
    with because("for the test"):
        db.session.commit()
    return make_participant(trial=trial, arm=make_arm(trial=trial, regimen=regimen))


@pytest.fixture
def physician(sign_in, participant):
    return sign_in(Role.PHYSICIAN, [participant.trial])


def dose(browser, participant, **given):
    return browser.submit(f"/administrations/new?participant={participant.id}", **given)


def event(browser, participant, **given):
    typed = {"term": "Pneumonitis", "grade": "2", "started_on": "2024-02-14"} | given
    return browser.submit(f"/adverse-events/new?participant={participant.id}", **typed)


def stored(model):
    db.session.rollback()
    return db.session.scalars(sa.select(model).order_by(model.id)).all()


# Doses


def test_a_cycle_is_a_dose_of_each_component_as_planned(physician, participant):
    assert dose(physician, participant).status_code == 303
    doses = stored(Administration)
    assert [(str(one.component.agent), one.dose, one.unit.value) for one in doses] == [
        ("pembrolizumab", 200, "mg"),
        ("eftilagimod", 3, "mg/kg"),
    ]
    assert {(one.cycle, one.given_on) for one in doses} == {(1, datetime.date(2024, 1, 17))}


def test_the_next_cycle_repeats_the_last_three_weeks_later(physician, participant):
    dose(physician, participant, **{"doses-1-dose": "2", "doses-1-modification": "reduced",
                                    "doses-1-modification_reason": "neutropenia"})  # fmt: skip
    dose(physician, participant)
    again = [one for one in stored(Administration) if one.cycle == 2]
    assert [(one.dose, one.given_on) for one in again] == [
        (200, datetime.date(2024, 2, 7)),
        (2, datetime.date(2024, 2, 7)),
    ]


def test_save_and_next_leads_to_the_next_cycle(physician, participant):
    answer = dose(physician, participant, next="1")
    assert answer.headers["Location"] == f"/administrations/new?participant={participant.id}"
    assert 'value="2"' in physician.get(answer.headers["Location"]).text


def test_the_first_dose_of_a_participant_is_that_of_the_first_cycle(physician, participant):
    participant.first_dose_on = None
    with because("for the test"):
        db.session.commit()
    dose(physician, participant, given_on="2024-01-20")
    db.session.refresh(participant)
    assert participant.first_dose_on == datetime.date(2024, 1, 20)


@pytest.mark.parametrize(
    "field, given, told",
    [
        ("given_on", {"given_on": "2024-01-14"}, "before enrolment"),
        ("given_on", {"given_on": "2024-01-16"}, "first dose is later than this"),
        ("doses-0-dose", {"doses-0-dose": "-1"}, "from 0 to"),
        ("cycle", {"cycle": "0"}, "from 1 to"),
        ("doses", {"doses-0-dose": "0"}, "was omitted"),
        ("doses", {"doses-0-modification": "reduced"}, "Say why"),
    ],
)
def test_a_dose_that_cannot_be_is_refused(refused, physician, participant, field, given, told):
    address = f"/administrations/new?participant={participant.id}"
    assert told in refused(physician, address, **given).text


def test_a_dose_of_tomorrow_is_refused(refused, physician, participant):
    tomorrow = (clock.today() + datetime.timedelta(days=1)).isoformat()
    told = refused(physician, f"/administrations/new?participant={participant.id}", given_on=tomorrow)
    assert "still to come" in told.text


def test_a_dose_a_thousand_times_the_planned_one_needs_a_reason(physician, participant):
    answer = dose(physician, participant, **{"doses-0-dose": "200000"})
    assert answer.status_code == 422
    assert "more than twice the planned one" in answer.text
    assert dose(
        physician, participant, **{"doses-0-dose": "200000", "reason": "typed from the pharmacy's record"}
    )
    assert [one.dose for one in stored(Administration)] == [200000, 3]


def test_another_regimens_component_is_refused(refused, physician, participant):
    other = make_regimen().components[0]
    told = refused(
        physician,
        f"/administrations/new?participant={participant.id}",
        is_kept=False,  # no option of the list stands for it
        **{"doses-0-component": str(other.id)},
    )
    assert "does not receive this component" in told.text


# Adverse events


def test_an_event_in_words_of_ctcae_gets_its_term_and_class(physician, participant):
    assert event(physician, participant, term="pneumonitis").status_code == 303
    (found,) = stored(AdverseEvent)
    assert found.ctcae_term == "Pneumonitis"
    assert found.soc == "Respiratory, thoracic and mediastinal disorders"


def test_a_term_is_read_and_shown_in_french_and_stored_as_its_code(physician, participant):
    physician.set_cookie("language", "fr")
    assert event(physician, participant, term="pneumopathie inflammatoire").status_code == 303
    (found,) = stored(AdverseEvent)
    assert (found.term, found.ctcae_term) == ("Pneumonitis", "Pneumonitis")
    assert 'value="Pneumopathie inflammatoire"' in physician.get(f"/adverse-events/{found.id}/edit").text
    assert "Pneumopathie inflammatoire" in physician.get(f"/participants/{participant.id}").text


def test_an_event_in_other_words_keeps_them_and_the_class_that_was_chosen(physician, participant):
    event(physician, participant, term="feels odd", soc="Nervous system disorders")
    (found,) = stored(AdverseEvent)
    assert (found.term, found.ctcae_term, found.soc) == ("feels odd", None, "Nervous system disorders")


def test_the_grades_are_those_that_ctcae_defines_for_the_term(physician, participant):
    page = physician.get(f"/adverse-events/new?participant={participant.id}&term=Pneumonitis").text
    assert "Symptomatic; medical intervention indicated; limiting instrumental ADL" in page


def test_an_event_is_attributed_to_each_agent_that_was_judged(physician, participant):
    event(physician, participant, **{"attributions-1-causality": "probable"})
    (found,) = stored(AdverseEvent)
    assert [(str(one.agent), one.causality) for one in found.attributions] == [
        ("eftilagimod", Causality.PROBABLE)
    ]
    assert found.is_related


@pytest.mark.parametrize(
    "given, told",
    [
        ({"ended_on": "2024-02-13"}, "cannot end before it starts"),
        ({"grade": "6"}, "from 1 to 5"),
        ({"grade": ""}, "Choose one"),
        ({"term": " "}, "Fill this in"),
        ({"serious_criterion": "hospitalisation"}, "Only a serious event has a criterion"),
        ({"serious": "1", "aware_on": "2024-02-13"}, "aware of an event before it starts"),
        ({"serious": "1", "reported_to_sponsor_on": "2024-02-13"}, "reported before"),
    ],
)
def test_an_event_that_cannot_be_is_refused(refused, physician, participant, given, told):
    typed = {"term": "Pneumonitis", "grade": "2", "started_on": "2024-02-14"} | given
    answer = refused(
        physician,
        f"/adverse-events/new?participant={participant.id}",
        is_kept="grade" not in given,  # no button stands for such a grade
        **typed,
    )
    assert told in answer.text


@pytest.mark.parametrize(
    "given, rules",
    [
        ({"outcome": "fatal", "grade": "3"}, {"fatal_without_grade_5"}),
        ({"grade": "5"}, {"grade_5_without_death"}),
        ({"serious": "1", "aware_on": "2024-02-15"}, {"serious_without_criterion"}),
        ({"term": "Alopecia", "grade": "4"}, {"grade_that_the_term_lacks"}),
        ({"started_on": "2024-01-05"}, {"started_before_consent"}),
        ({}, set()),
    ],
)
def test_what_seems_wrong_is_stored_and_asked_about(physician, participant, given, rules):
    assert event(physician, participant, **given).status_code == 303
    assert {query.rule for query in stored(Query)} == rules


def test_a_rules_query_closes_when_the_data_are_mended(physician, participant):
    event(physician, participant, outcome="fatal", grade="3")
    (found,) = stored(AdverseEvent)
    physician.submit(f"/adverse-events/{found.id}/edit", grade="5", reason="the report says so")
    assert [query.state for query in stored(Query)] == [QueryState.CLOSED]


def test_a_serious_event_stands_on_the_first_page_until_it_is_reported(physician, participant):
    event(physician, participant, serious="1", serious_criterion="hospitalisation", aware_on="2024-02-15")
    assert "Serious events not yet reported" in physician.get("/").text
    (found,) = stored(AdverseEvent)
    physician.submit(f"/adverse-events/{found.id}/edit", reported_to_sponsor_on="2024-02-16")
    assert "Serious events not yet reported" not in physician.get("/").text


def test_a_rules_query_opens_again_when_the_fault_returns_and_is_never_doubled(physician, participant):
    event(physician, participant, outcome="fatal", grade="3")
    (found,) = stored(AdverseEvent)
    address = f"/adverse-events/{found.id}/edit"
    physician.submit(address, grade="5", reason="the report says so")
    physician.submit(address, grade="3", reason="the report was another's")
    (query,) = [one for one in stored(Query) if one.rule == "fatal_without_grade_5"]
    assert (query.state, query.asked_value) == (QueryState.OPEN, "3")
    assert [message.step for message in query.messages] == ["closed", "reopened"]
    assert {message.author_id for message in query.messages} == {None}


def test_a_rules_query_that_a_person_closed_stays_closed_while_the_fault_stands(
    sign_in, physician, participant
):
    event(physician, participant, outcome="fatal", grade="3")
    (found,), (query,) = stored(AdverseEvent), stored(Query)
    monitor = sign_in(Role.MONITOR, [participant.trial])
    monitor.submit(f"/queries/{query.id}/close", state="closed", text="The source says grade 3.")
    address = f"/adverse-events/{found.id}/edit"
    physician.submit(address, narrative="Seen on the ward.", reason="added")
    assert [one.state for one in stored(Query)] == [QueryState.CLOSED]
    physician.submit(address, grade="5", reason="the report says so")
    physician.submit(address, grade="3", reason="the report was another's")
    assert stored(Query)[0].state is QueryState.OPEN


def test_a_participants_own_dates_settle_the_queries_of_their_events(physician, participant):
    event(physician, participant, started_on="2024-01-05")
    assert [query.rule for query in stored(Query)] == ["started_before_consent"]
    physician.submit(f"/participants/{participant.id}/edit", consented_on="2024-01-04", reason="misread")
    assert [query.state for query in stored(Query)] == [QueryState.CLOSED]
    physician.submit(
        f"/participants/{participant.id}/edit", consented_on="2024-01-08", reason="misread again"
    )
    assert [query.state for query in stored(Query)] == [QueryState.OPEN]

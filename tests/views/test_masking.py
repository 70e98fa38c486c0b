"""What whoever may not know the arm sees of doses and attributions in a running randomised trial."""

import pytest

from tests.factories import (
    make_administration,
    make_adverse_event,
    make_agent,
    make_arm,
    make_participant,
    make_regimen,
    make_trial,
)
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Attribution
from tracker.roles import Role
from tracker.terms.treatment import Causality


@pytest.fixture
def doses(app):
    """Two agents given on one day, which only the combination arm receives."""
    trial = make_trial(code="RND", is_randomised=True)
    regimen = make_regimen(agents=[make_agent(name="first agent"), make_agent(name="second agent")])
    participant = make_participant(trial=trial, arm=make_arm(trial=trial, regimen=regimen))
    given = [
        make_administration(participant=participant, component=component, modification_reason="Holiday")
        for component in regimen.components
    ]
    db.session.commit()
    return given


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.MONITOR])
def test_the_number_of_doses_does_not_tell_the_arm(sign_in, doses, role):
    participant = doses[0].participant
    browser = sign_in(role, [participant.trial])
    page = browser.get(f"/participants/{participant.id}").text
    assert "The doses are masked" in page
    assert "200 mg" not in page
    assert "second agent" not in page
    for dose in doses:
        assert browser.get(f"/administrations/{dose.id}").status_code == 404
        assert browser.get(f"/administrations/{dose.id}/history").status_code == 404
        assert f"/administrations/{dose.id}" not in browser.get("/administrations/?q=holiday").text


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.DIRECTOR])
def test_who_gives_the_doses_or_may_know_the_arm_sees_them(sign_in, doses, role):
    participant = doses[0].participant
    browser = sign_in(role, [participant.trial])
    assert "second agent" in browser.get(f"/participants/{participant.id}").text
    for dose in doses:
        assert browser.get(f"/administrations/{dose.id}").status_code == 200
        assert f"/administrations/{dose.id}" in browser.get("/administrations/?q=holiday").text


def test_doses_are_seen_again_once_the_results_are_released(sign_in, doses):
    trial = doses[0].participant.trial
    with because("The primary analysis is done."):
        trial.results_released = True
        db.session.commit()
    browser = sign_in(Role.RESEARCHER, [trial])
    assert "second agent" in browser.get(f"/participants/{doses[0].participant.id}").text


def test_the_history_of_an_event_tells_neither_which_nor_how_many_agents_it_was_attributed_to(sign_in, doses):
    event = make_adverse_event(participant=doses[0].participant)
    for dose in doses:
        event.attributions.append(Attribution(agent=dose.component.agent, causality=Causality.PROBABLE))
    db.session.commit()
    trial = doses[0].participant.trial
    address = f"/adverse-events/{event.id}/history"
    answer = sign_in(Role.RESEARCHER, [trial]).get(address)
    assert answer.status_code == 200
    assert "agent" not in answer.text.partition("<main")[2].replace("Attribution to each agent", "")
    assert answer.text.count("Attribution to each agent") == 1
    assert "second agent" in sign_in(Role.PHYSICIAN, [trial]).get(address).text

"""How many statements a page needs: few, however much is stored."""

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_agent,
    make_arm,
    make_assay,
    make_biomarker,
    make_cohort,
    make_measurement,
    make_participant,
    make_reference_result,
    make_regimen,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker.audit import because
from tracker.extensions import db
from tracker.roles import GRANTS, Role

#: Statements that one page may send, besides the one that finds who asks for it.
MOST = 15

#: A value for each part of an address that is not a record's number.
PARTS = {"slug": "outcomes", "format": "json", "name": "oncotree_diagnoses"}


@pytest.fixture
def centre(app):
    """Trials with arms, cohorts, people, participants, outcomes and measurements; each record with a history.

    The first record of every kind is the one with the most around it.
    """
    agents = [make_agent(name=f"agent {letter}") for letter in "abcdefgh"]
    regimens = [make_regimen(agents=agents[number % 6 : number % 6 + 3]) for number in range(12)]
    trials = [make_trial(accrual_target=100) for _repeat in range(4)]
    trial = trials[0]
    arms = [make_arm(trial=trial, regimen=regimen, planned_n=20) for regimen in regimens]
    for other in trials[1:]:
        make_arm(trial=other, regimen=regimens[0])
    cohorts = [make_cohort(trial=trial, planned_n=20) for _repeat in range(5)]
    for _repeat in range(5):
        user = make_user()
        for one in trials:
            make_trial_member(user=user, trial=one)
    assays = [make_assay(biomarker=make_biomarker()) for _repeat in range(3)]
    for number in range(60):
        participant = make_participant(
            trial=trials[number % 4] if number >= 40 else trial,
            arm=arms[number % 12] if number < 40 else None,
            cohort=cohorts[number % 5] if number < 40 else None,
        )
        make_reported_outcome(participant=participant)
        make_measurement(participant=participant, assay=assays[number % 3])
    for assay in assays:
        make_measurement(participant=arms[0].participants[0], assay=assay, timepoint="on treatment")
    for regimen in regimens:
        for _repeat in range(4):
            make_reference_result(regimen=regimens[0] if _repeat else regimen)
    with because("for the test"):
        for participant in arms[0].participants[:1]:
            for arm, cohort in zip(arms[1:], cohorts[1:]):
                participant.arm, participant.cohort = arm, cohort
                db.session.commit()
        for regimen in regimens[1:]:
            arms[0].regimen = regimen
            db.session.commit()
    return trials


@pytest.fixture
def statements(app):
    sent = []

    def note(_connection, _cursor, statement, *_rest):
        if "FROM sign_in" not in statement and not statement.startswith(("BEGIN", "SET TRANSACTION")):
            sent.append(" ".join(statement.split()))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_no_page_needs_many_statements(app, centre, sign_in, statements, role):
    browser = sign_in(role, centre)
    too_many = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint):
        permissions = set(getattr(app.view_functions[rule.endpoint], "permissions", ()))
        if "GET" not in rule.methods or not permissions & GRANTS[role]:
            continue
        values = {name: 1 if name == "id" else PARTS[name] for name in rule.arguments}
        _subdomain, address = rule.build(values)
        browser.get(address)  # the first time fills what is kept in memory
        statements.clear()
        answer = browser.get(address)
        assert answer.status_code in (200, 302), f"{address} answered {answer.status_code}"
        if len(statements) > MOST:
            lines = "\n    ".join(one[:160] for one in statements)
            too_many.append(f"{address} sends {len(statements)} statements:\n    {lines}")
    assert not too_many, "\n".join(too_many)


@pytest.mark.parametrize(
    "address", ["/participants/new?trial=1", "/arms/new?trial=1", "/search?q=c", "/participants/?page=2"]
)
def test_no_page_that_is_asked_for_more_needs_many_statements(centre, sign_in, statements, address):
    browser = sign_in(Role.PHYSICIAN, centre)
    statements.clear()
    assert browser.get(address).status_code == 200
    assert len(statements) <= MOST, "\n".join(statements)

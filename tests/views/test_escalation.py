"""What awaits a decision about the dose stands on the first page of those who decide."""

import pytest

from tests.escalating import make_escalating, treat
from tests.factories import make_trial
from tracker.audit import because
from tracker.extensions import db
from tracker.roles import Role
from tracker.terms.trial import EnrolmentStatus

BOUNDARY = {"toxicity_limit": 0.3, "toxicity_certainty": 0.8}


@pytest.mark.parametrize(
    "role, told",
    [(Role.PHYSICIAN, True), (Role.DIRECTOR, True), (Role.RESEARCHER, False), (Role.ADMIN, False)],
)
def test_due_decisions_and_crossed_boundaries_stand_on_the_first_page(sign_in, role, told):
    due, (first, *_others) = make_escalating(trial=make_trial(code="DUE"))
    treat(first, 3)
    crossed, (lowest, *_others) = make_escalating(trial=make_trial(code="TOX"), **BOUNDARY)
    treat(lowest, 3, dlt=3)
    page = sign_in(role, [due.trial, crossed.trial]).get("/").text
    assert ("Dose decisions due" in page) == told
    assert ("0 of 3 had a DLT, at or below the boundary of 23.6%." in page) == told
    assert ("3 of 3 had a DLT; 2 or more stop the arm." in page) == told


def test_what_is_pending_closed_or_of_another_trial_is_not_told(sign_in):
    mine, (first, *_others) = make_escalating(trial=make_trial(code="MINE"))
    treat(first, 2)  # not complete
    closed, (second, *_others) = make_escalating(trial=make_trial(code="SHUT"), **BOUNDARY)
    treat(second, 3, dlt=3)
    _theirs, (third, *_others) = make_escalating(trial=make_trial(code="OTHERS"))
    treat(third, 3)
    with because("for the test"):
        closed.status = EnrolmentStatus.CLOSED
        db.session.commit()
    page = sign_in(Role.PHYSICIAN, [mine.trial, closed.trial]).get("/").text
    assert "Dose decisions due" not in page
    assert "Boundaries crossed" not in page

"""Regimens and published results as reports read them: of no trial, and the same for everybody."""

import datetime

from tests.factories import make_agent, make_reference_result, make_regimen, make_user
from tracker import clock, scope
from tracker.audit import because
from tracker.extensions import db
from tracker.reads.base import in_scope
from tracker.reads.regimen import reference_results_frame, regimens_frame
from tracker.terms.regimen import MechanismClass

TODAY = clock.today()


def test_a_regimen_has_a_row_for_each_agent_once_and_none_for_a_placebo(app):
    one, other = make_agent(name="nivolumab"), make_agent(name="ipilimumab")
    placebo = make_agent(name="placebo", mechanism_class=MechanismClass.PLACEBO)
    make_regimen(agents=[one, other, one, placebo], name="both")
    make_regimen(agents=[placebo], name="nothing")
    found = in_scope(regimens_frame, TODAY)
    assert found[["regimen", "agent"]].to_numpy().tolist() == [["both", "nivolumab"], ["both", "ipilimumab"]]


def test_published_results_are_everybodys_and_read_anew_when_they_change(app):
    result = make_reference_result(x=12, n=40)
    user = make_user()
    with scope.reading_as(user):  # who is assigned to no trial
        assert in_scope(reference_results_frame, TODAY)[["x", "n"]].to_numpy().tolist() == [[12, 40]]
    with because("misread"):
        result.x = 13
        db.session.commit()
    with scope.reading_as(user):
        assert in_scope(reference_results_frame, TODAY)["x"].tolist() == [13]


def test_what_was_recorded_later_is_not_known_before(app):
    make_reference_result()
    yesterday = TODAY - datetime.timedelta(days=1)
    assert len(in_scope(reference_results_frame, yesterday)) == 0
    assert len(in_scope(reference_results_frame, TODAY)) == 1

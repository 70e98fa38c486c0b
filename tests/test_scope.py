"""Nothing is read before it is said for whom, and nobody reads what is not theirs."""

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.factories import (
    make_agent,
    make_arm,
    make_cohort,
    make_finding,
    make_finding_review,
    make_in,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import clock, scope
from tracker.audit import because
from tracker.extensions import db
from tracker.models import (
    Arm,
    Cohort,
    Finding,
    FindingReview,
    Participant,
    Record,
    Regimen,
    ReportedOutcome,
    ReportSnapshot,
    Trial,
    TrialMember,
    User,
)
from tracker.roles import Role


def _name(model):
    return model.__name__


RECORDS = sorted(Record.__subclasses__(), key=_name)
OF_TRIALS = [model for model in RECORDS if model.trial_path is not None]


@pytest.fixture
def physician(app):
    """A physician who is assigned to the one trial, and not to the other: .mine, .other."""
    user = make_user(role=Role.PHYSICIAN)
    user.mine, user.other = make_trial(code="MINE-1"), make_trial(code="OTHER-1")
    make_trial_member(user=user, trial=user.mine)
    return user


@pytest.fixture
def read_as(app):
    """read_as(user): a block in which a fresh session reads as this user, as a request does."""

    def read_as(user):
        key = user.id
        db.session.rollback()
        db.session.expunge_all()
        with scope.everything("the tests"):
            user = db.session.get(User, key)
        return scope.reading_as(user)

    return read_as


def withdraw(record):
    record.withdrawn_at = clock.now()
    with because("made for a test"):
        db.session.commit()


def test_nothing_is_read_before_it_is_said_for_whom(app):
    make_trial()
    token = scope._reader.set(None)
    try:
        db.session.rollback()
        with pytest.raises(RuntimeError, match="who is reading"):
            db.session.scalars(sa.select(Trial)).all()
        with pytest.raises(RuntimeError, match="who is reading"):
            db.session.get(Trial, 1, populate_existing=True)
    finally:
        scope._reader.reset(token)


def test_a_record_says_how_its_trial_is_found(app):
    """A model that forgets this would be seen by everybody; these are for everybody."""
    common = {model.__tablename__ for model in RECORDS if model.trial_path is model.trials_path is None}
    assert common == {"agent", "assay", "biomarker", "reference_result", "regimen", "user"}


@pytest.mark.parametrize("model", [*OF_TRIALS, ReportSnapshot], ids=_name)
def test_of_every_model_one_sees_the_records_of_ones_own_trials_only(physician, read_as, model):
    mine, other = make_in(model, physician.mine).id, make_in(model, physician.other).id
    with read_as(physician):
        seen = set(db.session.scalars(sa.select(model.id)))
        assert mine in seen
        assert other not in seen
        assert db.session.get(model, mine) is not None
        assert db.session.get(model, other) is None
        assert db.session.scalar(sa.select(model).where(model.id == other)) is None
        assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == len(seen)
        assert other not in set(db.session.scalars(sa.select(orm.aliased(model).id)))


@pytest.mark.parametrize("model", [one for one in RECORDS if not one.is_final], ids=_name)
def test_of_every_model_a_withdrawn_record_is_read_only_on_demand(physician, read_as, model):
    record = make_in(model, physician.mine)
    key = record.id
    withdraw(record)
    chosen = sa.select(model.id).where(model.id == key)
    for reading in (scope.everything("the tests"), read_as(physician)):
        with reading:
            assert db.session.scalar(chosen) is None
            assert db.session.scalar(chosen.execution_options(include_withdrawn=True)) == key


def test_asking_for_withdrawn_records_shows_none_of_another_trial(physician, read_as):
    arm = make_arm(trial=physician.other)
    key = arm.id
    withdraw(arm)
    with read_as(physician):
        chosen = sa.select(Arm.id).execution_options(include_withdrawn=True)
        assert key not in set(db.session.scalars(chosen))


@pytest.mark.parametrize("model", [one for one in OF_TRIALS if one is not Trial], ids=_name)
def test_what_belongs_to_a_withdrawn_trial_goes_with_it(app, model):
    trial = make_trial()
    key = make_in(model, trial).id
    withdraw(trial)
    db.session.expunge_all()
    chosen = sa.select(model.id).where(model.id == key)
    assert db.session.scalar(chosen) is None
    assert db.session.scalar(chosen.execution_options(include_withdrawn=True)) == key


def test_what_belongs_to_a_withdrawn_participant_goes_with_them(app):
    outcome = make_reported_outcome()
    key = outcome.id
    withdraw(outcome.participant)
    db.session.expunge_all()
    assert db.session.get(ReportedOutcome, key) is None


def test_counts_joins_subqueries_and_unions_stay_within_the_scope(physician, read_as):
    for trial in (physician.mine, physician.other):
        arm = make_arm(trial=trial, code="A")
        for _repeat in range(2):
            make_reported_outcome(participant=make_participant(trial=trial, arm=arm))
    statements = {
        "count": sa.select(sa.func.count(Participant.id)),
        "join to one": sa.select(sa.func.count(Participant.id)).join(Participant.trial),
        "join to many": sa.select(sa.func.count(Participant.id)).select_from(Trial).join(Trial.participants),
        "outer join": sa.select(sa.func.count(ReportedOutcome.id))
        .select_from(Participant)
        .outerjoin(Participant.reported_outcome),
        "aliased": sa.select(sa.func.count(orm.aliased(Participant, name="p").id)),
        "subquery": sa.select(sa.func.count()).select_from(sa.select(Participant.id).subquery()),
        "scalar subquery": sa.select(
            sa.select(sa.func.count(Participant.id)).where(Participant.code != "").scalar_subquery()
        ),
        "in": sa.select(sa.func.count(Participant.id)).where(
            Participant.arm_id.in_(sa.select(Arm.id).where(Arm.code == "A"))
        ),
        "common table": sa.select(sa.func.count()).select_from(sa.select(Participant.id).cte("chosen")),
    }
    with read_as(physician):
        counted = {name: db.session.scalar(statement) for name, statement in statements.items()}
        union = sa.union_all(sa.select(Participant.id), sa.select(ReportedOutcome.participant_id))
        counted["union"] = len(db.session.execute(union).all()) - 2
    assert counted == dict.fromkeys([*statements, "union"], 2)


def test_a_condition_on_records_that_one_may_not_see_finds_nothing(physician, read_as):
    """Otherwise one could guess at another trial's data by asking who has some."""
    regimen = make_regimen()
    make_arm(trial=physician.other, regimen=regimen, code="SECRET")
    with read_as(physician):
        asked = [
            sa.select(Regimen.id).where(Regimen.arms.any(Arm.code == "SECRET")),
            sa.select(Regimen.id).where(
                sa.exists().where(Arm.regimen_id == Regimen.id, Arm.code == "SECRET")
            ),
            sa.select(Regimen.id).join(Regimen.arms).where(Arm.code == "SECRET"),
            sa.select(Regimen.id).where(
                Regimen.id.in_(sa.select(Arm.regimen_id).where(Arm.code == "SECRET"))
            ),
        ]
        for statement in asked:
            assert db.session.scalars(statement).all() == [], str(statement)


@pytest.mark.parametrize("load", [orm.lazyload, orm.joinedload, orm.selectinload, orm.subqueryload])
def test_relationships_load_what_one_may_see_only(physician, read_as, load):
    regimen = make_regimen(agents=[make_agent(name="Shared")])
    mine = make_arm(trial=physician.mine, regimen=regimen).id
    make_arm(trial=physician.other, regimen=regimen)
    gone = make_cohort(trial=physician.mine)
    kept = make_cohort(trial=physician.mine).id
    withdraw(gone)
    with read_as(physician):
        found = db.session.scalar(sa.select(Regimen).options(load(Regimen.arms)))
        assert [one.id for one in found.arms] == [mine]
        trial = db.session.scalar(sa.select(Trial).options(load(Trial.cohorts)))
        assert [one.id for one in trial.cohorts] == [kept]


def test_relationships_of_relationships_load_what_one_may_see_only(physician, read_as):
    regimen = make_regimen()
    make_arm(trial=physician.mine, regimen=regimen)
    make_arm(trial=physician.other, regimen=regimen)
    with read_as(physician):
        trial = db.session.scalar(sa.select(Trial))
        assert [arm.trial.code for arm in trial.arms[0].regimen.arms] == ["MINE-1"]


@pytest.mark.parametrize(
    "statement",
    [
        lambda: sa.select(Trial.__table__),
        lambda: sa.select(Trial.__table__.c.code),
        lambda: sa.select(sa.func.count()).select_from(Trial.__table__),
        lambda: sa.select(Trial.__table__.alias("t").c.code),
        lambda: sa.select(sa.literal(1)).where(sa.exists(sa.select(Trial.__table__.c.id))),
    ],
)
def test_a_select_over_a_bare_table_is_refused(physician, read_as, statement):
    make_arm(trial=physician.mine)
    with read_as(physician), pytest.raises(RuntimeError, match="escapes the scope"):
        db.session.execute(statement()).all()


def test_statements_that_are_kept_ready_are_asked_anew_for_every_reader(app, read_as):
    """SQLAlchemy compiles a statement once; whose trials it finds must not be compiled into it."""
    regimen = make_regimen()
    arms = [make_arm(regimen=regimen) for _repeat in range(3)]
    readers = []
    for seen in ([arms[0]], [arms[1], arms[2]], [], [arms[2]]):
        user = make_user()
        for arm in seen:
            make_trial_member(user=user, trial=arm.trial)
        readers.append((user.id, [arm.code for arm in seen]))
    for _repeat in range(2):
        for user_id, codes in readers:
            with read_as(db.session.get(User, user_id)):
                assert list(db.session.scalars(sa.select(Arm.code).order_by(Arm.id))) == codes
                assert db.session.scalar(sa.select(sa.func.count(Arm.id))) == len(codes)
                for load in (orm.lazyload, orm.selectinload, orm.joinedload):
                    db.session.expunge_all()
                    found = db.session.scalar(sa.select(Regimen).options(load(Regimen.arms)))
                    assert sorted(arm.code for arm in found.arms) == codes


def test_whoever_sees_all_trials_sees_all(app, read_as):
    keys = {make_trial().id, make_trial().id}
    for role in (Role.DIRECTOR, Role.ADMIN):
        with read_as(make_user(role=role)):
            assert keys <= set(db.session.scalars(sa.select(Trial.id)))


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.RESEARCHER, Role.MONITOR])
def test_whoever_is_assigned_to_no_trial_sees_none(app, read_as, role):
    make_participant()
    with read_as(make_user(role=role)):
        assert db.session.scalars(sa.select(Trial.id)).all() == []
        assert db.session.scalars(sa.select(Participant.id)).all() == []


def test_a_member_who_is_taken_off_a_trial_sees_it_no_more_from_the_next_request(app, sign_in):
    trial = make_trial()
    browser = sign_in(Role.PHYSICIAN, [trial])
    address = f"/trials/{trial.id}"
    assert browser.get(address).status_code == 200
    withdraw(db.session.scalar(sa.select(TrialMember)))
    assert browser.get(address).status_code == 404
    assert "CCI" not in browser.get("/trials/").text


def test_the_trial_of_a_record_is_found_by_its_path(app):
    outcome = make_reported_outcome()
    trial = outcome.participant.trial
    assert scope.trial_id_of(outcome) == trial.id
    assert scope.trial_id_of(trial) == trial.id
    assert scope.trial_id_of(make_agent()) is None
    assert scope.owner_of(ReportedOutcome) == (Participant, "participant_id")
    assert scope.owner_of(Cohort) == (Trial, "trial_id")


def test_what_belongs_to_no_trial_is_everybodys_and_its_parts_are_too(physician, read_as):
    """A finding from a publication; its review; and another trial's finding stays hidden beside them."""
    free, hidden = make_finding(), make_finding(trial=physician.other)
    review, hidden_review = make_finding_review(finding=free), make_finding_review(finding=hidden)
    numbers = free.id, review.id, hidden.id, hidden_review.id
    with read_as(physician):
        assert db.session.scalars(sa.select(Finding.id)).all() == [numbers[0]]
        assert db.session.scalars(sa.select(FindingReview.id)).all() == [numbers[1]]

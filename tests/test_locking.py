"""What is locked is not written, whatever the way: a trial, a participant, the data up to a cut.

The kinds of records are found in the models, so that a new one is tested when there is one.
"""

import contextlib
import datetime
import re
import threading
import time

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests import factories
from tests.conftest import form_values
from tests.factories import (
    make_adverse_event,
    make_arm,
    make_assay,
    make_finding,
    make_in,
    make_lesion,
    make_lock,
    make_measurement,
    make_participant,
    make_query,
    make_reported_outcome,
    make_specimen,
    make_trial,
    make_tumor_assessment,
)
from tests.tables import copy_tables, differences
from tracker import cli, clock, scope
from tracker.audit import because, store_rows
from tracker.exchange import importing
from tracker.exchange.importing import import_file
from tracker.extensions import db, writing
from tracker.models import (
    AdverseEvent,
    AuditEvent,
    AuditSeal,
    DoseLevel,
    Lock,
    Measurement,
    Participant,
    Record,
    ReportedOutcome,
    Specimen,
    Trial,
    TumorAssessment,
)
from tracker.roles import Role
from tracker.terms.account import Action
from tracker.values import Refusal
from tracker.views.records import KINDS

CUT = datetime.date(2024, 6, 30)
BEFORE, AFTER, LATER = (datetime.date(2024, month, 1) for month in (6, 8, 9))

OF_A_TRIAL = sorted(
    (model for model in Record.__subclasses__() if model.trial_path is not None and not model.stays_open),
    key=lambda model: model.__name__,
)
OF_A_PARTICIPANT = [
    model for model in OF_A_TRIAL if model is Participant or model.trial_path.startswith("participant")
]
DATED = [model for model in OF_A_TRIAL if model.dated_by is not None]


def _name(model):
    return model.__tablename__


def refused(change, *arguments, **given):
    """That the change is refused as locked; the message."""
    with because("for the test"), pytest.raises(Refusal) as found:
        stored(change, *arguments, **given)
    db.session.rollback()
    assert found.value.status == 423
    return found.value.message


def stored(change, *arguments, **given):
    with because("for the test"):
        change(*arguments, **given)
        db.session.commit()


def unlock(lock):
    lock.unlocked_at, lock.unlock_reason = clock.now(), "A late event."


@contextlib.contextmanager
def unchanged():
    """That of what belongs to a trial nothing changes inside."""
    before = copy_tables()
    yield
    changed = {table for table, _key in differences(before, copy_tables())}
    assert changed & {_name(model) for model in OF_A_TRIAL} == set()


def touch(record):
    """Change the first column of a record that holds a text or a number."""
    for one in sa.inspect(type(record)).column_attrs:
        kind, value = one.columns[0].type, getattr(record, one.key)
        if one.key in ("id", "version", "search_text") or one.columns[0].foreign_keys:
            continue
        if type(kind) in (sa.String, sa.Text):
            setattr(record, one.key, f"another {record.id}")
            return
        if isinstance(kind, (sa.Integer, sa.Float)) and value is not None:
            setattr(record, one.key, value + 1)
            return
    raise AssertionError(f"nothing to change in {type(record).__name__}")


def withdraw(record):
    record.withdrawn_at = clock.now()


# The session: every kind of record


def test_nothing_of_a_locked_trial_is_written(app):
    trial, other = make_trial(), make_trial()
    records = [make_in(model, trial) for model in OF_A_TRIAL]
    free = [make_in(model, other) for model in OF_A_TRIAL]
    lock = make_lock(trial=trial)
    with unchanged():
        for record in records:
            assert "The database is closed." in refused(touch, record)
            refused(withdraw, record)
            if type(record) not in (Trial, ReportedOutcome):
                refused(make_beside, record)
    stored(lambda: [touch(record) for record in free])
    stored(unlock, lock)
    stored(lambda: [touch(record) for record in records])


def test_nothing_of_a_locked_participant_is_written(app):
    trial = make_trial()
    participant, other, third = (make_participant(trial=trial) for _repeat in range(3))
    models = [model for model in OF_A_PARTICIPANT if model is not Participant]
    records = [_make_of(model, participant) for model in models]
    free = [_make_of(model, other) for model in models]
    for one in free:
        if isinstance(one, TumorAssessment):  # one a day
            stored(setattr, one, "assessed_on", AFTER)
    make_lock(participant=participant)
    with unchanged():
        for record in [participant, *records]:
            assert "The database is closed." in refused(touch, record)
            refused(withdraw, record)
        for record, one in zip(records, free):
            if not isinstance(record, ReportedOutcome):
                refused(make_beside, record)
                # Nor does one move away from the participant, or to them.
                refused(setattr, record, "participant", third)
                refused(setattr, one, "participant", participant)
    stored(lambda: [touch(one) for one in [other, *free]])


def _make_of(model, participant):
    return getattr(factories, f"make_{model.__tablename__}")(participant=participant)


def make_beside(record):
    """Another record of the same owner."""
    owner = record.trial_path.partition(".")[0]
    given = {owner: getattr(record, owner)}
    more = {DoseLevel: {"level": 9}, TumorAssessment: {"assessed_on": AFTER}}.get(type(record), {})
    return getattr(factories, f"make_{record.__tablename__}")(**given, **more)


#: What dates a record of these kinds, but for lesions, which are of the day on which they are entered.
BY_DAY = [model for model in DATED if model.dated_by and model.dated_by != ("created_at",)]


def test_what_is_dated_up_to_a_cut_is_not_written_and_nothing_crosses_it(app):
    trial = make_trial()
    records = {(model, when): make_in(model, trial) for model in BY_DAY for when in (BEFORE, CUT, AFTER)}
    with because("for the test"):
        for (model, when), record in records.items():
            for name in model.dated_by:
                setattr(record, name, when)
        db.session.commit()
    make_lock(trial=trial, cut_on=CUT)
    with unchanged():
        for (model, when), record in records.items():
            day = model.dated_by[0]
            if when is AFTER:
                refused(setattr, record, day, CUT)
            else:
                refused(touch, record)
                refused(withdraw, record)
                refused(setattr, record, day, AFTER)
    for (model, when), record in records.items():
        if when is AFTER:
            stored(lambda record=record, day=model.dated_by[0]: (touch(record), setattr(record, day, LATER)))
            stored(withdraw, record)


def test_every_kind_of_record_about_a_participant_says_what_dates_it():
    assert [model for model in OF_A_PARTICIPANT if model.dated_by is None] == []
    for model in OF_A_TRIAL:
        columns = {one.key for one in sa.inspect(model).column_attrs}
        assert {*(model.dated_by or ()), *model.days_of, *model.days_of.values()} <= columns


def test_what_has_no_date_is_of_its_participants_day_or_before_every_cut(app):
    trial = make_trial()
    early = make_participant(trial=trial, enrolled_on=BEFORE, first_dose_on=BEFORE)
    late = make_participant(trial=trial, enrolled_on=AFTER, first_dose_on=AFTER)
    undated = make_participant(trial=trial, undated=True, enrolled_on=None, first_dose_on=AFTER)
    make_lock(trial=trial, cut_on=CUT)
    for make in (make_measurement, make_reported_outcome):
        refused(make, participant=early)
        refused(make, participant=undated)
        make(participant=late)
    refused(make_specimen, participant=undated, collected_on=AFTER)
    refused(setattr, undated, "ecog", 3)


def test_after_a_cut_the_trial_goes_on(app):
    """People enrol, arms close, lesions appear, and what becomes of somebody later is recorded."""
    trial = make_trial()
    arm = make_arm(trial=trial)
    participant = make_participant(trial=trial, enrolled_on=BEFORE, first_dose_on=BEFORE)
    event = make_adverse_event(participant=participant, started_on=BEFORE)
    lesion = make_lesion(participant=participant)
    make_lock(trial=trial, cut_on=CUT)
    make_participant(trial=trial, enrolled_on=AFTER, first_dose_on=None)
    make_tumor_assessment([(lesion, 21)], participant=participant, assessed_on=AFTER)
    new = make_lesion(participant=participant)
    for record, name, value in (
        (participant, "died_on", AFTER),
        (event, "ended_on", AFTER),
        (arm, "status", "closed"),
        (new, "place", "liver"),
    ):
        stored(setattr, record, name, value)
    refused(setattr, participant, "died_on", BEFORE)
    refused(setattr, participant, "off_treatment_on", BEFORE)
    refused(setattr, participant, "ecog", 3)
    refused(setattr, lesion, "place", "liver")


def test_a_part_is_locked_with_its_owner(app):
    trial = make_trial()
    lesion = make_lesion(participant=make_participant(trial=trial))
    assessment = make_tumor_assessment([(lesion, 20)], participant=lesion.participant, assessed_on=BEFORE)
    for given in ({"participant": lesion.participant}, {"trial": trial, "cut_on": CUT}):
        lock = make_lock(**given)
        refused(setattr, assessment.measurements[0], "diameter_mm", 5)
        refused(assessment.measurements.clear)
        stored(unlock, lock)


def test_what_speaks_of_locked_data_stays_possible(app):
    trial = make_trial()
    participant = make_participant(trial=trial)
    query = make_query(trial=trial, participant=participant)
    make_lock(trial=trial)
    make_lock(participant=participant)
    stored(setattr, query, "answer", "It is right.")
    make_finding(trial=trial)
    make_query(trial=trial, record_id=participant.id)


# Many at once


def test_rows_are_refused_by_every_kind_of_lock(app):
    trial = make_trial()
    early, late = (
        make_participant(trial=trial, enrolled_on=day, first_dose_on=day) for day in (BEFORE, AFTER)
    )
    assay = make_assay()

    def rows(participant, day):
        row = {"participant_id": participant.id, "assay_id": assay.id, "value": 1.0, "measured_on": day}
        return lambda: store_rows(Measurement, [row])

    def of(lock, allowed, forbidden):
        for one in forbidden:
            refused(one)
        for one in allowed:
            stored(one)
        stored(unlock, lock)

    other = make_participant()
    of(make_lock(trial=trial), [rows(other, BEFORE)], [rows(late, AFTER)])
    of(make_lock(participant=early), [rows(late, BEFORE)], [rows(early, AFTER)])
    of(
        make_lock(trial=trial, cut_on=CUT),
        [rows(early, AFTER), rows(late, None)],
        [rows(late, CUT), rows(early, None)],
    )


def test_many_rows_of_a_trial_with_locks_ask_for_them_once(app):
    trial = make_trial()
    participant = make_participant(trial=trial)
    for _repeat in range(3):
        make_lock(participant=make_participant(trial=trial))
    make_lock(trial=trial, cut_on=CUT)
    days = [AFTER + datetime.timedelta(days=day) for day in range(200)]
    rows = [{"participant_id": participant.id, "assessed_on": day, "modality": "CT"} for day in days]
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        if "FROM lock" in statement or "FROM participant" in statement:
            asked.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        store_rows(TumorAssessment, rows)
        db.session.commit()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) == 3, "their trials, the locks, the participants' days"


# The trail


def test_locks_and_their_lifting_are_in_the_trail(app, sign_in):
    trial = make_trial()
    browser = sign_in(Role.DIRECTOR)
    answer = browser.submit(f"/locks/new?trial={trial.id}", reason="The trial is over.")
    assert answer.status_code == 303
    lock = db.session.scalar(sa.select(Lock))
    assert (lock.trial_id, lock.cut_on, lock.locked_by_id) == (trial.id, None, browser.user_id)
    assert browser.submit(f"/locks/{lock.id}/unlock", reason="A late event.").status_code == 303
    events = db.session.scalars(
        sa.select(AuditEvent).where(AuditEvent.record_type == "lock").order_by(AuditEvent.id)
    ).all()
    assert [(one.action, one.reason, one.trial_id, one.user_id) for one in events] == [
        (Action.LOCK, "The trial is over.", trial.id, browser.user_id),
        (Action.UNLOCK, "A late event.", trial.id, browser.user_id),
    ]
    assert browser.get(f"/locks/{lock.id}/unlock").status_code == 409


# Pages


def _editors(app):
    """By the name of each kind the role that enters it, and the addresses of its views."""
    return {name: next(role for role in Role if role.may(kind.edit)) for name, kind in KINDS.items()}


def _token(browser):
    return form_values(browser.get("/account/password").text)["csrf_token"]


@pytest.mark.parametrize("what", ["trial", "participant"])
def test_no_page_writes_what_is_locked(app, sign_in, what):
    """Every kind of record: not entered, changed or withdrawn; what was typed comes back, links go."""
    models = {"trial": OF_A_TRIAL, "participant": OF_A_PARTICIPANT}[what]
    trial, editors = make_trial(), _editors(app)
    browsers = {role: sign_in(role, [trial]) for role in {editors[_name(model)] for model in models}}
    tokens = {role: _token(browser) for role, browser in browsers.items()}
    if what == "trial":
        records = [make_in(model, trial) for model in models]
    else:
        whom = make_participant(trial=trial)
        records = [whom, *(_make_of(model, whom) for model in models if model is not Participant)]
    make_lock(**{"participant": {"participant": records[0]}}.get(what, {"trial": trial}))
    before, seen = copy_tables(), set()
    for record in records:
        name, plural = _name(type(record)), f"/{_name(type(record)).replace('_', '-')}s"
        role = editors[name]
        addresses = {action: f"{plural}/{record.id}/{action}" for action in ("edit", "withdraw")}
        needs = KINDS[name].form.needs
        if needs and record is not records[0]:
            addresses["new"] = f"{plural}/new?{needs}={getattr(record, needs).id}"
        for action, address in addresses.items():
            if f"{name}.{action}" not in app.view_functions:
                continue
            typed = {"csrf_token": tokens[role], "reason": "Read again."}
            if action == "new":
                typed[needs] = getattr(record, needs).id
            if (name, action) != ("arm_decision", "new"):  # whose form must be right first
                answer = browsers[role].post(address, data=typed)
                assert answer.status_code == 423, address
                assert "The database is closed." in answer.text
                assert action == "new" or "Read again." in answer.text
            if action == "new" or name == "participant":
                assert browsers[role].get(address).status_code == 423
            seen.add((name, action))
        if name in ("trial", "arm", "participant", "specimen"):  # pages with links of their own
            page = browsers[role].get(f"{plural}/{record.id}").text
            assert "The database is closed." in page
            assert not {one for one in addresses.values() if f'href="{one}"' in page}
            begun = {word.replace("-", "_") for word in re.findall(r'href="/([a-z-]+)s/new', page)}
            assert not begun & {_name(model) for model in OF_A_TRIAL}
    assert differences(before, copy_tables()) == {}
    has_pages = {name for name, _action in seen}
    assert {_name(model) for model in models} == has_pages


def test_a_form_that_a_cut_refuses_keeps_what_was_typed(app, sign_in):
    """Where a cut leaves something open, the form opens, and the commit decides."""
    trial = make_trial()
    records = {_name(model): make_in(model, trial) for model in (AdverseEvent, Participant)}
    browser = sign_in(Role.PHYSICIAN, [trial])
    make_lock(trial=trial, cut_on=CUT)
    for name, typed in (("participant", {"ecog": "3"}), ("adverse_event", {"narrative": "Dyspnoea."})):
        address = f"/{name.replace('_', '-')}s/{records[name].id}"
        assert "The database is closed." in browser.get(address).text
        answer = browser.submit(f"{address}/edit", reason="Read again.", **typed)
        assert answer.status_code == 423
        assert "The database is closed." in answer.text
        assert form_values(answer.text).items() >= {**typed, "reason": "Read again."}.items()
        assert browser.get(f"{address}/withdraw").status_code == 423
    assert (
        browser.submit(f"/participants/{records['participant'].id}/edit", died_on="2024-09-01").status_code
        == 303
    )


@pytest.mark.parametrize("what", ["trial", "participant", "cut"])
def test_no_page_adds_to_what_is_locked(app, sign_in, what):
    trial = make_trial()
    participant = make_participant(trial=trial, enrolled_on=BEFORE, first_dose_on=BEFORE)
    browser = sign_in(Role.RESEARCHER, [trial])
    address = f"/specimens/new?participant={participant.id}"
    typed = form_values(browser.get(address).text)
    given = {"trial": {"trial": trial}, "participant": {"participant": participant}}
    make_lock(**given.get(what, {"trial": trial, "cut_on": CUT}))
    typed |= {"barcode": "B-9001", "type": "blood", "timepoint": "baseline", "collected_on": "2024-06-30"}
    answer = browser.post(address, data=typed)
    assert answer.status_code == 423
    assert form_values(answer.text)["barcode"] == "B-9001"
    assert db.session.scalar(sa.select(sa.func.count(Specimen.id))) == 0
    assert browser.get(address).status_code == (200 if what == "cut" else 423)
    if what == "cut":
        assert browser.post(address, data={**typed, "collected_on": "2024-07-01"}).status_code == 303
    make_participant()
    free = make_participant(trial=make_trial())
    other = sign_in(Role.RESEARCHER, [free.trial])
    assert other.get(f"/specimens/new?participant={free.id}").status_code == 200


def test_open_queries_are_told_of_before_something_is_locked(app, sign_in, refused):
    participant = make_participant()
    trial = participant.trial
    make_query(trial=trial, participant=participant)
    make_query(trial=trial, state="closed")
    browser = sign_in(Role.DIRECTOR)
    for address in (
        f"/locks/new?trial={trial.id}&participant={participant.id}",
        f"/locks/new?trial={trial.id}",
    ):
        answer = refused(browser, address, field="despite_queries", reason="The trial is over.")
        assert "Open queries: 1." in answer.text
        assert browser.submit(address, reason="The trial is over.", despite_queries="1").status_code == 303
    whole, of_one = db.session.scalars(sa.select(Lock).order_by(Lock.participant_id.is_not(None))).all()
    assert (of_one.participant_id, whole.participant_id) == (participant.id, None)


@pytest.mark.parametrize(
    "typed, field",
    [
        ({"reason": ""}, "reason"),
        ({"reason": "Over.", "cut_on": "2999-01-01"}, "cut_on"),
        ({"reason": "Over.", "cut_on": "yesterday"}, "cut_on"),
    ],
)
def test_a_lock_needs_a_reason_and_a_day_that_is_past(app, sign_in, refused, typed, field):
    refused(sign_in(Role.DIRECTOR), f"/locks/new?trial={make_trial().id}", field=field, **typed)


def test_what_is_locked_is_not_locked_again(app, sign_in, refused):
    trial = make_trial()
    browser = sign_in(Role.DIRECTOR)
    address = f"/locks/new?trial={trial.id}&cut_on=2024-06-30"
    assert browser.submit(address, reason="First analysis.", cut_on="2024-06-30").status_code == 303
    refused(browser, address, field="reason", reason="Again.", cut_on="2024-06-30")
    assert browser.submit(address, reason="Second analysis.", cut_on="2024-07-31").status_code == 303


# Imports and commands


FILE = """
[trial]
code = "LOCKED"

[participant]
code = "id"
sex = "sex"

[[measurement]]
assay = "TMB"
value = "tmb"
measured_on = "day"
biomarker = "Tumor mutational burden"
kind = "mutational burden"
scale = "continuous"

[lesion]
participant = "id"
label = "lesion"
role = { constant = "target" }
place = { constant = "liver" }

[lesion_measurement]
participant = "id"
lesion = "lesion"
assessed_on = "day"
diameter_mm = "mm"

[assessment]
participant = "id"
assessed_on = "day"
modality = { constant = "CT" }
"""


@pytest.fixture
def load(app, tmp_path):
    """load(rows) imports a file of the trial LOCKED, which has P1, of before the cut, and P2, of after it."""
    trial = make_trial(code="LOCKED")
    for code, day in (("P1", BEFORE), ("P2", AFTER)):
        make_participant(trial=trial, code=code, sex=None, enrolled_on=day, first_dose_on=day)

    def load(rows, **options):
        (tmp_path / "rows.csv").write_text("id,sex,tmb,day,lesion,mm\n" + rows)
        (tmp_path / "map.toml").write_text(FILE)
        return import_file(tmp_path / "rows.csv", tmp_path / "map.toml", **options)

    load.trial, load.folder = trial, tmp_path
    return load


ROWS = (
    "P1,female,4,2024-06-30,,\nP1,female,5,2024-07-01,,\nP2,,6,2024-08-02,T1,12\n"
    "P1,female,,2024-06-02,T1,30\n"
)


@pytest.mark.parametrize("what, rows", [("trial", {2, 3, 4, 5}), ("participant", {2, 3, 5}), ("cut", {2, 5})])
def test_a_preview_tells_of_every_row_that_is_locked_and_nothing_is_stored(load, what, rows):
    participant = db.session.scalar(sa.select(Participant).where(Participant.code == "P1"))
    given = {"participant": {"participant": participant}, "cut": {"trial": load.trial, "cut_on": CUT}}
    lock = make_lock(**given.get(what, {"trial": load.trial}))
    done = load(ROWS)
    assert not done.is_stored
    assert set(done.faults["row"]) == rows
    assert all("The database is closed." in message for message in done.faults["message"])
    assert db.session.scalar(sa.select(sa.func.count(Measurement.id))) == 0
    if what != "cut":
        return
    stored(unlock, lock)
    assert load(ROWS).is_stored
    make_lock(trial=load.trial, cut_on=CUT)
    # What is stored already is no change; what is after the cut may change.
    assert load(ROWS).is_stored
    changed = ROWS.replace("P2,,6,", "P2,,7,")
    assert load(changed, update=True, reason="Read again.").is_stored
    assert set(load(ROWS.replace("T1,30", "T1,31"), update=True, reason="x").faults["row"]) == {5}


def test_what_is_locked_between_preview_and_storing_is_not_stored(load, monkeypatch):
    """Whoever locks while a file is compared is not written past."""
    compare = importing.compare

    def slow(*arguments):
        found = compare(*arguments)
        db.session.rollback()
        with writing():
            make_lock(trial=load.trial)
        return found

    monkeypatch.setattr(importing, "compare", slow)
    assert "is locked since" in load(ROWS).faults["message"].iloc[0]
    assert db.session.scalar(sa.select(sa.func.count(Measurement.id))) == 0


def test_a_command_says_in_one_line_that_it_is_locked(app, load, monkeypatch):
    make_lock(trial=load.trial)
    assert not load(ROWS, dry_run=True).is_stored
    monkeypatch.setattr(cli, "_opened", lambda: contextlib.nullcontext(app))
    words = ["import", str(load.folder / "rows.csv"), "--mapping", str(load.folder / "map.toml")]
    done = CliRunner().invoke(cli.cli, words)
    assert done.exit_code == 1
    assert "row 2" in done.output
    assert "Trial LOCKED is locked since" in done.output
    assert "nothing is stored" in done.output.splitlines()[-1]


# At the same time


def test_what_is_saved_while_somebody_locks_is_stored_before_the_lock_or_refused(app):
    """One writes and waits, the other locks and commits: then the first must see it."""
    participant = make_participant()
    whom, trial_id = participant.id, participant.trial_id
    holds = threading.Event()

    def lock():
        with app.app_context(), scope.everything("another"), writing():
            db.session.add(Lock(trial_id=trial_id, reason="The trial is over."))
            db.session.flush()
            holds.set()
            time.sleep(0.3)
            db.session.commit()

    db.session.rollback()
    thread = threading.Thread(target=lock)
    thread.start()
    holds.wait(10)
    try:
        stored(lambda: setattr(db.session.get(Participant, whom), "ecog", 4))
        is_stored = True
    except Refusal as refusal:
        db.session.rollback()
        is_stored = refusal.status != 423
    thread.join()
    told = sa.select(AuditEvent.record_type).join(AuditSeal, AuditSeal.id == AuditEvent.seal_id)
    order = db.session.scalars(told.order_by(AuditSeal.number.desc()).limit(2)).all()
    assert order[0] == "lock", "what was stored came before"
    assert db.session.get(Participant, whom).ecog == (4 if is_stored else 1)

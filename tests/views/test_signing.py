"""Signatures: who gives one, what it is bound to, and when it is void; and reports that are frozen."""

import datetime
import io
import json
import re

import openpyxl
import pytest
import sqlalchemy as sa

from tests.exchange.test_pdf import Pages
from tests.factories import (
    make_administration,
    make_adverse_event,
    make_agent,
    make_arm,
    make_arm_decision,
    make_finding,
    make_participant,
    make_regimen,
    make_report_snapshot,
    make_reported_outcome,
    make_signature,
    make_specimen,
    make_trial,
)
from tests.tables import copy_tables, differences
from tests.test_audit import expected_changes
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Attribution, AuditEvent, RefusedSignIn, ReportSnapshot, Signature, User
from tracker.reads.signing import content_hash, digest, lapsed_signatures, voided
from tracker.roles import Role
from tracker.terms.account import Action
from tracker.terms.evidence import FindingStatus
from tracker.terms.oversight import SignatureMeaning
from tracker.terms.participant import BestResponse
from tracker.terms.treatment import Causality

PASSWORD = "quinze ou plus lettres"


@pytest.fixture
def signer(sign_in):
    """signer(role, trials) gives a browser whose user has the password."""

    def signer(role, trials=()):
        browser = sign_in(role, trials)
        user = db.session.get(User, browser.user_id)
        user.set_password(PASSWORD)
        db.session.commit()
        return browser

    return signer


def change(record, **values):
    with because("for the test"):
        for name, value in values.items():
            setattr(record, name, value)
        db.session.commit()


def sign(browser, record, **given):
    typed = {"meaning": "responsible investigator", "password": PASSWORD} | given
    address = f"/signatures/new?record_type={record.__tablename__}&record_id={record.id}"
    return browser.submit(address, **typed)


def signatures():
    db.session.rollback()
    return db.session.scalars(sa.select(Signature).order_by(Signature.id)).all()


# On records


def test_a_signature_says_who_when_and_what_it_means_and_is_told_in_the_trail(signer):
    participant = make_participant(code="P-1")
    browser = signer(Role.PHYSICIAN, [participant.trial])
    began = clock.now()
    answer = sign(browser, participant)
    assert answer.status_code == 303
    (stored,) = signatures()
    user = db.session.get(User, browser.user_id)
    assert (stored.printed_name, stored.role, stored.user_id) == (user.display_name, Role.PHYSICIAN, user.id)
    assert (stored.record_type, stored.record_id, stored.trial_id) == (
        "participant",
        participant.id,
        participant.trial_id,
    )
    assert stored.meaning is SignatureMeaning.RESPONSIBLE
    assert began <= stored.signed_at <= clock.now()
    assert stored.content_hash == content_hash(participant)
    event = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "signature")).one()
    assert (event.action, event.user_id, event.record_id) == (Action.SIGN, user.id, stored.id)
    assert event.changes["content_hash"] == [None, stored.content_hash]
    page = browser.get(answer.headers["Location"], follow_redirects=True).text
    assert user.display_name in page
    assert "responsible investigator" in page
    assert stored.signed_at.strftime("%Y-%m-%d %H:%M UTC") in page
    assert "Void" not in page


def test_without_the_password_nothing_is_signed_and_wrong_ones_count(signer, refused):
    participant = make_participant()
    browser = signer(Role.PHYSICIAN, [participant.trial])
    address = f"/signatures/new?record_type=participant&record_id={participant.id}"
    refused(browser, address, field="password", is_kept=False, meaning="approved", password="")
    wrong = {"tells": {"audit_event", "audit_seal", "refused_sign_in"}, "is_kept": False}
    refused(browser, address, field="password", meaning="approved", password="another one", **wrong)
    assert db.session.scalar(sa.select(sa.func.count(RefusedSignIn.id))) == 1
    refused(browser, address, field="meaning", is_kept=False, meaning="", password=PASSWORD)
    assert signatures() == []


def test_what_changed_since_the_page_was_opened_is_not_signed(signer, refused):
    participant = make_participant()
    browser = signer(Role.PHYSICIAN, [participant.trial])
    address = f"/signatures/new?record_type=participant&record_id={participant.id}"
    typed = {"meaning": "reviewed", "password": PASSWORD, "content_seen": "0" * 64}
    refused(browser, address, field="meaning", is_kept=False, **typed)


def test_a_form_that_is_sent_twice_signs_once(signer):
    participant = make_participant()
    browser = signer(Role.PHYSICIAN, [participant.trial])
    page = browser.get(f"/signatures/new?record_type=participant&record_id={participant.id}").text
    names = ("csrf_token", "submission", "content_seen", "version")
    found = {name: re.search(f'name="{name}"[^>]*value="([^"]*)"', page) for name in names}
    typed = {name: one[1] for name, one in found.items() if one} | {
        "meaning": "reviewed",
        "password": PASSWORD,
    }
    address = f"/signatures/new?record_type=participant&record_id={participant.id}"
    answers = [browser.post(address, data=typed) for _twice in range(2)]
    assert [one.status_code for one in answers] == [303, 303]
    assert len({one.headers["Location"] for one in answers}) == 1
    assert len(signatures()) == 1


@pytest.mark.parametrize(
    "role, make, status",
    [
        (Role.RESEARCHER, make_participant, 403),
        (Role.RESEARCHER, make_specimen, 200),
        (Role.PHYSICIAN, make_specimen, 403),
        (Role.PHYSICIAN, make_adverse_event, 200),
        (Role.DIRECTOR, make_arm_decision, 200),
        (Role.DIRECTOR, make_participant, 403),
        (Role.MONITOR, make_participant, 403),
        (Role.RESEARCHER, make_finding, 200),
        (Role.PHYSICIAN, make_regimen, 200),
    ],
)
def test_who_may_change_a_record_may_sign_it(signer, role, make, status):
    record = make()
    trial = getattr(record, "trial", None) or getattr(getattr(record, "participant", None), "trial", None)
    browser = signer(role, [trial] if trial else [])
    address = f"/signatures/new?record_type={record.__tablename__}&record_id={record.id}"
    assert browser.get(address).status_code == status


def test_a_finding_is_signed_by_its_author_alone(signer):
    finding = make_finding(author=make_signature().user)
    assert sign_address(signer(Role.RESEARCHER), finding).status_code == 403


def sign_address(browser, record):
    return browser.get(f"/signatures/new?record_type={record.__tablename__}&record_id={record.id}")


def test_another_trials_signature_is_not_there(signer):
    signature = make_signature()
    browser = signer(Role.PHYSICIAN, [make_trial()])
    assert browser.get(f"/signatures/{signature.id}").status_code == 404
    assert signature.printed_name not in browser.get("/signatures/").text


# What it is bound to


@pytest.fixture
def casebook(app):
    """A participant with a record of several kinds, one with parts."""
    agent = make_agent()
    regimen = make_regimen(agents=[agent])
    participant = make_participant(arm=make_arm(regimen=regimen))
    make_administration(participant=participant, component=regimen.components[0])
    attributions = [Attribution(agent=agent, causality=Causality.POSSIBLE)]
    make_adverse_event(participant=participant, attributions=attributions)
    make_reported_outcome(participant=participant)
    return participant


CHANGES = {
    "the participant": lambda one: change(one, ecog=2),
    "an outcome": lambda one: change(one.reported_outcome, best_overall_response=BestResponse.PD),
    "a new event": lambda one: make_adverse_event(participant=one),
    "a new specimen": lambda one: make_specimen(participant=one),
    "a withdrawal": lambda one: change(one.reported_outcome, withdrawn_at=clock.now()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_investigator_signs_the_casebook_and_a_change_makes_it_void(casebook, what):
    signature = make_signature(casebook)
    assert voided([signature]) == set()
    CHANGES[what](casebook)
    assert voided([signature]) == {signature.id}


def test_a_part_belongs_to_what_is_signed(casebook):
    event = db.session.scalars(sa.select(Attribution)).one()
    signature = make_signature(casebook)
    change(event, causality=Causality.PROBABLE)
    assert voided([signature]) == {signature.id}


def test_what_is_not_content_makes_nothing_void(casebook):
    finding = make_finding()
    signed = [make_signature(casebook), make_signature(finding)]
    with because("for the test"):
        casebook.ecog = 2
        db.session.commit()
        casebook.ecog = 1
        db.session.commit()  # the version and the time of the last change are others
    change(finding, status=FindingStatus.ACCEPTED)
    make_participant(trial=casebook.trial)
    assert voided(signed) == set()
    change(finding, estimate=0.7)
    assert voided(signed) == {signed[1].id}


def test_the_page_says_that_a_signature_is_void_and_a_new_one_holds(signer):
    participant = make_participant()
    browser = signer(Role.PHYSICIAN, [participant.trial])
    sign(browser, participant)
    change(participant, ecog=3)
    assert "Void since the content changed." in browser.get(f"/participants/{participant.id}").text
    assert "Signatures that are void" in browser.get("/").text
    assert ">Void<" in browser.get("/signatures/").text
    sign(browser, participant)
    page = browser.get(f"/participants/{participant.id}").text
    assert "Void since the content changed." in page, "it stays as it is"
    assert ">Valid<" in page
    assert "Signatures that are void" not in browser.get("/").text
    assert lapsed_signatures() == []


# What is never changed


@pytest.mark.parametrize("make, name", [(make_signature, "printed_name"), (make_report_snapshot, "title")])
def test_what_is_frozen_or_signed_is_never_changed(app, make, name):
    record = make()
    setattr(record, name, "somebody else")
    with pytest.raises(RuntimeError, match="never changed"), because("why not"):
        db.session.commit()
    db.session.rollback()
    table = record.__tablename__
    for statement in (
        f"UPDATE {table} SET {name} = 'somebody else'",
        f"DELETE FROM {table}",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ):
        with pytest.raises(sa.exc.DBAPIError):
            db.session.execute(sa.text(statement))
        db.session.rollback()


# Frozen reports


@pytest.fixture
def arm(app):
    arm = make_arm(trial=make_trial(code="T-1"), code="A")
    for best in [BestResponse.PR] * 2 + [BestResponse.PD] * 4:
        make_reported_outcome(
            participant=make_participant(trial=arm.trial, arm=arm), best_overall_response=best
        )
    return arm


BASIS = "/report-snapshots/new?basis=outcomes?by%3Darm"


def freeze(browser, basis=BASIS, **given):
    answer = browser.submit(basis, **{"meaning": "approved", "password": PASSWORD} | given)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_report_is_frozen_and_signed_in_one_step_and_stays_as_it_was(signer, arm):
    director = signer(Role.DIRECTOR)
    assert f'href="{BASIS}"' in director.get("/reports/outcomes?by=arm").text
    before = copy_tables()
    address = freeze(director)
    after = copy_tables()
    told = db.session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id.desc()).limit(2)).all()
    expected = expected_changes(differences(before, after), before, after)
    assert {(one.record_type, one.record_id): one.changes for one in told} == expected
    assert len({one.request_id for one in told}) == 1
    snapshot = db.session.scalars(sa.select(ReportSnapshot)).one()
    (signature,) = signatures()
    assert snapshot.content_hash == signature.content_hash == digest(snapshot.content)
    assert (snapshot.as_of, snapshot.author_id, snapshot.report) == (
        clock.today(),
        director.user_id,
        "outcomes",
    )
    assert [one.trial_id for one in snapshot.trials] == [arm.trial_id]
    then = {format: director.get(f"{address}.{format}").data for format in ("json", "csv", "svg")}
    live = director.get("/reports/outcomes.json?by=arm").json
    frozen = json.loads(then["json"])
    assert {name: frozen[name] for name in ("tables", "figures", "parameters", "verdict")} == {
        name: live[name] for name in ("tables", "figures", "parameters", "verdict")
    }
    assert then["csv"] == director.get("/reports/outcomes.csv?by=arm").data
    assert then["svg"] == director.get("/reports/outcomes.svg?by=arm").data
    make_reported_outcome(
        participant=make_participant(trial=arm.trial, arm=arm), best_overall_response=BestResponse.CR
    )
    page = director.get(address).text
    assert "33.3%" in page
    assert "The data have changed since" in page
    assert re.search(r"<del[^>]*>33.3% \(4.3–77.7\)</del> <ins>42.9%", page)
    assert {format: director.get(f"{address}.{format}").data for format in then} == then
    assert "Frozen reports whose data have changed" in director.get("/").text
    assert ">Stale<" in director.get("/report-snapshots/").text
    exported = db.session.scalars(
        sa.select(AuditEvent).where(AuditEvent.record_type == "report_snapshot")
    ).all()
    assert {one.action for one in exported} == {Action.CREATE, Action.EXPORT}


def test_its_files_carry_the_signatures(signer, arm):
    director = signer(Role.DIRECTOR)
    address = freeze(director)
    (signature,) = signatures()
    when = signature.signed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    printed = re.sub(r"\s+", " ", "\n".join(Pages(director.get(f"{address}.pdf").data).texts))
    for words in ("Electronically signed by", signature.printed_name, "approved", when):
        assert words in printed
    told = director.get(f"{address}.json").json["frozen"]
    assert told["signatures"] == [
        {
            "printed_name": signature.printed_name,
            "meaning": "approved",
            "signed_at": signature.signed_at.isoformat(timespec="seconds"),
            "content_hash": signature.content_hash,
            "is_void": False,
        }
    ]
    workbook = openpyxl.load_workbook(io.BytesIO(director.get(f"{address}.xlsx").data))
    cells = [[cell.value for cell in row] for row in workbook["About"].rows]
    (line,) = [text for label, text in cells if label == "Signed by"]
    assert line == f"{signature.printed_name}, approved, {when}, SHA-256 {signature.content_hash}"


def test_others_sign_the_same_frozen_report(signer, arm):
    address = freeze(signer(Role.DIRECTOR))
    snapshot = db.session.scalars(sa.select(ReportSnapshot)).one()
    assert sign(signer(Role.DIRECTOR), snapshot, meaning="reviewed").status_code == 303
    assert signer(Role.PHYSICIAN, [arm.trial]).get(address).status_code == 200
    assert sign_address(signer(Role.PHYSICIAN, [arm.trial]), snapshot).status_code == 403
    assert [one.meaning for one in signatures()] == [SignatureMeaning.APPROVED, SignatureMeaning.REVIEWED]


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.RESEARCHER, Role.MONITOR])
def test_a_frozen_report_is_there_only_for_who_sees_all_of_its_trials(signer, arm, role):
    other = make_arm(trial=make_trial(code="T-2"))
    make_reported_outcome(participant=make_participant(trial=other.trial, arm=other))
    director = signer(Role.DIRECTOR)
    address = freeze(director)
    statuses = {
        trials: signer(role, [one.trial for one in (arm, other) if one.trial.code in trials])
        .get(address)
        .status_code
        for trials in ("T-1", "T-2", "T-1 T-2")
    }
    assert statuses == {"T-1": 404, "T-2": 404, "T-1 T-2": 200}
    browser = signer(role, [arm.trial])
    for path in (f"{address}.json", f"{address}/history", f"/signatures/{signatures()[0].id}"):
        assert browser.get(path).status_code == 404
    assert "Outcomes" not in browser.get("/report-snapshots/").text.partition("<main")[2]
    assert signatures()[0].printed_name not in browser.get("/signatures/").text


def test_nobody_comments_on_a_frozen_report_or_a_signature_where_everybody_would_read_it(signer, arm):
    director = signer(Role.DIRECTOR)
    address = freeze(director)
    assert "/comments/new" not in director.get(address).text
    for record in (db.session.scalars(sa.select(ReportSnapshot)).one(), signatures()[0]):
        about = f"record_type={record.__tablename__}&record_id={record.id}"
        assert director.get(f"/comments/new?{about}").status_code == 404
        assert director.post(f"/comments/new?{about}", data={"text": "T-1 stops."}).status_code == 404


@pytest.mark.parametrize("typed", [{}, {"submission": "\x00"}, {"submission": "x" * 300}])
def test_a_form_with_a_damaged_key_signs_nothing(signer, arm, typed):
    assert signer(Role.DIRECTOR).post(BASIS, data=typed).status_code == 422
    assert signatures() == []


def test_masked_arms_do_not_leak_from_what_the_director_froze(signer, arm):
    change(arm.trial, is_randomised=True)
    address = freeze(signer(Role.DIRECTOR))
    physician = signer(Role.PHYSICIAN, [arm.trial])
    assert physician.get(address).status_code == 404
    assert physician.get("/signatures/").text.count("/signatures/1") == 0
    change(arm.trial, results_released=True)
    assert physician.get(address).status_code == 200


@pytest.mark.parametrize(
    "query, status", [("?table=nothing", 422), ("?by=arm", 422), ("?figure=forest", 200)]
)
def test_a_file_of_a_frozen_report_takes_only_its_own_parameters(signer, arm, query, status):
    director = signer(Role.DIRECTOR)
    assert director.get(f"{freeze(director)}.csv{query}").status_code == status


def test_figures_that_moved_while_the_page_was_open_are_not_signed(signer, refused, arm):
    director = signer(Role.DIRECTOR)
    typed = {"meaning": "approved", "password": PASSWORD, "content_seen": "0" * 64}
    refused(director, BASIS, field="meaning", is_kept=False, **typed)


def test_a_column_that_a_later_version_adds_makes_nothing_void(app):
    """Empty ones, and those that stand at their default, are no content."""
    participant = make_participant(diagnosis=None, imported=False)
    before = content_hash(participant)
    change(participant, diagnosis="LUAD")
    assert content_hash(participant) != before
    change(participant, diagnosis=None, enrolled_on=datetime.date(2024, 1, 15))
    assert content_hash(participant) == before

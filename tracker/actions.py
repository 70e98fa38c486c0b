"""Changes that touch several records, or that pages and commands share. The caller commits."""

import datetime
import hashlib
from collections.abc import Iterable

import sqlalchemy as sa
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from tracker import clock
from tracker.audit import batches, changed_fields, note, store_rows
from tracker.extensions import db, take_turn, writing
from tracker.models import (
    Draft,
    Lesion,
    Participant,
    Query,
    QueryMessage,
    Record,
    RecoveryCode,
    RefusedSignIn,
    ReportSnapshot,
    SecondFactor,
    Signature,
    SignIn,
    SnapshotTrial,
    Submission,
    Trial,
    TrialMember,
    TumorAssessment,
    User,
)
from tracker.models import Finding as BiomarkerFinding
from tracker.models.second_factor import recovery_mac, seal
from tracker.reads.account import is_last_administrator
from tracker.reads.checks import CHECKED, checked_frame, checks_rest_on
from tracker.reads.draft import TOO_OLD
from tracker.reads.oversight import with_values
from tracker.reads.response import RESPONSES_REST_ON, response_questions
from tracker.roles import Role
from tracker.rules.checks import Check, Finding, Weight, rules_of, run_checks
from tracker.rules.passwords import check_password
from tracker.rules.second_factor import RECOVERY_DIGITS, new_recovery_codes, steps_of
from tracker.scope import reader, trial_id_of
from tracker.terms.account import Action, SecondFactorEvent
from tracker.terms.evidence import FindingStatus
from tracker.terms.oversight import QueryState, QueryStep, SignatureMeaning
from tracker.terms.response import BaselineQuestion, CourseQuestion
from tracker.values import Refusal, read_code, read_term


def add_user(name: str, role: Role, password: str, display_name: str | None = None) -> User:
    """A new account."""
    name = (read_code(name) or "").lower()
    if not name:
        raise Refusal(_("Give the account a name."), "name")
    if db.session.scalar(sa.select(User.id).where(User.name == name)):
        raise Refusal(_("There is an account of that name already."), "name")
    check_password(password, current_app.config["PASSWORD_MINIMUM"], [name, display_name])
    user = User(name=name, role=role, display_name=display_name or name)
    user.set_password(password)
    db.session.add(user)
    return user


def assign(user: User, trial: Trial) -> TrialMember:
    """Make the user a member of the trial; one who was taken off it is put back."""
    earlier = sa.select(TrialMember).where(TrialMember.user_id == user.id, TrialMember.trial_id == trial.id)
    member = db.session.scalar(earlier.execution_options(include_withdrawn=True))
    if member is None:
        member = TrialMember(user=user, trial=trial)
        db.session.add(member)
    member.withdrawn_at = None
    return member


def change_role(user: User, role: Role) -> None:
    if role is not Role.ADMIN:
        _keep_an_administrator(user)
    user.role = role


def disable_user(user: User) -> None:
    """Shut an account; it bites on the next request."""
    _keep_an_administrator(user)
    user.disabled_at = user.disabled_at or clock.now()
    revoke_sign_ins(user)


def revoke_sign_ins(user: User, but: SignIn | None = None) -> None:
    """Sign the user out of every browser, or of every other one."""
    for sign_in in db.session.scalars(sa.select(SignIn).where(SignIn.user_id == user.id)):
        if sign_in.revoked_at is None and sign_in is not but:
            revoke_sign_in(sign_in)


def revoke_sign_in(sign_in: SignIn) -> None:
    """Sign the user out of one browser."""
    if sign_in.revoked_at is None:
        sign_in.revoked_at = clock.now()
        note(Action.SIGN_OUT, User.__tablename__, sign_in.user_id, browser=sign_in.browser)


def must_wait(name: str) -> bool:
    """Whether nobody may sign in under this name now, after too many refused attempts; others who try it queue."""
    hashed = _name_hash(name)
    take_turn(db.session, int(hashed[:15], 16))
    since = clock.now() - datetime.timedelta(minutes=current_app.config["SIGN_IN_WAIT_MINUTES"])
    refused = sa.select(sa.func.count(RefusedSignIn.id)).where(
        RefusedSignIn.name_hash == hashed, RefusedSignIn.at > since
    )
    return db.session.scalar(refused) >= current_app.config["SIGN_IN_ATTEMPTS"]


def count_refusal(name: str) -> None:
    """One more refused sign-in under this name, whether or not there is such an account."""
    db.session.add(RefusedSignIn(name_hash=_name_hash(name), at=clock.now()))


def forget_refusals(name: str) -> None:
    """Somebody signed in under this name. What is too old to count goes as well, whatever its name."""
    old = clock.now() - datetime.timedelta(minutes=current_app.config["SIGN_IN_WAIT_MINUTES"])
    gone = sa.or_(RefusedSignIn.name_hash == _name_hash(name), RefusedSignIn.at < old)
    db.session.execute(sa.delete(RefusedSignIn).where(gone))


def _name_hash(name):
    return hashlib.sha256(f"sign-in|{name}".encode()).hexdigest()


#: Drafts that one person may have; the oldest make room.
_MOST_DRAFTS = 100


def keep_draft(address: str, fields: list[tuple[str, str]]) -> Draft | None:
    """Keep what the reader typed in the form at this address, in place of what was kept there before.

    None where that form is stored already: its last words came after it. fields: names and texts.
    """
    user_id, key = reader().user_id, dict(fields).get("submission", "")[:36]
    take_turn(db.session, int(hashlib.sha256(f"draft|{user_id}".encode()).hexdigest()[:15], 16))
    purge_drafts()
    if db.session.get(Submission, key) is not None:
        return None
    own = sa.select(Draft).where(Draft.user_id == user_id)
    found = db.session.scalar(own.where(Draft.address == address))
    if found is None:
        older = db.session.scalars(
            own.order_by(Draft.kept_at.desc(), Draft.id.desc()).offset(_MOST_DRAFTS - 1)
        )
        for one in older.all():
            db.session.delete(one)
        found = Draft(user_id=user_id, address=address)
        db.session.add(found)
    found.submission, found.fields, found.kept_at = key, [list(pair) for pair in fields], clock.now()
    return found


def forget_draft(address: str) -> None:
    """What the reader typed in the form at this address is saved, or thrown away."""
    own = sa.delete(Draft).where(Draft.user_id == reader().user_id, Draft.address == address)
    db.session.execute(own, execution_options={"synchronize_session": False})


def purge_drafts() -> None:
    """Throw away whatever anybody typed and left for too long."""
    db.session.execute(sa.delete(Draft).where(TOO_OLD), execution_options={"synchronize_session": False})


def enrol_second_factor(user: User, secret: str, step: int) -> list[str]:
    """Turn the second factor on, with the app that knows the secret and made the code of this time step.

    Returns the recovery codes, which nobody can read again.
    """
    factor = SecondFactor(user_id=user.id, sealed=seal(secret, f"user {user.id}"), last_step=step)
    db.session.add(factor)
    note(Action.CHANGE, User.__tablename__, user.id, second_factor=SecondFactorEvent.ON)
    return _replace_recovery_codes(factor)


def make_recovery_codes(user: User) -> list[str]:
    """New recovery codes instead of all earlier ones."""
    note(Action.CHANGE, User.__tablename__, user.id, second_factor=SecondFactorEvent.NEW_CODES)
    return _replace_recovery_codes(user.second_factor)


def _replace_recovery_codes(factor):
    codes = new_recovery_codes()
    factor.recovery_codes = [RecoveryCode(mac=recovery_mac(factor.user_id, code)) for code in codes]
    return codes


def use_code(user: User, code: str) -> SecondFactorEvent | None:
    """What kind of code of the user's second factor this is; None where it is none, or was used before.

    Of several who send the same code at once, on whatever processes, one is told so.
    """
    factor = user.second_factor
    if len(code) == RECOVERY_DIGITS:
        mac = recovery_mac(user.id, code)
        unused = sa.update(RecoveryCode).where(
            RecoveryCode.second_factor_id == factor.id,
            RecoveryCode.mac == mac,
            RecoveryCode.used_at.is_(None),
        )
        return SecondFactorEvent.RECOVERY_CODE if _changed_one(unused.values(used_at=clock.now())) else None
    for step in steps_of(factor.secret, code, clock.now()) if factor.secret else []:
        later = sa.update(SecondFactor).where(SecondFactor.id == factor.id, SecondFactor.last_step < step)
        if _changed_one(later.values(last_step=step)):
            return SecondFactorEvent.APP_CODE
    return None


def _changed_one(update):
    return db.session.execute(update, execution_options={"synchronize_session": False}).rowcount == 1


def remove_second_factor(user: User, told: SecondFactorEvent = SecondFactorEvent.OFF) -> None:
    """The password alone signs in from now on, unless the role needs a second factor."""
    if user.second_factor is None:
        raise Refusal(_("This account has no second factor."))
    db.session.delete(user.second_factor)
    note(Action.CHANGE, User.__tablename__, user.id, second_factor=told)


def reset_second_factor(user: User) -> None:
    """For somebody who lost app and recovery codes: without a second factor, and signed out everywhere."""
    remove_second_factor(user, SecondFactorEvent.RESET)
    revoke_sign_ins(user)


def note_export(kind: str, **told) -> None:
    """Tell the trail of a file that leaves, in a short transaction of its own; without it the file does not leave."""
    db.session.rollback()
    with writing():
        note(Action.EXPORT, kind, **told)
        db.session.commit()


def _keep_an_administrator(user):
    if is_last_administrator(user):
        raise Refusal(_("This is the last administrator: make another one first."))


def submit_finding(finding: BiomarkerFinding) -> None:
    """Hand a finding in to be judged. Raises Refusal where it is not open."""
    if not finding.status.is_open:
        raise Refusal(_("This finding is submitted already, or was judged."), status=409)
    finding.status = FindingStatus.SUBMITTED


def user_named(name: str) -> User:
    user = db.session.scalar(sa.select(User).where(User.name == name.lower()))
    if user is None:
        raise Refusal(_("There is no account of that name."))
    return user


def trial_coded(code: str) -> Trial:
    trial = db.session.scalar(sa.select(Trial).where(Trial.code == code))
    if trial is None:
        raise Refusal(_("There is no trial with that code."))
    return trial


def role_named(text: str) -> Role:
    return read_term(text, Role)


def participant_of(record: Record) -> Participant | None:
    """Whom a record is about, if anybody."""
    return record if isinstance(record, Participant) else getattr(record, "participant", None)


#: The steps that a query can take from each state, and the state to which each leads.
_STEPS = {
    QueryStep.ANSWERED: ({QueryState.OPEN, QueryState.ANSWERED}, QueryState.ANSWERED),
    QueryStep.CLOSED: ({QueryState.OPEN, QueryState.ANSWERED}, QueryState.CLOSED),
    QueryStep.REOPENED: ({QueryState.ANSWERED, QueryState.CLOSED}, QueryState.OPEN),
}


def check_step(query: Query, step: QueryStep) -> None:
    """Raises Refusal, 409, where the query's state does not allow the step; 403 where the reader may not take it."""
    froms, _to = _STEPS[step]
    if query.state not in froms:
        told = {
            QueryState.OPEN: _("The query is open already."),
            QueryState.CLOSED: _("The query is closed: it can be opened again, not answered or closed."),
        }
        raise Refusal(told[query.state], status=409)
    answered_by = query.last_answer and query.last_answer.author_id
    if step is QueryStep.CLOSED and answered_by is not None and answered_by == reader().user_id:
        raise Refusal(_("Nobody closes a query by their own answer: ask a colleague to."), status=403)


def take_step(query: Query, step: QueryStep, text: str | None) -> None:
    """Answer a query, close it, or open it again. text: what is said about it.

    Raises Refusal as `check_step`, and 422 where words are missing: only an answered query is closed without a word.
    """
    check_step(query, step)
    if not text and not (step is QueryStep.CLOSED and query.state is QueryState.ANSWERED):
        told = {
            QueryStep.ANSWERED: _("Write the answer."),
            QueryStep.CLOSED: _("Nobody has answered it: say why it is closed all the same."),
            QueryStep.REOPENED: _("Say what is still to be answered."),
        }
        raise Refusal(told[step], "text")
    _note_step(query, step, reader().user_id, text)


def _note_step(query, step, author_id, text=None):
    query.state = _STEPS[step][1]
    query.messages.append(QueryMessage(step=step, author_id=author_id, at=clock.now(), text=text))


def settle_queries(record: Record, findings: list[Finding]) -> None:
    """Open a query for each rule that finds something in a stored record; close those whose data are mended.

    findings: what the checks of the record find now.
    """
    about = participant_of(record)
    found = [
        (one.check, record.id, about and about.id) for one in findings if one.check.weight is Weight.QUERY
    ]
    settle_queries_of(type(record), trial_id_of(record), [record.id], found)
    if isinstance(record, (Lesion, TumorAssessment)) or (
        isinstance(record, Participant) and changed_fields(record) & RESPONSES_REST_ON
    ):
        settle_response_queries(Participant.id == about.id)
    if isinstance(record, Participant) and changed_fields(record) & checks_rest_on():
        settle_queries_around(Participant.id == about.id)


def settle_queries_of(
    model: type[Record], trial_id: int | None, ids: list[int], found: list[tuple[Check, int, int | None]]
) -> None:
    """The same for many records of one trial.

    ids: of those that may have queries already. found: the checks that open queries, each with the id of a record
    that it finds, and of the participant whom that is about.
    """
    name = model.__tablename__
    rows = [
        _question(trial_id, about, name, number, check.name, check.field, check.message)
        for check, number, about in found
    ]
    stored = sa.select(Query).where(Query.record_type == name, Query.rule.in_(rules_of(name)))
    _settle(model, rows, [stored.where(Query.record_id.in_(numbers)) for numbers in batches(ids)])


def settle_queries_around(participants: sa.ColumnElement) -> None:
    """The same for the records of these participants, whose own dates the checks of those records look at, too."""
    for model in CHECKED:
        rules = rules_of(model.__tablename__)
        if model is Participant or not rules:
            continue
        columns = checked_frame(model, participants, clock.today())
        db.session.flush()
        found = [
            _question(int(row.trial_id), int(row.participant_id), model.__tablename__, int(row.record_id),
                      one.check.name, one.check.field, one.check.message)
            for one in run_checks(model.__tablename__, columns) if one.check.weight is Weight.QUERY
            for row in columns.loc[one.mask, ["trial_id", "participant_id", "record_id"]].itertuples(index=False)
        ]  # fmt: skip
        of_them = Query.participant_id.in_(sa.select(Participant.id).where(participants))
        stored = sa.select(Query).where(
            of_them, Query.record_type == model.__tablename__, Query.rule.in_(rules)
        )
        _settle(model, found, [stored])


def settle_response_queries(participants: sa.ColumnElement) -> None:
    """The same for what RECIST and iRECIST ask about the assessments of these participants."""
    asked = response_questions(participants, clock.today())
    labels = {term.value: term.label for term in [*BaselineQuestion, *CourseQuestion]}
    columns = ["trial_id", "participant_id", "assessment_id", "question"]
    rows = [
        _question(trial_id, about, TumorAssessment.__tablename__, number, rule, "measurements", labels[rule])
        for trial_id, about, number, rule in asked[columns].astype(object).itertuples(index=False)
    ]
    of_them = Query.participant_id.in_(sa.select(Participant.id).where(participants))
    _settle(TumorAssessment, rows, [sa.select(Query).where(of_them, Query.rule.in_(labels))])


def _question(trial_id, about, record_type, number, rule, field, message) -> dict:
    with force_locale("en"):  # kept in the source's language, and shown in the reader's
        words = str(message)
    return {
        "trial_id": trial_id,
        "participant_id": about,
        "record_type": record_type,
        "record_id": number,
        "field": field,
        "rule": rule,
        "question": words,
        "is_found": True,
    }


def _settle(model, found: list[dict], stored: list[sa.Select]) -> None:
    """Close what is stored and not found any more, open again what is found anew, store what was never found.

    What a person closed although the fault stands, stays closed until the data are mended and the fault returns.
    """
    rows = {(row["rule"], row["record_id"]): row for row in found}
    known = {
        (one.rule, one.record_id): one
        for chosen in stored
        for one in db.session.scalars(chosen.order_by(Query.id))
    }
    for key, query in known.items():
        if query.is_found == (key in rows):
            continue
        query.is_found = key in rows
        if query.is_found and query.state is QueryState.CLOSED:
            _note_step(query, QueryStep.REOPENED, None)
        elif not query.is_found and query.state is not QueryState.CLOSED:
            _note_step(query, QueryStep.CLOSED, None)
    fresh = [row for key, row in rows.items() if key not in known]
    for some in batches(fresh):
        with force_locale("en"):
            some = with_values(model, some)
        store_rows(Query, some)


def signature_on(
    record: Record, content_hash: str, meaning: SignatureMeaning, by: User | None = None
) -> Signature:
    """The reader's signature on what the record says, not stored yet. by: whose it is, where nobody is signed in."""
    who = by or reader().user
    return Signature(
        record_type=record.__tablename__,
        record_id=record.id,
        trial_id=trial_id_of(record),
        participant_id=about.id if (about := participant_of(record)) is not None else None,
        snapshot_id=record.id if isinstance(record, ReportSnapshot) else None,
        user_id=who.id,
        printed_name=who.display_name,
        role=who.role,
        meaning=meaning,
        content_hash=content_hash,
    )


def freeze_report(snapshot: ReportSnapshot, trials: Iterable[int]) -> ReportSnapshot:
    """Say of a frozen report, not stored yet, which trials it is of and which tracker made it."""
    snapshot.tracker_version = current_app.config["VERSION"]
    snapshot.trials = [SnapshotTrial(trial_id=trial) for trial in sorted(trials)]
    return snapshot

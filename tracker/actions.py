"""Changes that touch several records, or that pages and commands share. The caller commits."""

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from tracker import clock
from tracker.extensions import db
from tracker.models import SignIn, Trial, TrialMember, User
from tracker.reads.account import is_last_administrator
from tracker.roles import Role
from tracker.values import Refusal, read_code, read_term


def add_user(name: str, role: Role, password: str, display_name: str | None = None) -> User:
    """A new account."""
    name = (read_code(name) or "").lower()
    if not name:
        raise Refusal(_("Give the account a name."), "name")
    if db.session.scalar(sa.select(User.id).where(User.name == name)):
        raise Refusal(_("There is an account of that name already."), "name")
    least = current_app.config["PASSWORD_MINIMUM"]
    if len(password) < least:
        raise Refusal(_("The password needs at least %(minimum)d characters.", minimum=least), "password")
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
            sign_in.revoked_at = clock.now()


def _keep_an_administrator(user):
    if is_last_administrator(user):
        raise Refusal(_("This is the last administrator: make another one first."))


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

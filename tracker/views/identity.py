"""Proving again who one is, for what must not be done by whoever finds the browser open."""

from flask import current_app
from flask_babel import gettext as _
from flask_login import current_user

from tracker.actions import count_refusal, forget_refusals, must_wait, use_code
from tracker.audit import note
from tracker.extensions import db
from tracker.forms.account import IdentityFields, OneTimeCodeField
from tracker.models import User
from tracker.terms.account import Action, SecondFactorEvent


def is_proven(form: IdentityFields) -> bool:
    """Whether a valid form, as it was sent, bears the signed-in person's password (in `current` where it asks for a new
    one too, else in `password`) and a code of their second factor, if they have one.

    A code counts as used when the caller commits. Where something is wrong, why stands beside the field, counts toward
    the wait of the account name, and is told in the trail, all of which is committed: ask before anything is changed.
    """
    field = form.current if "current" in form else form.password
    if must_wait(current_user.name):
        field.errors = [must_wait_message()]
        return False
    if not current_user.has_password(field.data):
        refuse(current_user)
        field.errors = [_("This is not your present password.")]
        return False
    if "code" in form:
        kind = has_code(form.code, current_user)
        if kind is None:
            return False
        if kind is SecondFactorEvent.RECOVERY_CODE:
            note(Action.CHANGE, User.__tablename__, current_user.id, second_factor=kind)
    forget_refusals(current_user.name)
    return True


def has_code(field: OneTimeCodeField, user: User) -> SecondFactorEvent | None:
    """What kind of code of the user's second factor the field bears; None, refused as above, where none."""
    kind = use_code(user, field.data)
    if kind is None:
        refuse(user, second_factor=SecondFactorEvent.REFUSED)
        field.errors = [_("This code is not right, or was used already: each works once. Take the next one.")]
    return kind


def refuse(user: User, **told) -> None:
    """Count and tell an attempt that was not right, and commit."""
    count_refusal(user.name)
    note(Action.SIGN_IN_REFUSED, User.__tablename__, user.id, **told)
    db.session.commit()


def must_wait_message():
    minutes = current_app.config["SIGN_IN_WAIT_MINUTES"]
    return _(
        "Too many attempts under this account name. Wait for %(minutes)d minutes, then try again.",
        minutes=minutes,
    )

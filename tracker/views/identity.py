"""Proving again who one is, for what must not be done by whoever finds the browser open."""

from flask import current_app
from flask_babel import gettext as _
from flask_login import current_user

from tracker.actions import count_refusal, forget_refusals, must_wait
from tracker.audit import note
from tracker.extensions import db
from tracker.forms.account import IdentityFields
from tracker.models import User
from tracker.terms.account import Action


def is_proven(form: IdentityFields) -> bool:
    """Whether a valid form, as it was sent, bears the signed-in person's password: in `current` where it
    asks for a new one too, else in `password`.

    Where not, why stands beside the field, counts toward the wait of the account name, and is told in the trail, all of
    which is committed: ask before anything is changed.
    """
    field = form.current if "current" in form else form.password
    if must_wait(current_user.name):
        field.errors = [must_wait_message()]
        return False
    if not current_user.has_password(field.data):
        count_refusal(current_user.name)
        note(Action.SIGN_IN_REFUSED, User.__tablename__, current_user.id)
        db.session.commit()
        field.errors = [_("This is not your present password.")]
        return False
    forget_refusals(current_user.name)
    return True


def must_wait_message():
    minutes = current_app.config["SIGN_IN_WAIT_MINUTES"]
    return _(
        "Too many attempts under this account name. Wait for %(minutes)d minutes, then try again.",
        minutes=minutes,
    )

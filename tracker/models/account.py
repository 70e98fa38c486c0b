"""Who uses the tracker, from where, and for which trials."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING

import argon2
import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker import clock
from tracker.extensions import db
from tracker.models.base import Record
from tracker.roles import Permission, Role

if TYPE_CHECKING:
    from tracker.models.second_factor import SecondFactor
    from tracker.models.trial import Trial

_HASHER = argon2.PasswordHasher()


class User(Record):
    """A person with an account. An account is disabled, never withdrawn: the trail names it."""

    titles = _l("Account"), _l("Accounts")
    searched = ("name", "display_name")
    needs_reason = False

    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    display_name: Mapped[str] = mapped_column(sa.String(100))
    role: Mapped[Role]
    password_hash: Mapped[str] = mapped_column(sa.String(200), info={"secret": True})
    disabled_at: Mapped[datetime.datetime | None]

    memberships: Mapped[list[TrialMember]] = relationship(back_populates="user")
    second_factor: Mapped[SecondFactor | None] = relationship(back_populates="user")

    # What Flask-Login asks of a user; the token of the sign-in stands for them in the cookie.
    is_authenticated = True
    is_anonymous = False
    sign_in_token = None

    def get_id(self):
        return self.sign_in_token

    def __str__(self):
        return self.display_name

    @property
    def is_active(self) -> bool:
        return self.disabled_at is None

    def may(self, permission: Permission) -> bool:
        return self.role.may(permission)

    def set_password(self, password: str) -> None:
        self.password_hash = _HASHER.hash(password)

    def has_password(self, password: str) -> bool:
        return _is_password(self.password_hash, password)


def refuse_password(password: str) -> bool:
    """False, after as long as a wrong password takes: nobody can tell which accounts exist."""
    return _is_password(_hash_of_nobody(), password) and False


@functools.cache
def _hash_of_nobody():
    return _HASHER.hash("nobody")


def _is_password(password_hash, password):
    try:
        return _HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


class TrialMember(Record):
    """That a user is assigned to a trial, and so sees its records."""

    titles = _l("Trial member"), _l("Trial members")
    trial_path = "trial"
    stays_open = True
    needs_reason = False

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)

    user: Mapped[User] = relationship(back_populates="memberships")
    trial: Mapped[Trial] = relationship(back_populates="members")

    __table_args__ = (sa.UniqueConstraint("user_id", "trial_id"),)

    def __str__(self):
        return str(self.user)


class SignIn(db.Model):
    """One browser in which a user is signed in, until it is revoked. Only a hash of its token is kept.

    awaits_code: the password was right, and the second factor is still to come.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime.datetime]
    last_seen_at: Mapped[datetime.datetime]
    revoked_at: Mapped[datetime.datetime | None]
    browser: Mapped[str] = mapped_column(sa.String(200), default="")
    awaits_code: Mapped[bool] = mapped_column(default=False)
    #: When the password, with the second factor, was last given here.
    confirmed_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    user: Mapped[User] = relationship()


class RefusedSignIn(db.Model):
    """One refused sign-in of an account name, until one that is right. Only a hash of the name is kept: people type
    their password into the wrong field."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name_hash: Mapped[str] = mapped_column(sa.String(64), index=True)
    at: Mapped[datetime.datetime]

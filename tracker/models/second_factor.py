"""What somebody proves themselves with besides the password.

The secret of an authenticator app cannot be hashed: it is needed to tell the next code. So it is sealed (AES-GCM), and
recovery codes are kept as keyed digests, both with keys that are made of TRAIL_KEY, which is not in the database. Who
has a copy of the database alone can make no code, nor try recovery codes. Each is bound to its owner: moved to another
account it is worth nothing.
"""

from __future__ import annotations

import base64
import datetime
import hmac
import logging
import os
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker import clock
from tracker.extensions import db

if TYPE_CHECKING:
    from tracker.models.account import User

#: Bytes of the number that AES-GCM uses once, which is kept before what it sealed.
_NONCE = 12

log = logging.getLogger("tracker")


class SecondFactor(db.Model):
    """That a user proves themselves with the codes of an app. sealed: its secret. last_step: the time step of the last
    code that was taken; no code of it or before is taken again."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), unique=True)
    sealed: Mapped[str] = mapped_column(sa.String(200))
    last_step: Mapped[int]
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    user: Mapped[User] = relationship(back_populates="second_factor")
    recovery_codes: Mapped[list[RecoveryCode]] = relationship(cascade="all, delete-orphan")

    @property
    def secret(self) -> str | None:
        """None where it was sealed with another key, or for another user."""
        found = unseal(self.sealed, f"user {self.user_id}")
        if found is None:
            log.error("the second factor of user %d was sealed with another TRAIL_KEY", self.user_id)
        return found

    @property
    def codes_left(self) -> int:
        return sum(code.used_at is None for code in self.recovery_codes)


class RecoveryCode(db.Model):
    """One of the codes that stand in for the app when it is lost; each works once. Only its keyed digest is kept."""

    id: Mapped[int] = mapped_column(primary_key=True)
    second_factor_id: Mapped[int] = mapped_column(sa.ForeignKey("second_factor.id"), index=True)
    mac: Mapped[bytes] = mapped_column(sa.LargeBinary)
    used_at: Mapped[datetime.datetime | None]


def seal(secret: str, about: str) -> str:
    """The secret as text that is opened only with the key, and only as what it is about, as in "user 7"."""
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(_key("secret")).encrypt(nonce, secret.encode(), about.encode())
    return base64.urlsafe_b64encode(sealed).decode()


def unseal(sealed: str, about: str) -> str | None:
    """None where it was sealed with another key, is about something else, or is damaged."""
    try:
        read = base64.urlsafe_b64decode(sealed.encode())
        return AESGCM(_key("secret")).decrypt(read[:_NONCE], read[_NONCE:], about.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def recovery_mac(user_id: int, code: str) -> bytes:
    return hmac.digest(_key("recovery code"), f"{user_id}|{code}".encode(), "sha256")


def _key(purpose):
    """A key of its own for each purpose (HKDF, RFC 5869)."""
    info = f"second factor, {purpose}".encode()
    return HKDF(SHA256(), 32, salt=None, info=info).derive(current_app.config["TRAIL_KEY"].encode())

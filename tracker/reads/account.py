"""What is asked about accounts."""

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import User
from tracker.roles import Role


def nobody_has_an_account() -> bool:
    return db.session.scalar(sa.select(User.id).limit(1).execution_options(unscoped=True)) is None


def is_last_administrator(user: User) -> bool:
    """Whether nobody else could make accounts."""
    others = sa.select(User.id).where(User.role == Role.ADMIN, User.disabled_at.is_(None), User.id != user.id)
    return user.role is Role.ADMIN and db.session.scalar(others.limit(1)) is None

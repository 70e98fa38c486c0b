"""What the reader typed in forms and has not saved."""

import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import current_app, request

from tracker import clock
from tracker.extensions import UtcDateTime, db
from tracker.models import Draft, Submission
from tracker.scope import reader


def _oldest():
    return clock.now() - datetime.timedelta(days=current_app.config["DRAFT_DAYS"])


TOO_OLD = Draft.kept_at < sa.bindparam(None, callable_=_oldest, type_=UtcDateTime)

_OF_THE_READER = (
    Draft.user_id == sa.bindparam(None, callable_=lambda: reader().user_id, type_=sa.Integer),
    ~TOO_OLD,
    ~sa.exists().where(Submission.key == Draft.submission),
)

_AT = sa.select(Draft).where(Draft.address == sa.bindparam("address"), *_OF_THE_READER)


def form_address() -> str:
    """The address of the form that is open, always written the same way."""
    return address_of(request.path, request.args.items(multi=True))


def address_of(path, arguments) -> str:
    query = urlencode(sorted(arguments))
    return f"{path}?{query}" if query else path


def draft_at(address: str) -> Draft | None:
    """What the reader typed in the form at this address."""
    return db.session.scalar(_AT, {"address": address})


def drafts() -> list[Draft]:
    """All that the reader typed and has not saved, the newest first."""
    chosen = sa.select(Draft).where(*_OF_THE_READER)
    return list(db.session.scalars(chosen.order_by(Draft.kept_at.desc(), Draft.id.desc())))

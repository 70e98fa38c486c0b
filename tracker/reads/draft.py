"""What the reader typed in forms and has not saved."""

import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import current_app, request

from tracker import clock
from tracker.extensions import db
from tracker.models import Draft, Submission
from tracker.scope import reader


def form_address() -> str:
    """The address of the form that is open, always written the same way."""
    return address_of(request.path, request.args.items(multi=True))


def address_of(path, arguments) -> str:
    query = urlencode(sorted(arguments))
    return f"{path}?{query}" if query else path


def draft_at(address: str) -> Draft | None:
    """What the reader typed in the form at this address."""
    return db.session.scalar(sa.select(Draft).where(Draft.address == address, *_of_the_reader()))


def drafts() -> list[Draft]:
    """All that the reader typed and has not saved, the newest first."""
    chosen = sa.select(Draft).where(*_of_the_reader())
    return list(db.session.scalars(chosen.order_by(Draft.kept_at.desc(), Draft.id.desc())))


def too_old() -> sa.ColumnElement:
    return Draft.kept_at < clock.now() - datetime.timedelta(days=current_app.config["DRAFT_DAYS"])


def _of_the_reader():
    stored = sa.exists().where(Submission.key == Draft.submission)
    return [Draft.user_id == reader().user_id, ~too_old(), ~stored]

"""Drafts: what is typed in a form is kept while it is typed, and thrown away when one says so."""

import re
from collections import defaultdict
from urllib.parse import parse_qsl

import sqlalchemy as sa
from flask import Blueprint, abort, flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tracker.extensions import db
from tracker.models import Draft
from tracker.reads.draft import drafts
from tracker.reads.masking import seen_on_pages
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.account import own_address, refuse_without_token
from tracker.views.pages import shown
from tracker.views.records import KINDS
from tracker.views.unsaved import asked_form, form_at, keep

draft = Blueprint("draft", __name__)


@draft.post("/drafts", endpoint="keep")
@permission_required(Permission.USE_OWN_ACCOUNT)
def keep_draft():
    """Keep what a form holds now; ?of= is its address. Scripts of our pages send it."""
    refuse_without_token()
    kept = keep(asked_form())
    if kept is None:
        abort(404)
    said = _("Not saved yet; what you typed is kept (%(when)s).", when=shown(kept.kept_at))
    db.session.commit()
    return jsonify(said=said)


@draft.post("/drafts/<id:id>/discard")
@permission_required(Permission.USE_OWN_ACCOUNT)
def discard(id):
    """Throw away what one typed and did not save."""
    refuse_without_token()
    found = db.session.scalar(sa.select(Draft).where(Draft.id == id, Draft.user_id == current_user.id))
    if found is None:
        abort(404)
    db.session.delete(found)
    db.session.commit()
    flash(_("What you had typed is thrown away."), "success")
    return redirect(own_address(request.form.get("next")) or url_for("home.index"), 303)


def unfinished(most: int) -> list[tuple[Draft, str, str]]:
    """The newest drafts of forms that the reader may still open: each with its kind, and what it is about."""
    found = [(one, *_about(one)) for one in drafts() if form_at(one.address.partition("?")[0])]
    seen = _seen((model, number) for _draft, _what, model, number in found)
    return [
        (one, what, str(seen.get((model, number), "")))
        for one, what, model, number in found
        if number is None or (model, number) in seen
    ][:most]


def _about(found) -> tuple[str, type, int | None]:
    """Of a draft: the kind of its form, and the model and number of the record that it changes or belongs to."""
    path, _sign, query = found.address.partition("?")
    endpoint, values = form_at(path)
    kind, named = KINDS[endpoint.partition(".")[0]], dict(parse_qsl(query))
    what, needed = str(kind.titles[0]), kind.entry_form.needs
    if "id" in values:
        return what, kind.model, values["id"]
    what = kind.new_label or _("New %(record)s", record=what.lower())
    if named.get("record_type") in KINDS:
        return what, KINDS[named["record_type"]].model, _number(named.get("record_id"))
    if needed in named:
        return what, sa.inspect(kind.model).relationships[needed].mapper.class_, _number(named[needed])
    return what, kind.model, None


def _number(text) -> int:
    return int(text) if re.fullmatch("[0-9]{1,9}", text or "") else 0


def _seen(asked) -> dict:
    """The records among these that the reader sees, by model and number."""
    by_model = defaultdict(set)
    for model, number in asked:
        if number is not None:
            by_model[model].add(number)
    return {
        (model, record.id): record
        for model, numbers in by_model.items()
        for record in db.session.scalars(
            sa.select(model).where(model.id.in_(numbers), *seen_on_pages(model))
        ).unique()
    }

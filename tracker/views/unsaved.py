"""What was typed in a form and not saved: kept as a draft, which the form is filled with when it is opened again."""

from urllib.parse import parse_qsl

from flask import current_app, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from tracker import actions
from tracker.forms.account import EmptyForm
from tracker.forms.base import KEY
from tracker.models import Draft
from tracker.reads.draft import address_of, form_address
from tracker.scope import reader

#: What a form sends besides what was typed: its token, its buttons, and what has to be ticked anew.
_NOT_TYPED = {"csrf_token", "add", "remove", "copy", "next", "confirmed"}


def keeps_draft(view):
    """What is typed in the view's form is kept until it is saved; the form is a RecordForm, and has no passwords."""
    view.keeps_draft = True
    return view


def asked_form() -> str:
    """The address of the form whose fields the request brings."""
    return request.args.get("of", "") if request.endpoint == "draft.keep" else form_address()


def keep(address: str) -> Draft | None:
    """Keep what the request brings as the reader's draft of the form at this address, in the session.

    None where there is no such form for them, or where it is stored already.
    """
    path, _sign, query = address.partition("?")
    address, found = address_of(path, parse_qsl(query)), form_at(path)
    if found is None or len(address) > Draft.address.type.length or not EmptyForm().validate_on_submit():
        return None
    fields = [
        (name, text)
        for name, text in request.form.items(multi=True)
        if name not in _NOT_TYPED and "password" not in name
    ]
    if not KEY.fullmatch(dict(fields).get("submission", "")):
        return None
    return actions.keep_draft(address, fields)


def form_at(path) -> tuple[str, dict] | None:
    """Endpoint and values of the form at this path, if it keeps drafts and is for the reader's role."""
    try:
        endpoint, values = request_ctx.url_adapter.match(path, method="POST")
    except HTTPException:
        return None
    view = current_app.view_functions[endpoint]
    may_open = any(reader().user.may(permission) for permission in view.permissions)
    return (endpoint, values) if hasattr(view, "keeps_draft") and may_open else None

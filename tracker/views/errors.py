"""Every answer that is a refusal looks the same, and leaves one line in the log.

Where the database or its disk is at fault, the page keeps what was typed: it can be sent again from there.
"""

import contextlib
import logging
import sys
import time

import sqlalchemy as sa
from flask import current_app, g, jsonify, render_template, request
from flask.globals import request_ctx
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from tracker.extensions import db, login_manager
from tracker.extensions.faults import Fault, fault_of
from tracker.values import Refusal

log = logging.getLogger("tracker")


def init_app(app):
    _prepare_log()
    app.register_error_handler(Refusal, lambda error: error_page(error.status, error.message))
    app.register_error_handler(HTTPException, _http_error)
    for kind in (sa.exc.DBAPIError, sa.exc.TimeoutError, OSError):
        app.register_error_handler(kind, _faulty)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_log_refusal)


def error_page(
    status: int, message: str, title: str | None = None, kept: list[tuple[str, str]] | None = None
):
    """The answer to what cannot be done: a page, or JSON where JSON was asked for.

    kept: the names and values of a form, to be sent again.
    """
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        db.session.rollback()
    g.is_bare = status >= 500
    if g.is_bare:  # what asks nothing of the database, not even who is signed in
        g._login_user = login_manager.anonymous_user()
    titles = {
        400: _("The request could not be read"),
        403: _("Not for your role"),
        404: _("Not found"),
        405: _("Not possible here"),
        409: _("Changed meanwhile"),
        413: _("Too large"),
        414: _("Address too long"),
        422: _("That does not work"),
        423: _("Locked"),
        500: _("Something went wrong here"),
    }
    title = title or titles.get(status, _("That does not work"))
    if request.path.endswith(".json"):
        return jsonify(error=str(message)), status
    page = render_template(
        "errors/error.html", status=status, title=title, message=message, bare=g.is_bare, kept=kept
    )
    return page, status


def note_faults(form) -> None:
    """For the log: which fields of a form are wrong; never what they hold."""
    g.faulty_fields = [field.name for field in form if field.errors]


def note_fields(*names: str) -> None:
    """The same where no form of ours has the fields."""
    g.faulty_fields = names


def _http_error(error: HTTPException):
    if error.code is None or error.code < 400:
        return error
    if request_ctx.url_adapter is None:  # the host is not one of ours: there is no address to link to
        return _("The tracker does not answer under this name."), error.code, {"Content-Type": "text/plain"}
    messages = {
        400: _("The request could not be read: the address or the form is damaged."),
        403: _("Your role does not include this. Ask the administrator if it should."),
        404: _("There is nothing at this address, or nothing that you may see."),
        405: _("This address does not take that kind of request."),
        413: _("More was sent than this form takes."),
        414: _("The address is too long."),
    }
    page, status = error_page(error.code, messages.get(error.code, error.description))
    answer = current_app.make_response((page, status))
    if getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _faulty(error):
    fault = fault_of(error)
    if fault is None:
        return _unexpected(error)
    log.error("database: %s: %s", fault, type(getattr(error, "orig", None) or error).__name__)
    title, message = {
        Fault.AWAY: (_("The database is away"), _("The database does not answer now.")),
        Fault.BUSY: (_("The database is busy"), _("Somebody else is storing something large just now.")),
        Fault.FULL: (
            _("The disk is full"),
            _("The disk is full, so nothing can be stored. Tell whoever looks after the tracker."),
        ),
        Fault.READ_ONLY: (
            _("Nothing can be stored"),
            _("The database can be read, but not written. Tell whoever looks after the tracker."),
        ),
        Fault.DAMAGED: (
            _("The database is damaged"),
            _(
                "The file of the database is damaged. Tell whoever looks after the tracker; a backup restores it."
            ),
        ),
    }[fault]
    kept = _typed()
    page, status = error_page(503, f"{message} {_what_now(fault, kept)}", title, kept)
    return current_app.make_response((page, status, {"Retry-After": "5"}))


def _what_now(fault, kept):
    if request.method in ("GET", "HEAD"):
        return _("Try again in a moment.")
    if fault is not Fault.AWAY:
        is_stored = _("Nothing was stored.")
    elif "submission" in dict(kept or ()):
        is_stored = _("What you sent may be stored or not; sent again, it is stored once.")
    else:
        is_stored = _("What you sent may be stored or not; look before you send it again.")
    if kept is None:
        return is_stored
    return is_stored + " " + _("What you typed is kept on this page: send it again in a moment.")


def _typed() -> list[tuple[str, str]] | None:
    """What the form held that was sent; None where none was, or it held a file or a secret, which no page repeats."""
    if request.method != "POST" or request.blueprint == "account":
        return None
    try:
        typed = list(request.form.items(multi=True))
        has_files = any(file.filename for file in request.files.values())
    except HTTPException:  # too much was sent
        return None
    is_secret = any("password" in name for name, _value in typed)
    too_many = len(typed) > current_app.config["MAX_FORM_FIELDS"]
    return None if has_files or is_secret or too_many else typed


def _stale(_error):
    return error_page(
        409, _("Somebody else changed this record at the same time. Nothing was stored; open it again.")
    )


def _unexpected(error):
    log.exception("unexpected error in %s", request.endpoint)
    return error_page(500, _("The fault is on our side and has been logged. Nothing was stored."))


def _log_refusal(answer):
    if answer.status_code >= 400:
        log.warning(
            "request=%s user=%s endpoint=%s method=%s status=%d fields=%s",
            getattr(request, "id", "-"),
            current_user.id if current_user.is_authenticated else "-",
            request.endpoint or "-",
            request.method if request.method.isalpha() else "?",
            answer.status_code,
            ",".join(g.get("faulty_fields", ())) or "-",
        )
    return answer


def _prepare_log():
    """To standard error, in UTC, once a process."""
    if log.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False

"""Who may open an address. Every address says it, or the application does not start."""

import contextlib
import datetime
import hashlib
import secrets
import uuid
from contextlib import ExitStack
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import abort, current_app, flash, jsonify, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user

from tracker import clock, scope
from tracker.actions import revoke_sign_in
from tracker.audit import note
from tracker.extensions import UtcDateTime, db, login_manager, reading, writing
from tracker.models import SignIn, User
from tracker.reads.account import nobody_has_an_account
from tracker.roles import Permission, Role
from tracker.terms.account import Action, SecondFactorEvent
from tracker.views.unsaved import asked_form, keep

#: How often it is noted that a sign-in is in use.
SEEN_EVERY = datetime.timedelta(minutes=1)

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

#: What one may do before one has the second factor that one's role needs.
_WITHOUT_SECOND_FACTOR = {"second_factor.turn_on", "account.confirm", "account.sign_out"}

#: What is changed with these needs the password again, unless it was given a short while ago.
_ASKED_AGAIN = {Permission.EDIT_ACCOUNTS}


def permission_required(*permissions: Permission):
    """The view is for signed-in users who have one of these permissions."""

    def declare(view):
        view.permissions = permissions
        return view

    return declare


def asks_again(view):
    """The view needs the password, and the second factor, given a short while ago; else they are asked for first."""
    view.asks_again = True
    return view


def takes(*, length: str, fields: str):
    """What may be sent to the view is limited by these settings, instead of by those of all forms."""

    def declare(view):
        view.limits = length, fields
        return view

    return declare


def public(view):
    """The view is for everybody, signed in or not."""
    view.permissions = ()
    return view


def init_app(app):
    """Refuse to start while an address declares nothing; guard all from now on."""
    public(app.view_functions["static"])
    silent = sorted(name for name, view in app.view_functions.items() if not hasattr(view, "permissions"))
    if silent:
        raise RuntimeError(f"say permission_required or public at: {', '.join(silent)}")
    _check_roles(app.config["SECOND_FACTOR_ROLES"])
    app.before_request(_open)
    app.teardown_request(_close)


def _check_roles(named):
    """A misspelt role would go without the second factor that somebody believes it has."""
    if not isinstance(named, (list, tuple, set)) or not set(named) <= set(Role):
        raise RuntimeError(f"SECOND_FACTOR_ROLES is a list of roles: {', '.join(Role)}; it is {named!r}")


def _open():
    """Take the request in: its size, who sends it, and whether they may."""
    request.id = uuid.uuid4().hex
    request.opened = ExitStack()
    begin = reading if request.method in _SAFE_METHODS else writing
    request.opened.enter_context(begin(current_app.config["WAIT_SECONDS"]))
    if len(request.full_path) > current_app.config["MAX_ADDRESS_LENGTH"]:
        abort(414)
    if request.endpoint == "static":
        return None
    permissions = getattr(current_app.view_functions.get(request.endpoint), "permissions", ())
    if current_user.is_authenticated:
        request.opened.enter_context(scope.reading_as(current_user._get_current_object(), request.id))
    elif permissions:
        return login_manager.unauthorized()
    if permissions and not any(current_user.may(permission) for permission in permissions):
        abort(403)
    if permissions and must_enrol() and request.endpoint not in _WITHOUT_SECOND_FACTOR:
        return redirect(url_for("second_factor.turn_on"), 303)
    if _must_be_fresh(permissions) and not is_fresh():
        return _ask_for_password()
    if request.method not in _SAFE_METHODS:
        _refuse_too_much()
    return None


def must_enrol() -> bool:
    """Whether whoever is signed in has no second factor, and their role needs one."""
    needed = current_app.config["SECOND_FACTOR_ROLES"]
    return (
        current_user.is_authenticated and current_user.role in needed and current_user.second_factor is None
    )


def _must_be_fresh(permissions):
    changes_accounts = _ASKED_AGAIN & set(permissions) and "POST" in request.url_rule.methods
    return changes_accounts or hasattr(current_app.view_functions.get(request.endpoint), "asks_again")


def _refuse_too_much():
    view, config = current_app.view_functions.get(request.endpoint), current_app.config
    length, most = getattr(view, "limits", ("MAX_CONTENT_LENGTH", "MAX_FORM_FIELDS"))
    request.max_content_length = config[length]
    request.max_form_memory_size = config[length]
    request.max_form_parts = config[most]
    if sum(len(values) for _name, values in request.form.lists()) > config[most]:
        abort(413)


def _close(_error):
    if hasattr(request, "opened"):
        request.opened.close()
    request.close()  # files that were sent lie in temporary ones


def start_sign_in(user: User, second_factor: SecondFactorEvent | None = None) -> None:
    """Begin a new sign-in of this user in this browser, and commit; whatever the browser brought is forgotten.

    second_factor: the kind of code that was given.
    """
    added, token = _add_sign_in(user)
    with scope.reading_as(user, request.id):
        note(Action.SIGN_IN, User.__tablename__, user.id, browser=added.browser, second_factor=second_factor)
        db.session.commit()
    session.clear()
    user.sign_in_token = token
    login_user(user)


def ask_for_code(user: User) -> None:
    """Note that this browser gave the user's password, and commit; it is signed in when the code follows in time."""
    late = SignIn.created_at < clock.now() - _time_for_code()
    old = sa.delete(SignIn).where(SignIn.awaits_code, late)
    db.session.execute(old, execution_options={"synchronize_session": False})
    _added, token = _add_sign_in(user, awaits_code=True)
    db.session.commit()
    session.clear()
    session["awaits_code"] = token


def awaiting_code() -> SignIn | None:
    """The sign-in of this browser for which the password was given, and no code yet."""
    started = SignIn.awaits_code, SignIn.created_at > clock.now() - _time_for_code()
    token = session.get("awaits_code")
    return _sign_in_of(token, _SIGN_IN.where(SignIn.revoked_at.is_(None), *started)) if token else None


def _time_for_code():
    return datetime.timedelta(minutes=current_app.config["SIGN_IN_CODE_MINUTES"])


def _add_sign_in(user, **more) -> tuple[SignIn, str]:
    token, now = secrets.token_urlsafe(32), clock.now()
    added = SignIn(user_id=user.id, token_hash=_hash(token), created_at=now, last_seen_at=now, **more)
    added.browser = (request.user_agent.string or "")[:200]
    db.session.add(added)
    return added, token


def end_sign_in() -> None:
    """Revoke this browser's sign-in."""
    sign_in = current_sign_in()
    if sign_in is not None:
        revoke_sign_in(sign_in)
    logout_user()
    session.clear()


def current_sign_in() -> SignIn | None:
    return _find(session.get("_user_id"))


@login_manager.user_loader
def _load_user(token: str) -> User | None:
    sign_in = _find(token)
    if sign_in is None:
        return None
    if clock.now() - sign_in.last_seen_at > SEEN_EVERY:
        # A transaction of its own: the request itself may be one that only reads. Nobody waits for it, as
        # they would while a long import holds the database.
        key = sign_in.id
        db.session.rollback()
        with writing(patience=0.2), contextlib.suppress(sa.exc.OperationalError):
            db.session.get(SignIn, key).last_seen_at = clock.now()
            db.session.commit()
        db.session.rollback()
        sign_in = _find(token)
    return sign_in and sign_in.user


def _ago(**most):
    """So long ago as these settings say, by the unit of time, when the statement runs."""

    def since():
        times = {unit: current_app.config[setting] for unit, setting in most.items()}
        return clock.now() - datetime.timedelta(**times)

    return sa.bindparam(None, callable_=since, type_=UtcDateTime)


#: Of a sign-in: that it was not ended, by anybody or by time.
IS_LIVE = (
    SignIn.revoked_at.is_(None),
    SignIn.awaits_code.is_(False),
    SignIn.last_seen_at > _ago(minutes="SIGN_IN_IDLE_MINUTES"),
    SignIn.created_at > _ago(hours="SIGN_IN_HOURS"),
)

#: The sign-in of a token, whose user may still come in.
_SIGN_IN = (
    sa.select(SignIn)
    .join(SignIn.user)
    .options(sa.orm.contains_eager(SignIn.user).joinedload(User.second_factor))
    .where(SignIn.token_hash == sa.bindparam("token_hash"), User.disabled_at.is_(None))
    .execution_options(unscoped=True)
)

_LIVE_SIGN_IN = _SIGN_IN.where(*IS_LIVE)


def _find(token) -> SignIn | None:
    return _sign_in_of(token, _LIVE_SIGN_IN) if token else None


def _sign_in_of(token, statement) -> SignIn | None:
    return db.session.scalar(statement, {"token_hash": _hash(token)})


def is_fresh() -> bool:
    """Whether the password was given a short while ago in this browser."""
    sign_in = current_sign_in()
    minutes = current_app.config["SIGN_IN_FRESH_MINUTES"]
    return sign_in is not None and sign_in.confirmed_at > clock.now() - datetime.timedelta(minutes=minutes)


def _ask_for_password():
    is_page = request.method == "GET"
    if not is_page:
        flash(_("Nothing was changed yet: give your password first, then press the button again."), "warning")
    next_address = (
        request.full_path.rstrip("?") if is_page else request.referrer and urlsplit(request.referrer).path
    )
    return redirect(url_for("account.confirm", next=next_address), 303)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@login_manager.unauthorized_handler
def _ask_to_sign_in():
    if nobody_has_an_account():
        return redirect(url_for("account.setup"))
    next_address = request.full_path.rstrip("?") if request.method == "GET" else None
    if request.method == "POST" and (kept_at := _keep_for_the_expired()) is not None:
        said = _("You were signed out. What you typed is kept: sign in, and it comes back.")
        if request.endpoint == "draft.keep":
            return jsonify(said=said), 401
        flash(said, "warning")
        next_address = kept_at
    elif session:
        flash(_("Sign in to go on."), "warning")
    if next_address == "/":
        next_address = None
    return redirect(url_for("account.sign_in", next=next_address))


def _keep_for_the_expired() -> str | None:
    """Keep what the request brings for the user whose sign-in time has ended; where it is kept, if it is.

    Not one that was revoked: who ended it did not want this browser to go on.
    """
    _refuse_too_much()
    token = session.get("_user_id")
    since = clock.now() - datetime.timedelta(days=current_app.config["DRAFT_DAYS"])
    ended = SignIn.revoked_at.is_(None), SignIn.awaits_code.is_(False), SignIn.last_seen_at > since
    sign_in = _sign_in_of(token, _SIGN_IN.where(*ended)) if token else None
    if sign_in is None:
        return None
    with scope.reading_as(sign_in.user, request.id):
        address = asked_form()
        if keep(address) is None:
            return None
        db.session.commit()
    return address

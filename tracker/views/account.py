"""Signing in and out, one's own account, and the accounts that the administrator keeps."""

import re

import sqlalchemy as sa
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from tracker import actions, clock, scope
from tracker.actions import count_refusal, forget_refusals, must_wait
from tracker.audit import note
from tracker.extensions import db
from tracker.forms.account import (
    CodeForm,
    ConfirmForm,
    EmptyForm,
    FirstAdminForm,
    NewPasswordForm,
    NewUserForm,
    PasswordForm,
    SignInForm,
    UserForm,
)
from tracker.models import SignIn, User
from tracker.models.account import refuse_password
from tracker.reads.account import nobody_has_an_account
from tracker.roles import Permission
from tracker.terms.account import Action, SecondFactorEvent
from tracker.values import Refusal
from tracker.views.access import (
    IS_LIVE,
    ask_for_code,
    awaiting_code,
    current_sign_in,
    end_sign_in,
    permission_required,
    public,
    start_sign_in,
)
from tracker.views.errors import note_faults
from tracker.views.identity import has_code, is_proven, must_wait_message
from tracker.views.records import change, find, record_views

account = Blueprint("account", __name__)


#: A path on this host, which no browser takes for another one's: it reads \ as /, and skips control characters.
_OWN_ADDRESS = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")


def _unscoped(statement):
    return db.session.scalar(statement.execution_options(unscoped=True))


#: What tells a browser and a system in what a browser says of itself, the more telling first.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@account.app_template_global()
def browser_name(said: str) -> str:
    """A browser in words that its owner knows, as in "Firefox on Windows"; what tells neither is left as it is."""
    browser, system = (
        next((name for mark, name in known.items() if mark in said), None) for known in (_BROWSERS, _SYSTEMS)
    )
    return _("%(browser)s on %(system)s", browser=browser, system=system) if browser and system else said


def page_with(template, form):
    """A page with one form: 422 when it was sent and is not right."""
    note_faults(form)
    return render_template(template, form=form), 422 if form.is_submitted() else 200


@account.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in():
    """Ask who it is."""
    if nobody_has_an_account():
        return redirect(url_for("account.setup"))
    form = SignInForm(next=request.args.get("next"))
    if not form.validate_on_submit():
        return page_with("account/sign_in.html", form)
    with scope.nobody(request.id):
        user, refusal = _known(form.name.data.lower(), form.password.data)
        if refusal:
            note(Action.SIGN_IN_REFUSED, User.__tablename__, user.id if user else 0)
            db.session.commit()
            form.password.errors = [refusal]
            return page_with("account/sign_in.html", form)
    if user.second_factor is not None:
        ask_for_code(user)
        return redirect(url_for("account.code", next=own_address(form.next.data)), 303)
    start_sign_in(user)
    return redirect(own_address(form.next.data) or url_for("home.index"), 303)


@account.route("/sign-in/code", methods=["GET", "POST"])
@public
def code():
    """Ask for the second factor, after the password."""
    half = awaiting_code()
    if half is None:
        flash(_("Too much time has passed since you gave your password. Give it again."), "warning")
        return away("account.sign_in")
    form = CodeForm(next=request.args.get("next"))
    if not form.validate_on_submit():
        return page_with("account/code.html", form)
    user = half.user
    with scope.nobody(request.id):
        if must_wait(user.name):
            form.code.errors = [must_wait_message()]
            return page_with("account/code.html", form)
        kind = has_code(form.code, user)
        if kind is None:
            return page_with("account/code.html", form)
        forget_refusals(user.name)
    db.session.delete(half)
    start_sign_in(user, kind)
    if kind is SecondFactorEvent.RECOVERY_CODE:
        flash(
            _("You used a recovery code; %(count)d are left.", count=user.second_factor.codes_left), "warning"
        )
    return redirect(own_address(form.next.data) or url_for("home.index"), 303)


def _known(name, password) -> tuple[User | None, str | None]:
    """Whose name it is, and why they may not sign in; nobody can tell from that which accounts there are."""
    user = _unscoped(sa.select(User).where(User.name == name))
    if must_wait(name):
        return user, must_wait_message()
    is_right = user.has_password(password) if user else refuse_password(password)
    if not is_right or not user.is_active:
        count_refusal(name)
        return user, _("Account or password are not right, or the account is disabled.")
    if (
        user.second_factor is None
    ):  # else the code is still to come, and is guessed no more often than the password
        forget_refusals(name)
    return user, None


@account.route("/account/confirm", methods=["GET", "POST"])
@permission_required(Permission.USE_OWN_ACCOUNT)
def confirm():
    """Ask for the password again, before something that must not be done by whoever finds the browser open."""
    form = ConfirmForm(next=request.args.get("next"))
    if not form.validate_on_submit() or not is_proven(form):
        return page_with("account/confirm.html", form)
    current_sign_in().confirmed_at = clock.now()
    db.session.commit()
    return redirect(own_address(form.next.data) or url_for("home.index"), 303)


@account.post("/sign-out")
@permission_required(Permission.USE_OWN_ACCOUNT)
def sign_out():
    """End this browser's sign-in."""
    refuse_without_token()
    end_sign_in()
    db.session.commit()
    flash(_("You are signed out."), "success")
    return redirect(url_for("account.sign_in"), 303)


@account.route("/setup", methods=["GET", "POST"])
@public
def setup():
    """On an empty database: make the first administrator."""
    if not nobody_has_an_account():
        abort(404)
    form = FirstAdminForm()
    if form.validate_on_submit():
        with scope.everything("first visit"):
            user = User()
            form.populate_obj(user)
            db.session.add(user)
            db.session.commit()
            start_sign_in(user)
        flash(_("The tracker is yours. Make accounts for the others next."), "success")
        return redirect(url_for("user.list"), 303)
    return page_with("account/setup.html", form)


@account.get("/account")
@permission_required(Permission.USE_OWN_ACCOUNT)
def show():
    """One's own account: role, trials, and the browsers in which one is signed in."""
    sign_ins = db.session.scalars(
        sa.select(SignIn)
        .where(SignIn.user_id == current_user.id, *IS_LIVE)
        .order_by(SignIn.last_seen_at.desc(), SignIn.id)
    ).all()
    return render_template("account/show.html", sign_ins=sign_ins, here=current_sign_in(), form=EmptyForm())


@account.post("/account/sign-ins/<id:id>/revoke")
@permission_required(Permission.USE_OWN_ACCOUNT)
def revoke(id):
    """Sign out another browser of one's own."""
    refuse_without_token()
    found = db.session.scalar(sa.select(SignIn).where(SignIn.id == id, SignIn.user_id == current_user.id))
    if found is None:
        abort(404)
    actions.revoke_sign_in(found)
    db.session.commit()
    flash(_("That browser is signed out."), "success")
    return redirect(url_for("account.show"), 303)


@account.route("/account/password", methods=["GET", "POST"])
@permission_required(Permission.USE_OWN_ACCOUNT)
def password():
    """Change one's password; every other browser is signed out."""
    form = PasswordForm()
    if form.validate_on_submit() and is_proven(form):
        current_user.set_password(form.password.data)
        actions.revoke_sign_ins(current_user, but=current_sign_in())
        db.session.commit()
        flash(_("The password is changed. Your other browsers are signed out."), "success")
        return redirect(url_for("account.show"), 303)
    return page_with("account/password.html", form)


user = record_views(
    User,
    UserForm,
    entry_form=NewUserForm,
    read=Permission.EDIT_ACCOUNTS,
    edit=Permission.EDIT_ACCOUNTS,
    columns=["display_name", "name", "role", "disabled_at"],
    headings={"name": _l("Account"), "disabled_at": _l("Disabled")},
    filters=["role"],
    without=["withdraw"],
    new_label=_l("New account"),
)


@user.route("/<id:id>/password", methods=["GET", "POST"])
@permission_required(Permission.EDIT_ACCOUNTS)
def new_password(id):
    """Give a new password to somebody who lost theirs; their browsers are signed out."""
    found = find(User, id)
    return change(found, NewPasswordForm(found), _("New password"), stored=actions.revoke_sign_ins)


@user.post("/<id:id>/disable")
@permission_required(Permission.EDIT_ACCOUNTS)
def disable(id):
    """Shut an account; it bites on the next request."""
    refuse_without_token()
    found = find(User, id)
    actions.disable_user(found)
    db.session.commit()
    flash(_("%(name)s is disabled.", name=found.display_name), "success")
    return redirect(url_for("user.show", id=id), 303)


@user.post("/<id:id>/enable")
@permission_required(Permission.EDIT_ACCOUNTS)
def enable(id):
    """Open a disabled account again."""
    refuse_without_token()
    found = find(User, id)
    found.disabled_at = None
    db.session.commit()
    flash(_("%(name)s may sign in again.", name=found.display_name), "success")
    return redirect(url_for("user.show", id=id), 303)


@user.post("/<id:id>/reset-second-factor")
@permission_required(Permission.EDIT_ACCOUNTS)
def reset_second_factor(id):
    """For somebody who lost their app and recovery codes; their browsers are signed out."""
    refuse_without_token()
    found = find(User, id)
    actions.reset_second_factor(found)
    db.session.commit()
    flash(_("%(name)s has no second factor any more.", name=found.display_name), "success")
    return redirect(url_for("user.show", id=id), 303)


def away(endpoint):
    """On to another page, where this one has nothing to do."""
    if request.method == "POST":
        refuse_without_token()
    return redirect(url_for(endpoint), 303 if request.method == "POST" else 302)


def refuse_without_token():
    """Refuse a button that was not pressed on a page of ours."""
    if not EmptyForm().validate_on_submit():
        raise Refusal(_("This page has expired. Nothing was done; open it again."), status=400)


def own_address(text) -> str | None:
    """The address to go on to after signing in, where it is one of ours."""
    return text if _OWN_ADDRESS.fullmatch(text or "") else None

"""The second factor: turned on with an authenticator app, turned off, and its recovery codes made anew."""

import segno
import sqlalchemy as sa
from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tracker import actions, clock
from tracker.extensions import db
from tracker.forms.account import EnrolForm, IdentityForm
from tracker.models.second_factor import seal, unseal
from tracker.roles import Permission
from tracker.rules.second_factor import enrolment_address, in_groups, new_secret, steps_of
from tracker.views.access import asks_again, current_sign_in, must_enrol, permission_required
from tracker.views.account import away, page_with
from tracker.views.errors import note_faults
from tracker.views.identity import is_proven

second_factor = Blueprint("second_factor", __name__, url_prefix="/account")


@second_factor.route("/second-factor", methods=["GET", "POST"])
@permission_required(Permission.USE_OWN_ACCOUNT)
@asks_again
def turn_on():
    """Turn the second factor on: show an app its secret, and take the app's first code."""
    if current_user.second_factor is not None:
        return away("account.show")
    form, about = EnrolForm(), f"sign-in {current_sign_in().id}"
    secret = unseal(form.sealed.data or "", about) or new_secret()
    form.sealed.data = seal(secret, about)
    if form.validate_on_submit():
        steps = steps_of(secret, form.code.data, clock.now())
        if steps:
            return _turned_on(secret, max(steps))
        form.code.errors = [
            _("This is not the code that the app shows now. Is the clock of its device right?")
        ]
    note_faults(form)
    picture = segno.make(
        enrolment_address(secret, current_user.name, current_app.config["APP_NAME"]), error="m"
    )
    return render_template(
        "second_factor/turn_on.html",
        form=form,
        secret=in_groups(secret),
        picture=picture.svg_data_uri(border=3, dark="#000", light="#fff", omitsize=True),
        alone=must_enrol(),
    ), 422 if form.is_submitted() else 200


def _turned_on(secret, step):
    codes = actions.enrol_second_factor(current_user, secret, step)
    actions.revoke_sign_ins(current_user, but=current_sign_in())
    try:
        db.session.commit()
    except sa.exc.IntegrityError:  # it was sent twice at once: the other one showed the recovery codes
        db.session.rollback()
        return redirect(url_for("account.show"), 303)
    return render_template("second_factor/codes.html", codes=map(in_groups, codes), is_new=True)


@second_factor.route("/recovery-codes", methods=["GET", "POST"])
@permission_required(Permission.USE_OWN_ACCOUNT)
def recovery_codes():
    """Make recovery codes anew, and show them once."""
    if current_user.second_factor is None:
        return away("account.show")
    form = IdentityForm()
    if not form.validate_on_submit() or not is_proven(form):
        return page_with("second_factor/recovery_codes.html", form)
    codes = actions.make_recovery_codes(current_user)
    db.session.commit()
    return render_template("second_factor/codes.html", codes=map(in_groups, codes), is_new=False)


@second_factor.route("/second-factor/off", methods=["GET", "POST"])
@permission_required(Permission.USE_OWN_ACCOUNT)
def turn_off():
    """Turn the second factor off; every other browser is signed out."""
    if current_user.second_factor is None:
        return away("account.show")
    form = IdentityForm()
    if not form.validate_on_submit() or not is_proven(form):
        return page_with("second_factor/turn_off.html", form)
    actions.remove_second_factor(current_user)
    actions.revoke_sign_ins(current_user, but=current_sign_in())
    db.session.commit()
    flash(_("The second factor is off. Your other browsers are signed out."), "success")
    return redirect(url_for("account.show"), 303)

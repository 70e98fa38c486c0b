"""The first page of each role, the search, and what a reader chooses for themselves."""

import sqlalchemy as sa
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tracker.extensions import db
from tracker.forms.account import EmptyForm
from tracker.models import Agent, Participant, Regimen, Trial
from tracker.reads.trial import accrual
from tracker.reports.base import run_report
from tracker.roles import Permission, Role
from tracker.values import Refusal, fold, read_text
from tracker.views.access import permission_required, public
from tracker.views.account import own_address
from tracker.views.pages import THEMES

home = Blueprint("home", __name__)

#: Kinds that the search looks through, with who may read them.
_SEARCHED = [
    (Trial, Permission.READ_TRIALS),
    (Participant, Permission.READ_PARTICIPANTS),
    (Regimen, Permission.READ_TRIALS),
    (Agent, Permission.READ_TRIALS),
]
_FOUND_AT_MOST = 20
_A_YEAR = 365 * 24 * 3600


@home.get("/")
@permission_required(Permission.USE_OWN_ACCOUNT)
def index():
    """What needs me? Trials with their accrual; for the director also the outcomes of all trials together."""
    outcomes = by_trial = None
    if current_user.role is Role.DIRECTOR:
        outcomes, by_trial = run_report("outcomes", []), run_report("outcomes", [("by", "trial")])
    return render_template("home/index.html", trials=accrual(), outcomes=outcomes, by_trial=by_trial)


@home.get("/search")
@permission_required(Permission.USE_OWN_ACCOUNT)
def search():
    """Records whose code, name or title has the words."""
    text = read_text(request.args.get("q"), maximum=100) or ""
    found = []
    for model, permission in _SEARCHED if text else []:
        if current_user.may(permission):
            statement = sa.select(model).where(model.search_text.contains(fold(text), autoescape=True))
            rows = db.session.scalars(
                statement.order_by(model.search_text, model.id).limit(_FOUND_AT_MOST)
            ).all()
            found.append((model.titles[1], rows, len(rows) == _FOUND_AT_MOST))
    return render_template("home/search.html", text=text, found=found)


@home.post("/theme")
@public
def theme():
    """Light or dark, kept in a cookie."""
    return _keep_choice("theme", THEMES)


@home.post("/language")
@public
def language():
    """The language of the pages, kept in a cookie."""
    return _keep_choice("language", current_app.config["LANGUAGES"])


def _keep_choice(name, offered):
    if not EmptyForm().validate_on_submit():
        raise Refusal(_("This page has expired. Nothing was done; open it again."), status=400)
    chosen = request.form.get(name)
    if chosen not in offered:
        raise Refusal(_("Choose one of: %(names)s.", names=", ".join(offered)))
    answer = redirect(own_address(request.form.get("next")) or url_for("home.index"), 303)
    answer.set_cookie(
        name,
        chosen,
        max_age=_A_YEAR,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return answer

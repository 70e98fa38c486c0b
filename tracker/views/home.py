"""The first page of each role, the search, and what a reader chooses for themselves."""

import sqlalchemy as sa
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tracker import clock
from tracker.extensions import db
from tracker.forms.account import EmptyForm
from tracker.models import Agent, Biomarker, Participant, Regimen, Signature, Specimen, Trial
from tracker.reads.decision import arms_awaiting_decision
from tracker.reads.escalation import standings_in_scope
from tracker.reads.evidence import (
    comments_mentioning,
    findings_awaiting_review,
    findings_of,
    hypotheses_without_data,
)
from tracker.reads.oversight import queries_in
from tracker.reads.schedule import overdue_assessments
from tracker.reads.signing import lapsed_signatures, latest_snapshots
from tracker.reads.treatment import unreported_serious_events
from tracker.reads.trial import accrual
from tracker.reports.base import run_report
from tracker.reports.kept import stale
from tracker.reports.portability import ALL, FIRST
from tracker.roles import Permission, Role
from tracker.terms.evidence import Portability
from tracker.terms.oversight import QueryState
from tracker.values import Refusal, fold, read_text
from tracker.views.access import permission_required, public
from tracker.views.account import own_address
from tracker.views.draft import unfinished
from tracker.views.pages import THEMES

home = Blueprint("home", __name__)

#: Kinds that the search looks through, with who may read them.
_SEARCHED = [
    (Trial, Permission.READ_TRIALS),
    (Participant, Permission.READ_PARTICIPANTS),
    (Regimen, Permission.READ_TRIALS),
    (Agent, Permission.READ_TRIALS),
    (Specimen, Permission.READ_SPECIMENS),
    (Biomarker, Permission.READ_FINDINGS),
]
_FOUND_AT_MOST = 20
_SHOWN_AT_MOST = 8
_A_YEAR = 365 * 24 * 3600


@home.get("/")
@permission_required(Permission.USE_OWN_ACCOUNT)
def index():
    """What needs me? Trials with their accrual; for the director also the outcomes of all trials together."""
    outcomes = by_trial = None
    if current_user.role is Role.DIRECTOR:
        outcomes, by_trial = run_report("outcomes", []), run_report("outcomes", [("by", "trial")])
    serious, waits, queries = [], {}, ([], 0)
    if current_user.may(Permission.READ_PARTICIPANTS):
        serious = unreported_serious_events()
        waits = {event.id: (clock.today() - (event.aware_on or event.started_on)).days for event in serious}
        answers = current_user.may(Permission.ANSWER_QUERIES)
        queries = queries_in(QueryState.OPEN if answers else QueryState.ANSWERED, _SHOWN_AT_MOST)
    standings = []
    if current_user.may(Permission.EDIT_TRIALS) or current_user.may(Permission.DECIDE_ARMS):
        standings = [one for one in standings_in_scope(clock.today()) if not one.is_closed]
    return render_template(
        "home/index.html",
        doses_due=[one for one in standings if one.decision_is_due],
        crossed=[one for one in standings if one.boundaries_crossed],
        awaiting=arms_awaiting_decision(standings) if current_user.may(Permission.DECIDE_ARMS) else [],
        trials=accrual(),
        unfinished=unfinished(_SHOWN_AT_MOST),
        empty_form=EmptyForm(),
        outcomes=outcomes,
        by_trial=by_trial,
        serious=serious,
        waits=waits,
        report_days=current_app.config["SERIOUS_EVENT_REPORT_HOURS"] / 24,
        queries=queries,
        **_evidence(),
        **(_overdue() if current_user.may(Permission.EDIT_PARTICIPANTS) else {}),
        **_signed(),
    )


def _overdue():
    """The assessments that are overdue the longest, and how many there are."""
    late = overdue_assessments(clock.today())
    return {"overdue": late.head(_SHOWN_AT_MOST).to_dict("records"), "overdue_count": len(late)}


def _signed():
    """Signatures that are void and were not given anew: the reader's own, of the director all; and stale snapshots."""
    if not current_user.may(Permission.SIGN_RECORDS):
        return {"lapsed": [], "stale_snapshots": []}
    sees_all = current_user.may(Permission.SIGN_REPORTS)
    snapshots = latest_snapshots(_SHOWN_AT_MOST) if sees_all else []
    outdated = stale(snapshots)
    return {
        "lapsed": lapsed_signatures(*([] if sees_all else [Signature.user_id == current_user.id])),
        "stale_snapshots": [one for one in snapshots if one.id in outdated],
        "shown_at_most": _SHOWN_AT_MOST,
    }


def _evidence():
    """What researchers work on, what awaits the director's review, and who asks the reader something."""
    writes = current_user.may(Permission.EDIT_OWN_FINDINGS)
    reads = current_user.may(Permission.READ_FINDINGS)
    my_findings = findings_of(current_user) if writes else []
    to_review = findings_awaiting_review(current_user) if current_user.may(Permission.DECIDE_FINDINGS) else []
    return {
        "my_findings": my_findings,
        "without_data": hypotheses_without_data(current_user) if writes else [],
        "to_review": to_review,
        "stale": stale([*my_findings, *to_review]),
        **(_empty_cells() if writes else {}),
        "mentions": comments_mentioning(current_user, _SHOWN_AT_MOST) if reads else [],
    }


def _empty_cells():
    """Markers and locations that no accepted finding is about: breast first, then where most have a value."""
    table = run_report("portability", []).tables[1]
    cells = [
        row
        for row in table.rows
        if row["standing"] == Portability.NEVER_TESTED and row["tumor_location"] != ALL and row["measured"]
    ]
    cells.sort(key=lambda row: (row["tumor_location"] != FIRST, -row["measured"]))
    return {
        "empty_cells": cells[:_SHOWN_AT_MOST],
        "empty_cells_count": len(cells),
        "cell_columns": table.shown,
    }


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

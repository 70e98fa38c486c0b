"""Screens: many markers against one outcome, as a job, with the table of what was found."""

import functools

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import force_locale, format_decimal
from flask_babel import gettext as _
from flask_login import current_user

from tracker.charts.base import Standalone
from tracker.charts.volcano import volcano
from tracker.exchange.screening import own_screen, own_screens, table_of
from tracker.extensions import db
from tracker.forms.screen import ScreenForm
from tracker.jobs import ask_for, attend, worker
from tracker.models import Screen
from tracker.reports.base import Figure
from tracker.roles import Permission
from tracker.terms.biomarker import ScreenEndpoint, ScreenTest
from tracker.values import Refusal
from tracker.views.access import permission_required, takes
from tracker.views.account import refuse_without_token
from tracker.views.errors import note_faults
from tracker.views.import_file import LIMITS, name_and_content

screen = Blueprint("screen", __name__, url_prefix="/screens")

#: Rows of the table that the page shows.
SHOWN = 50

SORTS = {"p": True, "marker": True, "ratio": False, "n": False, "events": False}


@screen.get("/")
@permission_required(Permission.READ_REPORTS)
def list():
    """One's own screens, the newest first."""
    found = own_screens()
    for one in found:
        if one.job is not None:
            attend(one.job)
    return render_template("screen/list.html", screens=own_screens())


@screen.route("/new", methods=["GET", "POST"])
@permission_required(Permission.READ_REPORTS)
@takes(**LIMITS)
def new():
    """Ask for a screen."""
    form = ScreenForm()
    if form.validate_on_submit():
        return _begin(form)
    if not form.is_submitted():
        form.trial.data = form.trial.read(request.args.get("trial"))
    note_faults(form)
    return render_template("screen/new.html", form=form), 422 if form.is_submitted() else 200


def _begin(form):
    name, content = name_and_content(form.file.data) if form.file.data else (None, None)
    found = Screen(
        user_id=current_user.id,
        trial_id=form.trial.data.id,
        endpoint=form.endpoint.data,
        test=form.test.data,
        file_name=name,
        content=content,
    )
    db.session.add(found)
    db.session.flush()
    title = _("Screening %(what)s", what=name or _("every assay"))
    found.job = ask_for("screen", {"screen": found.id}, title, url_for("screen.show", id=found.id))
    db.session.flush()
    number = found.job_id
    db.session.commit()
    worker().start()
    return redirect(url_for("job.show", id=number), 303)


@screen.get("/<id:id>")
@permission_required(Permission.READ_REPORTS)
def show(id):
    """What a screen found: the first markers, the figure, and how many were tried."""
    found = own_screen(id) or abort(404)
    if found.job is not None and not found.job.is_over:
        return redirect(url_for("job.show", id=found.job_id))
    if found.table is None:
        return render_template("screen/show.html", screen=found, table=None)
    sort = request.args.get("sort", "p")
    if sort not in SORTS:
        raise Refusal(_("There is no such order."))
    table = table_of(found).sort_values(sort, ascending=SORTS[sort], kind="stable", na_position="last")
    rows = table.head(SHOWN).astype(object)
    rows = rows.where(rows.notna(), None).to_dict("records")
    return render_template("screen/show.html", screen=found, table=rows, sort=sort, drawn=_figure(found))


def _figure(found) -> Figure:
    is_interaction = found.test is ScreenTest.INTERACTION
    measure = _("odds ratio") if found.endpoint is ScreenEndpoint.RESPONSE else _("hazard ratio")
    label = (
        _("ratio of %(measure)ss of treatment, by a standard deviation of the marker", measure=measure)
        if is_interaction
        else _("%(measure)s by a standard deviation of the marker", measure=measure)
    )
    summary = found.summary
    caption = [
        _("Trial: %(trials)s.", trials=found.trial.code),
        _("Markers tried: %(tried)s; with enough events: %(tested)s; with q up to 0.05: %(found)s.",
          **{name: format_decimal(summary[name]) for name in ("tried", "tested", "found")}),
        _("A dot is a marker; the coloured ones have q (Benjamini and Hochberg) up to 0.05. Exploratory: no cutoff, no"
          " hypothesis before the data."),
    ]  # fmt: skip
    draw = functools.partial(_draw, ratio_label=label)
    return Figure("volcano", _("Effect and rarity of each marker"), table_of(found), draw, caption)


def _draw(data, **layout):
    return volcano(data, **layout)


@screen.get("/<id:id>/table.csv")
@permission_required(Permission.READ_REPORTS)
def table(id):
    """The whole table."""
    found = own_screen(id)
    if found is None or found.table is None:
        abort(404)
    return _download(found.table, "text/csv; charset=utf-8", f"screen-{id}.csv")


@screen.get("/<id:id>/volcano.svg")
@permission_required(Permission.READ_REPORTS)
def figure(id):
    """The figure as a file."""
    found = own_screen(id)
    if found is None or found.table is None:
        abort(404)
    with force_locale("en"):
        drawn = _figure(found)
        alone = Standalone(tuple(map(str, drawn.caption)))
        content = str(drawn.draw(drawn.data, title=str(drawn.title), standalone=alone)).encode()
    return _download(content, "image/svg+xml", f"screen-{id}.svg")


@screen.post("/<id:id>/discard")
@permission_required(Permission.READ_REPORTS)
def discard(id):
    """Throw a screen away that is not going on."""
    refuse_without_token()
    found = own_screen(id) or abort(404)
    if found.job is not None and not found.job.is_over:
        raise Refusal(_("This screen is going on; wait until it is done."), status=409)
    db.session.delete(found)
    db.session.commit()
    flash(_("The screen is thrown away."), "success")
    return redirect(url_for("screen.list"), 303)


def _download(content, kind, name):
    answer = Response(content, content_type=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer

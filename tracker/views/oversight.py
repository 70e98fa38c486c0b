"""Queries: asked about a field of a record, answered, and closed. Comments: said of a record."""

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import orm
from werkzeug.exceptions import NotFound

from tracker.actions import check_step, participant_of, take_step
from tracker.extensions import db
from tracker.forms.fields import TextField
from tracker.forms.oversight import AnswerForm, AskForm, CloseForm, CommentForm, QueryForm
from tracker.models import Administration, Comment, Query, QueryMessage, Regimen, Trial
from tracker.reads.masking import MASKABLE
from tracker.reads.oversight import LONGEST_VALUE, title_of
from tracker.reports.decisions import figures_of_decision, run_named
from tracker.reports.kept import keep
from tracker.roles import Permission
from tracker.scope import reader, trial_id_of
from tracker.terms.oversight import QueryState, QueryStep
from tracker.values import read_integer
from tracker.views.access import permission_required
from tracker.views.pages import shown_field, url
from tracker.views.records import (
    KINDS,
    can_be_commented,
    change,
    find,
    form_page,
    record_views,
    refuse_what_is_anothers,
    render_record,
    save,
    withdraw_record,
)
from tracker.views.unsaved import keeps_draft

query = record_views(
    Query,
    QueryForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.OPEN_QUERIES,
    address="queries",
    columns=["question", "participant", "trial", "record_type", "field", "origin", "state", "created_at"],
    headings={"created_at": _l("Opened on")},
    filters=["state", "trial", "origin", "age", "participant"],
    without=["new", "show", "edit", "withdraw"],
    sort="-created_at",
)


@query.get("/<id:id>")
@permission_required(Permission.READ_PARTICIPANTS)
def show(id):
    """A query, with the record that it is about and what was said."""
    found = find(Query, id, *_talk(), include_withdrawn=True)
    kind = KINDS[found.record_type]
    try:
        about = find(kind.model, found.record_id, include_withdrawn=True)
    except NotFound:  # a dose of a masked arm: that there is a question about it may be known
        about = None
    has_field = about is not None and found.field in kind.empty_form(about)
    return render_record(
        KINDS["query"],
        found,
        about=about,
        about_kind=str(kind.titles[0]),
        now_in_field=shown_field(about, found.field) if has_field else None,
    )


@query.app_template_global()
def field_label(record_type, name) -> str:
    """What the record's form calls a field."""
    field = getattr(KINDS[record_type].form, name, None)
    return str(field.args[0]) if getattr(field, "args", None) else name.replace("_", " ")


@query.app_template_global()
def kind_title(record_type) -> str:
    return title_of(record_type)


@query.route("/new", methods=["GET", "POST"])
@permission_required(Permission.OPEN_QUERIES)
@keeps_draft
def new():
    """Ask about a field of a record; ?record_type=participant&record_id=12 says of which, &field= about what."""
    if request.method == "GET" and "record_type" not in request.args:
        flash(_("Open the record that you want to ask about, and choose “Query” there."), "info")
        return redirect(url_for("query.list"))
    kind, about = record_of_address()
    trial = trial_id_of(about)
    if trial is None:
        abort(404)
    fields = kind.empty_form(about)
    form = AskForm([(name, fields[name].label.text) for name in fields.names])
    if not form.is_submitted() and request.args.get("field") in fields.names:
        form.field.data = request.args["field"]
    title = _("Ask about %(record)s", record=str(about))
    if form.validate_on_submit():
        asked = Query(
            trial_id=trial,
            participant=participant_of(about),
            record_type=kind.name,
            record_id=about.id,
            opened_by_id=reader().user_id,
            asked_value=_value_to_keep(about, fields[form.field.data]),
        )
        return save(form, asked, title)
    return form_page(form, title)


def _talk() -> list:
    """Loads who opened a query, and what was said by whom."""
    return [
        orm.joinedload(Query.opened_by),
        orm.selectinload(Query.messages).joinedload(QueryMessage.author),
    ]


def _value_to_keep(about, field) -> str | None:
    """What stands in the field now, in words that every reader of the query may read.

    None for what would tell a masked arm, and for free text, which may have to be redacted.
    """
    participant = participant_of(about)
    masks = participant is not None and participant.trial.hides_arms
    if masks and (isinstance(about, Administration) or field.name in MASKABLE.get(type(about), ())):
        return None
    is_free = isinstance(field, TextField) and field.free
    if is_free or field.kind == "textarea" or getattr(about, field.name) in (None, "", []):
        return None
    with force_locale("en"):
        return Markup(shown_field(about, field.name)).striptags()[:LONGEST_VALUE]


@query.route("/<id:id>/answer", methods=["GET", "POST"])
@permission_required(Permission.ANSWER_QUERIES)
@keeps_draft
def answer(id):
    """Answer a query; it stays until it is closed."""
    found = find(Query, id, *_talk())
    check_step(found, QueryStep.ANSWERED)
    form = AnswerForm(found)
    return change(
        found,
        form,
        _("Answer the query"),
        lambda query: take_step(query, QueryStep.ANSWERED, form.text.data),
    )


@query.route("/<id:id>/close", methods=["GET", "POST"])
@permission_required(Permission.CLOSE_QUERIES)
def close(id):
    """Close a query, or open it again."""
    found = find(Query, id, *_talk())
    form = CloseForm(found)
    steps = {QueryState.CLOSED: QueryStep.CLOSED, QueryState.OPEN: QueryStep.REOPENED}
    title = _("Open the query again") if found.state is QueryState.CLOSED else _("Close the query")
    return change(found, form, title, lambda query: take_step(query, steps[form.state.data], form.text.data))


def record_of_address():
    """The kind and the record that ?record_type=participant&record_id=12 names; 404 where the reader sees none."""
    kind = KINDS.get(request.args.get("record_type"))
    number = read_integer(request.args.get("record_id"), minimum=1)
    if kind is None or number is None or not current_user.may(kind.read):
        abort(404)
    return kind, find(kind.model, number)


comment = record_views(
    Comment,
    CommentForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.COMMENT_FINDINGS,
    columns=["text", "author", "record_type", "created_at"],
    headings={"record_type": _l("About"), "created_at": _l("Said")},
    without=["new", "show", "edit", "withdraw"],
)

#: Who may say something about a record that they may read.
_COMMENTING = (Permission.COMMENT_FINDINGS, Permission.EDIT_OWN_FINDINGS, Permission.DECIDE_FINDINGS)


@comment.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_FINDINGS)
def show_comment(id):
    """A comment, where it stands: on the page of its record."""
    found = find(Comment, id, include_withdrawn=True)
    about = find(KINDS[found.record_type].model, found.record_id, include_withdrawn=True)
    return redirect(url(about, _anchor="comments"))


@comment.route("/new", methods=["GET", "POST"], endpoint="new")
@permission_required(*_COMMENTING)
@keeps_draft
def new_comment():
    """Say something about a record; ?record_type=finding&record_id=12 says of which, ?basis= of which report."""
    basis = request.args.get("basis")
    if request.method == "GET" and "record_type" not in request.args and basis:
        return render_template("comment/choose.html", records=_about_what(run_named(basis)))
    if request.method == "GET" and "record_type" not in request.args:
        flash(_("Open the record that you want to comment on, and choose “Comment” there."), "info")
        return redirect(url_for("finding.list"))
    kind, about = record_of_address()
    if not can_be_commented(about):
        abort(404)
    result = run_named(basis) if basis else None
    trial = trial_id_of(about)
    form = CommentForm(trial_id=trial)
    title = _("Comment on %(record)s", record=str(about))
    if form.validate_on_submit():
        record = Comment(record_type=kind.name, record_id=about.id, trial_id=trial)
        if result is not None:
            keep(record, result, figures_of_decision(result))
        return save(form, record, title)
    return form_page(form, title)


def _about_what(result):
    """The regimens and trials that a report is about: those that it was asked for, or every trial in it."""
    regimens = result.form.regimen.data
    trials = result.form.trial.data or sorted(result.frames[0]["trial"].dropna().unique())
    found = []
    for model, column, names in ((Regimen, Regimen.name, regimens), (Trial, Trial.code, trials)):
        if names:
            found += db.session.scalars(sa.select(model).where(column.in_(names)).order_by(column)).all()
    return found


@comment.route("/<id:id>/withdraw", methods=["GET", "POST"], endpoint="withdraw")
@permission_required(*_COMMENTING)
def withdraw_comment(id):
    """Take back what one said."""
    found = find(Comment, id, include_withdrawn=True)
    refuse_what_is_anothers(found)
    return withdraw_record(KINDS["comment"], found)

"""How every record is listed, shown, entered, changed and withdrawn: one mechanism for all.

`record_views(Model, Form, read=…, edit=…, columns=[…])` makes a blueprint with the addresses `/models/`, `/new`,
`/<id>`, `/<id>/edit`, `/<id>/withdraw` and `/<id>/history`. A page that must look different has a template of
its own, `templates/MODEL/show.html`; one that must do something else is left out by name and written as a view.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm.exc import StaleDataError

from tracker import actions, clock, locking
from tracker.audit import because, note_confirmed
from tracker.extensions import db, violated
from tracker.forms.base import KEY, RecordForm
from tracker.forms.fields import OwnerField, ValueField
from tracker.forms.withdrawal import WithdrawalForm
from tracker.models import Authored, Comment, FromReport, Participant, Query, Record, Signature, Submission
from tracker.reads.draft import form_address
from tracker.reads.evidence import comments_about
from tracker.reads.masking import seen_on_pages
from tracker.reads.oversight import lock_about, present_locks, queries_about
from tracker.reads.pages import list_page
from tracker.reads.references import references_to
from tracker.reads.signing import signatures_on, voided
from tracker.reports.decisions import told_of
from tracker.reports.kept import stale
from tracker.roles import Permission
from tracker.scope import reader, trial_id_of
from tracker.values import Refusal
from tracker.views.access import permission_required
from tracker.views.errors import note_faults
from tracker.views.history import events_of, told
from tracker.views.pages import shown, shown_field, url
from tracker.views.unsaved import keeps_draft


@dataclass
class RecordKind:
    """One kind of record, as its pages need it."""

    model: type[Record]
    form: type[RecordForm]
    entry_form: type[RecordForm]
    read: Permission
    edit: Permission
    columns: list[str]
    headings: dict[str, str]
    filters: list[str]
    new_label: str | None
    stored: Callable | None
    sort: str | None

    @property
    def titles(self):
        return self.model.titles

    @property
    def name(self):
        return self.model.__tablename__

    def empty_form(self, record=None) -> RecordForm:
        """The form as a source of labels, options and readers: it takes nothing from the request."""
        return self.form(record, formdata=None)


#: Every kind of record that has pages, by its name.
KINDS: dict[str, RecordKind] = {}


def record_views(
    model,
    form,
    *,
    read,
    edit,
    columns,
    headings=None,
    filters=(),
    without=(),
    entry_form=None,
    new_label=None,
    stored=None,
    address=None,
    sort=None,
) -> Blueprint:
    """The pages of one kind of record.

    columns: attributes that the list shows, the first one linked to the record. headings: of columns that the form
    names at length, or not at all. filters: attributes that the
    list can be narrowed by. without: names of the views that are left out. entry_form: the form of a new
    record, where it asks for more. stored: called with a new record before the commit, to store what belongs to it.
    address: the word of its addresses, where that is not its name with an s. sort: how the list is sorted unless the
    address says so, where that is not by the first column.
    """
    kind = RecordKind(
        model,
        form,
        entry_form or form,
        read,
        edit,
        list(columns),
        headings or {},
        list(filters),
        new_label,
        stored,
        sort,
    )
    KINDS[kind.name] = kind
    plural = address or f"{kind.name.replace('_', '-')}s"
    blueprint = Blueprint(kind.name, __name__, url_prefix=f"/{plural}")
    has_secrets = any(column.columns[0].info.get("secret") for column in sa.inspect(model).column_attrs)
    for name, (rule, view, permission, methods) in _views(kind).items():
        if name not in without:
            view.__name__ = name
            if name in ("new", "edit") and not has_secrets:
                keeps_draft(view)
            blueprint.route(rule, methods=methods)(permission_required(permission)(view))
    return blueprint


def _views(kind: RecordKind):
    def list_records():
        return render_list(kind)

    def new():
        return enter(kind)

    def show(id):
        return render_record(kind, find(kind.model, id, include_withdrawn=True))

    def edit(id):
        record = find(kind.model, id)
        refuse_what_is_anothers(record)
        refuse_what_is_locked(record)
        return change(record, kind.form(record), _("Edit %(record)s", record=str(record)))

    def withdraw(id):
        record = find(kind.model, id, include_withdrawn=True)
        refuse_what_is_anothers(record)
        return withdraw_record(kind, record)

    def history(id):
        return render_history(kind, find(kind.model, id, include_withdrawn=True))

    both = ["GET", "POST"]
    return {
        "list": ("/", list_records, kind.read, ["GET"]),
        "new": ("/new", new, kind.edit, both),
        "show": ("/<id:id>", show, kind.read, ["GET"]),
        "edit": ("/<id:id>/edit", edit, kind.edit, both),
        "withdraw": ("/<id:id>/withdraw", withdraw, kind.edit, both),
        "history": ("/<id:id>/history", history, kind.read, ["GET"]),
    }


def find(model, id, *load, include_withdrawn=False):
    """The record with this number; 404 where there is none that the reader may see.

    load: loader options for what the page shows beside it. What is withdrawn of that is left out, unless the
    record itself is withdrawn.
    """
    statement = sa.select(model).where(model.id == id, *seen_on_pages(model)).options(*load)
    record = db.session.scalars(statement).unique().one_or_none()
    if record is None and include_withdrawn:
        statement = statement.execution_options(include_withdrawn=True)
        record = db.session.scalars(statement).unique().one_or_none()
    return record or abort(404)


def refuse_what_is_anothers(record):
    """403 for a record that has an author, to everybody else."""
    if isinstance(record, Authored) and record.is_anothers(current_user):
        raise Refusal(_("Only %(author)s may change this.", author=str(record.author)), status=403)


def may_change(kind: RecordKind, record) -> bool:
    """Whether the reader may change and withdraw the record."""
    return _is_ones_own(kind, record) and lock_about(record) is None


def _is_ones_own(kind, record):
    is_anothers = isinstance(record, Authored) and record.is_anothers(current_user)
    return current_user.may(kind.edit) and record.withdrawn_at is None and not is_anothers


def refuse_what_is_locked(record, of_all=False):
    """423 before anything is typed, where a lock lets nothing of the record change, or with of_all not all of it."""
    if request.method == "GET" and (lock := lock_about(record, of_all)) is not None:
        raise locking.refusal(lock)


def can_be_commented(record) -> bool:
    """Whether something may be said of it: a comment is of one trial, or everybody reads it, as they do not read all
    frozen reports and their signatures. What is asked and said has answers of its own."""
    return not (record.trials_path or record.seen_with or isinstance(record, (Query, Comment)))


#: Kinds that nobody signs: what is said and asked, and accounts.
_NOT_SIGNED = {"query", "comment", "user", "trial_member", "signature", "lock"}


def may_sign(kind: RecordKind, record) -> bool:
    """Whether the reader may sign the record: who may change it, locked or not; what is final, who may make it."""
    may_edit = current_user.may(kind.edit) if record.is_final else _is_ones_own(kind, record)
    return kind.name not in _NOT_SIGNED and current_user.may(Permission.SIGN_RECORDS) and may_edit


# Listing and showing


def render_list(kind: RecordKind):
    form = kind.empty_form()
    page = list_page(kind.model, form, kind.columns, kind.filters, request.args, kind.headings, kind.sort)
    return render_template(
        [f"{kind.name}/list.html", "records/list.html"], kind=kind, page=page, stale=_stale(kind, page.rows)
    )


def _stale(kind: RecordKind, records) -> set[int]:
    """The numbers of those that rest on a report whose data have changed since, and of signatures that are void."""
    if kind.model is Signature:
        return voided(records)
    return stale(records) if issubclass(kind.model, FromReport) else set()


def render_record(kind: RecordKind, record, **more):
    if "form" not in more:
        more["form"] = kind.empty_form(record)
    has_trial = trial_id_of(record) is not None and not isinstance(record, Query)
    if "queries" not in more:
        more["queries"] = queries_about([record]) if has_trial else []
    reads_comments = current_user.may(Permission.READ_FINDINGS) and can_be_commented(record)
    more["comments"] = comments_about(record) if reads_comments else None
    resting = [one for one in reversed(more["comments"] or []) if one.report]
    more["comment_figures"] = {one.id: (then, now) for one, then, now in told_of(resting, most=1)}
    more["may_change"] = may_change(kind, record)
    more["lock"] = lock_about(record)
    more["locks"] = [] if record.stays_open else present_locks(record)
    more["may_sign"] = may_sign(kind, record)
    if "signatures" not in more:
        more["signatures"] = signatures_on(record) if kind.name not in _NOT_SIGNED else []
        more["void"] = voided(more["signatures"])
    more.setdefault("stale", _stale(kind, [record]))
    more.setdefault("may_edit", more["may_change"])
    return render_template(
        [f"{kind.name}/show.html", "records/show.html"],
        kind=kind,
        record=record,
        has_trial=has_trial,
        **more,
    )


def render_history(kind: RecordKind, record):
    events = told(record, kind.empty_form(record))
    return render_template("records/history.html", kind=kind, record=record, events=events)


# Entering and changing


def enter(kind: RecordKind):
    """Enter a new record; the address may fill in what it belongs to, as ?participant=12 does."""
    form = kind.entry_form()
    _fill_in(form)
    needed = form.needs
    owner = form[needed].data if needed and not kind.model.stays_open else None
    if owner is not None:
        refuse_what_is_locked(owner)
    if needed and form[needed].data is None and not form.is_submitted():
        options = form[needed].options()
        return render_template("records/choose.html", kind=kind, field=form[needed], options=options)
    title = kind.new_label or _("New %(record)s", record=str(kind.model.titles[0]).lower())
    if form.wants_rows:
        return form_page(form, title)
    if form.is_submitted() and owner is not None and (lock := lock_about(owner)) is not None:
        return locked_page(form, title, locking.refusal(lock))
    if form.validate_on_submit():
        return save(form, kind.model(), title, kind.stored)
    return form_page(form, title)


def _fill_in(form):
    """Take from the address what it says of single fields; what it says wrongly is not taken."""
    if form.is_submitted():
        return
    for name in form.names:
        if (
            name in request.args
            and isinstance(form[name], ValueField)
            and not isinstance(form[name], OwnerField)
        ):
            try:
                form[name].process_formdata([request.args[name]])
            except (ValueError, Refusal):
                form[name].data = None


def change(record, form: RecordForm, title, stored: Callable | None = None):
    """Change a stored record by a form that was opened on it."""
    if form.wants_rows:
        return form_page(form, title)
    if form.is_submitted() and (lock := lock_about(record)) is not None:
        return locked_page(form, title, locking.refusal(lock))
    if form.is_submitted() and form.is_stale and form.conflicting:
        form.validate()
        return conflict_page(form, title)
    if form.validate_on_submit():
        return save(form, record, title, stored)
    return form_page(form, title)


def save(form: RecordForm, record, title, stored: Callable | None = None):
    """The one way from a form to a record: all of it is stored, once, or nothing and the form comes back."""
    earlier = earlier_submission(form)
    if earlier is not None:
        return redirect(earlier.address, 303)
    is_new = record.id is None
    try:
        with because(form.reason.data):
            if is_new and isinstance(record, Authored):
                record.author_id = reader().user_id
            form.populate_obj(record)
            db.session.add(record)
            db.session.flush()
            note_confirmed(record, form.confirmed_words)
            if stored:
                stored(record)
            if trial_id_of(record) is not None:
                actions.settle_queries(record, form.found)
            told = form.told(record, is_new)
            address = _address_after(form, record, is_new)
            note_submission(form, address)
            db.session.commit()
    except sa.exc.IntegrityError as error:
        db.session.rollback()
        kind, columns = violated(error)
        earlier = earlier_submission(form)
        if earlier is not None:  # the same form, sent twice at once: the other one came first
            return redirect(earlier.address, 303)
        _say_what_is_taken(form, kind, columns)
        return form_page(form, title)
    except StaleDataError:
        db.session.rollback()
        earlier = earlier_submission(form)
        if earlier is not None:
            return redirect(earlier.address, 303)
        if form.record is not None and form.is_stale:
            return conflict_page(form, title)
        # Another record that is stored with this one, as a participant with the first dose.
        form.form_errors.append(
            _("What this belongs to was changed in the same moment. Nothing was stored; save again.")
        )
        return form_page(form, title, 409)
    except Refusal as refusal:
        db.session.rollback()
        if refusal.status == 423:
            return locked_page(form, title, refusal)
        field = form[refusal.field] if refusal.field in form else form[form.names[0]]
        field.errors = [*field.errors, refusal.message]
        form.asks_reason = form.asks_reason or refusal.field == "reason"
        return form_page(form, title, refusal.status)
    flash(told, "success")
    return redirect(address, 303)


def earlier_submission(form):
    """Of the same form, by the same person; under a key that is none of ours nothing is stored."""
    key = form.submission.data or ""
    found = db.session.get(Submission, key) if KEY.fullmatch(key) else None
    return found if found is not None and found.user_id == reader().user_id else None


def note_submission(form, address):
    """What was typed is stored, and leads to this address; what was kept of it before is of no use any more."""
    actions.forget_draft(form_address())
    db.session.add(
        Submission(
            key=form.submission.data, user_id=reader().user_id, address=address, created_at=clock.now()
        )
    )


def _say_what_is_taken(form, kind, columns):
    names = [column.removesuffix("_id") for column in columns]
    field = next((form[name] for name in reversed(names) if name in form), form[form.names[0]])
    if kind == "unique":
        message = _("This is taken already, perhaps by a withdrawn record; choose another.")
    else:
        message = _("The database refuses this value (%(rule)s).", rule=", ".join(columns) or kind)
    field.errors = [*field.errors, message]


def form_page(form: RecordForm, title, status=None):
    """The page of a form: 422 when it was sent and is not right; what was typed is kept."""
    if status is None:
        status = 422 if form.is_submitted() and not form.wants_rows else 200
    note_faults(form)
    cancel = url(form.record) if form.record is not None and form.record.id else _list_address(form)
    offers_next = form.record is None and form.needs is not None
    name = form.model.__tablename__
    return (
        render_template(
            [f"{name}/form.html", "records/form.html"],
            form=form,
            title=title,
            cancel=cancel,
            offers_next=offers_next,
            refusal=_("Nothing was saved: it is locked.") if status == 423 else None,
        ),
        status,
    )


def locked_page(form: RecordForm, title, refusal: Refusal):
    """423: no field is to blame, and what was typed is kept for when it is unlocked."""
    form.form_errors = [*form.form_errors, refusal.message]
    return form_page(form, title, 423)


def conflict_page(form: RecordForm, title):
    """409: somebody saved the record meanwhile; both values stand side by side."""
    record = form.record
    last = events_of(record)[0]
    form.show_conflicts(lambda name: shown_field(record, name), last.actor, shown(last.at))
    return form_page(form, title, 409)


def _address_after(form, record, is_new):
    """Where one goes on: the form again for another record, else the record, or the participant it was entered for."""
    owner = form[form.needs].data if form.needs else None
    if request.form.get("next"):
        return url_for(f"{form.model.__tablename__}.new", **({form.needs: owner.id} if owner else {}))
    return url(owner) if is_new and isinstance(owner, Participant) else url(record)


def _list_address(form):
    owner = next((field for field in form if isinstance(field, OwnerField) and field.data is not None), None)
    return url(owner.data) if owner is not None else url_for(f"{form.model.__tablename__}.list")


# Withdrawing


def withdraw_record(kind: RecordKind, record):
    """Take a record out of every list and report, with a reason; its code stays taken."""
    if record.withdrawn_at is not None:
        return redirect(url(record), 303)
    refuse_what_is_locked(record, of_all=True)
    form = WithdrawalForm(record)
    lock = lock_about(record, of_all=True)
    users = None if lock is not None else references_to(record)
    if lock is not None:
        form.form_errors = [locking.refusal(lock).message]
        status = 423
    elif form.is_submitted() and form.is_stale:
        form.reason.errors = [_("The record was changed meanwhile. Look at it again before you withdraw it.")]
        form.version.data = str(record.version)
        status = 409
    elif form.is_submitted() and users:
        status = 422
    elif form.validate_on_submit():
        try:
            with because(form.reason.data):
                record.withdrawn_at = clock.now()
                note_confirmed(record, form.confirmed_words)
                db.session.commit()
            flash(_("%(record)s is withdrawn.", record=str(record)), "success")
            return redirect(url(record), 303)
        except Refusal as refusal:  # it was locked just now
            db.session.rollback()
            form.form_errors = [refusal.message]
            status = refusal.status
    else:
        status = 422 if form.is_submitted() else 200
    note_faults(form)
    return render_template("records/withdraw.html", kind=kind, record=record, form=form, users=users), status

"""Signatures on records, and reports that are frozen whole and signed."""

import sqlalchemy as sa
from flask import Response, abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, undefer
from werkzeug.datastructures import MultiDict

from tracker.actions import freeze_report, note_export, signature_on
from tracker.exchange.result import FORMATS, find_format, frozen_file
from tracker.extensions import db
from tracker.forms.signing import FreezeForm, ReportSnapshotForm, SignatureForm, SignForm
from tracker.models import Participant, ReportSnapshot, Signature, Trial
from tracker.reads.signing import casebook_counts, content_hash, digest, signatures_on, voided
from tracker.reports.decisions import basis_of, now_of, then_and_now
from tracker.reports.frozen import Frozen, Signed, content_of, freeze, run_to_freeze, thaw, trials_in
from tracker.reports.kept import arguments_of, stale
from tracker.roles import Permission
from tracker.values import Refusal
from tracker.views.access import permission_required
from tracker.views.identity import is_proven
from tracker.views.oversight import record_of_address
from tracker.views.pages import url
from tracker.views.records import (
    KINDS,
    earlier_submission,
    find,
    form_page,
    may_sign,
    record_views,
    render_record,
    save,
)

signature = record_views(
    Signature,
    SignatureForm,
    read=Permission.READ_REPORTS,
    edit=Permission.SIGN_RECORDS,
    columns=["signed_at", "printed_name", "meaning", "record_type", "participant", "trial"],
    headings={"signed_at": _l("Signed")},
    filters=["meaning", "trial"],
    without=["new", "show", "edit", "withdraw", "history"],
    new_label=_l("Sign a record"),
    sort="-signed_at",
)


@signature.get("/<id:id>")
@permission_required(Permission.READ_REPORTS)
def show(id):
    """A signature, where it stands: on the page of its record."""
    found = find(Signature, id)
    about = find(KINDS[found.record_type].model, found.record_id, include_withdrawn=True)
    return redirect(url(about, _anchor="signatures"))


@signature.route("/new", methods=["GET", "POST"])
@permission_required(Permission.SIGN_RECORDS)
def new():
    """Sign a record; ?record_type=participant&record_id=12 says which. A participant's is their whole casebook."""
    if request.method == "GET" and "record_type" not in request.args:
        flash(_("Open the record that you want to sign, and choose “Sign” there."), "info")
        return redirect(url_for("signature.list"))
    kind, about = record_of_address()
    if not may_sign(kind, about):
        raise Refusal(_("Only who may change a record may sign it."), status=403)
    form = SignForm(content_hash(about))
    form.about, form.counts = about, casebook_counts(about) if isinstance(about, Participant) else []
    title = _("Sign %(record)s", record=str(about))
    if form.is_submitted() and (earlier := earlier_submission(form)):
        return redirect(earlier.address, 303)
    if form.validate_on_submit() and is_proven(form):
        return save(form, signature_on(about, form.seen, form.meaning.data), title)
    return form_page(form, title)


# What is frozen is never changed: a report that was frozen by mistake stays, and another one is frozen.
report_snapshot = record_views(
    ReportSnapshot,
    ReportSnapshotForm,
    read=Permission.READ_REPORTS,
    edit=Permission.SIGN_REPORTS,
    columns=["title", "asked", "as_of", "author", "created_at", "signatures"],
    headings={"created_at": _l("Frozen"), "signatures": _l("Signed by")},
    without=["new", "show", "edit", "withdraw"],
    new_label=_l("Freeze and sign a report"),
    sort="-created_at",
)


@report_snapshot.route("/new", methods=["GET", "POST"], endpoint="new")
@permission_required(Permission.SIGN_REPORTS)
def new_snapshot():
    """Freeze the report that ?basis=outcomes%3Fby%3Darm names, and sign it in the same step."""
    basis = request.args.get("basis")
    if not basis:
        if request.method == "POST":
            abort(404)
        flash(_("Open the report that you want to freeze, and choose “Freeze and sign” there."), "info")
        return redirect(url_for("reports.index"))
    result = run_to_freeze(basis)
    content = content_of(result)
    form = FreezeForm(digest(content))
    form.result, form.basis = thaw(content), basis
    title = _("Freeze and sign the report “%(report)s”", report=str(result.report.title))
    if form.is_submitted() and (earlier := earlier_submission(form)):
        return redirect(earlier.address, 303)
    if form.validate_on_submit() and is_proven(form):
        record = freeze_report(freeze(ReportSnapshot(), result, content), _trials(result))
        return save(form, record, title, stored=lambda one: _sign(one, form.meaning.data))
    return form_page(form, title)


def _trials(result) -> set[int]:
    """The trials that it is of: those of its data, and those that it was asked of."""
    asked = sa.select(Trial.id).where(Trial.code.in_(result.form.trial.data))
    return trials_in(result) | set(db.session.scalars(asked))


def _sign(snapshot, meaning):
    db.session.add(signature_on(snapshot, snapshot.content_hash, meaning))


@report_snapshot.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_REPORTS)
def show_snapshot(id):
    """A frozen report, as it was; where the data have changed since, what differs."""
    found, signatures, void = _found(id)
    is_stale = stale([found])
    now = now_of(found, found.as_of) if is_stale else None
    return render_record(
        KINDS["report_snapshot"],
        found,
        signatures=signatures,
        void=void,
        stale=is_stale,
        compared=[one for one in then_and_now(found, now) if one.is_changed] if now else [],
        result=_thawed(found, signatures, void),
        asked=basis_of(found.report, MultiDict(arguments_of(found))),
        formats=FORMATS,
        file_address=lambda format, **own: url_for("report_snapshot.file", id=id, format=format, **own),
    )


@report_snapshot.get("/<id:id>.<format>")
@permission_required(Permission.READ_REPORTS)
def file(id, format):
    """A frozen report as a file, of what was frozen."""
    found, signatures, void = _found(id)
    name = f"{found.report}-frozen-{found.id}"
    content = frozen_file(_thawed(found, signatures, void), format, request.args)
    told = {"report": found.report, "format": format}
    note_export("report_snapshot", record_id=id, **told)
    part = request.args.get("figure") or request.args.get("table")
    answer = Response(content, content_type=find_format(format).media_type)
    named = f"{name}-{part}.{format}" if part else f"{name}.{format}"
    answer.headers.set("Content-Disposition", "inline" if format == "json" else "attachment", filename=named)
    return answer


def _found(id):
    """The frozen report, its signatures, and which of these are void, because somebody got at the database."""
    load = joinedload(ReportSnapshot.author), undefer(ReportSnapshot.content)
    found = find(ReportSnapshot, id, *load)
    signatures = signatures_on(found)
    return found, signatures, voided(signatures)


def _thawed(found, signatures, void):
    signed = [
        Signed(one.printed_name, one.meaning.value, one.signed_at, one.content_hash, one.id in void)
        for one in signatures
    ]
    by = found.author.display_name if found.author else "—"
    return thaw(
        found.content,
        Frozen(found.id, found.created_at, by, found.tracker_version, found.content_hash, signed),
    )

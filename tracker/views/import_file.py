"""Importing a file: upload it, map its columns, look at what would be stored, mend it, store it."""

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

import sqlalchemy as sa
from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from tracker.exchange import uploads
from tracker.exchange.importing import refuse_sections
from tracker.exchange.mapping import read_mapping
from tracker.exchange.outline import guess_source, outline_of
from tracker.exchange.pasting import pasted_table
from tracker.exchange.plan import CODE, parse
from tracker.exchange.result import harmless
from tracker.exchange.sections import SECTIONS
from tracker.exchange.source import read_options
from tracker.exchange.uploads import MOST_FAULTS, PAGE_ROWS, general_faults, own_file, window
from tracker.extensions import db
from tracker.forms.account import EmptyForm
from tracker.forms.import_file import PasteForm, ReplaceForm, StoreForm, UploadForm
from tracker.jobs import ask_for, attend, worker
from tracker.models import Assay, ImportFile, Participant, Specimen, Trial
from tracker.roles import Permission
from tracker.values import Refusal, read_integer
from tracker.views.access import permission_required, takes
from tracker.views.errors import note_faults, note_fields
from tracker.views.mapping import in_plain_words, label_of
from tracker.views.records import earlier_submission, note_submission

import_file = Blueprint("import_file", __name__, url_prefix="/imports")

IMPORTS = (Permission.IMPORT_EVERYTHING, Permission.IMPORT_SPECIMENS)
import_file.add_app_template_filter(in_plain_words, "plain")
LIMITS = {"length": "MAX_IMPORT_LENGTH", "fields": "MAX_IMPORT_FIELDS"}


@dataclass
class Pages:
    """The pages of a preview, as `pagination` asks."""

    number: int
    total: int
    tab: str

    @property
    def pages(self):
        return max(1, -(-self.total // PAGE_ROWS))

    @property
    def first(self):
        return (self.number - 1) * PAGE_ROWS + 1 if self.total else 0

    @property
    def last(self):
        return min(self.number * PAGE_ROWS, self.total)

    def address(self, page):
        return f"?rows={self.tab}&page={page}#rows"


def find_own(id, is_open=True) -> ImportFile:
    """The reader's own file; 404 where there is none, 409 where it can no longer be changed."""
    found = own_file(id) or abort(404)
    if is_open and found.stored_at:
        raise Refusal(_("This file is stored already; upload it again to import it again."), status=409)
    if is_open and found.job is not None and not found.job.is_over:
        raise Refusal(_("This file is being worked on; wait until that is done."), status=409)
    return found


def may_everything() -> bool:
    return current_user.may(Permission.IMPORT_EVERYTHING)


@import_file.get("/")
@permission_required(*IMPORTS)
def list():
    """One's own imports, the newest first."""
    files = uploads.own_files()
    for found in files:
        if found.job is not None:
            attend(found.job)
    return render_template("import_file/list.html", files=uploads.own_files())


# Uploading


@import_file.route("/new", methods=["GET", "POST"])
@permission_required(*IMPORTS)
@takes(**LIMITS)
def new():
    """Upload a file; what is no table is refused here, before anything is stored."""
    form = UploadForm(may_everything())
    if form.validate_on_submit():
        try:
            return _take_in(form)
        except Refusal as refusal:
            field = form[refusal.field] if refusal.field in ("mapping", "trial") else form.file
            field.errors = [*field.errors, refusal.message]
            db.session.rollback()
    elif not form.is_submitted():
        form.trial.data = form.trial.read(request.args.get("trial"))
    note_faults(form)
    return render_template("import_file/new.html", form=form), 422 if form.is_submitted() else 200


def _take_in(form):
    name, content = name_and_content(form.file.data)
    trial, text = form.trial.data, None
    if form.mapping.data:
        text, trial = _given_mapping(form.mapping.data.read(), trial)
    found = ImportFile(user_id=current_user.id, trial_id=trial and trial.id, name=name)
    look_at(found, content, text)
    found.content, found.mapping = content, text
    db.session.add(found)
    db.session.commit()
    if text and found.outline:
        return check_now(found, update=False)
    return redirect(url_for("import_file.map", id=found.id), 303)


@import_file.route("/paste", methods=["GET", "POST"])
@permission_required(*IMPORTS)
@takes(**LIMITS)
def paste():
    """Measurements pasted from a spreadsheet: a small file, whose columns say by their names what they are."""
    form = PasteForm()
    if form.validate_on_submit():
        earlier = earlier_submission(form)
        if earlier is not None:
            return redirect(earlier.address, 303)
        try:
            return _take_pasted(form)
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            form.table.errors = [*form.table.errors, in_plain_words(refusal.message)]
            db.session.rollback()
    elif not form.is_submitted():
        form.trial.data = form.trial.read(request.args.get("trial"))
    note_faults(form)
    return render_template("import_file/paste.html", form=form), 422 if form.is_submitted() else 200


def _take_pasted(form):
    trial = form.trial.data
    assays = [*db.session.scalars(sa.select(Assay.name).order_by(Assay.name))]
    specimens = sa.select(Specimen.barcode).join(Specimen.participant)
    barcodes = {*db.session.scalars(specimens.where(Participant.trial_id == trial.id))}
    pasted = pasted_table(form.table.data, trial.code, assays, barcodes, form.said)
    refuse_sections(read_mapping(pasted.mapping.encode()))
    found = ImportFile(
        user_id=current_user.id,
        trial_id=trial.id,
        name=pasted.name,
        content=pasted.content,
        outline=pasted.outline.as_json(),
        mapping=pasted.mapping,
    )
    db.session.add(found)
    db.session.flush()
    note_submission(form, url_for("import_file.show", id=found.id))
    db.session.commit()
    return check_now(found, update=False)


def name_and_content(sent) -> tuple[str, bytes]:
    """The file's name, which is only ever shown, and its bytes."""
    name = PurePath(sent.filename.replace("\\", "/")).name
    name = "".join(one if one.isprintable() else "?" for one in unicodedata.normalize("NFC", name))
    stem, suffix = PurePath(name).stem, PurePath(name).suffix[:10]
    return stem[:280] + suffix, sent.read()


def _given_mapping(content: bytes, trial) -> tuple[str, Trial | None]:
    """A mapping file's text, and the trial that it is about. Raises Refusal beside the field of the mapping."""
    try:
        mapping = read_mapping(content)
        refuse_sections(mapping)
    except Refusal as refusal:
        raise Refusal(refusal.message, field="mapping", status=refusal.status) from None
    code = mapping.given["trial"]["code"].item()
    if trial is not None and trial.code != code:
        raise Refusal(_("The mapping file is about the trial %(code)s.", code=code), field="mapping")
    named = db.session.scalar(sa.select(Trial).where(Trial.code == code))
    return content.decode("utf-8-sig"), named


def look_at(found: ImportFile, content: bytes, text: str | None) -> None:
    """Look at the file as its mapping, or its own first rows, say; without an outline its encoding is asked."""
    source = parse(text).get("source", {}) if text else guess_source(found.name, content)
    try:
        found.outline = outline_of(found.name, content, read_options(source)).as_json()
    except Refusal as refusal:
        if refusal.field != "encoding":
            raise
        found.outline = None


# Looking at it and mending it


def check_now(found, update):
    """Check the file now, or as a job where that takes long; then its page shows what was found."""
    found.checked = None
    if _is_long(found):
        return _begin(found, _("Checking %(file)s", file=found.name), stores=False, update=update)
    number = found.id
    db.session.commit()  # a check leaves nothing in its transaction
    uploads.check(found, update)
    return redirect(url_for("import_file.show", id=number), 303)


def _is_long(found):
    return found.outline["rows"] > current_app.config["IMPORT_AT_ONCE"] or not found.outline["is_whole"]


def _begin(found, title, **arguments):
    address = url_for("import_file.show", id=found.id)
    asked = ask_for("import", {"file": found.id, "reason": None, **arguments}, title, address)
    found.job = asked
    db.session.flush()
    number = asked.id
    db.session.commit()
    worker().start()
    return redirect(url_for("job.show", id=number), 303)


@import_file.get("/<id:id>")
@permission_required(*IMPORTS)
def show(id):
    """What would be stored, with every faulty cell; of a stored file, what was."""
    found = find_own(id, is_open=False)
    if found.stored_at:
        markers = [one["assay"] for one in parse(found.mapping).get("measurement", [])][:5]
        sections = _titled(found.counts["sections"])
        return render_template("import_file/stored.html", found=found, sections=sections, markers=markers)
    if found.job is not None and not found.job.is_over:
        return redirect(url_for("job.show", id=found.job_id))
    if found.checked is None:
        if found.job is not None and found.job.message and found.mapping:
            return render_template("import_file/failed.html", found=found)
        return redirect(url_for("import_file.map", id=id))
    return _preview(found)


#: Said of a form whose token is not of this session.
EXPIRED = _l("This page had expired. Nothing was stored, and what you typed is kept: send it again.")


def has_expired() -> bool:
    """Whether the form that was sent lacks the token of this session."""
    return not EmptyForm().validate_on_submit()


def _expired(found, typed=None, form=None):
    """The page again, with what was typed."""
    if found.checked is None or found.stored_at:
        raise Refusal(str(EXPIRED))
    note_fields("csrf_token")
    return _preview(found, form, refusal=EXPIRED, typed=typed)


def _preview(found, form=None, refusal=None, typed=None):
    """What would be stored; 422 where something forbids that."""
    has_faults = bool(found.checked["faults"])
    tab = request.args.get("rows")
    is_odd = has_faults or found.corrections or found.checked.get("asked")
    tab = tab if tab in ("faulty", "all") else "faulty" if is_odd else "all"
    number = read_integer(request.args.get("page") or "1", minimum=1)
    if has_faults and refusal is None:
        note_fields("cells")
    shown = window(found, number, tab == "faulty", typed)
    pages = Pages(number, shown.total, tab)
    if number > pages.pages:
        abort(404)
    general = general_faults(found, shown.columns)
    if tab == "faulty" and not shown.total and request.args.get("rows") is None:
        shown, tab = window(found, 1, False), "all"
        pages = Pages(1, shown.total, tab)
    return render_template(
        "import_file/show.html",
        found=found,
        checked=found.checked,
        sections=_titled(found.checked["counts"]),
        meanings=_meanings(uploads.mapping_of(found), shown.columns),
        window=shown,
        pages=pages,
        tab=tab,
        general=general,
        most=MOST_FAULTS,
        form=form or _store_form(found),
        replace=ReplaceForm(),
        refusal=refusal,
    ), 422 if has_faults or refusal or form else 200


def _store_form(found):
    return StoreForm(found.checked["update"], asks=bool(found.checked.get("asked")))


def _titled(counts):
    """The counts of each section by the title of its records."""
    return [(SECTIONS[name].model.titles[1], numbers) for name, numbers in counts.items() if any(numbers)]


def _meanings(mapping, columns) -> dict:
    """For each column the labels of the fields that it gives."""
    found = {column: [] for column in columns}
    for name, tables in mapping.origins.items():
        for origins in tables:
            for key, origin in origins.items():
                if origin.column in found:
                    assay = origins["assay"].constant if key == "value" else None
                    label = assay or label_of(CODE if key == "participant" else f"{name}.{key}")
                    found[origin.column] = [*dict.fromkeys([*found[origin.column], label])]
    return found


@import_file.post("/<id:id>/mend")
@permission_required(*IMPORTS)
@takes(**LIMITS)
def mend(id):
    """Put what was typed in the place of faulty cells, and check the file again."""
    found = find_own(id)
    if found.mapping is None or found.checked is None:
        raise Refusal(_("Map the columns first."), status=409)
    columns = uploads.mapped_columns(found, uploads.mapping_of(found))
    if has_expired():
        return _expired(found, _typed(columns))
    corrections = {row: cells and dict(cells) for row, cells in found.corrections.items()}
    for row in request.form.getlist("row"):
        if not (row.isascii() and row.isdigit() and len(row) < 8):
            abort(422)
        if request.form.get(f"out-{row}"):
            corrections[row] = None
            continue
        cells = corrections.pop(row, None) or {}
        for place, column in enumerate(columns):
            text = request.form.get(f"cell-{row}-{place}")
            if text is not None and text != request.form.get(f"was-{row}-{place}"):
                cells[column] = text
        if cells:
            corrections[row] = cells
    found.corrections = corrections
    return check_now(found, found.checked["update"])


def _typed(columns) -> dict[tuple[int, str], str]:
    """What the cells of the sent form hold."""
    rows = [row for row in request.form.getlist("row") if row.isascii() and row.isdigit()]
    return {
        (int(row), column): request.form[f"cell-{row}-{place}"]
        for row in rows
        for place, column in enumerate(columns)
        if f"cell-{row}-{place}" in request.form
    }


@import_file.post("/<id:id>/check")
@permission_required(*IMPORTS)
def check(id):
    """Check again: as if differing values were replaced, or kept."""
    found = find_own(id)
    if has_expired():
        return _expired(found)
    if found.mapping is None:
        raise Refusal(_("Map the columns first."), status=409)
    return check_now(found, update=request.form.get("update") == "1")


@import_file.post("/<id:id>/file")
@permission_required(*IMPORTS)
@takes(**LIMITS)
def replace(id):
    """The mended file in place of the first one, by the same mapping; or another mapping of the file."""
    found = find_own(id)
    form = ReplaceForm()
    if not form.validate_on_submit():
        if form.csrf_token.errors:
            return _expired(found)
        raise Refusal(" ".join(str(one) for one in form.file.errors))
    name, content = name_and_content(form.file.data)
    if name.lower().endswith(".toml"):
        text, trial = _given_mapping(content, found.trial)
        look_at(found, found.content, text)
        found.mapping, found.trial_id = text, trial and trial.id
    else:
        found.name = name
        look_at(found, content, found.mapping)
        found.content, found.corrections, found.checked = content, {}, None
    if found.mapping and found.outline:
        return check_now(found, update=bool(found.checked and found.checked["update"]))
    db.session.commit()
    return redirect(url_for("import_file.map", id=id), 303)


@import_file.post("/<id:id>/store")
@permission_required(*IMPORTS)
def store(id):
    """Store all of the file, or nothing; sent again, it leads to what is stored."""
    found = find_own(id, is_open=False)
    if found.stored_at:
        return redirect(url_for("import_file.show", id=id), 303)
    found = find_own(id)
    if has_expired():
        return _expired(found, form=found.checked and _store_form(found))
    if found.checked is None or found.checked["faults_count"]:
        raise Refusal(_("The file has faults, or is not checked; nothing was stored."), status=409)
    update = found.checked["update"]
    form = _store_form(found)
    if not form.validate():
        note_faults(form)
        return _preview(found, form)
    asked = {
        "update": update,
        "reason": form.reason.data if update else None,
        "confirmed": form.confirmed.data,
    }
    if _is_long(found):
        return _begin(found, _("Storing %(file)s", file=found.name), stores=True, **asked)
    if not uploads.store_file(found, **asked):
        flash(
            _("The stored records have changed, and now the file has faults. Nothing was stored."), "danger"
        )
    else:
        flash(_("The file is stored."), "success")
    return redirect(url_for("import_file.show", id=id), 303)


@import_file.post("/<id:id>/discard")
@permission_required(*IMPORTS)
def discard(id):
    """Throw a file away that is not stored."""
    found = find_own(id)
    if has_expired():
        return _expired(found)
    db.session.delete(found)
    db.session.commit()
    flash(_("The file is thrown away. Nothing of it was stored."), "success")
    return redirect(url_for("import_file.list"), 303)


# Files


@import_file.get("/<id:id>/mapping.toml")
@permission_required(*IMPORTS)
def mapping_file(id):
    """The mapping, as the command line reads it."""
    found = find_own(id, is_open=False)
    if found.mapping is None:
        abort(404)
    return _download(found.mapping, "application/toml", f"{PurePath(found.name).stem}.toml")


@import_file.get("/<id:id>/faults.csv")
@permission_required(*IMPORTS)
def faults_file(id):
    """Every fault and warning of the file: row, column, what is there, what would be right."""
    found = find_own(id, is_open=False)
    if found.checked is None:
        abort(404)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["kind", "row", "column", "value", "message"])
    for kind in ("faults", "asked", "warnings"):
        for one in found.checked.get(kind, ()):
            cells = [one[name] for name in ("row", "column", "value", "message")]
            writer.writerow(
                [kind.removesuffix("s").replace("asked", "to confirm"), *(harmless(cell) for cell in cells)]
            )
    return _download(file.getvalue(), "text/csv; charset=utf-8", "faults.csv")


def _download(text, kind, name):
    answer = Response(text, content_type=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer

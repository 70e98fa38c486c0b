"""The page on which the columns of a file to import are mapped, and the one that asks for its encoding."""

import sqlalchemy as sa
from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _

from tracker.exchange.guessing import guess_plan
from tracker.exchange.importing import refuse_sections
from tracker.exchange.mapping import read_mapping
from tracker.exchange.measurements import settle_assays
from tracker.exchange.outline import Outline, guess_source, likely_encoding, outline_of
from tracker.exchange.plan import Plan, content_of, parse, plan_of, toml
from tracker.exchange.source import SourceOptions, read_options
from tracker.exchange.uploads import kept_mappings
from tracker.extensions import db
from tracker.forms.import_file import ReplaceForm
from tracker.models import Assay
from tracker.values import Refusal
from tracker.views.access import permission_required, takes
from tracker.views.import_file import (
    EXPIRED,
    IMPORTS,
    LIMITS,
    check_now,
    find_own,
    has_expired,
    import_file,
    may_everything,
)
from tracker.views.mapping import DELIMITERS, ENCODINGS, MappingPage, plan_from, refuse_unusable


@import_file.route("/<id:id>/map", methods=["GET", "POST"])
@permission_required(*IMPORTS)
@takes(**LIMITS)
def map(id):
    """What each column holds: guessed from its name and values, or as in a kept mapping."""
    found = find_own(id)
    if request.method == "POST":
        return _set_encoding(found) if found.outline is None else _map(found)
    if found.outline is None:
        return _encoding_page(found)
    kept = kept_mappings(found)
    wanted = request.args.get("from")
    text, used = found.mapping, None
    if wanted is not None:
        used = next((one for one in kept if str(one.number) == wanted), None)
        text = used and _for_trial(used.text, found)
    elif text is None and kept:
        used = kept[0]
        text = _for_trial(used.text, found)
    plan = plan_of(parse(text)) if text else _guessed(found)
    return _map_page(found, plan, text, kept=kept, used=used)


def _for_trial(text, found):
    """A kept mapping, for the trial of this file."""
    content = parse(text)
    if found.trial is not None:
        content["trial"] = {"code": found.trial.code}
    return toml(content)


def _guessed(found) -> Plan:
    assays = [*db.session.scalars(sa.select(Assay.name).order_by(Assay.name))]
    trial = {"code": found.trial.code} if found.trial else {}
    outline = Outline.from_json(found.outline)
    source = (
        parse(found.mapping).get("source", {}) if found.mapping else guess_source(found.name, found.content)
    )
    return guess_plan(outline, source, trial, assays, may_everything())


def _map(found):
    if request.form.get("from_file") and has_expired():
        raise Refusal(str(EXPIRED))
    if request.form.get("from_file"):  # a mapping that a page cannot show is used as it is
        text = found.mapping or next(
            (one.text for one in kept_mappings(found) if str(one.number) == request.form["from_file"]), None
        )
        if text is None:
            abort(404)
        found.mapping = _for_trial(text, found) if found.mapping is None else text
        return check_now(found, update=False)
    outline = Outline.from_json(found.outline)
    before = (plan_of(parse(found.mapping)) if found.mapping else None) or _guessed(found)
    if found.trial is not None:
        before.trial = {"code": found.trial.code}
    plan = plan_from(request.form, outline, before)
    if has_expired():
        return _map_page(found, plan, None, refusal=Refusal(str(EXPIRED)))
    refusal = None
    try:
        if plan.source != before.source:
            outline = outline_of(found.name, found.content, read_options(plan.source))
            found.outline = outline.as_json()
            found.corrections = {}
        if "check" in request.form:
            refuse_unusable(plan)
            text = toml(content_of(plan))
            mapping = read_mapping(text.encode())
            refuse_sections(mapping)
            settle_assays(mapping)
            found.mapping = text
            return check_now(found, update=False)
        db.session.commit()
    except Refusal as caught:
        if caught.status in (403, 404):
            raise
        db.session.rollback()
        refusal = caught
    return _map_page(find_own(found.id), plan, None, refusal=refusal)


def _map_page(found, plan, text, kept=(), used=None, refusal=None):
    page = None
    if plan is not None:
        page = MappingPage(plan, Outline.from_json(found.outline), found.trial, may_everything())
    return render_template(
        "import_file/map.html",
        found=found,
        page=page,
        text=text,
        kept=kept,
        used=used,
        refusal=refusal,
        encodings=ENCODINGS,
        delimiters=DELIMITERS,
        form=ReplaceForm(),
    ), 422 if refusal else 200


def _encoding_page(found, refusal=None):
    try:
        outline_of(found.name, found.content, SourceOptions())
    except Refusal as why:
        refusal = refusal or why
    likely = likely_encoding(found.content) or "cp1252"
    start = found.content[:2000].decode(likely, errors="replace").splitlines()[:5]
    return render_template(
        "import_file/encoding.html",
        found=found,
        refusal=refusal,
        encodings=ENCODINGS,
        likely=likely,
        start=start,
    ), 422 if request.method == "POST" else 200


def _set_encoding(found):
    """The encoding that the page asked for."""
    encoding = request.form.get("encoding", "")
    if has_expired():
        return _encoding_page(found, Refusal(str(EXPIRED)))
    if encoding not in ENCODINGS:
        return _encoding_page(found, Refusal(_("Choose one of: %(names)s.", names=", ".join(ENCODINGS))))
    content = parse(found.mapping) if found.mapping else {}
    source = content.get("source") or guess_source(found.name, found.content)
    source["encoding"] = encoding
    try:
        found.outline = outline_of(found.name, found.content, read_options(source)).as_json()
    except Refusal as refusal:
        return _encoding_page(found, refusal)
    if content:
        found.mapping = toml({"source": source} | content)
        return check_now(found, update=False)
    plan = _guessed(found)
    plan.source = source
    found.mapping = toml(content_of(plan))
    db.session.commit()
    return redirect(url_for("import_file.map", id=found.id), 303)

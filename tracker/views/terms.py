"""The code lists, searched: what a field suggests while one types, and a page to look things up."""

from flask import Blueprint, abort, render_template, request
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

from tracker import clock
from tracker.roles import Permission
from tracker.terms.codes import ctcae_terms, diagnoses, tissues
from tracker.values import Refusal, read_date, read_text
from tracker.views.access import permission_required

terms = Blueprint("terms", __name__, url_prefix="/terms")

_LISTS = {
    diagnoses: _l("Diagnoses (OncoTree)"),
    tissues: _l("Tumor locations (OncoTree)"),
    ctcae_terms: _l("Adverse events (CTCAE 5)"),
}
_FOUND_AT_MOST = 50


@terms.get("/<name>")
@permission_required(Permission.READ_TRIALS)
def list(name):
    """The terms of a list that have the words; the words come under any name, as a form's field sends its own."""
    codes = next((codes for codes in _LISTS if codes.name == f"{name}.csv"), None) or abort(404)
    words = next((text for text in request.args.values() if text), "")
    text = read_text(words, maximum=200) or ""
    language = str(get_locale())
    found = [(code, codes.label(code, language)) for code in codes.search(text, _FOUND_AT_MOST)]
    return render_template("terms/list.html", title=_LISTS[codes], text=text, found=found)


@terms.get("/day")
@permission_required(Permission.READ_TRIALS)
def day():
    """What a date that was typed is understood as; the text comes under any name, as a field sends its own."""
    text = next((text for text in request.args.values() if text), "")
    understood = fault = None
    try:
        understood = read_date(text, today=clock.today())
    except Refusal as refusal:
        fault = refusal.message
    return render_template("terms/day.html", text=text, understood=understood, fault=fault)

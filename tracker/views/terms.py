"""The code lists, searched: what a field suggests while one types, and a page to look things up."""

from flask import Blueprint, abort, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _

from tracker.roles import Permission
from tracker.terms.codes import diagnoses, tissues
from tracker.values import read_text
from tracker.views.access import permission_required

terms = Blueprint("terms", __name__, url_prefix="/terms")

_LISTS = {codes.name.removesuffix(".csv"): codes for codes in (diagnoses, tissues)}
_FOUND_AT_MOST = 50


@terms.get("/<name>")
@permission_required(Permission.READ_TRIALS)
def list(name):
    """The terms of a list that have the words; the words come under any name, as a form's field sends its own."""
    codes = _LISTS.get(name) or abort(404)
    words = next((text for text in request.args.values() if text), "")
    text = read_text(words, maximum=200) or ""
    language = str(get_locale())
    found = [(code, codes.label(code, language)) for code in codes.search(text, _FOUND_AT_MOST)]
    title = _("Diagnoses (OncoTree)") if codes is diagnoses else _("Tumor locations (OncoTree)")
    return render_template("terms/list.html", title=title, text=text, found=found)

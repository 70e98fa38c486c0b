"""How a record's attribute is printed in a list, or beside its label."""

from flask import current_app
from flask_babel import gettext as _
from markupsafe import Markup, escape

from tracker.models import Query
from tracker.reads.masking import is_masked
from tracker.views.oversight import field_label
from tracker.views.pages import has_page, shown, shown_field, url


def init_app(app):
    app.add_template_global(cell)
    app.add_template_global(record_link)


def cell(record, name, stale=()) -> str:
    """Masked where it must be, a link where it leads to a record, a badge where it is a state.

    stale: the ids of the records that rest on a report whose data have changed since.
    """
    value = getattr(record, name)
    if is_masked(record, name):
        return Markup('<span class="muted">{}</span>').format(_("masked"))
    if value is None or value == []:
        return "—"
    if name == "reported_outcome":
        return _badge(value.best_overall_response)
    if has_page(value):
        return record_link(value)
    if name in ("status", "best_overall_response"):
        is_stale = name == "status" and record.id in stale
        return _badge(value) + (" " + _badge(_("Stale"), "warn") if is_stale else "")
    if name == "components":
        return " + ".join(str(component.agent) for component in value)
    if isinstance(record, Query):
        if name == "state":
            return _badge(value, "warn" if value == "open" else None)
        if name == "field":
            return field_label(record.record_type, value)
        if name == "created_at":
            return Markup('<span class="nowrap">{}</span>').format(shown(value.date()))
    return shown_field(record, name)


def record_link(record, text=None, is_code=False) -> Markup:
    """A link to a record's page, and what must be said wherever its name stands. text: what is linked, if not that."""
    name, css = escape(str(record) if text is None else text), ' class="code"' if is_code else ""
    link = Markup(f'<a{css} href="{escape(url(record))}">{name}</a> ')
    return link + _macros("values").research_flag(record) if hasattr(record, "is_not_for_research") else link


def _badge(term, tone=None) -> Markup:
    return _macros("pages").badge(term, tone)


def _macros(name):
    return current_app.jinja_env.get_template(f"macros/{name}.html").module

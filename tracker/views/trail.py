"""The trail: all that was done, as far as the reader may know of it, the latest first; and as a file."""

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from tracker.actions import note_export
from tracker.exchange.trail import trail_file
from tracker.extensions import db
from tracker.reads.masking import masked_trials
from tracker.reads.pages import Filter
from tracker.reads.trail import ABOUT_ACCOUNTS, trail_conditions, trail_page
from tracker.roles import Permission
from tracker.scope import reader
from tracker.terms.account import Action
from tracker.values import Refusal, read_date, read_text
from tracker.views.access import permission_required
from tracker.views.pages import shown
from tracker.views.records import KINDS

trail = Blueprint("trail", __name__, url_prefix="/trail")

#: Who takes the trail away as a file, that of everything or that of accounts; and who reads a part of it besides.
_FILING = (Permission.READ_WHOLE_TRAIL, Permission.READ_ACCOUNT_TRAIL)
_READING = (*_FILING, Permission.READ_TRIAL_TRAIL, Permission.READ_OWN_TRAIL)


@trail.get("/")
@permission_required(*_READING)
def index():
    """All that was done, narrowed by who, what and when."""
    known = {"q", "action", "record_type", "since", "until", "page"}
    for name in request.args:
        if name not in known:
            raise Refusal(
                _("There is no parameter of that name; there are: %(names)s.", names=", ".join(sorted(known)))
            )
    kinds = _kinds()
    filters = [
        _filter("action", _("What was done"), [(action.value, action.label) for action in Action]),
        _filter("record_type", _("Kind of record"), sorted(kinds.items(), key=lambda one: one[1])),
    ]
    action, record_type = (one.chosen[0] if one.chosen else None for one in filters)
    days = {name: _day(name) for name in ("since", "until")}
    who = read_text(request.args.get("q"))
    conditions = trail_conditions(who, action and Action(action), record_type, **days)
    page = trail_page(conditions, filters, request.args)
    is_narrowed = page.is_narrowed or any(days.values())
    return render_template(
        "trail/index.html",
        page=page,
        days=days,
        is_narrowed=is_narrowed,
        kinds=kinds,
        address=_address,
        told=_told,
        fields=_fields,
        masked=_masked(),
        has_values=any(map(current_user.may, _FILING)),
    )


@trail.get("/trail.csv")
@permission_required(*_FILING)
def file():
    """All of it that the reader may see, as one file."""
    note_export("trail")
    answer = Response(trail_file(), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename="trail.csv")
    return answer


def _kinds() -> dict[str, str]:
    """The kinds of records that the reader's trail tells of, and what else it does."""
    kinds = {name: str(kind.titles[0]) for name, kind in KINDS.items()}
    if current_user.may(Permission.READ_ACCOUNT_TRAIL):
        return {name: kinds[name] for name in ABOUT_ACCOUNTS}
    return kinds | {
        "report": _("Report"),
        "trail": _("Trail"),
        "database": _("Database"),
        "records": _("All records"),
        "audit_event": _("Event of the trail"),
    }


def _filter(name, label, options):
    chosen = [text for text in request.args.getlist(name) if text]
    if len(chosen) > 1 or set(chosen) - {value for value, _label in options}:
        raise Refusal(_("%(parameter)s: %(message)s", parameter=name, message=_("Choose one of the list.")))
    return Filter(name, label, options, chosen)


def _day(name):
    try:
        return read_date(request.args.get(name))
    except Refusal as refusal:
        raise Refusal(_("%(parameter)s: %(message)s", parameter=name, message=refusal.message)) from None


def _address(event):
    """Where the record's own history is, if the reader may open it."""
    endpoint = f"{event.record_type}.history"
    view = current_app.view_functions.get(endpoint)
    if view is None or not event.record_id or not any(current_user.may(one) for one in view.permissions):
        return None
    return url_for(endpoint, id=event.record_id)


def _masked() -> frozenset[int]:
    """The trials of whose events no reason is shown to the reader: it may tell an arm."""
    if reader().sees_masked_arms or current_user.may(Permission.READ_ACCOUNT_TRAIL):
        return frozenset()
    return frozenset(db.session.scalars(masked_trials()))


def _fields(event) -> list[str]:
    """What the event is about, without values: those stand in the record's history, as far as the reader sees them."""
    return list(dict.fromkeys(name.partition(".")[0].replace("_", " ") for name in event.changes))


def _told(event):
    """(field, old, new) of each value."""
    return [
        (name.replace("_", " "), *(None if value is None else shown(value) for value in pair))
        for name, pair in event.changes.items()
    ]

"""What every page has: its language and theme, its navigation, and how a value is shown."""

import datetime
import functools
import hashlib
from pathlib import Path
from urllib.parse import quote

from flask import current_app, request, url_for
from flask_babel import format_date, format_datetime, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from tracker import locking
from tracker.models import Measurement, Participant, Record
from tracker.models.participant import study_day
from tracker.reads.masking import is_masked
from tracker.roles import Permission
from tracker.terms.base import Term
from tracker.terms.codes import ctcae_socs, ctcae_terms, diagnoses, tissues
from tracker.values import INTEGER_LIMIT

THEMES = ("light", "dark")

#: Attributes that hold a code of a code list, under this name in every model.
CODED = {
    "tumor_location": tissues,
    "diagnosis": diagnoses,
    "soc": ctcae_socs,
    "ctcae_term": ctcae_terms,
    "term": ctcae_terms,
}


def init_app(app):
    app.context_processor(_for_every_page)
    app.add_template_global(icon)
    app.add_template_filter(shown)
    app.add_template_filter(long_day)


def chosen_language() -> str:
    """The language of the cookie, else the best that the browser asks for."""
    languages = current_app.config["LANGUAGES"]
    cookie = request.cookies.get("language") if request else None
    if cookie in languages:
        return cookie
    return (request.accept_languages.best_match(languages) if request else None) or languages[0]


def shown(value) -> str:
    """A stored value as a page shows it."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Term):
        return str(value.label)
    if isinstance(value, datetime.datetime):
        return _("%(instant)s UTC", instant=format_datetime(value, "yyyy-MM-dd HH:mm", rebase=False))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.15g}".replace(".", "," if str(get_locale()) == "fr" else ".")
    return str(value)


def long_day(day: datetime.date) -> str:
    """A date in words, so that nobody takes the month for the day."""
    return format_date(day, "full")


def shown_field(record, name) -> str:
    """An attribute of a record as the reader may see it; a code of a code list as its label."""
    if is_masked(record, name):
        return _("masked")
    value = getattr(record, name)
    if name == "record_type":
        return _kind_title(value)
    if name == "question" and record.rule:
        value = _(value)  # a rule's own words, which the catalogue has
    owner = record if isinstance(record, Participant) else getattr(record, "participant", None)
    if owner is not None and owner.undated and name.endswith("_on") and value is not None:
        return shown_study_day(value)
    if name == "value" and isinstance(record, Measurement):
        return str(record) if value is not None else shown(None)
    if isinstance(value, list):
        return "; ".join(str(part) for part in value)
    codes = CODED.get(name)
    if codes is not None and value in codes:
        return codes.label(value, str(get_locale()))
    return shown(value)


def _kind_title(name) -> str:
    """What a record of this kind is called."""
    return next((str(one.titles[0]) for one in Record.__subclasses__() if one.__tablename__ == name), name)


def shown_study_day(date: datetime.date) -> str:
    return _("day %(day)d", day=study_day(date))


def url(record: Record, action: str = "show", **more) -> str:
    """The address of a record's page, or of what can be done with it."""
    if more:
        return url_for(f"{record.__tablename__}.{action}", id=record.id, **more)
    before, after = _around_id(f"{record.__tablename__}.{action}", request.script_root)
    return f"{before}{record.id}{after}"


@functools.cache
def _around_id(endpoint, root) -> tuple[str, str]:
    """What stands before and after the number in the addresses of these pages, below this root."""
    before, _number, after = url_for(endpoint, id=INTEGER_LIMIT).rpartition(str(INTEGER_LIMIT))
    return before, after


def has_page(value) -> bool:
    """Whether it is a record that the reader may open."""
    return isinstance(value, Record) and may_open(f"{value.__tablename__}.show")


def may_open(endpoint: str) -> bool:
    """Whether the reader's role may open pages of this kind."""
    view = current_app.view_functions.get(endpoint)
    return view is not None and any(current_user.may(permission) for permission in view.permissions)


def _for_every_page():
    theme = request.cookies.get("theme")
    return {
        "app_name": current_app.config["APP_NAME"],
        "is_demo": current_app.config["IS_DEMO"],
        "theme": theme if theme in THEMES else "light",
        "get_locale": get_locale,
        "csrf_token": generate_csrf,
        "static": static,
        "navigation": navigation() if current_user.is_authenticated else [],
        "Permission": Permission,
        "url": url,
        "shown": shown,
        "shown_field": shown_field,
        "is_masked": is_masked,
        "told_of_lock": locking.told,
        "views": current_app.view_functions,
        "has_page": has_page,
        "may_open": may_open,
    }


#: The side bar, in sections: title, and of each entry its label, what it opens, its icon and who may open it.
_NAVIGATION = [
    (
        None,
        [
            (_l("Overview"), "home.index", "speedometer2", Permission.USE_OWN_ACCOUNT),
            (_l("Participants"), "participant.list", "people", Permission.READ_PARTICIPANTS),
            (
                _l("Adverse events"),
                "adverse_event.list",
                "exclamation-triangle",
                Permission.READ_PARTICIPANTS,
            ),
            (_l("Queries"), "query.list", "question-circle", Permission.READ_PARTICIPANTS),
            (_l("Trials"), "trial.list", "diagram-3", Permission.READ_TRIALS),
            (_l("Regimens"), "regimen.list", "capsule", Permission.READ_TRIALS),
            (_l("Agents"), "agent.list", "bandaid", Permission.READ_TRIALS),
            (_l("Specimens"), "specimen.list", "upc-scan", Permission.READ_SPECIMENS),
            (_l("Measurements"), "measurement.list", "clipboard-data", Permission.READ_SPECIMENS),
            (_l("Biomarkers"), "biomarker.list", "droplet", Permission.READ_FINDINGS),
            (_l("Hypotheses"), "hypothesis.list", "lightbulb", Permission.READ_FINDINGS),
            (_l("Findings"), "finding.list", "clipboard-check", Permission.READ_FINDINGS),
            (_l("Reference results"), "reference_result.list", "journal-text", Permission.READ_TRIALS),
            (_l("Imports"), "import_file.list", "upload", Permission.IMPORT_EVERYTHING),
            (_l("Imports"), "import_file.list", "upload", Permission.IMPORT_SPECIMENS),
        ],
    ),
    (
        _l("Analysis"),
        [
            (_l("Outcomes"), "reports.outcomes", "graph-up", Permission.READ_REPORTS),
            (_l("Reports"), "reports.index", "file-earmark-text", Permission.READ_REPORTS),
            (_l("Frozen reports"), "report_snapshot.list", "file-earmark-lock", Permission.READ_REPORTS),
            (_l("Signatures"), "signature.list", "vector-pen", Permission.READ_REPORTS),
        ],
    ),
    (
        _l("Administration"),
        [
            (_l("Accounts"), "user.list", "person-badge", Permission.EDIT_ACCOUNTS),
            (_l("Audit trail"), "trail.index", "clock-history", Permission.READ_WHOLE_TRAIL),
            (_l("Audit trail"), "trail.index", "clock-history", Permission.READ_ACCOUNT_TRAIL),
            (_l("Audit trail"), "trail.index", "clock-history", Permission.READ_TRIAL_TRAIL),
            (_l("Audit trail"), "trail.index", "clock-history", Permission.READ_OWN_TRAIL),
        ],
    ),
]


def navigation() -> list[dict]:
    """The side bar: what this role may open, in sections."""
    here, reports = request.path, url_for("reports.index")
    return [
        {
            "label": label,
            "items": [
                {
                    "label": text,
                    "href": address,
                    "icon": icon,
                    "active": here == address or (address not in ("/", reports) and here.startswith(address)),
                }
                for text, address, icon in entries
            ],
        }
        for label, entries in _entries(current_user.role, str(get_locale()), request.script_root)
    ]


@functools.cache
def _entries(role, language, root) -> list[tuple]:
    """The sections of this role, in this language, with the addresses below this root."""
    sections = [
        (
            label and str(label),
            [
                (str(text), _address(endpoint), icon)
                for text, endpoint, icon, permission in entries
                if role.may(permission)
            ],
        )
        for label, entries in _NAVIGATION
    ]
    return [(label, entries) for label, entries in sections if entries]


def _address(endpoint):
    if endpoint == "reports.outcomes":
        return url_for("reports.show", slug="outcomes")
    return url_for(endpoint)


def icon(name: str, label: str | None = None) -> Markup:
    """An icon of the vendor's icons.svg. It is decoration: say the same in text beside it, or give `label`."""
    return _drawn(name, label and str(label), request.script_root)


@functools.lru_cache(1000)
def _drawn(name, label, root):
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    address = f"{root}{_stamped('vendor/bootstrap-icons-1.13.2/icons.svg')}#{name}"
    return Markup('<svg class="icon" {} viewBox="0 0 16 16"><use href="{}"></use></svg>').format(
        said, address
    )


def static(path: str) -> str:
    """The address of a static file, with a stamp of its content so that browsers may keep it."""
    return request.script_root + _stamped(path)


@functools.cache
def _stamped(path):
    stamp = hashlib.sha256((Path(current_app.static_folder) / path).read_bytes()).hexdigest()[:10]
    return f"{current_app.static_url_path}/{quote(path)}?v={stamp}"

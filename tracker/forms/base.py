"""How a record is entered: the form that all record forms extend."""

import datetime
import functools
import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask import current_app, has_request_context, request
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from pandas.api.extensions import ExtensionArray
from werkzeug.datastructures import MultiDict
from wtforms.i18n import get_translations

from tracker import clock
from tracker.extensions import db
from tracker.forms.fields import CheckboxField, CodeField, HiddenField, OwnerField, RowsField, TextField
from tracker.models import Draft, Record
from tracker.reads.draft import draft_at, form_address
from tracker.rules.checks import Finding, Weight, checked_columns, run_checks
from tracker.rules.privacy import NAMING, find_personal, find_personal_in_code
from tracker.values import Refusal

#: A form's key, as `uuid4` writes it.
KEY = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Warned:
    """What the checks found that a person may overrule. text: what was typed. told: what the trail says of it."""

    field: str
    label: str
    message: str
    text: str
    told: str


@dataclass
class Conflict:
    """What somebody else stored while this form was open."""

    stored: str
    who: str
    when: str


class RecordForm(FlaskForm):
    """The form of one record. Sections: (title, names of fields), in the order of the page."""

    class Meta:
        def get_translations(self, form):
            return _words_of_wtforms(str(get_locale()))

    model: ClassVar[type[Record]]
    sections: ClassVar[list[tuple]] = []
    #: The field that must be known before the form makes sense, such as a participant's trial.
    needs: ClassVar[str | None] = None
    #: What its button says, where that is not "Save".
    submit_label: ClassVar[str | None] = None
    version = HiddenField()
    submission = HiddenField()
    reason = TextField(
        _l("Reason for the change"),
        multiline=True,
        maximum=1000,
        optional=True,
        help=_l(
            "Asked when a stored value changes, or where a warning is overruled. It stands in the history."
        ),
    )
    confirmed = CheckboxField(_l("I have checked that this identifies nobody"))
    #: The digest of the texts that were asked about: the tick holds for those, not for others typed since.
    confirmed_texts = HiddenField()

    def __init__(self, record=None, **kwargs):
        self.record = record
        self.warnings: list[Warned] = []
        self.found: list[Finding] = []  # by the checks, when the form was validated
        self.asks_confirmation = False
        self.confirmed_words: str | None = None  # what was confirmed: the fields and the kinds, never a text
        self.asks_reason = record is not None and record.needs_reason
        #: Where what is typed is kept, and what was typed here before and not saved.
        self.draft_address = form_address() if _keeps_draft() and "formdata" not in kwargs else None
        self.draft: Draft | None = None
        if self.draft_address and not self.is_submitted():
            self.draft = draft_at(self.draft_address)
        self._fill(record, kwargs)
        if not self.is_filled or kwargs.get("formdata", self) is None:
            self.version.data = "" if record is None else str(record.version)
            self.submission.data = str(uuid.uuid4())

    def _fill(self, record, kwargs):
        """Take what was sent, or typed before; a record in it that the reader sees no more is left out."""
        typed = MultiDict(self.draft.fields) if self.draft else None
        while typed is not None:
            try:
                return super().__init__(obj=record, **{**kwargs, "formdata": typed})
            except Refusal as refusal:
                if typed.poplist(refusal.field) == []:
                    self.draft = typed = None
        return super().__init__(obj=record, **kwargs)

    @property
    def is_filled(self) -> bool:
        """Whether somebody typed what it holds, now or before."""
        return self.is_submitted() or self.draft is not None

    @property
    def names(self) -> list[str]:
        """The fields of the record itself."""
        return [name for _title, names in self.sections for name in names if name in self]

    def told(self, record, is_new) -> str:
        """What the next page says when the record is stored."""
        name = str(record)
        return _("%(record)s is stored.", record=name) if is_new else _("%(record)s is changed.", record=name)

    @property
    def first_field(self):
        """Where typing begins on a form that is opened anew."""
        if self.is_submitted():
            return None
        return next((self[name] for name in self.names if not isinstance(self[name], OwnerField)), None)

    @property
    def is_undated(self) -> bool:
        """Whether it is about a participant who came without dates: then its days are study days."""
        owner = self["participant"].data if "participant" in self else self.record
        return bool(getattr(owner, "undated", False))

    @property
    def wants_rows(self) -> bool:
        """Whether the form was sent only to add or remove a row, or to copy what was found before."""
        return self.is_submitted() and bool(request.form.keys() & {"add", "remove", "copy"})

    @property
    def is_stale(self) -> bool:
        """Whether the record was saved by somebody else since this form was opened."""
        return self.record is not None and self.version.data != str(self.record.version)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if self.csrf_token.errors:
            self.csrf_token.errors = [_("This form has expired. Nothing was stored; send it again.")]
        if not KEY.fullmatch(self.submission.data or ""):
            self.submission.errors = [_("This form is damaged. Open it anew.")]
            sound = False
        return self._run_checks() and sound

    def _run_checks(self):
        """The shared checks on what was typed; True when nothing stands in the way."""
        refused = False
        by_weight = {Weight.REASON: [], Weight.CONFIRM: []}
        self.found = self.findings()
        for found in self.found:
            field = self.field_of(found.check.field)
            if found.check.weight is Weight.QUERY:
                continue  # it does not stand in the way: a query is opened when the record is stored
            if found.check.weight is Weight.REFUSE:
                if found.message not in self[field].errors:
                    self[field].errors = [*self[field].errors, found.message]
                refused = True
            else:
                by_weight[found.check.weight].append(self._warned(field, found.message))
        asked = by_weight[Weight.CONFIRM] + self._personal_data()
        self.warnings = by_weight[Weight.REASON] + asked
        self.asks_confirmation = bool(asked)
        digest = self._digest(asked)
        if self.confirmed_texts.data not in (None, "", digest):
            self.confirmed.data = False
        self.confirmed_texts.data, self.confirmed_texts.raw_data = digest, None
        if by_weight[Weight.REASON]:
            self.asks_reason = True
            if not self.reason.data:
                self.reason.errors = [
                    *self.reason.errors,
                    _("Give the reason, or change what the warning names."),
                ]
                refused = True
        if self.asks_confirmation and not self.confirmed.data:
            self.confirmed.errors = [_("Tick this to confirm, or change what the warning names.")]
            refused = True
        self.confirmed_words = "; ".join(dict.fromkeys(one.told for one in asked)) or None
        return not refused

    def _digest(self, asked) -> str:
        """Of the texts that are asked about."""
        texts = "\0".join(f"{one.field}={one.text}" for one in asked)
        return hashlib.sha256(texts.encode()).hexdigest()[:16] if asked else ""

    def field_of(self, name) -> str:
        """The form's field that shows what a check says of a stored field."""
        return name if name in self else self.names[0]

    def findings(self):
        """What the shared checks find in what was typed."""
        return run_checks(self.model.__tablename__, self.as_row())

    def _warned(self, name, message):
        return self._asked(self[name], message, str(message))

    def _asked(self, field, message, kind):
        with force_locale("en"):  # the trail is kept in one language
            told = f"{field.short_name}: {kind}"
        return Warned(field.id, field.label.text, message, str(field.data), told)

    def _personal_data(self):
        """What may identify a person in any text that is new, beside its field too."""
        asked = []
        for field in self._typed_texts():
            if isinstance(field, CodeField):
                found = find_personal_in_code(field.data)
            else:
                found = find_personal(field.data, names=field.free and field.short_name not in NAMING)
            for one in found:
                message = _("“%(words)s” may be %(kind)s.", words=_cut(one.words), kind=one.label)
                field.cautions = [*field.cautions, message]
                asked.append(self._asked(field, message, one.label))
        return asked

    def _typed_texts(self):
        """The texts that are new: what is stored was confirmed when it was stored."""
        texts = [(field, self.record) for field in self]
        for field in self:
            if isinstance(field, RowsField):
                parts = {str(part.id): part for part in getattr(self.record, field.short_name, None) or ()}
                texts += [(cell, parts.get(entry.form.id.data)) for entry in field for cell in entry.form]
        return [
            field
            for field, stored in texts
            if isinstance(field, (TextField, CodeField)) and isinstance(field.data, str) and field.data
            if getattr(stored, field.short_name, None) != field.data
        ]

    def as_row(self) -> pd.DataFrame:
        """The record as it would be stored: one row, with the columns that `rules.checks` speaks of."""
        return self.row_of({name: self[name].data for name in self.names}, self.more_columns())

    def row_of(self, values: dict, more: dict) -> pd.DataFrame:
        """A row of the columns that the checks look at: these values, what is stored beside them, and more."""
        looked_at = checked_columns(self.model.__tablename__)
        columns = {"today": _column(clock.today(), datetime.date)}
        for name, kind in _kinds(self.model).items():
            if name in looked_at:
                value = values[name] if name in values else self.record and getattr(self.record, name)
                columns[name] = _column(value, kind)
        for relationship in sa.inspect(self.model).relationships:
            name = relationship.key
            if name in values and relationship.direction.name == "MANYTOONE":
                chosen = values[name]
                columns[f"{name}_id"] = _column(chosen and chosen.id, int)
                for key, kind in _kinds(relationship.mapper.class_).items():
                    if f"{name}_{key}" in looked_at:
                        columns[f"{name}_{key}"] = _column(chosen and getattr(chosen, key), kind)
        columns |= {name: _column(value, type(value)) for name, value in more.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(1))

    def more_columns(self) -> dict:
        """What else the checks of this record need to know, by column name."""
        return {}

    def populate_obj(self, record):
        with db.session.no_autoflush:
            for name in self.names:
                if self[name].differs(record):
                    self[name].populate_obj(record, name)

    @property
    def conflicting(self) -> list[str]:
        """After a stale save: the fields in which what was typed is not what is stored now."""
        return [name for name in self.names if self[name].differs(self.record)]

    def show_conflicts(self, shown, who, when):
        """Say beside each of them what is stored now; to save once more is to overrule it.

        shown: from a field's name to its stored value in words.
        """
        for name in self.conflicting:
            self[name].conflict = Conflict(shown(name), who, when)
        self.version.data = str(self.record.version)
        self.version.raw_data = None


def _cut(words, most=60):
    return words if len(words) <= most else f"{words[:most]}…"


def _keeps_draft():
    return has_request_context() and hasattr(current_app.view_functions.get(request.endpoint), "keeps_draft")


@functools.cache
def _words_of_wtforms(language):
    """The messages of WTForms itself, which Flask-WTF would read from their file at every request."""
    return get_translations([language])


@functools.cache
def _kinds(model) -> dict[str, type]:
    """The Python type of each column of a model."""
    return {column.key: column.columns[0].type.python_type for column in sa.inspect(model).column_attrs}


def _column(value, kind) -> np.ndarray | ExtensionArray:
    """A column of one cell, of the type that `rules.checks` expects even where the cell is missing."""
    if issubclass(kind, bool):
        return pd.array([value], dtype="boolean") if value is None else np.array([value], dtype=bool)
    if issubclass(kind, (int, float)):
        return np.array([value], dtype="float64")
    if issubclass(kind, datetime.datetime):
        return pd.to_datetime([value])
    if issubclass(kind, datetime.date):
        return np.array([value], dtype="datetime64[us]")
    return pd.array([None if value is None else str(value)], dtype="str")

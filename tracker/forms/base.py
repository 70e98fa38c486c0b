"""How a record is entered: fields that read text by `values`, and the form that all record forms extend.

A field's name is its model's attribute. Whatever is wrong stands beside its field, and what was typed stays.
"""

import datetime
import uuid
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import sqlalchemy as sa
import wtforms
from flask import request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup, escape
from wtforms import widgets

from tracker import clock, values
from tracker.extensions import db
from tracker.models import Record
from tracker.rules.checks import Weight, personal_data, run_checks
from tracker.values import Refusal


class ValueField(wtforms.Field):
    """A field of one value: its text is read by `read`, which refuses by raising Refusal."""

    widget = widgets.TextInput()
    kind = "text"

    #: What was stored meanwhile, when the save was stale.
    conflict = None

    def __init__(self, label=None, *, optional=False, help="", **kwargs):
        super().__init__(label, description=help, **kwargs)
        self.optional = optional
        self.flags.required = not optional

    def read(self, text):
        raise NotImplementedError

    def written(self, value) -> str:
        """The value as the form writes it."""
        return str(value)

    def process_formdata(self, valuelist):
        self.data = None
        if len(valuelist) > 1:
            raise ValueError(_("This field was sent twice; send it once."))
        try:
            self.data = self.read(valuelist[0]) if valuelist else None
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            raise ValueError(refusal.message) from None
        if self.data is None and not self.optional:
            raise ValueError(self.missing())

    def missing(self):
        return _("Fill this in; it is required.")

    def _value(self):
        if self.raw_data:
            return self.raw_data[0]
        return "" if self.data is None else self.written(self.data)


class TextField(ValueField):
    """Text on one line, or on several. `free`: it may hold a person's name by mistake, so it is looked at."""

    def __init__(self, label=None, *, maximum=200, multiline=False, free=True, **kwargs):
        super().__init__(label, **kwargs)
        self.maximum, self.multiline, self.free = maximum, multiline, free
        self.flags.maxlength = maximum
        if multiline:
            self.kind, self.widget = "textarea", widgets.TextArea()

    def read(self, text):
        return values.read_text(text, multiline=self.multiline, maximum=self.maximum)


class CodeField(ValueField):
    """A code by which people and files name the record."""

    def __init__(self, label=None, *, maximum=40, **kwargs):
        super().__init__(label, **kwargs)
        self.maximum = maximum
        self.flags.maxlength = maximum

    def read(self, text):
        return values.read_code(text, self.maximum)


class NumberField(ValueField):
    kind = "number"

    def __init__(self, label=None, *, minimum=None, maximum=None, **kwargs):
        super().__init__(label, **kwargs)
        self.minimum, self.maximum = minimum, maximum

    def read(self, text):
        mark = "," if str(get_locale()) == "fr" else "."
        # A French reader may write either mark; an English one may not, because 1,000 is a thousand there.
        return values.read_number(text, decimal=mark + "." if mark == "," else mark, **self._bounds())

    def written(self, value):
        return f"{value:.15g}".replace(".", "," if str(get_locale()) == "fr" else ".")

    def _bounds(self):
        return {"minimum": self.minimum, "maximum": self.maximum}


class IntegerField(NumberField):
    def read(self, text):
        given = {name: bound for name, bound in self._bounds().items() if bound is not None}
        return values.read_integer(text, **given)


class YearField(ValueField):
    kind = "number"

    def read(self, text):
        return values.read_year(text)


class DateField(ValueField):
    """A day: ISO, 12mar26, or t-3 for three days ago."""

    kind = "date"

    def read(self, text):
        return values.read_date(text, today=clock.today())

    def written(self, value):
        return value.isoformat()


class CheckboxField(ValueField):
    """Yes or no; unticked is no."""

    kind = "checkbox"
    widget = widgets.CheckboxInput()

    def __init__(self, label=None, **kwargs):
        super().__init__(label, optional=True, **kwargs)

    def process_formdata(self, valuelist):
        super().process_formdata(valuelist)
        self.data = bool(self.data)

    def read(self, text):
        return values.read_boolean(text)

    def _value(self):
        return "1"


class _ChoiceField(ValueField):
    kind = "select"

    def options(self):
        """(value, label) of everything that may be chosen."""
        raise NotImplementedError

    def widget(self, field, **kwargs):
        chosen = field._value()
        options = [("", "" if field.data is None else "—"), *field.options()]
        rows = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if str(value) == chosen else "", label
            )
            for value, label in options
        )
        kwargs.setdefault("id", field.id)
        return Markup("<select {}>{}</select>").format(
            Markup(widgets.html_params(name=field.name, **kwargs)), rows
        )

    def missing(self):
        return _("Choose one; it is required.")


class TermField(_ChoiceField):
    """One of a short list of terms; exactly its value, as the list offers it."""

    def __init__(self, label=None, terms=None, **kwargs):
        super().__init__(label, **kwargs)
        self.terms = terms

    def options(self):
        return [(term.value, term.label) for term in self.terms]

    def read(self, text):
        return values.read_term(text, self.terms)

    def written(self, value):
        return value.value


class YesNoField(_ChoiceField):
    """Yes, no, or not known."""

    def options(self):
        return [("yes", _("yes")), ("no", _("no"))]

    def read(self, text):
        return values.read_boolean(text)

    def written(self, value):
        return "yes" if value else "no"


class CodeListField(_ChoiceField):
    """A code of one of the code lists in `terms`."""

    def __init__(self, label=None, codes=None, **kwargs):
        super().__init__(label, **kwargs)
        self.codes = codes

    def options(self):
        return self.codes.choices(str(get_locale()))

    def read(self, text):
        return values.read_term(text, self.codes)


class CodeOrTextField(TextField):
    """A code of a code list, or the source's own words; a label of the list is taken for its code.

    While one types, the page of the code list suggests: it lists what matches.
    """

    def __init__(self, label=None, codes=None, **kwargs):
        super().__init__(label, **kwargs)
        self.codes = codes

    def read(self, text):
        words = super().read(text)
        return self.codes.find(words) or words if words else None

    def widget(self, field, **kwargs):
        options = f"{field.id}-options"
        asks = {
            "list": options,
            "autocomplete": "off",
            "hx-get": url_for("terms.list", name=field.codes.name.removesuffix(".csv")),
            "hx-trigger": "input changed delay:200ms",
            "hx-target": f"#{options}",
            "hx-select": "#options option",
            "hx-swap": "innerHTML",
        }
        return widgets.TextInput()(field, **kwargs, **asks) + Markup('<datalist id="{}"></datalist>').format(options)


class RecordField(_ChoiceField):
    """Another record. `within`: a field of the form that the record must agree with, such as its trial.

    A number that is no record, or none that the reader may see, is answered 404.
    """

    def __init__(self, label=None, model=None, *, within=None, _form=None, **kwargs):
        super().__init__(label, _form=_form, **kwargs)
        self.model, self.within, self.form = model, within, _form

    def candidates(self):
        chosen = sa.select(self.model)
        if self.within:
            owner = self.form[self.within].data
            chosen = chosen.where(getattr(self.model, f"{self.within}_id") == (owner.id if owner else None))
        return chosen

    def options(self):
        found = db.session.scalars(self.candidates().order_by(self.model.id))
        return sorted(((record.id, str(record)) for record in found), key=lambda row: row[1].casefold())

    def read(self, text):
        key = values.read_integer(text, minimum=1)
        if key is None:
            return None
        record = db.session.scalar(self.candidates().where(self.model.id == key))
        if record is None:
            raise Refusal(_("There is no such record, or none that you may see."), self.name, status=404)
        return record

    def written(self, value):
        return str(value.id)


class OwnerField(RecordField):
    """The record that this one belongs to: said by the address, and never changed afterwards."""

    kind = "owner"

    def widget(self, field, **kwargs):
        value = field.data.id if field.data is not None else ""
        return Markup('<input type="hidden" name="{}" value="{}">{}').format(
            field.name, value, escape(str(field.data or ""))
        )

    def process_formdata(self, valuelist):
        if self.form.record is not None and self.form.record.id is not None:
            self.data = getattr(self.form.record, self.short_name)
        else:
            super().process_formdata(valuelist)

    def process(self, formdata, *args, **kwargs):
        super().process(formdata, *args, **kwargs)
        if not self.raw_data and self.data is None and self.name in request.args:
            self.process_formdata([request.args[self.name]])


class RowsField(wtforms.FieldList):
    """A record's parts, as rows that are added and removed on the same form."""

    kind = "rows"
    conflict = None
    most = 30

    def __init__(self, label=None, row_form=None, model=None, *, help="", least=1, **kwargs):
        kwargs.setdefault("min_entries", least)
        super().__init__(
            wtforms.FormField(row_form), label, description=help, max_entries=self.most, **kwargs
        )
        self.model, self.least = model, least

    def process(self, formdata, data=wtforms.utils.unset_value, extra_filters=None):
        super().process(formdata, data, extra_filters)
        if formdata is None:
            return
        if formdata.get("remove") in [entry.name for entry in self.entries]:
            self.entries = [entry for entry in self.entries if entry.name != formdata["remove"]]
        if formdata.get("add") == self.name and len(self.entries) < self.most:
            self.append_entry()

    def blank_row(self):
        """A form of one row, for its labels."""
        return self.unbound_field.args[0](formdata=None)

    def validate(self, form, extra_validators=()):
        self.errors = []
        sound = [entry.validate(form) for entry in self.entries]
        if len(self.entries) < self.least:
            self.errors = [_("Add at least one row.")]
        return all(sound) and not self.errors

    def populate_obj(self, record, name):
        parts = {str(part.id): part for part in getattr(record, name)}
        rows = []
        for entry in self.entries:
            part = parts.get(entry.form.id.data) or self.model()
            entry.form.populate(part)
            rows.append(part)
        if rows != list(getattr(record, name)):
            getattr(record, name)[:] = rows
            getattr(record, name).reorder()


class HiddenField(wtforms.HiddenField):
    kind = "hidden"


class RowForm(wtforms.Form):
    """The fields of one part. `id` says which stored part a row is."""

    id = HiddenField()

    def populate(self, part):
        for name, field in self._fields.items():
            if name != "id" and getattr(part, name) != field.data:
                setattr(part, name, field.data)


@dataclass
class Warned:
    """What the checks found that a person may overrule."""

    field: str
    label: str
    message: str


@dataclass
class Conflict:
    """What somebody else stored while this form was open."""

    stored: str
    who: str
    when: str


class RecordForm(FlaskForm):
    """The form of one record. Sections: (title, names of fields), in the order of the page."""

    model: ClassVar[type[Record]]
    sections: ClassVar[list[tuple]] = []
    #: The field that must be known before the form makes sense, such as a participant's trial.
    needs: ClassVar[str | None] = None

    version = HiddenField()
    submission = HiddenField()
    reason = TextField(
        _l("Reason for the change"),
        multiline=True,
        maximum=1000,
        optional=True,
        help=_l("Asked when a stored value changes, or where a warning is overruled. It stands in the history."),
    )
    confirmed = CheckboxField(_l("I have checked it: no person can be recognised from this."))

    def __init__(self, record=None, **kwargs):
        self.record = record
        self.warnings: list[Warned] = []
        self.asks_confirmation = False
        self.asks_reason = record is not None and record.needs_reason
        super().__init__(obj=record, **kwargs)
        if not self.is_submitted():
            self.version.data = "" if record is None else str(record.version)
            self.submission.data = str(uuid.uuid4())

    @property
    def names(self) -> list[str]:
        """The fields of the record itself."""
        return [name for _title, names in self.sections for name in names if name in self]

    @property
    def wants_rows(self) -> bool:
        """Whether the form was sent only to add or remove a row."""
        return self.is_submitted() and bool(request.form.keys() & {"add", "remove"})

    @property
    def is_stale(self) -> bool:
        """Whether the record was saved by somebody else since this form was opened."""
        return self.record is not None and self.version.data != str(self.record.version)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if self.csrf_token.errors:
            self.csrf_token.errors = [_("This form has expired. Nothing was stored; send it again.")]
        try:
            uuid.UUID(self.submission.data or "")
        except ValueError:
            self.submission.errors = [_("This form is damaged. Open it anew.")]
            sound = False
        return self._run_checks() and sound

    def _run_checks(self):
        """The shared checks on what was typed; True when nothing stands in the way."""
        refused = False
        by_weight = {Weight.REASON: [], Weight.CONFIRM: []}
        for found in run_checks(self.model.__tablename__, self.as_row()):
            field = found.check.field if found.check.field in self else self.names[0]
            if found.check.weight is Weight.REFUSE:
                if found.check.message not in self[field].errors:
                    self[field].errors = [*self[field].errors, found.check.message]
                refused = True
            else:
                by_weight[found.check.weight].append(self._warned(field, found.check.message))
        by_weight[Weight.CONFIRM] += self._personal_data()
        self.warnings = by_weight[Weight.REASON] + by_weight[Weight.CONFIRM]
        self.asks_confirmation = bool(by_weight[Weight.CONFIRM])
        if by_weight[Weight.REASON]:
            self.asks_reason = True
            if not self.reason.data:
                self.reason.errors = [*self.reason.errors, _("Give the reason, or change what the warning names.")]
                refused = True
        if self.asks_confirmation and not self.confirmed.data:
            self.confirmed.errors = [_("Tick this to confirm, or change what the warning names.")]
            refused = True
        return not refused

    def _warned(self, name, message):
        return Warned(self[name].id, self[name].label.text, message)

    def _personal_data(self):
        texts = [*self._texts(self), *(
            text for field in self if isinstance(field, RowsField)
            for entry in field for text in self._texts(entry.form)
        )]  # fmt: skip
        return [
            Warned(field.id, field.label.text, _("This may be %(kind)s.", kind=kind))
            for field in texts
            for kind in personal_data(field.data)
        ]

    def _texts(self, fields):
        return [
            field
            for field in fields
            if isinstance(field, TextField) and field.free and field.data and self._was_typed(field)
        ]

    def _was_typed(self, field):
        """Whether the text is new: what is stored was confirmed when it was stored."""
        return self.record is None or getattr(self.record, field.name, None) != field.data

    def as_row(self) -> pd.DataFrame:
        """The record as it would be stored: one row, with the columns that `rules.checks` speaks of."""
        columns = {"today": _column(clock.today(), datetime.date)}
        for name, kind in _kinds(self.model).items():
            if name in self.names:
                columns[name] = _column(self[name].data, kind)
            else:
                columns[name] = _column(self.record and getattr(self.record, name), kind)
        for name in self.names:
            if isinstance(field := self[name], RecordField):
                columns[f"{name}_id"] = _column(field.data and field.data.id, int)
                for key, kind in _kinds(field.model).items():
                    columns[f"{name}_{key}"] = _column(field.data and getattr(field.data, key), kind)
        columns |= {name: _column(value, type(value)) for name, value in self.more_columns().items()}
        return pd.DataFrame(columns)

    def more_columns(self) -> dict:
        """What else the checks of this record need to know, by column name."""
        return {}

    def populate_obj(self, record):
        with db.session.no_autoflush:
            for name in self.names:
                field = self[name]
                if isinstance(field, RowsField) or getattr(record, name) != field.data:
                    field.populate_obj(record, name)

    def show_conflicts(self, shown, who, when):
        """After a stale save: say beside each field what is stored now, where it differs from what was typed.

        shown: from a field's name to its stored value in words.
        """
        for name in self.names:
            field = self[name]
            if not isinstance(field, RowsField) and getattr(self.record, name) != field.data:
                field.conflict = Conflict(shown(name), who, when)
        self.version.data = str(self.record.version)
        self.version.raw_data = None


def _kinds(model) -> dict[str, type]:
    """The Python type of each column of a model."""
    return {column.key: column.columns[0].type.python_type for column in sa.inspect(model).column_attrs}


def _column(value, kind) -> pd.Series:
    """A column of one cell, of the type that `rules.checks` expects even where the cell is missing."""
    if issubclass(kind, bool):
        return pd.Series([value], dtype="boolean")
    if issubclass(kind, (int, float)):
        return pd.Series([value], dtype="float64")
    if issubclass(kind, (datetime.date, datetime.datetime)):
        return pd.Series(pd.to_datetime([value]))
    return pd.Series([None if value is None else str(value)], dtype="str")

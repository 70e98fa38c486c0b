"""The fields that forms are made of: each reads the text of one value by `values`.

A field's name is its model's attribute. Whatever is wrong stands beside its field, and what was typed stays.
"""

import sqlalchemy as sa
import wtforms
from flask import abort, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape
from wtforms import widgets

from tracker import clock, values
from tracker.extensions import db
from tracker.models.participant import on_study_day, study_day
from tracker.values import Refusal


def attributes(**given) -> str:
    """The attributes of an element as `widgets.html_params` writes them, in less time: a form has hundreds."""
    named = sorted(
        (widgets.core.clean_key(name), value) for name, value in given.items() if value is not False
    )
    return " ".join(name if value is True else f'{name}="{_quoted(value)}"' for name, value in named)


def _quoted(value) -> str:
    return str(escape(value)).replace('"', "&quot;")


class TextInput(widgets.TextInput):
    html_params = staticmethod(attributes)


class TickInput(widgets.CheckboxInput):
    html_params = staticmethod(attributes)


class HiddenInput(widgets.HiddenInput):
    html_params = staticmethod(attributes)


class ValueField(wtforms.Field):
    """A field of one value: its text is read by `read`, which refuses by raising Refusal."""

    widget = TextInput()
    kind = "text"

    #: What was stored meanwhile, when the save was stale.
    conflict = None

    def __init__(self, label=None, *, optional=False, help="", **kwargs):
        super().__init__(label, description=help, **kwargs)
        self.optional = optional
        self.cautions = []  # what a person must confirm before it is stored
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

    def differs(self, record) -> bool:
        """Whether the record has another value; a field that the record does not store never differs."""
        return hasattr(record, self.short_name) and getattr(record, self.short_name) != self.data

    def _value(self):
        if self.raw_data:
            return self.raw_data[0]
        return "" if self.data is None else self.written(self.data)


class TextField(ValueField):
    """Text on one line, or on several. `free`: it may hold a person's name by mistake, and is asked about."""

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

    def __init__(self, label=None, *, minimum=None, maximum=None, _form=None, **kwargs):
        super().__init__(label, _form=_form, **kwargs)
        self.minimum, self.maximum, self.around = minimum, maximum, _form

    def read(self, text):
        mark = "," if str(get_locale()) == "fr" else "."
        # A French reader may write either mark; an English one may not, because 1,000 is a thousand there.
        return values.read_number(text, decimal=mark + "." if mark == "," else mark, **self._bounds())

    def written(self, value):
        """To the last digit, so that saving the form changes nothing."""
        return repr(value).removesuffix(".0").replace(".", "," if str(get_locale()) == "fr" else ".")

    def _bounds(self):
        return {"minimum": self.minimum, "maximum": self.maximum}


class BoundedNumberField(NumberField):
    """A number, or the bound of one: <1 where the assay could only tell that it is below 1.

    The sign is the `qualifier` of the record, which a form has as a HiddenTermField.
    """

    kind = "text"
    bound = "="

    def read(self, text):
        self.bound, number = values.split_bound(text)
        if self.bound != "=" and not number:
            raise Refusal(_("Write the limit after the sign, such as <1."))
        return super().read(number)

    def process_formdata(self, valuelist):
        super().process_formdata(valuelist)
        self.around.qualifier.data = self.around.qualifier.read(self.bound)

    def written(self, value):
        sign = getattr(self.around.qualifier.data, "value", "=")
        return super().written(value) if sign == "=" else f"{sign}{super().written(value)}"


class IntegerField(NumberField):
    def read(self, text):
        given = {name: bound for name, bound in self._bounds().items() if bound is not None}
        return values.read_integer(text, **given)


class YearField(ValueField):
    kind = "number"

    def read(self, text):
        return values.read_year(text)


class DateField(ValueField):
    """A day: ISO, 12mar26, or t-3 for three days ago. Of an undated participant a study day."""

    kind = "date"

    def __init__(self, label=None, *, _form=None, **kwargs):
        super().__init__(label, _form=_form, **kwargs)
        self.around = _form

    @property
    def is_study_day(self):
        return getattr(self.around, "is_undated", False)

    def process(self, formdata, *args, **kwargs):
        if self.is_study_day:
            self.description = _("A study day: the first dose is day 1, and there is no day 0.")
        super().process(formdata, *args, **kwargs)

    def widget(self, field, **kwargs):
        """The text, and beside it what was understood, asked for when it was written."""
        if self.is_study_day:
            return TextInput()(field, **kwargs)
        place = f"{field.id}-understood"
        asks = {
            "hx-get": url_for("terms.day"),
            "hx-trigger": "change",
            "hx-target": f"#{place}",
            "hx-select": ".understood",
        }
        understood = f"<span {attributes(id=place, class_='form-understood', aria_live='polite')}></span>"
        return TextInput()(field, **kwargs, **asks) + Markup(understood)

    def read(self, text):
        if self.is_study_day:
            day = values.read_study_day(text)
            return None if day is None else on_study_day(day)
        return values.read_date(text, today=clock.today())

    def written(self, value):
        return str(study_day(value)) if self.is_study_day else value.isoformat()


class CheckboxField(ValueField):
    """Yes or no; unticked is no."""

    kind = "checkbox"
    widget = TickInput()

    def __init__(self, label=None, **kwargs):
        super().__init__(label, optional=True, **kwargs)

    def options(self):
        """What a list can be narrowed by."""
        return [("yes", _("yes")), ("no", _("no"))]

    def process_formdata(self, valuelist):
        super().process_formdata(valuelist)
        self.data = bool(self.data)

    def read(self, text):
        return values.read_boolean(text)

    def _value(self):
        return "1"


class ChoiceField(ValueField):
    kind = "select"

    def options(self):
        """(value, label) of everything that may be chosen."""
        raise NotImplementedError

    def widget(self, field, **kwargs):
        chosen = field._value()
        options = [("", "" if field.data is None else "—"), *field.options()]
        rows = [
            f'<option value="{escape(value)}"{" selected" * (str(value) == chosen)}>{escape(str(label))}</option>'
            for value, label in options
        ]
        kwargs.setdefault("id", field.id)
        return Markup(f"<select {attributes(name=field.name, **kwargs)}>{''.join(rows)}</select>")

    def missing(self):
        return _("Choose one; it is required.")


class TermField(ChoiceField):
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


class HiddenTermField(TermField):
    """A term that another field's text tells: it is not asked for, and what is sent under its name counts nothing."""

    kind = "hidden"

    def widget(self, field, **kwargs):
        return ""

    def process_formdata(self, valuelist):
        pass


class YesNoField(ChoiceField):
    """Yes, no, or not known."""

    def options(self):
        return [("yes", _("yes")), ("no", _("no"))]

    def read(self, text):
        return values.read_boolean(text)

    def written(self, value):
        return "yes" if value else "no"


class CodeListField(ChoiceField):
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

    def written(self, value):
        """A code that is itself words, as one of CTCAE is, in the reader's language; another as it is."""
        label = self.codes.label(value, str(get_locale()))
        is_words = self.codes.label(value) == value and self.codes.find(label) == value
        return label if is_words else value

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
        return TextInput()(field, **kwargs, **asks) + Markup(
            f"<datalist {attributes(id=options)}></datalist>"
        )


class RecordField(ChoiceField):
    """Another record. `within`: a field of the form that the record must agree with, such as its trial.

    A number that is no record, or none that the reader may see, is answered 404.
    """

    def __init__(self, label=None, model=None, *, within=None, _form=None, **kwargs):
        super().__init__(label, _form=_form, **kwargs)
        self.model, self.within, self.around = model, within, _form

    def candidates(self):
        chosen = sa.select(self.model)
        if self.within:
            owner = self.around[self.within].data
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
        if self.around.record is not None and self.around.record.id is not None:
            self.data = getattr(self.around.record, self.short_name)
        else:
            super().process_formdata(valuelist)

    def process(self, formdata, *args, **kwargs):
        super().process(formdata, *args, **kwargs)
        if not self.raw_data and self.data is None and self.name in request.args:
            try:
                self.process_formdata([request.args[self.name]])
            except ValueError:
                abort(404)


class RowsField(wtforms.FieldList):
    """A record's parts, as rows that are added and removed on the same form."""

    kind = "rows"
    conflict = None
    most = 30

    def __init__(self, label=None, row_form=None, model=None, *, help="", least=1, **kwargs):
        rows = {"min_entries": least, "max_entries": self.most}
        super().__init__(wtforms.FormField(row_form), label, description=help, **rows, **kwargs)
        self.model = model

    def process(self, formdata, data=wtforms.utils.unset_value, extra_filters=None):
        # The limit is one of what may be added: what is stored is shown and kept, however many rows it has.
        self.max_entries = max(self.most, len(data) if isinstance(data, list) else 0)
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
        sound = [entry.validate(form) for entry in self.entries]  # every one, so that all faults are told
        return all(sound)

    def differs(self, record) -> bool:
        stored = [(str(part.id), part) for part in getattr(record, self.name)]
        typed = [(entry.form.id.data, entry.form) for entry in self.entries]
        return [key for key, _part in stored] != [key for key, _form in typed] or any(
            form.differs(part) for (_key, part), (_same, form) in zip(stored, typed)
        )

    def populate_obj(self, record, name):
        parts = {str(part.id): part for part in getattr(record, name)}
        rows = []
        for entry in self.entries:
            part = parts.pop(entry.form.id.data, None) or self.model()
            entry.form.populate(part)
            rows.append(part)
        if rows != list(getattr(record, name)):
            getattr(record, name)[:] = rows
            getattr(record, name).reorder()


class HiddenField(wtforms.HiddenField):
    widget = HiddenInput()
    kind = "hidden"


class RowForm(wtforms.Form):
    """The fields of one part. `id` says which stored part a row is."""

    id = HiddenField()

    def differs(self, part) -> bool:
        return any(field.differs(part) for name, field in self._fields.items() if name != "id")

    def populate(self, part):
        for name, field in self._fields.items():
            if name != "id" and field.differs(part):
                setattr(part, name, field.data)

"""Forms of an import: what is uploaded, and why stored values are replaced."""

import uuid

import wtforms
from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import widgets

from tracker import values
from tracker.forms.base import KEY
from tracker.forms.fields import (
    CheckboxField,
    DateField,
    HiddenField,
    RecordField,
    TermField,
    TextField,
    ValueField,
)
from tracker.models import Trial
from tracker.rules.privacy import find_personal
from tracker.terms.biomarker import Timepoint


class UploadField(wtforms.Field):
    """A file that is sent with the form; data: what was sent, or None."""

    kind = "file"
    widget = widgets.FileInput()

    def __init__(self, label=None, *, optional=False, help="", accept="", **kwargs):
        super().__init__(label, description=help, render_kw={"accept": accept}, **kwargs)
        self.optional = optional
        self.flags.required = not optional

    def process(self, formdata, *args, **kwargs):
        sent = request.files.get(self.name)
        self.data = sent if sent is not None and sent.filename else None
        self.process_errors = []
        if formdata is not None and self.data is None and not self.optional:
            self.process_errors = [_("Choose a file.")]

    def _value(self):
        return ""


class UploadForm(FlaskForm):
    """A file to import. A mapping file may come with it; else the columns are mapped on the next page."""

    file = UploadField(
        _l("File"),
        accept=".csv,.tsv,.txt,.xlsx",
        help=_l("CSV or XLSX, with the names of the columns in its first row."),
    )
    trial = RecordField(_l("Trial"), Trial, optional=True)
    mapping = UploadField(
        _l("Mapping file"),
        optional=True,
        accept=".toml",
        help=_l(
            "A TOML file, as the command line reads it. Without one you map the columns on the next page."
        ),
    )

    def __init__(self, may_create, **kwargs):
        self.may_create = may_create
        super().__init__(**kwargs)
        whose = [
            _("Whose participants the file is about."),
            _("Leave it empty where a mapping file names it."),
        ]
        if may_create:
            whose[1] = _("Leave it empty for a new trial, or where a mapping file names it.")
        self.trial.description = " ".join(whose)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if self.csrf_token.errors:
            self.csrf_token.errors = [_("This form has expired. Nothing was stored; send it again.")]
        if sound and not (self.trial.data or self.mapping.data or self.may_create):
            self.trial.errors = [_("Choose one; it is required.")]
            return False
        return sound


class PastedField(ValueField):
    """A table as a spreadsheet copies it. Nothing is stripped: its first cell may be empty."""

    kind = "textarea"

    def widget(self, field, **kwargs):
        kwargs["class"] = f"{kwargs.get('class', '')} pasted"
        return widgets.TextArea()(field, spellcheck="false", **kwargs)

    def read(self, text):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.strip():
            return None
        for line in text.split("\n"):
            values.read_text(line.replace("\t", " "), maximum=10_000)
        return text


class PasteForm(FlaskForm):
    """Measurements that are pasted from a spreadsheet."""

    submission = HiddenField()
    trial = RecordField(_l("Trial"), Trial)
    timepoint = TermField(
        _l("Timepoint"),
        Timepoint,
        optional=True,
        default=Timepoint.BASELINE,
        help=_l("Of all values, unless a column tells it. Of a specimen it is the specimen's."),
    )
    measured_on = DateField(
        _l("Measured on"), optional=True, help=_l("Of all values, unless a column tells it.")
    )
    table = PastedField(
        _l("Table"),
        help=_l(
            "With the names of the columns in the first row. One column is “participant” or “barcode”, each other"
            " one the name of an assay; or the columns are participant or barcode, assay, value. Write <0.5 for a"
            " value below a limit."
        ),
    )

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        if not self.is_submitted():
            self.submission.data = str(uuid.uuid4())

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if self.csrf_token.errors:
            self.csrf_token.errors = [_("This form has expired. Nothing was stored; send it again.")]
        if not KEY.fullmatch(self.submission.data or ""):
            self.submission.errors = [_("This form is damaged. Open it anew.")]
            return False
        return sound

    @property
    def said(self) -> dict[str, str]:
        """What the form says of all values."""
        told = {"timepoint": self.timepoint.data and self.timepoint.data.value}
        told["measured_on"] = self.measured_on.data and self.measured_on.data.isoformat()
        return {name: value for name, value in told.items() if value}


class StoreForm(FlaskForm):
    """That a checked file is to be stored; where it replaces stored values, why.

    asks: whether the file, or the reason, has texts that somebody must confirm to identify nobody.
    """

    reason = TextField(_l("Reason for the change"), multiline=True, maximum=1000)
    confirmed = CheckboxField(_l("I have looked at these texts: they identify nobody. Store them."))

    def __init__(self, replaces, asks, **kwargs):
        super().__init__(**kwargs)
        if not replaces:
            del self.reason
        self.asks = asks

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        found = find_personal(self.reason.data) if self.reason else []
        if found:
            told = [_("“%(words)s” may be %(kind)s.", words=one.words, kind=one.label) for one in found]
            self.reason.cautions = told
        self.asks = self.asks or bool(found)
        if self.asks and not self.confirmed.data:
            self.confirmed.errors = [_("Tick this to confirm, or change what is asked about.")]
            return False
        return sound


class ReplaceForm(FlaskForm):
    """The file once more, mended, or another mapping of it."""

    file = UploadField(_l("File"), accept=".csv,.tsv,.txt,.xlsx,.toml")

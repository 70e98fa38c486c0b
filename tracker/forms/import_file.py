"""Forms of an import: what is uploaded, and why stored values are replaced."""

import wtforms
from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import widgets

from tracker.forms.fields import RecordField, TextField
from tracker.models import Trial


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


class StoreForm(FlaskForm):
    """That a checked file is to be stored; where it replaces stored values, why."""

    reason = TextField(_l("Reason for the change"), multiline=True, maximum=1000)

    def __init__(self, replaces, **kwargs):
        super().__init__(**kwargs)
        if not replaces:
            del self.reason


class ReplaceForm(FlaskForm):
    """The file once more, mended, or another mapping of it."""

    file = UploadField(_l("File"), accept=".csv,.tsv,.txt,.xlsx,.toml")

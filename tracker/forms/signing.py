"""Forms of signing: what a signature means, with the password; and how signatures and frozen reports are shown."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.account import IdentityFields
from tracker.forms.base import RecordForm
from tracker.forms.fields import DateField, HiddenField, RecordField, RowForm, RowsField, TermField, TextField
from tracker.models import Participant, ReportSnapshot, Signature, SnapshotTrial, Trial, User
from tracker.terms.oversight import SignatureMeaning


class SignForm(IdentityFields, RecordForm):
    """What somebody says by signing, and the proof that it is they; of the content that the page shows."""

    model = Signature
    sections = [(_l("Signature"), ["meaning", "password", "code"])]

    meaning = TermField(
        _l("Meaning of the signature"), SignatureMeaning, help=_l("What you state of the content above.")
    )
    content_seen = HiddenField()

    def __init__(self, seen: str, **kwargs):
        """seen: the hash of the content that is there to be signed."""
        self.seen = seen
        super().__init__(**kwargs)
        # Who has no second factor is not asked for its code.
        self.sections = [(title, [name for name in names if name in self]) for title, names in self.sections]
        if not self.is_submitted():
            self.content_seen.data = seen

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if (self.content_seen.data or "") == self.seen:
            return sound
        told = _("The content has changed since this page was opened: look at it again.")
        self.meaning.errors = [*self.meaning.errors, told]
        self.content_seen.data, self.content_seen.raw_data = self.seen, None
        return False

    def told(self, record, is_new):
        return _("%(record)s is signed.", record=str(self.about))

    def populate_obj(self, record):
        """Nothing: the record is made of what the server knows, and of the meaning."""


class FreezeForm(SignForm):
    """The same of a report that is frozen with it."""

    model = ReportSnapshot
    #: The report above it is read first.
    first_field = None

    def told(self, record, is_new):
        return _("The report is frozen and signed.")


class SnapshotTrialForm(RowForm):
    trial = RecordField(_l("Trial"), Trial)


class ReportSnapshotForm(RecordForm):
    """How a frozen report is listed, and its history told."""

    model = ReportSnapshot

    title = TextField(_l("Report"))
    asked = TextField(_l("Asked"))
    as_of = DateField(_l("Records up to"))
    author = RecordField(_l("Frozen by"), User)
    tracker_version = TextField(_l("Version of the tracker"))
    content = TextField(_l("Content"))
    content_hash = TextField(_l("SHA-256 of the content"))
    trials = RowsField(_l("Trials"), SnapshotTrialForm, SnapshotTrial, least=0)


class SignatureForm(RecordForm):
    """How a signature is listed."""

    model = Signature

    printed_name = TextField(_l("Name"))
    meaning = TermField(_l("Meaning"), SignatureMeaning)
    record_type = TextField(_l("Kind of record"))
    participant = RecordField(_l("Participant"), Participant, optional=True)
    trial = RecordField(_l("Trial"), Trial, optional=True)

"""Forms of locks: locking a trial, a participant or a data cut, and unlocking."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker import clock
from tracker.forms.base import RecordForm
from tracker.forms.fields import CheckboxField, DateField, OwnerField, RecordField, TextField
from tracker.locking import locks_of
from tracker.models import Lock, Participant, Trial, User
from tracker.reads.oversight import count_open_queries
from tracker.scope import reader


class LockForm(RecordForm):
    """How a lock is shown and listed."""

    model = Lock
    needs = "trial"
    sections = [(_l("Lock"), ["trial", "participant", "cut_on", "reason", "locked_by"])]

    trial = OwnerField(_l("Trial"), Trial)
    participant = OwnerField(_l("Participant"), Participant, within="trial", optional=True)
    cut_on = DateField(
        _l("Only data up to"),
        optional=True,
        help=_l(
            "Left empty the whole trial is locked. With a day, what is dated then or earlier, or has no date."
        ),
    )
    reason = TextField(
        _l("Reason"), multiline=True, maximum=1000, help=_l("Shown to everybody who tries to change it.")
    )
    locked_by = RecordField(_l("By"), User, optional=True)
    unlock_reason = TextField(_l("Unlocked, because"), multiline=True, optional=True)


class LockUpForm(LockForm):
    """Locking: the address says what. Open queries are told of, and must be passed over knowingly."""

    despite_queries = CheckboxField(_l("Lock it although queries are open"))

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        trial, participant = self.trial.data, self.participant.data
        self.open_queries = (
            count_open_queries(trial.id, participant and participant.id) if trial is not None else 0
        )
        names = ["trial", "participant" if participant is not None else "cut_on", "reason"]
        if self.open_queries:
            names.append("despite_queries")
            self.despite_queries.description = _(
                "Open queries: %(n)s. They can be answered and closed, but what they ask about stays as it is.",
                n=self.open_queries,
            )
        self.sections = [(_l("Lock"), names)]

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        faults = {}
        if self.cut_on.data is not None and self.cut_on.data > clock.today():
            faults["cut_on"] = _("Data of days to come cannot be locked yet.")
        if self.trial.data is not None and self._is_locked():
            faults["reason"] = _("This is locked already; unlock it first to lock it for another reason.")
        if self.open_queries and not self.despite_queries.data:
            faults["despite_queries"] = _("Tick this to lock it all the same, or close the queries first.")
        for name, message in faults.items():
            self[name].errors = [*self[name].errors, message]
        return sound and not faults

    def told(self, record, is_new):
        return _("It is locked now.")

    def _is_locked(self):
        wanted = self.participant.data, self.cut_on.data
        trial = self.trial.data.id
        return any((one.participant, one.cut_on) == wanted for one in locks_of([trial]).get(trial, ()))

    def populate_obj(self, record):
        super().populate_obj(record)
        record.locked_by_id = reader().user_id


class UnlockForm(RecordForm):
    """Unlocking, with a reason."""

    model = Lock
    sections = [(_l("Unlock"), ["reason"])]

    reason = TextField(
        _l("Reason"),
        multiline=True,
        maximum=1000,
        help=_l("From then on whoever may edit such records may change it again."),
    )

    def __init__(self, record, **kwargs):
        super().__init__(record, **kwargs)
        if not self.is_submitted():
            self.reason.data = None

    def told(self, record, is_new):
        return _("It is unlocked now.")

    def populate_obj(self, record):
        record.unlock_reason = self.reason.data
        record.unlocked_at, record.unlocked_by_id = clock.now(), reader().user_id

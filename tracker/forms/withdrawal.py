"""Why a record is withdrawn."""

from flask_babel import lazy_gettext as _l

from tracker.forms.base import RecordForm
from tracker.forms.fields import TextField


class WithdrawalForm(RecordForm):
    sections = ()
    reason = TextField(
        _l("Reason for the withdrawal"),
        multiline=True,
        maximum=1000,
        help=_l(
            "The record leaves every list and report. It stays in the history, and its code stays taken."
        ),
    )

    def __init__(self, record, **kwargs):
        super().__init__(record, **kwargs)
        self.asks_reason = True

    def findings(self):
        return []

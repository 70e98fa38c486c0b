"""The form of a decision about an arm."""

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import orm

from tracker import clock
from tracker.extensions import db
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    DateField,
    HiddenField,
    OwnerField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
)
from tracker.models import Arm, ArmDecision, DecisionFinding, Finding, User
from tracker.terms.evidence import FindingStatus
from tracker.terms.trial import ArmAction

#: Findings that a decision can refer to at once.
LISTED = 200


class FindingField(RecordField):
    """A finding that was handed in; the latest first."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, Finding, **kwargs)

    def options(self):
        found = db.session.scalars(
            sa.select(Finding)
            .where(Finding.status.in_([FindingStatus.ACCEPTED, FindingStatus.SUBMITTED]))
            .options(orm.joinedload(Finding.biomarker), orm.joinedload(Finding.trial))
            .order_by(Finding.id.desc())
            .limit(LISTED)
        )
        return [(one.id, str(one)) for one in found]


class LinkedFindingForm(RowForm):
    finding = FindingField(_l("Finding"))


class ArmDecisionForm(RecordForm):
    """What the director decides. The figures beside it are the server's, of the moment of saving."""

    model = ArmDecision
    needs = "arm"
    sections = [
        (_l("Decision"), ["arm", "decision", "decided_on", "reason"]),
        (_l("Linked findings"), ["linked_findings"]),
    ]

    arm = OwnerField(_l("Arm"), Arm)
    decision = TermField(
        _l("Decision"),
        ArmAction,
        help=_l("Open and expand make the arm open, pause and close stop its enrolment, at once."),
    )
    decided_on = DateField(_l("Decided on"), help=_l("2026-03-12, 12mar26, or t-3 for three days ago."))
    reason = TextField(
        _l("Reason"), multiline=True, maximum=5000, help=_l("Everybody who sees the trial reads it.")
    )
    linked_findings = RowsField(_l("Linked findings"), LinkedFindingForm, DecisionFinding, least=0)
    #: Not typed; lists and the history name them.
    author = RecordField(_l("By"), User, optional=True)
    figures_seen = HiddenField()

    #: The digest of the figures that the decision rests on.
    seen = ""

    def rest_on(self, seen: str):
        """Say which figures the page shows."""
        self.seen = seen
        if not self.is_filled:
            self.figures_seen.data = seen
            self.decided_on.data = self.decided_on.data or clock.today()

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        arm = self.arm.data
        faults = {}
        if self.decided_on.data is not None and self.decided_on.data > clock.today():
            faults["decided_on"] = _("A decision cannot be of a day to come.")
        if (self.figures_seen.data or "") != self.seen:
            faults["decision"] = _("The figures have changed since this page was opened: look at them again.")
            self.figures_seen.data, self.figures_seen.raw_data = self.seen, None
        chosen = [entry.form.finding.data for entry in self.linked_findings]
        for entry, finding in zip(self.linked_findings, chosen):
            if finding is not None and chosen.count(finding) > 1:
                entry.form.finding.errors = [_("A finding stands in one row only.")]
                sound = False
        for name, message in faults.items():
            self[name].errors = [*self[name].errors, message]
        return sound and not faults and arm is not None

    def populate_obj(self, record):
        """Beside what was typed: the arm has the status at once."""
        super().populate_obj(record)
        record.arm.status = record.decision.status

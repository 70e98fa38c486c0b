"""Forms of dose levels and of decisions about the dose."""

import dataclasses

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker import clock
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    DateField,
    HiddenField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
)
from tracker.models import Arm, DoseDecision, DoseLevel, LevelDose, RegimenComponent, User
from tracker.reads.escalation import ArmStanding, figures_text, height, standings_in_scope
from tracker.scope import reader
from tracker.terms.trial import DoseAction, DoseLevelStatus, EscalationRule


class LevelComponentField(RecordField):
    """A component of the regimen of the level's arm."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, RegimenComponent, **kwargs)

    def options(self):
        return [(one.id, str(one.agent)) for one in self.around.components]


class LevelDoseForm(RowForm):
    component = LevelComponentField(_l("Component"))
    dose = NumberField(_l("Dose, in the component's unit"), minimum=0, maximum=1e12)

    components: tuple = ()


class DoseLevelForm(RecordForm):
    model = DoseLevel
    needs = "arm"
    sections = [
        (_l("Dose level"), ["arm", "level", "second_level", "status"]),
        (_l("Doses"), ["doses"]),
    ]

    arm = OwnerField(_l("Arm"), Arm)
    level = IntegerField(_l("Level"), minimum=1, maximum=100, help=_l("1 is the lowest."))
    second_level = IntegerField(_l("Level of the second agent"), minimum=1, maximum=100, default=1)
    status = TermField(
        _l("Status"),
        DoseLevelStatus,
        default=DoseLevelStatus.PLANNED,
        help=_l("No advice leads to a level that is suspended or closed."),
    )
    doses = RowsField(
        _l("Doses"),
        LevelDoseForm,
        LevelDose,
        least=0,
        help=_l("What is given at this level of each component."),
    )

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        arm = self.arm.data
        if arm is not None and arm.escalation_rule is not EscalationRule.BOIN_COMB:
            del self.second_level
            self.sections = [
                (title, [name for name in names if name in self]) for title, names in self.sections
            ]

    def process(self, formdata=None, obj=None, **kwargs):
        super().process(formdata, obj, **kwargs)
        if obj is None and not self.is_filled:
            planned = [one for one in self.components if one.dose is not None]
            self.doses.process(None, [{"component": one, "dose": one.dose} for one in planned])
        for entry in self.doses:
            entry.form.components = self.components

    @property
    def components(self) -> list[RegimenComponent]:
        arm = self.arm.data
        return arm.regimen.components if arm is not None and arm.regimen is not None else []

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        chosen = [entry.form.component.data for entry in self.doses]
        for entry, component in zip(self.doses, chosen):
            if component is not None and component not in self.components:
                entry.form.component.errors = [_("The arm's regimen does not have this component.")]
                sound = False
            elif component is not None and chosen.count(component) > 1:
                entry.form.component.errors = [_("A component stands in one row only.")]
                sound = False
        return sound


class DoseDecisionForm(RecordForm):
    """What was decided about an arm's dose. The advice beside it is the server's, of the moment of saving."""

    model = DoseDecision
    needs = "arm"
    sections = [(_l("Decision"), ["arm", "decided", "to_level", "decided_on", "override_reason"])]

    arm = OwnerField(_l("Arm"), Arm)
    decided = TermField(_l("Decided"), DoseAction)
    to_level = RecordField(
        _l("Level"),
        DoseLevel,
        within="arm",
        optional=True,
        help=_l("Where the next participants go, or the MTD."),
    )
    decided_on = DateField(_l("Decided on"), help=_l("2026-03-12, 12mar26, or t-3 for three days ago."))
    override_reason = TextField(
        _l("Reason, where it differs from the advice"), multiline=True, maximum=1000, optional=True
    )
    # Never asked for: stored with the decision, and named in its history.
    from_level = RecordField(_l("From level"), DoseLevel, optional=True)
    decided_by = RecordField(_l("Decided by"), User, optional=True)
    #: The figures of the advice that the page showed.
    figures_seen = HiddenField()

    def process(self, formdata=None, obj=None, **kwargs):
        super().process(formdata, obj, **kwargs)
        if obj is None and not self.is_filled:
            self.decided_on.data = clock.today()
            self.figures_seen.data = self._figures

    @property
    def standing(self) -> ArmStanding | None:
        """Where the arm stands now."""
        if "standing" not in self.__dict__:
            arm = self.arm.data
            found = standings_in_scope(clock.today(), arm_id=arm.id) if arm is not None else []
            self.__dict__["standing"] = found[0] if found else None
        return self.__dict__["standing"]

    @property
    def advice(self):
        return self.standing.advice if self.standing is not None else None

    @property
    def _figures(self):
        return figures_text(self.advice.figures) if self.advice is not None else ""

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        if self.decided.data is None:
            return False
        faults = {"to_level": self._misplaced(), "override_reason": self._unexplained()}
        if (self.figures_seen.data or "") != self._figures:
            faults["decided"] = _(
                "The figures have changed since this page was opened: look at the advice again."
            )
            self.figures_seen.data, self.figures_seen.raw_data = self._figures, None
        for name, message in faults.items():
            if message:
                self[name].errors = [*self[name].errors, message]
                sound = False
        return sound

    def _misplaced(self) -> str | None:
        """What is wrong with the level for what was decided."""
        decided, level, standing = self.decided.data, self.to_level.data, self.standing
        if decided is DoseAction.STOP:
            return _("An escalation that stops leads to no level.") if level is not None else None
        if level is None:
            is_told = decided is DoseAction.WAIT or self.to_level.errors
            return None if is_told else _("Choose the level that the decision leads to.")
        if standing is None or standing.current is None:
            return None
        step = height(self._name(level)) - height(standing.current)
        if decided is DoseAction.ESCALATE and step <= 0:
            return _("To escalate is to go to a higher level than the present one.")
        if decided is DoseAction.DE_ESCALATE and step >= 0:
            return _("To de-escalate is to go to a lower level than the present one.")
        if decided in (DoseAction.STAY, DoseAction.EXPAND) and self._name(level) != standing.current:
            return _("To stay is to keep the present level.")
        return None

    def _unexplained(self) -> str | None:
        if self.differs_from_advice and not self.override_reason.data:
            return _("This is not what the rule advises: give the reason.")
        return None

    @property
    def differs_from_advice(self) -> bool:
        """Whether another action was decided than the rule advises, or another level."""
        if self.advice is None:
            return False
        level = self.to_level.data
        levels = () if level is None else (self._name(level),)
        return self.decided.data is not self.advice.action or not set(levels) <= set(self.advice.next_levels)

    def _name(self, level: DoseLevel):
        is_pair = self.arm.data.escalation_rule is EscalationRule.BOIN_COMB
        return (level.level, level.second_level) if is_pair else level.level

    def populate_obj(self, record):
        """Beside what was typed: who decided, from which level, and the advice as it was."""
        current = self.standing.current if self.standing is not None else None
        from_level = next((one for one in self.arm.data.dose_levels if self._name(one) == current), None)
        super().populate_obj(record)
        record.decided_by_id, record.from_level_id = reader().user_id, from_level and from_level.id
        if self.advice is None:
            return
        record.advice = dataclasses.asdict(self.advice) | {
            "action": self.advice.action.value,
            "rule": str(self.advice.rule.value),
            "reason": str(self.advice.reason),
        }

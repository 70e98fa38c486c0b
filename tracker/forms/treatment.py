"""Forms of doses and adverse events."""

import datetime

import pandas as pd
from flask import request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker import clock
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    CodeListField,
    CodeOrTextField,
    DateField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
    YesNoField,
)
from tracker.models import Administration, AdverseEvent, Agent, Attribution, Participant, RegimenComponent
from tracker.reads.treatment import agents_of, days_of_a_cycle, last_doses, planned_doses
from tracker.rules.treatment import ctcae_of
from tracker.terms.codes import ctcae_socs, ctcae_terms
from tracker.terms.regimen import DoseUnit
from tracker.terms.treatment import (
    ActionTaken,
    Causality,
    EventOutcome,
    Immunosuppression,
    Modification,
    SeriousnessCriterion,
)


class ComponentField(RecordField):
    """A component of the regimen that the form's participant receives."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, RegimenComponent, **kwargs)

    def options(self):
        return [(one.component.id, str(one.component)) for one in self.around.planned]

    def refuse_other(self) -> bool:
        """Say so where it is a component that the participant does not receive; whether it is."""
        if self.data is None or any(one.component is self.data for one in self.around.planned):
            return False
        self.errors = [*self.errors, _("The participant's arm does not receive this component.")]
        return True


class _DoseForm:
    """What forms of one or several doses share: what was planned for the participant."""

    @property
    def planned(self):
        if "planned" not in self.__dict__:
            participant = self.participant.data
            self.__dict__["planned"] = planned_doses(participant) if participant else []
        return self.__dict__["planned"]

    def planned_columns(self, component) -> dict:
        """The planned dose as the checks know it."""
        plan = next((one for one in self.planned if one.component is component), None)
        if plan is None or plan.dose is None:
            return {}
        return {"planned_dose": plan.dose, "planned_unit": plan.unit and plan.unit.value}


class AdministrationForm(_DoseForm, RecordForm):
    """One dose, corrected."""

    model = Administration
    needs = "participant"
    sections = [
        (_l("Dose"), ["participant", "component", "cycle", "given_on", "dose", "unit"]),
        (_l("Change of the plan"), ["modification", "modification_reason"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    component = ComponentField(_l("Component"))
    cycle = IntegerField(_l("Cycle"), minimum=1, maximum=200)
    given_on = DateField(_l("Given on"))
    dose = NumberField(_l("Dose"), minimum=0, maximum=1e12)
    unit = TermField(_l("Unit"), DoseUnit)
    modification = TermField(_l("Modification"), Modification, optional=True)
    modification_reason = TextField(_l("Reason of the modification"), maximum=300, optional=True)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        return not self.component.refuse_other() and sound

    def more_columns(self):
        return self.planned_columns(self.component.data)


class DoseRow(RowForm):
    component = ComponentField(_l("Component"))
    dose = NumberField(_l("Dose"), minimum=0, maximum=1e12)
    unit = TermField(_l("Unit"), DoseUnit)
    modification = TermField(_l("Modification"), Modification, optional=True)
    modification_reason = TextField(_l("Reason of the modification"), maximum=300, optional=True)


#: What a row of a cycle says of one dose.
DOSE_FIELDS = ("component", "dose", "unit", "modification", "modification_reason")


class CycleForm(_DoseForm, RecordForm):
    """The doses of one cycle, a row for each component: those of the cycle before, until one says otherwise."""

    model = Administration
    needs = "participant"
    sections = [(_l("Cycle"), ["participant", "cycle", "given_on"]), (_l("Doses"), ["doses"])]

    participant = OwnerField(_l("Participant"), Participant)
    cycle = IntegerField(_l("Cycle"), minimum=1, maximum=200)
    given_on = DateField(_l("Given on"), help=_l("2026-03-12, 12mar26, or t-3 for three days ago."))
    doses = RowsField(
        _l("Doses"),
        DoseRow,
        Administration,
        help=_l("A component that is not due in this cycle is removed; one that was omitted has the dose 0."),
    )

    def process(self, formdata=None, obj=None, **kwargs):
        super().process(formdata, obj, **kwargs)
        if self.participant.data is not None and not self.is_filled:
            self._repeat_the_last_cycle()
        for entry in self.doses:
            entry.form.planned = self.planned

    def _repeat_the_last_cycle(self):
        participant = self.participant.data
        last = last_doses(participant)
        self.cycle.data = last[0].cycle + 1 if last else 1
        self.given_on.data = self._due_on(participant, last)
        rows = [
            {"component": one.component, "dose": one.dose, "unit": one.unit} for one in last if one.dose > 0
        ] or [{"component": one.component, "dose": one.dose, "unit": one.unit} for one in self.planned]
        self.doses.process(None, rows)

    def _due_on(self, participant, last) -> datetime.date | None:
        """When the cycle was due; None where that is still to come."""
        if not last:
            return participant.first_dose_on or participant.enrolled_on
        due = last[0].given_on + datetime.timedelta(days=days_of_a_cycle(participant))
        return due if due <= clock.today() else None

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        chosen = [entry.form.component.data for entry in self.doses]
        for entry in self.doses:
            component = entry.form.component.data
            if component is not None and chosen.count(component) > 1:
                entry.form.component.errors = [_("A component stands in one row only.")]
                sound = False
            elif entry.form.component.refuse_other():
                sound = False
        return sound

    def field_of(self, name):
        return name if name in self else "doses"

    def as_row(self):
        rows = [
            self.row_of(
                {name: self[name].data for name in ("participant", "given_on", "cycle")}
                | {name: entry.form[name].data for name in DOSE_FIELDS},
                self.planned_columns(entry.form.component.data),
            )
            for entry in self.doses
        ]
        return pd.concat(rows, ignore_index=True) if rows else super().as_row()

    def populate_obj(self, record):
        """The first row is the record; the others are stored beside it. The first dose is the participant's."""
        for position, entry in enumerate(self.doses):
            dose = record if position == 0 else Administration()
            dose.cycle, dose.given_on = self.cycle.data, self.given_on.data
            for name in DOSE_FIELDS:
                setattr(dose, name, entry.form[name].data)
            self.participant.data.administrations.append(dose)
            if dose.dose and self.participant.data.first_dose_on is None:
                self.participant.data.first_dose_on = dose.given_on


#: What a grade means where CTCAE has no term of its own (CTCAE 5.0, page 2).
_GENERAL = {
    1: _l("Mild: no or mild symptoms; observed only; no intervention indicated"),
    2: _l(
        "Moderate: minimal, local or noninvasive intervention indicated; limits shopping, cooking and the like"
    ),
    3: _l(
        "Severe or medically significant, not immediately life-threatening: hospitalisation indicated; disabling;"
        " limits bathing, dressing and the like"
    ),
    4: _l("Life-threatening consequences; urgent intervention indicated"),
    5: _l("Death related to the event"),
}


class GradeField(IntegerField):
    """A CTCAE grade, chosen by what it means for the term that the form names."""

    kind = "grade"

    def __init__(self, label=None, **kwargs):
        super().__init__(label, minimum=1, maximum=5, **kwargs)

    @property
    def term(self) -> str | None:
        """The CTCAE term whose grades are shown, if the words match one."""
        return ctcae_of(self.around.term.data)[0]

    @property
    def term_label(self) -> str:
        """The same in the reader's language."""
        return ctcae_terms.label(self.term, str(get_locale()))

    @property
    def meanings(self) -> list[tuple[int, str]]:
        """Each grade and its definition; an empty one where CTCAE does not define that grade of the term."""
        if self.term is None:
            return list(_GENERAL.items())
        return [(grade, ctcae_terms[self.term][f"grade_{grade}"]) for grade in _GENERAL]

    def options(self):
        """What a list can be narrowed by."""
        return [(str(grade), _("G%(grade)s", grade=grade)) for grade in _GENERAL]

    def missing(self):
        return _("Choose one; it is required.")


class AttributionRow(RowForm):
    agent = RecordField(_l("Agent"), Agent)
    causality = TermField(
        _l("Causality"), Causality, optional=True, help=_l("Left empty, the row is not stored.")
    )


class AdverseEventForm(RecordForm):
    model = AdverseEvent
    needs = "participant"
    sections = [
        (_l("Event"), ["participant", "term", "started_on", "ended_on", "soc", "grade"]),
        (_l("Seriousness"), ["serious", "serious_criterion", "aware_on", "reported_to_sponsor_on"]),
        (_l("Cause"), ["immune_related", "dlt", "expected", "attributions"]),
        (_l("What was done"), ["action_taken", "immunosuppression", "outcome", "narrative"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    term = CodeOrTextField(
        _l("Term"), ctcae_terms, help=_l("Type to search CTCAE 5, or write it in the source's words.")
    )
    soc = CodeListField(
        _l("System organ class"),
        ctcae_socs,
        optional=True,
        help=_l("Follows from a CTCAE term; choose it for other words."),
    )
    grade = GradeField(_l("Grade"))
    started_on = DateField(_l("Started on"), help=_l("2026-03-12, 12mar26, or t-3 for three days ago."))
    ended_on = DateField(_l("Ended on"), optional=True)
    serious = CheckboxField(_l("Serious"))
    serious_criterion = TermField(_l("Criterion"), SeriousnessCriterion, optional=True)
    aware_on = DateField(_l("Team aware on"), optional=True)
    reported_to_sponsor_on = DateField(_l("Reported to the sponsor on"), optional=True)
    expected = YesNoField(_l("Expected"), optional=True)
    immune_related = YesNoField(_l("Immune-related"), optional=True)
    dlt = CheckboxField(_l("Dose-limiting toxicity (DLT)"))
    attributions = RowsField(_l("Attribution to each agent"), AttributionRow, Attribution, least=0)
    immunosuppression = TermField(_l("Immunosuppression"), Immunosuppression, optional=True)
    action_taken = TermField(_l("Action taken with the treatment"), ActionTaken, optional=True)
    outcome = TermField(_l("Outcome"), EventOutcome, optional=True)
    narrative = TextField(_l("Narrative"), multiline=True, maximum=10_000, optional=True)

    def process(self, formdata=None, obj=None, **kwargs):
        super().process(formdata, obj, **kwargs)
        if self.is_filled:
            return
        if "term" in request.args:  # to show its grades before the form is sent
            self.term.process_formdata(request.args.getlist("term")[:1])
            if "grade" in request.args:
                self.grade.process_formdata(request.args.getlist("grade")[:1])
        if obj is None and self.participant.data is not None:
            agents = agents_of(self.participant.data)
            self.attributions.process(None, [{"agent": agent} for agent in agents])

    def more_columns(self):
        return {"ctcae_term": ctcae_of(self.term.data)[0]}

    def populate_obj(self, record):
        rows = self.attributions.entries
        self.attributions.entries = [entry for entry in rows if entry.form.causality.data is not None]
        super().populate_obj(record)
        record.ctcae_term, soc = ctcae_of(record.term)
        record.soc = soc or record.soc

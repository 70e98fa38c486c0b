"""Nothing that says directly who a participant is has a column: each text is a name of something, or is looked at."""

import importlib
import pkgutil

import sqlalchemy as sa
from wtforms.fields.core import UnboundField

from tracker import forms
from tracker.forms.base import RecordForm
from tracker.forms.fields import CodeField, RowsField, TextField
from tracker.models import Participant, Record
from tracker.models.base import Part

#: Texts in which somebody may write what they like: their forms look for persons in them.
FREE = {
    "administration": {"modification_reason"},
    "adverse_event": {"term", "narrative"},
    "arm_decision": {"reason"},
    "biomarker": {"rationale"},
    "cohort": {"biomarker_selection"},
    "comment": {"text"},
    "dose_decision": {"override_reason"},
    "finding": {"summary"},
    "finding_review": {"reason"},
    "hypothesis": {"population", "rationale"},
    "lesion": {"place"},
    "lock": {"reason", "unlock_reason"},
    "measurement": {"category"},
    "participant": {"diagnosis", "dlt_not_evaluable_reason"},
    "query": {"question"},
    "query_message": {"text"},
    "reference_result": {"selection"},
    "regimen": {"rationale"},
    "remark_answer": {"text"},
    "reported_outcome": {"source"},
    "trial": {"synopsis"},
    "tumor_assessment": {"investigator_reason"},
}

#: Codes, and names of things; numbers of persons are looked for in those that are typed.
NAMES = {
    "agent": {"name", "code", "target", "developer"},
    "arm": {"code", "title"},
    "assay": {"name", "platform", "clone", "scoring_method", "unit", "pool_group"},
    "biomarker": {"name", "hgnc_symbol"},
    "cohort": {"name"},
    "finding": {"doi", "pmid"},
    "lesion": {"label"},
    "measurement": {"batch"},
    "participant": {"code"},
    "query": {"record_type", "field", "rule", "asked_value"},
    "report_snapshot": {"title", "tracker_version", "asked", "content_hash"},
    "signature": {"printed_name", "record_type", "content_hash"},
    "comment": {"record_type"},
    "reference_result": {"citation"},
    "regimen": {"name"},
    "regimen_component": {"schedule"},
    "specimen": {"barcode"},
    "trial": {"code", "title", "primary_endpoint", "nct_number", "eu_ct_number", "sponsor", "partner"}
    | {"principal_investigator"},
    "user": {"name", "display_name", "password_hash"},
}

#: What every record may have: folded copies for the search, and what the figures of a report came from.
COMMON = {"search_text", "report", "fingerprint"}

#: The days of a participant that are stored; none is a birth, of which only the year is.
DAYS = {
    *("consented_on", "enrolled_on", "first_dose_on", "last_dose_on", "new_therapy_on", "off_treatment_on"),
    *("off_study_on", "last_known_alive_on", "died_on", "research_consent_withdrawn_on"),
}


def columns(model, kind):
    found = {one.key: one.columns[0].type for one in sa.inspect(model).column_attrs}
    return {name for name, one in found.items() if isinstance(one, kind) and not isinstance(one, sa.Enum)}


def test_every_text_column_is_known_for_what_it_holds():
    """Who adds one says here whether somebody may write in it what they like."""
    for model in [*Record.__subclasses__(), *Part.__subclasses__()]:
        name = model.__tablename__
        known = FREE.get(name, set()) | NAMES.get(name, set())
        assert columns(model, sa.String) - COMMON == known, name


def test_a_participant_has_no_birth_date():
    assert columns(Participant, sa.Date) == DAYS
    assert not columns(Participant, sa.DateTime) - {"created_at", "updated_at", "withdrawn_at"}
    assert columns(Participant, sa.Integer) >= {"birth_year"}


def _fields():
    """(model's table, name of the field, the field) of every form of a record and of its rows."""
    for module in pkgutil.iter_modules(forms.__path__):
        importlib.import_module(f"tracker.forms.{module.name}")
    found_forms, waiting = [], [RecordForm]
    while waiting:
        waiting += (found := waiting.pop().__subclasses__())
        found_forms += [(one.model, one) for one in found if hasattr(one, "model")]
    for model, form in found_forms:
        for name in dir(form):
            unbound = getattr(form, name)
            if isinstance(unbound, UnboundField):
                if issubclass(unbound.field_class, RowsField) and len(unbound.args) > 2:
                    rows = unbound.args[1]
                    for key in dir(rows):
                        if isinstance(getattr(rows, key), UnboundField):
                            yield unbound.args[2].__tablename__, key, getattr(rows, key)
                yield model.__tablename__, name, unbound


def test_a_form_looks_for_persons_in_every_free_text():
    looked = {
        (table, name)
        for table, name, field in _fields()
        if issubclass(field.field_class, TextField) and field.kwargs.get("free", True)
    }
    free = {(table, name) for table, names in FREE.items() for name in names}
    # The reason of the form that unlocks, and the text of those that ask and answer.
    assert free - looked <= {("lock", "unlock_reason"), ("query_message", "text")}


def test_a_form_looks_for_numbers_of_persons_in_the_codes_that_are_typed():
    looked = {
        (table, name)
        for table, name, field in _fields()
        if issubclass(field.field_class, (CodeField, TextField))
    }
    assert looked >= {
        ("participant", "code"),
        ("specimen", "barcode"),
        ("lesion", "label"),
        ("trial", "code"),
    }

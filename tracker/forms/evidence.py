"""Forms of hypotheses, findings and their reviews."""

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker import values
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    ChoiceField,
    CodeListField,
    DateField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    RowForm,
    RowsField,
    TermField,
    TextField,
    ValueField,
)
from tracker.models import (
    Arm,
    Assay,
    Biomarker,
    Finding,
    FindingReview,
    Hypothesis,
    Regimen,
    RemarkAnswer,
    Trial,
    User,
)
from tracker.scope import reader
from tracker.terms.codes import tissues
from tracker.terms.evidence import (
    REMARK,
    BestCategory,
    Claim,
    CutoffOrigin,
    EffectMeasure,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingSource,
    FindingStatus,
    HigherMeans,
    RemarkStatus,
    StudyCategory,
)
from tracker.values import Refusal

#: ISO 26324: a directory code, a slash and a suffix; the address of the resolver may stand before it.
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_PMID = re.compile(r"(?:PMID:?\s*)?([1-9]\d{0,7})", re.IGNORECASE)


class DoiField(ValueField):
    """The DOI of a publication, as 10.1056/NEJMoa1809697; an address of doi.org is taken too."""

    def read(self, text):
        return _publication(_DOI, text, _("Write the DOI as 10.1056/NEJMoa1809697."))


class PmidField(ValueField):
    """The number of a publication in PubMed."""

    def read(self, text):
        return _publication(_PMID, text, _("Write the PMID: up to eight digits."))


def _publication(pattern, text, refusal):
    text = values.read_text(text, maximum=200)
    if text is None:
        return None
    found = pattern.fullmatch(text)
    if found is None:
        raise Refusal(refusal)
    return found[1]


class HypothesisForm(RecordForm):
    model = Hypothesis
    needs = "biomarker"
    sections = [
        (_l("What is expected"), ["biomarker", "best_category", "endpoint", "higher_means", "rationale"]),
        (_l("In whom"), ["population", "trial", "tumor_location", "regimen", "comparator"]),
        (_l("How it is measured"), ["assay", "cutoff"]),
    ]

    biomarker = OwnerField(_l("Biomarker"), Biomarker)
    best_category = TermField(_l("BEST category"), BestCategory)
    endpoint = TermField(_l("Endpoint"), EvidenceEndpoint)
    higher_means = TermField(_l("A higher marker means"), HigherMeans)
    rationale = TextField(_l("Rationale"), multiline=True, maximum=5000, optional=True)
    population = TextField(
        _l("Population"), maximum=300, help=_l("In words, such as advanced disease after platinum.")
    )
    trial = RecordField(_l("Trial"), Trial, optional=True, help=_l("Empty: participants of any trial."))
    tumor_location = CodeListField(
        _l("Tumor location"), tissues, optional=True, help=_l("Empty: all locations.")
    )
    regimen = RecordField(_l("Regimen"), Regimen, optional=True)
    comparator = RecordField(_l("Compared with"), Regimen, optional=True)
    assay = RecordField(_l("Assay"), Assay, within="biomarker", optional=True)
    cutoff = NumberField(_l("Cutoff"), optional=True, help=_l("Positive at or above, in the assay's unit."))
    #: Not typed; lists and histories show it.
    author = RecordField(_l("Author"), User, optional=True)


class OtherFindingField(RecordField):
    """Another finding than the form's own."""

    def candidates(self):
        own = self.around.record
        chosen = super().candidates()
        return chosen if own is None else chosen.where(Finding.id != own.id)


class RemarkItemField(ChoiceField):
    """One of the 20 items of REMARK."""

    def options(self):
        return [(item.number, f"{item.number}. {item.title}") for item in REMARK]

    def read(self, text):
        return values.read_integer(text, minimum=1, maximum=len(REMARK))


class RemarkAnswerRow(RowForm):
    item = RemarkItemField(_l("Item"))
    status = TermField(_l("Status"), RemarkStatus)
    text = TextField(_l("Where, or what"), maximum=1000, optional=True)


_INTERVAL = ["ci_low", "ci_high", "p_value"]


class FindingForm(RecordForm):
    model = Finding
    needs = "biomarker"
    sections = [
        (
            _l("What was found"),
            ["biomarker", "hypothesis", "claim", "higher_means", "direction", "summary"],
        ),
        (_l("In whom"), ["trial", "arm", "regimen", "tumor_location", "has_comparator"]),
        (_l("How it was measured"), ["assay", "cutoff", "cutoff_origin", "markers_tried", "cutoffs_tried"]),
        (
            _l("Result"),
            ["endpoint", "effect_measure", "estimate", *_INTERVAL, "n", "events", "interaction_p"],
        ),
        (_l("Evidence"), ["study_category", "validates", "source", "doi", "pmid", "data_cutoff"]),
        (_l("REMARK"), ["remark_answers"]),
    ]

    biomarker = OwnerField(_l("Biomarker"), Biomarker)
    hypothesis = RecordField(_l("Hypothesis"), Hypothesis, within="biomarker", optional=True)
    claim = TermField(_l("Claim"), Claim)
    higher_means = TermField(_l("A higher marker means"), HigherMeans)
    direction = TermField(_l("The evidence"), EvidenceDirection, help=_l("Supports or opposes the claim."))
    summary = TextField(_l("In words"), multiline=True, maximum=5000, optional=True)
    trial = RecordField(_l("Trial"), Trial, optional=True)
    arm = RecordField(_l("Arm"), Arm, optional=True, help=_l("One of the trial's, where it is about one."))
    regimen = RecordField(_l("Regimen"), Regimen, optional=True)
    tumor_location = CodeListField(
        _l("Tumor location"), tissues, optional=True, help=_l("Empty: all locations.")
    )
    has_comparator = CheckboxField(_l("A comparator is present"))
    assay = RecordField(_l("Assay"), Assay, within="biomarker", optional=True)
    cutoff = NumberField(_l("Cutoff"), optional=True, help=_l("Positive at or above, in the assay's unit."))
    cutoff_origin = TermField(_l("How the cutoff was chosen"), CutoffOrigin, optional=True)
    markers_tried = IntegerField(_l("Markers tried"), minimum=1, help=_l("This one included."))
    cutoffs_tried = IntegerField(_l("Cutoffs tried"), minimum=1, optional=True)
    endpoint = TermField(_l("Endpoint"), EvidenceEndpoint)
    effect_measure = TermField(_l("Effect measure"), EffectMeasure)
    estimate = NumberField(_l("Estimate"))
    ci_low = NumberField(_l("95% CI, lower limit"), optional=True)
    ci_high = NumberField(_l("95% CI, upper limit"), optional=True)
    p_value = NumberField(_l("p"), minimum=0, maximum=1, optional=True)
    n = IntegerField(_l("Participants"), minimum=1)
    events = IntegerField(_l("Events"), minimum=0, optional=True)
    interaction_p = NumberField(
        _l("p of the interaction"),
        minimum=0,
        maximum=1,
        optional=True,
        help=_l("Of treatment and marker; the claim “predictive” needs it."),
    )
    study_category = TermField(_l("Study category"), StudyCategory, optional=True)
    validates = OtherFindingField(_l("Validates the finding"), Finding, within="biomarker", optional=True)
    source = TermField(_l("Source"), FindingSource)
    doi = DoiField(_l("DOI"), optional=True, help=_l("Such as 10.1056/NEJMoa1809697."))
    pmid = PmidField(_l("PMID"), optional=True)
    data_cutoff = DateField(_l("Data cut-off"), optional=True)
    remark_answers = RowsField(
        _l("Items of REMARK"),
        RemarkAnswerRow,
        RemarkAnswer,
        least=0,
        help=_l("Only what the finding's own fields do not answer."),
    )
    #: Not typed; lists and histories show them.
    status = TermField(_l("State"), FindingStatus, optional=True)
    author = RecordField(_l("Author"), User, optional=True)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        chosen = [entry.form.item.data for entry in self.remark_answers]
        for entry, item in zip(self.remark_answers, chosen):
            if item is not None and chosen.count(item) > 1:
                entry.form.item.errors = [_("An item stands in one row only.")]
                sound = False
        return sound


class FiguresForm(RecordForm):
    """Takes the figures that a finding's report gives now. take: does so with the finding."""

    model = Finding
    sections = ()
    reason = TextField(_l("Reason for the change"), multiline=True, maximum=1000)
    take = None

    def findings(self):
        return []

    def populate_obj(self, record):
        self.take(record)


class FindingReviewForm(RecordForm):
    """What is decided on a submitted finding; its reason is also that of the finding's new state."""

    model = FindingReview
    needs = "finding"
    sections = [(_l("Decision"), ["finding", "decision", "reason"])]

    finding = OwnerField(_l("Finding"), Finding)
    decision = TermField(
        _l("Decision"), [FindingStatus.ACCEPTED, FindingStatus.RETURNED, FindingStatus.REJECTED]
    )
    reason = TextField(_l("Reason"), multiline=True, maximum=5000, help=_l("The author reads it."))
    #: Not typed; lists show it.
    decided_by = RecordField(_l("Decided by"), User, optional=True)

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        found = self.finding.data
        if found is None:
            return False
        refusal = None
        if found.is_of(reader().user):
            refusal = _("Nobody decides on their own finding.")
        elif found.status is not FindingStatus.SUBMITTED:
            refusal = _(
                "Only a submitted finding is decided on; this one is in the state “%(state)s”.",
                state=found.status.label,
            )
        if refusal:
            self.decision.errors = [*self.decision.errors, refusal]
        return sound and refusal is None

    def populate_obj(self, record):
        super().populate_obj(record)
        record.decided_by_id = reader().user_id
        record.finding.status = record.decision

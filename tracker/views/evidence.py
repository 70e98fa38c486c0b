"""Hypotheses, findings, and what is decided on them."""

from datetime import date
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import MultiDict

from tracker import actions, clock
from tracker.audit import because
from tracker.extensions import db
from tracker.forms.account import EmptyForm
from tracker.forms.evidence import FiguresForm, FindingForm, FindingReviewForm, HypothesisForm
from tracker.models import Finding, FindingReview, Hypothesis
from tracker.reads.evidence import (
    BESIDE_FINDING,
    accepted_validations,
    findings_testing,
    hypothesis_states,
    judged,
    records_named,
)
from tracker.reads.kept import sees_trials
from tracker.reports.base import find_report, run_report
from tracker.reports.findings import FIGURES, agrees, figures_of, problems_of, rounded
from tracker.reports.kept import arguments_of, keep, rerun, stale
from tracker.roles import Permission
from tracker.rules.evidence import level_of_evidence, nature_of, remark_rows, validations_of
from tracker.terms.biomarker import Scale
from tracker.terms.evidence import (
    Claim,
    CutoffOrigin,
    EffectMeasure,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingSource,
    FindingStatus,
    HigherMeans,
)
from tracker.values import Refusal, read_date
from tracker.views.access import permission_required
from tracker.views.history import told
from tracker.views.pages import url
from tracker.views.records import (
    KINDS,
    change,
    enter,
    find,
    form_page,
    may_change,
    record_views,
    refuse_what_is_anothers,
    render_record,
    save,
)
from tracker.views.unsaved import keeps_draft

hypothesis = record_views(
    Hypothesis,
    HypothesisForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.EDIT_OWN_FINDINGS,
    columns=["biomarker", "endpoint", "tumor_location", "higher_means", "author", "registered_at"],
    headings={"registered_at": _l("Registered")},
    filters=["biomarker", "endpoint", "tumor_location"],
    without=["show"],
    new_label=_l("Register a hypothesis"),
    address="hypotheses",
)


@hypothesis.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_FINDINGS)
def show_hypothesis(id):
    """A hypothesis: when it was registered, its amendments, and the findings that test it."""
    found = find(
        Hypothesis,
        id,
        joinedload(Hypothesis.biomarker),
        joinedload(Hypothesis.author),
        include_withdrawn=True,
    )
    kind = KINDS["hypothesis"]
    amendments = [event for event in told(found, kind.empty_form()) if event.is_change]
    state = hypothesis_states([found])[found.id]
    findings = findings_testing(found)
    natures = {one.id: nature_of(one, found, state.standing) for one in findings}
    return render_record(kind, found, state=state, amendments=amendments, findings=findings, natures=natures)


finding = record_views(
    Finding,
    FindingForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.EDIT_OWN_FINDINGS,
    columns=[
        "biomarker",
        "claim",
        "tumor_location",
        "endpoint",
        "direction",
        "status",
        "author",
        "updated_at",
    ],
    headings={"updated_at": _l("Last change")},
    filters=["status", "biomarker", "claim", "tumor_location", "direction"],
    without=["show", "edit", "new"],
)


@finding.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_FINDINGS)
def show_finding(id):
    """A finding: its level of evidence, whether it was foretold, REMARK, and how it was judged."""
    found = find(Finding, id, *BESIDE_FINDING, include_withdrawn=True)
    agreeing, disagreeing = validations_of(found, accepted_validations(found))
    return render_record(
        KINDS["finding"],
        found,
        level=level_of_evidence(found.study_category, agreeing, disagreeing),
        agreeing=agreeing,
        disagreeing=disagreeing,
        judged=judged([found])[found.id],
        remark=remark_rows(found),
        source=_source(found),
        may_edit=may_change(KINDS["finding"], found) and found.status.is_open,
    )


def _source(found):
    """The report that the figures are from, where the reader sees all of its trials."""
    if found.report is None or not sees_trials(value for name, value in found.parameters if name == "trial"):
        return None
    address = url_for("reports.show", slug=found.report) + "?" + urlencode(arguments_of(found))
    return {"title": find_report(found.report).title, "address": address}


@finding.route("/<id:id>/edit", methods=["GET", "POST"], endpoint="edit")
@permission_required(Permission.EDIT_OWN_FINDINGS)
@keeps_draft
def edit_finding(id):
    """Change a draft, or what was returned."""
    found = find(Finding, id)
    refuse_what_is_anothers(found)
    if not found.status.is_open:
        raise Refusal(_("A finding is changed only while it is a draft, or was returned."), status=409)
    return change(found, FindingForm(found), _("Edit %(record)s", record=str(found)))


@finding.route("/new", methods=["GET", "POST"], endpoint="new")
@permission_required(Permission.EDIT_OWN_FINDINGS)
@keeps_draft
def new_finding():
    """Enter a finding; ?report=predictive, with the report's parameters, fills in what the report says."""
    if "report" not in request.args:
        return enter(KINDS["finding"])
    arguments = MultiDict([pair for pair in request.args.items(multi=True) if pair[0] != "report"])
    result = run_report(request.args["report"], arguments)
    figures = figures_of(result)
    if figures is None:
        raise Refusal(_("This report tells of no effect of a marker that a finding could be made from."))
    form = FindingForm(**_filled_in(figures))
    record = Finding()
    if form.is_submitted():
        keep(record, result, figures)
    title = _("New finding from the report “%(report)s”", report=str(result.report.title))
    if not form.wants_rows and form.validate_on_submit():
        return save(form, record, title)
    return form_page(form, title)


#: Fields of a finding that hold a term, by the name that a report's figures have for them.
_TERMS = {
    "claim": Claim,
    "direction": EvidenceDirection,
    "endpoint": EvidenceEndpoint,
    "effect_measure": EffectMeasure,
    "higher_means": HigherMeans,
}


def _filled_in(figures) -> dict:
    """What the form of a finding shows when it is made from a report's figures."""
    named = records_named(figures)
    values = {
        name: figures[name]
        for name in (
            "n",
            "events",
            "has_comparator",
            "cutoff",
            "cutoffs_tried",
            "markers_tried",
            "tumor_location",
        )
    }
    values |= {name: kind(figures[name]) for name, kind in _TERMS.items()}
    values |= {name: rounded(figures[name]) for name in FIGURES if name not in values}
    if figures["cutoff_origin"]:
        values["cutoff_origin"] = CutoffOrigin(figures["cutoff_origin"])
    elif named["assay"].positive_cutoff == figures["cutoff"] or named["assay"].scale is Scale.BINARY:
        values["cutoff_origin"] = CutoffOrigin.PRESPECIFIED
    if values.get("cutoff_origin") is CutoffOrigin.PRESPECIFIED:
        values["cutoffs_tried"] = 1
    day = figures["data_cutoff"]
    return named | values | {"source": FindingSource.OWN, "data_cutoff": day and date.fromisoformat(day)}


@finding.route("/<id:id>/submit", methods=["GET", "POST"])
@permission_required(Permission.EDIT_OWN_FINDINGS)
def submit(id):
    """Hand a finding in to be judged. What stands in the way is said beside its field, on a form that mends it."""
    found = find(Finding, id)
    refuse_what_is_anothers(found)
    if request.method == "GET":
        return redirect(url(found), 302)
    if not found.status.is_open:
        raise Refusal(_("This finding is submitted already, or was judged."), status=409)
    title = _("Submit %(record)s", record=str(found))
    if "version" in request.form:
        return change(found, FindingForm(found), title, stored=_submit)
    if not EmptyForm().validate_on_submit():
        raise Refusal(_("This page has expired. Nothing was done; open it again."), status=400)
    if problems := _problems(found):
        form = FindingForm(found, formdata=None)
        for name, message in problems:
            form[name].errors = [*form[name].errors, message]
        return form_page(form, title, 422)
    with because(_("Submitted for review.")):
        actions.submit_finding(found)
        db.session.commit()
    flash(_("%(record)s is submitted.", record=str(found)), "success")
    return redirect(url(found), 303)


def _problems(found):
    return problems_of(found, judged([found])[found.id].nature)


def _submit(found):
    """What was mended is stored and submitted, or neither."""
    for name, message in _problems(found):
        raise Refusal(message, name)
    actions.submit_finding(found)


@finding.get("/<id:id>/recompute")
@permission_required(Permission.READ_FINDINGS)
def recompute(id):
    """The report again, beside what the finding says; its author may take the new figures."""
    found = find(Finding, id)
    if found.report is None:
        return redirect(url(found), 302)
    return _figures_page(found, FiguresForm(found, formdata=None), *_computed_again(found))


@finding.post("/<id:id>/recompute", endpoint="take_figures")
@permission_required(Permission.EDIT_OWN_FINDINGS)
def take_figures(id):
    """Take the figures that the report gives now, as an edit with its reason. What was handed in is a draft again."""
    found = find(Finding, id)
    refuse_what_is_anothers(found)
    if found.report is None:
        raise Refusal(_("This finding was not made from a report."), status=409)
    result, figures = _computed_again(found)
    form = FiguresForm(found)
    if form.is_stale:
        form.reason.errors = [_("The finding was changed meanwhile. Look at it again.")]
        form.version.data = str(found.version)
        return _figures_page(found, form, result, figures, 409)
    if figures is None or not form.validate_on_submit():
        return _figures_page(found, form, result, figures, 422)

    def take(record):
        keep(record, result, figures)
        for name in FIGURES:
            setattr(record, name, rounded(figures[name]))
        record.data_cutoff = figures["data_cutoff"] and date.fromisoformat(figures["data_cutoff"])
        record.status = record.status if record.status.is_open else FindingStatus.DRAFT

    form.take = take
    return save(form, found, _("Recompute %(record)s", record=str(found)))


def _computed_again(found):
    """The finding's report again, up to its own day or to another that the address names, and its figures."""
    result = rerun(found, read_date(request.args.get("as_of"), today=clock.today()))
    return result, figures_of(result)


def _figures_page(found, form, result, figures, status=200):
    columns = [{name: getattr(found, name) for name in FIGURES}, found.figures, figures or {}]
    rows = [(name, *(values.get(name) for values in columns)) for name in FIGURES]
    page = render_template(
        "finding/recompute.html",
        record=found,
        form=form,
        labels=FindingForm(found, formdata=None),
        rows=[row for row in rows if any(value is not None for value in row[1:])],
        result=result,
        may_take=figures is not None and may_change(KINDS["finding"], found),
        is_stale=bool(stale([found])),
        today=clock.today(),
        agrees=agrees,
        rounded=rounded,
    )
    return page, status


# What was decided is never rewritten: a finding that was judged by mistake is withdrawn, and entered anew.
finding_review = record_views(
    FindingReview,
    FindingReviewForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.DECIDE_FINDINGS,
    columns=["finding", "decision", "reason", "decided_by", "created_at"],
    headings={"created_at": _l("Decided")},
    filters=["decision"],
    without=["edit", "withdraw"],
    new_label=_l("Judge a finding"),
)

"""Hypotheses, findings, and what is decided on them."""

from flask import flash, redirect
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from tracker import actions
from tracker.audit import because
from tracker.extensions import db
from tracker.forms.account import EmptyForm
from tracker.forms.evidence import FindingForm, FindingReviewForm, HypothesisForm
from tracker.models import Finding, FindingReview, Hypothesis
from tracker.reads.evidence import (
    BESIDE_FINDING,
    accepted_validations,
    findings_testing,
    hypothesis_states,
    judged,
)
from tracker.roles import Permission
from tracker.rules.evidence import level_of_evidence, nature_of, remark_rows, validations_of
from tracker.values import Refusal
from tracker.views.access import permission_required
from tracker.views.history import told
from tracker.views.pages import url
from tracker.views.records import (
    KINDS,
    change,
    find,
    may_change,
    record_views,
    refuse_what_is_anothers,
    render_record,
)

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
    without=["show", "edit"],
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
        may_edit=may_change(KINDS["finding"], found) and found.status.is_open,
    )


@finding.route("/<id:id>/edit", methods=["GET", "POST"], endpoint="edit")
@permission_required(Permission.EDIT_OWN_FINDINGS)
def edit_finding(id):
    """Change a draft, or what was returned."""
    found = find(Finding, id)
    refuse_what_is_anothers(found)
    if not found.status.is_open:
        raise Refusal(_("A finding is changed only while it is a draft, or was returned."), status=409)
    return change(found, FindingForm(found), _("Edit %(record)s", record=str(found)))


@finding.post("/<id:id>/submit")
@permission_required(Permission.EDIT_OWN_FINDINGS)
def submit(id):
    """Hand a finding in to be judged."""
    found = find(Finding, id)
    refuse_what_is_anothers(found)
    if not EmptyForm().validate_on_submit():
        raise Refusal(_("This page has expired. Nothing was done; open it again."), status=400)
    actions.submit_finding(found)
    with because(_("Submitted for review.")):
        db.session.commit()
    flash(_("%(record)s is submitted.", record=str(found)), "success")
    return redirect(url(found), 303)


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

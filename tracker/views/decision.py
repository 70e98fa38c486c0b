"""What is decided about arms, and the figures then and now."""

from urllib.parse import urlencode

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload

from tracker import clock
from tracker.forms.decision import ArmDecisionForm
from tracker.models import Arm, ArmDecision, DecisionFinding, Finding
from tracker.reads.decision import whose_figures_are_seen
from tracker.reads.escalation import standings_in_scope
from tracker.reports.base import run_report
from tracker.reports.decisions import digest, figures_of_decision, now_of, run_named, summary_of, then_and_now
from tracker.reports.kept import arguments_of, keep
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import (
    KINDS,
    find,
    form_page,
    record_views,
    refuse_what_is_locked,
    render_record,
    save,
)
from tracker.views.unsaved import keeps_draft

# A decision is never rewritten: one that was recorded by mistake is withdrawn with its reason, and made anew.
arm_decision = record_views(
    ArmDecision,
    ArmDecisionForm,
    read=Permission.READ_REPORTS,
    edit=Permission.DECIDE_ARMS,
    columns=["decided_on", "arm", "decision", "reason", "author"],
    filters=["arm", "decision"],
    without=["new", "show", "edit"],
    new_label=_l("Decide on an arm"),
)


@arm_decision.route("/new", methods=["GET", "POST"])
@permission_required(Permission.DECIDE_ARMS)
@keeps_draft
def new():
    """Decide on an arm; ?arm=12 names it, and ?basis=outcomes%3Fby%3Darm the report that the decision rests on."""
    form = ArmDecisionForm()
    arm = form.arm.data
    if arm is None and not form.is_submitted():
        kind, field = KINDS["arm_decision"], form.arm
        return render_template("records/choose.html", kind=kind, field=field, options=field.options())
    if arm is None:
        form.validate()
        return form_page(form, _("Decide on an arm"))
    refuse_what_is_locked(arm)
    result = _basis(arm)
    crossed = [name for one in standings_in_scope(clock.today(), arm_id=arm.id) for name in one.crossed]
    figures = figures_of_decision(result, crossed)
    form.rest_on(digest(figures))
    form.result, form.summary = result, summary_of(result)
    title = _("Decide on arm %(arm)s", arm=f"{arm.trial.code}/{arm.code}")
    if not form.wants_rows and form.validate_on_submit():
        # Kept when the arm has its new status, so that this alone does not make them look out of date.
        return save(form, ArmDecision(), title, stored=lambda record: keep(record, result, figures))
    return form_page(form, title)


def _basis(arm: Arm):
    """The report that the address names with its parameters; without one the arm's outcomes."""
    named = request.args.get("basis")
    return run_named(named) if named else run_report("outcomes", [("arm", f"{arm.trial.code}/{arm.code}")])


@arm_decision.get("/<id:id>")
@permission_required(Permission.READ_REPORTS)
def show(id):
    """A decision: the figures that it rested on, and the same report now."""
    found = find(
        ArmDecision,
        id,
        joinedload(ArmDecision.arm).joinedload(Arm.trial),
        selectinload(ArmDecision.linked_findings)
        .joinedload(DecisionFinding.finding)
        .joinedload(Finding.biomarker),
        include_withdrawn=True,
    )
    is_seen = found.id in whose_figures_are_seen([found])
    now = now_of(found, clock.today()) if is_seen else None
    return render_record(
        KINDS["arm_decision"],
        found,
        is_seen=is_seen,
        now=now,
        now_summary=summary_of(now) if now else None,
        compared=then_and_now(found, now) if now else [],
        asked=_address(found) if now else None,
    )


def _address(decision):
    """The address of the report as it was asked then."""
    return f"{decision.report}?{urlencode(arguments_of(decision))}"

"""Trials, arms, cohorts and the members of a trial."""

from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import selectinload

from tracker import actions, clock
from tracker.extensions import db
from tracker.forms.trial import ArmForm, CohortForm, ReleaseForm, TrialForm, TrialMemberForm
from tracker.models import Arm, ArmDecision, Cohort, DoseDecision, Trial, TrialMember
from tracker.reads.decision import decisions_of
from tracker.reads.escalation import standings_in_scope
from tracker.reads.trial import enrolled_by
from tracker.reports.decisions import told_of
from tracker.reports.escalation import ladder_figure, standing_parts
from tracker.roles import Permission
from tracker.scope import reader
from tracker.views.access import permission_required
from tracker.views.records import KINDS, change, find, form_page, record_views, render_record, save
from tracker.views.unsaved import keeps_draft


def _first_member(trial):
    """Whoever creates a trial is its first member."""
    if reader().user_id is not None and not reader().sees_all_trials:
        db.session.add(TrialMember(user_id=reader().user_id, trial=trial))


trial = record_views(
    Trial,
    TrialForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["code", "title", "phase", "design", "status", "setting", "accrual_target", "opened_on"],
    filters=["status", "phase", "design", "setting"],
    without=["show"],
    stored=_first_member,
)


@trial.get("/<id:id>")
@permission_required(Permission.READ_TRIALS)
def show(id):
    """A trial: its arms with accrual and the ladders of those that escalate, its cohorts by location, its people."""
    found = find(
        Trial,
        id,
        selectinload(Trial.arms).joinedload(Arm.regimen),
        selectinload(Trial.members).joinedload(TrialMember.user),
        include_withdrawn=True,
    )
    ladder = None
    if current_user.may(Permission.READ_PARTICIPANTS):
        standings = standings_in_scope(clock.today(), trial_id=found.id)
        climbing = [one for one in standings if one.rule is not None and len(one.levels)]
        ladder = ladder_figure(climbing) if climbing else None
    arms = [arm.id for arm in found.arms]
    return render_record(
        KINDS["trial"],
        found,
        enrolled=enrolled_by(found),
        ladder=ladder,
        decisions=_decisions(ArmDecision.arm_id.in_(arms)) if arms else [],
    )


def _decisions(condition) -> list[tuple]:
    """What was decided, with the figures then and now, for who may read reports."""
    return told_of(decisions_of(condition)) if current_user.may(Permission.READ_REPORTS) else []


@trial.route("/<id:id>/release", methods=["GET", "POST"])
@permission_required(Permission.RELEASE_RESULTS)
@keeps_draft
def release(id):
    """The director releases a trial's results: its arms are no longer masked."""
    found = find(Trial, id)
    return change(found, ReleaseForm(found), _("Release the results of %(trial)s", trial=found.code))


arm = record_views(
    Arm,
    ArmForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["code", "trial", "title", "type", "regimen", "status", "planned_n"],
    filters=["trial", "type", "status"],
    without=["show"],
)


@arm.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_TRIALS)
def show_arm(id):
    """An arm: where its escalation, its two stages and its toxicity stand, for those who may see participants."""
    found = find(
        Arm,
        id,
        selectinload(Arm.dose_decisions).joinedload(DoseDecision.decided_by),
        selectinload(Arm.dose_decisions).joinedload(DoseDecision.to_level),
        include_withdrawn=True,
    )
    may_see = current_user.may(Permission.READ_PARTICIPANTS) and found.withdrawn_at is None
    standings = standings_in_scope(clock.today(), arm_id=found.id) if may_see else []
    parts = standing_parts(standings[0]) if standings else {}
    decisions = _decisions(ArmDecision.arm_id == found.id)
    return render_record(KINDS["arm"], found, decisions=decisions, **parts)


cohort = record_views(
    Cohort,
    CohortForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["name", "trial", "tumor_location", "subtype", "status", "planned_n"],
    filters=["trial", "tumor_location", "status"],
)

trial_member = record_views(
    TrialMember,
    TrialMemberForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_ACCOUNTS,
    columns=["user", "trial"],
    filters=["trial"],
    without=["new", "edit"],
)


@trial_member.route("/new", methods=["GET", "POST"])
@permission_required(Permission.EDIT_ACCOUNTS)
def new():
    """Assign an account to a trial; one that was taken off it before is put back."""
    form = TrialMemberForm()
    title = _("Assign an account to a trial")
    if form.validate_on_submit():
        return save(form, actions.assign(form.user.data, form.trial.data), title)
    return form_page(form, title)

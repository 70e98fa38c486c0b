"""Locks: what is closed to changes, and opening it again."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from tracker.forms.lock import LockForm, LockUpForm, UnlockForm
from tracker.models import Lock
from tracker.roles import Permission
from tracker.values import Refusal
from tracker.views.access import permission_required
from tracker.views.records import KINDS, change, find, record_views, render_record

# A lock is never rewritten: it is lifted, and what is locked again has a new one.
lock = record_views(
    Lock,
    LockForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.LOCK_RECORDS,
    columns=["created_at", "trial", "participant", "cut_on", "reason", "locked_by", "unlocked_at"],
    headings={
        "created_at": _l("Locked"),
        "cut_on": _l("Data up to"),
        "unlocked_at": _l("Unlocked"),
    },
    filters=["trial"],
    without=["show", "edit", "withdraw"],
    entry_form=LockUpForm,
    new_label=_l("Lock"),
    sort="-created_at",
)


@lock.get("/<id:id>")
@permission_required(Permission.READ_PARTICIPANTS)
def show(id):
    """A lock: what it closes, since when, and how it was lifted."""
    people = (
        joinedload(getattr(Lock, name)) for name in ("trial", "participant", "locked_by", "unlocked_by")
    )
    return render_record(KINDS["lock"], find(Lock, id, *people, include_withdrawn=True))


@lock.route("/<id:id>/unlock", methods=["GET", "POST"])
@permission_required(Permission.LOCK_RECORDS)
def unlock(id):
    """Lift a lock, with a reason."""
    found = find(Lock, id)
    if found.unlocked_at is not None:
        raise Refusal(_("This is unlocked already."), status=409)
    return change(found, UnlockForm(found), _("Unlock: %(lock)s", lock=str(found)))

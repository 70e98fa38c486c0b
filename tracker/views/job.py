"""How far work is that takes longer than a request."""

import sqlalchemy as sa
from flask import Blueprint, abort, render_template
from flask_login import current_user

from tracker import jobs
from tracker.extensions import db
from tracker.models import Job
from tracker.roles import Permission
from tracker.views.access import permission_required

job = Blueprint("job", __name__, url_prefix="/jobs")


@job.get("/<id:id>")
@permission_required(Permission.USE_OWN_ACCOUNT)
def show(id):
    """A job of one's own: how far it is, and where its result is. The page asks again by itself until it is over."""
    chosen = sa.select(Job).where(Job.id == id, Job.user_id == current_user.id)
    found = db.session.scalar(chosen) or abort(404)
    jobs.attend(found)
    found = db.session.scalar(chosen)
    done, total, text = jobs.progress_of(found)
    return render_template("job/show.html", job=found, done=done, total=total, text=text)

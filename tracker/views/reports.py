from flask import Blueprint
from tracker.roles import Permission
from tracker.views.access import permission_required
reports = Blueprint("reports", __name__, url_prefix="/reports")
@reports.get("/")
@permission_required(Permission.READ_REPORTS)
def index(): return "soon"
@reports.get("/<slug>")
@permission_required(Permission.READ_REPORTS)
def show(slug): return "soon"

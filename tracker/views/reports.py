"""What is concluded, as pages and files."""

from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from tracker.actions import note_export
from tracker.charts.base import NARROW, WIDE
from tracker.exchange.result import FORMATS, find_format, report_file
from tracker.reports.base import all_reports, run_report
from tracker.reports.decisions import basis_of
from tracker.reports.findings import figures_of
from tracker.reports.kept import parameters_of
from tracker.reports.sharing import SHARED
from tracker.roles import Permission
from tracker.views.access import permission_required

reports = Blueprint("reports", __name__, url_prefix="/reports")

#: The index: what each group of reports is about, and their slugs.
_TOPICS = (
    (_l("The three questions"), ("combinations", "predictive", "breast-gap")),
    (_l("Outcome"), ("outcomes", "survival", "locations", "waterfall", "swimmer", "spider")),
    (_l("Markers and evidence"), ("biomarker", "portability", "evidence")),
    (_l("Conduct"), ("accrual", "escalation", "safety", "quality")),
)


@reports.get("/")
@permission_required(Permission.READ_REPORTS)
def index():
    """Every report, with what it answers."""
    known = all_reports()
    topics = [(topic, [known[slug] for slug in slugs]) for topic, slugs in _TOPICS]
    return render_template("reports/index.html", topics=topics)


@reports.get("/<slug>")
@permission_required(Permission.READ_REPORTS)
def show(slug):
    """One report: its parameters as a form, headline, figures, tables with their notes, files."""
    result = run_report(slug, request.args)

    def file_address(format, **own):
        """Where the same is as a file, or its part that `table` or `figure` names."""
        query = urlencode([*request.args.items(multi=True), *own.items()])
        return url_for("reports.file", slug=slug, format=format) + (query and f"?{query}")

    return render_template(
        "reports/show.html",
        result=result,
        formats=FORMATS,
        is_shared=slug in SHARED,
        least=current_app.config["SMALL_CELL"],
        file_address=file_address,
        finding_address=_finding_address(result),
        basis=basis_of(slug, request.args),
    )


def _finding_address(result):
    """Where a finding is made of it, for who writes findings."""
    if not current_user.may(Permission.EDIT_OWN_FINDINGS) or figures_of(result) is None:
        return None
    # Trials that nobody asked for are found anew: there may be more of them than an address can name.
    pairs = [
        (name, value) for name, value in parameters_of(result) if name != "trial" or result.form.trial.data
    ]
    asked = [("report", result.report.slug), *pairs, ("as_of", result.form.as_of.data)]
    return url_for("finding.new") + "?" + urlencode(asked)


@reports.get("/<slug>.<format>")
@permission_required(Permission.READ_REPORTS)
def file(slug, format):
    """The same report as a file; ?share=outside as it may leave the trial team."""
    content = report_file(slug, format, request.args)
    note_export(
        "report", report=slug, format=format, parameters=request.query_string.decode(errors="replace") or None
    )
    part = request.args.get("figure") or request.args.get("table")
    name = f"{slug}-{part}" if part else slug
    answer = Response(content, content_type=find_format(format).media_type)
    answer.headers.set(
        "Content-Disposition", "inline" if format == "json" else "attachment", filename=f"{name}.{format}"
    )
    return answer


@reports.app_template_global()
def drawings(figure):
    """A figure's two drawings, of which the style sheet shows the one that fits."""
    return [figure.svg(WIDE), figure.svg(NARROW)]

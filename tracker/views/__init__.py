"""What is served."""

from werkzeug.routing import IntegerConverter


class IdConverter(IntegerConverter):
    """A record's number: what a database's integer can hold."""

    regex = "[0-9]+"

    def __init__(self, url_map):
        super().__init__(url_map, min=1, max=2**31 - 1)


def register(app):
    """Every blueprint of the views."""
    from tracker.views import account, biomarker, home, participant, regimen, reports, terms, trial

    app.url_map.converters["id"] = IdConverter
    for blueprint in (
        home.home,
        account.account,
        account.user,
        trial.trial,
        trial.arm,
        trial.cohort,
        trial.trial_member,
        regimen.agent,
        regimen.regimen,
        regimen.reference_result,
        participant.participant,
        participant.reported_outcome,
        biomarker.biomarker,
        biomarker.assay,
        biomarker.measurement,
        reports.reports,
        terms.terms,
    ):
        app.register_blueprint(blueprint)

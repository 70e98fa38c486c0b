"""What is served."""

from werkzeug.routing import IntegerConverter


class IdConverter(IntegerConverter):
    """A record's number: what a database's integer can hold."""

    regex = "[0-9]+"

    def __init__(self, url_map):
        super().__init__(url_map, min=1, max=2**31 - 1)


def register(app):
    """Every blueprint of the views."""
    from tracker.views import (
        account,
        biomarker,
        decision,
        draft,
        escalation,
        evidence,
        home,
        import_file,
        import_mapping,
        job,
        lock,
        oversight,
        participant,
        regimen,
        reports,
        response,
        screen,
        second_factor,
        signing,
        specimen,
        terms,
        trail,
        treatment,
        trial,
    )

    assert import_mapping  # it adds to the addresses of import_file
    app.url_map.converters["id"] = IdConverter
    for blueprint in (
        home.home,
        account.account,
        draft.draft,
        account.user,
        second_factor.second_factor,
        trial.trial,
        trial.arm,
        trial.cohort,
        trial.trial_member,
        decision.arm_decision,
        escalation.dose_level,
        escalation.dose_decision,
        regimen.agent,
        regimen.regimen,
        regimen.reference_result,
        participant.participant,
        participant.reported_outcome,
        response.lesion,
        response.tumor_assessment,
        treatment.administration,
        treatment.adverse_event,
        specimen.specimen,
        biomarker.biomarker,
        biomarker.assay,
        biomarker.measurement,
        evidence.hypothesis,
        evidence.finding,
        evidence.finding_review,
        oversight.query,
        oversight.comment,
        lock.lock,
        signing.signature,
        signing.report_snapshot,
        reports.reports,
        import_file.import_file,
        screen.screen,
        job.job,
        terms.terms,
        trail.trail,
    ):
        app.register_blueprint(blueprint)

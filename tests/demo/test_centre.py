"""The demonstration centre: what a visitor is shown must be coherent, always the same, and near what is published."""

import itertools

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from tests.demo.conftest import SECONDS, TODAY, make_centre
from tests.tables import copy_tables
from tracker import scope
from tracker.demo.centre import SIGN_INS, load
from tracker.extensions import db
from tracker.models import Assay, Measurement, Participant, Query, Record, Specimen, Trial, TrialMember, User
from tracker.reads.base import frame, in_scope
from tracker.reads.outcome import outcomes_frame
from tracker.rules.checks import Weight, run_checks
from tracker.rules.privacy import NAMING, find_personal

#: Columns that tell when and by whom a row was stored, and what is random on purpose.
_OF_THE_MOMENT = {
    "created_at",
    "updated_at",
    "at",
    "request_id",
    "actor",
    "password_hash",
    "mac",
    "signed_at",
}


@pytest.fixture(scope="module")
def participants(loaded):
    """One row a participant, with the outcome, the baseline value of every assay, and whether they responded."""
    with loaded.app_context(), scope.everything("the tests"):
        outcomes = in_scope(outcomes_frame, TODAY)
        values = frame(
            sa.select(Measurement.participant_id, Assay.name, Measurement.value)
            .join(Measurement.assay)
            .where(Measurement.timepoint == "baseline", Measurement.qc_status == "passed")
        )
        db.session.remove()
    baseline = values.dropna().pivot(index="participant_id", columns="name", values="value")
    found = outcomes.join(baseline, on="participant_id")
    found["responded"] = found["best_response"].isin(["CR", "PR"])
    found["counts"] = found["treated"] & ~found["pending"]
    return found


# What there is


def test_the_centre_has_some_600_participants_in_ten_trials_and_eight_locations(centre):
    participants = frame(sa.select(Participant.tumor_location, Participant.subtype, Trial.code).join(Trial))
    assert 580 <= len(participants) <= 680
    assert 10 <= participants["code"].nunique() <= 12
    of_locations = participants["tumor_location"].value_counts()
    assert (of_locations >= 15).sum() >= 8
    assert of_locations["BREAST"] >= 100
    of_subtypes = participants["subtype"].value_counts()
    assert of_subtypes.min() >= 15
    assert set(of_subtypes.index) == {"HR+/HER2-", "HER2+", "TNBC"}


def test_the_trials_are_of_every_kind(centre):
    trials = db.session.scalars(sa.select(Trial)).all()
    assert {
        "dose escalation",
        "expansion",
        "basket",
        "randomised",
        "single arm",
        "two-stage",
        "observational",
    } <= {trial.design for trial in trials}
    assert {"neoadjuvant", "advanced"} == {trial.setting for trial in trials}
    assert len({trial.status for trial in trials}) >= 4
    assert len({trial.phase for trial in trials}) >= 5
    randomised = [trial for trial in trials if trial.is_randomised]
    assert [trial.code for trial in randomised if trial.hides_arms] == ["CCI-HN-10"]
    assert sum(trial.results_released for trial in randomised) == 3
    for trial in trials:
        assert (trial.status == "RECRUITING") <= (len(trial.participants) < trial.accrual_target)


def test_every_combination_is_given_beside_a_component(centre):
    """Own participants of at least one component alone, at the same location, for most combinations."""
    given = {
        (arm.regimen.name, one.tumor_location)
        for trial in db.session.scalars(sa.select(Trial)).all()
        for arm in trial.arms
        for one in arm.participants
    }
    combinations = {(regimen, location) for regimen, location in given if " + " in regimen}
    alone = [
        (regimen, location)
        for regimen, location in combinations
        if any((component, location) in given for component in regimen.split(" + "))
    ]
    assert len(combinations) >= 12
    assert len(alone) >= 6


def test_each_role_is_assigned_to_what_it_works_on(centre):
    of_user = {
        name: {
            member.trial.code
            for member in db.session.scalars(sa.select(TrialMember))
            if member.user.name == name
        }
        for _role, name, _password in SIGN_INS
    }
    assert len(of_user["okoye"]) == 12
    assert of_user["moreau"] < of_user["okoye"]
    assert "CCI-REG-11" not in of_user["ferrari"]
    assert of_user["lindqvist"] == of_user["admin"] == set()
    for _role, name, password in SIGN_INS:
        user = db.session.scalar(sa.select(User).where(User.name == name))
        assert user.has_password(password)


# Always the same


def test_the_same_seed_gives_the_same_centre(loaded, tmp_path):
    tables = []
    for app in (loaded, make_centre(tmp_path)):
        with app.app_context(), scope.everything("the tests"):
            tables.append(_of_all_times(copy_tables()))
            db.session.remove()
            if app is not loaded:
                db.engine.dispose()
    assert tables[0] == tables[1]


def _of_all_times(tables):
    return {
        name: {
            key: {
                column: _without_instants(value) if column == "changes" else value
                for column, value in row.items()
                if column not in _OF_THE_MOMENT
            }
            for key, row in rows.items()
        }
        for name, rows in tables.items()
    }


def _without_instants(changes):
    return {name: pair for name, pair in changes.items() if name not in _OF_THE_MOMENT}


def test_the_centre_is_loaded_in_ten_seconds(loaded):
    """Computing alone, whatever else the machine does; migrations take another second."""
    assert loaded.config["LOADED_IN"] < SECONDS


def test_a_centre_that_is_loaded_is_left_as_it_is(centre):
    assert load(TODAY) is False


# Coherent


def _checked(model):
    """The columns that the checks speak of: the record's own, and those of what it points to."""
    mapper = sa.inspect(model)
    found = frame(sa.select(*[getattr(model, one.key).label(one.key) for one in mapper.column_attrs]))
    for relationship in mapper.relationships:
        if relationship.direction.name != "MANYTOONE":
            continue
        other = relationship.mapper.class_
        (key,) = relationship.local_columns
        others = frame(
            sa.select(*[getattr(other, one.key).label(one.key) for one in sa.inspect(other).column_attrs])
        ).set_index("id")
        joined = others.reindex(found[key.name]).set_axis(found.index).add_prefix(f"{relationship.key}_")
        found = found.join(joined[[name for name in joined if name not in found]])
    found["today"] = pd.Timestamp(TODAY)
    return found.astype({name: "float64" for name in found if found[name].dtype == "Int64"})


@pytest.mark.parametrize("model", sorted(Record.__subclasses__(), key=lambda model: model.__name__))
def test_no_check_finds_anything_but_what_a_query_asks(centre, model):
    table = model.__tablename__
    found = _checked(model)
    findings = run_checks(table, found)
    asked = {
        (query.rule, query.record_id)
        for query in db.session.scalars(sa.select(Query).where(Query.record_type == table, Query.is_found))
    }
    told = {
        (one.check.name, record_id)
        for one in findings
        for record_id in found.loc[one.mask, "id"].astype(int)
        if one.check.weight is Weight.QUERY
    }
    assert told == asked
    refused = {str(one.check.message) for one in findings if one.check.weight is not Weight.QUERY}
    assert refused == set()


def test_nothing_is_dated_in_the_future_nor_on_a_day_that_cannot_be(centre):
    for model in Record.__subclasses__():
        dates = [one for one in sa.inspect(model).column_attrs if isinstance(one.columns[0].type, sa.Date)]
        for one in dates:
            latest = db.session.scalar(sa.select(sa.func.max(getattr(model, one.key))))
            assert latest is None or latest <= TODAY, f"{model.__name__}.{one.key}"
    order = ["consented_on", "enrolled_on", "first_dose_on", "last_dose_on"]
    days = frame(sa.select(*[getattr(Participant, name) for name in [*order, "died_on", "off_study_on"]]))
    for earlier, later in itertools.pairwise(order):
        assert not (days[later] < days[earlier]).any()
    assert not (days["last_dose_on"] > days["died_on"]).any()
    dated = days[days["enrolled_on"].notna()]
    for name in ("enrolled_on", "first_dose_on"):
        assert set(dated[name].dropna().dt.day_of_week) <= {0, 1, 2, 3, 4}


def test_codes_are_synthetic_and_no_text_tells_of_a_person(centre):
    codes = frame(sa.select(Participant.code, Trial.code.label("trial")).join(Trial))
    prefix = codes["trial"].str.removeprefix("CCI-").str.replace("-", "")
    assert codes["code"].str.fullmatch("[A-Z]+[0-9]{2}-[0-9]{3}").all()
    assert (codes["code"].str.split("-").str[0] == prefix).all()
    numbers = db.session.scalars(sa.select(Trial.nct_number).where(Trial.nct_number.is_not(None)))
    assert all(number.startswith("NCT099") for number in numbers)
    for model in Record.__subclasses__():
        if model is User:
            continue
        for one in sa.inspect(model).column_attrs:
            if type(one.columns[0].type) in (sa.String, sa.Text):
                for text in db.session.scalars(sa.select(getattr(model, one.key)).distinct()):
                    assert not find_personal(text, one.key not in NAMING), text


def test_values_are_missing_bounded_and_of_doubtful_quality_as_in_life(centre, participants):
    measured = frame(
        sa.select(Measurement.qualifier, Measurement.qc_status, Measurement.timepoint, Assay.name).join(Assay)
    )
    assert measured["timepoint"].value_counts()["on treatment"] > 300
    assert 0.02 < (measured["qc_status"] == "failed").mean() < 0.05
    assert (measured["qc_status"] == "pending").any()
    bounds = measured[measured["qualifier"] == "<"]["name"].value_counts()
    assert bounds["PD-L1 SP142 IC"] > 50
    assert bounds["ctDNA tumor-informed"] > 10
    basket = participants[participants["trial"] == "CCI-BASKET-01"]
    assays = [
        "PD-L1 22C3 CPS",
        "PD-L1 SP142 IC",
        "TMB panel",
        "MSI PCR",
        "Stromal TILs",
        "T-cell-inflamed GEP",
        "NLR",
    ]
    assert basket[assays].isna().mean().between(0.08, 0.35).all()


# Near what is published


def _rate(some):
    some = some[some["counts"]]
    return some["responded"].mean()


@pytest.mark.parametrize(
    "arm, published",
    [
        ("CCI-MEL-02/NIVO-IPI", 0.576),
        ("CCI-MEL-02/NIVO", 0.437),
        ("CCI-MEL-02/IPI", 0.190),
        ("CCI-LUNG-03/DOC", 0.093),
        ("CCI-LUNG-03/PEMBRO", 0.18),
        ("CCI-RCC-07/PEMBRO-LEN", 0.710),
        ("CCI-RCC-07/PEMBRO", 0.364),
        ("CCI-RCC-07/LEN", 0.269),
        ("CCI-TNBC-04/ATEZO-NAB", 0.560),
    ],
)
def test_response_rates_lie_near_the_published_ones(participants, arm, published):
    assert abs(_rate(participants[participants["arm"] == arm]) - published) < 0.1


def test_breast_cancer_responds_less_to_pembrolizumab_than_other_tumors(participants):
    """KEYNOTE-086: 5.3 % of pretreated TNBC; KEYNOTE-028: 12 % of PD-L1-positive HR+."""
    basket = participants[participants["trial"] == "CCI-BASKET-01"]
    is_breast = basket["tumor_location"] == "BREAST"
    assert 0.03 <= _rate(basket[is_breast]) <= 0.13
    assert 0.17 <= _rate(basket[~is_breast]) <= 0.33


def test_pathological_complete_response_is_near_the_published_rate(participants):
    """NeoPACT: 58 %."""
    early = participants[participants["trial"] == "CCI-NEO-06"]
    assert 0.45 <= early["pcr"].astype(float).mean() <= 0.7


@pytest.mark.parametrize(
    "assay, location, low, high",
    [
        ("TMB panel", "SKIN", 9, 16),
        ("TMB panel", "LUNG", 5.5, 9),
        ("TMB panel", "BREAST", 2.5, 4.5),
        ("TMB panel", "KIDNEY", 2, 4),
        ("NLR", "HEAD_NECK", 4, 8),
        ("NLR", "BREAST", 2.4, 3.6),
        ("LDH", "SKIN", 180, 250),
    ],
)
def test_medians_of_markers_lie_near_the_published_ones(participants, assay, location, low, high):
    assert low <= participants.loc[participants["tumor_location"] == location, assay].median() <= high


def test_subtypes_of_breast_cancer_differ_as_published(participants):
    by_subtype = participants[participants["tumor_location"] == "BREAST"].groupby("subtype")
    tils = by_subtype["Stromal TILs"].median()
    assert 8 <= tils["TNBC"] <= 20
    assert tils["HR+/HER2-"] <= 7
    positive = by_subtype["PD-L1 22C3 CPS"].agg(lambda values: (values.dropna() >= 10).mean())
    assert 0.28 <= positive["TNBC"] <= 0.48  # KEYNOTE-355: 38 %
    assert positive["HR+/HER2-"] < positive["TNBC"]


def test_two_assays_of_pd_l1_disagree_on_the_same_tumors(participants):
    both = participants[["PD-L1 22C3 CPS", "PD-L1 SP142 IC"]].dropna()
    agree = (both["PD-L1 22C3 CPS"] >= 10) == (both["PD-L1 SP142 IC"] > 1)
    assert 0.55 < agree.mean() < 0.85


# The stories that the reports tell


def _lung(participants, assay, cutoff):
    """Treatment, marker status and their product in the released randomised trial, where the marker is known."""
    lung = participants[(participants["trial"] == "CCI-LUNG-03") & participants[assay].notna()]
    treated = (lung["arm"] == "CCI-LUNG-03/PEMBRO").to_numpy(float)
    positive = (lung[assay] >= cutoff).to_numpy(float)
    return lung, np.column_stack([treated, positive, treated * positive])


def _interaction_p(lung, terms, endpoint):
    """Likelihood-ratio test of the interaction: Cox with Efron ties, or logistic for response."""
    import statsmodels.api as sm
    from scipy import stats

    if endpoint == "response":
        outcome = lung["responded"].to_numpy(float)
        fits = [
            sm.GLM(outcome, sm.add_constant(one), family=sm.families.Binomial()).fit()
            for one in (terms[:, :2], terms)
        ]
    else:
        times, events = _times(lung, endpoint)
        fits = [sm.PHReg(times, one, status=events, ties="efron").fit() for one in (terms[:, :2], terms)]
    return stats.chi2.sf(2 * (fits[1].llf - fits[0].llf), 1)


def _times(some, endpoint):
    return some[f"{endpoint}_months"].to_numpy(float).clip(0.01), some[f"{endpoint}_event"].to_numpy(float)


@pytest.mark.parametrize("endpoint", ["response", "pfs", "os"])
def test_pd_l1_is_predictive_in_the_randomised_lung_trial(participants, endpoint):
    lung, terms = _lung(participants, "PD-L1 22C3 CPS", 10)
    assert _interaction_p(lung, terms, endpoint) < 0.05
    cells = pd.crosstab(terms[:, 0], terms[:, 1])
    assert cells.min(axis=None) >= 10


def test_the_neutrophil_to_lymphocyte_ratio_is_prognostic_and_not_predictive(participants):
    import statsmodels.api as sm

    lung, terms = _lung(participants, "NLR", 4)
    assert _interaction_p(lung, terms, "os") > 0.1
    assert _interaction_p(lung, terms, "pfs") > 0.1
    comparator = terms[:, 0] == 0
    times, events = _times(lung[comparator], "os")
    fit = sm.PHReg(times, terms[comparator, 1:2], status=events, ties="efron").fit()
    assert np.exp(fit.params[0]) > 1.5
    assert fit.pvalues[0] < 0.05


@pytest.mark.parametrize("assay, cutoff", [("PD-L1 22C3 CPS", 10), ("TMB panel", 10), ("MSI PCR", 1)])
def test_responders_to_pembrolizumab_have_more_of_the_marker(participants, assay, cutoff):
    given = participants[(participants["regimen"] == "pembrolizumab") & participants[assay].notna()]
    positive = given[assay] >= cutoff
    assert _rate(given[positive]) > 1.5 * _rate(given[~positive])


def test_breast_responds_less_partly_by_mix_and_partly_within_strata(participants):
    """Kitagawa, J Am Stat Assoc 1955;50:1168-1194; strata by PD-L1."""
    given = participants[
        (participants["regimen"] == "pembrolizumab")
        & (participants["setting"] == "advanced")
        & participants["counts"]
        & participants["PD-L1 22C3 CPS"].notna()
    ]
    stratum, is_breast = given["PD-L1 22C3 CPS"] >= 10, given["tumor_location"] == "BREAST"
    assert pd.crosstab(stratum, is_breast).min(axis=None) >= 5
    share = pd.crosstab(stratum, is_breast, normalize="columns")
    rate = given.groupby([stratum, is_breast])["responded"].mean().unstack()
    mix = ((share[False] - share[True]) * rate.mean(axis="columns")).sum()
    response = ((rate[False] - rate[True]) * share.mean(axis="columns")).sum()
    assert mix > 0.015
    assert response > 0.03


def test_one_combination_is_better_than_its_parts_and_one_is_not_shown_to_be(participants):
    from statsmodels.stats.proportion import confint_proportions_2indep

    def limits(combination, component):
        arms = [participants[participants["arm"] == arm] for arm in (combination, component)]
        counts = [number for arm in arms for number in (int(arm["responded"].sum()), len(arm))]
        return confint_proportions_2indep(*counts, method="newcomb", compare="diff")

    assert limits("CCI-RCC-07/PEMBRO-LEN", "CCI-RCC-07/PEMBRO")[0] > 0.05
    assert limits("CCI-RCC-07/PEMBRO-LEN", "CCI-RCC-07/LEN")[0] > 0.05
    low, high = limits("CCI-MEL-02/NIVO-IPI", "CCI-MEL-02/NIVO")
    assert low < 0 < high


def test_specimens_are_of_tissue_and_plasma_and_most_tissue_markers_were_measured_in_one(centre):
    specimens = frame(sa.select(Specimen.type, Specimen.timepoint, Specimen.quality, Specimen.anatomic_place))
    assert {"fixed tissue", "frozen tissue", "plasma"} == set(specimens["type"])
    assert specimens["timepoint"].value_counts()["on treatment"] > 100
    assert 0.02 < (specimens["quality"] == "inadequate").mean() < 0.08
    measured = frame(
        sa.select(Assay.name, Measurement.specimen_id)
        .join(Assay)
        .join(Participant)
        .where(~Participant.undated)
    )
    in_one = measured["specimen_id"].notna().groupby(measured["name"]).mean()
    assert in_one["TMB panel"] > 0.85
    assert in_one["LDH"] == 0

"""Screens: what a matrix must look like, what is tested, and what may not be shown."""

import numpy as np
import pandas as pd
import pytest

from tests.factories import (
    make_arm,
    make_assay,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tracker import scope
from tracker.exchange import screening
from tracker.exchange.screening import people_of, read_matrix, stored_matrix
from tracker.reports.screen import screen
from tracker.roles import Role
from tracker.stats.interaction import cox_interaction
from tracker.terms.biomarker import Qualifier
from tracker.terms.participant import BestResponse
from tracker.terms.trial import ArmType, TrialStatus
from tracker.values import Refusal


def people(n, random, **columns):
    frame = {"event": random.random(n) < 0.4, "months": random.exponential(10, n)}
    return pd.DataFrame(frame | {"is_treated": np.arange(n) % 2 == 0} | columns)


def test_a_matrix_is_read_with_its_limits_tied_and_its_gaps_empty():
    found = read_matrix("m.csv", b"code,CD8,LDH\nA,1.5,200\nB,<0.5,\nC,0.2,NA\n")
    assert found.faults == []
    assert found.values.index.tolist() == ["A", "B", "C"]
    assert found.values["CD8"].tolist() == pytest.approx([1.5, 0.5, 0.5])
    assert found.values["LDH"].tolist() == pytest.approx([200, np.nan, np.nan], nan_ok=True)


def test_a_matrix_of_a_french_spreadsheet_is_read_as_well():
    found = read_matrix("m.csv", "code;Densité\nA;1,5\nB;2,25\n".encode("cp1252"))
    assert found.values["Densité"].tolist() == [1.5, 2.25]


@pytest.mark.parametrize(
    "text, row, column, message",
    [
        ("code,X\nA,high\n", 2, "X", "neither a number"),
        ("code,X\nA,1e999\n", 2, "X", "neither a number"),
        ("code,X\nA,1_000\n", 2, "X", "neither a number"),
        ("code,X\nA,nan\n", 2, "X", "neither a number"),
        ("code,X\nA,1\n\nA,2\n", 4, "code", "a row already"),
        ("code,X\n,1\n", 2, "code", "code is missing"),
        ("code,X\nA,1,2\n", 2, None, "3 cells"),
        ("code,X,X\nA,1,2\n", 1, "X", "name of its own"),
        ("code,X\n", None, None, "no rows"),
    ],
)
def test_faulty_cells_are_named(text, row, column, message):
    (fault,) = read_matrix("m.csv", text.encode()).faults
    assert (fault["row"], fault["column"]) == (row, column)
    assert message in fault["message"]


def test_a_matrix_that_is_too_large_is_refused_with_the_limit(monkeypatch):
    monkeypatch.setattr(screening, "MOST_MARKERS", 2)
    monkeypatch.setattr(screening, "MOST_ROWS", 2)
    with pytest.raises(Refusal, match="3 columns of markers; at most 2"):
        read_matrix("m.csv", b"code,a,b,c\nA,1,2,3\n")
    with pytest.raises(Refusal, match="more than 2 rows"):
        read_matrix("m.csv", b"code,a\nA,1\nB,1\nC,1\n")
    with pytest.raises(Refusal, match="a column for each marker"):
        read_matrix("m.csv", b"code\nA\n")


def test_each_marker_has_the_p_of_its_own_model_by_a_standard_deviation():
    random = np.random.default_rng(20240101)
    whose, values = (
        people(80, random),
        pd.DataFrame(random.standard_normal((80, 5)) * 7 + 3, columns=[*"abcde"]),
    )
    found = screen(whose, values, "os", "interaction").set_index("marker")
    for name in values:
        marker = (values[name] - values[name].mean()) / values[name].std()
        one = cox_interaction(whose["months"], whose["event"], whose["is_treated"], marker)
        assert found.loc[name, "p"] == pytest.approx(one.p_lrt, abs=1e-7)
        assert found.loc[name, "ratio"] == pytest.approx(one.ratio, rel=1e-4)


def test_markers_with_too_few_events_are_said_to_be_and_not_counted_in_q():
    random = np.random.default_rng(20240101)
    whose = people(60, random, event=np.arange(60) < 24)
    values = pd.DataFrame({"whole": random.standard_normal(60), "constant": 1.0})
    values["few"] = values["whole"].where(np.arange(60) >= 15)
    found = screen(whose, values, "response", "association").set_index("marker")
    assert found["status"].to_dict() == {"whole": "", "constant": "does not vary", "few": "too few"}
    assert found.loc["whole", "q"] == pytest.approx(found.loc["whole", "p"])
    assert (found.loc["few", "n"], found.loc["few", "events"]) == (45, 9)


@pytest.mark.parametrize("endpoint", ["response", "os"])
def test_p_of_a_screen_of_permuted_markers_are_uniform_and_nothing_is_found(endpoint):
    from scipy.stats import kstest

    random = np.random.default_rng(20240101)
    found = screen(
        people(150, random), pd.DataFrame(random.standard_normal((150, 600))), endpoint, "interaction"
    )
    assert kstest(found["p"], "uniform").pvalue > 0.01
    assert (found["q"] <= 0.05).sum() <= 1


@pytest.fixture
def trial(app):
    """Two arms of three, a running randomised trial."""
    trial = make_trial(is_randomised=True, status=TrialStatus.RECRUITING)
    arms = [make_arm(trial=trial, code="T"), make_arm(trial=trial, code="C", type=ArmType.ACTIVE_COMPARATOR)]
    assay = make_assay(name="CD8")
    for place in range(6):
        participant = make_participant(trial=trial, arm=arms[place % 2], code=f"S-{place}")
        make_reported_outcome(participant=participant, best_overall_response=BestResponse.PR)
        sign = Qualifier.BELOW if place == 3 else Qualifier.EQUAL
        make_measurement(assay=assay, participant=participant, value=place, qualifier=sign)
    return trial


@pytest.mark.parametrize("role, is_masked", [(Role.RESEARCHER, True), (Role.DIRECTOR, False)])
def test_interactions_in_masked_trials_are_the_directors_alone(trial, role, is_masked):
    user = make_user(role=role)
    make_trial_member(user=user, trial=trial)
    with scope.reading_as(user):
        assert len(people_of(trial.id, "response", "association")[0]) == 6
        if is_masked:
            with pytest.raises(Refusal, match="masked"):
                people_of(trial.id, "response", "interaction")
        else:
            _people, summary = people_of(trial.id, "response", "interaction")
            assert summary["comparator"] == f"{trial.code}/C"


def test_stored_assays_make_a_matrix_of_baseline_values(trial):
    whose, _summary = people_of(trial.id, "response", "association")
    matrix = stored_matrix(whose["participant_id"], pd.Timestamp("2030-01-01").date())
    assert matrix["CD8"].tolist() == pytest.approx([3, 3, 3, 3, 4, 5])

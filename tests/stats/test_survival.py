"""Survival against published figures and R, and against what each estimate is by definition."""

import csv
import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.stats.survival import (
    Problem,
    cox,
    cumulative_incidence,
    follow_up_median,
    kaplan_meier,
    logrank,
    median_survival,
    number_at_risk,
    restricted_mean,
    restricted_mean_difference,
    survival_at,
    survival_quantile,
)

SHARED = Path(__file__).parents[2].parent / "shared"
REAL = SHARED / "data" / "real"

# Freireich 1963, weeks of remission: R's MASS::gehan.
MP6 = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP6_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
GEHAN = (MP6 + PLACEBO, MP6_EVENT + [1] * 21, ["6-MP"] * 21 + ["placebo"] * 21)

# Miller 1997, weeks in remission of acute myeloid leukaemia: R's survival::aml.
MAINTAINED = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161]
MAINTAINED_EVENT = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0]
NOT_MAINTAINED = [5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45]
NOT_MAINTAINED_EVENT = [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
AML = (MAINTAINED + NOT_MAINTAINED, MAINTAINED_EVENT + NOT_MAINTAINED_EVENT, [0] * 11 + [1] * 12)

FOLLOWED = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)
TWO_GROUPS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=4, max_size=40)


def close(value, tolerance):
    """null in the reference values is not reached, NaN here."""
    value = np.array([np.nan if one is None else one for one in np.ravel(value)], float)
    return pytest.approx(value, abs=tolerance, rel=0, nan_ok=True)


# --------------------------------------------------------------------------- published and R values


def test_kaplan_meier_matches_the_6mp_leukemia_trial():
    """Freireich 1963, as tabulated by Kleinbaum and Klein, Survival Analysis, chapter 2."""
    curve = kaplan_meier(MP6, MP6_EVENT)
    assert curve["time"].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve["events"].tolist() == [3, 1, 1, 1, 1, 1, 1]
    survival = curve["survival"].round(4).tolist()
    assert survival == [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]


def test_medians_match_the_6mp_leukemia_trial():
    """23 and 8 weeks, Freireich 1963; log-log limits by R."""
    assert median_survival(MP6, MP6_EVENT) == close([23, 13, None], 0)
    assert median_survival(PLACEBO, [1] * 21) == (8, 4, 11)


@pytest.mark.parametrize(
    "limits, survival, median",
    [
        ("log-log", (0.265752, 0.835299), (31, 13, None)),
        ("log", (0.376867, 0.999158), (31, 18, None)),
        ("plain", (0.314482, 0.912790), (31, 18, 48)),
    ],
)
def test_each_kind_of_limits_is_that_of_r(limits, survival, median):
    at24 = survival_at(MAINTAINED, MAINTAINED_EVENT, 24, limits=limits).iloc[0]
    assert (at24["at_risk"], round(at24["survival"], 6), round(at24["se"], 6)) == (6, 0.613636, 0.152632)
    assert (round(at24["low"], 6), round(at24["high"], 6)) == survival
    assert median_survival(MAINTAINED, MAINTAINED_EVENT, limits=limits) == close(median, 0)


def test_logrank_matches_the_6mp_leukemia_trial():
    """16.79, as Kleinbaum and Klein, chapter 2; R's survdiff."""
    found = logrank(*GEHAN)
    assert (round(found.chi2, 6), found.df) == (16.792941, 1)
    assert found.p == pytest.approx(4.16880911e-05, rel=1e-6)
    assert found.groups["group"].tolist() == ["6-MP", "placebo"]
    assert found.groups["n"].tolist() == [21, 21]
    assert found.groups["observed"].tolist() == [9, 21]
    assert found.groups["expected"].round(4).tolist() == [19.2505, 10.7495]


def test_cox_matches_the_6mp_leukemia_trial():
    """1.572 (0.412), as R's coxph prints it; 1.509 of the textbooks is Breslow's."""
    times, event, group = GEHAN
    found = cox(times, event, np.array(group) == "placebo")
    assert (round(found.coef, 3), round(found.se, 3), round(found.hr, 2)) == (1.572, 0.412, 4.82)


def test_cox_matches_r_on_maintained_remission():
    found = cox(*AML)
    assert (round(found.coef, 6), round(found.se, 6)) == (0.915533, 0.511934)
    assert (round(found.hr, 4), round(found.low, 4), round(found.high, 4)) == (2.4981, 0.9159, 6.8135)
    assert (round(found.chi2_lrt, 4), found.n, found.events, found.problem) == (3.3844, 23, 18, None)


def test_restricted_mean_of_a_curve_drawn_by_hand():
    """Three events among four and tau 4: 1 + 3/4 + 1/2 + 1/4; variance 1.5²/12 + 0.75²/6 + 0.25²/2."""
    found = restricted_mean([1, 2, 3, 5], [1, 1, 1, 0], 4)
    assert found.mean == 2.5
    assert found.se == pytest.approx(np.sqrt(2.25 / 12 + 0.5625 / 6 + 0.0625 / 2))


# ------------------------------------------------------------------------------ the reference values


def references(*prefixes):
    """The cases whose id begins so; a single skipped one where the file is absent."""
    if not SHARED.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the reference values are not here"))]
    return [pytest.param(case, id=case["id"]) for case in _cases() if case["id"].startswith(prefixes)]


def _cases():
    return json.loads((SHARED / "REFERENCE_VALUES.json").read_text(encoding="utf-8"))["cases"]


def data(name):
    (case,) = [case for case in _cases() if case["id"] == name]
    return case["input"]["time"], case["input"]["event"]


def lung():
    return pd.read_csv(REAL / "survival" / "lung.csv")


def gbsg2():
    return pd.read_csv(REAL / "survival" / "gbsg2.csv")


def waltons():
    return pd.read_csv(REAL / "survival" / "waltons_dataset.csv")


@pytest.mark.parametrize("case", references("km.aml", "km.gehan"))
def test_curves_of_the_leukemia_trials(case):
    names = case["input"].get("datasets") or [case["input"]["dataset"]]
    answers = [case["expected"]] if len(names) == 1 else case["expected"].values()
    for (times, event), expected in zip(map(data, names), answers):
        limits = expected["median_ci"]
        limits = limits if isinstance(limits, dict) else {"log-log": limits}
        for name, (low, high) in limits.items():
            median = median_survival(times, event, limits=name)
            assert median == close([expected["median"], low, high], 0)
        for key, at in expected.items():
            if not key.startswith("surv_"):
                continue
            kinds = {"loglog": "log-log", "ci": "log-log", "log": "log", "plain": "plain"}
            for name in kinds.keys() & at.keys():
                found = survival_at(times, event, int(key[5:]), limits=kinds[name]).iloc[0]
                assert found[["survival", "se"]].tolist() == close([at["s"], at["se"]], case["tolerance"])
                assert found[["low", "high"]].tolist() == close(at[name], case["tolerance"])
                assert found["at_risk"] == at.get("n_risk", found["at_risk"])


@pytest.mark.parametrize("case", references("km.flat", "km.not_reached"))
def test_medians_of_flat_curves(case):
    times, event = case["input"]["time"], case["input"]["event"]
    expected = case["expected"]
    assert median_survival(times, event).time == close(expected.get("median_r"), case["tolerance"])
    if "surv_5" in expected:
        found = survival_at(times, event, 5).iloc[0][["survival", "low", "high"]].tolist()
        assert found == close([expected["surv_5"], *expected["loglog"]], case["tolerance"])


@pytest.mark.parametrize("case", references("km.lung.sex", "km.nrisk.lung", "followup.lung.sex"))
def test_lung_by_sex(case):
    for sex, rows in lung().groupby("sex"):
        expected = case["expected"][str(sex)]
        event = rows["status"]
        if case["id"] == "km.lung.sex":
            assert (len(rows), event.sum()) == (expected["n"], expected["events"])
            assert median_survival(rows["time"], event) == (expected["median"], *expected["ci"])
            assert median_survival(rows["time"], event, limits="log") == (
                (270, 212, 310) if sex == 1 else (426, 348, 550)
            )
        elif case["id"] == "km.nrisk.lung":
            assert number_at_risk(rows["time"], case["input"]["times"]).tolist() == expected
        else:
            assert follow_up_median(rows["time"], event, limits="log") == close(expected, 0)
            high = follow_up_median(rows["time"], event).high
            assert high == close(None if sex == 1 else 740, 0)  # by R, as the case's note says


@pytest.mark.parametrize("case", references("km.lung.overall"))
def test_landmarks_of_lung(case):
    rows, expected = lung(), case["expected"]
    found = survival_at(rows["time"], rows["status"], case["input"]["times"])
    for column, key in [("survival", "surv"), ("se", "se"), ("low", "lower"), ("high", "upper")]:
        assert found[column].tolist() == close(expected[key], case["tolerance"])
    assert found["at_risk"].tolist() == expected["n_risk"]
    assert median_survival(rows["time"], rows["status"]) == tuple(expected["median"])


@pytest.mark.parametrize("case", references("logrank."))
def test_logrank_agrees_with_survdiff(case):
    if "datasets" in case["input"]:
        (first, first_event), (second, second_event) = map(data, case["input"]["datasets"])
        found = logrank(first + second, first_event + second_event, [0] * len(first) + [1] * len(second))
    elif case["id"] == "logrank.waltons":
        found = logrank(waltons()["T"], waltons()["E"], waltons()["group"])
    else:
        rows = lung().dropna(subset="ph.ecog")
        found = logrank(rows["time"], rows["status"], rows["sex"], strata=rows["ph.ecog"])
    expected = case["expected"]
    assert found.chi2 == close(expected.pop("chi2"), 1e-6)
    assert found.p == pytest.approx(expected.pop("p"), rel=1e-6)
    for value in expected.values():  # events expected of the first group
        assert found.groups["expected"][0] == close(value, 1e-6)


@pytest.mark.parametrize("case", references("cox."))
def test_cox_agrees_with_coxph(case):
    expected, tolerance = case["expected"], case["tolerance"]
    ecog = lung().dropna(subset="ph.ecog")
    breast = gbsg2()
    hormone = (breast["horTh"] == "yes").to_numpy()
    if case["id"] == "cox.aml":
        found = cox(*AML)
    elif case["id"] == "cox.lung":
        found = cox(ecog["time"], ecog["status"], ecog[["age", "sex", "ph.ecog"]])
    elif case["id"] == "cox.strata.lung":
        found = cox(ecog["time"], ecog["status"], ecog["sex"], strata=ecog["ph.ecog"])
    elif case["id"] == "cox.strata.gbsg2":
        found = cox(breast["time"], breast["cens"], hormone, strata=breast["tgrade"])
    else:
        positive = (breast["estrec"] >= 20).to_numpy()
        both = np.column_stack([hormone, positive, hormone & positive])
        found = cox(breast["time"], breast["cens"], both)
        without = cox(breast["time"], breast["cens"], both[:, :2])
        chi2 = 2 * (found.log_likelihood - without.log_likelihood)
        assert chi2 == close(expected["lrt_chi2"], tolerance)
        for key, rows in [("hr_negative", ~positive), ("hr_positive", positive)]:
            alone = cox(breast["time"][rows], breast["cens"][rows], hormone[rows])
            assert [alone.hr, alone.low, alone.high] == close(expected[key], tolerance)
    for key in ("coef", "se", "hr"):
        if key in expected:
            assert np.ravel(getattr(found, key)) == close(expected[key], tolerance)
    if "ci" in expected:
        assert [found.low, found.high] == close(expected["ci"], tolerance)
    if "lr_chi2" in expected:
        assert found.chi2_lrt == close(expected["lr_chi2"], tolerance)


@pytest.mark.parametrize("case", references("rmst."))
def test_restricted_means_agree_with_survrm2(case):
    expected, tolerance, tau = case["expected"], case["tolerance"], case["input"]["tau"]
    if case["id"].startswith("rmst.lung"):
        rows = lung()
        groups = {f"sex{sex}": (one["time"], one["status"]) for sex, one in rows.groupby("sex")}
        first, second = "sex2", "sex1"
    else:
        groups = {
            name.replace("-", "").lower(): (one["T"], one["E"]) for name, one in waltons().groupby("group")
        }
        first, second = "mir137", "control"
    for name in (first, second):
        found = restricted_mean(*groups[name], tau)
        assert (found.mean, found.se) == close(expected[name], tolerance)
    found = restricted_mean_difference(*groups[first], *groups[second], tau)
    assert found.difference == close(expected["difference"], tolerance)
    assert (found.low, found.high) == close(expected["difference_ci"], tolerance)
    if "p" in expected:
        assert found.p == close(expected["p"], tolerance)


@pytest.mark.parametrize("case", references("cif."))
def test_cumulative_incidence_agrees_with_cmprsk(case):
    """1 - Kaplan-Meier with the other cause censored overstates, as the case says."""
    (melanoma,) = [one["input"] for one in _cases() if one["id"] == case["input"]["dataset"]]
    times, cause = np.array(melanoma["time"]), np.array(melanoma["cause"])
    found = cumulative_incidence(times, cause, case["input"]["times"])
    for number, name in [(1, "melanoma"), (2, "other")]:
        incidence = found.loc[found["cause"] == number, "incidence"].tolist()
        assert incidence == close(case["expected"][name], case["tolerance"])
    wrong = 1 - survival_at(times, cause == 1, case["input"]["times"])["survival"]
    assert wrong.tolist() == close(case["expected"]["one_minus_km_is_wrong"], case["tolerance"])


@pytest.mark.parametrize("case", references("stepp."))
def test_five_year_survival_in_windows_of_a_marker(case):
    """R's stepp; its windows are closed on both sides."""
    rows = gbsg2()
    for number, (low, high) in enumerate(case["input"]["windows"]):
        window = rows[rows["estrec"].between(low, high)]
        assert len(window) == case["expected"]["n"][number]
        for arm, key in [("no", "no_treatment"), ("yes", "treatment")]:
            of_arm = window[window["horTh"] == arm]
            found = survival_at(of_arm["time"], of_arm["cens"], 1826)["survival"]
            assert found.tolist() == close(case["expected"][key][number], case["tolerance"])


@pytest.mark.parametrize("case", references("firth.cox"))
def test_no_event_in_one_arm_leaves_only_the_likelihood_ratio(case):
    found = cox(case["input"]["time"], case["input"]["event"], case["input"]["x"])
    assert found.problem == Problem.NO_EVENTS_IN_GROUP
    assert found.p_lrt == pytest.approx(0.01437526, abs=1e-8)  # by R's coxph
    assert np.isnan([found.coef, found.se, found.hr, found.low, found.high, found.p_wald]).all()


# ------------------------------------------------------------------------- cohorts of real patients


def cohort(name):
    """A data set of checks.csv with columns time, event and group; for loris and inspire, of PFS too."""
    folder, _, file = name.partition("/")
    if folder == "kmdata":
        return pd.read_csv(REAL / folder / f"{file}.csv").rename(columns={"arm": "group"})
    if folder == "oak":
        rows = pd.read_csv(REAL / "oak" / "oak.csv").rename(
            columns={"OS": "OS_time", "os.status": "OS_event"}
        )
        return rows.assign(group="trt=" + rows["trt"].astype(int).astype(str))
    if folder == "inspire":
        rows = pd.read_csv(REAL / "inspire" / "pembrolizumab.csv")
        names = {f"{one}_{old}": f"{one.upper()}_{new}" for one in ("os", "pfs")
                 for old, new in (("time", "time"), ("status", "event"))}  # fmt: skip
        return rows.rename(columns=names).assign(group="cohort " + rows["cohort"])
    if folder == "loris":
        rows = pd.read_csv(REAL / "loris" / "chowell_1479.csv")
        names = {f"{one}_{old}": f"{one}_{new}" for one in ("OS", "PFS")
                 for old, new in (("Months", "time"), ("Event", "event"))}  # fmt: skip
        return rows.rename(columns=names).assign(group=rows["CancerType"])
    assert name == "cdisc_onco/rcd_*"
    rows = pd.read_csv(REAL / "cdisc_onco" / "rcd_adtte.csv").query("PARAMCD == 'PFS'")
    return pd.DataFrame({"PFS_time": rows["AVAL"], "PFS_event": 1 - rows["CNSR"], "group": rows["ARM"]})


def design(dataset, quantity):
    """times, event and covariates of a hazard ratio of checks.csv; its name stands in brackets."""
    if dataset.startswith("kmdata"):
        rows = cohort(dataset)
        return (
            rows["time"],
            rows["event"],
            {"exp": ~rows["group"].isin(["d1", "chemo", "placebo", "control"])},
        )
    if dataset.startswith("inspire"):
        rows = cohort(dataset).dropna(subset="change_ctdna_group")
        assert f"n={len(rows)}" in quantity
        decreased = rows["change_ctdna_group"].str.startswith("Decrease")
        return (
            rows[f"{quantity[:3].strip()}_time"],
            rows[f"{quantity[:3].strip()}_event"],
            {"ctdna_dec": decreased},
        )
    if dataset.startswith("loris/chowell_1479"):
        rows = cohort("loris")
        return rows["OS_time"], rows["OS_event"], {"tmb10": rows["TMB"] >= 10}
    if dataset.startswith("loris"):
        other = pd.read_csv(REAL / "loris" / "msk_nonicb_841.csv")
        other = other.rename(columns={"OS_Months": "OS_time", "OS_Event": "OS_event"})
        rows = pd.concat([cohort("loris").assign(icb=1), other.assign(icb=0)])
        high = rows["TMB"] >= 10
        return (
            rows["OS_time"],
            rows["OS_event"],
            {"icb": rows["icb"], "hi": high, "icb_x_hi": rows["icb"] * high},
        )
    rows = cohort("oak")
    high = rows["btmb"] >= 16
    if "within" in quantity:
        rows = rows[high == ("=1 (" in quantity)]
        assert f"n={len(rows)}" in quantity
    marker = {
        "bTMB>=16 ": {"hi": high},
        "PD-L1": {"pdl1": rows["pdl1"]},
        "log2": {"lb": np.log2(rows["btmb"] + 1)},
    }
    terms = {"trt": rows["trt"]}
    for words, values in marker.items():
        if f"interaction {words}" in quantity:
            ((name, value),) = values.items()
            terms |= {name: value, f"trt_x_{name}": rows["trt"] * value}
    return rows["OS_time"], rows["OS_event"], terms


def checks(pattern):
    """The rows of checks.csv whose quantity matches; a single skipped one where the file is absent."""
    if not SHARED.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the real data are not here"))]
    with open(REAL / "checks.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if re.search(pattern, row["quantity"])]
    return [pytest.param(row, id=f"{row['dataset']} {row['quantity']}") for row in rows]


def test_the_checks_are_all_read():
    if SHARED.exists():
        assert (len(checks(r" median \(n=")), len(checks(r"HR\[")), len(checks("log-rank"))) == (36, 30, 1)


@pytest.mark.parametrize("check", checks(r" median \(n="))
def test_medians_of_real_cohorts(check):
    pattern = r"(?:(OS|PFS) (?:months|days) )?(.+?) median \(n=(\d+), events=(\d+)\)"
    endpoint, group, n, events = re.fullmatch(pattern, check["quantity"]).groups()
    rows = cohort(check["dataset"])
    rows = rows if group == "all" else rows[rows["group"] == group]
    prefix = f"{endpoint}_" if endpoint else ""
    times, event = rows[f"{prefix}time"], rows[f"{prefix}event"]
    assert (len(rows), event.sum()) == (int(n), int(events))
    expected = [float(check[key]) for key in ("value", "lo95", "hi95")]
    assert median_survival(times, event) == close([None if one == np.inf else one for one in expected], 0.01)


@pytest.mark.parametrize("check", checks(r"HR\["))
def test_hazard_ratios_of_real_cohorts(check):
    times, event, terms = design(check["dataset"], check["quantity"])
    found = cox(times, event, np.column_stack([np.asarray(values, float) for values in terms.values()]))
    number = list(terms).index(re.search(r"HR\[(.+)\]", check["quantity"])[1])
    expected = [float(check[key]) for key in ("value", "lo95", "hi95")]
    assert [found.hr[number], found.low[number], found.high[number]] == close(expected, 1e-3)
    p = float(re.search("p=(.+)", check["method"])[1])
    assert found.p_wald[number] == pytest.approx(p, rel=1e-3)


@pytest.mark.parametrize("check", checks("log-rank"))
def test_logrank_of_a_real_cohort(check):
    rows = cohort("loris")
    found = logrank(rows["OS_time"], rows["OS_event"], rows["TMB"] >= 10)
    assert found.chi2 == close(float(check["value"]), 1e-4)
    assert found.p == pytest.approx(1.37e-10, rel=1e-2)


# --------------------------------------------------------------------------------------- small and odd


def test_all_censored():
    assert kaplan_meier([3, 5], [0, 0]).empty
    assert np.isnan(median_survival([3, 5], [0, 0])).all()
    found = survival_at([3, 5], [0, 0], [0, 4, 6])
    assert found["survival"].tolist() == close([1, 1, None], 0)
    assert found[["low", "high"]].to_numpy()[1].tolist() == [1, 1]
    assert restricted_mean([3, 5], [0, 0], 4) == (4, 0, 4, 4)
    assert cumulative_incidence([3, 5], [0, 0]).empty
    assert np.isnan(logrank([3, 5], [0, 0], [0, 1]).p)
    assert cox([3, 5], [0, 0], [0, 1]).problem == Problem.NO_EVENTS


def test_one_participant():
    """No one is left free of the event, so there is no limit."""
    only = kaplan_meier([5], [1]).iloc[0]
    assert (only["time"], only["at_risk"], only["survival"]) == (5, 1, 0)
    assert np.isnan(only[["se", "low", "high"]].tolist()).all()
    assert median_survival([5], [1]) == close([5, None, None], 0)
    assert follow_up_median([5], [0]).time == 5


def test_an_event_precedes_a_censoring_at_the_same_time():
    assert kaplan_meier([4, 4], [0, 1])["survival"].tolist() == [0.5]


def test_events_at_time_zero_count():
    curve = kaplan_meier([0, 0, 3, 4], [1, 0, 1, 0])
    assert curve["time"].tolist() == [0, 3]
    assert curve["survival"].tolist() == [0.75, 0.375]
    assert survival_at([0, 0, 3, 4], [1, 0, 1, 0], 0)["survival"].tolist() == [0.75]
    assert number_at_risk([0, 0, 3, 4], 0) == 4


def test_a_median_survives_rounding():
    """1/2 met by a product of fractions, 14/15 13/14 ..., which is not 0.5 in floating point."""
    for half in range(2, 60):
        times = np.arange(1.0, 2 * half + 1)
        assert median_survival(times, np.ones(2 * half)).time == half + 0.5


@pytest.mark.parametrize("fraction, time", [(0.25, 3), (0.5, 5), (0.6, 6), (0.75, 7), (0.9, 8)])
def test_other_quantiles_follow_the_same_rule(fraction, time):
    assert survival_quantile([2, 4, 6, 8], [1, 1, 1, 1], fraction).time == time


def test_nothing_is_said_beyond_the_last_follow_up():
    found = survival_at(MP6, MP6_EVENT, [35, 35.1])
    assert found["at_risk"].tolist() == [1, 0]
    assert found["survival"].isna().tolist() == [False, True]
    incidence = cumulative_incidence(MP6, MP6_EVENT, [35, 36])
    assert incidence["incidence"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    "times, event",
    [
        ([], []),
        ([1, 2], [1]),
        ([1, float("nan")], [1, 0]),
        ([1, float("inf")], [1, 0]),
        ([1, -2], [1, 0]),
        ([1, 2], [1, float("nan")]),
        ([1, 2], [1, 2]),
        (pd.array([1, None], "Int64"), [1, 0]),
        ([1, 2], pd.array([True, None], "boolean")),
        ([[1, 2]], [[1, 0]]),
    ],
)
def test_what_is_missing_or_impossible_is_refused(times, event):
    for estimate in (kaplan_meier, median_survival, follow_up_median):
        with pytest.raises(ValueError):
            estimate(times, event)
    for estimate in (survival_at, restricted_mean):
        with pytest.raises(ValueError):
            estimate(times, event, 1)
    with pytest.raises(ValueError):
        logrank(times, event, [0, 1])
    with pytest.raises(ValueError):
        cox(times, event, [0, 1])


def test_arguments_that_make_no_sense_are_refused():
    times, event = [1, 2, 3], [1, 0, 1]
    for wrong in [
        lambda: kaplan_meier(times, event, limits="arcsin"),
        lambda: kaplan_meier(times, event, confidence=95),
        lambda: survival_quantile(times, event, 1),
        lambda: survival_at(times, event, float("nan")),
        lambda: number_at_risk([1, float("nan")], 1),
        lambda: restricted_mean(times, event, 3.1),
        lambda: restricted_mean(times, event, 0),
        lambda: logrank(times, event, ["A", "A", "A"]),
        lambda: logrank(times, event, ["A", "B", None]),
        lambda: logrank(times, event, ["A", "B"]),
        lambda: cox(times, event, [0, 1, float("nan")]),
        lambda: cox(times, event, [0, 1]),
        lambda: cox(times, event, [0, 1, 1], strata=["A", None, "B"]),
        lambda: cumulative_incidence(times, [0, 1, 1.5]),
        lambda: cumulative_incidence(times, [0, 1, -1]),
    ]:
        with pytest.raises(ValueError):
            wrong()


@pytest.mark.parametrize(
    "event, x, strata, problem",
    [
        ([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], None, Problem.NO_EVENTS_IN_GROUP),
        ([1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], None, Problem.MONOTONE),
        ([1, 1, 1, 1, 1, 1], [9, 8, 6, 5, 4, 2], None, Problem.MONOTONE),
        ([1, 1, 1, 1, 1, 1], [1, 0, 0, 1, 1, 0], list("AAABBB"), Problem.MONOTONE),
        ([1, 0, 1, 0, 1, 0], [3, 3, 3, 3, 3, 3], None, Problem.NO_CONTRAST),
        ([1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], list("AAABBB"), Problem.NO_CONTRAST),
        ([0, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 1], None, Problem.NO_CONTRAST),
        ([1, 1, 1, 1, 1, 1], [[1, 2], [0, 0], [1, 2], [0, 0], [1, 2], [0, 0]], None, Problem.NO_CONTRAST),
        ([0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1], None, Problem.NO_EVENTS),
    ],
)
def test_what_has_no_finite_hazard_ratio_is_named(event, x, strata, problem):
    found = cox([1, 2, 3, 4, 5, 6], event, x, strata=strata)
    assert found.problem == problem
    assert np.isnan(np.ravel([found.coef, found.se, found.hr, found.low, found.high, found.p_wald])).all()
    assert np.isnan(found.p_lrt) == (problem in (Problem.NO_EVENTS, Problem.NO_CONTRAST))


def test_covariates_that_only_together_split_are_found_in_the_fit():
    """Neither covariate alone orders the events, their sum does."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=(40, 2))
    times = np.argsort(np.argsort(-(x[:, 0] + x[:, 1]))) + 1
    found = cox(times, np.ones(40), x)
    assert found.problem == Problem.MONOTONE
    assert np.isnan(found.hr).all()


def test_logrank_leaves_out_a_group_that_ended_before_the_first_event():
    """As R's survdiff does: two groups remain, one degree of freedom."""
    times, event, group = GEHAN
    found = logrank([*times, 0.5, 0.5], [*event, 0, 0], [*group, "C", "C"])
    assert (round(found.chi2, 6), found.df) == (16.792941, 1)


# ------------------------------------------------------------------- what holds whatever the data are


@given(FOLLOWED)
@settings(deadline=None)
def test_a_curve_is_the_product_of_what_it_says(followed):
    times, event = np.transpose(followed)
    curve = kaplan_meier(times, event)
    assert curve["at_risk"].tolist() == number_at_risk(times, curve["time"]).tolist()
    assert curve["events"].sum() == event.sum()
    product = np.cumprod(1 - curve["events"] / curve["at_risk"])
    assert curve["survival"].tolist() == pytest.approx(product.tolist())
    known = curve.dropna()
    assert ((known["low"] >= 0) & (known["low"] <= known["survival"] + 1e-12)).all()
    assert ((known["survival"] <= known["high"] + 1e-12) & (known["high"] <= 1)).all()


@given(FOLLOWED)
@settings(deadline=None)
def test_without_censoring_survival_is_the_share_that_outlived_a_time(followed):
    times = np.array([one for one, _ in followed], float)
    found = survival_at(times, np.ones(times.size), np.unique(times))
    assert found["survival"].tolist() == pytest.approx([(times > at).mean() for at in np.unique(times)])
    if times.max() > 0:
        tau = times.max() / 2 + 0.25
        if tau <= times.max():
            mean = restricted_mean(times, np.ones(times.size), tau)
            assert mean.mean == pytest.approx(np.minimum(times, tau).mean())
            assert mean.se == pytest.approx(np.minimum(times, tau).std() / np.sqrt(times.size))


@given(FOLLOWED, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_incidences_sum_to_the_share_with_any_event(followed, seed):
    times, event = np.transpose(followed)
    cause = event * np.random.default_rng(seed).integers(1, 4, times.size)
    found = cumulative_incidence(times, cause)
    curve = kaplan_meier(times, event)
    total = found.groupby("time")["incidence"].sum()
    assert total.tolist() == pytest.approx((1 - curve["survival"]).tolist())


@given(FOLLOWED)
@settings(deadline=None)
def test_the_error_of_a_single_cause_is_greenwoods(followed):
    times, event = np.transpose(followed)
    found, curve = cumulative_incidence(times, event), kaplan_meier(times, event)
    is_known = curve["survival"].to_numpy() > 0
    assert found["se"][is_known].tolist() == pytest.approx(curve["se"][is_known].tolist(), abs=1e-7)


def test_the_error_of_an_incidence_is_that_of_repeated_samples():
    generator = np.random.default_rng(11)
    estimates, errors = [], []
    for _ in range(400):
        times, cause = generator.exponential(10, 150), generator.choice([0, 1, 2], 150, p=[0.3, 0.4, 0.3])
        found = cumulative_incidence(times, cause, 8)
        estimates.append(found["incidence"][0])
        errors.append(found["se"][0])
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.08)


@given(TWO_GROUPS)
@settings(deadline=None)
def test_labels_swapped_change_the_sign_of_the_coefficient_and_nothing_else(rows):
    times, event, group = np.transpose(rows)
    forth, back = cox(times, event, group), cox(times, event, 1 - group)
    assert forth.problem == back.problem
    assert forth.p_lrt == pytest.approx(back.p_lrt, abs=1e-7, nan_ok=True)
    if forth.problem is None:
        assert (forth.coef, forth.se) == pytest.approx((-back.coef, back.se), abs=1e-7)
        assert forth.low < forth.hr < forth.high
    if 0 < group.sum() < group.size:
        forth, back = logrank(times, event, group), logrank(times, event, 1 - group)
        assert forth.chi2 == pytest.approx(back.chi2, abs=1e-9, nan_ok=True)
        assert forth.groups["expected"].sum() == pytest.approx(event.sum())


@given(TWO_GROUPS)
@settings(deadline=None, max_examples=50)
def test_a_hazard_ratio_is_named_impossible_only_where_the_likelihood_rises_for_ever(rows):
    """The log-likelihood at -30, 0 and 30, by definition: each event against those at risk."""
    times, event, group = (np.array(one) for one in np.transpose(rows))

    def likelihood(coef):
        total = 0.0
        for at in np.unique(times[event == 1]):
            dead = (times == at) & (event == 1)
            risk = np.exp(coef * group[times >= at]).sum()
            for taken in range(dead.sum()):
                total -= np.log(risk - taken * np.exp(coef * group[dead]).mean())
            total += coef * group[dead].sum()
        return total

    found = cox(times, event, group)
    if found.problem is None:
        best = likelihood(found.coef)
        assert best == pytest.approx(found.log_likelihood, abs=1e-8)
        assert best > max(likelihood(-30), likelihood(30), likelihood(found.coef + 0.1)) - 1e-9
    elif found.problem in (Problem.MONOTONE, Problem.NO_EVENTS_IN_GROUP):
        assert found.log_likelihood == pytest.approx(max(likelihood(-30), likelihood(30)), abs=1e-6)
    elif found.problem == Problem.NO_CONTRAST:
        assert likelihood(-3) == pytest.approx(likelihood(3))


@pytest.mark.parametrize("p", [1, 3])
def test_cox_agrees_with_statsmodels_where_times_tie_and_strata_differ(p):
    from statsmodels.duration.hazard_regression import PHReg

    generator = np.random.default_rng(p)
    x = np.column_stack([generator.integers(0, 2, 400), generator.normal(50, 9, (400, p - 1))])
    times = np.ceil(generator.exponential(12, 400) * np.exp(-0.4 * x[:, 0]))
    event, strata = generator.random(400) < 0.7, generator.integers(0, 3, 400)
    found, theirs = (
        cox(times, event, x, strata=strata),
        PHReg(times, x, event, strata=strata, ties="efron").fit(),
    )
    assert found.coef == pytest.approx(theirs.params, abs=1e-7)
    assert found.se == pytest.approx(theirs.bse, abs=1e-7)
    assert found.p_wald == pytest.approx(theirs.pvalues, abs=1e-7)
    assert found.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)


def test_logrank_of_three_groups_in_strata_agrees_with_statsmodels():
    from statsmodels.duration.survfunc import survdiff

    generator = np.random.default_rng(3)
    group, strata = generator.integers(0, 3, 300), generator.integers(0, 4, 300)
    times, event = np.ceil(generator.exponential(9, 300) * (1 + group)), generator.random(300) < 0.6
    found = logrank(times, event, group, strata)
    assert (found.chi2, found.p) == pytest.approx(survdiff(times, event, group, strata=strata), rel=1e-9)
    assert found.df == 2


def test_a_million_participants_are_done_while_one_waits():
    generator = np.random.default_rng(2)
    times, event = generator.exponential(12, 1_000_000), generator.random(1_000_000) < 0.7
    group = generator.random(1_000_000) < 0.5
    for estimate, seconds in [  # of the processor; several times what it takes where nothing else runs
        (lambda: kaplan_meier(times, event), 1.5),
        (lambda: median_survival(times, event), 1.5),
        (lambda: logrank(times[:100_000], event[:100_000], group[:100_000]), 1),
        (lambda: cox(times[:100_000], event[:100_000], group[:100_000]), 2),
    ]:
        start = time.process_time()
        estimate()
        assert time.process_time() - start < seconds

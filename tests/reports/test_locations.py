"""Response by tumor location: its arithmetic on typed rows, and published rates from file to table."""

import pandas as pd
import pytest

from tests.factories import make_participant, make_reference_result, make_reported_outcome
from tests.reports.test_survival import MAPPINGS
from tracker.exchange.importing import import_file
from tracker.exchange.result import write
from tracker.reports.base import run_report
from tracker.reports.locations import COLUMNS, build
from tracker.stats.heterogeneity import exnex
from tracker.values import Refusal

LOCATIONS = {"BREAST": (3, 28), "SKIN": (11, 24), "LUNG": (8, 30), "KIDNEY": (7, 25), "BLADDER": (4, 22)}


def people(counts, subtypes=()):
    """Participants of (responders, n) by location; subtypes: of breast, one after the other."""
    rows = [
        {"tumor_location": location, "best_response": "PR" if number < x else "PD"}
        for location, (x, n) in counts.items()
        for number in range(n)
    ]
    frame = pd.DataFrame(rows, columns=["tumor_location", "best_response"]).astype("str")
    known = iter(subtypes)
    subtype = [next(known, None) if location == "BREAST" else None for location in frame["tumor_location"]]
    return frame.assign(
        subtype=pd.Series(subtype, frame.index, "str"),
        trial="T",
        treated=True,
        pending=False,
        response_recorded=True,
        source="reported",
        **{f"{name}_months": 3.0 for name in ("pfs", "os")},
        **{f"{name}_event": pd.Series(True, frame.index, "boolean") for name in ("pfs", "os")},
    )


def published(*rows):
    columns = [
        "regimen",
        "tumor_location",
        "subtype",
        "prior_lines",
        "endpoint",
        "x",
        "n",
        "x_is_rounded",
        "citation",
    ]
    return pd.DataFrame(rows, columns=columns)


def tables(counts, subtypes=(), **asked):
    return {table.name: table for table in build(people(counts, subtypes), published(), **asked).tables}


def by_location(found):
    return {(row["tumor_location"], row["subtype"]): row for row in found["locations"].rows}


def said(table):
    return " ".join(str(note) for note in table.notes)


def test_each_location_stands_beside_the_reference_and_its_shrunken_rate():
    found = tables(LOCATIONS)
    rows = by_location(found)
    assert list(found["locations"].frame.columns) == COLUMNS
    breast, skin = rows["BREAST", None], rows["SKIN", None]
    assert (breast["difference"], breast["difference_low"]) == (None, None)
    assert skin["difference"] == pytest.approx(11 / 24 - 3 / 28)
    assert skin["difference_low"] < skin["difference"] < skin["difference_high"]
    expected = exnex(*zip(*(LOCATIONS[row[0]] for row in rows)))
    assert [row["shrunken"] for row in rows.values()] == pytest.approx(expected.mean.tolist())
    other = by_location(tables(LOCATIONS, reference="LUNG"))
    assert other["BREAST", None]["difference"] == pytest.approx(3 / 28 - 8 / 30)


def test_every_test_of_heterogeneity_bears_its_name():
    """REFERENCE_VALUES: p 0.0802 by Q, 0.0575 by Pearson, 0.0556 by likelihood ratio: it must be said which."""
    rows = tables(LOCATIONS)["heterogeneity"].rows
    named = {row["test"]: row for row in rows}
    glmm = named["likelihood ratio (binomial–normal GLMM)"]
    assert (glmm["p"], glmm["tau"]) == pytest.approx((0.0556, 0.4277), abs=1e-4)
    moments = named["Cochran's Q (DerSimonian–Laird)"]
    assert (moments["statistic"], moments["p"], moments["i2"]) == pytest.approx(
        (8.3313, 0.0802, 0.5199), abs=1e-4
    )
    assert named["Pearson chi-square"]["p"] == pytest.approx(0.0575, abs=1e-4)


def test_of_fewer_than_five_locations_there_is_no_i2():
    found = tables({name: LOCATIONS[name] for name in ("BREAST", "SKIN", "LUNG", "KIDNEY")})["heterogeneity"]
    assert [row["i2"] for row in found.rows] == [None] * 4
    assert "fewer than five locations" in said(found)
    moments = next(row for row in found.rows if "Laird" in row["test"])
    assert moments["tau_low"] <= moments["tau"] <= moments["tau_high"]


@pytest.mark.parametrize(
    "counts, reason",
    [
        ({"SKIN": (2, 9), "LUNG": (1, 4)}, "Too few"),
        ({"SKIN": (0, 9), "LUNG": (0, 8)}, "Nobody, or everybody"),
        ({}, "Too few"),
    ],
)
def test_where_nothing_can_be_tested_the_reason_is_named(counts, reason):
    found = tables(counts)
    assert found["heterogeneity"].rows == []
    assert reason in said(found["heterogeneity"])


def test_of_four_participants_nothing_is_compared_or_shrunken():
    found = tables({"BREAST": (1, 10), "SKIN": (2, 4), "LUNG": (3, 12)})
    row = by_location(found)["SKIN", None]
    assert (row["n"], row["orr"]) == (4, 0.5)
    assert [row[name] for name in COLUMNS[7:]] == [None] * 6
    assert "Too few" in said(found["locations"])
    shown = found["locations"].shown
    assert shown["orr"].text(row) == "2/4"
    median = next(row for row in found["medians"].rows if row["tumor_location"] == "SKIN")
    assert (median["os_n"], median["os_median"]) == (4, None)


def test_breast_is_split_by_subtype_where_one_is_known():
    rows = by_location(tables(LOCATIONS, ["TNBC"] * 14 + ["HR+/HER2-"] * 14, reference="SKIN"))
    whole, first, second = (rows["BREAST", subtype] for subtype in (None, "TNBC", "HR+/HER2-"))
    assert (first["n"], second["n"], whole["n"]) == (14, 14, 28)
    assert first["difference"] == pytest.approx(3 / 14 - 11 / 24)
    assert second["orr"] < second["shrunken"] < 0.25
    assert whole["shrunken"] == by_location(tables(LOCATIONS))["BREAST", None]["shrunken"]
    unknown = tables(LOCATIONS, ["unknown"] * 28)
    assert len(unknown["locations"].frame) == 5
    own = by_location(tables(LOCATIONS, ["TNBC"] * 28))
    assert own["BREAST", "TNBC"]["difference"] is None  # a part of the reference


def test_published_results_are_added_up_and_said_to_be(app):
    make_reported_outcome(participant=make_participant(tumor_location="LUNG"))
    for location, x, n in [("BREAST", 9, 100), ("BREAST", 10, 212), ("SKIN", 40, 100)]:
        make_reference_result(tumor_location=location, x=x, n=n, subtype="TNBC" if x == 9 else None)
    make_reference_result(tumor_location="SKIN", x=90, n=100, endpoint="dcr")

    def counts(source, *more):
        result = run_report("locations", [("source", source), *more])
        rows = result.tables[0].rows
        return {(row["tumor_location"], row["subtype"]): (row["responders"], row["n"]) for row in rows}

    expected = {("BREAST", None): (19, 312), ("BREAST", "TNBC"): (9, 100), ("SKIN", None): (40, 100)}
    assert counts("published") == expected
    assert counts("both") == expected | {("LUNG", None): (1, 1)}
    assert counts("own") == {("LUNG", None): (1, 1)}
    assert counts("published", ("subtype", "TNBC")) == {
        ("BREAST", None): (9, 100),
        ("BREAST", "TNBC"): (9, 100),
    }
    notes = said(run_report("locations", [("source", "published"), ("trial", "")]).tables[0])
    assert "Published, unadjusted, across trials: 3 results of 1 publications" in notes


def test_a_reference_that_is_no_location_is_refused_with_those_that_are(app):
    for value in ("SHOE", "others"):
        with pytest.raises(Refusal, match=r"reference: choose from: ADRENAL_GLAND.*BREAST"):
            run_report("locations", [("reference", value)])
    assert run_report("locations", [("reference", "Skin")]).parameters["reference"] == "SKIN"


def test_the_pooled_rates_of_the_literature_are_read_by_their_mapping(app, shared):
    done = import_file(shared / "data/real/published/tigs_pooled_orr_by_cancer.csv", MAPPINGS / "tigs.toml")
    assert done.is_stored
    result = run_report("locations", [("source", "published")])
    rows = {row["tumor_location"]: row for row in result.tables[0].rows}
    assert (rows["BREAST"]["responders"], rows["BREAST"]["n"]) == (19, 312)
    assert sum(row["n"] for row in rows.values()) - 312 == 7970
    for format in ("csv", "json", "xlsx", "svg", "pdf"):
        assert write(result, format)

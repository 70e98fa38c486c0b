"""What a mapping file may say, and how it is refused."""

import pytest

from tracker.exchange.fields import Origin
from tracker.exchange.mapping import read_mapping
from tracker.values import Refusal

TRIAL = """
[trial]
code = "CCI-1"
title = "A trial"
design = "single arm"
"""

PARTICIPANT = (
    TRIAL
    + """
[participant]
code = "id"
tumor_location = "place"
"""
)

MEASUREMENT = """
[[measurement]]
assay = "TMB"
value = "tmb"
"""


def test_a_string_is_the_value_in_trial_and_arm_and_a_column_in_participant():
    mapping = read_mapping(
        (
            PARTICIPANT + '[[arm]]\ncode = "A"\ntitle = "a"\ntype = "experimental"\nregimen = ["x", "y"]'
        ).encode()
    )
    assert mapping.given["trial"]["title"].item() == "A trial"
    assert mapping.given["arm"]["regimen"].item() == "x + y"
    assert mapping.origins["participant"] == [
        {"code": Origin(column="id"), "tumor_location": Origin(column="place")}
    ]
    assert mapping.columns == {"id": "[participant] code", "place": "[participant] tumor_location"}


def test_an_outcome_belongs_to_the_participant_of_its_row_unless_it_says_another_column():
    own = read_mapping((PARTICIPANT + '[outcome]\nos_months = "os"\nos_event = "dead"').encode())
    other = read_mapping(
        (TRIAL + '[outcome]\nparticipant = "who"\nos_months = "os"\nos_event = "dead"').encode()
    )
    assert own.origins["outcome"][0]["participant"] == Origin(column="id")
    assert other.origins["outcome"][0]["participant"] == Origin(column="who")


def test_in_a_measurement_strings_are_values_but_of_what_is_measured_and_when():
    mapping = read_mapping(
        (
            PARTICIPANT
            + MEASUREMENT
            + """
            biomarker = "Tumor mutational burden"
            scale = "Continuous"
            positive_cutoff = 10
            timepoint = "Baseline"
            measured_on = "on"
            qualifier = "sign"
            """
        ).encode()
    )
    assert mapping.assays == {
        "[[measurement]]": {
            "assay": "TMB",
            "biomarker": "Tumor mutational burden",
            "scale": "continuous",
            "positive_cutoff": 10,
        }
    }
    assert mapping.origins["measurement"] == [
        {
            "assay": Origin(constant="TMB"),
            "value": Origin(column="tmb"),
            "timepoint": Origin(constant="baseline"),
            "measured_on": Origin(column="on"),
            "qualifier": Origin(column="sign"),
            "participant": Origin(column="id"),
        }
    ]


def test_terms_of_the_trial_are_read_by_their_labels_and_aliases_too():
    mapping = read_mapping(
        b'[trial]\ncode = "T"\ntitle = "t"\ndesign = "randomized"\nphase = "2"\nminimum_age = 16'
    )
    assert mapping.given["trial"].iloc[0].to_dict() == {
        "code": "T",
        "title": "t",
        "design": "randomised",
        "phase": "PHASE2",
        "minimum_age": 16,
    }


def test_a_mapping_is_read_from_a_file_with_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "map.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PARTICIPANT.replace("\n", "\r\n").encode())
    assert read_mapping(path).given["trial"]["code"].item() == "CCI-1"


@pytest.mark.parametrize(
    "text, parts",
    [
        ("[trial]\ncode = \ntitle = 1", ["line 2"]),
        (TRIAL + "[trial]\n", ["TOML"]),
        ("[participant]\ncode = 'id'", ["[trial]"]),
        ("trial = 3", ["[trial]", "one table"]),
        ("[trial]\ntitle = 'x'", ["[trial]", "code"]),
        ("[trial]\ncode = ''", ["[trial] code", "empty"]),
        (TRIAL + "[patient]\n", ["[patient]", "[participant]", "[outcome]", "[source]"]),
        (TRIAL + "[specimen]", ["[specimen] needs barcode"]),
        (TRIAL + "[[assay]]\nname = 'TMB'", ["no section [assay]", "[[measurement]]"]),
        (PARTICIPANT + "[[measurement]]\nassay = 'TMB'", ["[[measurement]]", "needs value"]),
        (PARTICIPANT + "[[measurement]]\nvalue = 'TMB'", ["[[measurement]]", "needs assay"]),
        (PARTICIPANT + "[[measurement]]\nassay = ' '\nvalue = 'x'", ["[[measurement]] assay", "empty"]),
        (PARTICIPANT + MEASUREMENT + "scale = 'log'", ["[[measurement]] scale", "Continuous"]),
        (PARTICIPANT + MEASUREMENT + "kind = 'dna'", ["[[measurement]] kind", "Mutation"]),
        (PARTICIPANT + MEASUREMENT + "positive_cutoff = 'high'", ["[[measurement]] positive_cutoff"]),
        (PARTICIPANT + MEASUREMENT + "timepoint = 'later'", ["[[measurement]] timepoint", "Baseline"]),
        (PARTICIPANT + MEASUREMENT + "batch = 'b'", ["[[measurement]] batch", "unit", "measured_day"]),
        (PARTICIPANT + MEASUREMENT + "unit = { column = 'u' }", ["[[measurement]] unit", "value itself"]),
        (PARTICIPANT + MEASUREMENT + "category = 'c'", ["[[measurement]] category", "qualifier"]),
        (
            PARTICIPANT + MEASUREMENT + "measured_on = 'a'\nmeasured_day = 'b'",
            ["[[measurement]]", "measured_on", "measured_day"],
        ),
        (TRIAL + MEASUREMENT, ["[[measurement]]", "participant"]),
        (TRIAL + "colour = 'red'", ["[trial] colour", "title", "design"]),
        (TRIAL + "title2 = 1", ["[trial] title2"]),
        ("[trial]\ncode = 'T'\ndesign = 'guess'", ["[trial] design", "Observational"]),
        ("[trial]\ncode = 'T'\nminimum_age = 'old'", ["[trial] minimum_age"]),
        ("[trial]\ncode = ['T']", ["[trial] code"]),
        ("[trial]\ncode = { column = 'x' }", ["[trial] code", "value itself"]),
        ("[trial]\ncode = 'T'\nopened_on = 2024-13-01", ["TOML"]),
        (TRIAL + "[[arm]]\ntitle = 'x'", ["[[arm]]", "code"]),
        (TRIAL + "[[arm]]\ncode = 'A'\n[[arm]]\ncode = 'A'", ["[[arm]]", "same code"]),
        (TRIAL + "[[arm]]\ncode = 'A'\n[[arm]]\ncode = 'B'\ntype = 'x'", ["[[arm]] 2 type"]),
        (TRIAL + "[[arm]]\ncode = 'A'\nregimen = 'x'", ["[[arm]] regimen", "list"]),
        (TRIAL + "[[arm]]\ncode = 'A'\nregimen = ['x', 'X']", ["[[arm]] regimen", "twice"]),
        (TRIAL + "[participant]\nsex = 'sex'", ["[participant]", "code"]),
        (PARTICIPANT + "shoe_size = 'x'", ["[participant] shoe_size", "ecog", "first_dose_day"]),
        (PARTICIPANT + "undated = 'x'", ["[participant] undated"]),
        (PARTICIPANT + "sex = 1", ["[participant] sex"]),
        (PARTICIPANT + "sex = ''", ["[participant] sex", "column"]),
        (PARTICIPANT + "sex = { values = { F = 'female' } }", ["[participant] sex", "column, constant, row"]),
        (
            PARTICIPANT + "sex = { column = 'a', constant = 'b' }",
            ["[participant] sex", "column, constant, row"],
        ),
        (
            PARTICIPANT + "sex = { column = 'a', colour = 'b' }",
            ["[participant] sex", "colour", "date_format"],
        ),
        (PARTICIPANT + "sex = { column = 'a', values = ['b'] }", ["[participant] sex", "values"]),
        (PARTICIPANT + "sex = { column = 'a', prefix = 'b' }", ["[participant] sex", "prefix"]),
        (PARTICIPANT + "sex = { row = false }", ["[participant] sex", "row"]),
        (PARTICIPANT + "sex = { column = 'a', unit = 'days' }", ["[participant] sex", "unit"]),
        (
            PARTICIPANT + "sex = { column = 'a', date_format = '%d/%m/%Y' }",
            ["[participant] sex", "date_format"],
        ),
        (
            PARTICIPANT + "died_on = { column = 'a', date_format = 'dd' }",
            ["[participant] died_on", "date_format"],
        ),
        (
            PARTICIPANT + "died_on = { column = 'a', date_format = 3 }",
            ["[participant] died_on", "date_format"],
        ),
        (PARTICIPANT + "died_day = { column = 'a', date_format = '%d/%m/%Y' }", ["[participant] died_day"]),
        (PARTICIPANT + "died_on = 'a'\nenrolled_day = 'b'", ["[participant]", "died_on", "enrolled_day"]),
        (PARTICIPANT + "[outcome]\nos_months = { column = 'a', unit = 'hours' }", ["os_months", "weeks"]),
        (TRIAL + "[outcome]\nos_months = 'a'", ["[outcome]", "participant"]),
        (TRIAL + "[source]\ncolour = 'x'", ["[source]", "colour", "delimiter"]),
        (TRIAL + "[source]\nencoding = 'klingon'", ["[source] encoding"]),
        (TRIAL + "[source]\nencoding = 'rot13'", ["[source] encoding"]),
        (TRIAL + "[source]\ndelimiter = ';;'", ["[source] delimiter"]),
        (TRIAL + "[source]\ndecimal = ';'", ["[source] decimal"]),
        (TRIAL + "[source]\nmissing = 'NA'", ["[source] missing"]),
        (TRIAL + "[source]\nwhere = [{ column = 'x' }]", ["[source] where"]),
        (TRIAL + "[source]\nwhere = [{ column = 'x', equals = true }]", ["[source] where"]),
        ("[source]\n[source.sheet]\n" + TRIAL, ["[source] sheet"]),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_with_the_place_and_what_exists(text, parts):
    with pytest.raises(Refusal) as refusal:
        read_mapping(text.encode())
    for part in parts:
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    "content, part",
    [
        (PARTICIPANT.encode("utf-16"), "UTF-8"),
        (b"[trial]\ncode = '\xe9'", "UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nested"),
        (b"<html>", "TOML"),
        (b"\x00", "TOML"),
        (b"", "[trial]"),
    ],
)
def test_what_is_no_toml_is_refused(content, part):
    with pytest.raises(Refusal, match="mapping") as refusal:
        read_mapping(content)
    assert part in str(refusal.value)


def test_a_mapping_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")

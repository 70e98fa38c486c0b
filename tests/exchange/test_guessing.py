"""What the columns of a file seem to be."""

import pytest

from tracker.exchange.guessing import guess_plan, words_of
from tracker.exchange.outline import guess_source, likely_encoding, outline_of
from tracker.exchange.plan import Plan, content_of, parse, plan_of, toml
from tracker.exchange.source import SourceOptions, read_options


def guess(text, assays=(), everything=True, name="cohort.csv"):
    content = text.encode()
    source = guess_source(name, content)
    outline = outline_of(name, content, read_options(source))
    return guess_plan(outline, source, {"code": "CCI-1"}, list(assays), everything)


@pytest.mark.parametrize(
    "name, words",
    [("OS_Months", "os months"), ("osMonths", "os months"), (" Décès ", "deces"), ("PD-L1 (%)", "pd l1")],
)
def test_a_name_is_told_by_its_words(name, words):
    assert words_of(name) == words


@pytest.mark.parametrize(
    "name, values, field, more",
    [
        ("USUBJID", "P-1 P-2", "participant.code", {}),
        ("Identifiant patient", "P-1 P-2", "participant.code", {}),
        ("Gender", "M F", "participant.sex", {}),
        ("sexe", "Homme Femme", "participant.sex", {"values": {"Homme": "male", "Femme": "female"}}),
        ("Age", "61 72.5", "participant.age_at_enrolment", {}),
        ("ECOG PS", "0 1", "participant.ecog", {}),
        ("primary_site", "Lung Breast", "participant.tumor_location", {}),
        ("CancerType", "NSCLC Melanoma", "participant.tumor_location", {
            "values": {"NSCLC": "LUNG", "Melanoma": "SKIN"}
        }),
        ("Best Response", "CR PD", "outcome.best_overall_response", {}),
        ("BOR", "R NR", "outcome.best_overall_response", {"values": {"R": "responder", "NR": "non-responder"}}),
        ("OS_days", "120 300", "outcome.os_months", {"unit": "days"}),
        ("PFS (weeks)", "12 30", "outcome.pfs_months", {"unit": "weeks"}),
        ("OS", "3.5 12", "outcome.os_months", {}),
        ("os_status", "1:DECEASED 0:LIVING", "outcome.os_event", {
            "values": {"1:DECEASED": "yes", "0:LIVING": "no"}
        }),
        ("Date of death", "25/03/2024 01/04/2024", "participant.died_on", {"date_format": "%d/%m/%Y"}),
        ("Enrolment date", "45366 45370", "participant.enrolled_on", {}),
        ("first_dose_day", "1 1", "participant.first_dose_day", {}),
    ],
)  # fmt: skip
def test_a_column_is_told_by_its_name_and_values(name, values, field, more):
    plan = guess("\n".join([name, *values.split()]))
    assert plan.fields == {field: {"column": name, **more}}


@pytest.mark.parametrize(
    "name, value", [("age", "old"), ("Response", "purple"), ("OS", "abc"), ("died on", "soon")]
)
def test_a_column_whose_values_are_something_else_is_left_alone(name, value):
    assert guess(f"{name}\n{value}\n").fields == {}


def test_a_column_of_a_stored_assays_name_is_its_measurements_at_baseline():
    plan = guess("patient,PD-L1 22C3 CPS,TMB\nP-1,5,7\n", assays=["PD-L1 22C3 CPS", "TMB panel"])
    assert [(one["assay"], one["value"]) for one in plan.assays] == [
        ("PD-L1 22C3 CPS", {"column": "PD-L1 22C3 CPS"})
    ]
    assert plan.fields["measurement.timepoint"] == {"constant": "baseline"}


def test_a_researchers_file_is_measurements_and_codes_only():
    plan = guess("id,age,tmb,sample date\nP-1,61,7,2024-03-01\n", assays=["TMB"], everything=False)
    assert set(plan.fields) == {"participant.code", "measurement.measured_on", "measurement.timepoint"}
    assert content_of(plan)["measurement"] == [
        {
            "assay": "TMB",
            "value": "tmb",
            "measured_on": "sample date",
            "timepoint": "baseline",
            "participant": "id",
        }
    ]


def test_of_two_columns_that_could_be_a_field_the_plainer_name_wins():
    plan = guess("id,usubjid\n1,P-1\n")
    assert plan.fields["participant.code"] == {"column": "usubjid"}


@pytest.mark.parametrize(
    "text, source",
    [
        ("id,age\nP-1,61.5\n", {}),
        ("id;age\nP-1;61,5\n", {"delimiter": ";", "decimal": ","}),
        ("id;age\nP-1;61.5\n", {"delimiter": ";"}),
        ("id\tage\nP-1\t61\n", {"delimiter": "\t"}),
        ('"a,b";age\nx;1\n', {"delimiter": ";"}),
        ("", {}),
    ],
)
def test_the_marks_of_a_file_are_seen_in_its_first_rows(text, source):
    assert guess_source("a.csv", text.encode()) == source


@pytest.mark.parametrize(
    "content, encoding",
    [
        ("é".encode(), None),
        ("Bergonié".encode("latin-1"), "cp1252"),
        ("id,é\n".encode("utf-16"), "utf-16"),
        ("id,é\n".encode("utf-16-le"), "utf-16-le"),
        ("id,é\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_an_encoding_that_is_not_utf_8_is_proposed(content, encoding):
    assert likely_encoding(content) == encoding


# The plan and the mapping file


FILE = """
[source]
decimal = ","
missing = ["NA"]

[trial]
code = "CCI-1"
title = "Un \\"essai\\" é \\\\ \\u007f"

[[arm]]
code = "A"
title = "Arm A"
type = "experimental"
regimen = ["nivolumab", "ipilimumab"]

[participant]
code = "id"
arm = "arm"
tumor_location = { column = "place of it", values = { "a b" = "LUNG", "*" = "" } }
sex = { constant = "female" }

[outcome]
os_months = { column = "os", unit = "days" }

[[measurement]]
assay = "TMB"
value = "tmb"
scale = "continuous"
biomarker = "Tumor mutational burden"
positive_cutoff = 10
timepoint = "baseline"
"""


def test_a_mapping_file_can_be_edited_on_a_page_and_is_written_again_as_it_was():
    content = parse(FILE)
    plan = plan_of(content)
    assert content_of(plan) == content
    assert parse(toml(content)) == content
    assert plan.columns["place of it"] == ["participant.tumor_location"]
    assert plan.columns["tmb"] == ["assay:0"]


@pytest.mark.parametrize(
    "more",
    [
        '[[measurement]]\nassay = "LDH"\nvalue = "ldh"\ntimepoint = "on treatment"\n',
        '[[measurement]]\nassay = "LDH"\nvalue = { constant = "1" }\ntimepoint = "baseline"\n',
    ],
)
def test_a_mapping_file_that_says_more_than_a_page_shows_has_no_plan(more):
    assert plan_of(parse(FILE + more)) is None


def test_outcomes_of_stored_participants_need_no_section_of_participants():
    plan = Plan(
        trial={"code": "CCI-1"},
        fields={"participant.code": {"column": "id"}, "outcome.os_event": {"column": "os"}},
    )
    assert content_of(plan) == {
        "trial": {"code": "CCI-1"},
        "outcome": {"participant": "id", "os_event": "os"},
    }
    assert plan_of(content_of(plan)) == plan


def test_a_column_keeps_no_more_values_than_a_page_shows():
    outline = outline_of("a.csv", ("id\n" + "\n".join(map(str, range(100)))).encode(), read_options({}))
    (column,) = outline.columns
    assert (len(column.values), column.is_whole, outline.rows) == (40, False, 100)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            "USUBJID,AETERM,AETOXGR,AESTDTC,AEREL\nP-1,Rash,2,2024-02-01,POSSIBLE\n",
            {
                "adverse_event.term": {"column": "AETERM"},
                "adverse_event.grade": {"column": "AETOXGR"},
                "adverse_event.started_on": {"column": "AESTDTC"},
                "adverse_event.related": {"column": "AEREL", "values": {"POSSIBLE": "yes"}},
            },
        ),
        (
            "patient,drug,cycle,date,dose,unit\nP-1,Atezolizumab,1,2024-02-01,1200,mg\n",
            {
                "administration.component": {"column": "drug"},
                "administration.cycle": {"column": "cycle"},
                "administration.given_on": {"column": "date"},
                "administration.dose": {"column": "dose"},
                "administration.unit": {"column": "unit"},
            },
        ),
        (
            "patient,lesion,scan date,diameter (mm),method\nP-1,T1,2024-02-01,21,CT\n",
            {
                "lesion_measurement.lesion": {"column": "lesion"},
                "lesion_measurement.assessed_on": {"column": "scan date"},
                "lesion_measurement.diameter_mm": {"column": "diameter (mm)"},
                "assessment.assessed_on": {"column": "scan date"},
                "assessment.modality": {"column": "method"},
            },
        ),
    ],
)
def test_a_file_of_doses_events_or_findings_is_known_by_what_these_need(text, fields):
    guessed = dict(guess(text).fields)
    assert guessed.pop("participant.code")
    assert guessed == fields
    few = guess(text, everything=False).fields
    assert not {name.partition(".")[0] for name in few} & {one.partition(".")[0] for one in fields}


def test_a_start_date_alone_is_the_participants(app):
    fields = guess("id,start date,dose\nP-1,2024-02-01,3\n").fields
    assert fields["participant.first_dose_on"] == {"column": "start date"}
    assert not any(name.startswith(("adverse_event", "administration")) for name in fields)


def test_a_biobanks_list_is_specimens_and_what_was_measured_in_them():
    outline = outline_of(
        "list.csv",
        b"Patient,Barcode,Sample type,Timepoint,Collection date,TMB\nP1,B-1,FFPE,baseline,2024-01-02,7\n",
        SourceOptions(),
    )
    plan = guess_plan(outline, {}, {"code": "T"}, ["TMB"], everything=False)
    assert {name: origin["column"] for name, origin in plan.fields.items()} == {
        "participant.code": "Patient",
        "specimen.barcode": "Barcode",
        "specimen.type": "Sample type",
        "specimen.timepoint": "Timepoint",
        "specimen.collected_on": "Collection date",
        "measurement.specimen": "Barcode",
    }


def test_a_list_with_one_value_a_row_is_known_by_the_names_of_assays():
    text = b"Patient\tTest\tResult\tUnits\nP1\tTMB panel\t<1\tmut/Mb\n"
    outline = outline_of("list.tsv", text, SourceOptions())
    plan = guess_plan(outline, {}, {"code": "T"}, ["TMB Panel"], everything=False)
    content = content_of(plan)
    assert content["measurement"] == [
        {
            "assay": {"column": "Test"},
            "value": "Result",
            "unit": "Units",
            "timepoint": "baseline",
            "participant": "Patient",
        }
    ]
    assert plan_of(content) == plan
    other = guess_plan(outline, {}, {"code": "T"}, ["LDH"], everything=False)
    assert list(other.fields) == ["participant.code"]

"""Reports as files."""

import csv
import dataclasses
import json
from xml.etree import ElementTree

import pytest

from tests.factories import make_arm, make_cohort, make_participant, make_reported_outcome, make_trial
from tracker.exchange.result import FORMATS, report_file, write
from tracker.reports.base import run_report
from tracker.values import Refusal


def parsed(*arguments):
    return json.loads(report_file("outcomes", "json", arguments))


def lines(*arguments):
    text = report_file("outcomes", "csv", arguments).decode()
    return list(csv.DictReader(text.splitlines()))


def test_json_has_its_contracted_shape(app):
    make_reported_outcome(participant=make_participant(trial=make_trial(code="CCI-017")))
    content = parsed(("by", "trial"), ("as_of", "2026-06-30"))
    assert list(content) == [
        "report",
        "parameters",
        "data_cutoff",
        "generated_at",
        "tables",
        "figures",
        "verdict",
    ]
    assert content["report"] == "outcomes"
    assert content["parameters"] == {
        "by": ["trial"],
        "endpoint": "response",
        "response": None,
        "population": "treated",
        "as_of": "2026-06-30",
    }
    assert content["data_cutoff"] == "2026-06-30"
    assert content["verdict"] is None
    (table,) = content["tables"]
    assert list(table) == ["name", "title", "columns", "rows", "notes"]
    assert table["columns"] == list(table["rows"][0])
    assert (table["rows"][0]["trial"], table["rows"][0]["orr"]) == ("CCI-017", 1.0)
    assert all(isinstance(note, str) for note in table["notes"])
    (figure,) = content["figures"]
    assert list(figure) == ["name", "title", "data"]
    assert figure["data"][0]["orr_low"] == pytest.approx(0.025)


def test_what_is_missing_is_null_and_never_nan(app):
    text = report_file("outcomes", "json", []).decode()
    assert "NaN" not in text
    assert "Infinity" not in text
    row = json.loads(text)["tables"][0]["rows"][0]
    assert (row["n"], row["orr"], row["orr_low"]) == (0, None, None)


def test_csv_has_raw_numbers_and_empty_cells(app):
    for response in ("PR", "SD", "SD"):
        make_reported_outcome(best_overall_response=response)
    text = report_file("outcomes", "csv", []).decode()
    assert text.startswith("group,n,responders,orr,orr_low")
    assert text.count("\r\n") == 2
    (line,) = lines()
    assert (line["group"], line["n"], line["orr"]) == ("all", "3", "0.3333333333333333")
    assert lines(("endpoint", "pcr"))[0]["dcr"] == ""


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_text_is_a_formula(app, name):
    trial = make_trial()
    make_participant(trial=trial, cohort=make_cohort(trial=trial, name=name), diagnosis='a "b", c')
    (line,) = lines(("by", "cohort,diagnosis"))
    assert line["cohort"] == f"'{name}"
    assert line["diagnosis"] == 'a "b", c'
    assert parsed(("by", "cohort"))["tables"][0]["rows"][0]["cohort"] == name


def test_a_table_is_chosen_by_name(app):
    assert lines(("table", "response")) == lines()
    with pytest.raises(Refusal, match="table: choose from: response") as refused:
        lines(("table", "forest"))
    assert refused.value.status == 422
    with pytest.raises(Refusal, match="no parameter table"):
        parsed(("table", "response"))


def test_the_data_of_a_figure_are_a_csv_too(app):
    make_reported_outcome(best_overall_response="PR")
    (line,) = lines(("figure", "forest"))
    assert list(line) == ["group", "responders", "n", "orr", "orr_low", "orr_high"]
    for refused, said in [
        ([("figure", "pie")], "forest"),
        ([("figure", "forest"), ("table", "response")], "both"),
    ]:
        with pytest.raises(Refusal, match=said):
            lines(*refused)


@pytest.mark.parametrize(
    "name", ["Düsseldorf", "</svg><script>alert(1)</script>", "#import $x$", "=cmd|' /C'!A0"]
)
def test_a_drawing_is_xml_with_its_own_style_and_every_text_as_it_is(app, name):
    trial = make_trial()
    participant = make_participant(trial=trial, cohort=make_cohort(trial=trial, name=name))
    make_reported_outcome(participant=participant)
    drawing = ElementTree.fromstring(report_file("outcomes", "svg", [("by", "cohort")]))
    tags = [part.tag.rpartition("}")[2] for part in drawing.iter()]
    assert "style" in tags
    assert not {"script", "foreignObject", "image", "a", "use"} & set(tags)
    assert name in [text.strip() for text in drawing.itertext()] or any(
        text.startswith(name[:8]) and text.endswith("…") for text in drawing.itertext()
    )


def test_a_drawing_is_chosen_by_name(app):
    assert report_file("outcomes", "svg", [("figure", "forest")]) == report_file("outcomes", "svg", [])
    for format in ("svg", "png"):
        with pytest.raises(Refusal, match="figure: choose from: forest") as refused:
            report_file("outcomes", format, [("figure", "pie")])
        assert refused.value.status == 422
    with pytest.raises(Refusal, match="no parameter figure"):
        report_file("outcomes", "pdf", [("figure", "forest")])


@pytest.mark.parametrize("format", ["svg", "png"])
def test_a_report_without_a_figure_has_no_drawing(app, format):
    result = dataclasses.replace(run_report("outcomes", []), figures=[])
    with pytest.raises(Refusal, match="has no figure") as refused:
        write(result, format)
    assert refused.value.status == 404


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_refuses_parameters_that_do_not_exist(app, format):
    with pytest.raises(Refusal, match="no parameter colour") as refused:
        report_file("outcomes", format, [("colour", "red")])
    assert refused.value.status == 422


def test_unknown_formats_and_reports_are_not_found(app):
    for slug, format, listed in [("outcomes", "doc", "csv, json"), ("horoscope", "doc", "outcomes")]:
        with pytest.raises(Refusal, match=listed) as refused:
            report_file(slug, format, [])
        assert refused.value.status == 404


def test_a_filter_set_by_the_report_itself_is_among_the_parameters(app):
    for setting in ("neoadjuvant", "advanced"):
        trial = make_trial(setting=setting)
        make_participant(trial=trial, arm=make_arm(trial=trial))
    assert parsed()["parameters"]["setting"] == ["advanced"]
    assert "setting" not in run_report("outcomes", [("by", "arm")]).parameters

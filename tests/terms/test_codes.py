"""The code lists agree with what was published, and find what a reader means."""

import json
from pathlib import Path

import pytest

from tracker.terms.codes import ctcae_terms, diagnoses, tissues

PUBLISHED = (
    Path(__file__).parents[2].parent / "shared" / "data" / "real" / "codelists" / "oncotree_2025_10_03.json"
)


def test_there_are_32_tissues_and_their_codes_are_those_of_oncotree():
    assert len(tissues) == 32
    for code in ("BREAST", "LUNG", "SKIN", "HEAD_NECK", "KIDNEY", "BOWEL", "STOMACH"):
        assert code in tissues
    assert "Breast" not in tissues


def test_every_node_below_the_root_is_a_diagnosis():
    assert len(diagnoses) == 897
    assert set(tissues) <= set(diagnoses)
    assert dict(diagnoses["IDC"]) == {
        "code": "IDC",
        "label_en": "Breast Invasive Ductal Carcinoma",
        "label_fr": "",
        "tissue": "BREAST",
        "main_type": "Breast Cancer",
        "parent": "BRCA",
        "former_codes": "",
    }


def test_a_diagnosis_lies_in_a_tissue_with_its_parent():
    for code in diagnoses:
        row = diagnoses[code]
        if code in tissues:
            assert (row["tissue"], row["parent"], row["label_en"]) == (code, "", tissues.label(code))
        else:
            assert diagnoses[row["parent"]]["tissue"] == row["tissue"]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published list is not here")
def test_the_lists_are_as_published():
    nodes = {}

    def walk(node):
        nodes[node["code"]] = node
        for child in node["children"].values():
            walk(child)

    walk(json.loads(PUBLISHED.read_text(encoding="utf-8"))["TISSUE"])
    del nodes["TISSUE"]
    assert set(diagnoses) == set(nodes)
    for code, node in nodes.items():
        row = diagnoses[code]
        published = (node["name"], node["mainType"], node["tissue"], node["parent"])
        ours = (row["label_en"], row["main_type"], tissues.label(row["tissue"]), row["parent"] or "TISSUE")
        assert ours == published


def test_labels_fall_back_to_english_and_to_the_sources_words():
    assert tissues.label("BREAST", "fr") == "Sein"
    assert diagnoses.label("IDC", "fr") == diagnoses.label("IDC") == "Breast Invasive Ductal Carcinoma"
    assert tissues.label("BREAST", "de") == "Breast"
    assert diagnoses.label("carcinoma, side unknown") == "carcinoma, side unknown"
    with pytest.raises(KeyError):
        diagnoses["carcinoma, side unknown"]


def test_every_tissue_has_a_french_label():
    assert all(tissues[code]["label_fr"] for code in tissues)


@pytest.mark.parametrize(
    "text", ["HEAD_NECK", "head_neck", " Head and Neck ", "head-and-neck", "Tête et cou", "tete et cou"]
)
def test_a_tissue_is_found_by_code_and_by_label_in_either_language(text):
    assert tissues.find(text) == "HEAD_NECK"


@pytest.mark.parametrize("code_list", [tissues, diagnoses])
def test_every_code_is_found(code_list):
    for code in code_list:
        assert code_list.find(code) == code_list.find(code.lower()) == code


def test_a_french_term_of_ctcae_means_one_code():
    french = {code: ctcae_terms[code]["label_fr"] for code in ctcae_terms}
    assert [code for code, label in french.items() if label and ctcae_terms.find(label) != code] == []


def test_a_label_of_several_codes_finds_none():
    assert diagnoses.find("Yolk Sac Tumor") is None
    assert sum(diagnoses.label(code) == "Yolk Sac Tumor" for code in diagnoses) == 4


def test_signs_are_part_of_a_label():
    assert diagnoses.find("chronic myeloid leukemia, BCR-ABL1+") == "CMLBCRABL1"
    assert diagnoses.find("chronic myeloid leukemia, BCR-ABL1-") is None


def test_a_former_code_finds_the_one_that_followed_it():
    assert diagnoses.find("MM") == "PCM"  # multiple myeloma, now plasma cell myeloma
    assert "MM" not in diagnoses


@pytest.mark.parametrize("text", [None, "", "  ", "nowhere", "ＬＵＮＧ", "L\u0000UNG"])
def test_what_is_on_no_list_is_not_found(text):
    assert tissues.find(text) is None


def test_a_search_lists_the_closest_first():
    assert diagnoses.search("idc")[0] == "IDC"
    assert diagnoses.search("ductal breast", limit=2) == ["IDC", "DCIS"]
    assert tissues.search("œso") == tissues.search("oeso") == tissues.search("esoph") == ["STOMACH"]
    assert diagnoses.search("melanoma", limit=3)[0] == "MEL"
    assert diagnoses.search("skin mel", limit=1) == ["MEL"]  # by its tissue; its label does not say skin
    assert len(diagnoses.search("carcinoma", limit=7)) == 7
    assert diagnoses.search("  ,") == diagnoses.search("no such disease") == []


def test_choices_are_sorted_as_read_and_end_with_other():
    french = [label for _, label in tissues.choices("fr")]
    assert french[0] == "Ampoule de Vater"
    assert french.index("Œil") < french.index("Os") < french.index("Peau")
    assert french[-1] == "Autre"
    assert dict(tissues.choices())["BOWEL"] == "Bowel"

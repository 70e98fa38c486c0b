"""What tells who a person is, is found in French and in English; what only looks so is not."""

import time

import numpy as np
import pandas as pd
import pytest

from tracker.rules.privacy import (
    KINDS,
    find_personal,
    find_personal_in_code,
    find_personal_rows,
    is_nhs_number,
    kinds_of,
    nir_key,
)

#: The example of Insee's own page on the NIR, and that of its article; NHS numbers of NHS Digital's test range.
PERSONAL = {
    "name": [
        "Mme Durand",
        "Vue ce jour avec Mme DUPONT, asthénie grade 2.",
        "Seen with Mr John Smith today.",
        "mme dupont se plaint de douleurs",
        "Rash as described by Dr Lefèvre.",
        "Dr. Marie Lambert appelée",
        "M. de La Tour a été hospitalisé",
        "Monsieur Petit refuse le scanner",
        "Mrs O'Brien had dyspnoea",
        "Ms. Jackson withdrew",
        "Professor Whitfield agreed",
        "Marie Dupont, 64 ans",
        "Jean-Pierre Martin est sorti",
        "DUPONT Marie sortie contre avis",
        "Sarah Connor reported a rash",
        "nom du patient : dupont",
        "Patient name: Smith",
        "Nom de naissance : Bernard",
        "Surname: Miller",
        "the patient named Walker",
        "Patiente née Durand",
        "la patiente Bertrand a été vue",
        "patient Kowalski refused",
        "son mari Philippe rapporte une confusion",
        "her daughter Emily called",
        "Initials: J.D.",
        "initiales JD",
    ],
    "telephone": [
        "rappeler au 06 12 34 56 78",
        "0612345678",
        "tel 01.23.45.67.89",
        "+33 (0)1 23 45 67 89",
        "+33 6 12 34 56 78",
        "0033 1 23 45 67 89",
        "call (212) 555-0123",
        "212-555-0123",
        "+1 (212) 555-0123",
        "+44 20 7946 0958",
        "020 7946 0958",
        "07700 900123",
        "+32 2 555 12 12",
        "phone: 555 0123 44",
    ],
    "national": [
        "2 55 08 14 168 025 38",
        "255081416802538",
        "NIR 185057800608491",
        "1 85 05 78 006 084 91",
        "2 69 05 49 588 157",
        "1 85 05 2A 006 084 43",
        "SSN 219-09-9999",
        "078-05-1120",
        "social security 219 09 9999",
        "NHS number 943 476 5919",
        "999 123 4578",
        "NHS 9434765919",
        "passeport 12AB34567890",
        "numéro de sécurité sociale 2550814168025",
    ],
    "hospital": [
        "IPP 8001234567",
        "MRN: 00123456",
        "n° de dossier : 4512378",
        "Patient ID 1234567",
        "IPP: 80 0123 4567",
    ],
    "birth": [
        "née le 12/03/1960",
        "né le 12 mars 1960 à Lyon",
        "DOB 1960-03-12",
        "DOB: 03/12/1960",
        "born March 12, 1960",
        "Born on 12 March 1960",
        "date of birth: 12-MAR-1960",
        "date de naissance : 1er avril 1958",
        "DDN 12.03.60",
        "D.O.B. 12mar1960",
        "1960-03-12 (DOB)",
        "né à Paris le 12/03/1960",
        "DDN 12031960",
    ],
    "email": ["write to marie.dupont@example.org", "j_smith+ct@mail.example.co.uk"],
    "address": [
        "habite 12 rue de la Paix",
        "12 bis, avenue Victor Hugo",
        "3 place Bellecour",
        "75013 Paris",
        "94800 Villejuif",
        "92260 Fontenay-aux-Roses",
        "lives at 221B Baker Street",
        "1600 Pennsylvania Avenue",
        "Springfield, IL 62704",
        "London SW1A 1AA",
    ],
}

#: From protocols, reports and files of trials, in both languages.
HARMLESS = """
Kaplan–Meier
Kaplan-Meier estimate with Greenwood's limits; log-rank (Mantel–Cox)
Clopper-Pearson, 95 per cent
Simon's two-stage minimax design (Simon 1989)
Robert C et al. N Engl J Med 2015;372:2521-2532
Hodi FS, O'Day SJ, McDermott DF. Improved survival with ipilimumab. N Engl J Med 2010;363:711-723.
Eisenhauer EA et al. Eur J Cancer 2009;45:228-247. doi:10.1016/j.ejca.2008.10.026
Schmid P, Adams S, Rugo HS, et al. NEJM 2018;379:2108-2121 PMID 30345906
Freireich 1963, as tabulated by Kleinbaum and Klein
NCT03275402
2023-501234-12-00
EudraCT 2016-001432-35
CCI-ONC-012, arm A/B
pembrolizumab 200 mg q3w + lenvatinib 20 mg/day
Nivolumab 3 mg/kg + Ipilimumab 1 mg/kg
MK-3475 (Keytruda), Opdivo, Tecentriq 1200 mg
PD-L1 22C3 CPS >= 10
CD274, PDCD1, CTLA4, LAG3, BRCA1/2
HER2 3+ or 2+ with ISH
TMB 10 mut/Mb, MSI-H
ECOG 1; Karnofsky 80
grade 3 pneumonitis, methylprednisolone 1 mg/kg from 2024-03-12 to 2024-04-02
started 12/03/2024, ended 15/03/2024
Born after 1950
born in 1960
né en 1960
née prématurément
patient born abroad
DOB not recorded
date de naissance inconnue
25000 Lymphocytes
10000 UI/j
platelets 150000 per microlitre
6 cours de chimiothérapie
2 place du traitement
2 routes of administration
12 rues
AUC 5-6, cycles 1-4
1.5-2.0 x ULN
100-200-300 mg
HR 0.64 (0.45-0.91), p = 0.012
lot 20240101
batch A-2024-001
S-0001
Gustave Roussy
Institut Curie
Institut Paoli-Calmettes
Centre Léon Bérard
Centre François Baclesse
Hôpital Robert Debré
Johns Hopkins Hospital
Memorial Sloan Kettering
the patient was seen
the patient reported dyspnoea
Patient Reported Outcomes
Patient Global Impression
Le patient est sorti
patient ECOG 2
Patiente en rémission
MR imaging of the brain
MR T1 weighted
stage M1a, cT2 N0 M0
M. tuberculosis
H. pylori
Dr visit
Pr positive, ER negative
Miss one dose
missed dose
madame
monsieur se plaint
Ms
Merkel cell carcinoma
Hodgkin lymphoma
Ewing sarcoma
Wilms tumor
Kaposi sarcoma
Hürthle cell carcinoma
Sézary syndrome
Stevens-Johnson syndrome
Guillain-Barré syndrome
Lambert-Eaton myasthenic syndrome
Common Terminology Criteria for Adverse Events
Breast Invasive Ductal Carcinoma
Lung Adenocarcinoma
HLA-A*02:01
chr7:140753336 A>T
c.1799T>A (p.Val600Glu)
GSE91061
rs1234567
10.1056/NEJMoa1809697
https://clinicaltrials.gov/study/NCT03275402
CR, PR, SD, PD, NE
target lesion 25 mm, left lower lobe
2024-02-29T13:45:00Z
visit 3, day 21, 1000 ml of saline
13 chiffres
123 456
4012345678901
1 234 567 890
Charles River Laboratories
Thomas Fisher test
Advanced disease after platinum
As in the source
3.5e9 cells/L on 2024-01-02; 4.1 on 2024-01-09; 5.0 on 2024-01-16
000 patients
""".strip().splitlines()


@pytest.mark.parametrize("kind, text", [(kind, text) for kind, texts in PERSONAL.items() for text in texts])
def test_what_tells_who_a_person_is_is_found(kind, text):
    assert kind in kinds_of(find_personal(text)), text
    assert kind in kinds_of(find_personal(f"Grade 2 rash; {text}, then better."))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_belongs_to_the_field_is_not_asked_about(text):
    assert find_personal(text) == []


def test_the_keys_are_those_that_were_published():
    """Insee's example of a NIR, one of Corsica; and the number that the NHS Data Dictionary works out."""
    assert nir_key("2550814168025") == 38
    assert nir_key("185052A006084") == 97 - 1850519006084 % 97
    assert is_nhs_number("9434765919")
    assert not is_nhs_number("9434765918")


def test_fifteen_digits_that_are_no_number_of_a_person_need_its_key():
    number = "7850578006084"
    assert find_personal(f"{number}{nir_key(number):02d}")
    assert not find_personal(f"{number}{nir_key(number) - 1:02d}")
    assert not find_personal("255081416802")


def test_the_words_that_were_found_are_quoted():
    (one,) = find_personal("Seen with Mme Durand today")
    assert (one.kind, one.words) == ("name", "Mme Durand")


def test_of_a_field_for_a_name_only_the_rest_is_looked_at():
    assert find_personal("Dr Marie Curie", names=False) == []
    assert kinds_of(find_personal("Dr Marie Curie, 06 12 34 56 78", names=False)) == ["telephone"]


@pytest.mark.parametrize(
    "code", ["101-01-0001", "CCI-0001", "JD-017", "0000123456", "MRN-1", "S-2024-0001", "4012345678901"]
)
def test_codes_of_a_trial_are_no_numbers_of_a_person(code):
    assert find_personal_in_code(code) == []


@pytest.mark.parametrize("code", ["255081416802538", "06 12 34 56 78", "a.b@example.org", "IPP8001234567"])
def test_a_code_that_is_somebodys_number_is_found(code):
    assert find_personal_in_code(code)


def test_every_kind_is_tested():
    assert PERSONAL.keys() == KINDS.keys()


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 10_000, "a." * 5_000, "0" * 10_000, "1 " * 5_000, "Mme" + " " * 10_000, "-" * 10_000, "@" * 10_000),
        *("né le" * 2_000, "Aa " * 4_000, "Marie " * 2_000, "1 rue " * 2_000, "+1" * 5_000, "patient: " * 1_500),
        *("A" * 10_000, "12 Mar " * 1_500, "born at " * 1_500, "Dr A. " * 1_500, "Saint-" * 2_000,),
        *("a@" * 5_000, "x@a." * 3_000),
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_a_long_text_is_looked_through_at_once(text):
    began = time.process_time()
    find_personal(text)
    assert time.process_time() - began < 0.5


def test_a_column_is_looked_through_text_by_text():
    texts = pd.Series(["rash", "Mme Durand", None, "rash", "Mme Durand"], index=[5, 6, 7, 8, 9])
    found = find_personal_rows(texts)
    assert found.index.tolist() == [6, 9]
    assert found[6][0].words == "Mme Durand"
    assert find_personal_rows(pd.Series([np.nan, None], dtype=object)).empty
    assert find_personal_rows(texts, find_personal_in_code).empty

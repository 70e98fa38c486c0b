"""Synthetic files for the benchmarks: one large cohort, always the same for a number of participants."""

import csv
import datetime
import random
from pathlib import Path

#: Measurements of each participant.
EACH = 5

LOCATIONS = ["LUNG", "SKIN", "BREAST", "HEAD_NECK", "KIDNEY", "BLADDER", "BOWEL"]
SUBTYPES = ["TNBC", "HER2+", "HR+/HER2-"]
ARMS = ["ICI", "CHEMO"]

HEADER = [
    "code", "arm", "tumor_location", "subtype", "diagnosis", "sex", "ecog", "age", "prior_lines", "consented_on",
    "enrolled_on", "first_dose_on", "response", "pfs_months", "pfs_event", "os_months", "os_event",
]  # fmt: skip

TRIAL = """
[trial]
code = "BENCH"
title = "Benchmark"
design = "observational"
setting = "advanced"
"""

PARTICIPANTS = (
    TRIAL
    + """
[[arm]]
code = "ICI"
title = "Checkpoint inhibitor"
type = "experimental"
regimen = ["Nivolumab"]

[[arm]]
code = "CHEMO"
title = "Chemotherapy"
type = "active comparator"
regimen = ["Docetaxel"]

[participant]
code = "code"
arm = "arm"
tumor_location = "tumor_location"
subtype = "subtype"
diagnosis = "diagnosis"
sex = "sex"
ecog = "ecog"
age_at_enrolment = "age"
prior_lines = "prior_lines"
consented_on = "consented_on"
enrolled_on = "enrolled_on"
first_dose_on = "first_dose_on"

[outcome]
best_overall_response = "response"
pfs_months = "pfs_months"
pfs_event = "pfs_event"
os_months = "os_months"
os_event = "os_event"
"""
)  # fmt: skip

MEASUREMENTS = (
    TRIAL
    + """
[participant]
code = "code"

[[measurement]]
assay = "Assay"
value = "value"
measured_on = "measured_on"
biomarker = "Marker"
kind = "protein"
scale = "continuous"
"""
)


def write(folder: Path, participants: int) -> None:
    """participants.csv, with what became of each, and measurements.csv, each with its mapping."""
    chance = random.Random(participants)
    (folder / "participants.toml").write_text(PARTICIPANTS)
    (folder / "measurements.toml").write_text(MEASUREMENTS)
    with (
        (folder / "participants.csv").open("w", newline="") as people,
        (folder / "measurements.csv").open("w", newline="") as values,
    ):
        _write_participants(csv.writer(people), chance, participants)
        _write_measurements(csv.writer(values), chance, participants)


def _write_participants(file, chance, participants):
    file.writerow(HEADER)
    for number in range(1, participants + 1):
        location = chance.choice(LOCATIONS)
        first_dose_on = datetime.date(2015, 1, 1) + datetime.timedelta(days=chance.randrange(3000))
        death = chance.expovariate(1 / 16)
        file.writerow(
            [
                f"P-{number:06}",
                chance.choice(ARMS),
                location,
                chance.choice(SUBTYPES) if location == "BREAST" else "",
                f"Carcinoma {chance.randrange(30)}",
                chance.choice("FM"),
                chance.randrange(3),
                round(chance.uniform(30, 85), 1),
                chance.choice("012"),
                first_dose_on - datetime.timedelta(days=20),
                first_dose_on - datetime.timedelta(days=5),
                first_dose_on,
                chance.choices(["CR", "PR", "SD", "PD", "NE"], [5, 20, 30, 40, 5])[0],
                round(min(death, chance.expovariate(1 / 6)), 2),
                int(chance.random() < 0.8),
                round(death, 2),
                int(chance.random() < 0.6),
            ]
        )


def _write_measurements(file, chance, participants):
    file.writerow(["code", "measured_on", "value"])
    for number in range(1, participants + 1):
        first_on = datetime.date(2015, 1, 1) + datetime.timedelta(days=chance.randrange(3000))
        for visit in range(EACH):
            day = first_on + datetime.timedelta(days=21 * visit)
            file.writerow([f"P-{number:06}", day, round(chance.lognormvariate(1.5, 1), 3)])

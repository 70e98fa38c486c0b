"""Checks of specimens."""

from flask_babel import lazy_gettext as _l

from tracker.rules.checks import Weight, check, refuse_future
from tracker.terms.specimen import SpecimenType

_TISSUE = [one.value for one in SpecimenType if one.is_tissue]

#: Types that are of no place in the body.
_FLUIDS = [
    SpecimenType.BLOOD,
    SpecimenType.PLASMA,
    SpecimenType.SERUM,
    SpecimenType.PBMC,
    SpecimenType.STOOL,
    SpecimenType.URINE,
    SpecimenType.SALIVA,
]

refuse_future("specimen", "collected_on")


@check("specimen", "collected_on", _l("A specimen cannot be taken after the participant died."))
def taken_after_death(collected_on, participant_died_on):
    return collected_on > participant_died_on


@check("specimen", "collected_on", _l("A specimen cannot be taken before the participant was born."))
def taken_before_birth(collected_on, participant_birth_year):
    return collected_on.dt.year < participant_birth_year


@check("specimen", "collected_on", _l("Give the day: only participants who came without dates lack it."))
def day_missing(collected_on, participant_undated):
    return collected_on.isna() & ~participant_undated.fillna(False).astype(bool)


@check(
    "specimen",
    "collected_on",
    _l("It was taken before the participant consented; only archived tissue usually is."),
    Weight.REASON,
)
def taken_before_consent(collected_on, type, participant_consented_on):
    return (collected_on < participant_consented_on) & (type != SpecimenType.FIXED_TISSUE.value)


@check(
    "specimen",
    "timepoint",
    _l("A baseline specimen is taken before the first dose; is the day or the timepoint wrong?"),
    Weight.QUERY,
)
def baseline_after_the_first_dose(timepoint, collected_on, participant_first_dose_on):
    return (timepoint == "baseline") & (collected_on > participant_first_dose_on)


@check(
    "specimen",
    "timepoint",
    _l("Before the first dose nothing is on treatment; is the day or the timepoint wrong?"),
    Weight.QUERY,
)
def on_treatment_before_the_first_dose(timepoint, collected_on, participant_first_dose_on):
    return (timepoint == "on treatment") & (collected_on < participant_first_dose_on)


@check("specimen", "anatomic_place", _l("A fluid such as blood is of no tumor: leave the place empty."))
def place_of_a_fluid(type, anatomic_place, location):
    return type.isin([one.value for one in _FLUIDS]) & (anatomic_place.notna() | location.notna())


@check("specimen", "tumor_content_percent", _l("Only tissue has a tumor content: leave it empty."))
def tumor_content_without_tissue(type, tumor_content_percent):
    return ~type.isin(_TISSUE) & type.notna() & tumor_content_percent.notna()


@check(
    "specimen", "participant", _l("The participant does not consent to research on samples."), Weight.REASON
)
def taken_without_consent_to_research(participant_consents_to_sample_research):
    return ~participant_consents_to_sample_research.fillna(True).astype(bool)

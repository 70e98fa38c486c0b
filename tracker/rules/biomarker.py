"""Checks of assays and measurements."""

from flask_babel import lazy_gettext as _l

from tracker.rules.checks import Weight, check, refuse_future


@check("assay", "upper_limit", _l("The upper limit of quantification is above the lower one."))
def limits_out_of_order(lower_limit, upper_limit):
    return upper_limit <= lower_limit


@check("assay", "positive_cutoff", _l("A binary assay is positive at 1: leave the cutoff empty."))
def cutoff_of_a_binary_assay(scale, positive_cutoff):
    return (scale == "binary") & positive_cutoff.notna()


@check("measurement", "value", _l("This assay gives a number: write it under value."))
def number_missing(assay_scale, value):
    return (assay_scale != "ordinal") & value.isna()


@check("measurement", "category", _l("This assay gives numbers: leave the category empty."))
def category_of_a_number(assay_scale, category):
    return (assay_scale != "ordinal") & category.notna()


@check("measurement", "category", _l("Give either a value or a category."))
def both_or_neither(assay_scale, value, category):
    return (assay_scale == "ordinal") & (value.isna() == category.isna())


@check("measurement", "value", _l("A binary assay gives 0 or 1."))
def binary_beyond_0_and_1(assay_scale, value):
    return (assay_scale == "binary") & value.notna() & ~value.isin([0, 1])


@check("measurement", "value", _l("A percentage lies from 0 to 100."))
def percentage_beyond_100(assay_unit, value):
    return assay_unit.str.startswith("%") & ~value.between(0, 100) & value.notna()


@check(
    "measurement",
    "value",
    _l("Below the assay's lower limit of quantification: write <%(value)s."),
    says="assay_lower_limit",
)
def below_the_lower_limit(assay_lower_limit, value):
    return value < assay_lower_limit


@check(
    "measurement",
    "value",
    _l("Above the assay's upper limit of quantification: write >%(value)s."),
    says="assay_upper_limit",
)
def above_the_upper_limit(assay_upper_limit, value):
    return value > assay_upper_limit


@check("measurement", "value", _l("Only a number can be below or above a limit: leave out < and >."))
def bound_of_no_number(assay_scale, qualifier):
    return (assay_scale != "continuous") & (qualifier != "=") & qualifier.notna()


refuse_future("measurement", "measured_on")


@check("measurement", "measured_on", _l("Nobody is measured after death."))
def measured_after_death(measured_on, participant_died_on):
    return measured_on > participant_died_on


# Against the specimen that was measured


@check("measurement", "measured_on", _l("Nothing is measured before the specimen was collected."))
def measured_before_collected(measured_on, specimen_collected_on):
    return measured_on < specimen_collected_on


@check(
    "measurement",
    "timepoint",
    _l("The specimen is of another timepoint: take the specimen's, or choose another specimen."),
)
def timepoint_of_another_specimen(timepoint, specimen_timepoint):
    return timepoint.notna() & specimen_timepoint.notna() & (timepoint != specimen_timepoint)


@check("measurement", "specimen", _l("The quality of this specimen is inadequate."), Weight.REASON)
def measured_in_an_inadequate_specimen(specimen_quality):
    return specimen_quality == "inadequate"

"""Checks of how an arm is designed: escalation, two stages, a boundary for toxicity; and of dose decisions."""

from flask_babel import lazy_gettext as _l

from tracker.rules.checks import check, refuse_future

#: Targets for which BOIN's boundaries make sense, as R's BOIN has them.
LEAST_TARGET, LARGEST_TARGET = 0.05, 0.6

refuse_future("dose_decision", "decided_on")


@check("arm", "target_dlt_rate", _l("BOIN needs the DLT rate that it aims at."))
def boin_without_target(escalation_rule, target_dlt_rate):
    return escalation_rule.isin(["BOIN", "BOIN-COMB"]) & target_dlt_rate.isna()


@check("arm", "target_dlt_rate", _l("BOIN aims at a rate from 0.05 to 0.6."))
def boin_with_far_target(escalation_rule, target_dlt_rate):
    is_far = (target_dlt_rate < LEAST_TARGET) | (target_dlt_rate > LARGEST_TARGET)
    return escalation_rule.isin(["BOIN", "BOIN-COMB"]) & is_far


@check("arm", "n", _l("A two-stage design has all four numbers, or none of them."))
def stages_in_part(r1, n1, r, n):
    given = sum(column.notna().astype(int) for column in (r1, n1, r, n))
    return given.isin([1, 2, 3])


@check("arm", "n", _l("The numbers of a two-stage design rise: r1 < n1 < n, and r1 ≤ r < n."))
def stages_out_of_order(r1, n1, r, n):
    is_whole = r1.notna() & n1.notna() & r.notna() & n.notna()
    return is_whole & ~((r1 < n1) & (n1 < n) & (r1 <= r) & (r < n))


@check("arm", "toxicity_certainty", _l("A boundary for toxicity has a limit and a certainty, or neither."))
def boundary_in_part(toxicity_limit, toxicity_certainty):
    return toxicity_limit.isna() != toxicity_certainty.isna()


@check("arm", "toxicity_prior_b", _l("A beta prior has both its numbers, or neither."))
def prior_in_part(toxicity_prior_a, toxicity_prior_b):
    return toxicity_prior_a.isna() != toxicity_prior_b.isna()


@check("participant", "dose_level", _l("The dose level belongs to another arm."))
def dose_level_of_another_arm(arm_id, dose_level_id, dose_level_arm_id):
    return dose_level_id.notna() & (dose_level_arm_id != arm_id)

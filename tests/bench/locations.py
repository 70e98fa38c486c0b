"""What tumor locations and the breast gap cost: the bootstrap of the split and EXNEX, beside naive loops.

The bootstrap is of Chowell's cohort by the mutational burden: breast 2/23 and 2/2, others 232/1,052 and 173/402; its
loop draws one sample after the other. EXNEX is of the ten locations of Chugh 2009; its loop goes through as fine a grid
of mu and tau point by point. Each loop does a twentieth of the work, and its time is told for the whole.
"""

from tests.bench import base

#: Seconds that each may take.
BOOTSTRAP, EXNEX = 2.0, 1.0

DRAWS, LEFT_OUT = 10_000, 20

STRATA = ([2, 2], [23, 2], [232, 173], [1052, 402])
LOCATIONS = ([2, 0, 1, 6, 7, 3, 5, 1, 0, 3], [15, 13, 12, 28, 29, 29, 26, 5, 2, 20])


def lines(bench):
    bootstrap, loop = (bench.quickest(f"locations.{name}") for name in ("bootstrap", "bootstrap_loop"))
    _agree(bootstrap["limits"], loop["limits"], 0.02)
    shrunken, grid = (bench.quickest(f"locations.{name}") for name in ("shrunken", "grid_loop"))
    _agree(shrunken["mean"], grid["mean"], 0.005)
    return [
        base.Line("bootstrap of the breast gap", bootstrap, "loop over draws", loop, most_seconds=BOOTSTRAP),
        base.Line("EXNEX of ten locations", shrunken, "loop over a grid", grid, most_seconds=EXNEX),
    ]


def _agree(ours, theirs, most):
    if max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) > most:
        raise AssertionError(f"the tracker and the loop differ: {ours} and {theirs}")


def bootstrap():
    from tracker.stats.decomposition import bootstrap_kitagawa

    with base.stopwatch() as watch:
        found = bootstrap_kitagawa(*STRATA, draws=DRAWS)
    return {**watch, "limits": [*found.mix, *found.response]}


def bootstrap_loop():
    """Participants in a table, drawn again and grouped by stratum, as a script would."""
    import numpy as np
    import pandas as pd

    def participants(xs, ns):
        rows = [(stratum, number < x) for stratum, (x, n) in enumerate(zip(xs, ns)) for number in range(n)]
        return pd.DataFrame(rows, columns=["stratum", "responded"])

    groups = participants(*STRATA[:2]), participants(*STRATA[2:])
    full = [group.groupby("stratum")["responded"].mean() for group in groups]
    chance = np.random.default_rng(2)
    parts = []
    with base.stopwatch() as watch:
        for _draw in range(DRAWS // LEFT_OUT):
            shares, rates = [], []
            for group, rate in zip(groups, full):
                drawn = group.sample(len(group), replace=True, random_state=chance)
                shares.append(drawn["stratum"].value_counts(normalize=True).reindex(rate.index, fill_value=0))
                rates.append(drawn.groupby("stratum")["responded"].mean().reindex(rate.index).fillna(rate))
            mix = ((shares[1] - shares[0]) * (rates[0] + rates[1]) / 2).sum()
            response = ((rates[1] - rates[0]) * (shares[0] + shares[1]) / 2).sum()
            parts.append((mix, response))
    watch = {name: LEFT_OUT * value for name, value in watch.items()}
    limits = np.quantile(np.array(parts), [0.025, 0.975], axis=0)
    return {**watch, "limits": limits.T.ravel().tolist()}


def shrunken():
    import scipy.special  # noqa: F401  (imports are not counted)

    from tracker.stats.heterogeneity import exnex

    with base.stopwatch() as watch:
        found = exnex(*LOCATIONS)
    return {**watch, "mean": found.mean.tolist()}


def grid_loop():
    """Each location's rate at each pair of mu and tau on a grid, by sums over log odds, one after the other."""
    import numpy as np
    from scipy.special import expit

    centre = np.log(0.25)
    theta = np.linspace(centre - 12, centre + 12, 1201)
    rate, counts = expit(theta), list(zip(*LOCATIONS))
    taus, mus = np.linspace(0.0625, 4.9375, 40), theta[::LEFT_OUT]

    def normal(mean, sd):
        density = np.exp(-0.5 * ((theta - mean) / sd) ** 2)
        return density / density.sum()

    with base.stopwatch() as watch:
        likelihoods = [rate**x * (1 - rate) ** (n - x) for x, n in counts]
        alone = normal(centre, 2.5)
        total, means = 0.0, np.zeros(len(counts))
        for mu in mus:
            for tau in taus:
                together = normal(mu, tau)
                weight = np.exp(-0.5 * ((mu - centre) / 2) ** 2 - 0.5 * tau**2)
                expected = []
                for likelihood in likelihoods:
                    density = likelihood * (together + alone) / 2
                    weight *= density.sum()
                    expected.append((density * rate).sum() / density.sum())
                total += weight
                means += weight * np.array(expected)
    watch = {name: LEFT_OUT * value for name, value in watch.items()}
    return {**watch, "mean": (means / total).tolist()}

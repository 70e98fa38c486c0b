"""What an import of published results stores and refuses."""

import pytest
import sqlalchemy as sa

from tests import factories
from tracker.exchange.importing import import_file
from tracker.extensions import db
from tracker.models import ReferenceResult, Regimen

MAPPING = """
[trial]
code = "CCI-1"
[reference_result]
regimen = "drug"
tumor_location = "place"
endpoint = { constant = "ORR" }
rate = "rate"
n = "n"
citation = "paper"
"""

HEADER = "drug,place,rate,n,paper\n"


@pytest.fixture
def load(app, tmp_path):
    """load(text of the CSV) imports, as the command does."""
    factories.make_trial(code="CCI-1")

    def load(text, mapping=MAPPING, **options):
        (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return import_file(tmp_path / "rows.csv", tmp_path / "map.toml", **options)

    return load


def results():
    chosen = sa.select(Regimen.name, ReferenceResult.x, ReferenceResult.n, ReferenceResult.x_is_rounded)
    return [tuple(row) for row in db.session.execute(chosen.join(Regimen).order_by(ReferenceResult.id))]


def test_a_rate_gives_the_nearest_number_and_is_marked_so(load):
    text = HEADER + "Drug A,LUNG,0.2,59,Paper 1\nDrug A + Drug B,SKIN,0.5,40,Paper 2\n"
    load(text)
    assert results() == [("Drug A", 12, 59, True), ("Drug A + Drug B", 20, 40, True)]
    done = load(text)
    assert (done.counts["reference_result"].new, done.counts["reference_result"].unchanged) == (0, 2)


def test_a_regimen_is_known_by_its_name_or_by_its_agents(load):
    agents = [factories.make_agent(name=name) for name in ("Drug A", "Drug B")]
    factories.make_regimen(agents, name="The pair")
    load(HEADER + "the pair,LUNG,0.2,50,Paper 1\nDrug B + drug a,LUNG,0.2,50,Paper 2\n")
    assert [one[0] for one in results()] == ["The pair", "The pair"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("Drug A,LUNG,1.2,59,Paper", "rate"),
        ("Drug A,LUNG,,59,Paper", "rate"),
        ("Drug A,MOON,0.2,59,Paper", "place"),
        ("Drug A,LUNG,0.2,0,Paper", "n"),
        ("Drug A,LUNG,0.2,,Paper", "n"),
        ("Drug A,LUNG,0.2,59,", "paper"),
        (",LUNG,0.2,59,Paper", "drug"),
    ],
)
def test_a_faulty_result_is_told_by_row_and_column(load, row, column):
    done = load(f"{HEADER}{row}\n")
    assert not done.is_stored
    assert (2, column) in list(zip(done.faults["row"], done.faults["column"]))
    assert results() == []


def test_a_rate_in_percent_is_stored_as_a_fraction_and_kept_as_published(load):
    mapping = MAPPING.replace('rate = "rate"', 'rate = { column = "rate", unit = "percent" }')
    done = load(HEADER + "Drug A,BREAST,6.18,312,Paper\n", mapping)
    assert results() == [("Drug A", 19, 312, True)]
    assert db.session.scalar(sa.select(ReferenceResult.published_rate)) == pytest.approx(0.0618)
    assert done.is_stored
    assert not load(HEADER + "Drug A,BREAST,618,312,Other\n", mapping).is_stored

"""What must hold of agents, regimens and reference results."""

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.factories import make_agent, make_reference_result, make_regimen
from tracker.extensions import db
from tracker.models import ReferenceResult, Regimen
from tracker.roles import Role


@pytest.fixture
def physician(sign_in):
    return sign_in(Role.PHYSICIAN)


def component(number, **given):
    return {f"components-{number}-{name}": text for name, text in given.items()}


def one_agent(**given):
    """A regimen of one agent, as its form is sent."""
    right = dict(agent=str(make_agent().id), role="backbone", dose="200", unit="mg", start_day="1")
    return {"name": "monotherapy", **component(0, **{**right, **given})}


@pytest.mark.parametrize(
    "field, given",
    [
        ("dose", dict(dose="-200")),
        ("dose", dict(dose="0")),
        ("dose", dict(dose="-0")),
        ("dose", dict(dose="1e16")),
        ("dose", dict(dose="two hundred")),
        ("dose", dict(dose="NaN")),
        ("unit", dict(unit="")),
        ("unit", dict(dose="")),
        ("unit", dict(unit="spoons")),
        ("start_day", dict(start_day="0")),
        ("start_day", dict(start_day="1001")),
        ("start_day", dict(start_day="1.5")),
        ("role", dict(role="")),
        ("role", dict(role="star")),
        ("agent", dict(agent="")),
        ("schedule", dict(schedule="x" * 101)),
        ("schedule", dict(schedule="q3w\x00")),
    ],
)
def test_a_component_that_cannot_be_is_refused_beside_its_field(physician, refused, field, given):
    answer = refused(physician, "/regimens/new", is_kept=False, **one_agent(**given))
    assert f'id="components-0-{field}-error"' in answer.text
    summary = answer.text.partition("error-summary")[2].partition("</ul>")[0]
    assert f'href="#components-0-{field}"' in summary


@pytest.mark.parametrize(
    "given", [{}, dict(dose="", unit=""), dict(start_day="-3"), dict(dose="0.05", unit="mg/kg")]
)
def test_a_regimen_of_one_agent_needs_no_rationale(physician, given):
    assert physician.submit("/regimens/new", **one_agent(**given)).status_code == 303


def test_a_combination_says_why_it_may_work(physician, refused):
    both = {**one_agent(), **component(1, agent=str(make_agent().id), role="added")}
    answer = refused(physician, "/regimens/new", field="rationale", is_kept=False, **both)
    assert "Say why these agents may work better together." in answer.text
    assert physician.submit("/regimens/new", **both, rationale="Two checkpoints.").status_code == 303
    (regimen,) = db.session.scalars(sa.select(Regimen)).all()
    assert regimen.is_combination
    assert [part.position for part in regimen.components] == [0, 1]


def test_a_placebo_makes_no_combination(physician):
    placebo = make_agent(mechanism_class="placebo", modality="other")
    both = {**one_agent(), **component(1, agent=str(placebo.id), role="added")}
    assert physician.submit("/regimens/new", **both).status_code == 303
    assert not db.session.scalar(sa.select(Regimen)).is_combination


def test_a_regimen_has_at_least_one_component(physician):
    regimen = make_regimen()
    address = f"/regimens/{regimen.id}/edit"
    typed = {
        name: text
        for name, text in form_values(physician.get(address).text).items()
        if not name.startswith("components")
    }
    answer = physician.post(address, data={**typed, "reason": "Emptied."})
    assert answer.status_code == 422
    assert 'id="components-0-agent-error"' in answer.text
    db.session.rollback()
    assert len(regimen.components) == 1


def test_a_withdrawn_agent_is_no_choice(physician):
    agent = make_agent(name="obsolete")
    physician.submit(f"/agents/{agent.id}/withdraw", reason="Entered twice.")
    assert "obsolete" not in physician.get("/regimens/new").text.partition("<main")[2].partition("<form")[2]
    answer = physician.submit("/regimens/new", **{**one_agent(), "components-0-agent": str(agent.id)})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "field, given",
    [
        ("x", dict(x="11")),
        ("x", dict(x="-1")),
        ("x", dict(x="3.5")),
        ("x", dict(x="")),
        ("n", dict(n="0", x="0")),
        ("n", dict(n="1e9")),
        ("citation", dict(citation=" ")),
        ("citation", dict(citation="x" * 501)),
        ("subtype", dict(subtype="TNBC")),
        ("endpoint", dict(endpoint="os")),
    ],
)
def test_a_published_result_that_cannot_be_is_refused(physician, refused, field, given):
    regimen = make_regimen()
    right = dict(tumor_location="SKIN", endpoint="orr", x="3", n="10", citation="Robert 2015")
    address = f"/reference-results/new?regimen={regimen.id}"
    refused(physician, address, field=field, is_kept=False, **{**right, **given})
    assert physician.submit(address, **right).status_code == 303
    assert db.session.scalar(sa.select(ReferenceResult.regimen_id)) == regimen.id


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"x": "", "rate": ""}, "x"),
        ({"x": "12", "rate": "57.6"}, "rate"),
        ({"x": "", "rate": "157"}, "rate"),
        ({"x": "", "rate": "many"}, "rate"),
    ],
)
def test_a_published_result_needs_its_number_or_a_rate_that_agrees(sign_in, refused, typed, field):
    address = f"/reference-results/new?regimen={make_regimen().id}&tumor_location=SKIN"
    refused(sign_in(Role.PHYSICIAN), address, field=field, n="314", citation="Larkin 2015", **typed)


def test_a_stored_number_is_changed_as_a_number(sign_in):
    stored = make_reference_result(x=10, n=40)
    browser = sign_in(Role.PHYSICIAN)
    assert browser.get(f"/reference-results/{stored.id}").status_code == 200
    address = f"/reference-results/{stored.id}/edit"
    assert browser.submit(address, x="", reason="misread").status_code == 422
    assert browser.submit(address, x="11", reason="misread").status_code == 303
    db.session.refresh(stored)
    assert stored.x == 11


def test_a_rate_is_kept_as_published_until_the_number_is_another(sign_in):
    browser = sign_in(Role.PHYSICIAN)
    address = f"/reference-results/new?regimen={make_regimen().id}&tumor_location=SKIN"
    assert browser.submit(address, n="312", rate="6.18", citation="Wang 2019").status_code == 303
    stored = db.session.scalars(sa.select(ReferenceResult)).one()
    assert (stored.x, stored.x_is_rounded, stored.published_rate) == (19, True, pytest.approx(0.0618))
    address = f"/reference-results/{stored.id}/edit"
    browser.submit(address, selection="pooled", reason="told late")
    db.session.refresh(stored)
    assert stored.published_rate == pytest.approx(0.0618)
    browser.submit(address, x="20", reason="misread")
    db.session.refresh(stored)
    assert stored.published_rate is None

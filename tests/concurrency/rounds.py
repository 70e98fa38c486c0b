"""What must hold however many write at once. Each raises AssertionError where it does not."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import sqlalchemy as sa

from tests import factories
from tests.concurrency.servers import at_once, people
from tracker.extensions import db
from tracker.models import Administration, Agent, AuditEvent, Participant, Submission

WHY = "The source was read again."

#: Pairs that are at it side by side.
_SIDE_BY_SIDE = 8


def edit_in_pairs(app, port, pairs: int) -> Counter:
    """Two people change one field of one participant at once: one wins, one sees both values side by side.

    Returns how often each pair of statuses came.
    """
    trial = factories.make_trial()
    numbers = [factories.make_participant(trial=trial, ecog=0).id for _pair in range(pairs)]
    first, second = people(app, port, trial)
    db.session.rollback()
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        outcomes = list(pool.map(partial(_edit_pair, first, second), numbers))
    db.session.rollback()
    stored = dict(db.session.execute(sa.select(Participant.id, Participant.ecog)).all())
    versions = dict(db.session.execute(sa.select(Participant.id, Participant.version)).all())
    for number, (answers, typed) in zip(numbers, outcomes, strict=True):
        by_status = {answer[0]: (answer, ecog) for answer, ecog in zip(answers, typed, strict=True)}
        assert by_status.keys() == {303, 409}, [answer[0] for answer in answers]
        (_status, location, _page), won = by_status[303]
        (_status, _location, page), lost = by_status[409]
        assert location == f"/participants/{number}"
        assert (stored[number], versions[number]) == (int(won), 2)
        assert re.search(rf'id="ecog"[^>]*value="{lost}"', page), "what the loser typed is not in the form"
        assert f"Stored meanwhile</dt><dd>{won}</dd>" in page, "what the winner stored is not beside it"
    changes = sa.select(sa.func.count()).where(
        AuditEvent.record_type == "participant", AuditEvent.reason == WHY
    )
    assert db.session.scalar(changes) == pairs
    return Counter(tuple(sorted(answer[0] for answer in answers)) for answers, _typed in outcomes)


def _edit_pair(first, second, number):
    address, typed = f"/participants/{number}/edit", ("1", "2")
    forms = [
        {**person.form(address), "ecog": ecog, "reason": WHY}
        for person, ecog in zip((first, second), typed, strict=True)
    ]
    sends = [partial(person.ask, address, form) for person, form in zip((first, second), forms, strict=True)]
    return _answered(at_once(*sends)), typed


def _answered(answers):
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def send_many_times(app, port, times: int, kinds: int = 3) -> None:
    """One form that is sent many times at once makes one record, and every answer leads to it; of so many kinds."""
    trial = factories.make_trial()
    regimen = factories.make_regimen(agents=[factories.make_agent()])
    participant = factories.make_participant(
        trial=trial, arm=factories.make_arm(trial=trial, regimen=regimen)
    )
    (person,) = people(app, port, trial, 1)
    forms = [
        (
            Agent,
            "/agents/new",
            dict(name="axitinib", mechanism_class="anti-angiogenic", modality="small molecule"),
        ),
        (Participant, f"/participants/new?trial={trial.id}", dict(code="P-77", tumor_location="LUNG")),
        (
            Administration,
            f"/administrations/new?participant={participant.id}",
            {"doses-0-dose": "190", "doses-0-unit": "mg"},
        ),
    ]
    db.session.rollback()  # whoever asks the server holds no lock meanwhile
    for model, address, typed in forms[:kinds]:
        count = sa.select(sa.func.count(model.id))
        before = db.session.scalar(count)
        db.session.rollback()
        form = {**person.form(address), **typed}
        if model is Participant:
            form["enrolled_on"] = "2024-03-01"
        answers = _answered(at_once(*[partial(person.ask, address, form)] * times))
        told = Counter((status, location) for status, location, _page in answers)
        assert len(told) == 1, told
        ((status, location),) = told
        assert status == 303, answers[0][2]
        assert db.session.scalar(count) == before + 1
        assert db.session.get(Submission, form["submission"]).address == location
        db.session.rollback()
        assert person.ask(location)[0] == 200


def see_what_others_store(app, port, changes: int) -> None:
    """Whichever process answers, a report counts what was stored a moment ago; what one process keeps is never old."""
    trial = factories.make_trial()
    regimen = factories.make_regimen(agents=[factories.make_agent()])
    arm = factories.make_arm(trial=trial, regimen=regimen)
    (person,) = people(app, port, trial, 1)
    factories.make_participant(trial=trial, arm=arm)
    address, number = f"/participants/new?trial={trial.id}", arm.id
    db.session.rollback()
    for change in range(changes):
        form = {**person.form(address), "code": f"P-{change}", "tumor_location": "LUNG", "arm": str(number)}
        form["enrolled_on"] = "2024-03-01"
        status, _location, page = person.ask(address, form)
        assert status == 303, page
        asked = [partial(person.ask, "/reports/accrual.json")] * 6
        counts = {_enrolled(page) for _status, _location, page in _answered(at_once(*asked))}
        assert counts == {change + 2}, counts


def _enrolled(page):
    return json.loads(page)["tables"][0]["rows"][0]["actual"]


def refuse_to_sign_in(app, port) -> None:
    """However many processes are asked: after so many wrong passwords the account name waits, and not before."""
    user, stranger = factories.make_user(), people(app, port, factories.make_trial(), 1)[0]
    stranger.cookie, name = "", user.name
    db.session.rollback()
    most = app.config["SIGN_IN_ATTEMPTS"]
    form = {**stranger.form("/sign-in"), "name": name, "password": "not that one, surely"}
    attempts = [partial(stranger.ask, "/sign-in", form)] * (most + 6)
    told = Counter("Too many attempts" in page for _status, _location, page in _answered(at_once(*attempts)))
    assert told == {False: most, True: 6}, told

"""Every address, for every role and for nobody: who gets in, whose records they meet, what they may send.

The addresses are found in the application itself, so that a new page is tested when it is registered.
"""

import dataclasses
import re

import pytest
import sqlalchemy as sa
from werkzeug.routing import Rule

from tests.conftest import form_values
from tests.factories import (
    make_agent,
    make_arm,
    make_draft,
    make_import_file,
    make_in,
    make_job,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_screen,
    make_trial,
    make_trial_member,
    make_user,
)
from tests.tables import copy_tables, differences
from tracker import create_app, views
from tracker.extensions import db
from tracker.models import Record, SignIn, Trial
from tracker.roles import GRANTS, Permission, Role
from tracker.views.records import KINDS

#: A value for each part of an address that is not a record's number.
PARTS = {"slug": "outcomes", "format": "json", "name": "oncotree_diagnoses"}

#: The models by the name of their blueprint.
MODELS = {model.__tablename__: model for model in Record.__subclasses__()}

MINE, ANOTHER_TRIALS, ANOTHER_PERSONS = "mine", "another trial's", "another person's"

NOBODY = None
EVERYBODY = [NOBODY, *Role]


def _who(role):
    return "nobody" if role is NOBODY else role.value


@dataclasses.dataclass
class World:
    """Two trials with a record of every kind in each; the users of the test are assigned to the first."""

    mine: Trial
    others: Trial
    numbers: dict[str, tuple[int, int]]  # blueprint: number of a record of mine, and of another trial's
    others_own: dict[str, int]  # of another person, by the blueprint


@pytest.fixture
def world(sign_in):
    mine, others = make_trial(), make_trial()
    numbers = {name: (make_in(model, mine).id, make_in(model, others).id) for name, model in MODELS.items()}
    other = sign_in(Role.PHYSICIAN)
    file = make_import_file(user_id=other.user_id, job=make_job(user_id=other.user_id))
    own = {
        "account": db.session.scalar(sa.select(SignIn.id)),
        "draft": make_draft(user_id=other.user_id).id,
        "import_file": file.id,
        "job": file.job_id,
        "screen": make_screen(user_id=other.user_id, trial=mine).id,
    }
    return World(mine, others, numbers, own)


def _rules(app, method):
    """(rule, blueprint, permissions) of every address that takes the method; signing out comes last."""
    found = [
        (rule, rule.endpoint.partition(".")[0], app.view_functions[rule.endpoint].permissions)
        for rule in app.url_map.iter_rules()
        if method in rule.methods and rule.endpoint != "static"
    ]
    return sorted(found, key=lambda one: (one[0].endpoint == "account.sign_out", one[0].endpoint))


def _address(rule: Rule, number=None):
    values = {name: number if name == "id" else PARTS[name] for name in rule.arguments}
    _subdomain, address = rule.build(values)
    return address


def _addresses(world, rule, blueprint):
    """(address, whose the record is that it leads to) for each address of the rule."""
    if "id" not in rule.arguments:
        return [(_address(rule), MINE)]
    if blueprint in world.others_own:
        return [(_address(rule, world.others_own[blueprint]), ANOTHER_PERSONS)]
    mine, others = world.numbers[blueprint]
    model = MODELS.get(blueprint)
    is_of_a_trial = model is not None and (model.trial_path is not None or model.trials_path is not None)
    return [(_address(rule, mine), MINE), (_address(rule, others), ANOTHER_TRIALS if is_of_a_trial else MINE)]


def _sees(role, whose):
    return whose is MINE or (whose is ANOTHER_TRIALS and Permission.SEE_ALL_TRIALS in GRANTS[role])


def _expected(role, permissions, whose):
    """(statuses that are right, in words) of an address that is opened or sent a form."""
    if not permissions:
        return {200, 302, 404}, "public"
    if role is NOBODY:
        return {302}, "sent to sign in"
    if not GRANTS[role] & set(permissions):
        return {403}, "not for the role"
    if not _sees(role, whose):
        return {404}, "not to be seen"
    return {200, 302, 303}, "opened"


@pytest.mark.parametrize("role", EVERYBODY, ids=_who)
def test_every_page_opens_for_whom_it_is_declared_and_for_nobody_else(app, world, sign_in, role):
    browser = app.test_client() if role is NOBODY else sign_in(role, [world.mine])
    wrong = []
    for rule, blueprint, permissions in _rules(app, "GET"):
        for address, whose in _addresses(world, rule, blueprint):
            answer = browser.get(address)
            right, why = _expected(role, permissions, whose)
            if answer.status_code not in right:
                wrong.append(f"GET {address} answered {answer.status_code}, should be {right}: {why}")
            if why == "sent to sign in" and not answer.headers["Location"].startswith("/sign-in"):
                wrong.append(f"GET {address} leads to {answer.headers['Location']}")
    assert wrong == []


@pytest.mark.parametrize("role", EVERYBODY, ids=_who)
def test_nothing_is_taken_without_a_form_token(app, world, sign_in, role):
    """Another site can make a signed-in browser send a form, but not one with the token."""
    browser = app.test_client() if role is NOBODY else sign_in(role, [world.mine])
    wrong, before = [], copy_tables()
    for rule, blueprint, permissions in _rules(app, "POST"):
        for address, whose in _addresses(world, rule, blueprint):
            answer = browser.post(address, data={"reason": "because", "confirmed": "1"})
            right, why = _expected(role, permissions, whose)
            if why in ("opened", "public"):
                right = {400, 404, 409, 422}
            elif why == "not to be seen" and whose is ANOTHER_PERSONS:
                right = {400, 404}
            if answer.status_code not in right:
                wrong.append(f"POST {address} answered {answer.status_code}, should be {right}: {why}")
    assert wrong == []
    assert differences(before, copy_tables()) == {}


@pytest.mark.parametrize("role", list(Role), ids=_who)
def test_a_form_is_taken_only_from_whom_it_is_declared_for(app, world, sign_in, written, role):
    """With the token, and even so empty: what is not for the sender changes nothing."""
    browser = sign_in(role, [world.mine])
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/account").text)[1]
    wrong = []
    for rule, blueprint, permissions in _rules(app, "POST"):
        for address, whose in _addresses(world, rule, blueprint):
            written.clear()
            answer = browser.post(address, data={"csrf_token": token})
            right, why = _expected(role, permissions, whose)
            if why in ("opened", "public"):
                right = {303, 404, 409, 422}
            elif written:
                wrong.append(f"POST {address} wrote {written}")
            if answer.status_code not in right:
                wrong.append(f"POST {address} answered {answer.status_code}, should be {right}: {why}")
    assert wrong == []


@pytest.fixture
def written(app):
    """The statements that change a table, as they are sent to the database."""
    found = []

    def note(_connection, _cursor, statement, *_rest):
        if re.match("INSERT|UPDATE|DELETE", statement) and "last_seen_at" not in statement:
            found.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.RESEARCHER, Role.ADMIN, Role.DIRECTOR], ids=_who)
def test_a_new_record_cannot_be_begun_within_another_trial(app, world, sign_in, role):
    browser = sign_in(role, [world.mine])
    for name, kind in KINDS.items():
        needed = kind.form.needs
        if needed and kind.model.trial_path and kind.model.__tablename__ + ".new" in app.view_functions:
            owner = sa.inspect(kind.model).relationships[needed].mapper.class_
            if owner.trial_path is None:
                continue
            owner = owner.__tablename__
            statuses = [
                browser.get(f"/{name.replace('_', '-')}s/new?{needed}={number}").status_code
                for number in world.numbers[owner]
            ]
            permissions = app.view_functions[f"{name}.new"].permissions
            if not GRANTS[role] & set(permissions):
                assert statuses == [403, 403], name
            else:
                assert statuses[1] == (200 if _sees(role, ANOTHER_TRIALS) else 404), name


def test_the_application_does_not_start_while_an_address_declares_nothing(tmp_path, monkeypatch):
    register = views.register

    def forgetful(app):
        register(app)
        app.add_url_rule("/forgotten", "forgotten", lambda: "open to everybody")

    monkeypatch.setattr(views, "register", forgetful)
    with pytest.raises(RuntimeError, match="forgotten"):
        create_app(home=tmp_path)


# What is declared, literally: a generated test would believe a wrong declaration


PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR, ADMIN = Role


def test_the_table_of_grants_is_the_one_that_was_agreed(app):
    agreed = {
        Permission.USE_OWN_ACCOUNT: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR, ADMIN},
        # sees trials
        Permission.SEE_ALL_TRIALS: {DIRECTOR, ADMIN},
        # trials, arms, regimens, reference results, cohorts, dose levels and decisions
        Permission.READ_TRIALS: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR, ADMIN},
        Permission.EDIT_TRIALS: {PHYSICIAN},
        # participants, doses, assessments, adverse events
        Permission.READ_PARTICIPANTS: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR},
        Permission.EDIT_PARTICIPANTS: {PHYSICIAN},
        # specimens, assays, measurements
        Permission.READ_SPECIMENS: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR},
        Permission.EDIT_SPECIMENS: {RESEARCHER},
        # biomarkers, hypotheses, findings
        Permission.READ_FINDINGS: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR},
        Permission.COMMENT_FINDINGS: {PHYSICIAN},
        Permission.EDIT_OWN_FINDINGS: {RESEARCHER},
        Permission.DECIDE_FINDINGS: {DIRECTOR},
        # arm decisions, release of results, signing reports
        Permission.DECIDE_ARMS: {DIRECTOR},
        Permission.RELEASE_RESULTS: {DIRECTOR},
        Permission.SIGN_REPORTS: {DIRECTOR},
        # closing a trial, a participant or a data cut to changes, and opening it again
        Permission.LOCK_RECORDS: {DIRECTOR},
        # signing records that one may edit
        Permission.SIGN_RECORDS: {PHYSICIAN, RESEARCHER, DIRECTOR},
        # queries
        Permission.OPEN_QUERIES: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR},
        Permission.ANSWER_QUERIES: {PHYSICIAN, RESEARCHER},
        Permission.CLOSE_QUERIES: {DIRECTOR, MONITOR},
        # import a file
        Permission.IMPORT_EVERYTHING: {PHYSICIAN},
        Permission.IMPORT_SPECIMENS: {RESEARCHER},
        # reports and exports
        Permission.READ_REPORTS: {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR},
        # accounts, trial members
        Permission.EDIT_ACCOUNTS: {ADMIN},
        # audit trail
        Permission.READ_OWN_TRAIL: {PHYSICIAN, RESEARCHER},
        Permission.READ_WHOLE_TRAIL: {DIRECTOR},
        Permission.READ_TRIAL_TRAIL: {MONITOR},
        Permission.READ_ACCOUNT_TRAIL: {ADMIN},
    }
    granted = {permission: {role for role in Role if permission in GRANTS[role]} for permission in Permission}
    assert granted == agreed


@pytest.mark.parametrize(
    "address, who",
    [
        ("/participants/new", {PHYSICIAN}),
        ("/participants/", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR}),
        ("/participants/{participant}", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR}),
        ("/participants/{participant}/history", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR}),
        ("/participants/{participant}/edit", {PHYSICIAN}),
        ("/participants/{participant}/withdraw", {PHYSICIAN}),
        ("/reported-outcomes/{reported_outcome}/edit", {PHYSICIAN}),
        ("/trials/{trial}", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR, ADMIN}),
        ("/trials/{trial}/edit", {PHYSICIAN}),
        ("/trials/{trial}/release", {DIRECTOR}),
        ("/arms/{arm}/edit", {PHYSICIAN}),
        ("/cohorts/{cohort}/withdraw", {PHYSICIAN}),
        ("/regimens/new", {PHYSICIAN}),
        ("/reference-results/{reference_result}/edit", {PHYSICIAN}),
        ("/trial-members/new", {ADMIN}),
        ("/users/", {ADMIN}),
        ("/users/{user}/password", {ADMIN}),
        ("/reports/", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR}),
        ("/account", {PHYSICIAN, RESEARCHER, DIRECTOR, MONITOR, ADMIN}),
    ],
)
def test_an_address_is_open_to_these_roles(world, sign_in, address, who):
    numbers = {name: mine for name, (mine, _others) in world.numbers.items()}
    opened = {
        role for role in Role if sign_in(role, [world.mine]).get(address.format(**numbers)).status_code == 200
    }
    assert opened == who


# What another trial holds shows nowhere


CANARY = "CANARY"


@pytest.fixture
def canaries(app, world):
    """In the other trial every text bears the canary's name, in all tables."""
    regimen = make_regimen(agents=[make_agent()])
    others = make_trial(code=f"{CANARY}-1", title=f"{CANARY} title", sponsor=CANARY, synopsis=CANARY)
    arm = make_arm(trial=others, code=f"{CANARY}-A", title=f"{CANARY} arm", regimen=regimen)
    participant = make_participant(
        trial=others, arm=arm, code=f"{CANARY}-0001", diagnosis=f"{CANARY} sarcoma"
    )
    make_reported_outcome(participant=participant, source=f"{CANARY} record")
    make_trial_member(trial=others, user=make_user(display_name=f"Dr {CANARY}"))
    make_arm(trial=world.mine, regimen=regimen)
    world.numbers["regimen"] = (regimen.id, regimen.id)
    return world


@pytest.mark.parametrize("role", [PHYSICIAN, RESEARCHER, MONITOR], ids=_who)
def test_what_another_trial_holds_is_on_no_page(app, canaries, sign_in, role):
    """Lists, forms with their choices, searches, histories and reports; `?q=` and filters too."""
    browser = sign_in(role, [canaries.mine])
    addresses = [
        address
        for rule, blueprint, _permissions in _rules(app, "GET")
        for address, whose in _addresses(canaries, rule, blueprint)
        if whose is MINE
    ]
    addresses += [f"{address}?q={CANARY[:4]}" for address in addresses if address.endswith("s/")]
    addresses += [
        f"/{name.replace('_', '-')}s/new?trial={canaries.mine.id}" for name in ("participant", "arm")
    ]
    leaks = []
    for address in [*addresses, f"/search?q={CANARY[:4].lower()}"]:
        text = browser.get(address).text.replace(f'value="{CANARY[:4]}"', "")
        if CANARY in text:
            leaks.append(address)
    assert leaks == []


def test_a_list_counts_only_what_the_reader_sees(canaries, sign_in):
    make_participant(trial=canaries.mine)
    texts = [sign_in(PHYSICIAN, trials).get("/participants/").text for trials in ([canaries.mine], [])]
    assert [re.search(r'class="count">(\d+)<', text)[1] for text in texts] == [
        str(
            db.session.scalar(
                sa.select(sa.func.count()).where(MODELS["participant"].trial_id == canaries.mine.id)
            )
        ),
        "0",
    ]


def test_a_shared_record_in_use_elsewhere_is_not_withdrawn_and_tells_no_more(canaries, sign_in):
    """That another trial gives the regimen stands in the way; how many of its arms do is not told."""
    trial, regimen = make_trial(), make_regimen()
    make_arm(trial=trial, regimen=regimen)
    for _repeat in range(4):
        make_arm(regimen=regimen)
    browser = sign_in(PHYSICIAN, [trial])
    address = f"/regimens/{regimen.id}/withdraw"
    page = browser.get(address)
    warning = page.text.partition('class="alert alert-warning"')[2].partition("</ul>")[0]
    assert re.findall("<li>(.*?)</li>", warning) == ["Arms: 1", "Records of trials that you may not see"]
    answer = browser.post(address, data={**form_values(browser.get(f"/regimens/{regimen.id}/edit").text)})
    assert answer.status_code == 422
    assert regimen.withdrawn_at is None


def test_another_trials_record_cannot_be_named_in_a_form(canaries, sign_in):
    other = make_arm()
    browser = sign_in(PHYSICIAN, [canaries.mine])
    address = f"/participants/new?trial={canaries.mine.id}"
    before = copy_tables()
    typed = form_values(browser.get(address).text)
    for field, number in (("arm", other.id), ("trial", other.trial_id), ("arm", 2**31 - 1)):
        answer = browser.post(address, data={**typed, "code": "CCI-1", field: number})
        assert answer.status_code == 404
    assert differences(before, copy_tables()) == {}


def test_another_trials_record_cannot_be_named_in_a_filter(canaries, sign_in):
    browser = sign_in(PHYSICIAN, [canaries.mine])
    other = make_trial()
    assert browser.get(f"/participants/?trial={other.id}").status_code == 404
    assert browser.get(f"/participants/?trial={canaries.mine.id}").status_code == 200

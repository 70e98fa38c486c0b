"""What is no plain form is compared with the trail too: imports, figures, screens, accounts, every command."""

import contextlib

import pytest
from click.testing import CliRunner

from tests.exchange.test_sdtm import RESULTS, TUMORS
from tests.factories import make_agent, make_participant, make_screen, make_trial, make_user
from tests.tables import copy_tables, differences
from tests.test_audit import PASSWORD, events_since, expected_changes, last_event
from tests.views.test_finding_figures import a_trial, change_a_value, from_report
from tests.views.test_import import MAP_MARKER, MARKER, checked, press, upload
from tests.views.test_paste import paste
from tests.views.test_screens import ask, matrix
from tracker import cli
from tracker.audit import because
from tracker.extensions import db
from tracker.models import AuditEvent, ImportFile
from tracker.roles import Role
from tracker.terms.account import Action

#: What waits for somebody, and is no record: a file until it is stored, a screen, what runs, what was sent.
WAITING = {"import_file", "job", "screen", "submission"}

#: The trail itself, and what keeps browsers apart.
TRAIL = {"audit_event", "audit_seal"}


@contextlib.contextmanager
def told():
    """Whatever differs in a record afterwards is in the trail; yields a list that holds the events."""
    before, last, events = copy_tables(), last_event(), []
    yield events
    after = copy_tables()
    events += events_since(last)
    changed = {key: columns for key, columns in differences(before, after).items() if key[0] not in WAITING}
    expected = expected_changes(changed, before, after)
    assert expected, "nothing changed"
    assert {(one.record_type, one.record_id): one.changes for one in events} == expected


@contextlib.contextmanager
def changing(*tables):
    """Nothing differs but rows of these tables, and no event is written unless the trail is among them."""
    before = copy_tables()
    yield
    changed = {table for table, _key in differences(before, copy_tables())}
    assert changed
    assert changed <= set(tables)


@pytest.fixture
def trial(app):
    trial = make_trial(code="CCI-020")
    for number in range(1, 5):
        make_participant(trial=trial, code=f"P-{number}")
    return trial


def test_a_file_that_waits_is_no_record_and_what_is_stored_of_it_is_told(sign_in, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    with changing(*WAITING):
        address = upload(browser, MARKER, trial=trial).headers["Location"].removesuffix("/map")
    with changing(*WAITING):
        assert press(browser, f"{address}/map", **MAP_MARKER).status_code in (200, 422)
    with changing(*WAITING):
        press(browser, f"{address}/mend", row=["3", "5"], **{"cell-3-1": "8", "cell-5-1": "9"})
    with changing(*WAITING):
        press(browser, f"{address}/check", update="1")
    with changing(*WAITING):
        upload(browser, MARKER.replace("x", "5").replace("y", "6"), address=f"{address}/file")
    with told() as events:
        press(browser, f"{address}/store")
    assert {one.record_type for one in events} == {"biomarker", "assay", "measurement"}
    with changing(*WAITING):
        table = "participant\tNew marker (our lab)\nP-1\t12.5\n"
        address = paste(browser, trial, table, timepoint="progression").headers["Location"]
    with changing(*WAITING):
        press(browser, f"{address}/discard")
    assert db.session.query(ImportFile).count() == 1


def test_what_an_import_on_the_web_replaces_is_told(sign_in, trial):
    mapping = '[trial]\ncode = "CCI-020"\n\n[participant]\ncode = "id"\necog = "ecog"\n'
    browser = sign_in(Role.PHYSICIAN, [trial])
    address, _page = checked(browser, "id,ecog\nP-1,2\n", mapping=mapping)
    press(browser, f"{address}/check", update="1")
    with told() as events:
        press(browser, f"{address}/store", reason="read again")
    assert [(one.action, one.reason) for one in events] == [(Action.CHANGE, "read again")]


def test_figures_that_are_taken_anew_are_told(app, sign_in):
    trial = a_trial()
    browser = sign_in(Role.RESEARCHER, [trial])
    finding = from_report(browser)
    change_a_value()
    with told() as events:
        answer = browser.submit(f"/findings/{finding.id}/recompute", reason="Mended.")
        assert answer.status_code == 303
    assert [(one.record_type, one.reason) for one in events] == [("finding", "Mended.")]


def test_a_screen_is_its_owners_and_no_record(sign_in, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    with changing(*WAITING):
        ask(browser, trial, matrix().replace("S-", "P-"))
    found = make_screen(user_id=browser.user_id, trial=trial)
    with changing(*WAITING):
        press(browser, f"/screens/{found.id}/discard")


@pytest.fixture
def command(app, tmp_path, monkeypatch):
    """command(words, …) runs it on this application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_opened", lambda *args, **settings: contextlib.nullcontext(app))

    def run(*words):
        done = CliRunner().invoke(cli.cli, words)
        assert done.exit_code == 0, done.output

    return run


def test_what_an_import_of_sdtm_stores_is_told(command, tmp_path):
    folder = tmp_path / "sdtm"
    folder.mkdir()
    (folder / "tu.csv").write_text(TUMORS)
    (folder / "tr.csv").write_text(RESULTS)
    with told() as events:
        command("import", "sdtm", "--sdtm", "--trial", "T")
    kinds = {one.record_type for one in events}
    assert {"trial", "participant", "lesion", "tumor_assessment"} <= kinds


@pytest.mark.parametrize(
    "words, action",
    [
        (("report", "outcomes", "--set", "share=outside", "--output", "out.json"), Action.EXPORT),
        (("export", "csv", "--output", "out"), Action.EXPORT),
        (("export", "trail", "--output", "out"), Action.EXPORT),
        (("backup", "out.zip"), Action.BACK_UP),
        (("redact", "agent", "1", "target", "--reason", "It was none."), Action.REDACT),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, tuple) else "",
)
def test_every_command_that_changes_no_record_is_told(command, words, action):
    agent = make_agent(target="once")
    agent.target = "now"
    with because("for the test"):
        db.session.commit()
    last = last_event()
    with changing(*TRAIL):
        command(*words)
    events = events_since(last)
    assert {one.action for one in events} == {action}
    assert {one.role for one in events} == {"owner"}
    if "share=outside" in words:
        assert "share%3Doutside" in str(events[0].changes) or "share=outside" in str(events[0].changes)


def test_a_check_changes_nothing(command):
    before = copy_tables()
    command("verify")
    assert differences(before, copy_tables()) == {}


def test_what_is_redacted_is_told_of_each_event_that_it_changes(command):
    agent = make_agent(target="Mme Durand")
    agent.target = "PD-1"
    with because("it held a name"):
        db.session.commit()
    before, last = copy_tables(), last_event()
    command("redact", "agent", str(agent.id), "target", "--reason", "It named her.")
    changed = differences(before, copy_tables())
    old = {key for table, (key,) in changed if table == "audit_event" and key <= last}
    assert old == {one.record_id for one in events_since(last)}
    assert len(old) == 2


def test_signing_in_and_out_differs_in_nothing_that_is_not_told(app):
    person = make_user(name="ada", display_name="Ada")
    person.set_password(PASSWORD)
    db.session.commit()
    browser, last = app.test_client(), last_event()
    for address, given, action in (
        ("/sign-in", {"name": "ada", "password": "not this one"}, Action.SIGN_IN_REFUSED),
        ("/sign-in", {"name": "ada", "password": PASSWORD}, Action.SIGN_IN),
        ("/account/confirm", {"password": PASSWORD}, None),
        ("/sign-out", {}, Action.SIGN_OUT),
    ):
        with changing(*TRAIL, "sign_in", "refused_sign_in", "submission"):
            page = browser.get("/account" if address == "/sign-out" else address).text
            token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
            browser.post(address, data={"csrf_token": token, **given})
        events = events_since(last)
        assert [one.action for one in events] == ([action] if action else [])
        last = last_event()
    assert db.session.query(AuditEvent).filter_by(action=Action.SIGN_IN).one().record_id == person.id

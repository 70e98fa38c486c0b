"""The commands. They act as the system's owner and see every trial; the trail says who ran them.

Exit status: 0 done, 1 refused or failed, 2 wrongly used; each with one line that says why.
"""

import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlencode

import click
import sqlalchemy as sa

from tracker import actions, audit, clock, config, create_app, scope, seal
from tracker.extensions import db, migrate_database, reading
from tracker.extensions.copies import faults_of_database
from tracker.extensions.faults import Fault, fault_of
from tracker.terms.account import Action
from tracker.values import Refusal

HOST = "127.0.0.1"
THREADS = 8

port_option = click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free."
)


#: What is said of a database that did not do what it was asked.
_FAULTS = {
    Fault.AWAY: "the database does not answer",
    Fault.BUSY: "somebody else holds the database; nothing was stored, try again",
    Fault.FULL: "the disk of the database is full; nothing was stored",
    Fault.READ_ONLY: "the database cannot be written",
    Fault.DAMAGED: "the database is damaged; move it away and restore a backup",
}


class Misuse(Refusal):
    """The command was used wrongly; the message says what would be right."""


class _Commands(click.Group):
    """Commands whose refusals and failures are one line, never a traceback."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except Refusal as refusal:
            click.echo(f"tracker: {refusal.message}", err=True)
            context.exit(2 if isinstance(refusal, Misuse) else 1)
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            if (fault := fault_of(error)) is None:
                raise
            said = str(getattr(error, "orig", error)).strip().partition("\n")[0]
            click.echo(f"tracker: {_FAULTS[fault]}: {said}", err=True)
            context.exit(1)
        except OSError as error:
            home = config.home()
            is_home = error.filename and home in (Path(error.filename), *Path(error.filename).parents)
            where = f"{error.filename or ''}{' (the folder of the database and secrets)' if is_home else ''}"
            click.echo(f"tracker: {error.strerror or error}: {where}".rstrip(": "), err=True)
            context.exit(1)


@click.group(cls=_Commands)
def cli():
    """A clinical trial and biomarker study tracker for a center of cancer immunotherapy."""


@contextlib.contextmanager
def _opened(home: Path | None = None, **settings):
    """The application on a migrated database, as the system's owner."""
    app = create_app(settings, home=home)
    with app.app_context(), scope.everything():
        try:
            migrate_database()
            seal.begin_anchor()
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


# Serving


@cli.command()
@port_option
def serve(port):
    """Serve the tracker to this machine; the first visit makes the first administrator."""
    with _opened() as app:
        pass
    _serve(app, port)


@cli.command()
@port_option
@click.option("--fresh", is_flag=True, help="Throw the demonstration centre away and make it anew.")
def demo(port, fresh):
    """Serve a demonstration centre: synthetic, always the same, in a folder of its own."""
    from tracker.demo.centre import SIGN_INS, load

    home = config.home() / "demo"
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    with _opened(home, IS_DEMO=True, DATABASE_URL=f"sqlite:///{home / 'tracker.sqlite'}") as app:
        load()
    click.echo("Demonstration: all data are synthetic. Sign in as")
    for role, name, password in SIGN_INS:
        click.echo(f"  {role:<12} {name:<12} {password}")
    _serve(app, port)


def _serve(app, port):
    import waitress

    from tracker.extensions.serving import claim
    from tracker.views.headers import Channel

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else it tells of each request that waits
    with app.app_context():
        claim()

    try:
        server = waitress.create_server(app, host=HOST, port=port, threads=THREADS, ident=None)
    except OSError as error:
        raise Refusal(f"cannot serve on port {port}: {error.strerror}; choose another with --port") from None
    server.channel_class = Channel
    click.echo(f"Serving on http://{HOST}:{server.effective_port}/ (Ctrl+C stops)")
    with contextlib.suppress(KeyboardInterrupt):
        server.run()


# Reports and files


@cli.command()
@click.argument("slug")
@click.option("--by", "groupings", multiple=True, metavar="NAME", help="Group by this; a,b for two.")
@click.option(
    "--where", "filters", multiple=True, metavar="NAME=VALUE", help="Only these; repeated means or."
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any parameter of the report.")
@click.option("--format", "format_name", default="json", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; else standard output."
)
def report(slug, groupings, filters, settings, format_name, output):
    """Print a report, the same as its address serves."""
    from tracker.exchange.result import report_file

    arguments = [("by", one) for one in groupings] + [_pair(text) for text in (*filters, *settings)]
    with reading(), _opened():
        try:
            content = report_file(slug, format_name, arguments)
        except Refusal as refusal:
            raise Misuse(refusal.message) from None
        actions.note_export(
            "report", report=slug, format=format_name, parameters=urlencode(arguments) or None
        )
    if output:
        _write_whole(output, content)
    else:
        sys.stdout.buffer.write(content)


def _write_whole(path, content):
    """The file, or nothing of it, and what was there before."""
    if path.exists() and not path.is_file():  # a pipe, or a device
        path.write_bytes(content)
        return
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@cli.command()
@click.argument("format_name", metavar="FORMAT")
@click.option("--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@click.option(
    "--identified", is_flag=True, help="Of csv: with codes, dates and free text, as they were entered."
)
def export(format_name, output, identified):
    """Write all of something into a folder. FORMAT: csv, all records, de-identified; or trail, the audit trail."""
    from tracker.exchange.export import whole_folder, write_records
    from tracker.exchange.trail import trail_file

    if format_name not in ("csv", "trail"):
        raise Misuse(f"there is no format {format_name!r}; there are: csv, trail")
    with _opened(), whole_folder(output) as folder:
        actions.note_export("trail" if format_name == "trail" else "records", identified=identified or None)
        with reading():
            if format_name == "trail":
                (folder / "trail.csv").write_bytes(trail_file())
            else:
                counts = write_records(folder, identified)
    if format_name == "trail":
        click.echo(f"{output / 'trail.csv'} is written.")
    else:
        told = f"{sum(counts.values())} rows in {len(counts)} files are written"
        click.echo(f"{told}; see {output / 'README.txt'}.")


@cli.command()
def verify():
    """Check the database, its references, and the trail: its guards, digests, chain and anchor."""
    with _opened(), reading():
        anchor = seal.read_anchor()  # before the snapshot, so that nothing is committed in between
        db.session.rollback()
        faults = faults_of_database(db.session) + seal.faults_of_trail(anchor)
        events, links = seal.extent()
    if faults:
        raise Refusal(faults[0] + (f" (and {len(faults) - 1} more)" if faults[1:] else ""))
    click.echo(f"whole: the database, and its trail of {events} events in {links} transactions")


@cli.command()
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Put the trail's key in, so that the file alone restores all.")
def backup(path, with_key):
    """Copy the database, with the anchor of its trail, into one file, while others work; it is checked.

    Without FILE it goes into the folder backups beside the database's settings.
    """
    from tracker.exchange.backup import write_backup

    with _opened() as app:
        path = path or Path(app.instance_path) / "backups" / f"tracker-{clock.now():%Y%m%dT%H%M%SZ}.zip"
        if path.exists():
            raise Refusal(f"{path} exists already; a backup replaces nothing")
        audit.note(Action.BACK_UP, "database", file=path.name, with_key=with_key)
        db.session.commit()
        made = write_backup(path, with_key)
    click.echo(f"{path} is written and checked: {made.events} events in {made.transactions} transactions.")
    if not with_key:
        click.echo(
            "It does not hold the trail's key: keep a copy of trail_key, or of TRAIL_KEY, in another place."
        )


@cli.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(path):
    """Make the database from a backup, where there is none; a damaged file is refused."""
    from tracker.exchange.backup import key_within, restore_backup

    key_file = config.home() / "trail_key"
    key = None if key_file.exists() else key_within(path)
    app = create_app({"TRAIL_KEY": key} if key else {})
    with app.app_context(), scope.everything():
        try:
            made = restore_backup(path)
        finally:
            db.session.remove()
            db.engine.dispose()
    if key:
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
    with _opened():
        anchor = seal.read_anchor()
        faults = faults_of_database(db.session) + seal.faults_of_trail(anchor)
        if faults:
            raise Refusal(f"the database is restored, but not whole: {faults[0]}")
        audit.note(
            Action.RECOVER, "database", file=path.name, made_at=made.made_at, transactions=made.transactions
        )
        db.session.commit()
    click.echo(
        f"The database of {made.made_at} is restored: {made.transactions} transactions. All later ones are not in it."
    )


@cli.command()
@click.argument("record_type")
@click.argument("record_id", type=click.IntRange(min=1))
@click.argument("field")
@click.option("--reason", required=True, help="Why; the trail tells it.")
def redact(record_type, record_id, field, reason):
    """Take the former values of a field out of a record's history, for the sake of privacy.

    As in: redact participant 12 diagnosis --reason "held a name". Change the present value first, if it must go too.
    """
    from tracker.rules.privacy import find_personal

    if found := find_personal(reason):
        raise Refusal(f"the reason may hold {found[0].label}, and stays for ever: write it without")
    with _opened():
        count = audit.redact(record_type, record_id, field, reason)
        db.session.commit()
    if not count:
        raise Refusal(f"the history of {record_type} {record_id} has no former value of {field}")
    click.echo(f"{count} events are redacted.")


def _pair(text):
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Misuse(f"write {text!r} as name=value")
    return name, value


@cli.command(name="import")
@click.argument("path", metavar="FILE_OR_FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Of a file.")
@click.option("--sdtm", is_flag=True, help="The folder holds SDTM domains: tu.csv, tr.csv, rs.csv, dm.csv …")
@click.option("--trial", metavar="CODE", help="With --sdtm: the trial.")
@click.option("--evaluator", default="INVESTIGATOR", show_default=True, help="With --sdtm: whose findings.")
@click.option("--dry-run", is_flag=True, help="Read and check all, store nothing.")
@click.option("--update", is_flag=True, help="Let the file replace stored values; needs --reason.")
@click.option("--reason", help="Why stored values change.")
@click.option(
    "--confirm",
    "confirmed",
    is_flag=True,
    help="The texts that are asked about were looked at and identify nobody.",
)
def import_(path, mapping, sdtm, trial, evaluator, **options):
    """Import a file by a mapping file, or a folder of SDTM domains: all of it, or nothing and every fault."""
    from rich.console import Console
    from rich.progress import Progress

    from tracker.exchange.importing import import_file
    from tracker.exchange.sdtm import import_sdtm
    from tracker.rules.privacy import find_personal

    if options["update"] and not options["reason"]:
        raise Misuse("--update needs --reason: say why stored values change")
    if found := find_personal(options["reason"]) if not options["confirmed"] else ():
        raise Refusal(f"the reason may hold {found[0].label}: write it without, or add --confirm")
    if sdtm and (mapping or not trial or not path.is_dir()):
        raise Misuse("--sdtm takes a folder and --trial CODE, and no --mapping")
    if not sdtm and (not mapping or trial or path.is_dir()):
        raise Misuse("a file needs --mapping MAP.toml; a folder of SDTM domains --sdtm and --trial CODE")
    terminal = Console(stderr=True)
    with _opened(), Progress(console=terminal, transient=True) as bar:
        task = bar.add_task("Reading", total=None)
        options["progress"] = lambda done, total, text: bar.update(
            task, completed=done, total=total, description=str(text)
        )
        if sdtm:
            result = import_sdtm(path, trial, evaluator, **options)
        else:
            result = import_file(path, mapping, **options)
    _tell(result, options["update"], options["dry_run"])


def _tell(result, update, dry_run):
    """Print what an import did; a refusal where it had faults."""
    for fault in result.faults.itertuples():
        click.echo(_told("fault", fault), err=True)
    for warning in result.warnings.itertuples():
        click.echo(_told("warning", warning), err=True)
    for one in result.asked.itertuples():
        click.echo(_told("to confirm", one), err=True)
    for one in result.differences.itertuples():
        outcome = "changed" if update and result.is_stored else "differs, not changed"
        click.echo(
            f"row {one.row}, {one.record}, {one.field}: {one.stored} -> {one.new} ({outcome})", err=True
        )
    if len(result.faults):
        raise Refusal(f"{len(result.faults)} faults in {result.rows} rows; nothing is stored")
    if len(result.asked) and not (result.is_stored or dry_run):
        raise Refusal(
            f"{len(result.asked)} texts may tell who a person is; nothing is stored."
            " Mend them, or say with --confirm that they identify nobody"
        )
    for section, count in result.counts.items():
        click.echo(f"{section}: {count.new} new, {count.changed} changed, {count.unchanged} unchanged")
    click.echo("stored" if result.is_stored else "dry run: nothing is stored")


def _told(kind, fault):
    place = "file" if fault.row is None or fault.row != fault.row else f"row {fault.row}"
    column = f", column {fault.column}" if fault.column else ""
    return f"{kind}: {place}{column}: {fault.message}" + (f" ({fault.value!r:.80})" if fault.value else "")


@cli.command()
@click.argument("name", required=False)
@click.option("--participants", type=click.IntRange(min=50), default=100_000, show_default=True)
@click.option("--minutes", type=click.FloatRange(0, 600), default=10, show_default=True, help="Of load.")
def bench(name, participants, minutes):
    """Measure how fast imports, reports and pages are on synthetic data, all of it or one benchmark."""
    source = Path(__file__).parents[1]
    if not (source / "tests" / "bench").is_dir():
        raise Refusal("the benchmarks are not installed: they come with the source, in tests/bench")
    sys.path.insert(0, str(source))
    from tests.bench import base

    names = base.names()
    if name and name not in names:
        raise Misuse(f"there is no benchmark {name!r}; there are: {', '.join(names)}")
    base.run([name] if name else names, participants, minutes)


# Accounts


@cli.group()
def user():
    """Accounts."""


@user.command()
@click.argument("name")
@click.option("--role", required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(name, role, password_stdin):
    """Make an account."""
    with _opened():
        chosen = actions.role_named(role)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask_for_password()
        actions.add_user(name, chosen, password)
        db.session.commit()
    click.echo(f"{name} is stored.")


def _ask_for_password():
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


@user.command()
@click.argument("name")
@click.argument("trial")
def assign(name, trial):
    """Assign an account to a trial."""
    with _opened():
        actions.assign(actions.user_named(name), actions.trial_coded(trial))
        db.session.commit()
    click.echo(f"{name} is assigned to {trial}.")


@user.command()
@click.argument("name")
@click.argument("role")
def role(name, role):
    """Give an account another role."""
    with _opened():
        actions.change_role(actions.user_named(name), actions.role_named(role))
        db.session.commit()
    click.echo(f"{name} is now {role}.")


@user.command()
@click.argument("name")
def reset_second_factor(name):
    """For somebody who lost their app and recovery codes: the password alone signs in again."""
    with _opened():
        actions.reset_second_factor(actions.user_named(name))
        db.session.commit()
    click.echo(f"{name} has no second factor any more, and is signed out everywhere.")


@user.command()
@click.argument("name")
def disable(name):
    """Shut an account."""
    with _opened():
        actions.disable_user(actions.user_named(name))
        db.session.commit()
    click.echo(f"{name} is disabled.")

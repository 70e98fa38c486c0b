"""Every setting with its default. `instance/config.py` overrides, and the environment overrides that.

An environment variable TRACKER_NAME overrides the setting NAME; DATABASE_URL bears its usual name.
"""

import contextlib
import os
import secrets
from importlib import metadata
from pathlib import Path

#: What the pages call the tracker.
APP_NAME = "ImmunoTrack"

#: Hosts under which the tracker answers; a request that names another host is refused.
TRUSTED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

#: Bytes that a form may send; more is refused before it is read.
MAX_CONTENT_LENGTH = 500_000

#: Seconds that a page waits for others who hold the database before it answers that it is busy.
WAIT_SECONDS = 10

#: Fields that a form may send.
MAX_FORM_FIELDS = 1_000

#: Bytes that a file to import may have, with the form that sends it.
MAX_IMPORT_LENGTH = 50_000_000

#: Fields that the forms of an import may send: a page for each of its columns and their values.
MAX_IMPORT_FIELDS = 20_000

#: Rows of a file that is checked and stored while one waits for the page; a longer one is a job.
IMPORT_AT_ONCE = 2_000

#: Characters that an address may have, with its query.
MAX_ADDRESS_LENGTH = 8_000

#: Whether the sign-in cookie is sent over https only. Switch it on wherever the tracker is served by https.
SESSION_COOKIE_SECURE = False

#: The sign-in cookie: not for scripts, not from other sites.
SESSION_COOKIE_NAME = "tracker"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

#: The form token lives as long as the sign-in.
WTF_CSRF_TIME_LIMIT = None

#: The key of the trail's digests; made at first use in `trail_key` in the folder of the secrets, unless set. Machines
#: that share a database share it. Who has it and the database can forge the trail: keep it from the database's keepers.
TRAIL_KEY = None

#: The file outside the database that knows how far the trail goes; `trail_anchor` beside the key unless set.
TRAIL_ANCHOR = None

#: The tracker's own, which frozen reports name.
VERSION = metadata.version("trial-tracker")

#: Languages that the pages are offered in.
LANGUAGES = ["en", "fr"]

#: Whether the data are synthetic: every page says so.
IS_DEMO = False

#: Hours in which a serious event is reported to the sponsor, from when the team is aware of it.
SERIOUS_EVENT_REPORT_HOURS = 24

#: The smallest count of people that a file for outside the trial team tells, but for none at all.
SMALL_CELL = 5

#: Refused sign-ins in a row after which an account name waits, whether or not there is such an account.
SIGN_IN_ATTEMPTS = 10

#: Minutes that it then waits; refused sign-ins that are older do not count.
SIGN_IN_WAIT_MINUTES = 15

#: Minutes without a request after which one is signed out.
SIGN_IN_IDLE_MINUTES = 60

#: Hours after which one is signed out, whatever one does.
SIGN_IN_HOURS = 12

#: Minutes in which the code of the second factor must follow the password.
SIGN_IN_CODE_MINUTES = 5

#: Roles whose people can do nothing before they have a second factor, as in ["director", "admin"]; others may have one.
SECOND_FACTOR_ROLES = []

#: Minutes for which a password counts as fresh; to change accounts it is asked for again after that.
SIGN_IN_FRESH_MINUTES = 15

#: Days for which what was typed in a form and not saved is kept.
DRAFT_DAYS = 14

#: Characters of the shortest password (NIST SP 800-63B-4 asks for 15 where it is the only factor).
PASSWORD_MINIMUM = 15


def home() -> Path:
    """The folder of the database and the secrets: TRACKER_HOME, else `instance` in the checkout or here."""
    checkout = Path(__file__).parents[1] / "instance"
    return Path(os.environ.get("TRACKER_HOME") or (checkout if checkout.is_dir() else "instance")).absolute()


def load(app, overrides: dict | None) -> None:
    """Fill `app.config`: defaults, then instance/config.py, then the environment, then `overrides`."""
    folder = Path(app.instance_path)
    app.config.from_object(__name__)
    app.config.from_pyfile(folder / "config.py", silent=True)
    app.config.from_prefixed_env("TRACKER")
    app.config["DATABASE_URL"] = os.environ.get("DATABASE_URL") or app.config.get("DATABASE_URL")
    app.config.update(overrides or {})
    if not app.config["DATABASE_URL"]:
        app.config["DATABASE_URL"] = f"sqlite:///{folder / 'tracker.sqlite'}"
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"] = _secret(folder / "secret_key")
    if not app.config["TRAIL_KEY"]:
        app.config["TRAIL_KEY"] = _secret(folder / "trail_key")
    if not app.config["TRAIL_ANCHOR"]:
        app.config["TRAIL_ANCHOR"] = str(folder / "trail_anchor")


def _secret(path: Path) -> str:
    """The key in the file; made at first use, readable by its owner only."""
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # whole, or not at all: another process may read it in the same moment
        made.unlink()
    return path.read_text().strip()

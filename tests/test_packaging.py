"""What is installed is whole: the wheel, the pinned versions, and `run`, which installs the checkout."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DEPENDENCIES = [
    Requirement(text) for text in sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and line[0] != "#"
]


# The pinned versions


def test_constraints_are_names_and_versions_only():
    pinned = re.compile(r"[\w-]+==[\w.]+(; \w+ == '\w+'( and \w+ == '\w+')*)?")
    assert [line for line in CONSTRAINTS if not pinned.fullmatch(line)] == []


def test_constraints_pin_every_package_that_an_installation_brings():
    pinned = {canonicalize_name(Requirement(line).name) for line in CONSTRAINTS}
    ahead, brought = list(DEPENDENCIES), set()
    while ahead:
        requirement = ahead.pop()
        name = canonicalize_name(requirement.name)
        brought.add(name)
        try:
            further = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        except importlib.metadata.PackageNotFoundError:  # of an extra, or for another machine
            continue
        for one in further:
            extras = [{"extra": extra} for extra in ["", *requirement.extras]]
            is_needed = one.marker is None or any(map(one.marker.evaluate, extras))
            if is_needed and canonicalize_name(one.name) not in brought:
                ahead.append(one)
    assert brought - pinned == set()


def test_pinned_versions_lie_in_the_ranges():
    versions = {canonicalize_name(one.name): str(one.specifier)[2:] for one in map(Requirement, CONSTRAINTS)}
    for requirement in DEPENDENCIES:
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    if importlib.util.find_spec("hatchling"):
        command.append("--no-build-isolation")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip("the wheel cannot be built here: " + done.stderr.strip().rpartition("\n")[2])
    assert done.returncode == 0, done.stderr
    [path] = folder.glob("*.whl")
    return path


def files_below(folder):
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".pyc", ".pyo"}:
            yield path.relative_to(folder).as_posix()


@pytest.mark.slow
def test_wheel_holds_the_package_with_its_pages_and_tables(wheel):
    expected = {f"tracker/{name}" for name in files_below(ROOT / "tracker")}
    expected |= {
        f"tracker/{part}/{name}" for part in ("templates", "static") for name in files_below(ROOT / part)
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
    for needed in (
        "tracker/templates/base.html",
        "tracker/static/css/tracker.css",
        "tracker/migrations/env.py",
        "tracker/terms/oncotree_tissues.csv",
    ):
        assert needed in packed


VISIT = """
from pathlib import Path
import tracker
from tracker import config, extensions

home = config.home() / "visit"
app = tracker.create_app({"DATABASE_URL": f"sqlite:///{home / 'tracker.sqlite'}"}, home=home)
with app.app_context():
    extensions.migrate_database()
browser = app.test_client()
page = browser.get("/", follow_redirects=True)
style = browser.get("/static/css/tracker.css")
print(Path(tracker.__file__).parents[1], page.status_code, style.status_code)
"""


@pytest.mark.slow
def test_an_installed_wheel_works_without_the_checkout(wheel, tmp_path):
    target, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(command, check=True, capture_output=True)
    # -S: the libraries come by PYTHONPATH, so that no .pth file brings the checkout along.
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(target), *libraries]),
        "TRACKER_HOME": str(tmp_path / "home"),
    }
    environment.pop("DATABASE_URL", None)

    def run(*arguments):
        command = [sys.executable, "-S", "-P", *arguments]
        done = subprocess.run(
            command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "serve" in run("-m", "tracker", "--help")
    assert run("-c", VISIT).split() == [str(target), "200", "200"]


# run, with pip replaced by a line in a file


PYTHON3 = """#!/bin/sh
if [ "${2-}" != pip ]; then exec '{python}' "$@"; fi
if [ "$3" = --version ]; then exit 0; fi
echo "$@" >>'{log}'
sleep 0.2
if [ -e '{broken}' ]; then echo 'no such package'; exit 1; fi
"""

MAIN = """
import os, sys
print(os.getcwd(), sys.argv[1:])
sys.exit(int(os.environ.get("STATUS", 0)))
"""


class Checkout:
    """A small checkout with the real `run`, on a machine whose pip only notes that it was called."""

    def __init__(self, folder: Path):
        self.root = folder / "the checkout"
        (self.root / "tracker").mkdir(parents=True)
        (self.root / "tracker" / "__main__.py").write_text(MAIN)
        for name in ("run", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        self.bin, self.log, self.broken = folder / "bin", folder / "pip.log", folder / "broken"
        self.bin.mkdir()
        python3 = self.bin / "python3"
        names = {"python": sys.executable, "log": self.log, "broken": self.broken}
        python3.write_text(re.sub(r"\{(python|log|broken)\}", lambda name: str(names[name[1]]), PYTHON3))
        python3.chmod(0o755)

    def start(self, *arguments, **environment):
        path = environment.pop("PATH", f"{self.bin}{os.pathsep}{os.environ['PATH']}")
        return subprocess.Popen(
            [self.root / "run", *arguments],
            cwd=self.root.parent,
            env=os.environ | {"PATH": path} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        process.out, process.err = process.communicate(timeout=60)
        return process

    @property
    def pip_calls(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path):
    if os.name != "posix":
        pytest.skip("run is a shell script")
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    "given, reached",
    [
        ([], ["serve"]),
        (["--port", "8001"], ["serve", "--port", "8001"]),
        (["demo", "--fresh"], ["demo", "--fresh"]),
        (["--help"], ["--help"]),
        (["import", "a b.csv", "*", ""], ["import", "a b.csv", "*", ""]),
    ],
)
def test_run_hands_a_command_on_as_it_is_where_the_caller_is(checkout, given, reached):
    assert checkout.run(*given).out == f"{checkout.root.parent} {reached}\n"


def test_run_ends_with_the_status_of_the_command(checkout):
    assert checkout.run("verify", STATUS="2").returncode == 2


def test_only_the_first_start_installs(checkout):
    first, second = checkout.run("verify"), checkout.run("verify")
    assert "Installing" in first.err
    assert second.err == ""
    assert len(checkout.pip_calls) == 1
    assert checkout.pip_calls[0].endswith("-c constraints.txt -e .")


def test_tests_bring_their_tools_and_changed_versions_are_installed_anew(checkout):
    checkout.run("verify")
    checkout.run("test")  # pytest is not there, as pip did nothing
    with (checkout.root / "constraints.txt").open("a") as file:
        file.write("added==1.0\n")
    checkout.run("verify")
    checkout.run("verify")
    assert [call.rpartition(" ")[2] for call in checkout.pip_calls] == [".", ".[test]", ".[test]"]


def test_a_failed_installation_shows_why_and_is_repeated(checkout):
    checkout.broken.touch()
    failed = checkout.run("verify")
    assert failed.returncode == 1
    assert "no such package" in failed.err
    checkout.broken.unlink()
    assert checkout.run("verify").returncode == 0
    assert len(checkout.pip_calls) == 2


def test_two_first_starts_at_once_install_once(checkout):
    processes = [checkout.start("verify") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(checkout.pip_calls) == 1


def test_the_folder_may_be_moved_and_run_may_be_linked_to(checkout, tmp_path):
    checkout.run("verify")
    moved = checkout.root.rename(tmp_path / "it's moved")
    (tmp_path / "link").symlink_to(moved / "run")
    command = [tmp_path / "link", "verify"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path} ['verify']\n"
    assert len(checkout.pip_calls) == 1


def test_without_a_new_enough_python_run_says_so_in_one_line(checkout, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "cksum", "mkdir"):
        (tools / name).symlink_to(shutil.which(name))
    process = checkout.run("verify", PATH=str(tools))
    assert process.returncode == 1
    assert process.err == "run: Python 3.11 or later is needed; python3 was not found or is older.\n"

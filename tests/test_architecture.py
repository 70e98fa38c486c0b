"""How the code is built: which layer may know which, and what only one file may do."""

import ast
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "tracker").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
VENDORED = [ROOT / "static" / "vendor", ROOT / "tests" / "browser" / "vendor"]

#: Lines of the longest file that one still reads in a sitting.
LONGEST_FILE = 500

#: Files that may be longer, each with its reason.
LONGER_FILES = {}

#: What is so small that every layer with a database or a page may know it.
LEAVES = {"terms", "roles", "values", "clock", "extensions"}

#: Of our layers, which one may import which, besides itself.
MAY_IMPORT = {
    "terms": set(),
    "values": set(),
    "clock": set(),
    "config": set(),
    "extensions": {"values"},
    "roles": {"terms"},
    "stats": set(),
    "rules": {"terms", "values", "stats"},
    "models": LEAVES,
    "scope": LEAVES | {"models"},
    "seal": LEAVES | {"models"},
    "locking": LEAVES | {"models"},
    "audit": LEAVES | {"models", "scope", "seal", "locking"},
    "jobs": LEAVES | {"models", "scope"},
    "reads": LEAVES | {"models", "scope", "rules", "stats", "locking"},
    "forms": LEAVES | {"models", "scope", "rules", "reads", "locking"},
    "actions": LEAVES | {"models", "scope", "rules", "reads", "audit"},
    "charts": {"terms", "stats"},
    "reports": {"terms", "values", "clock", "stats", "rules", "reads", "forms", "charts"},
    "exchange": LEAVES
    | {"models", "scope", "rules", "reads", "audit", "actions", "reports", "jobs", "seal", "locking"},
    "migrations": {"extensions"},
}

#: Those that join the others, and so may import every one.
JOINING_LAYERS = {"__init__", "__main__", "cli", "demo", "views"}

#: Who may reach past the session, and so past scope and trail.
NEAR_THE_DATABASE = {"scope.py", "audit.py", "seal.py", "extensions", "migrations"}

#: What reaches past the session.
PAST_THE_SESSION = {
    "__table__",
    "begin_nested",
    "bulk_insert_mappings",
    "bulk_save_objects",
    "bulk_update_mappings",
    "connect",
    "connection",
    "exec_driver_sql",
    "raw_connection",
}

#: Who reads without a scope: before one is known, or to say no more than that a record is in use or locked, or
#: that data existed.
READ_WITHOUT_SCOPE = {
    "locking.py",
    "reads/account.py",
    "reads/evidence.py",
    "reads/references.py",
    "scope.py",
    "views/access.py",
    "views/account.py",
}


def _name(path, folder=ROOT):
    return path.relative_to(folder).as_posix()


def _layer(path):
    return path.relative_to(ROOT / "tracker").parts[0].removesuffix(".py")


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imported_layers(tree):
    """The layers of ours that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            if parts[0] == "tracker":
                names = [parts[1]] if parts[1:] else [alias.name for alias in node.names]
                yield from ((name, node.lineno) for name in names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import", node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "tracker":
                    yield alias.name.partition(".")[2].split(".")[0], node.lineno


def test_every_layer_imports_only_what_it_may():
    broken = [
        f"{_name(path)}:{line} imports {imported}"
        for path in MODULES
        if (layer := _layer(path)) not in JOINING_LAYERS
        for imported, line in _imported_layers(_tree(path))
        if imported != layer and imported not in MAY_IMPORT[layer]
    ]
    assert broken == []


def test_stats_know_nothing_but_arithmetic():
    allowed = {
        "numpy",
        "pandas",
        "scipy",
        "statsmodels",
        "math",
        "dataclasses",
        "functools",
        "itertools",
        "typing",
    }
    allowed |= {"collections", "tracker", "warnings", "enum", "__future__"}
    found = {
        f"{_name(path)} imports {name}"
        for path in MODULES
        if _layer(path) == "stats"
        for node in ast.walk(_tree(path))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        if name.split(".")[0] not in allowed
    }
    assert found == set()


def _reaches_past_the_session(tree):
    text_is_sql = any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sqlalchemy")
        and any(one.name == "text" for one in node.names)
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PAST_THE_SESSION:
            yield node.attr, node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            called = ast.unparse(node.func)
            if called in ("sa.text", "sqlalchemy.text", "db.text") or (text_is_sql and called == "text"):
                yield called, node.lineno


def test_only_a_few_files_reach_past_the_session():
    broken = [
        f"{_name(path)}:{line} uses {what}"
        for path in MODULES
        if path.relative_to(ROOT / "tracker").parts[0] not in NEAR_THE_DATABASE
        for what, line in _reaches_past_the_session(_tree(path))
    ]
    assert broken == []


def test_who_reads_without_a_scope_is_listed_here():
    found = {
        _name(path, ROOT / "tracker")
        for path in MODULES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.keyword) and node.arg == "unscoped"
    }
    assert found - {"scope.py"} == READ_WITHOUT_SCOPE - {"scope.py"}


def test_a_file_is_read_in_one_sitting():
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    too_long = {
        name
        for name, count in lines.items()
        if count > LONGEST_FILE and not name.startswith("tracker/migrations")
    }
    assert too_long == set(LONGER_FILES)


@pytest.mark.parametrize(
    "rule, pattern",
    [
        ("an inline style", r"""\sstyle\s*=\s*["'{]"""),
        ("a style element", r"<style\b"),
        ("an inline handler", r"\son[a-z]+\s*=\s*[\"'{]"),
        ("an htmx handler", r"\shx-on\b"),
        ("a script within the page", r"<script\b(?![^>]*\ssrc=)"),
        ("a script's address", r"javascript:"),
        ("something from another host", r"""(?:src|href|action|srcset)\s*=\s*["'](?:https?:)?//"""),
    ],
)
def test_no_template_has_what_the_content_policy_forbids(rule, pattern):
    found = [
        f"{_name(path)}:{number}"
        for path in TEMPLATES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == [], rule


def test_no_template_puts_anything_into_a_page_unescaped():
    unescaped = {
        _name(path)
        for path in TEMPLATES
        if re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text(encoding="utf-8"))
    }
    assert unescaped == set()


@pytest.mark.parametrize("folder", VENDORED, ids=_name)
def test_vendored_files_are_those_that_their_list_names(folder):
    listed = tomllib.loads((folder / "vendor.toml").read_text(encoding="utf-8"))["file"]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert present - {"vendor.toml"} == {one["path"] for one in listed}
    for one in listed:
        content = (folder / one["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"], one["path"]
        assert {"package", "version", "licence"} <= one.keys()


#: Put together so that this file does not name what it looks for.
FOREIGN = [
    ("the folders of one machine", "/" + r"(?:work|tmp|root|Users)/"),
    ("a package registry", r"\b(?:" + "|".join(["py" + "pi", "python" + "hosted", "npm" + "js"]) + r")\.\w+"),
    ("a registry's address", "index" + "-url"),
]


@pytest.mark.parametrize("what, pattern", FOREIGN, ids=[what for what, _pattern in FOREIGN])
def test_nothing_names_the_machine_it_was_written_on(what, pattern):
    found = [
        f"{_name(path)}:{number}"
        for path in _our_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == [], what


def _our_files():
    """Every text file of the project that we wrote."""
    kinds = {".py", ".html", ".css", ".js", ".toml", ".md", ".txt", ".csv", ".ini", ".mako", ""}
    skipped = {
        ".git",
        ".venv",
        ".hypothesis",
        ".pytest_cache",
        ".ruff_cache",
        "__pycache__",
        "vendor",
        "instance",
    }
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and path.suffix in kinds
        and not skipped & set(path.relative_to(ROOT).parts)
        and path.name not in ("LICENSE", ".git", ".coverage")
    ]

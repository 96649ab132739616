"""The package: what is deployed is tested, not what it was made of."""

import ast
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from click.testing import CliRunner

from handler.adapters.oss.network import OssSession
from scripts.bench.overhead import PIXEL
from scripts.cli.package import command
from scripts.deploy.package import staging, wheels
from scripts.deploy.package.elf import strip_library
from scripts.deploy.package.policies import collect_policies
from scripts.deploy.package.staging import DROPPED_FOLDERS, MOST_ZIPPED_BYTES
from scripts.deploy.package.wheels import CannotPackage
from scripts.environment.making import ROOT, CannotPrepare
from scripts.localcloud.cloud import APPLICATION, FUNCTION_ROLE, REGION, SERVICE_ROLE, see_no_risk
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from tests.deploy.package.packaged import Packaged, build_again, packaged

__all__ = ["packaged"]

# The two ways in which Function Compute's runtimes load `handler.index.handler`, replayed: segment by segment with
# `imp` (the older ones), and with `import_module`.
LOADERS = {
    "imp": """
def load(name):
    import imp
    place = None
    for segment in name.split("."):
        file, place, kind = imp.find_module(segment, None if place is None else [place])
    return imp.load_module(name, file, place, kind)
""",
    "import_module": """
def load(name):
    import importlib
    return importlib.import_module(name)
""",
}
INVOKE = """
import json, sys
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
keys, event = json.load(sys.stdin)
context = SimpleNamespace(
    request_id="1-packaged", credentials=SimpleNamespace(**keys), retry_count=None,
    function=SimpleNamespace(name="bucket-warden", timeout=20), region="ap-southeast-1", account_id="1234567890123456",
)
module = load("handler.index")
module.initializer(context)
print(module.handler(json.dumps(event).encode(), context))
from handler.adapters.imports import NEVER_USED
print(json.dumps(sorted(name for name in sys.modules if name.startswith(("scripts", "tests", "moto", *NEVER_USED)))))
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[OssServer, GreenServer, list[dict[str, Any]]]]:
    """OSS with two buckets, the moderation service, and the records of what is uploaded."""
    records: list[dict[str, Any]] = []
    with OssServer([APPLICATION, FUNCTION_ROLE, SERVICE_ROLE], region=REGION, on_event=records.append) as oss:
        oss.create_bucket("uploads")
        oss.create_bucket("quarantine")
        fetch = OssFetch(oss.endpoint, REGION, SERVICE_ROLE)
        with GreenServer([FUNCTION_ROLE], fetch=fetch, eyes=see_no_risk, region=REGION) as green:
            yield oss, green, records


@pytest.mark.parametrize("loader", LOADERS)
def test_the_staged_tree_alone_handles_an_event(
    packaged: Packaged,
    servers: tuple[OssServer, GreenServer, list[dict[str, Any]]],
    tmp_path: Path,
    loader: str,
) -> None:
    """On Python 3.10, loaded either way, with nothing but the package on the path, an upload is judged and tagged.

    Nothing else of ours is imported for it, nor what is put off.
    """
    oss, green, records = servers
    session = OssSession()
    auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
    bucket = oss2.Bucket(auth, oss.endpoint, "uploads", session=session, region=REGION, is_path_style=True)
    bucket.put_object(f"{loader}.png", PIXEL)
    keys = {
        "access_key_id": FUNCTION_ROLE.access_key_id,
        "access_key_secret": FUNCTION_ROLE.access_key_secret,
        "security_token": FUNCTION_ROLE.security_token,
    }
    env = {
        "PATH": os.defpath,
        "POLICY": "policies/default.yml",
        "QUARANTINE_BUCKET": "quarantine",
        "WATCHED_BUCKETS": "uploads",
        "MAX_DELIVERIES": "4",
        "OSS_ENDPOINT": oss.endpoint,
        "GREEN_ENDPOINT": green.endpoint,
    }
    done = subprocess.run(  # noqa: S603 - the Python that was found, on the package
        [str(packaged.python), "-I", "-B", "-W", "ignore", "-c", LOADERS[loader] + INVOKE, str(packaged.code)],
        input=json.dumps([keys, {"events": [records[-1]]}]),
        cwd=tmp_path,
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    *_, answer, strangers = done.stdout.splitlines()
    (document,) = json.loads(answer)["outcomes"]
    assert document["outcome"]["status"] == "passed"
    assert json.loads(strangers) == []
    tags = bucket.get_object_tagging(f"{loader}.png").tag_set.tagging_rule
    assert tags["moderation-status"] == "passed"
    session.session.close()


@pytest.mark.exhaustive
def test_two_packages_are_identical(packaged: Packaged, tmp_path: Path) -> None:
    """Built again, in another folder at another time, the zip is the same byte for byte, and so is the tree."""
    again = build_again(tmp_path / "somewhere else" / "build")
    assert again.archive.read_bytes() == packaged.archive.read_bytes()
    assert _snapshot(again.code) == _snapshot(packaged.code)


def test_the_package_is_within_its_budget(packaged: Packaged) -> None:
    """At most 16 MB zipped, and the zip holds exactly the tree."""
    assert packaged.archive.stat().st_size <= MOST_ZIPPED_BYTES
    with zipfile.ZipFile(packaged.archive) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == sorted(zipped.namelist())
        assert set(zipped.namelist()) == {name for name, _, _ in _snapshot(packaged.code)}


def test_only_what_is_allowed_is_staged(packaged: Packaged) -> None:
    """Handler, policies and locked dependencies; no tests, no sources of compiled code, nothing of ours beside."""
    names = {path.name for path in packaged.code.iterdir()}
    assert {"handler", "policies", "oss2", "alibabacloud_green20220302", "crcmod"} <= names
    assert not names & {"scripts", "tests", "moto", "flask", "docs", "pip", "setuptools"}
    assert {path.suffix for path in (packaged.code / "policies").iterdir()} == {".yml"}
    suffixes = {path.suffix for path in packaged.code.rglob("*") if path.is_file()}
    assert not suffixes & {".pyi", ".c", ".h", ".pyx", ".pxd"}
    staged = {path.relative_to(packaged.code / "handler") for path in (packaged.code / "handler").rglob("*.py")}
    assert staged == {path.relative_to(ROOT / "handler") for path in (ROOT / "handler").rglob("*.py")}


def test_every_module_has_its_bytecode(packaged: Packaged) -> None:
    """Unchecked, so that a start neither compiles nor reads the sources; named as if deployed to /code."""
    for source in packaged.code.rglob("*.py"):
        bytecode = source.parent / "__pycache__" / f"{source.stem}.cpython-310.pyc"
        flags = int.from_bytes(bytecode.read_bytes()[4:8], "little")
        assert flags == 0b01, source  # PEP 552: by hash, not checked
    index = packaged.code / "handler" / "__pycache__" / "index.cpython-310.pyc"
    assert b"/code/handler/index.py" in index.read_bytes()


def test_nothing_imports_what_was_left_out(packaged: Packaged) -> None:
    """No staged module names a folder that was dropped, so that no import can miss it."""
    for source in packaged.code.rglob("*.py"):
        if not any(folder.encode() in source.read_bytes() for folder in DROPPED_FOLDERS):
            continue  # to parse them all takes seconds
        for name in _imported_names(source):
            assert not DROPPED_FOLDERS.intersection(name.split(".")), f"{source} imports {name}"


def run_on_the_package(packaged: Packaged, code: str) -> list[str]:
    """The words that this code prints; `sys.argv[1]` is where the package is."""
    command = [str(packaged.python), "-I", "-B", "-c", code, str(packaged.code)]
    return subprocess.check_output(command, text=True).split()  # noqa: S603 - the Python that was found, on the package


def test_the_checksum_is_compiled(packaged: Packaged) -> None:
    """The module crcmod computes by its extension, and rightly: the check value of CRC-64/XZ."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import crcmod, crcmod.crcmod; from oss2.utils import Crc64; "
        "crc = Crc64(0); crc(b'123456789'); print(crcmod.crcmod._usingExtension, hex(crc.crc))"
    )
    assert run_on_the_package(packaged, code) == ["True", "0x995dc9bbdf1939fa"]


def test_every_stripped_library_loads(packaged: Packaged) -> None:
    """The loader takes each library that was cut after its last segment."""
    code = (
        "import ctypes, pathlib, sys\n"
        "for library in pathlib.Path(sys.argv[1]).rglob('*.so'): ctypes.CDLL(str(library)); print(library.name)"
    )
    assert "_crcfunext.cpython-310-x86_64-linux-gnu.so" in run_on_the_package(packaged, code)


def test_what_is_no_library_stays_as_it_is() -> None:
    """Only 64-bit ELF files are cut."""
    assert strip_library(b"#!/bin/sh\n") == b"#!/bin/sh\n"


def test_a_policy_that_does_not_check_is_refused(tmp_path: Path) -> None:
    """Each error is named with its place, of every policy; nothing is packaged."""
    _copy_sources(tmp_path)
    (tmp_path / "policies" / "default.yml").write_text("version: 1\nname: a\nrules: []\nfailures: {symlink: pass}\n")
    (tmp_path / "policies" / "more.yml").write_text("version: 2\n")
    with pytest.raises(CannotPackage) as refused:
        staging.build_package(tmp_path / "build", tmp_path)
    lines = str(refused.value).splitlines()
    assert any("default.yml:4:21: failures.symlink: unknown word 'pass'" in line for line in lines)
    assert any("more.yml:1:10: version:" in line for line in lines)
    assert lines[-1] == "nothing was packaged: mend the policy first"
    assert not (tmp_path / "build").exists()


def test_no_policy_at_all_is_refused(tmp_path: Path) -> None:
    """The function cannot start without one."""
    with pytest.raises(CannotPackage, match="there is no policy in"):
        collect_policies(tmp_path, None)


def test_no_python_310_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a CPython 3.10 the command says what to install."""
    monkeypatch.setattr(wheels, "find_python", lambda _version: None)
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 1
    assert "packaging needs CPython 3.10" in done.output
    assert "pyenv install 3.10" in done.output


def test_another_interpreter_of_that_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bytecode of PyPy would be worth nothing to the function."""
    fake = tmp_path / "python3.10"
    fake.write_text("#!/bin/sh\necho pypy\n")
    fake.chmod(0o755)
    monkeypatch.setattr(wheels, "find_python", lambda _version: fake)
    with pytest.raises(CannotPackage, match=r"is 'pypy'; packaging needs CPython 3\.10"):
        wheels.require_python()


def test_an_index_out_of_reach_is_said(packaged: Packaged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pip said is passed on, with what to look at."""
    _copy_sources(tmp_path)
    fake = tmp_path / "pip"
    fake.write_text("#!/bin/sh\necho no route to host >&2\nexit 1\n")
    fake.chmod(0o755)
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(wheels, "prepare", lambda *_: fake)
    with pytest.raises(CannotPackage, match=r"index reachable\?\)\n  with \S.* pip said:\n    no route to host"):
        wheels.collect_wheels(packaged.python, tmp_path)


def test_a_builder_that_cannot_be_made_is_said(
    packaged: Packaged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An environment that cannot be prepared stops the packaging with its own message."""
    _copy_sources(tmp_path)

    def fail(*_: object) -> Path:
        raise CannotPrepare("cannot make a virtual environment")

    monkeypatch.setattr(wheels, "prepare", fail)
    with pytest.raises(CannotPackage, match="cannot make a virtual environment"):
        wheels.collect_wheels(packaged.python, tmp_path)


def _snapshot(code: Path) -> list[tuple[str, bytes, float]]:
    files = sorted(path for path in code.rglob("*") if path.is_file())
    return [(path.relative_to(code).as_posix(), path.read_bytes(), path.stat().st_mtime) for path in files]


def _imported_names(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def _copy_sources(root: Path) -> None:
    for folder in ("handler", "policies", "requirements"):
        shutil.copytree(ROOT / folder, root / folder)

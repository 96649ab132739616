"""Makes the package: a code directory by allow-list, trimmed, with bytecode, and its zip. Reproducible byte for byte.

Function Compute mounts the code directory read-only, where Python can write no bytecode: without it everything is
compiled again at each cold start.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scripts.deploy.package.elf import strip_library
from scripts.deploy.package.policies import collect_policies, named_policy
from scripts.deploy.package.wheels import CannotPackage, collect_wheels, require_python
from scripts.environment.making import ROOT

CODE = "code"
ARCHIVE = "bucket-warden.zip"
TEMPLATE = ROOT / "template.yml"
MOST_ZIPPED_BYTES = 16 * 1000 * 1000
# What the function never reads: types and sources of compiled code, tests, what pip keeps for itself.
DROPPED_SUFFIXES = frozenset({".pyi", ".c", ".h", ".pyx", ".pxd", ".pxi"})
DROPPED_FOLDERS = frozenset({"tests", "SelfTest"})
DROPPED_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "py.typed"})
UNPACKED_DATA = frozenset({"purelib", "platlib"})
MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
MOMENT_S = 315_532_800
FILE_MODE = 0o100644
COMPILE = """
import compileall, py_compile, sys
stripped = sys.argv[1]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
done = compileall.compile_dir(stripped, quiet=1, stripdir=stripped, prependdir="/code", invalidation_mode=mode)
sys.exit(not done)
"""


@dataclass(frozen=True, slots=True)
class Package:
    """What was made. `parts` are the top-level names with their zipped bytes, the largest first."""

    code: Path
    archive: Path
    unzipped_bytes: int
    zipped_bytes: int
    parts: tuple[tuple[str, int], ...]
    policy_ids: tuple[str, ...]


def build_package(build: Path, root: Path = ROOT, template: Path = TEMPLATE) -> Package:
    """Stage `build/code` and zip it. What was there before goes only once the new one is whole.

    `template` names the policy. Raises CannotPackage: no CPython 3.10, no wheels, or a policy that does not check.
    """
    policies, policy_ids = collect_policies(root, named_policy(template, os.environ))
    python = require_python()
    wheels = collect_wheels(python, root)
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="staging-", dir=build) as staging:
        code = Path(staging) / CODE
        stage(code, wheels, root, policies)
        compile_bytecode(code, python)
        archive = Path(staging) / ARCHIVE
        parts = write_archive(code, archive)
        shutil.rmtree(build / CODE, ignore_errors=True)
        code.rename(build / CODE)
        archive.replace(build / ARCHIVE)
    staged = build / CODE
    return Package(
        code=staged,
        archive=build / ARCHIVE,
        unzipped_bytes=sum(file.stat().st_size for file in _files(staged)),
        zipped_bytes=(build / ARCHIVE).stat().st_size,
        parts=tuple(parts.most_common()),
        policy_ids=policy_ids,
    )


def stage(code: Path, wheels: list[Path], root: Path, policies: Mapping[str, Path]) -> None:
    """Put into the empty folder `code` what is deployed, and nothing else; `policies` by their place in there."""
    for wheel in wheels:
        _unpack(wheel, code)
    for source in sorted((root / "handler").rglob("*.py")):
        _copy(source, code / source.relative_to(root))
    for place, source in policies.items():
        _copy(source, code / place)


def compile_bytecode(code: Path, python: Path) -> None:
    """Compile everything beside its source. Raises CannotPackage.

    One process, its hashes not salted: only so the bytecode of Python 3.10 is the same each time. Unchecked, so that a
    start does not read the sources again.
    """
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(  # noqa: S603 - the interpreter that was found, on the tree made here
        [str(python), "-c", COMPILE, str(code)],
        cwd=code.parent,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotPackage(f"the bytecode cannot be compiled; {python} said:\n{done.stdout}{done.stderr}")
    for path in sorted(code.rglob("*")):
        os.utime(path, (MOMENT_S, MOMENT_S))


def write_archive(code: Path, archive: Path) -> Counter[str]:
    """Zip the folder; answers with the zipped bytes of each top-level name."""
    parts: Counter[str] = Counter()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for file in _files(code):
            name = file.relative_to(code).as_posix()
            info = zipfile.ZipInfo(name, MOMENT)
            info.external_attr = FILE_MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, also where this is not
            zipped.writestr(info, file.read_bytes(), compresslevel=9)
            parts[name.split("/")[0]] += info.compress_size
    return parts


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=Path.as_posix)


def _unpack(wheel: Path, code: Path) -> None:
    with zipfile.ZipFile(wheel) as zipped:
        for info in zipped.infolist():
            name = _place(PurePosixPath(info.filename))
            if name is None or info.is_dir():
                continue
            target = code / name
            target.parent.mkdir(parents=True, exist_ok=True)
            body = zipped.read(info)
            target.write_bytes(strip_library(body) if name.suffix == ".so" else body)


def _place(name: PurePosixPath) -> PurePosixPath | None:
    """Where a file of a wheel goes, or None where it stays out."""
    if name.parts[0].endswith(".data"):
        if name.parts[1] not in UNPACKED_DATA:
            return None
        name = PurePosixPath(*name.parts[2:])
    if name.name in DROPPED_FILES or name.suffix in DROPPED_SUFFIXES or DROPPED_FOLDERS.intersection(name.parts[:-1]):
        return None
    return name


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)

"""`warden package`: what is deployed, staged and zipped."""

from pathlib import Path

import click

from scripts.deploy.package.staging import MOST_ZIPPED_BYTES, TEMPLATE, Package, build_package
from scripts.deploy.package.wheels import CannotPackage
from scripts.environment.making import ROOT

SHOWN_PARTS = 8
MEGABYTE = 1_000_000
EXAMPLES = """\b
Examples:
  scripts/warden package
  scripts/warden package --template staging.yml --build /tmp/build
"""


@click.command("package", epilog=EXAMPLES)
@click.option(
    "--template",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=TEMPLATE,
    help="The template to deploy: its POLICY is packaged, wherever it lies [default: template.yml].",
)
@click.option(
    "--build",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "build",
    help="Where to put code/ and bucket-warden.zip [default: build].",
)
def command(*, template: Path, build: Path) -> None:
    """Stage and zip what is deployed.

    Puts the handler, the policies and their locked dependencies for CPython 3.10 (x86-64 Linux, glibc 2.28) into
    DIR/code, with bytecode, and zips it. The same sources give the same bytes. Needs a CPython 3.10 on this machine,
    and the package index once. A policy that does not check stops it.
    """
    try:
        package = build_package(build.resolve(), template=template)
    except CannotPackage as error:
        raise click.ClickException(str(error)) from error
    click.echo(describe(package))


def describe(package: Package) -> str:
    """Size, largest parts and policies, for a person."""
    zipped = f"{_mb(package.zipped_bytes)} zipped (budget {_mb(MOST_ZIPPED_BYTES)})"
    lines = [
        f"{package.archive}: {zipped}, {_mb(package.unzipped_bytes)} unzipped",
        "largest parts, zipped:",
        *(f"  {_mb(size):>8}  {name}" for name, size in package.parts[:SHOWN_PARTS]),
        f"  {_mb(sum(size for _, size in package.parts[SHOWN_PARTS:])):>8}  the rest",
        "policies:",
        *(f"  {policy_id}" for policy_id in package.policy_ids),
    ]
    return "\n".join(lines)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:.1f} MB"

"""What several commands take alike."""

from pathlib import Path

import click

from scripts.environment.making import ROOT

template_option = click.option(
    "--template",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "template.yml",
    help="The template to deploy [default: template.yml].",
)

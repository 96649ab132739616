"""The project's template with a policy of a test's own, loaded."""

from pathlib import Path

from scripts.deploy.deployment import Deployment, load_deployment
from scripts.environment.making import ROOT
from tests.deploy.template.templates import edit_template

DEFAULT = (ROOT / "policies" / "default.yml").read_text(encoding="utf-8")
# A policy with every action.
EVERY_ACTION = """\
version: 1
name: every-action
rules:
  - {name: gore, match: {labels: [violent_bloody], min_confidence: 50}, action: delete}
  - {name: nudity, match: {labels: [pornographic_adultContent]}, action: quarantine}
  - {name: spam, match: {labels: ["QR code"]}, action: tag}
quarantine: {bucket: quarantine}
"""


def deploy(tmp_path: Path, policy: str, *edits: tuple[str, str]) -> Deployment:
    """The template, edited, with another policy."""
    (tmp_path / "policies").mkdir(exist_ok=True)
    (tmp_path / "policies" / "default.yml").write_text(policy, encoding="utf-8")
    (tmp_path / "template.yml").write_text(edit_template(*edits), encoding="utf-8")
    return load_deployment(tmp_path / "template.yml", {})

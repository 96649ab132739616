"""Fixtures of the deployment's tests."""

import sys
from pathlib import Path

import pytest

from scripts.deploy.package import wheels
from tests.deploy.checkout import Checkout


@pytest.fixture
def python_for_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, whatever this machine has."""
    monkeypatch.setattr(wheels, "find_python", lambda _version: Path(sys.executable))


@pytest.fixture
def checkout(tmp_path: Path, python_for_the_build: None) -> Checkout:  # noqa: ARG001  (the doctor looks for one)
    """A folder in which all is well."""
    return Checkout(tmp_path)

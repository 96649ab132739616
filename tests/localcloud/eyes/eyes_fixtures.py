"""The fixture that several test modules share."""

import pytest

from scripts.localcloud.eyes.seeing import ModelEyes


@pytest.fixture(scope="session")
def eyes() -> ModelEyes:
    """The models, loaded once."""
    return ModelEyes()

"""What the tests of this room share: Function Compute's API, and a file of dead letters."""

from tests.operations.test_redrive import api, file

__all__ = ["api", "file"]

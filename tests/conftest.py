"""The options of the suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`scripts/test --chaos-examples 500 --chaos-seed 7 tests/end_to_end/test_chaos.py` looks longer, and elsewhere."""
    parser.addoption("--chaos-examples", type=int, default=40, help="Histories that the chaos test tries.")
    parser.addoption("--chaos-seed", type=int, default=4, help="The seed that the histories are drawn from.")

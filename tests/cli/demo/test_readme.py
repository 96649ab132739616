"""The demo's output in the README is real."""

import pytest

from scripts.cli.demo.readme import README, NoBlock, mask, read_block, run_demo


def test_readme_shows_what_the_demo_prints() -> None:
    """Every word is as printed today, but for times, memory, checksums and ids (python -m scripts.cli.demo.readme)."""
    arguments, shown = read_block(README.read_text("utf-8"))
    assert mask(shown) == mask(run_demo(arguments))


def test_what_differs_from_run_to_run_is_masked() -> None:
    """Times, memory, confidences, checksums and ids are; labels, rules and counts are not."""
    took, moved = "took 0.45 s, 298 MB, $0.0012", "default:cce98c72, held/34d6-9024D6E9DCD04BA19EFC3CA8.jpg"
    shown = f"seen QR code 99.00 (medium risk)\n {took} {moved}"
    assert mask(shown) == "seen QR code # (medium risk) took #, #, $0.0012 default:#, held/34d6#.jpg"


def test_missing_block_is_said() -> None:
    """A README without the block does not count as checked."""
    with pytest.raises(NoBlock, match="demo"):
        read_block("# Bucket Warden\n")

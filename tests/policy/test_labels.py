"""The label catalogue, and patterns for labels."""

import pytest

from handler.policy.labels import CATALOGUE, NO_RISK_LABELS, compile_labels, is_known, is_library


def test_catalogue_has_the_labels_of_the_vendors_page() -> None:
    """78 labels of risk, two of no risk; those that end in _tii are judged from writing."""
    assert len(CATALOGUE) == 80
    assert set(CATALOGUE) >= NO_RISK_LABELS
    from_text = {label.name for label in CATALOGUE.values() if label.judged_from == "text"}
    assert from_text == {name for name in CATALOGUE if name.endswith("_tii")}


def test_every_label_says_what_it_means() -> None:
    """The analyst reads meanings beside the labels, in the editor."""
    for label in CATALOGUE.values():
        assert len(label.meaning) >= len("guns")
        assert "_" not in label.meaning


@pytest.mark.parametrize(
    ("pattern", "label", "fits"),
    [
        ("violent_gun", "violent_gun", True),
        ("violent_gun", "violent_gun_lib", True),
        ("violent_gun_lib", "violent_gun_lib", True),
        ("violent_gun_lib", "violent_gun", False),
        ("violent_gun", "violent_guns", False),
        ("violent_*", "violent_gun_lib", True),
        ("*_tii", "profanity_oral_tii", True),
        ("*_tii", "profanity_oral_tii_lib", True),
        ("*_tii", "violent_gun", False),
        ("*_lib", "violent_gun_lib", True),
        ("*_lib", "violent_gun", False),
        ("QR code", "QR code", True),
        ("qr code", "QR code", False),
        ("*", "never heard of", True),
        ("**", "never heard of", True),
        ("nonLabel", "nonLabel", True),
        ("nonLabel", "nonLabel_lib", False),
    ],
)
def test_patterns_by_example(pattern: str, label: str, *, fits: bool) -> None:
    """A pattern fits a label and its form for the customer's own image library."""
    assert compile_labels([pattern]).matches(label) is fits


@pytest.mark.parametrize("label", sorted(CATALOGUE))
def test_every_label_is_known_with_its_library_form(label: str) -> None:
    """What the vendor documents is never called unknown."""
    assert is_known(label)
    assert is_known(label + "_lib") or label in NO_RISK_LABELS
    assert compile_labels([label]).matches(label)


def test_unknown_labels_are_told_and_extra_ones_known() -> None:
    """Labels newer than the catalogue become known by being named, with their `_lib` form."""
    assert not is_known("violent_new")
    assert is_known("violent_new", ["violent_new"])
    assert is_known("violent_new_lib", ["violent_new"])
    assert not is_known("nonLabel_lib_lib")


def test_library_forms_are_told_by_their_suffix() -> None:
    """Also those of labels that we do not know."""
    assert is_library("violent_gun_lib")
    assert is_library("violent_new_lib")
    assert not is_library("violent_gun")

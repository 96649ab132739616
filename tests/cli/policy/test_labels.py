"""`warden policy labels`: what people type leads to labels, or to the word that there is none."""

import json

import pytest
from click.testing import CliRunner, Result

from handler.policy.labels import CATALOGUE
from scripts.cli.policy.group import group
from scripts.workbench.everyday import known_words, look_up


def labels(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(group, ["labels", *arguments])


def shown(result: Result) -> list[str]:
    """The labels of a table."""
    names = {line.split("  ")[0] for line in result.stdout.splitlines()}
    return [name for name in CATALOGUE if name in names]


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("nude", "pornographic_adultContent"),
        ("Naked", "pornographic_adultContent"),
        ("nudes", "pornographic_cartoon"),
        ("bikini", "sexual_femaleUnderwear"),
        ("phone", "pt_toDirectContact_tii"),
        ("phone number", "pt_toDirectContact_tii"),
        ("address", "pt_toDirectContact_tii"),
        ("e-mails", "pt_toDirectContact_tii"),
        ("child", "pornographic_underage"),
        ("minor", "pornographic_underage"),
        ("pictures of kids", "pornographic_underage"),
        ("knife", "violent_knives"),
        ("weapon", "violent_gun"),
        ("gay", "pornographic_o_tii"),
        ("swastika", "violent_nazi"),
        ("QRCode", "QR code"),
        ("adult content", "pornographic_adultContent"),
        ("tattoo of a gun", "inappropriate_tattoo"),
    ],
)
def test_everyday_words_lead_to_labels(typed: str, label: str) -> None:
    """One word or several, in the singular or the plural, in any case."""
    result = labels(typed)
    assert result.exit_code == 0, result.output
    assert label in shown(result)


@pytest.mark.parametrize("typed", ["child", "children", "minors", "kids", "baby pictures", "teenagers", "age"])
def test_ordinary_pictures_of_children_have_no_label(typed: str) -> None:
    """Whoever looks for one is told, beside the label of a crime."""
    result = labels(typed)
    assert shown(result) == ["pornographic_underage"]
    assert "note: no label means ordinary pictures of children, and none tells how old somebody is" in result.stdout


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("suicide", "no label means suicide, self-harm or eating disorders"),
        ("face", "no label means people or faces as such"),
        ("dogs", "no label means animals"),
        ("deepfake", "no label of this service means pictures that were generated or altered"),
        ("nudee", "no label fits 'nudee'; did you mean 'nude'"),
        ("xyzzy", "no label fits 'xyzzy'; without PATTERN all are shown"),
    ],
)
def test_what_no_label_means_is_told(typed: str, told: str) -> None:
    """With exit code 1, because nothing was found."""
    result = labels(typed)
    assert result.exit_code == 1
    assert told in result.stderr


def test_what_is_missing_is_told_beside_what_is_there() -> None:
    """In the document for programs too."""
    document = json.loads(labels("address", "--json").stdout)
    assert [label["name"] for label in document["labels"]] == ["QR code", "pt_toDirectContact_tii"]
    (note,) = document["notes"]
    assert note.startswith("no label means personal data as such: postal addresses")


def test_names_patterns_and_no_pattern_are_as_ever() -> None:
    """A part of a name, a pattern with stars, and all 80."""
    assert shown(labels("violence_")) == ["violence_weapons_tii"]
    assert shown(labels("*_smoking")) == ["inappropriate_smoking"]
    assert len(shown(labels())) == len(CATALOGUE)


def test_every_word_leads_to_labels_that_there_are() -> None:
    """And no word says nothing."""
    for word in known_words():
        meaning = look_up(word)
        assert meaning.labels <= set(CATALOGUE)
        assert meaning.labels or meaning.notes

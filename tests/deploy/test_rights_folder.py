"""A folder of rights knows what it was written for: an update drops nothing, and what is stale is found."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli.rights import command as rights_command
from scripts.deploy.choices import NOTE, Choices, note_of, read_choices
from scripts.deploy.deployment import BadDeployment
from tests.deploy.checkout import Checkout
from tests.deploy.template.templates import add_trigger

pytestmark = pytest.mark.usefixtures("python_for_the_build")

KEY = "acs:kms:ap-southeast-1:1234567890123456:key/key-1"
names = st.lists(st.text(max_size=5), max_size=4).map(lambda each: tuple(dict.fromkeys(each)))
choices = st.builds(Choices, versioned=names, kms_keys=names, gate=st.booleans(), readers=names)


class Folder:
    """A checkout, and the folder of its rights."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.path = checkout.folder / "rights"

    def write(self, *options: str) -> Result:
        """`rights --out`."""
        asked = ["--template", str(self.checkout.template), "--out", str(self.path), *options]
        return CliRunner().invoke(rights_command, asked)

    def examine(self) -> Result:
        """`doctor --rights`."""
        return self.checkout.examine("--rights", str(self.path))

    def read(self) -> dict[str, str]:
        """Every file, by its name."""
        return {path.name: path.read_text(encoding="utf-8") for path in self.path.iterdir()}


@pytest.fixture
def folder(checkout: Checkout) -> Folder:
    """A folder that is not there yet."""
    return Folder(checkout)


OPTIONS = {
    "versions": ("--versioned", "uploads"),
    "a key": ("--kms-key", KEY),
    "a gate": ("--gate",),
    "a gate for some": ("--gate", "--reader", "1234567890123456"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_second_run_without_options_drops_nothing(folder: Folder, name: str) -> None:
    """The documents are the same, says the doctor too, and the options are told."""
    assert folder.write(*OPTIONS[name]).exit_code == 0
    first = folder.read()
    again = folder.write()
    assert (again.exit_code, folder.read()) == (0, first)
    assert f"written for {' '.join(OPTIONS[name][:2])}" in again.stderr
    assert folder.examine().exit_code == 0


def test_a_second_run_adds_what_is_given(folder: Folder) -> None:
    """Each option beside those that were given before."""
    for options in OPTIONS.values():
        assert folder.write(*options).exit_code == 0
    added = Choices(versioned=("uploads",), kms_keys=(KEY,), gate=True, readers=("1234567890123456",))
    assert read_choices(folder.path) == added
    assert folder.examine().exit_code == 0


def test_anew_forgets_and_tells_what_is_left(folder: Folder) -> None:
    """Documents that nothing asks for now are named, when they are written and by the doctor."""
    folder.write("--versioned", "uploads", "--gate")
    done = folder.write("--anew")
    assert read_choices(folder.path) == Choices()
    assert "oss:GetObjectVersion" not in folder.read()["function-role.json"]
    assert "gate-uploads.json: nothing asks for it any more; take it off what it was applied to" in done.stderr
    found = folder.examine()
    assert found.exit_code == 1
    assert "gate-uploads.json: nothing asks for it any more" in found.output
    (folder.path / "gate-uploads.json").unlink()
    assert folder.examine().exit_code == 0


@pytest.mark.parametrize("options", [(), ("--versioned", "uploads"), ("--gate",)])
def test_a_folder_of_an_older_version_is_refused(folder: Folder, options: tuple[str, ...]) -> None:
    """Nobody knows what an update would take away: nothing is written, and the doctor says so too."""
    folder.write("--versioned", "uploads")
    (folder.path / NOTE).unlink()
    before = folder.read()
    done = folder.write(*options)
    assert (done.exit_code, folder.read()) == (1, before)
    for told in (done, folder.examine()):
        assert told.exit_code == 1
        assert "it has documents and no rights.json" in told.output
        assert "--anew (--versioned for each bucket that has versions" in told.output
    assert folder.write("--versioned", "uploads", "--anew").exit_code == 0
    assert folder.examine().exit_code == 0


@pytest.mark.parametrize(
    "note",
    [
        *(b"", b"{", b"[]", b"null", b"{}", b'{"versioned": "uploads"}', b'{"version": ["uploads"]}', b'{"gate": 1}'),
        *(b'{"kms_keys": [], "gate": false, "readers": []}', b"\xff"),
    ],
)
def test_a_note_that_is_no_note_is_refused(folder: Folder, note: bytes) -> None:
    """What it meant is not guessed."""
    folder.write("--versioned", "uploads")
    (folder.path / NOTE).write_bytes(note)
    for told in (folder.write(), folder.examine()):
        assert told.exit_code == 1
        assert "rights.json: it is not what warden rights writes (" in told.output


@pytest.mark.parametrize("options", [("--versioned", "uploads"), ("--kms-key", KEY)])
def test_a_note_that_was_edited_takes_away_no_right(folder: Folder, options: tuple[str, ...]) -> None:
    """What the role was written with is not taken away because the note has lost it; only --anew does, and says so."""
    folder.write(*options)
    (folder.path / NOTE).write_text(note_of(Choices()), encoding="utf-8")
    before = folder.read()
    done = folder.write("--gate")
    assert (done.exit_code, folder.read()) == (1, before)
    assert f"its function-role.json was written for {' '.join(options)}, which rights.json does not have" in done.output
    assert folder.write(*options).exit_code == 0
    assert folder.read()["function-role.json"] == before["function-role.json"]
    done = folder.write("--anew")
    assert done.exit_code == 0
    assert f"no longer in function-role.json: {' '.join(options)}" in done.stderr


@pytest.mark.parametrize(
    "role", ["", "[]", '{"Statement": 1}', '{"Statement": [1, {"Action": 1, "Resource": [null]}]}']
)
def test_a_role_that_cannot_be_read_is_written_again(folder: Folder, role: str) -> None:
    """Whatever was done to it, the note says what is wanted."""
    folder.write("--versioned", "uploads")
    before = folder.read()
    (folder.path / "function-role.json").write_text(role)
    assert folder.write().exit_code == 0
    assert folder.read() == before


@pytest.mark.parametrize("kept", ["operators.json", "trigger-role-trust.json", "uploaders-uploads.json"])
def test_any_document_without_a_note_is_refused(folder: Folder, kept: str) -> None:
    """Also where others were taken away."""
    folder.write("--versioned", "uploads")
    for path in folder.path.iterdir():
        if path.name != kept:
            path.unlink()
    done = folder.write()
    assert (done.exit_code, list(folder.read())) == (1, [kept])
    assert "it has documents and no rights.json" in done.output


def test_a_document_that_cannot_be_written_is_named(folder: Folder) -> None:
    """By both commands, in a sentence."""
    folder.write()
    (folder.path / "deployer.json").unlink()
    (folder.path / "deployer.json").mkdir()
    assert "deployer.json: cannot be written (" in folder.write().output
    assert "deployer.json: not what template, policy and rights.json ask for now" in folder.examine().output


@pytest.mark.parametrize("reader", ["", " ", "a b", "ann@example.com", "'*'"])
def test_a_reader_that_names_nobody_is_refused(folder: Folder, reader: str) -> None:
    """An empty principal is everybody to OSS."""
    done = folder.write("--gate", "--reader", reader)
    assert (done.exit_code, folder.path.exists()) == (1, False)
    assert f"--reader {reader!r}: names nobody" in done.output


def test_readers_in_a_note_without_a_gate_are_told(folder: Folder) -> None:
    """By both commands."""
    folder.write()
    (folder.path / NOTE).write_text(note_of(Choices(readers=("1",))), encoding="utf-8")
    for told in (folder.write(), folder.examine()):
        assert (told.exit_code, "--reader says who reads past a gate" in told.output) == (1, True)


def test_a_note_that_was_edited_makes_the_documents_stale(folder: Folder) -> None:
    """The note is what is wanted; the documents have to follow."""
    folder.write()
    (folder.path / NOTE).write_text(note_of(Choices(versioned=("uploads",))), encoding="utf-8")
    told = folder.examine()
    assert "function-role.json: not what template, policy and rights.json ask for now" in told.output
    assert folder.write().exit_code == 0
    assert folder.examine().exit_code == 0


@pytest.mark.parametrize("name", ["function-role.json", "operators.json", "gate-uploads.json", "ledger-lifecycle.xml"])
def test_a_document_that_was_edited_is_found(folder: Folder, name: str) -> None:
    """By hand or by an older version: it is not what would be written."""
    folder.write("--gate")
    with (folder.path / name).open("a") as file:
        file.write(" ")
    told = folder.examine()
    assert told.exit_code == 1
    assert f"{name}: not what template, policy and rights.json ask for now; run scripts/warden rights" in told.output


def test_what_was_chosen_for_a_bucket_that_is_gone_is_told(folder: Folder) -> None:
    """Both commands name it, and how it is forgotten."""
    second = add_trigger(("triggerName: uploads", "triggerName: photos"), ("${vars.bucket}", "photos"))
    folder.checkout.edit(second, ("${vars.bucket}  ", '"uploads,photos"  '))
    assert folder.write("--versioned", "uploads", "--versioned", "photos").exit_code == 0
    folder.checkout.edit()
    done = folder.write()
    assert done.exit_code == 1
    assert "--versioned photos: not watched; the watched ones: uploads" in done.output
    assert "(rights.json has --versioned uploads --versioned photos, from before; --anew forgets that)" in done.output
    assert "error: --versioned photos: not watched" in folder.examine().output
    folder.write("--anew", "--versioned", "uploads")
    assert "uploaders-photos.json: nothing asks for it any more" in folder.examine().output


def test_a_folder_without_documents_is_found(folder: Folder) -> None:
    """A mistyped folder is an error, not a silence; other files in it are nobody's business."""
    folder.path.mkdir()
    (folder.path / "README.txt").write_text("ours")
    assert "no documents are in it; write them: scripts/warden rights --out" in folder.examine().output
    assert folder.write().exit_code == 0
    assert folder.examine().exit_code == 0


@pytest.mark.parametrize(("buckets", "fits"), [(4, True), (60, False)])
def test_what_ram_would_refuse_for_its_length_is_told(folder: Folder, buckets: int, *, fits: bool) -> None:
    """A document of many buckets is named, with the limit, when it is written and by the doctor; it is a warning."""
    names = [f"uploads-of-customer-{number:02}" for number in range(buckets)]
    first, *others = names
    text = folder.checkout.template.read_text()
    before, _, trigger = text.partition("        - triggerName: uploads\n")
    blocks = [f"        - triggerName: {name}\n{trigger.rstrip()}\n".replace("${vars.bucket}", name) for name in others]
    text = before.replace("${vars.bucket}  ", f'"{",".join(names)}"  ')
    text += f"        - triggerName: uploads\n{trigger.rstrip()}\n".replace("${vars.bucket}", first) + "".join(blocks)
    folder.checkout.template.write_text(text)
    done = folder.write()
    assert done.exit_code == 0, done.output
    told = folder.examine()
    assert told.exit_code == 0
    for output in (done.stderr, told.output):
        assert ("operators.json has " in output) != fits
        assert ("characters, and RAM takes 6144: make two policies of it" in output) != fits


def test_anew_without_a_folder_is_refused(folder: Folder) -> None:
    """It would forget nothing."""
    done = CliRunner().invoke(rights_command, ["--template", str(folder.checkout.template), "--anew"])
    assert done.exit_code == 2
    assert "--anew is about the folder in --out, and none is given" in done.output


def test_a_reader_without_a_gate_is_refused(folder: Folder) -> None:
    """Nothing would be written for it."""
    done = folder.write("--reader", "1234567890123456")
    assert done.exit_code == 1
    assert "--reader says who reads past a gate, and there is none; give --gate too" in done.output


@pytest.mark.parametrize(
    ("readers", "warns"), [((), True), (("*",), True), (("123", "*"), True), (("1234567890123456",), False)]
)
def test_a_gate_for_everybody_is_told_what_blocks_it(folder: Folder, readers: tuple[str, ...], *, warns: bool) -> None:
    """Block Public Access, which is on in what the console makes; not so where readers are named."""
    done = folder.write("--gate", *(word for reader in readers for word in ("--reader", reader)))
    assert done.exit_code == 0
    assert ("while Block Public Access is on" in done.stderr) == warns


@given(before=choices, more=choices)
def test_nothing_that_was_chosen_is_dropped(before: Choices, more: Choices) -> None:
    """Whatever is added, all of both is there, once; the same again changes nothing."""
    both = before.add(more)
    for name in ("versioned", "kms_keys", "readers"):
        assert set(getattr(both, name)) == {*getattr(before, name), *getattr(more, name)}
        assert len(set(getattr(both, name))) == len(getattr(both, name))
    assert both.gate == (before.gate or more.gate)
    assert both.add(more) == both.add(before) == both


@given(chosen=choices)
def test_the_note_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, chosen: Choices) -> None:
    """Whatever the names are."""
    folder = tmp_path_factory.mktemp("rights")
    (folder / NOTE).write_text(note_of(chosen), encoding="utf-8")
    assert read_choices(folder) == chosen


def test_a_note_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """With the reason of the machine."""
    (tmp_path / NOTE).mkdir()
    with pytest.raises(BadDeployment, match=r"rights\.json: it can't be read \(Is a directory\)"):
        read_choices(tmp_path)

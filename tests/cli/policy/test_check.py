"""`warden policy check`: every mistake at once, for people and for programs."""

import json
import shlex
import stat
import tempfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.log import EVENT
from scripts.cli.policy.group import group

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "tests" / "policy" / "files"
TWELVE = EXAMPLES / "invalid" / "twelve-mistakes.yml"
MINIMAL = "version: 1\nname: minimal\nrules: []\nquarantine: {bucket: quarantine}\n"


def check(*arguments: object, terminal: bool = False) -> Result:
    """Run the command; on a terminal with colours if asked."""
    env = {"FORCE_COLOR": "1" if terminal else None, "NO_COLOR": None, "COLUMNS": "200"}
    return CliRunner(env=env).invoke(group, ["check", *map(str, arguments)])


def test_shipped_policies_are_fine_by_default() -> None:
    """Without paths the project's own policies are checked; nothing is printed on standard output."""
    result = check()
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "3 files, 0 errors, 0 warnings\n"


def test_twelve_mistakes_are_told_in_one_run_each_at_its_line() -> None:
    """Every stated mistake is one line: file:line:column: path: message."""
    result = check(TWELVE)
    stated = [line[9:] for line in TWELVE.read_text().splitlines() if line.startswith("# error: ")]
    assert result.exit_code == 1
    assert len(stated) >= 12
    assert result.stdout.splitlines() == [f"{TWELVE}:{line}" for line in stated]


def test_a_terminal_sees_the_line_a_caret_and_the_word_that_was_meant() -> None:
    """The offending word is underlined, what was perhaps meant stands below."""
    lines = check(TWELVE, terminal=True).stdout.splitlines()
    plain = [strip(line) for line in lines]
    start = plain.index(f"{TWELVE}:20:38: error: unknown label 'pornographic_cartoons'")
    assert plain[start + 1 : start + 6] == [
        "20 |   adult: [pornographic_adultContent, pornographic_cartoons]",
        "   |                                      ^^^^^^^^^^^^^^^^^^^^^",
        "   = at lists.adult[1]",
        "   = did you mean 'pornographic_cartoon'?",
        "   = help: new labels go into moderation.extra_labels",
    ]
    assert any("\x1b[1;31m" in line for line in lines)


def strip(line: str) -> str:
    """The line without colours."""
    parts = line.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def test_colours_only_on_a_terminal() -> None:
    """What is piped holds no escape sequence."""
    assert "\x1b" not in check(TWELVE).output


def test_strangers_text_cannot_reach_the_terminal(tmp_path: Path) -> None:
    """A key with control characters is written out, on one line."""
    path = tmp_path / "bad.yml"
    path.write_text(MINIMAL + '"a\\nb\\x1b[31m": 1\n')
    assert r"unknown key 'a\nb\x1b[31m'" in check(path).stdout
    assert check(path).stdout.count("\n") == 1
    assert "\x1b[31m'" not in check(path, terminal=True).stdout


def test_json_has_every_problem() -> None:
    """`--json` prints one document, also where nothing is wrong."""
    document = json.loads(check("--json", TWELVE, ROOT / "policies" / "default.yml").stdout)
    assert document["files"] == 2
    assert {problem["severity"] for problem in document["problems"]} == {"error"}
    first = document["problems"][0]
    assert (first["file"], first["line"], first["column"], first["path"]) == (str(TWELVE), 18, 1, "mod")
    assert json.loads(check("--json").stdout) == {"v": 1, "files": 3, "problems": []}


def test_folders_are_searched_and_their_tests_left_out(tmp_path: Path) -> None:
    """Folders within folders count, other files and folders named tests do not; a file named twice comes once."""
    for name in ("a.yml", "inner/b.yaml", "tests/c.yml", "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(MINIMAL)
    result = check(tmp_path, tmp_path / "a.yml")
    assert (result.exit_code, result.stderr) == (0, "2 files, 0 errors, 0 warnings\n")


def test_a_warning_lets_pass_unless_strict() -> None:
    """Warnings say so in the line, and exit 0; with --strict they are findings."""
    path = EXAMPLES / "warned" / "delete-without-confidence.yml"
    result = check(path)
    assert result.exit_code == 0
    assert f"{path}:" in result.stdout
    assert ": warning: rules[" in result.stdout
    assert check("--strict", path).exit_code == 1
    assert "warning" in strip(check(path, terminal=True).stdout)


def test_watched_buckets_add_the_loop_check() -> None:
    """A quarantine in a watched bucket is refused only where the bucket is named."""
    path = EXAMPLES / "invalid" / "loop.yml"
    assert check(path).exit_code == 0
    result = check(path, "--bucket", "uploads", "--bucket", "watched-quarantine")
    assert result.exit_code == 1
    assert "a loop" in result.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1:1: the file is empty; a policy has at least version, name and rules"),
        (b"# only a comment\n", "1:1: the file is empty; a policy has at least version, name and rules"),
        (bytes(range(128)) * 4, "is not allowed; a policy is a text file"),
        (b"\x89PNG\r\n\x1a\n\x00", "1:1: this is not UTF-8 text; save the policy as a UTF-8 file"),
        (b"a: &a [x, x]\n" + b"".join(b"k%d: &b%d [*a, *a]\n" % (i, i) for i in range(3)), "unknown key"),
        (b"x" * 300_000, "1:1: the file is over 256 KiB"),
        (MINIMAL.encode() + b"---\n" + MINIMAL.encode(), "5:1: a second document"),
        (b"\t- x", "1:1: a tab; indent with spaces"),
    ],
    ids=["empty", "comment", "every-byte", "picture", "aliases", "huge", "two-documents", "tab"],
)
def test_files_that_are_no_policies_are_refused_in_words(tmp_path: Path, content: bytes, told: str) -> None:
    """A clear error at its place, never a traceback."""
    path = tmp_path / "policy.yml"
    path.write_bytes(content)
    for terminal in (False, True):
        result = check(path, terminal=terminal)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
    assert told in check(path).stdout


def test_the_caret_stands_under_the_word_whatever_comes_before_it(tmp_path: Path) -> None:
    """Wide letters, control characters and other line ends do not move it."""
    path = tmp_path / "wide.yml"
    path.write_bytes(
        "version: 1\rname: x\u2028rules: [{name: a, 猫: 1}]\r\nquarantine: {bucket: quarantine}\n".encode()
    )
    lines = [strip(line) for line in check(path, terminal=True).stdout.splitlines()]
    at = next(index for index, line in enumerate(lines) if "unknown key '猫'" in line)
    assert lines[at + 1 : at + 3] == ["3 | rules: [{name: a, 猫: 1}]", "  |                   ^^"]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_shown_on_a_terminal(content: bytes) -> None:
    """Whatever is wrong, and wherever, its line can be shown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yml"
        path.write_bytes(content)
        assert isinstance(check(path, terminal=True).exception, SystemExit)


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    """Aliases that multiply to millions of values are counted, not followed."""
    path = tmp_path / "bomb.yml"
    levels = ["lists:", "  a: &a [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"  {n}: &{n} [{', '.join(['*' + p] * 10)}]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)]
    path.write_text("\n".join(levels) + "\n")
    result = check(path)
    assert result.exit_code == 1
    assert "more than 100000 values, those that YAML aliases repeat included; write fewer" in result.stdout


@pytest.mark.exhaustive
def test_ten_thousand_files_are_told_in_one_run(tmp_path: Path) -> None:
    """Each is read, and told on its own line."""
    for number in range(10_000):
        (tmp_path / f"{number:05}.yml").write_text("- no" if number == 7_777 else "")
    result = check(tmp_path)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert len(lines) == 10_001  # a list lacks more than one thing
    assert f"{tmp_path}/00042.yml:1:1: the file is empty; a policy has at least version, name and rules" in lines
    assert result.stderr.startswith("10000 files, ")


def test_wrong_command_lines_exit_with_2(tmp_path: Path) -> None:
    """A path that is not there, or an option that does not exist, is a matter of usage."""
    assert check(tmp_path / "missing.yml").exit_code == 2
    assert check("--nothing").exit_code == 2


KEYS = """\
version: 1
name: keys
scope: {exclude: ["thumbnails/**"]}
rules:
  - {name: a, match: {keys: ["avatar/**", "avatars/**"]}, unless: {keys: ["avatars/*.jpg"]}, action: tag}
quarantine: {bucket: held-uploads}
"""


KEYS_OF_EACH = ("avatars/ann.jpg", "avatar/x/y", "thumbnails/a")  # what the patterns fit


def test_patterns_that_fit_no_key_of_a_list_are_warned_about(tmp_path: Path) -> None:
    """In scope and in rules, with the folders that there are, or the key that differs in capitals."""
    policy, listing = tmp_path / "keys.yml", tmp_path / "listing.txt"
    policy.write_text(KEYS)
    listing.write_text("avatars/ann.JPG\noss://uploads/posts/größe.png\r\n\nlogo.png\n", encoding="utf-8")
    result = check(policy, "--keys", listing)
    assert (result.exit_code, check(policy, "--keys", listing, "--strict").exit_code) == (0, 1)
    told = "fits none of the 3 keys that were given"
    capitals = "'avatars/ann.JPG' differs from it in capitals only, and case matters"
    assert result.stdout.splitlines() == [
        f"{policy}:3:19: warning: scope.exclude[0]: 'thumbnails/**' {told}; they lie in avatars/, posts/",
        f"{policy}:5:30: warning: rules[0].match.keys[0]: 'avatar/**' {told}; they lie in avatars/, posts/",
        f"{policy}:5:75: warning: rules[0].unless.keys[0]: 'avatars/*.jpg' {told}; {capitals}",
    ]
    listing.write_text("logo.png\n")
    assert "fits none of the 1 keys that were given; they lie in no folder" in check(policy, "--keys", listing).stdout


def test_patterns_are_held_against_a_log_too(tmp_path: Path) -> None:
    """The keys of the function's own lines; both kinds of files count together, and standard input is one."""
    policy, log = tmp_path / "keys.yml", tmp_path / "log.jsonl"
    policy.write_text(KEYS)
    texts = dict.fromkeys(["bucket", "etag", "region", "event_name", "uploaded_at", "request_id"], "x")
    upload = {**texts, "version_id": None, "content_type": None}
    uploads = [{**upload, "key": key, "size_bytes": 1} for key in ("avatars/ann.jpg", "avatar/x/y", "thumbnails/a")]
    lines = [json.dumps({"v": 1, "event": "upload.moderated", "upload": each}) for each in uploads]
    log.write_text("\n".join(["not ours", *lines]))
    result = check(policy, "--log", log)
    assert (result.exit_code, result.stdout) == (0, "")
    log.write_text(lines[0])
    runner = CliRunner()
    result = runner.invoke(group, ["check", str(policy), "--log", str(log), "--keys", "-"], input="avatar/x\n")
    assert [line.split(": ")[2] for line in result.stdout.splitlines()] == ["scope.exclude[0]"]


def test_lines_of_a_log_that_are_not_read_are_told(tmp_path: Path) -> None:
    """A pattern may fit the keys in them, so that exit code 0 would say too much."""
    policy, log = tmp_path / "keys.yml", tmp_path / "log.jsonl"
    policy.write_text(KEYS)
    texts = dict.fromkeys(["bucket", "etag", "region", "event_name", "uploaded_at", "request_id"], "x")
    upload = {**texts, "version_id": None, "content_type": None, "size_bytes": 1}
    lines = [json.dumps({"v": 1, "event": EVENT, "upload": {**upload, "key": key}}) for key in KEYS_OF_EACH]
    log.write_text("\n".join([*lines, "FC Invoke Start RequestId: 1-63fc"]))
    assert check(policy, "--log", log).exit_code == 0
    log.write_text("\n".join([*lines, lines[0][:60], lines[0].replace('"v": 1', '"v": 2')]))
    result = check(policy, "--log", log)
    assert result.exit_code == 1
    assert "1 lines of the log could not be read, not JSON, or cut short" in result.stderr
    assert json.loads(check(policy, "--log", log, "--json").stdout)["unread"] == 2


def test_a_key_behind_many_others_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is for so many distinct keys, however often each is listed."""
    monkeypatch.setattr("scripts.cli.policy.check.MOST_KEYS", 3)
    policy, listing = tmp_path / "keys.yml", tmp_path / "listing.txt"
    policy.write_text(KEYS)
    listing.write_text("\n".join([*[KEYS_OF_EACH[0]] * 5, *KEYS_OF_EACH[1:]]))
    assert check(policy, "--keys", listing).stdout == ""


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\n\n", "there is no key in it; --keys takes one key a line"), (b"\xff\xfe", "this is not UTF-8 text")],
)
def test_a_list_without_keys_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """Rather than to call every pattern unused."""
    listing = tmp_path / "listing.txt"
    listing.write_bytes(content)
    result = check("--keys", listing)
    assert result.exit_code == 1
    assert told in result.stderr


def test_a_file_of_tests_is_told_as_such(tmp_path: Path) -> None:
    """Not as a policy with every mistake that there is."""
    file = tmp_path / "cases.yml"
    file.write_text("policy: site.yml\ntests: []\n")
    told = "this is a file of tests, and no policy; tests lie in a folder named tests beside their policy"
    assert check(file).stdout == f"{file}:1:1: {told}, as {tmp_path}/tests/cases.yml\n"


def test_an_empty_folder_is_a_finding(tmp_path: Path) -> None:
    """Nothing checked is not fine."""
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "no policy found" in result.stderr


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A broken link in a folder is left out; one that is named is a matter of usage."""
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere")
    assert check(tmp_path).exit_code == 1


def test_every_command_shows_examples() -> None:
    """Help ends with examples, and each example is a command that exists with these options."""
    for name, command in group.commands.items():
        told = CliRunner().invoke(group, [name, "--help"])
        assert told.exit_code == 0
        assert "Examples:" in told.output
        known = {option for parameter in command.params for option in parameter.opts}
        for line in (command.epilog or "").splitlines():
            for example in line.split(" | "):
                if "scripts/warden" in example:
                    words = shlex.split(example)
                    assert words[words.index("scripts/warden") + 1 :][:2] == ["policy", name]
                    assert {word for word in words if word.startswith("--")} <= known


def test_the_pre_commit_hook_names_a_command_that_runs() -> None:
    """The entry is an executable of this repository, and takes files."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    executable, *words = hook["entry"].split()
    assert (ROOT / executable).stat().st_mode & stat.S_IXUSR
    assert words == ["policy", "check"]
    assert hook["language"] == "script"

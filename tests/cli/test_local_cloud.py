"""`scripts/warden local-cloud` as a person runs it."""

import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import oss2
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from handler.adapters.oss.network import OssSession
from scripts.cli import local_cloud
from scripts.environment.making import ROOT

POLICY = """
version: 1
name: small
rules:
  - {name: guns, match: {labels: [violent_gun]}, action: quarantine}
quarantine: {bucket: "${QUARANTINE_BUCKET}", prefix: held/}
"""
END_S = 60


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy in the directory that the command is called from."""
    path = tmp_path / "policy.yml"
    path.write_text(POLICY)
    return path


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, ended with the test whatever happens."""
    command = [sys.executable, "-m", "scripts.cli", "local-cloud", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(  # noqa: S603 - the command under test
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_json(process: subprocess.Popen[str]) -> dict[str, object]:
    """The next line of standard output."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], END_S)[0], "nothing on standard output"
    value = json.loads(process.stdout.readline())
    assert isinstance(value, dict)
    return value


def upload(ready: dict[str, object], key: str) -> None:
    """Upload a picture with the real SDK and nothing but what the ready line says."""
    oss, buckets = ready["oss"], ready["buckets"]
    assert isinstance(oss, dict)
    assert isinstance(buckets, dict)
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(picture, "PNG")
    auth = oss2.AuthV4(ready["access_key_id"], ready["access_key_secret"])
    session = OssSession()
    bucket = oss2.Bucket(
        auth, oss["endpoint"], buckets["uploads"], session=session, region=oss["region"], is_path_style=True
    )
    bucket.put_object(key, picture.getvalue())
    session.session.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_upload_is_reported_and_a_signal_stops_all(policy: Path, tmp_path: Path, number: signal.Signals) -> None:
    """First the ready line, then an outcome for each upload; Ctrl-C ends it cleanly and frees the ports."""
    (tmp_path / "verdicts.yml").write_text(
        "v: 1\nverdicts:\n  - key: 'guns/**'\n    verdict: {risk: high, findings: [{label: violent_gun, risk: high}]}\n"
    )
    arguments = ("--policy", policy.name, "--verdicts", "verdicts.yml", "--bucket", "pictures", "--versioned")
    with started(*arguments, cwd=tmp_path) as process:
        ready = read_json(process)
        assert ready["buckets"] == {"uploads": "pictures", "quarantine": "quarantine", "ledger": "ledger"}
        upload(ready, "guns/a.png")
        said = read_json(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=END_S)
    outcome = said["outcome"]
    assert isinstance(outcome, dict)
    assert outcome["status"] == "quarantined"
    assert (process.returncode, out) == (0, "")
    assert err.splitlines()[-1] == "stopped"
    assert "Traceback" not in err
    oss = ready["oss"]
    assert isinstance(oss, dict)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(oss["endpoint"].rpartition(":")[2])))


@pytest.mark.exhaustive
def test_closed_standard_output_stops_all(policy: Path, tmp_path: Path) -> None:
    """When nobody reads the outcomes any more (`| head -1`), the command ends without a traceback."""
    with started("--policy", policy.name, cwd=tmp_path) as process:
        ready = read_json(process)
        assert process.stdout is not None
        process.stdout.close()
        upload(ready, "a.png")
        assert process.wait(END_S) == 0
        assert process.stderr is not None
        err = process.stderr.read()
    assert "no --verdicts given" in err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def run(*arguments: str) -> Result:
    """The command in this process, for what ends it before it starts."""
    return CliRunner().invoke(local_cloud.command, arguments)


def test_port_in_use_is_a_clear_line(policy: Path) -> None:
    """A taken port is named, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--policy", str(policy), "--port", str(port))
    assert result.exit_code == 1
    assert f"Error: port {port} is in use; choose another with --port, or 0 for any\n" in result.stderr


def test_bad_policy_is_shown_with_its_mistakes(tmp_path: Path) -> None:
    """The command says where the policy is wrong."""
    path = tmp_path / "policy.yml"
    path.write_text("version: 1\nname: x\nrules: []\nunknown: 1\n")
    result = run("--policy", str(path))
    assert result.exit_code == 1
    assert f"{path}:4:1" in result.stderr
    assert "Traceback" not in result.output


def test_bad_verdicts_are_a_clear_line(policy: Path, tmp_path: Path) -> None:
    """The command says where the file of verdicts is wrong."""
    path = tmp_path / "verdicts.yml"
    path.write_text("v: 1\nverdicts: 7\n")
    result = run("--policy", str(policy), "--verdicts", str(path))
    assert result.exit_code == 1
    assert f"Error: {path}: verdicts: 7" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policy", "no-such-file.yml"), "File 'no-such-file.yml' does not exist"),
        (("--verdicts", "no-such-file.yml"), "File 'no-such-file.yml' does not exist"),
        (("--instances", "0"), "'--instances'"),
        (("--qps", "0"), "'--qps'"),
        (("--port", "70000"), "'--port'"),
        (("--latency-ms", "-1"), "'--latency-ms'"),
        (("--bucket", "UPPER"), "'UPPER' cannot be made"),
        (("--bucket", "quarantine"), "quarantine"),
    ],
)
def test_wrong_options_are_refused(policy: Path, arguments: tuple[str, str], message: str) -> None:
    """What cannot be is refused with the option's name, before anything runs."""
    result = run("--policy", str(policy), *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_other_lines_go_to_standard_error_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """What the function prints besides outcomes cannot steer the terminal."""
    local_cloud.Report(closed=threading.Event()).write_log("\x1b[31mred\x07 é")
    assert capsys.readouterr() == ("", "\\x1b[31mred\\x07 é\n")

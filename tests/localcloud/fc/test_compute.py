"""Function Compute's stand-in, with small functions written for each test."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.environment.making import ROOT
from scripts.localcloud.fc.compute import FunctionCompute, Misbehaviour
from scripts.localcloud.fc.queue import Answer
from scripts.localcloud.wire import Identity

ROLE = Identity("STS.role", "role-secret", "role-token")
IDLE_S = 60

Deploy = Callable[..., Path]


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """Write handler/index.py with the source given; returns the code directory."""

    def write(source: str, *, package: bool = True) -> Path:
        folder = tmp_path / "code" / "handler"
        folder.mkdir(parents=True)
        if package:
            (folder / "__init__.py").touch()
        (folder / "index.py").write_text(f"import json, os, sys, time\ndef initializer(context): pass\n{source}")
        return folder.parent

    return write


@contextmanager
def running(code_dir: Path, **options: object) -> Iterator[FunctionCompute]:
    """A started stand-in that retries without waiting."""
    settings: dict[str, object] = {"env": {}, "identity": ROLE, "retry_delay_s": 0.0} | options
    with FunctionCompute(code_dir, **settings) as compute:  # type: ignore[arg-type]
        yield compute


def read(answer: Answer) -> dict[str, object]:
    """The JSON object in an answer."""
    value = json.loads(answer.payload)
    assert isinstance(value, dict)
    return value


def is_gone(pid: int) -> bool:
    """No process with that number runs; in a container a dead one may stay listed, for nobody collects it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    listed = Path(f"/proc/{pid}/stat")
    return listed.exists() and ") Z " in listed.read_text()


@pytest.mark.parametrize(
    ("returned", "payload"),
    [("'text'", b"text"), ("b'\\xff'", b"\xff"), ("{'a': [1]}", b'{"a": [1]}'), ("None", b"null")],
)
def test_return_value_is_encoded_as_the_runtime_does(deploy: Deploy, returned: str, payload: bytes) -> None:
    """Text and bytes go back as they are, anything else as JSON."""
    with running(deploy(f"def handler(event, context): return {returned}")) as compute:
        answer = compute.invoke(b"")
    assert (answer.payload, answer.function_error) == (payload, None)


def test_event_arrives_as_bytes(deploy: Deploy) -> None:
    """The event is bytes, unchanged, whatever they are."""
    with running(deploy("def handler(event, context): return event[::-1]")) as compute:
        assert compute.invoke(b"\x00\xff\nab").payload == b"ba\n\xff\x00"


def test_context_is_that_of_python310(deploy: Deploy) -> None:
    """The function finds its ids, credentials and facts where the runtime puts them."""
    source = """
def handler(event, c):
    return {"id": c.request_id, "keys": vars(c.credentials), "function": vars(c.function), "region": c.region,
            "account": c.account_id, "retry": c.retry_count, "service": c.service.name}
"""
    with running(deploy(source), timeout_s=30, memory_mb=256, region="eu-west-1", account_id="77") as compute:
        first, retried = compute.invoke(b"", request_id="1-a"), compute.invoke(b"", retry_count=2)
    assert read(first) == {
        "id": "1-a",
        "keys": {"access_key_id": "STS.role", "access_key_secret": "role-secret", "security_token": "role-token"},
        "function": {"name": "bucket-warden", "handler": "handler.index.handler", "memory": 256, "timeout": 30},
        "region": "eu-west-1",
        "account": "77",
        "retry": None,
        "service": "",
    }
    assert read(retried)["retry"] == "2"


def test_environment_is_the_functions_own(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reserved names are replaced, nothing of the parent's environment is inherited."""
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    env = {"POLICY": "p.yaml", "FC_REGION": "mine", "FC_MINE": "x"}
    with running(deploy("def handler(event, context): return dict(os.environ)"), env=env) as compute:
        found = read(compute.invoke(b""))
    assert found["POLICY"] == "p.yaml"
    assert found["FC_REGION"] == "ap-southeast-1"
    assert found["FC_FUNCTION_NAME"] == "bucket-warden"
    assert found["ALIBABA_CLOUD_SECURITY_TOKEN"] == "role-token"
    assert not {"FC_MINE", "SECRET_OF_THE_PARENT", "PYTHONPATH"} & set(found)


def test_only_the_code_directory_is_importable(deploy: Deploy) -> None:
    """The function runs in its code directory and cannot import this project."""
    source = """
def handler(event, context):
    try:
        import scripts
    except ModuleNotFoundError:
        return {"first": sys.path[0], "cwd": os.getcwd()}
"""
    code_dir = deploy(source)
    with running(code_dir) as compute:
        assert read(compute.invoke(b"")) == {"first": str(code_dir), "cwd": str(code_dir)}


def test_code_directory_gets_no_bytecode(deploy: Deploy) -> None:
    """The code directory is left as it was, as the read-only one in the cloud is."""
    code_dir = deploy("def handler(event, context): return 1")
    with running(code_dir) as compute:
        compute.invoke(b"")
    assert not list(code_dir.rglob("*.pyc"))


def test_initializer_runs_once_an_instance(deploy: Deploy) -> None:
    """Two invocations of one instance see one initialization."""
    source = """
calls = []
def initializer(context): calls.append(context.request_id)
def handler(event, context): return {"calls": len(calls), "pid": os.getpid()}
"""
    with running(deploy(source)) as compute:
        first, second = read(compute.invoke(b"")), read(compute.invoke(b""))
    assert first == second
    assert first["calls"] == compute.cold_starts == 1


def test_failing_initializer_fails_the_invocation(deploy: Deploy) -> None:
    """The initializer's error is the answer, and the next invocation tries a new instance."""
    source = "def handler(event, context): return 1\ndef initializer(context): raise ValueError('POLICY is missing')"
    with running(deploy(source)) as compute:
        answers = [compute.invoke(b""), compute.invoke(b"")]
    assert [read(answer)["errorMessage"] for answer in answers] == ["POLICY is missing"] * 2
    assert compute.cold_starts == 2


def test_function_without_initializer(deploy: Deploy) -> None:
    """The initializer is optional."""
    with running(deploy("def handler(event, context): return 'ok'"), initializer=None) as compute:
        assert compute.invoke(b"").payload == b"ok"


def test_exception_is_described(deploy: Deploy) -> None:
    """An exception becomes errorMessage, errorType and stackTrace; the instance lives on."""
    lines: list[str] = []
    with running(deploy("def handler(event, context): return {}['k']"), on_log=lines.append) as compute:
        answer = compute.invoke(b"")
        compute.invoke(b"")
    described = read(answer)
    assert answer.function_error == "UnhandledInvocationError"
    assert (described["errorMessage"], described["errorType"]) == ("'k'", "KeyError")
    assert str(described["stackTrace"]).count("in handler") == 1
    assert "KeyError: 'k'" in lines
    assert (compute.cold_starts, compute.failures) == (1, 2)


def test_package_without_init_is_refused(deploy: Deploy) -> None:
    """A handler folder without __init__.py fails here, as it does with the loaders of older runtimes."""
    with running(deploy("def handler(event, context): return 1", package=False)) as compute:
        answer = compute.invoke(b"")
    assert "has no __init__.py" in str(read(answer)["errorMessage"])


def test_log_lines_are_complete_before_the_answer(deploy: Deploy) -> None:
    """What the function prints on either stream, a long line or an unfinished one too, is its log and nothing else."""
    source = """
def handler(event, context):
    print('{"ok": true}'); print('error', file=sys.stderr); print('x' * 200_000); print('no end', end='')
    return 'ok'
"""
    lines: list[str] = []
    with running(deploy(source), on_log=lines.append) as compute:
        assert compute.invoke(b"").payload == b"ok"
        assert lines == ['{"ok": true}', "error", "x" * 200_000]
    assert lines[3:] == ["no end"]


def test_logging_is_decorated(deploy: Deploy) -> None:
    """Records of the logging module get the runtime's time, request id and level before them."""
    lines: list[str] = []
    source = "def handler(event, context): context.logger.warning('careful %s', 1)"
    with running(deploy(source), on_log=lines.append) as compute:
        compute.invoke(b"", request_id="1-b")
    assert len(lines) == 1
    assert lines[0].endswith("Z 1-b [WARNING] careful 1")


def test_large_answer_passes(deploy: Deploy) -> None:
    """An answer larger than any pipe's buffer arrives whole."""
    with running(deploy("def handler(event, context): return b'y' * 3_000_000")) as compute:
        assert compute.invoke(b"z" * 1_000_000).payload == b"y" * 3_000_000


def test_timeout_kills_the_instance(deploy: Deploy, tmp_path: Path) -> None:
    """A function over its time is killed: not even its `finally` runs; the next invocation is a cold start."""
    mark = tmp_path / "mark"
    source = f"""
def handler(event, context):
    if event == b"slow":
        print(os.getpid())
        try:
            while True: print("busy")
        finally:
            open({str(mark)!r}, "w").close()
    return "quick"
"""
    lines: list[str] = []
    with running(deploy(source), timeout_s=1, on_log=lines.append) as compute:
        slow, quick = compute.invoke(b"slow"), compute.invoke(b"quick")
    assert read(slow)["errorMessage"] == "Function timed out after 1 seconds"
    assert quick.payload == b"quick"
    assert (compute.kills, compute.cold_starts, mark.exists()) == (1, 2, False)
    assert is_gone(int(lines[0]))


def test_exit_of_the_process_fails_the_invocation(deploy: Deploy) -> None:
    """A function that ends its own process has failed, whatever its exit code and whatever it left running."""
    source = """
import subprocess
def handler(event, context):
    subprocess.Popen(["sleep", "60"])
    os._exit(0)
"""
    with running(deploy(source)) as compute:
        answer = compute.invoke(b"")
    assert read(answer)["errorMessage"] == "Process exited unexpectedly before completing request"
    assert answer.function_error == "UnhandledInvocationError"


def test_failures_are_retried_and_counted(deploy: Deploy) -> None:
    """A function that fails twice succeeds on the third delivery: context.retry_count is None, "1", "2"."""
    source = """
def handler(event, context):
    print(context.retry_count, context.request_id)
    if context.retry_count != "2": raise RuntimeError("not yet")
"""
    lines: list[str] = []
    with running(deploy(source), on_log=lines.append) as compute:
        compute.invoke_async(b"e")
        assert compute.wait_idle(IDLE_S)
    seen = [line.split() for line in lines if " 1-" in line]
    assert [count for count, _ in seen] == ["None", "1", "2"]
    assert len({request_id for _, request_id in seen}) == 1
    assert (compute.deliveries, compute.failures, compute.dead_letters) == (3, 2, [])


def test_retries_may_get_a_new_request_id(deploy: Deploy) -> None:
    """Whether a retry keeps its id is not documented: the other answer can be asked for."""
    with running(
        deploy("def handler(event, context): 1/0"), max_retries=1, misbehaviour=Misbehaviour(new_id_on_retry=True)
    ) as compute:
        compute.invoke_async(b"e")
        assert compute.wait_idle(IDLE_S)
    assert len({answer.request_id for answer in compute.results}) == 2


def test_last_failure_is_a_dead_letter(deploy: Deploy) -> None:
    """After max_retries the failure destination gets the documented payload."""
    sent: list[dict[str, object]] = []
    with running(
        deploy("def handler(event, context): raise OSError('no')"), max_retries=1, on_dead_letter=sent.append
    ) as compute:
        compute.invoke_async('{"clé": 1}'.encode())
        assert compute.wait_idle(IDLE_S)
    assert sent == compute.dead_letters
    [letter] = sent
    assert isinstance(letter.pop("timestamp"), int)
    assert json.loads(str(letter.pop("responsePayload")))["errorMessage"] == "no"
    assert letter == {
        "requestContext": {
            "requestId": compute.results[0].request_id,
            "functionArn": "acs:fc:ap-southeast-1:1234567890123456:functions/bucket-warden",
            "condition": "UnhandledInvocationError",
            "approximateInvokeCount": 2,
        },
        "requestPayload": '{"clé": 1}',
        "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
    }


def test_synchronous_invocation_is_not_retried(deploy: Deploy) -> None:
    """`invoke` is one delivery, failed or not."""
    with running(deploy("def handler(event, context): 1/0")) as compute:
        compute.invoke(b"")
        assert compute.wait_idle(IDLE_S)
    assert (compute.deliveries, compute.dead_letters) == (1, [])


def test_events_are_delivered_in_order_without_misbehaviour(deploy: Deploy) -> None:
    """One instance handles what was queued first, first."""
    with running(deploy("def handler(event, context): return event")) as compute:
        for number in range(8):
            compute.invoke_async(b"%d" % number)
        assert compute.wait_idle(IDLE_S)
    assert [answer.payload for answer in compute.results] == [b"%d" % number for number in range(8)]


def test_shuffle_is_repeatable(deploy: Deploy) -> None:
    """Held events are delivered in another order, the same one for the same seed."""
    code_dir = deploy("def handler(event, context): return event")
    orders = []
    for _ in range(2):
        with running(code_dir, misbehaviour=Misbehaviour(shuffle_seed=7)) as compute:
            compute.hold()
            for number in range(8):
                compute.invoke_async(b"%d" % number)
            assert not compute.wait_idle(0)
            compute.release()
            assert compute.wait_idle(IDLE_S)
        orders.append([answer.payload for answer in compute.results])
    assert orders[0] == orders[1] != sorted(orders[0])


def test_duplicates_are_invocations_of_their_own(deploy: Deploy) -> None:
    """With two copies each event arrives twice, under two request ids."""
    with running(deploy("def handler(event, context): return event"), misbehaviour=Misbehaviour(copies=2)) as compute:
        compute.invoke_async(b"e")
        assert compute.wait_idle(IDLE_S)
    assert [answer.payload for answer in compute.results] == [b"e", b"e"]
    assert len({answer.request_id for answer in compute.results}) == 2


def test_instances_limit_concurrency(deploy: Deploy, tmp_path: Path) -> None:
    """Each instance handles one request at a time, and there are never more than reserved."""
    source = f"""
def handler(event, context):
    lock = {str(tmp_path)!r} + "/" + str(os.getpid())
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    time.sleep(0.02)
    os.unlink(lock)
    return str(os.getpid())
"""
    with running(deploy(source), instances=2) as compute:
        for _ in range(12):
            compute.invoke_async(b"")
        assert compute.wait_idle(IDLE_S)
    assert compute.failures == 0
    assert len({answer.payload for answer in compute.results}) == compute.cold_starts == 2


def test_kill_ends_an_instance_at_work(deploy: Deploy) -> None:
    """A kill in the middle of an invocation runs none of its code, and the event is delivered again."""
    source = """
def handler(event, context):
    if context.retry_count is None:
        print("at work")
        time.sleep(60)
    return "done"
"""
    at_work = threading.Event()
    with running(deploy(source), on_log=lambda line: at_work.set() if line == "at work" else None) as compute:
        compute.invoke_async(b"")
        assert at_work.wait(IDLE_S)
        assert compute.kill() == 1
        assert compute.wait_idle(IDLE_S)
    assert [answer.payload for answer in compute.results][1:] == [b"done"]
    assert (compute.kills, compute.failures) == (1, 1)


def test_kill_spares_the_idle(deploy: Deploy) -> None:
    """An instance that waits for work is not killed."""
    with running(deploy("def handler(event, context): return 1")) as compute:
        compute.invoke(b"")
        compute.wait_idle(IDLE_S)
        assert compute.kill() == 0
        compute.invoke(b"")
    assert compute.cold_starts == 1


def test_stop_leaves_no_process(deploy: Deploy) -> None:
    """Leaving the context by an exception ends idle and working instances, and forgets what is queued."""
    lines: list[str] = []
    at_work = threading.Event()

    def note(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            at_work.set()

    source = "def handler(event, context):\n print(os.getpid())\n time.sleep(float(event))"
    compute = FunctionCompute(deploy(source), env={}, identity=ROLE, instances=2, on_log=note)

    def fail_in_the_middle() -> None:
        with compute:
            for _ in range(4):
                compute.invoke_async(b"60")
            assert at_work.wait(IDLE_S)
            raise LookupError

    with pytest.raises(LookupError):
        fail_in_the_middle()
    compute.stop()
    assert [is_gone(int(pid)) for pid in lines] == [True, True]
    assert compute.dead_letters == []
    assert compute.wait_idle(IDLE_S)


def test_instances_end_with_their_parent(deploy: Deploy) -> None:
    """A parent that is killed, and can stop nothing, leaves no instance behind."""
    parent = """
import os, signal, sys
from pathlib import Path
from scripts.localcloud.fc.compute import FunctionCompute
from scripts.localcloud.wire import Identity
compute = FunctionCompute(Path(sys.argv[1]), env={}, identity=Identity("a", "b"))
compute.start()
print(compute.invoke(b"").payload.decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    code_dir = deploy("def handler(event, context): return str(os.getpid())")
    command = [sys.executable, "-c", parent, str(code_dir)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603 - the test's own
    assert done.returncode == -signal.SIGKILL
    ends_by = time.monotonic() + IDLE_S
    while not is_gone(int(done.stdout)) and time.monotonic() < ends_by:
        time.sleep(0.02)
    assert is_gone(int(done.stdout))


def test_renewed_credentials_are_seen_by_the_next_invocation(deploy: Deploy) -> None:
    """A running instance gets new STS credentials in its context."""
    source = "def handler(event, context): return context.credentials.security_token"
    with running(deploy(source)) as compute:
        before = compute.invoke(b"").payload
        compute.identity = Identity("STS.two", "s", "second-token")
        assert (before, compute.invoke(b"").payload) == (b"role-token", b"second-token")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retries": 9}, "max_retries is 9; 0 to 8"),
        ({"instances": 0}, "instances is 0; at least 1"),
        ({"env": {"A": "x" * 4096}}, "the environment has 4097 bytes"),
    ],
)
def test_what_function_compute_refuses_is_refused(deploy: Deploy, options: dict[str, object], message: str) -> None:
    """Settings beyond the documented limits are an error at once."""
    code_dir = deploy("")
    with pytest.raises(ValueError, match=message), running(code_dir, **options):
        pass


def test_asynchronous_payload_is_limited(deploy: Deploy) -> None:
    """Over 128 KiB an asynchronous invocation is refused."""
    with running(deploy("")) as compute, pytest.raises(ValueError, match="131073 bytes"):
        compute.invoke_async(b"x" * (128 * 1024 + 1))


def test_invoke_needs_a_running_stand_in(deploy: Deploy) -> None:
    """Invoking before the start says so instead of waiting for ever."""
    compute = FunctionCompute(deploy(""), env={}, identity=ROLE, python=sys.executable)
    with pytest.raises(RuntimeError, match="not running"):
        compute.invoke(b"")

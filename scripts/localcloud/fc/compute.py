"""Function Compute's stand-in: instances, the asynchronous queue with its retries, and the failure destination.

From the vendor's documentation: at least once, `max_retries` after function errors, the shape of the failure
destination's payload. Not confirmed by it, and therefore settings here: the spacing of those retries, and whether a
retry keeps its request id. The wording of the errors for a timeout and a lost process is ours.
"""

import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import final

from scripts.localcloud.fc.function import Function
from scripts.localcloud.fc.process import Instance, InstanceDied, InstanceTimedOut, Reply
from scripts.localcloud.fc.queue import Answer, Delivery, DeliveryQueue
from scripts.localcloud.wire import Identity

FUNCTION_ERROR = "UnhandledInvocationError"
MOST_RETRIES = 8
MOST_ASYNC_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What Function Compute may do, on request.

    `copies`: how often each asynchronous event is delivered (at least once means that it may be more), each copy with
    a request id and retries of its own. `shuffle_seed`: deliver in any order, the same one for the same seed.
    `new_id_on_retry`: a retry gets another request id.
    """

    copies: int = 1
    shuffle_seed: int | None = None
    new_id_on_retry: bool = False


class _Slot:
    """The place of one instance: reserved concurrency is the number of these."""

    def __init__(self) -> None:
        self.instance: Instance | None = None
        self.busy = False


@final
@dataclass(eq=False)
class FunctionCompute:
    """One function, deployed from a code directory. Use as a context manager, or `start` and `stop`.

    `env` is the user's own environment (names beginning FC_ are removed, as there). `identity` is the function's role;
    another one set here is seen by the next invocation, as when STS is renewed. `timeout_s` limits the initializer
    and each invocation. `instances` is the reserved concurrency: what comes on top waits, as invocations refused with
    429 do. `on_log` gets each line that the function prints, `on_dead_letter` each payload of the failure destination;
    both are called in threads of this class and must not raise.
    Raises ValueError for what Function Compute would refuse.
    """

    code_dir: Path
    _: KW_ONLY
    env: Mapping[str, str]
    identity: Identity
    handler: str = "handler.index.handler"
    initializer: str | None = "handler.index.initializer"
    timeout_s: float = 60
    memory_mb: int = 512
    instances: int = 1
    max_retries: int = 3
    retry_delay_s: float = 0.2
    region: str = "ap-southeast-1"
    account_id: str = "1234567890123456"
    function_name: str = "bucket-warden"
    python: str = sys.executable
    on_log: Callable[[str], None] = lambda _line: None
    on_dead_letter: Callable[[dict[str, object]], None] = lambda _letter: None
    misbehaviour: Misbehaviour | None = None

    deliveries: int = field(init=False, default=0)
    failures: int = field(init=False, default=0)
    kills: int = field(init=False, default=0)
    cold_starts: int = field(init=False, default=0)
    results: list[Answer] = field(init=False, default_factory=list)
    dead_letters: list[dict[str, object]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if not 0 <= self.max_retries <= MOST_RETRIES:
            raise ValueError(f"max_retries is {self.max_retries!r}; 0 to {MOST_RETRIES} is allowed")
        if self.instances < 1:
            raise ValueError(f"instances is {self.instances!r}; at least 1 is needed")
        self._function = self._describe()
        self._misbehaviour = self.misbehaviour or Misbehaviour()
        self._queue = DeliveryQueue(self._misbehaviour.shuffle_seed)
        self._slots = [_Slot() for _ in range(self.instances)]
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = False

    def _describe(self) -> Function:
        return Function(
            code_dir=self.code_dir.resolve(strict=True),
            handler=self.handler,
            initializer=self.initializer,
            name=self.function_name,
            timeout_s=self.timeout_s,
            memory_mb=self.memory_mb,
            region=self.region,
            account_id=self.account_id,
            python=self.python,
            env=self.env,
        )

    def __enter__(self) -> "FunctionCompute":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Take deliveries from now on. Instances start when there is work for them."""
        for slot in self._slots:
            thread = threading.Thread(target=self._serve, args=(slot,), name="function-compute", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Kill what runs, forget what is queued, leave no process behind. May be called twice."""
        with self._lock:
            self._stopping = True
            running = [slot.instance for slot in self._slots if slot.instance]
        for delivery in self._queue.close():
            if delivery.answer:
                delivery.answer.set_exception(RuntimeError("Function Compute's stand-in was stopped"))
        for instance in running:
            instance.kill()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def invoke(self, payload: bytes, *, retry_count: int | None = None, request_id: str | None = None) -> Answer:
        """Deliver once and wait for the answer. No retries; waits for a free instance."""
        if not self._threads:
            raise RuntimeError("Function Compute's stand-in is not running; start() it first")
        answer: Future[Answer] = Future()
        self._queue.put(Delivery(payload, request_id or _new_request_id(), retry_count, answer))
        return answer.result()

    def invoke_async(self, payload: bytes) -> None:
        """Queue an event. It is delivered at least once, retried after function errors, then a dead letter.

        Raises ValueError over 128 KiB.
        """
        if len(payload) > MOST_ASYNC_BYTES:
            raise ValueError(f"the payload has {len(payload)} bytes; asynchronous ones may have {MOST_ASYNC_BYTES}")
        for _ in range(self._misbehaviour.copies):
            self._queue.put(Delivery(payload, _new_request_id()))

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is queued, to be retried or running; False if it takes longer than `timeout_s`."""
        return self._queue.wait_idle(timeout_s)

    def hold(self) -> None:
        """Keep asynchronous events in the queue until `release`, for example to have them shuffled."""
        self._queue.hold()

    def release(self) -> None:
        """Deliver what was held."""
        self._queue.release()

    def kill(self) -> int:
        """SIGKILL every instance that is at work; returns when they are dead, with their number.

        None of the function's code runs after this: what a kill for time or memory does. May be called by whoever
        watches the function's calls, in the middle of one.
        """
        with self._lock:
            at_work = [slot.instance for slot in self._slots if slot.busy and slot.instance]
            self.kills += len(at_work)
        for instance in at_work:
            instance.kill()
        return len(at_work)

    def _serve(self, slot: _Slot) -> None:
        try:
            while delivery := self._queue.get():
                try:
                    self._settle(delivery, self._deliver(slot, delivery))
                finally:
                    self._queue.done()
        finally:
            self._discard(slot)

    def _deliver(self, slot: _Slot, delivery: Delivery) -> Answer:
        with self._lock:
            self.deliveries += 1
            slot.busy = True
        try:
            reply = self._reply(slot, delivery)
        except InstanceTimedOut:
            self._discard(slot)
            with self._lock:
                self.kills += 1
            reply = _failure(f"Function timed out after {self._function.timeout_s} seconds")
        except InstanceDied:
            self._discard(slot)
            reply = _failure("Process exited unexpectedly before completing request")
        finally:
            slot.busy = False
        function_error = None if reply.ok else FUNCTION_ERROR
        return Answer(delivery.request_id, delivery.retry_count, reply.payload, function_error)

    def _reply(self, slot: _Slot, delivery: Delivery) -> Reply:
        """What the instance says; a cold one is initialized first, and given up if that fails."""
        instance = slot.instance
        if instance is None or not instance.alive:
            self._discard(slot)
            instance = self._start_instance(slot)
            reply = instance.request("initialize", request_id=delivery.request_id, identity=self.identity)
            if not reply.ok:
                self._discard(slot)
                return reply
        return instance.request(
            "invoke",
            request_id=delivery.request_id,
            identity=self.identity,
            retry_count=delivery.retry_count,
            payload=delivery.payload,
        )

    def _start_instance(self, slot: _Slot) -> Instance:
        with self._lock:
            if self._stopping:
                raise InstanceDied("stopped before it started")
            self.cold_starts += 1
            slot.instance = Instance(self._function, self.identity, self.on_log)
            return slot.instance

    def _discard(self, slot: _Slot) -> None:
        with self._lock:
            instance, slot.instance = slot.instance, None
        if instance:
            instance.close()

    def _settle(self, delivery: Delivery, answer: Answer) -> None:
        """Give the answer to who waits for it; else retry a failure, or send it to the failure destination."""
        with self._lock:
            self.results.append(answer)
            self.failures += answer.function_error is not None
            stopping = self._stopping
        if delivery.answer:
            delivery.answer.set_result(answer)
        elif answer.function_error and not stopping:
            retries = delivery.retry_count or 0
            if retries < self.max_retries:
                request_id = _new_request_id() if self._misbehaviour.new_id_on_retry else delivery.request_id
                self._queue.put(Delivery(delivery.payload, request_id, retries + 1), delay_s=self.retry_delay_s)
            else:
                self._send_dead_letter(delivery, answer)

    def _send_dead_letter(self, delivery: Delivery, answer: Answer) -> None:
        function = self._function
        letter: dict[str, object] = {
            "timestamp": int(time.time() * 1000),
            "requestContext": {
                "requestId": answer.request_id,
                "functionArn": f"acs:fc:{function.region}:{function.account_id}:functions/{function.name}",
                "condition": FUNCTION_ERROR,
                "approximateInvokeCount": (delivery.retry_count or 0) + 1,
            },
            "requestPayload": delivery.payload.decode(errors="replace"),
            "responseContext": {"statusCode": 200, "functionError": FUNCTION_ERROR},
            "responsePayload": answer.payload.decode(errors="replace"),
        }
        self.dead_letters.append(letter)
        self.on_dead_letter(letter)


def _failure(message: str) -> Reply:
    return Reply(ok=False, payload=json.dumps({"errorMessage": message}).encode())


def _new_request_id() -> str:
    digits = uuid.uuid4().hex
    return f"1-{digits[:8]}-{digits[8:16]}-{digits[16:28]}"

"""Deliveries that run at the same time, one call at a time, in an order that is chosen from outside.

Each delivery is a thread, of which only one runs: at each of its calls to the world it hands on. Time goes by as calls
take it, and where all sleep.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Semaphore, Thread

from handler.model import Outcome
from tests.upload.world import World

# How long a call of OSS takes, in seconds.
CALL_S = 0.02


class Killed(BaseException):
    """The platform ends an instance wherever it is."""


@dataclass(eq=False)
class Actor:
    """One delivery: `work` brings it to its Outcome. It begins at `wakes_at`, and is killed at its call `dies_at`."""

    work: Callable[[], Outcome | None]
    wakes_at: float
    dies_at: int | None = None
    calls: int = 0
    is_asking: bool = False
    outcome: Outcome | None = None
    bug: Exception | None = None
    is_over: bool = False
    was_killed: bool = False
    turn: Semaphore = field(default_factory=lambda: Semaphore(0))


class Interleaving:
    """Runs deliveries in one world; `choose` picks the next of so many that could go on.

    `asked` are those that asked the service, in the order of their calls. `judge_s`: how long the next one takes.
    """

    def __init__(self, world: World, choose: Callable[[int], int], judge_s: Callable[[], float]) -> None:
        self.world = world
        self.actors: list[Actor] = []
        self.asked: list[Actor] = []
        self._choose = choose
        self._judge_s = judge_s
        self._running: Actor | None = None
        self._back = Semaphore(0)
        world.on_call = self._on_call
        world.on_sleep = self._sleep

    def add(self, work: Callable[[], Outcome | None], *, after_s: float = 0.0, dies_at: int | None = None) -> Actor:
        """A delivery that begins so long from now."""
        actor = Actor(work, self.world.now + after_s, dies_at)
        self.actors.append(actor)
        Thread(target=self._play, args=(actor,), daemon=True).start()
        return actor

    def run(self) -> None:
        """Let all come to their ends. Raises what none of them should."""
        while alive := [actor for actor in self.actors if not actor.is_over]:
            self.world.now = max(self.world.now, min(actor.wakes_at for actor in alive))
            ready = [actor for actor in alive if actor.wakes_at <= self.world.now]
            self._running = ready[self._choose(len(ready))]
            self._running.turn.release()
            self._back.acquire()
            if self._running.is_asking:
                self.asked.append(self._running)
                self._running.wakes_at += self._judge_s()
            if self._running.bug is not None:
                raise self._running.bug

    def _play(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            actor.outcome = actor.work()
        except Killed:
            actor.was_killed = True
        except Exception as exc:  # noqa: BLE001  (it is raised by who runs all this)
            actor.bug = exc
        actor.is_over = True
        self._back.release()

    def _on_call(self, call: str) -> None:
        actor = self._running
        assert actor is not None
        actor.calls += 1
        if actor.calls == actor.dies_at:
            raise Killed
        actor.is_asking = call == "judge"
        self._sleep(0.0 if actor.is_asking else CALL_S)
        actor.is_asking = False

    def _sleep(self, seconds: float) -> None:
        actor = self._running
        assert actor is not None
        actor.wakes_at = self.world.now + seconds
        self._back.release()
        actor.turn.acquire()

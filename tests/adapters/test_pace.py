"""How fast an instance asks the service: the pace itself, in the adapter, and among many in simulated time."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from handler.adapters.green import GreenModerator
from handler.adapters.pace import LONGEST_INTERVAL_S, SHORTEST_CALL_S, WIDENED, Pace
from handler.credentials import Credentials
from handler.errors import FailureKind, NoVerdict, OperatorError
from handler.meter import Meter
from handler.model import Upload
from scripts.bench.pacing_simulation import simulate_burst
from scripts.localcloud.green.answer import HARMLESS
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.green.throttle import LIMITERS, FixedSecond, SlidingSecond
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall

ROLE = Identity("STS.role", "role-secret", "role-token")
UPLOAD = Upload("uploads", "a.png", "E1", None, 5, None, "ap-southeast-1", "ObjectCreated:PutObject", "", "58F9")


class Unpaced(Pace):
    """What it would be without."""

    def throttle(self) -> None:
        """Learn nothing."""


def test_calls_follow_at_once_until_one_is_throttled() -> None:
    """Who is alone with the limit is never held up."""
    pace = Pace()
    for now_s in range(3):
        assert pace.wait_s(now_s) == 0
        pace.begin(now_s)
        pace.answer(0.3)
    assert pace.wait_s(3) == 0


def test_throttled_call_keeps_the_next_apart() -> None:
    """By more than a call takes, else nothing would change; counted from the beginning of the last one."""
    pace = Pace()
    pace.begin(10.0)
    pace.answer(0.3)
    pace.begin(11.0)
    pace.throttle()
    assert pace.interval_s == pytest.approx(0.3 * WIDENED)
    assert pace.wait_s(11.1) == pytest.approx(0.3 * WIDENED - 0.1)
    assert pace.wait_s(12.0) == 0


def test_first_call_may_be_throttled() -> None:
    """What a call takes is guessed then."""
    pace = Pace()
    pace.begin(0.0)
    pace.throttle()
    assert pace.interval_s == pytest.approx(SHORTEST_CALL_S * WIDENED)


def test_interval_has_a_bound() -> None:
    """A service that refuses everything for an hour does not stop an instance for another."""
    pace = Pace()
    for _ in range(100):
        pace.throttle()
    assert pace.interval_s == LONGEST_INTERVAL_S


@pytest.mark.parametrize(("limit", "longest_s"), [(20, 5.0), (50, 2.0), (5, 20.0), (1000, 1.0), (0.01, 60.0)])
def test_bound_goes_by_the_accounts_limit(limit: float, longest_s: float) -> None:
    """A hundred instances find their place at it, whatever it is, within a minute."""
    pace = Pace.at_limit(limit)
    for _ in range(100):
        pace.throttle()
    assert pace.interval_s == longest_s


@pytest.mark.parametrize("limit", [5, 10, 50, 100])
def test_budget_is_met_at_another_limit(limit: float) -> None:
    """As many instances as it feeds use the whole of it."""
    burst = simulate_burst(uploads=round(20 * limit), qps=limit, instances=max(1, round(limit * 0.35)))
    assert burst.ratio <= 1.1
    assert burst.throttled_share <= 0.05


def test_answers_narrow_the_interval_ever_faster() -> None:
    """A throttled call is forgotten after about 25 answers, the worst after some 150."""
    pace = Pace()
    pace.answer(0.3)
    pace.throttle()
    before_s = pace.interval_s
    for _ in range(26):
        pace.answer(0.3)
    assert pace.interval_s * WIDENED == pytest.approx(before_s, rel=0.05)
    pace = Pace(interval_s=LONGEST_INTERVAL_S)
    for _ in range(150):
        pace.answer(0.3)
    assert pace.interval_s < SHORTEST_CALL_S
    for _ in range(2000):
        pace.answer(0.3)
    assert pace.interval_s == 0


@pytest.mark.parametrize("uploads", [400, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_budget_is_met_on_paper(uploads: int, seed: int) -> None:
    """Eight instances, 300 ms a call, 20 calls a second: in time, and hardly throttled."""
    burst = simulate_burst(uploads=uploads, seed=seed)
    assert burst.ratio <= 1.05
    assert burst.throttled_share <= 0.05


def test_pacing_is_worth_it() -> None:
    """Without it, several times as many calls are throttled."""
    paced, unpaced = simulate_burst(uploads=1000), simulate_burst(uploads=1000, make_pace=Unpaced)
    assert unpaced.throttled_share > 4 * paced.throttled_share
    assert paced.ratio < unpaced.ratio + 0.02


@pytest.mark.parametrize(("instances", "latency_s"), [(16, 0.3), (50, 0.3), (8, 0.1), (50, 1.0)])
def test_too_many_instances_still_use_the_whole_limit(instances: int, latency_s: float) -> None:
    """They settle at it, whatever their number, only with more throttled calls on the way."""
    burst = simulate_burst(uploads=1000, instances=instances, latency_s=latency_s)
    assert burst.ratio < 1.1


@pytest.mark.parametrize("limiter", ["fixed-second", "sliding-second"])
def test_other_ways_to_count_cost_time_not_uploads(limiter: str) -> None:
    """Should the account's limit be counted otherwise: at most a sixth slower, and hardly throttled."""
    burst = simulate_burst(uploads=1000, limiter=limiter)
    assert burst.ratio < 1.17
    assert burst.throttled_share <= 0.05


def test_same_seed_is_the_same_burst() -> None:
    """So that a number in the documents can be had again."""
    assert simulate_burst(uploads=100, seed=3) == simulate_burst(uploads=100, seed=3)


def test_fixed_second_counts_anew_each_second() -> None:
    """Two calls at the end of one second and two at the beginning of the next all pass."""
    now = [0.9]
    limiter = FixedSecond(2, lambda: now[0])
    assert [limiter.take() for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert [limiter.take() for _ in range(3)] == [True, True, False]


def test_sliding_second_counts_back_from_now() -> None:
    """A call counts for exactly a second."""
    now = [0.5]
    limiter = SlidingSecond(2, lambda: now[0])
    assert limiter.take()
    now[0] = 1.2
    assert [limiter.take() for _ in range(2)] == [True, False]
    now[0] = 1.5
    assert [limiter.take() for _ in range(2)] == [True, False]


@pytest.mark.parametrize("limiter", LIMITERS)
def test_limit_below_one_still_lets_one_through(limiter: str) -> None:
    """Else nothing ever would."""
    now = [0.0]
    take = LIMITERS[limiter](0.5, lambda: now[0]).take
    assert [take(), take()] == [True, False]


class Refusing(Bystander):
    """Refuses calls at the level of HTTP, while it is told to."""

    code = ""

    def before(self, call: WireCall) -> Fault | None:
        """Throttle, or let it be."""
        del call
        return Fault(status=400, code=self.code) if self.code else None


class Toggle:
    """A limiter that refuses while it is told to."""

    is_full = False

    def take(self) -> bool:
        """Whether this call may pass."""
        return not self.is_full


class Account:
    """A service that throttles at will, and an adapter on a clock of its own."""

    def __init__(self, server: GreenServer) -> None:
        self.toggle, self.refusing = Toggle(), Refusing()
        server.limiter, server.observer = self.toggle, self.refusing
        self.now = 100.0
        self.pauses: list[float] = []
        self.moderator = GreenModerator(
            Credentials(ROLE.access_key_id, ROLE.access_key_secret, str(ROLE.security_token)),
            endpoint=server.endpoint,
            region="ap-southeast-1",
            service="postImageCheckByVL_global",
            info_types=(),
            referer=None,
            meter=Meter(),
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.pauses.append(seconds)
        self.now += seconds

    def ask(self, timeout_s: float = 5.0) -> FailureKind | None:
        """Ask once; why there is no verdict, or None."""
        try:
            self.moderator.judge(UPLOAD, url=None, timeout_s=timeout_s)
        except NoVerdict as exc:
            return exc.kind
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[GreenServer]:
    """A service that sees no risk."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    with GreenServer([ROLE], fetch=lambda *_: out.getvalue(), eyes=lambda *_: HARMLESS) as running:
        yield running


@pytest.fixture
def account(server: GreenServer) -> Account:
    """An instance that has asked for nothing yet."""
    return Account(server)


def test_adapter_waits_for_its_turn_once_throttled(account: Account) -> None:
    """Code 403 keeps the next call apart, and only as long as that is worth anything."""
    assert account.ask() is None
    account.toggle.is_full = True
    account.now += 1
    assert account.ask() is FailureKind.UNAVAILABLE
    assert account.pauses == []
    account.toggle.is_full = False
    assert account.ask() is None
    assert account.pauses == [pytest.approx(SHORTEST_CALL_S * WIDENED)]
    account.now += LONGEST_INTERVAL_S
    assert account.ask() is None
    assert len(account.pauses) == 1


@pytest.mark.parametrize("code", ["Throttling", "Throttling.User"])
def test_throttling_of_http_counts_too(account: Account, code: str) -> None:
    """The gateway before the service has limits of its own."""
    account.refusing.code = code
    assert account.ask() is FailureKind.UNAVAILABLE
    account.refusing.code = ""
    assert account.ask() is None
    assert account.pauses == [pytest.approx(SHORTEST_CALL_S * WIDENED)]


def test_waiting_leaves_time_for_the_call(account: Account) -> None:
    """A record with little time left is asked about all the same: each has its own try."""
    account.toggle.is_full = True
    for _ in range(30):
        account.ask(timeout_s=0.5)
    assert account.pauses == []
    assert account.moderator._pace.interval_s == LONGEST_INTERVAL_S  # noqa: SLF001
    account.ask(timeout_s=1.25)
    assert account.pauses == [0.25]


def test_other_failures_hold_nobody_up(account: Account) -> None:
    """A refusal for another reason is no sign of too many calls."""
    account.refusing.code = "NoPermission"
    with pytest.raises(OperatorError, match="NoPermission"):
        account.ask()
    account.refusing.code = ""
    assert account.ask() is None
    assert account.pauses == []

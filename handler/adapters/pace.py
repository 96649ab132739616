"""How fast one instance may ask the moderation service, when all share a limit and no memory.

Each instance keeps its calls an interval apart. A throttled call widens the interval by a factor; each answer narrows
it, the more the longer nothing was throttled. So the instances together settle just above the account's limit, however
many they are and whatever it is, and about 2 % of the calls are throttled:
`scripts/bench/pacing_simulation.py` is where the numbers below come from.
"""

from dataclasses import dataclass

from handler.settings import CALLS_A_SECOND

WIDENED = 1.3
# About 25 answers undo one throttled call: 1.3 x the product of (1 - 0.0008 n) for n = 1 … 25 is 1.
NARROWED_AN_ANSWER = 0.0008
# No picture is downloaded and looked at in less; what was answered faster was answered unseen.
SHORTEST_CALL_S = 0.1
# So many instances find their place at the account's limit. The wider the interval, the longer until a passing trouble
# is forgotten; and no trouble is worth a minute.
MOST_INSTANCES = 100
LONGEST_INTERVAL_S = MOST_INSTANCES / CALLS_A_SECOND
LONGEST_INTERVALS_S = (1.0, 60.0)


@dataclass(slots=True)
class Pace:
    """The interval between the beginnings of an instance's calls, in seconds; 0 until a call is throttled.

    It never passes `longest_interval_s`. Lives as long as the instance.
    """

    interval_s: float = 0.0
    longest_interval_s: float = LONGEST_INTERVAL_S
    _began_at_s: float = float("-inf")
    _call_s: float = SHORTEST_CALL_S
    _answers_in_a_row: int = 0

    @classmethod
    def at_limit(cls, calls_a_second: float) -> "Pace":
        """The pace of an instance whose account may make so many calls."""
        least_s, most_s = LONGEST_INTERVALS_S
        return cls(longest_interval_s=min(max(MOST_INSTANCES / calls_a_second, least_s), most_s))

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next call may begin."""
        return max(0.0, self._began_at_s + self.interval_s - now_s)

    def begin(self, now_s: float) -> None:
        """A call begins."""
        self._began_at_s = now_s

    def answer(self, call_s: float) -> None:
        """It was answered, whatever the answer, and took `call_s` seconds."""
        self._call_s = max(call_s, SHORTEST_CALL_S)
        self._answers_in_a_row += 1
        self.interval_s *= max(0.0, 1 - NARROWED_AN_ANSWER * self._answers_in_a_row)

    def throttle(self) -> None:
        """It was throttled: calls that already follow one another at once must be kept apart by more than they take."""
        self._answers_in_a_row = 0
        self.interval_s = min(max(self.interval_s, self._call_s) * WIDENED, self.longest_interval_s)

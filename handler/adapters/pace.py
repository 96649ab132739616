"""How fast one instance may ask the moderation service, when all share a limit and no memory.

Each instance keeps its calls an interval apart. A throttled call widens the interval by a factor; each answer narrows
it, the more the longer nothing was throttled. So the instances together settle just above the account's limit, however
many they are and whatever it is (20 calls a second on the vendor's page), and about 2 % of the calls are throttled:
`scripts/bench/pacing_simulation.py` is where the numbers below come from.
"""

from dataclasses import dataclass

WIDENED = 1.3
# About 25 answers undo one throttled call: 1.3 x the product of (1 - 0.0008 n) for n = 1 … 25 is 1.
NARROWED_AN_ANSWER = 0.0008
# No picture is downloaded and looked at in less; what was answered faster was answered unseen.
SHORTEST_CALL_S = 0.1
# A hundred instances at 20 calls a second. The wider, the longer until a passing trouble is forgotten.
LONGEST_INTERVAL_S = 5.0


@dataclass(slots=True)
class Pace:
    """The interval between the beginnings of an instance's calls, in seconds; 0 until a call is throttled.

    Lives as long as the instance.
    """

    interval_s: float = 0.0
    _began_at_s: float = float("-inf")
    _call_s: float = SHORTEST_CALL_S
    _answers_in_a_row: int = 0

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
        self.interval_s = min(max(self.interval_s, self._call_s) * WIDENED, LONGEST_INTERVAL_S)

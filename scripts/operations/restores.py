"""Many restores: looked at together, so that of two copies of one key the newer goes back, and done side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from threading import Event

from handler.errors import WardenError
from scripts.operations.account import Account
from scripts.operations.causes import explain_error
from scripts.operations.copies import is_newer
from scripts.operations.crew import stopped_by_ctrl_c, work_through
from scripts.operations.releases import Grounds
from scripts.operations.restoring import Restore, Where, carry_out, plan_restore


class State(str, Enum):
    """What became of one place."""

    WOULD = "would restore"
    RESTORED = "restored"
    WAS_BACK = "is back already"
    NOT_RESTORED = "not restored"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Job:
    """How it is to be done. `buckets` are those of the command, by their options; `is_older_meant` as in restoring."""

    where: Where
    grounds: Grounds
    buckets: Mapping[str, str | None]
    is_older_meant: bool


@dataclass(frozen=True)
class Result:
    """What became of the copy at `location`; `plan` is there where it could be looked at, `error` where it failed.

    `note`: what was left undone beside the restored object.
    """

    location: str
    state: State
    plan: Restore | None = None
    error: str | None = None
    note: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to do."""
        return self.state not in {State.NOT_RESTORED, State.NOT_BEGUN}


def restore_all(
    account: Account, job: Job, locations: Sequence[str], show: Callable[[Result], None], *, yes: bool
) -> list[Result]:
    """Look at each, and with `yes` bring each back; `show` gets the results in the order given.

    One that fails stops no other. After Ctrl-C, also among the looks, what was not begun is so.
    """
    with stopped_by_ctrl_c() as stop:
        return _restore_all(account, job, locations, show, stop, yes=yes)


def _restore_all(  # noqa: PLR0913  (those of restore_all, and what stops it)
    account: Account, job: Job, locations: Sequence[str], show: Callable[[Result], None], stop: Event, *, yes: bool
) -> list[Result]:
    looked = work_through(account, locations, lambda fork, location: _look(fork, job, location), stopped=stop)
    if not yes or stop.is_set():
        results = [result or Result(place, State.NOT_BEGUN) for place, result in zip(locations, looked, strict=True)]
        told = [_not_begun(result) if yes else result for result in _newest_of_each_key(results)]
        for result in told:
            show(result)
        return told
    planned = _newest_of_each_key([result for result in looked if result is not None])
    done = work_through(
        account,
        planned,
        lambda fork, result: _do(fork, job, result, is_stale=len(planned) > 1),
        lambda _, result: show(result),
        stop,
    )
    return [result or replace(plan, state=State.NOT_BEGUN) for plan, result in zip(planned, done, strict=True)]


def _not_begun(result: Result) -> Result:
    """What was to be done, and was only looked at."""
    return replace(result, state=State.NOT_BEGUN) if result.state is State.WOULD else result


def _look(account: Account, job: Job, location: str) -> Result:
    try:
        plan = plan_restore(account, job.where, location, is_older_meant=job.is_older_meant)
    except WardenError as exc:
        return Result(location, State.NOT_RESTORED, error=explain_error(exc, job.buckets))
    return Result(location, State.WAS_BACK if plan.is_done else State.WOULD, plan)


def _do(account: Account, job: Job, looked: Result, *, is_stale: bool) -> Result:
    """`is_stale`: others were done before it, and much may have come to the key meanwhile."""
    result = _look(account, job, looked.location) if is_stale and looked.plan is not None else looked
    if result.plan is None:
        return result
    try:
        note = carry_out(account, job.where, result.plan, job.grounds)
    except WardenError as exc:
        return replace(result, state=State.NOT_RESTORED, error=explain_error(exc, job.buckets))
    return replace(result, state=State.WAS_BACK if result.plan.is_done else State.RESTORED, note=note)


def _newest_of_each_key(results: Sequence[Result]) -> list[Result]:
    """The same, where of several copies of one key only that of the newest upload is restored."""
    newest: dict[tuple[str, str], Result] = {}
    for result in results:
        if result.state is State.WOULD and result.plan is not None:
            held = result.plan.held
            known = newest.setdefault((held.bucket, held.key), result)
            if known.plan is not None and known is not result and is_newer(held, known.plan.held):
                newest[held.bucket, held.key] = result
    return [_give_way(result, newest) for result in results]


def _give_way(result: Result, newest: Mapping[tuple[str, str], Result]) -> Result:
    if result.state is not State.WOULD or result.plan is None:
        return result
    held = result.plan.held
    first = newest[held.bucket, held.key]
    if first is result:
        return result
    why = f"{held.bucket}/{held.key!r}: {first.location} is of a newer upload of the same key, and that one goes back"
    return Result(result.location, State.NOT_RESTORED, error=why)

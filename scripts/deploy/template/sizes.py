"""The sizes of the function: memory, cores, times and how many instances there may be."""

from collections.abc import Iterator

from msgspec import UnsetType

from handler.policy.tree import Path, Remark
from scripts.deploy.template.shape import FunctionShape

_MEMORY_STEP_MB = 64
_CPU_STEPS = 20  # of a core: steps of 0.05
_ROUNDING = 1e-6
# "cpu" of ALIYUN::FC3::Function: from 1:1 to 1:4, cores to GB of memory.
_LEAST_MB_A_CORE, _MOST_MB_A_CORE = 1024, 4096
# One try of the service takes 10 s at the most, and a quarter of the time is kept back for what follows.
_SHORTEST_TIMEOUT_S = 30
_START_CPU_S = 0.5  # what an instance computes until it is ready: measured 0.3, and a core there may be slower
# "Set function quotas" (2026-04) says 300 instances a region, the FAQ (2026-01) 100; 90 % of it can be reserved.
_LEAST_QUOTA = 100


def check_sizes(props: FunctionShape, path: Path) -> Iterator[Remark]:
    """Check them, those that are numbers."""
    yield from _check_memory(props, path)
    yield from _check_times(props, path)
    config = props.concurrencyConfig
    if isinstance(config, UnsetType) or not isinstance(config.reservedConcurrency, int):
        return
    most = _LEAST_QUOTA * 9 // 10
    if config.reservedConcurrency > most:
        message = (
            f"{config.reservedConcurrency} may be more than can be reserved: 90 % of the region's quota, which begins "
            f"at {_LEAST_QUOTA} to 300 instances; up to {most} is safe, or look into the Quota Center"
        )
        yield Remark("warning", (*path, "concurrencyConfig", "reservedConcurrency"), message)


def _check_memory(props: FunctionShape, path: Path) -> Iterator[Remark]:
    memory, cpu = props.memorySize, props.cpu
    if isinstance(memory, int) and memory % _MEMORY_STEP_MB:
        right = round(memory / _MEMORY_STEP_MB) * _MEMORY_STEP_MB
        yield Remark("error", (*path, "memorySize"), f"{memory} is no multiple of 64 MB; {right} is the nearest")
    elif isinstance(cpu, (int, float)) and abs(cpu * _CPU_STEPS - round(cpu * _CPU_STEPS)) > _ROUNDING:
        right_cpu = round(cpu * _CPU_STEPS) / _CPU_STEPS
        yield Remark("error", (*path, "cpu"), f"{cpu:g} is no multiple of 0.05 cores; {right_cpu:g} is the nearest")
    elif isinstance(memory, int) and isinstance(cpu, (int, float)):
        least, most = cpu * _LEAST_MB_A_CORE, cpu * _MOST_MB_A_CORE
        if not least - 0.5 <= memory <= most + 0.5:
            message = (
                f"{memory} MB with {cpu:g} cores; Function Compute takes 1 to 4 GB a core, so {least:g} to {most:g} MB "
                "(without `cpu` it is 0.35 cores)"
            )
            yield Remark("error", (*path, "memorySize"), message)


def _check_times(props: FunctionShape, path: Path) -> Iterator[Remark]:
    if isinstance(props.timeout, int) and props.timeout < _SHORTEST_TIMEOUT_S:
        message = f"{props.timeout} s is too short for a verdict and what follows; at least {_SHORTEST_TIMEOUT_S} s"
        yield Remark("error", (*path, "timeout"), message)
    lifecycle = props.instanceLifecycleConfig
    hook = None if isinstance(lifecycle, UnsetType) else lifecycle.initializer
    if hook is None or isinstance(hook, UnsetType) or not isinstance(props.cpu, (int, float)):
        return
    usual_s = _START_CPU_S / props.cpu
    if isinstance(hook.timeout, int) and hook.timeout < 2 * usual_s:
        message = (
            f"{hook.timeout} s; an instance with {props.cpu:g} cores needs about {usual_s:.1f} s until it is ready, "
            f"and one that is too late is thrown away; allow at least {2 * usual_s:.0f}"
        )
        yield Remark("warning", (*path, "instanceLifecycleConfig", "initializer", "timeout"), message)

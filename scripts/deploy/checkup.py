"""What `warden doctor` looks at without an account: settings, endpoints, policy, template, Python."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import UnsetType

from handler.errors import BadSettings
from handler.policy.rules import Policy
from handler.policy.tree import Problem
from handler.settings import Settings
from scripts.deploy.package.wheels import CannotPackage, require_python
from scripts.deploy.template.names import is_unknown
from scripts.deploy.template.policy import NamedPolicy, examine_policy
from scripts.deploy.template.reading import Template, load_template
from scripts.deploy.template.shape import FunctionShape
from scripts.deploy.template.triggers import native_triggers

# A call takes 0.3 to 1 s as a rule. What is reserved for more than twice that is a slip, or the limit is another.
SLOW_UPLOAD_S = 2.0
# "Regions and endpoints" of the OSS documentation: begins as the mainland's do, and is none of them.
OUTSIDE_THE_MAINLAND = frozenset({"cn-hongkong"})
_DOMAINS = "environmentVariables.OSS_CUSTOM_DOMAINS"
_WILDCARD = re.compile(r"[*?]")
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Something to mend. A warning stops nothing. `message`: where, what is wrong, what would be right."""

    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.severity}: {self.message}"


def examine(file: Path, env: Mapping[str, str]) -> list[Diagnosis]:
    """Examine a template file and everything that it names; all findings at once.

    `env` is what `${env('NAME')}` stands for.
    """
    try:
        template = load_template(file, env)
    except OSError as error:
        return [Diagnosis("error", f"{file}: the template cannot be read ({error.strerror}); name one with --template")]
    findings = [*map(_of_problem, template.problems)]
    if template.function is not None:
        findings += _examine_function(template, template.function, file)
    findings += _examine_python()
    return findings


def _of_problem(problem: Problem) -> Diagnosis:
    return Diagnosis(problem.severity, str(problem))


def _examine_function(template: Template, function: FunctionShape, file: Path) -> Iterator[Diagnosis]:
    try:
        settings = Settings.from_env(function.environmentVariables or {})
    except BadSettings:
        return  # said by the check of the template, each with its place
    yield from _examine_endpoints(template, function, settings)
    yield from _examine_links(template, function, settings)
    yield from _examine_suffixes(template, function)
    yield from _examine_reservation(template, function, settings)
    named = examine_policy(template, file.parent)
    if named is not None:
        yield from _examine_policy(template, named)
    if named is not None and named.policy is not None:
        yield from _examine_loop(template, function, named.policy)
        yield from _examine_scope(template, function, named.policy)


def _examine_policy(template: Template, named: NamedPolicy) -> Iterator[Diagnosis]:
    """What is wrong with it; of a bucket that it takes from the template, there, and not a second time."""
    is_taken = b"${QUARANTINE_BUCKET}" in named.text
    for problem in named.problems:
        if problem.path != "quarantine.bucket" or not is_taken:
            yield _of_problem(problem)
            continue
        message = f"{problem.path}: {problem.message} ({problem.file}:{problem.line})"
        place = template.problem("environmentVariables.QUARANTINE_BUCKET", message)
        if not any((each.line, each.column) == (place.line, place.column) for each in template.problems):
            yield Diagnosis(problem.severity, str(place))


def _examine_endpoints(template: Template, function: FunctionShape, settings: Settings) -> Iterator[Diagnosis]:
    asked: dict[str, tuple[str | None, object]] = {
        "OSS_ENDPOINT": (settings.oss_endpoint, function.region),
        "GREEN_ENDPOINT": (settings.green_endpoint, settings.green_region),
    }
    for name, (endpoint, region) in asked.items():
        url = urlsplit(endpoint or "")
        if endpoint is None or is_unknown(endpoint) or url.hostname in LOCAL_HOSTS:
            continue
        if url.scheme == "http":
            message = f"{endpoint!r} is not encrypted; write https://"
            yield _of_problem(template.problem(f"environmentVariables.{name}", message))
        if isinstance(region, str) and not is_unknown(region) and region not in (url.hostname or ""):
            message = f"{endpoint!r} is not of the region {region!r}; leave it out, or name that region's"
            yield _of_problem(template.problem(f"environmentVariables.{name}", message))


def _examine_links(template: Template, function: FunctionShape, settings: Settings) -> Iterator[Diagnosis]:
    """What has versions is judged by signed links, which the service reads from outside."""
    for url in settings.custom_domains.values():
        if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in LOCAL_HOSTS:
            yield _of_problem(template.problem(_DOMAINS, f"{url!r} is not encrypted; write https://"))
        if "-internal." in url:
            message = f"{url!r} answers only inside Alibaba Cloud's network, and the service reads from outside"
            yield _of_problem(template.problem(_DOMAINS, f"{message}; name the bucket's own domain"))
    region = function.region
    if not isinstance(region, str) or not region.startswith("cn-") or region in OUTSIDE_THE_MAINLAND:
        return
    for bucket in settings.watched_buckets:
        if bucket not in settings.custom_domains:
            own = f"{bucket}=https://{bucket}.oss-{region}.aliyuncs.com"
            message = (
                "in mainland China OSS gives accounts since March 2025 no data over its public address, and what has "
                f"versions is judged by a link to it: map a domain of your own to {bucket!r} and write "
                f'"{bucket}=https://YOUR.DOMAIN", or "{own}" where your account is older'
            )
            yield Diagnosis("warning", str(template.problem(_DOMAINS, message)))


def _examine_suffixes(template: Template, function: FunctionShape) -> Iterator[Diagnosis]:
    for number, _, key in native_triggers(function):
        if key[1] and not _WILDCARD.search(key[1]):  # that is told as a mistake
            message = (
                f"only keys that end in {key[1]!r} are judged; whoever names a file otherwise is not: leave it empty"
            )
            place = template.problem(f"triggers.{number}.triggerConfig.filter.key.suffix", message)
            yield Diagnosis("warning", str(place))


def _examine_reservation(template: Template, function: FunctionShape, settings: Settings) -> Iterator[Diagnosis]:
    """More instances than the limit can feed share the same calls, and are paid for while they wait."""
    config, limit = function.concurrencyConfig, settings.calls_a_second
    most = math.ceil(limit * SLOW_UPLOAD_S)
    if isinstance(config, UnsetType) or not isinstance(config.reservedConcurrency, int):
        return  # said by the check of the template
    if config.reservedConcurrency <= most:
        return
    message = (
        f"{config.reservedConcurrency} instances are more than {limit:g} calls a second can feed, even at "
        f"{SLOW_UPLOAD_S:g} s an upload; reserve {limit:g} x seconds an upload, at most {most}, or give the account's "
        "own limit in GREEN_CALLS_A_SECOND"
    )
    yield Diagnosis("warning", str(template.problem("concurrencyConfig.reservedConcurrency", message)))


def _examine_loop(template: Template, function: FunctionShape, policy: Policy) -> Iterator[Diagnosis]:
    """Our copies must not fire a trigger; that the policy ignores them would still cost an invocation each."""
    rules = policy.quarantine
    for number, bucket, (prefix, _) in native_triggers(function):
        if rules is None or bucket != rules.bucket:
            continue
        if prefix.startswith(rules.prefix) or rules.prefix.startswith(prefix):
            message = (
                f"the quarantine, {rules.bucket}/{rules.prefix}, is inside this trigger's prefix {prefix!r}: each copy "
                "would fire it; quarantine to a bucket without triggers, or narrow the prefix"
            )
            yield _of_problem(template.problem(f"triggers.{number}.triggerConfig.filter.key.prefix", message))


def _examine_scope(template: Template, function: FunctionShape, policy: Policy) -> Iterator[Diagnosis]:
    """A trigger of which the policy looks at nothing: each upload costs an invocation, and nobody judges it."""
    for number, _, (prefix, _) in native_triggers(function):
        included = any(_may_meet(glob.text, prefix) for glob in policy.scope.include)
        excluded = [glob.text for glob in policy.scope.exclude if _holds_all(glob.text, prefix)]
        if included and not excluded:
            continue
        why = f"scope.exclude has {excluded[0]!r}" if excluded else "scope.include has nothing of it"
        message = f"{prefix!r}: the policy looks at none of these keys ({why}); widen it, or take the trigger out"
        place = template.problem(f"triggers.{number}.triggerConfig.filter.key.prefix", message)
        yield Diagnosis("warning", str(place))


def _may_meet(glob: str, prefix: str) -> bool:
    """Whether a key may begin with the prefix and match the glob, by what stands before its first wildcard."""
    head = _WILDCARD.split(glob, maxsplit=1)[0]
    return head.startswith(prefix) or (prefix.startswith(head) and head != glob)


def _holds_all(glob: str, prefix: str) -> bool:
    """Whether the glob matches whatever begins with the prefix."""
    return glob.endswith("**") and not _WILDCARD.search(glob[:-2]) and prefix.startswith(glob[:-2])


def _examine_python() -> Iterator[Diagnosis]:
    try:
        require_python()
    except CannotPackage as error:
        yield Diagnosis("error", str(error))

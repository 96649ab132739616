"""What is about to be deployed, read from the template and the policy that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import UnsetType

from handler.adapters.policy_file import load_policy
from handler.errors import BadPolicy
from handler.policy.rules import Policy
from handler.settings import Settings
from scripts.deploy.template.check import role_of
from scripts.deploy.template.reading import Template, load_template
from scripts.deploy.template.shape import FunctionShape


class BadDeployment(Exception):
    """The template or the policy is wrong; the message has every mistake, one a line."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A checked template with its settings and policy. `account` has 16 digits; roles are their bare names.

    `dead_letters` is the queue of failed events, as an ARN; `log_project` and `logstore` are where the log goes.
    """

    template: Template
    settings: Settings
    policy: Policy
    region: str
    account: str
    function_name: str
    function_role: str
    trigger_roles: tuple[str, ...]
    dead_letters: str
    log_project: str
    logstore: str

    @property
    def is_in_vpc(self) -> bool:
        """Whether the function is put into a network of the account's."""
        function = self.template.function
        return function is not None and not isinstance(function.vpcConfig, UnsetType)


def load_deployment(file: Path, env: Mapping[str, str]) -> Deployment:
    """Read template and policy; the policy's path is relative to the template's folder. Raises BadDeployment."""
    try:
        template = load_template(file, env)
    except OSError as error:
        raise BadDeployment(f"{file}: the template cannot be read ({error.strerror})") from error
    if template.problems or template.function is None:
        raise BadDeployment("\n".join(str(problem) for problem in template.problems))
    settings = Settings.from_env(template.function.environmentVariables)
    try:
        policy = load_policy(file.parent / settings.policy, settings.policy_values, settings.watched_buckets)
    except BadPolicy as error:
        raise BadDeployment(str(error)) from error
    return _put_together(template, settings, policy)


def _put_together(template: Template, settings: Settings, policy: Policy) -> Deployment:
    function = template.function
    destination = _destination(function) if function is not None else None
    if function is None or destination is None or isinstance(function.logConfig, UnsetType):
        raise AssertionError("a template without problems has a function, with a log and a place for failed events")
    account, role = role_of(function.role)
    return Deployment(
        template=template,
        settings=settings,
        policy=policy,
        region=function.region,
        account=account,
        function_name=function.functionName,
        function_role=role,
        trigger_roles=tuple(dict.fromkeys(role_of(trigger.invocationRole)[1] for trigger in function.triggers)),
        dead_letters=destination,
        log_project=function.logConfig.project,
        logstore=function.logConfig.logstore,
    )


def _destination(function: FunctionShape) -> str | None:
    if isinstance(function.asyncInvokeConfig, UnsetType):
        return None
    destinations = function.asyncInvokeConfig.destinationConfig
    if isinstance(destinations, UnsetType) or isinstance(destinations.onFailure, UnsetType):
        return None
    return destinations.onFailure.destination

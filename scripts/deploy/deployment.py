"""What is about to be deployed, read from the template and the policy that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET, UnsetType

from handler.adapters.policy_file import load_policy
from handler.errors import BadPolicy, BadSettings
from handler.policy.rules import Policy
from handler.settings import Settings
from scripts.deploy.template.check import account_of, destination_of
from scripts.deploy.template.names import is_unknown, role_of
from scripts.deploy.template.reading import Template, load_template


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
    if template.errors or template.function is None:
        raise BadDeployment("\n".join(str(problem) for problem in template.errors))
    try:
        settings = Settings.from_env(template.function.environmentVariables)
        policy = load_policy(file.parent / settings.policy, settings.policy_values, settings.watched_buckets)
    except (BadPolicy, BadSettings) as error:
        raise BadDeployment(str(error)) from error
    return _put_together(template, settings, policy)


def _put_together(template: Template, settings: Settings, policy: Policy) -> Deployment:
    function, known = template.function, _known(template)
    if function is None:
        raise AssertionError("a template without errors has a function")
    roles = [trigger.invocationRole for trigger in function.triggers if trigger.invocationRole]
    return Deployment(
        template=template,
        settings=settings,
        policy=policy,
        region=known["region"],
        account=known["account"],
        function_name=known["functionName"],
        function_role=known["role"],
        trigger_roles=tuple(dict.fromkeys(role_of(role)[1] for role in roles)),
        dead_letters=known["queue"],
        log_project=known["project"],
        logstore=known["logstore"],
    )


def _known(template: Template) -> dict[str, str]:
    """What documents name. Raises BadDeployment where only the deployment itself will know it (`${config(…)}`)."""
    function = template.function
    if function is None:
        return {}
    log = function.logConfig
    values: dict[str, object] = {
        "region": function.region,
        "functionName": function.functionName,
        "role": role_of(function.role)[1],
        "account": account_of(function),
        "queue": destination_of(function),
        "project": UNSET if isinstance(log, UnsetType) else log.project,
        "logstore": UNSET if isinstance(log, UnsetType) else log.logstore,
    }
    unknown = [name for name, value in values.items() if is_unknown(value)]
    if unknown:
        message = f"{', '.join(unknown)}: only the deployment itself will know; write the value out"
        raise BadDeployment(f"{template.file}: {message}")
    return {name: str(value) for name, value in values.items()}

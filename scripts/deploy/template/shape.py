# ruff: noqa: N815  (the names are those of Serverless Devs)
"""The shape of template.yml: those properties of Serverless Devs and its component fc3 that we use, and no others.

`s verify` lets unknown keys and any triggerConfig pass. Source of names, types and ranges: fc3's own schema, and the
Function Compute documentation. What is required inside a section that may itself be missing is checked in
template_check.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

_WHOLE = "a whole number"
Text = Annotated[str, Meta(min_length=1, extra={"right": "text is wanted here"})]


class ActionShape(Struct, forbid_unknown_fields=True):
    """A command that Serverless Devs runs."""

    run: Text
    path: Text = "."


class KeyShape(Struct, forbid_unknown_fields=True):
    """Which keys fire a trigger; both are required, and may be empty."""

    prefix: str
    suffix: str


class FilterShape(Struct, forbid_unknown_fields=True):
    """The filter of a trigger."""

    key: KeyShape | UnsetType = UNSET


class TriggerConfigShape(Struct, forbid_unknown_fields=True):
    """What fires a trigger."""

    events: Annotated[list[str], Meta(min_length=1)]
    filter: FilterShape | UnsetType = UNSET


class TriggerShape(Struct, forbid_unknown_fields=True):
    """An OSS trigger."""

    triggerName: Text
    triggerType: Literal["oss"]
    sourceArn: Text
    invocationRole: Text
    triggerConfig: TriggerConfigShape | UnsetType = UNSET
    description: str = ""
    qualifier: Literal["LATEST"] = "LATEST"


class HookShape(Struct, forbid_unknown_fields=True):
    """The initializer. `timeout` in seconds."""

    handler: Literal["handler.index.initializer"]
    timeout: Annotated[int, Meta(ge=1, le=300, extra={"right": "1 to 300 seconds"})]


class LifecycleShape(Struct, forbid_unknown_fields=True):
    """What runs before the first invocation of an instance."""

    initializer: HookShape | UnsetType = UNSET


class ConcurrencyShape(Struct, forbid_unknown_fields=True):
    """How many instances there may be at once."""

    reservedConcurrency: Annotated[int, Meta(ge=1, extra={"right": f"{_WHOLE} of instances, at least 1"})]


class DestinationShape(Struct, forbid_unknown_fields=True):
    """Where a payload goes."""

    destination: Text


class DestinationsShape(Struct, forbid_unknown_fields=True):
    """Where the payloads of failed events go."""

    onFailure: DestinationShape | UnsetType = UNSET


class AsyncShape(Struct, forbid_unknown_fields=True):
    """How an event is retried, and what becomes of it at last."""

    maxAsyncRetryAttempts: Annotated[int, Meta(ge=0, le=8, extra={"right": "0 to 8 retries"})]
    maxAsyncEventAgeInSeconds: Annotated[int, Meta(ge=1, le=2_592_000, extra={"right": "1 to 2592000 seconds"})]
    destinationConfig: DestinationsShape | UnsetType = UNSET


class VpcShape(Struct, forbid_unknown_fields=True):
    """The network that the function is put into."""

    vpcId: Text
    vSwitchIds: Annotated[list[Text], Meta(min_length=1)]
    securityGroupId: Text


class LogShape(Struct, forbid_unknown_fields=True):
    """Where the log goes. `logBeginRule`: an entry begins at each line (`None`), or only at a date (`DefaultRegex`)."""

    project: Text
    logstore: Text
    logBeginRule: Literal["None", "DefaultRegex"]
    enableRequestMetrics: bool = True
    enableInstanceMetrics: bool = False


class FunctionShape(Struct, forbid_unknown_fields=True):
    """The function. `memorySize` and `diskSize` in MB, `timeout` in seconds, `cpu` in cores."""

    region: Text
    functionName: Text
    runtime: Literal["python3.10"]
    handler: Literal["handler.index.handler"]
    code: Literal["./build/code"]
    memorySize: Annotated[int, Meta(ge=128, le=32768, extra={"right": "128 to 32768 MB, in steps of 64"})]
    timeout: Annotated[int, Meta(ge=1, le=86400, extra={"right": "1 to 86400 seconds"})]
    role: Text
    environmentVariables: dict[str, str]
    triggers: Annotated[list[TriggerShape], Meta(min_length=1)]
    instanceLifecycleConfig: LifecycleShape | UnsetType = UNSET
    asyncInvokeConfig: AsyncShape | UnsetType = UNSET
    concurrencyConfig: ConcurrencyShape | UnsetType = UNSET
    logConfig: LogShape | UnsetType = UNSET
    vpcConfig: VpcShape | UnsetType = UNSET
    internetAccess: bool = True
    description: str = ""
    cpu: Annotated[float, Meta(ge=0.05, le=16, extra={"right": "0.05 to 16 cores"})] = 0.35
    diskSize: Literal[512, 10240] = 512


class ResourceShape(Struct, forbid_unknown_fields=True):
    """One deployed thing."""

    component: Text
    actions: dict[str, list[ActionShape]] = {}
    props: FunctionShape | UnsetType = UNSET


class TemplateShape(Struct, forbid_unknown_fields=True):
    """The whole file."""

    edition: Literal["3.0.0"]
    name: Text
    access: Text
    resources: dict[str, ResourceShape]
    vars: dict[str, str] = {}

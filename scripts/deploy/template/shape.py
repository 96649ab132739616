# ruff: noqa: N815  (the names are those of Serverless Devs)
"""The shape of template.yml: those properties of Serverless Devs and its component fc3 that mean something to us.

Whatever else the component knows is passed over (`fc3.txt`). Source of names, types, ranges and defaults: the
component's own schema, and where that lets more pass than the service takes, the service's API reference. What is
required inside a section that may itself be missing is checked in `check`.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

_WHOLE = "a whole number"
_RUNTIME = "the package is built for CPython 3.10"
Text = Annotated[str, Meta(min_length=1, extra={"right": "text is wanted here"})]


class KeyShape(Struct):
    """Which keys fire a trigger; both are required, and may be empty."""

    prefix: str
    suffix: str


class FilterShape(Struct):
    """The filter of a trigger."""

    key: KeyShape | UnsetType = UNSET


class BusSourceShape(Struct):
    """What an EventBridge trigger listens to: `Default` is the bus, on which OSS speaks."""

    eventSourceType: str = "Default"


class TriggerConfigShape(Struct):
    """What fires a trigger: `events` and `filter` of OSS itself, or a rule of EventBridge."""

    events: Annotated[list[str], Meta(min_length=1)] = []
    filter: FilterShape | UnsetType = UNSET
    eventRuleFilterPattern: str = ""
    asyncInvocationType: bool = False
    triggerEnable: bool = True
    eventSourceConfig: BusSourceShape | UnsetType = UNSET


class TriggerShape(Struct):
    """A trigger of any kind. `sourceArn` and `invocationRole` are empty where they are not said."""

    triggerName: Text
    triggerType: Text
    sourceArn: str = ""
    invocationRole: str = ""
    triggerConfig: TriggerConfigShape | UnsetType = UNSET
    qualifier: str = "LATEST"


class HookShape(Struct):
    """The initializer. `timeout` in seconds."""

    handler: Literal["handler.index.initializer"]
    timeout: Annotated[int, Meta(ge=1, le=300, extra={"right": "1 to 300 seconds"})] = 3


class LifecycleShape(Struct):
    """What runs before the first invocation of an instance."""

    initializer: HookShape | UnsetType = UNSET


class ConcurrencyShape(Struct):
    """How many instances there may be at once."""

    reservedConcurrency: Annotated[
        int, Meta(ge=1, extra={"right": f"{_WHOLE} of instances, at least 1; 0 forbids every invocation"})
    ]


class DestinationShape(Struct):
    """Where a payload goes."""

    destination: Text


class DestinationsShape(Struct):
    """Where the payloads of failed events go, and of others."""

    onFailure: DestinationShape | UnsetType = UNSET
    onSuccess: DestinationShape | UnsetType = UNSET


class AsyncShape(Struct):
    """How an event is retried, and what becomes of it at last.

    Ranges and default of the API reference (PutAsyncInvokeConfigInput); the component's schema allows an age of up to
    2,592,000 s. Its default of an age is the component's, the shorter one.
    """

    maxAsyncRetryAttempts: Annotated[int, Meta(ge=0, le=8, extra={"right": "0 to 8 retries"})] = 3
    maxAsyncEventAgeInSeconds: Annotated[
        int, Meta(ge=1, le=604_800, extra={"right": "1 to 604800 seconds (7 days) is what the service takes"})
    ] = 18_000
    destinationConfig: DestinationsShape | UnsetType = UNSET
    qualifier: str = "LATEST"


class VpcShape(Struct):
    """The network that the function is put into."""

    vpcId: Text
    vSwitchIds: Annotated[list[Text], Meta(min_length=1)]
    securityGroupId: Text


class LogShape(Struct):
    """Where the log goes. `logBeginRule`: an entry begins at each line (`None`), or only at a date (`DefaultRegex`).

    `None` is the service's default ("LogConfig" of the API reference).
    """

    project: Text
    logstore: Text
    logBeginRule: Literal["None", "DefaultRegex"] = "None"


class FunctionShape(Struct):
    """The function. `memorySize` and `diskSize` in MB, `timeout` in seconds, `cpu` in cores; defaults are fc3's.

    A number or a true in `environmentVariables`, or a text for a number, ends the deployment: nothing on the way
    converts it (github.com/alibaba/funcraft/issues/161, github.com/Serverless-Devs/Serverless-Devs/issues/874).
    """

    region: Text
    functionName: Text
    runtime: Annotated[Literal["python3.10"], Meta(extra={"right": _RUNTIME})]
    handler: Literal["handler.index.handler"]
    code: Text
    role: Text
    environmentVariables: dict[str, str]
    triggers: Annotated[list[TriggerShape], Meta(min_length=1)]
    memorySize: Annotated[int, Meta(ge=128, le=32768, extra={"right": "128 to 32768 MB, in steps of 64"})] = 512
    timeout: Annotated[int, Meta(ge=1, le=86400, extra={"right": "1 to 86400 seconds"})] = 3
    instanceLifecycleConfig: LifecycleShape | UnsetType = UNSET
    asyncInvokeConfig: AsyncShape | UnsetType = UNSET
    concurrencyConfig: ConcurrencyShape | UnsetType = UNSET
    logConfig: LogShape | UnsetType = UNSET
    vpcConfig: VpcShape | UnsetType = UNSET
    internetAccess: bool = True
    cpu: Annotated[float, Meta(ge=0.05, le=16, extra={"right": "0.05 to 16 cores"})] = 0.35
    diskSize: Literal[512, 10240] = 512
    instanceConcurrency: Annotated[
        int, Meta(ge=1, le=1, extra={"right": "an instance works on one upload at a time: leave it out, or write 1"})
    ] = 1


class ResourceShape(Struct):
    """One deployed thing."""

    component: Text
    props: FunctionShape | UnsetType = UNSET


class TemplateShape(Struct):
    """The whole file."""

    edition: Literal["3.0.0"]
    resources: dict[str, ResourceShape]

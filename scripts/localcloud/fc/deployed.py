"""What Function Compute's API tells of a deployed function: the documents of its own data types."""

from dataclasses import dataclass, field
from typing import Any

from scripts.localcloud.fc.compute import FunctionCompute

Document = dict[str, Any]


@dataclass(slots=True)
class Restriction:
    """Whether the function may be invoked, and why not; FunctionRestriction in the vendor's SDK."""

    disable: bool = False
    reason: str = ""
    last_modified_time: str = ""

    def describe(self) -> Document:
        """As GetFunction has it."""
        return {"disable": self.disable, "reason": self.reason, "lastModifiedTime": self.last_modified_time}


@dataclass(slots=True)
class Deployed:
    """A function and its settings, as the vendor's API writes them (Function, AsyncConfig, Trigger).

    `reserved` instances; None where nothing is reserved, and `async_config` where none is set.
    """

    name: str = "bucket-warden"
    function: Document = field(default_factory=dict)
    async_config: Document | None = None
    reserved: int | None = None
    triggers: list[Document] = field(default_factory=list)
    restriction: Restriction = field(default_factory=Restriction)

    def describe(self) -> Document:
        """As GetFunction has it."""
        return {"functionName": self.name, **self.function, "invocationRestriction": self.restriction.describe()}


def describe_compute(compute: FunctionCompute) -> Deployed:
    """The stand-in's own function, as if it had been deployed."""
    return Deployed(
        name=compute.function_name,
        function={
            "functionArn": f"acs:fc:{compute.region}:{compute.account_id}:functions/{compute.function_name}",
            "runtime": "python3.10",
            "handler": compute.handler,
            "timeout": compute.timeout_s,
            "memorySize": compute.memory_mb,
            "environmentVariables": dict(compute.env),
        },
        async_config={"maxAsyncRetryAttempts": compute.max_retries},
        reserved=compute.instances,
    )

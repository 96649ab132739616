"""A function as it is once a template was deployed."""

import json
from pathlib import Path
from typing import Any

from scripts.deploy.deployment import load_deployment
from scripts.deploy.template.triggers import key_filter
from scripts.localcloud.fc.deployed import Deployed


def deploy(template: Path) -> Deployed:
    """What Function Compute tells after `s deploy`."""
    props: Any = load_deployment(template, {}).template.function
    return Deployed(
        name=props.functionName,
        function={
            "runtime": props.runtime,
            "handler": props.handler,
            "timeout": props.timeout,
            "memorySize": props.memorySize,
            "cpu": props.cpu,
            "role": props.role,
            "environmentVariables": dict(props.environmentVariables),
            "instanceLifecycleConfig": {"initializer": {"handler": "handler.index.initializer", "timeout": 30}},
            "logConfig": {"project": props.logConfig.project, "logstore": props.logConfig.logstore},
        },
        async_config={
            "maxAsyncRetryAttempts": props.asyncInvokeConfig.maxAsyncRetryAttempts,
            "maxAsyncEventAgeInSeconds": props.asyncInvokeConfig.maxAsyncEventAgeInSeconds,
            "destinationConfig": {
                "onFailure": {"destination": props.asyncInvokeConfig.destinationConfig.onFailure.destination}
            },
        },
        reserved=props.concurrencyConfig.reservedConcurrency,
        triggers=[
            {
                "triggerName": trigger.triggerName,
                "triggerType": "oss",
                "invocationRole": trigger.invocationRole,
                "sourceArn": trigger.sourceArn,
                "triggerConfig": json.dumps(
                    {
                        "events": list(reversed(trigger.triggerConfig.events)),
                        "filter": {"key": {"prefix": prefix, "suffix": suffix}},
                    }
                ),
            }
            for trigger in props.triggers
            for prefix, suffix in (key_filter(trigger) or ("", ""),)
        ],
    )

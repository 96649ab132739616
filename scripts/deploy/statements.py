"""What documents for RAM and OSS are made of: statements, and resources by their ARNs.

Grammar: "Policy syntax and elements" of the OSS documentation. It knows Principal and Resource and neither
NotPrincipal nor NotResource, and its condition keys have tags and ACLs, no storage class: so the gate allows instead of
denying (what nothing allows is refused), and archive classes are a note, not a rule.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from scripts.deploy.deployment import Deployment
from scripts.deploy.rights import EVERYTHING, Right, widen

Document = dict[str, Any]


def allow(actions: Sequence[str], resources: Sequence[str]) -> Document:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": [*actions], "Resource": [*resources]}


def deny(actions: Sequence[str], resources: Sequence[str], condition: Document) -> Document:
    """A statement that denies, whatever other policies allow; always, where the condition is empty."""
    denied = {"Effect": "Deny", "Action": [*actions], "Resource": [*resources]}
    return {**denied, "Condition": condition} if condition else denied


def document(statements: Sequence[Document]) -> Document:
    """A policy of RAM or of a bucket."""
    return {"Version": "1", "Statement": [*statements]}


def trust(service: str) -> Document:
    """Who may take a role: a service of the vendor's."""
    return document([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}])


def allow_each(deployment: Deployment, rights: Iterable[Right]) -> list[Document]:
    """Rights as statements, in order; resources with the same actions share one, because RAM takes no long document."""
    by_resource: dict[str, list[str]] = {}
    for right in sorted(rights):
        by_resource.setdefault(_resource(deployment, right), []).append(right.action)
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for resource, actions in sorted(by_resource.items()):
        by_actions.setdefault(tuple(actions), []).append(resource)
    return [allow(actions, resources) for actions, resources in by_actions.items()]


def object_arn(deployment: Deployment, bucket: str, glob: str) -> str:
    """The objects of a bucket whose keys a glob matches, and perhaps some more."""
    return bucket_arn(deployment, f"{bucket}/{widen(glob)}")


def bucket_arn(deployment: Deployment, resource: str) -> str:
    """A bucket, or `bucket/pattern`, as RAM names it."""
    return f"acs:oss:*:{deployment.account}:{resource}"


def function_arn(deployment: Deployment) -> str:
    """The function; what belongs to it (versions, triggers) is below `/`."""
    return f"acs:fc:{deployment.region}:{deployment.account}:functions/{deployment.function_name}"


def _resource(deployment: Deployment, right: Right) -> str:
    is_whole = right.resource == EVERYTHING or right.resource.startswith("acs:")
    return right.resource if is_whole else bucket_arn(deployment, right.resource)

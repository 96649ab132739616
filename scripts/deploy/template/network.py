"""From where the function reaches OSS and the service: the internet, or inside a VPC."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import UnsetType

from handler.policy.tree import Path, Remark
from scripts.deploy.template.names import is_unknown
from scripts.deploy.template.reader import TemplateReader
from scripts.deploy.template.shape import FunctionShape


def check_network(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    """Whether each address can be reached from where the function is put."""
    env = props.environmentVariables or {}
    endpoint = env.get("GREEN_ENDPOINT", "")
    has_vpc = not isinstance(props.vpcConfig, UnsetType) or (*path, "vpcConfig") in reader.open
    place = (*path, "environmentVariables", "GREEN_ENDPOINT")
    if _is_inside(endpoint) and not has_vpc:
        message = f"{endpoint!r} answers only inside a VPC; set vpcConfig, or leave GREEN_ENDPOINT out"
        yield Remark("error", place, message)
    if props.internetAccess is not False:
        return
    if not has_vpc:
        message = "without a VPC nothing can be reached; set vpcConfig, or true"
        yield Remark("error", (*path, "internetAccess"), message)
        return
    if not endpoint or (_is_vendors(endpoint) and not _is_inside(endpoint)):
        right = f"https://green-cip-vpc.{env.get('GREEN_REGION', 'REGION')}.aliyuncs.com"
        message = f"the service's public address cannot be reached without internetAccess; set {right}"
        yield Remark("error", place, message)
    oss = env.get("OSS_ENDPOINT", "")
    if _is_vendors(oss) and "-internal." not in oss:
        message = f"{oss!r} cannot be reached without internetAccess; leave it out, then the internal address is taken"
        yield Remark("error", (*path, "environmentVariables", "OSS_ENDPOINT"), message)


def _is_inside(endpoint: str) -> bool:
    return "-vpc." in endpoint


def _is_vendors(endpoint: str) -> bool:
    """Whether it is one of the vendor's own addresses; behind any other there may be anything."""
    if is_unknown(endpoint):
        return False
    try:
        return (urlsplit(endpoint).hostname or "").endswith(".aliyuncs.com")
    except ValueError:  # said as no URL elsewhere
        return False

"""The vendor's core below its newer SDKs (darabonba), made to take the way to the vendor that oss2 takes.

By itself it heeds HTTP_PROXY and HTTPS_PROXY for every address, this machine's too, and neither NO_PROXY nor ALL_PROXY;
no option of it says "no proxy".
"""

from typing import Any

from darabonba.core import DaraCore

from handler.adapters.oss.network import Detour

_get_adapter = DaraCore.get_adapter


def _get_detour(*asked: Any, **named: Any) -> Detour:  # noqa: ANN401  (its own untyped signature)
    return Detour(_get_adapter(*asked, **named))


def heed_network() -> None:
    """Have each session that it opens from now on go by the rule of handler/adapters/oss/network.py."""
    DaraCore.get_adapter = staticmethod(_get_detour)

"""Who the function is: the keys that Function Compute hands to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handler.errors import BadSettings

NAMES = ("access_key_id", "access_key_secret", "security_token")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair, with a token where it is temporary (STS; lives 36 hours in Function Compute). Never printed."""

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    @classmethod
    def find(cls, context: object, env: Mapping[str, str]) -> "Credentials":
        """Read them from the context (python3.10), else from the environment (python3.12).

        Raises BadSettings where neither has them: the function then has no role.
        Source: Function Compute's context reference.
        """
        given = getattr(context, "credentials", None)
        found = cls(*(getattr(given, name, None) or "" for name in NAMES))
        if not found.access_key_id:
            # All three from one place: a token fits only its own key.
            found = cls(*(env.get(f"ALIBABA_CLOUD_{name.upper()}", "") for name in NAMES))
        if not (found.access_key_id and found.access_key_secret):
            raise BadSettings("the function has no credentials; give it a role (`role` in template.yml)")
        return found

"""Pictures whose folder says what the moderation service sees in them, and the policy that decides by that."""

from collections.abc import Mapping
from pathlib import Path

from handler.model import Finding
from scripts.bench.overhead import PIXEL
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked, Eyes

POLICY = Path(__file__).with_name("policy.yml")
# What the service sees in a picture by its folder.
SEEN = {
    "calm": HARMLESS,
    "guns": Answer((Finding("violent_gun", 91.5, "high"),), risk="high"),
    "gore": Answer((Finding("violent_bloody", 93.0, "high"),), risk="high"),
    "flags": Answer((Finding("flag_country", 80.0, "low"),), risk="low"),
    "tattoos": Answer((Finding("inappropriate_tattoo", 80.0, "low"),), risk="low"),
}


def picture(key: str) -> bytes:
    """A real picture whose bytes are this key's alone: readers of PNG stop at its end."""
    return PIXEL + key.encode()


def see_folders(seen: Mapping[str, Answer]) -> Eyes:
    """Eyes that read in a picture the folder of the key that it was made for; `seen` has what is in each."""

    def see(image: bytes, asked: Asked, /) -> Answer:
        del asked
        return seen[image.removeprefix(PIXEL).decode().partition("/")[0]]

    return see

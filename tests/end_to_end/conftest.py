"""The fixtures that several test modules share."""

from ledgered_cloud import ledgered
from warden_cloud import _stand_ins, cloud

__all__ = ["_stand_ins", "cloud", "ledgered"]

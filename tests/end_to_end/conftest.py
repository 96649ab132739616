"""The fixtures that several test modules share."""

from warden_cloud import _stand_ins, cloud

__all__ = ["_stand_ins", "cloud"]

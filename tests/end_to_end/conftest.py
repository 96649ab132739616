"""The fixtures that several test modules share."""

from tests.end_to_end.ledgered_cloud import ledgered
from tests.end_to_end.operator_cloud import operator
from tests.end_to_end.timing import clock
from tests.end_to_end.warden_cloud import _stand_ins, cloud

__all__ = ["_stand_ins", "clock", "cloud", "ledgered", "operator"]

"""What could not be looked at, and why: never silence, and never the end of the rest."""

from scripts.deploy.checkup import Diagnosis
from scripts.services.client import NoAnswer, Refused


def unseen(what: str, error: Refused | NoAnswer, right: str) -> Diagnosis:
    """The warning that `what` was not looked at; `right` is the documented one that the question takes."""
    if isinstance(error, Refused) and error.is_denial:
        return Diagnosis("warning", f"{what}: could not look: needs {error.denied or right} ({error})")
    return Diagnosis("warning", f"{what}: could not look: {error}")

"""What is answered when a handler raises."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from features.stores.protocol import AmbiguousIdentifier, HistoryGone, InvalidEvent, StoreError, StoreUnavailable
from models.catalogue import CatalogueInvalid
from serving.errors import ErrorBody, FaultBody, Refusal, ambiguous, faulty, invalid_sentence, unavailable

logger = logging.getLogger("nextbest.http")


def refusal_for(error: Exception) -> Refusal:
    """The refusal for an exception. What nobody foresaw is a fault of ours: logged whole, told shortly."""
    if isinstance(error, Refusal):
        return error
    for kind, rendered in _RENDERED:
        if isinstance(error, kind):
            return rendered(error)
    logger.error("unforeseen", exc_info=error)
    message = "request failed; a fault of ours; look at the service's log"
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, ErrorBody("internal", "", None, "a fault of ours", message))


def _ambiguous(error: Exception) -> Refusal:
    return ambiguous("identifier", "ambiguous", error.customer_ids if isinstance(error, AmbiguousIdentifier) else ())


def _invalid(error: Exception) -> Refusal:
    field, _, value = str(error).partition("; ")[0].partition(" is ")
    return invalid_sentence(field, value, str(error))


def _faulty(error: Exception) -> Refusal:
    faults = error.faults if isinstance(error, CatalogueInvalid) else ()
    return faulty([FaultBody(fault.line, fault.path, fault.message) for fault in faults])


def _away(error: Exception) -> Refusal:
    logger.warning("the store is away", extra={"reason": str(error)})
    return unavailable("the store is away")


def _forgotten(_error: Exception) -> Refusal:
    return unavailable("the customer was erased while the decision was made")


def _too_slow(_error: Exception) -> Refusal:
    return unavailable("it took too long")


def _store_fault(error: Exception) -> Refusal:
    logger.error("the store cannot answer", exc_info=error)
    return unavailable(f"the store cannot answer ({type(error).__name__})")


_RENDERED: tuple[tuple[type[Exception], Callable[[Exception], Refusal]], ...] = (
    (StoreUnavailable, _away),
    (TimeoutError, _too_slow),
    (AmbiguousIdentifier, _ambiguous),
    (HistoryGone, _forgotten),
    (InvalidEvent, _invalid),
    (CatalogueInvalid, _faulty),
    (StoreError, _store_fault),
)

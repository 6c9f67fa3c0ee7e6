"""Every address of the service, declared once: what both lanes, the interactive page and docs/http.md's test go by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import TypeAdapter

from serving import (
    confirming,
    contact_reasons,
    context,
    customers,
    deciding,
    decisions,
    feedback,
    handoff,
    health,
    ingest,
    items,
    rights,
    timeline,
)
from serving.admission import Line
from serving.body import checked
from serving.call import Call
from serving.catalogue_endpoints import CATALOGUE_ENDPOINTS
from serving.contact_reasons import ContactReasonsAnswer
from serving.endpoint import Asked, Endpoint, Handler
from serving.know_answers import (
    ContextAnswer,
    CustomerAnswer,
    DecisionsAnswer,
    HandoffAnswer,
    LookupAnswer,
    TimelineAnswer,
)
from serving.metrics import CONTENT_TYPE
from serving.runtime import Runtime
from serving.schemas import (
    BatchAnswer,
    BatchTrackAnswer,
    ConfirmAnswer,
    ConfirmRequest,
    DecisionAnswer,
    FeedbackAnswer,
    FeedbackRequest,
    HandoffRequest,
    ItemFeedAnswer,
    ItemFeedRequest,
    RecommendBatchRequest,
    RecommendRequest,
    TakeRequest,
    TrackAnswer,
)

_RECOMMEND: TypeAdapter[RecommendRequest] = TypeAdapter(RecommendRequest)
_RECOMMEND_BATCH: TypeAdapter[RecommendBatchRequest] = TypeAdapter(RecommendBatchRequest)
_HANDOFF: TypeAdapter[HandoffRequest] = TypeAdapter(HandoffRequest)
_CONFIRM: TypeAdapter[ConfirmRequest] = TypeAdapter(ConfirmRequest)
_ITEM_FEED: TypeAdapter[ItemFeedRequest] = TypeAdapter(ItemFeedRequest)
_TAKE: TypeAdapter[TakeRequest] = TypeAdapter(TakeRequest)


async def _recommend(runtime: Runtime, asked: Asked) -> bytes:
    return await deciding.recommend(runtime, checked(_RECOMMEND, asked.body), asked.call)


async def _recommend_batch(runtime: Runtime, asked: Asked) -> bytes:
    return await deciding.recommend_batch(runtime, checked(_RECOMMEND_BATCH, asked.body), asked.call)


async def _feedback(runtime: Runtime, asked: Asked) -> bytes:
    return await feedback.feedback(runtime, asked.body, asked.call)


async def _batch(runtime: Runtime, asked: Asked) -> bytes:
    return await ingest.batch(runtime, asked.body, asked.call, asked.query.get("writeKey"))


async def _customer(runtime: Runtime, asked: Asked) -> bytes:
    return await customers.customer(runtime, asked.path["customer_id"], asked.call)


async def _lookup(runtime: Runtime, asked: Asked) -> bytes:
    return await customers.lookup(runtime, asked.query.get("type"), asked.query.get("value"), asked.call)


async def _context(runtime: Runtime, asked: Asked) -> bytes:
    return await context.context(runtime, asked.path["customer_id"], asked.query.get("channel"), asked.call)


async def _timeline(runtime: Runtime, asked: Asked) -> bytes:
    return await timeline.timeline(runtime, asked.path["customer_id"], asked.query, asked.call)


async def _decisions(runtime: Runtime, asked: Asked) -> bytes:
    return await timeline.decisions(runtime, asked.path["customer_id"], asked.query, asked.call)


async def _hand_off(runtime: Runtime, asked: Asked) -> bytes:
    request = checked(_HANDOFF, asked.body)
    return await handoff.hand_off(runtime, asked.path["customer_id"], request, asked.call)


async def _take(runtime: Runtime, asked: Asked) -> bytes:
    request = checked(_TAKE, asked.body)
    return await handoff.take(runtime, asked.path["customer_id"], asked.path["handoff_id"], request, asked.call)


async def _contact_reasons(runtime: Runtime, asked: Asked) -> bytes:
    return await contact_reasons.reasons(runtime, asked.path["customer_id"], asked.query, asked.call)


async def _erase(runtime: Runtime, asked: Asked) -> bytes:
    return await rights.erase(runtime, asked.path["customer_id"], asked.call)


async def _export(runtime: Runtime, asked: Asked) -> bytes:
    return await rights.export(runtime, asked.path["customer_id"], asked.call)


async def _decision(runtime: Runtime, asked: Asked) -> bytes:
    return await decisions.logged_decision(runtime, asked.path["decision_id"], asked.call)


async def _confirm(runtime: Runtime, asked: Asked) -> bytes:
    request = checked(_CONFIRM, asked.body)
    return await confirming.confirmed(runtime, asked.path["decision_id"], request, asked.call)


async def _feed(runtime: Runtime, asked: Asked) -> bytes:
    return await items.feed(runtime, checked(_ITEM_FEED, asked.body), asked.call)


def _told(name: str) -> Handler:
    async def handler(runtime: Runtime, asked: Asked) -> bytes:
        return await ingest.single(runtime, asked.body, asked.call, name)

    return handler


def _watched(handler: Callable[[Runtime, Call], Awaitable[bytes]]) -> Handler:
    async def watched(runtime: Runtime, asked: Asked) -> bytes:
        return await handler(runtime, asked.call)

    return watched


_SMALL = 256 * 1024
_LARGE = 1024 * 1024

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/recommend",
        "decide",
        "The best actions for one customer, on each channel asked for.",
        _recommend,
        _SMALL,
        RecommendRequest,
        DecisionAnswer,
        declared=True,
    ),
    Endpoint(
        "POST",
        "/recommend_batch",
        "decide",
        "The same question about up to 1,000 customers.",
        _recommend_batch,
        _LARGE,
        RecommendBatchRequest,
        BatchAnswer,
        declared=True,
        bulk=True,
        line=Line.BACKGROUND,
    ),
    Endpoint(
        "POST",
        "/feedback",
        "write",
        "What became of a recommended action.",
        _feedback,
        _LARGE,
        FeedbackRequest,
        FeedbackAnswer,
        declared=True,
        line=Line.BACKGROUND,
    ),
    Endpoint(
        "POST",
        "/v1/batch",
        "write",
        "Many calls in Segment's shape; a refused one loses no other.",
        _batch,
        ingest.BATCH_BYTES,
        None,
        BatchTrackAnswer,
        declared=True,
        line=Line.BACKGROUND,
    ),
    *(
        Endpoint(
            "POST",
            f"/v1/{name}",
            "write",
            f"One {name} call in Segment's shape.",
            _told(name),
            ingest.EVENT_LIMIT,
            None,
            TrackAnswer,
            declared=name == "track",
            line=Line.BACKGROUND,
        )
        for name in ("track", "identify", "page", "screen", "group", "alias")
    ),
    Endpoint(
        "GET",
        "/customers/lookup",
        "read",
        "Who has an identifier.",
        _lookup,
        answer=LookupAnswer,
        query=("type", "value"),
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}/context",
        "read",
        "What whoever serves the customer next should know.",
        _context,
        answer=ContextAnswer,
        optional=("channel",),
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}/timeline",
        "read",
        "What happened to one customer, in words, the newest first.",
        _timeline,
        answer=TimelineAnswer,
        optional=("before", "limit"),
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}/decisions",
        "read",
        "What was decided for one customer, the newest first.",
        _decisions,
        answer=DecisionsAnswer,
        optional=("limit",),
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}/contact_reasons",
        "read",
        "Why a customer probably contacts us.",
        _contact_reasons,
        answer=ContactReasonsAnswer,
        optional=("limit",),
    ),
    Endpoint(
        "POST",
        "/customers/{customer_id:path}/handoff",
        "write",
        "Pass the customer's journey on to another channel.",
        _hand_off,
        _SMALL,
        HandoffRequest,
        HandoffAnswer,
    ),
    Endpoint(
        "POST",
        "/customers/{customer_id:path}/handoff/{handoff_id:path}/take",
        "write",
        "Take a journey over that was passed on.",
        _take,
        _SMALL,
        TakeRequest,
        HandoffAnswer,
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}/export",
        "admin",
        "Everything held on one customer, as a file.",
        _export,
        bulk=True,
        line=Line.BACKGROUND,
        headers=(("Content-Disposition", 'attachment; filename="customer.json"'), ("Cache-Control", "no-store")),
    ),
    Endpoint(
        "GET",
        "/customers/{customer_id:path}",
        "read",
        "What is held on one customer.",
        _customer,
        answer=CustomerAnswer,
    ),
    Endpoint(
        "DELETE",
        "/customers/{customer_id:path}",
        "admin",
        "Forget one customer, for good.",
        _erase,
        bulk=True,
        line=Line.BACKGROUND,
    ),
    Endpoint(
        "POST",
        "/decisions/{decision_id:path}/confirm",
        "decide",
        "Whether what was decided may still be sent, just before it is.",
        _confirm,
        _SMALL,
        ConfirmRequest,
        ConfirmAnswer,
    ),
    Endpoint("GET", "/decisions/{decision_id:path}", "replay", "One decision, as logged and made again.", _decision),
    *CATALOGUE_ENDPOINTS,
    Endpoint(
        "POST",
        "/items/feed",
        "write",
        "Which items can be had, beside the versions of the catalogue.",
        _feed,
        _LARGE,
        ItemFeedRequest,
        ItemFeedAnswer,
        line=Line.BACKGROUND,
    ),
    Endpoint("GET", "/model", "read", "Which model serves, since when, from which run.", _watched(health.model)),
    Endpoint(
        "GET",
        "/metrics",
        "",
        "Prometheus metrics, summed over the workers.",
        _watched(health.exposition),
        media_type=CONTENT_TYPE,
        counted=False,
    ),
    Endpoint("GET", "/healthz", "", "Whether the process lives.", _watched(health.alive), counted=False),
    Endpoint("GET", "/livez", "", "Whether the process lives.", _watched(health.alive), counted=False),
    Endpoint("GET", "/readyz", "", "Whether it can answer decisions.", _watched(health.ready), counted=False),
)

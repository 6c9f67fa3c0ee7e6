"""The addresses under which the catalogue is read and changed."""

from __future__ import annotations

from models.catalogue_document import CatalogueFile
from serving import catalogues
from serving.admission import Line
from serving.catalogue_answers import ComparedAnswer, PublishedAnswer, VersionsAnswer
from serving.endpoint import Endpoint
from serving.schemas import RollbackRequest

CATALOGUE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/catalogue",
        "read",
        "What may be offered, to whom and how: the newest version, or the one asked for.",
        catalogues.read,
        answer=CatalogueFile,
        optional=("version", "items"),
        bulk=True,
        line=Line.BACKGROUND,
        yaml=True,
    ),
    Endpoint(
        "PUT",
        "/catalogue",
        "admin",
        "Publish a catalogue as the new version.",
        catalogues.put,
        catalogues.MOST_BYTES,
        CatalogueFile,
        PublishedAnswer,
        optional=("note",),
        request_headers=("If-Match",),
        bulk=True,
        line=Line.BACKGROUND,
        yaml=True,
    ),
    Endpoint(
        "GET",
        "/catalogue/versions",
        "read",
        "What was published when and by whom, the newest first.",
        catalogues.versions,
        answer=VersionsAnswer,
        optional=("before", "limit"),
    ),
    Endpoint(
        "POST",
        "/catalogue/rollback",
        "admin",
        "Publish what an older version said as the new version.",
        catalogues.rollback,
        16 * 1024,
        RollbackRequest,
        PublishedAnswer,
        request_headers=("If-Match",),
        bulk=True,
        line=Line.BACKGROUND,
    ),
    Endpoint(
        "POST",
        "/catalogue/validate",
        "admin",
        "What is wrong with a catalogue, or what publishing it would change. Changes nothing.",
        catalogues.validate,
        catalogues.MOST_BYTES,
        CatalogueFile,
        ComparedAnswer,
        bulk=True,
        line=Line.BACKGROUND,
        yaml=True,
    ),
)

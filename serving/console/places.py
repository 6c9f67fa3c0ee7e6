"""Addresses of a customer's pages, and of what MLflow's own pages show."""

from __future__ import annotations

from urllib.parse import quote


def customer_address(customer_id: str, part: str = "") -> str:
    """part: of the page, like "timeline". Whatever is in an id stays one step of the address."""
    address = f"/console/customers/{quote(customer_id, safe='')}"
    return f"{address}/{part}" if part else address


def version_in_mlflow(pages: str, model: str, version: str) -> str:
    """pages: where people open MLflow, without a slash at the end; its pages are told apart behind the #."""
    return f"{pages}/#/models/{quote(model, safe='')}/versions/{quote(version, safe='')}"


def run_in_mlflow(pages: str, run_id: str) -> str:
    """MLflow leads on to the experiment that the run is of."""
    return f"{pages}/#/runs/{quote(run_id, safe='')}"

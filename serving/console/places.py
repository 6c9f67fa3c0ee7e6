"""Addresses of a customer's pages."""

from __future__ import annotations

from urllib.parse import quote


def customer_address(customer_id: str, part: str = "") -> str:
    """part: of the page, like "timeline". Whatever is in an id stays one step of the address."""
    address = f"/console/customers/{quote(customer_id, safe='')}"
    return f"{address}/{part}" if part else address

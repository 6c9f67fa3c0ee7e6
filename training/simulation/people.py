"""Names, telephones and addresses of some SYNTHETIC people, so that an agent desktop has somebody to find.

Nobody is called so and nothing can be reached there: the surnames are words, the telephone numbers are those that the
British regulator keeps free for drama, example.com is nobody's, and no British postcode begins with ZZ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from features.columns import CUSTOMER_SCHEMA
from training.simulation.events import customer_id

NAMED: Final = 200
_FIRST: Final = (
    *("Ada", "Björn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi", "Ines", "Jamal"),
    *("Kirsten", "Luis", "Mei", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Søren", "Tala"),
)
_LAST: Final = (
    "Example",
    "Sample",
    "Madeup",
    "Invented",
    "Pretend",
    "Imagined",
    "Notional",
    "Fancied",
    "Supposed",
    "Fable",
)
SHARING: Final = (3, 4)
"""Two of one surname, who have one telephone: whoever it is must be asked."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """number: their place among the people."""

    number: int
    first: str
    last: str
    phone: str
    email: str
    card: str
    postcode: str

    @property
    def customer_id(self) -> str:
        return customer_id(self.number)


def somebody(number: int) -> Somebody:
    """number: from 0 up to NAMED."""
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST)]
    phone = SHARING[0] if number in SHARING else number
    return Somebody(
        number,
        first,
        last,
        f"+442079460{phone:03}",
        f"sim.{number:03}@example.com",
        f"SIM-{number:06}",
        f"ZZ{1 + number % 9} {1 + number // 9 % 9}AA",
    )


def named() -> pa.Table:
    """Columns of CUSTOMER_SCHEMA: what is known of them beside what they have been imported with."""
    people = [somebody(number) for number in range(NAMED)]
    columns = {
        "customer_id": [one.customer_id for one in people],
        "traits": [json.dumps(_traits(one), ensure_ascii=False) for one in people],
        "identifiers": [
            json.dumps([["phone", one.phone], ["email", one.email], ["loyalty_card", one.card]]) for one in people
        ],
        "time_zone": [None] * NAMED,
    }
    return pa.table(columns, schema=CUSTOMER_SCHEMA)


def _traits(one: Somebody) -> dict[str, str]:
    tier = ("Gold", "Silver", "Bronze")[one.number % 3]
    return {
        "firstName": one.first,
        "lastName": one.last,
        "postcode": one.postcode,
        "city": "Sampleton",
        "tier": tier,
    }

"""People as a command names them: by their outside name, or by any identifier as `type:value`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.shell import settings, stop

if TYPE_CHECKING:
    from features.event import Identifier
    from features.stores import Store
    from features.stores.people import Identity

Named = Annotated[
    str, typer.Argument(help='A customer id such as c-17, or "type:value" such as email:ann@example.org.')
]


def identity_of(store: Store, text: str) -> Identity:
    """Whoever is meant; ends the command when nobody is, or several are."""
    from features.identity import IdentityError, customer_identifier
    from features.stores.protocol import AmbiguousIdentifier

    try:
        found = store.identity(customer_identifier(text))
        if found is None and ":" in text:
            found = store.identity(identifier_of(text))
    except IdentityError as error:
        stop(str(error))
    except AmbiguousIdentifier as error:
        stop(f"customer is {text}; several people answer to it: {', '.join(error.customer_ids)}; name one")
    if found is None:
        stop(f"customer is {text}; nobody has it; look for another identifier, written as type:value")
    return found


def identifier_of(text: str) -> Identifier:
    """`type:value`, normalised. Raises IdentityError."""
    from features.identity import IdentityError, normalise

    type_, colon, value = text.partition(":")
    if not colon:
        raise IdentityError(f"identifier is {text}; it is written as type:value; write user_id:{text} for a user id")
    return normalise(type_, value, settings().region)


def operator() -> str:
    """Who runs the command, for the audit."""
    import getpass

    return f"operator {getpass.getuser()}"

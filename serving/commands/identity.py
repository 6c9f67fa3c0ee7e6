"""nextbest identity: who somebody is, and taking apart what was wrongly made one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.naming import Named, identifier_of, identity_of, operator
from serving.commands.output import AsJson, Rows, Yes, confirm, counted, show, show_json
from serving.commands.shell import console, one_line, present_of, settings, stop, the_store

if TYPE_CHECKING:
    from features.event import Identifier
    from features.stores.people import HeldIdentifier, Identity

app = typer.Typer(help="Who somebody is, by which identifiers, and since when.", no_args_is_help=True)


@app.command("show", epilog="nextbest identity show email:ann@example.org --json")
def show_identity(customer: Named, as_json: AsJson = False) -> None:
    """Every name and identifier of one person, and where each came from."""
    with one_line(), the_store() as store:
        identity = identity_of(store, customer)
    _show(identity, as_json)


@app.command("split", epilog="nextbest identity split c-17 phone:+442079460018")
def split_identity(
    customer: Named,
    identifier: Annotated[str, typer.Argument(help="What is not theirs: type:value.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cut an identifier off a person, for good; every event goes back to the name under which it was told."""
    from features.identity import customer_identifier

    with one_line(), the_store() as store:
        identity = identity_of(store, customer)
        cut = _cut_off(identity, identifier)
        called = customer_identifier(identity.customer_id)
        if not store.may_split(called, cut):
            _say(f"{identifier} was cut off {identity.customer_id} already; nothing is changed")
            _show(identity, as_json)
            return
        confirm(
            f"{identifier} will be cut off {identity.customer_id} (known as {', '.join(identity.names)}) and never"
            " join them again; events told under it leave with it, consents and limits are reckoned anew",
            yes,
        )
        left = store.split(called, cut, present_of(store), operator())
    _say(f"{identifier} is cut off; this is left of {left.customer_id}")
    _show(left, as_json)


@app.command("omit", epilog="nextbest identity omit --yes")
def omit_identifiers(yes: Yes = False) -> None:
    """Forget the values of all identifiers but user ids, where NEXTBEST_IDENTIFIERS is omitted; people are found by
    them as before."""
    with one_line(), the_store() as store:
        if not settings().omits_identifiers:
            stop(
                "identifiers is encrypted; values forgotten now would be kept when they are told again;"
                " set NEXTBEST_IDENTIFIERS=omitted for every process"
            )
        if not (kept := store.kept_identifiers()):
            _say("no value is kept; nothing is changed")
            return
        confirm(
            f"the values of {counted(kept, 'identifier')} will be forgotten; whoever has no user id will be called by a"
            " digest, and may come into another arm of the experiment; there is no way back",
            yes,
        )
        forgotten = store.omit_identifiers(present_of(store), operator())
    _say(f"the values of {counted(forgotten, 'identifier')} are forgotten; run `nextbest compact` for the files")


def _cut_off(identity: Identity, text: str) -> Identifier:
    """Ends the command when the text is no `type:value`."""
    from features.identity import IdentityError, customer_identifier

    try:
        if text in identity.names:
            named = customer_identifier(text)
            if text != f"{named.type}:{named.value}":
                stop(f"identifier is {text}; it is written as type:value; write {named.type}:{named.value}")
        return identifier_of(text)
    except IdentityError as error:
        stop(str(error))


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False)


def _show(identity: Identity, as_json: bool) -> None:
    if as_json:
        from features.stores.export import identifier_shown

        held = [identifier_shown(one) for one in identity.identifiers]
        show_json({"customer_id": identity.customer_id, "names": list(identity.names), "identifiers": held})
        return
    rows = [
        (
            one.type,
            "(not kept)" if one.value is None else one.value,
            one.profile,
            one.since_outside or "(not known)",
            _role(one),
        )
        for one in identity.identifiers
    ]
    columns = ("type", "value", "told under", "since", "role")
    console.print(f"{identity.customer_id}, known as {', '.join(identity.names)}", markup=False, highlight=False)
    show(Rows(columns, rows, "no identifier is held"), as_json=False)


def _role(held: HeldIdentifier) -> str:
    if held.severed:
        return "cut off"
    return "name" if held.anchor else "claimed"

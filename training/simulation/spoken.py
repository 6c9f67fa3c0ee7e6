"""What the SYNTHETIC retailer calls its things, and what whoever speaks for it says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Speech:
    """things: as several are called. many: whether they are counted as several. ask: how one comes to speak of them.
    one: what is ordered then."""

    things: str
    many: bool
    ask: str
    one: str


SPEECH: Final[Mapping[str, Speech]] = {
    "coffee": Speech("coffee", False, "Are you running low on coffee?", "it"),
    "detergent": Speech("detergent", False, "Do you need detergent again?", "it"),
    "pet-food": Speech("pet food", False, "Have you enough food in the house for your pet?", "it"),
    "tea": Speech("tea", False, "Would you like tea with your next order?", "it"),
    "razors": Speech("razors", True, "Could you do with new razors?", "them"),
    "skin-care": Speech("skin care", False, "Is your skin care running out?", "it"),
    "sun-care": Speech("sun care", False, "Are you ready for the sun?", "it"),
    "shoes": Speech("shoes", True, "Are you looking for new shoes?", "a pair"),
    "coats": Speech("coats", True, "Have you a coat for the winter?", "one"),
    "washing-machine": Speech("washing machines", True, "Is your washing machine still doing well?", "one"),
    "vacuum-cleaner": Speech("vacuum cleaners", True, "Is your vacuum cleaner still doing well?", "one"),
    "coffee-machine": Speech("coffee machines", True, "Have you thought of a coffee machine?", "one"),
    "descaler": Speech("descaler", False, "When did you last descale your coffee machine?", "it"),
    "vacuum-bags": Speech("vacuum bags", True, "Have you bags left for your vacuum cleaner?", "them"),
    "phone": Speech("phones", True, "Are you happy with your phone?", "one"),
    "television": Speech("televisions", True, "Are you thinking of a new television?", "one"),
    "headphones": Speech("headphones", True, "Do you listen to music on your phone?", "a pair"),
    "phone-cover": Speech("phone covers", True, "Has your phone a cover yet?", "one"),
}
"""By category."""

_OTHERWISE: Final[Mapping[str, str]] = {
    "loyalty-card": "You could collect points with every order. Shall I send you our card? It costs nothing.",
    "get-the-app": "In our app you see every order and receipt. Shall I show you where to find it?",
    "where-is-my-order": "I can see where your order is. Shall I send you the link by which you can follow it?",
}
"""By action, of what is about no category."""


def said(action: str, category: str | None, bargain: float) -> str:
    """A talk track. bargain: the share that is taken off the price. Raises KeyError for what nobody speaks of."""
    if category is None:
        return _OTHERWISE[action]
    one = SPEECH[category]
    if not bargain:
        return f"{one.ask} We have {one.things} in stock, and I can order {one.one} for you now."
    less = f"{one.things.capitalize()} {'are' if one.many else 'is'} {100 * bargain:.0f} % less this week"
    return f"{one.ask} {less}; I can order {one.one} for you now."


def written(category: str, kind: str, bargain: float) -> str:
    """The same for a page or a letter, where nobody speaks."""
    things = SPEECH[category].things
    if kind == "message":
        return f"How to choose: our guide to {things}."
    return f"{100 * bargain:.0f} % off {things} this week." if bargain else f"{things.capitalize()}: in stock today."


def called(action: str, category: str | None, kind: str, bargain: float) -> str:
    """An action's name, which says that it is made up."""
    if category is None:
        name = action.replace("-", " ").capitalize()
    elif kind == "message":
        name = f"Guide to {SPEECH[category].things}"
    elif bargain:
        name = f"{100 * bargain:.0f} % off {SPEECH[category].things}"
    else:
        name = SPEECH[category].things.capitalize()
    return f"{name} (SYNTHETIC)"

"""The retailer's shelf labels in words that a person would say."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = {
    "ACTIVATI": "activation", "BEVERAG": "beverages", "BG": "bags", "BKD": "baked", "BKG": "baking", "BN": "beans",
    "BRD": "bread", "BRKFST": "breakfast", "BTL": "bottle", "BTR": "butter", "CARB": "carbonated", "CHOC": "chocolate",
    "CKYS": "cookies", "CLEANG": "cleaning", "CNDY": "candy", "COFF": "coffee", "CONC": "concentrates",
    "CRKR": "crackers", "CRYSTL": "crystal", "DISPOSIBLE": "disposable", "DNR": "dinner", "DNRS": "dinners",
    "DRESNG": "dressing", "DRNK": "drink", "DRNKS": "drinks", "DRSNG": "dressing", "DSH": "dishes", "EXCP": "except",
    "FD": "food", "FLVRD": "flavored", "FRSH": "fresh", "FRZN": "frozen", "FRT": "fruit", "GM": "general merchandise",
    "HBC": "health & beauty", "JCE": "juice", "MEMORABLILIA": "memorabilia", "MISC": "other", "MIXS": "mixes",
    "MLT": "multi", "MW": "microwave", "MX": "mix", "MXS": "mixes", "NDAIRY": "non-dairy", "PK": "pack",
    "PKG": "packaged", "PKGD": "packaged", "PKLD": "pickled", "PNT": "peanut", "PROD": "produce", "PWDR": "powdered",
    "REFRGRATD": "refrigerated", "RW": "random-weight", "SALD": "salad", "SEASNL": "seasonal", "SFT": "soft",
    "SHERBTS": "sherbets", "SNDWCH": "sandwich", "SNKS": "snacks", "SOD": "soda", "SPLY": "supplies",
    "SPRD": "spread", "SUPPPLIES": "supplies", "SWEETNERS": "sweeteners", "TISS": "tissues", "TRSH": "trash",
    "VEG": "vegetable", "WHLSM": "wholesome", "WTR": "water",
}  # fmt: skip


def phrase(label: str) -> str:
    """`FRZN NOVELTIES/WTR ICE` -> `Frozen novelties, water ice`."""
    parts = [part for part in re.split(r"\s*[/:,]\s*|\s+-\s+|-\s+", label.strip()) if part]
    said = ", ".join(" ".join(_word(word) for word in part.split()) for part in parts)
    return said[:1].upper() + said[1:]


def _word(word: str) -> str:
    return _WORDS.get(word.strip(".()").upper(), word.lower().replace("&", " & ").replace("  ", " "))

"""English words for signs, units and dates."""

from __future__ import annotations

_DOLLARS = ("dollars", "dollar", "bucks")
_CENTS = ("cents", "cent")
_HOURS = ("hours", "hour")
_MINUTES = ("minutes", "minute")
_SECONDS = ("seconds", "second")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip

SIGNS = {
    "%": ("percent", "per cent"),
    "‰": ("per mille", "per mill"),
    "№": ("number",),
    "#": ("number", "hash", "pound", "hashtag"),
    "&": ("and", "ampersand"),
    "@": ("at",),
    "§": ("section", "paragraph"),
    "+": ("plus",),
    "-": ("", "minus", "negative"),
    "−": ("minus", "negative"),
    "±": ("plus or minus", "plus minus"),
    "=": ("equals", "is", "equal to"),
    "×": ("times", "by"),
    "÷": ("divided by", "over"),
    "*": ("", "star", "asterisk", "times"),
    "°": ("degrees", "degree"),
    "$": _DOLLARS,
    "€": ("euros", "euro"),
    "₽": ("roubles", "rubles", "rouble", "ruble"),
    "£": ("pounds", "pound", "quid"),
    "¥": ("yen", "yuan"),
    "¢": _CENTS,
}
SEPARATORS = {
    ",": ("comma",),
    ".": ("point", "dot"),
    ":": ("to", "colon"),
    "-": ("to", "dash", "minus", "hyphen", "through"),
    "/": ("slash", "over", "out of", "of"),
    "×": ("by", "times"),
    "*": ("star", "times"),
}
SUBUNITS = {"$": _CENTS, "€": _CENTS, "£": ("pence", "p")}
UNITS = {
    "km": ("kilometers", "kilometer", "kilometres", "kilometre"),
    "m": ("meters", "meter", "metres", "metre", "million"),
    "cm": ("centimeters", "centimeter", "centimetres", "centimetre"),
    "mm": ("millimeters", "millimeter", "millimetres", "millimetre"),
    "kg": ("kilograms", "kilogram", "kilos", "kilo"),
    "g": ("grams", "gram"),
    "mg": ("milligrams", "milligram"),
    "lb": ("pounds", "pound"),
    "lbs": ("pounds", "pound"),
    "oz": ("ounces", "ounce"),
    "ft": ("feet", "foot"),
    "in": ("inches", "inch"),
    "mi": ("miles", "mile"),
    "mph": ("miles per hour", "miles an hour"),
    "l": ("liters", "liter", "litres", "litre"),
    "ml": ("milliliters", "milliliter"),
    "h": _HOURS,
    "hr": _HOURS,
    "hrs": _HOURS,
    "min": _MINUTES,
    "mins": _MINUTES,
    "s": _SECONDS,
    "sec": _SECONDS,
    "k": ("thousand", "grand"),
    "bn": ("billion",),
    "gb": ("gigabytes", "gigabyte", "gigs"),
    "mb": ("megabytes", "megabyte"),
}
MONTHS = tuple((month,) for month in _MONTHS)
HOURS = ("o'clock",)
HALF = ("and a half",)

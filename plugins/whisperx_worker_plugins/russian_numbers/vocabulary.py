"""Words beside numbers: units, months, places with numbers, and set phrases."""

from __future__ import annotations

from whisperx_worker_plugins._shared.russian_numerals import FORMS


def _forms(stem: str, endings: str) -> frozenset[str]:
    """Return a stem with each ending; a dash stands for none."""
    return frozenset(stem + ending.replace("-", "") for ending in endings.split())


def _masculine(*stems: str) -> frozenset[str]:
    return frozenset().union(*(_forms(stem, "- а у ом е ы ов ам ами ах") for stem in stems))


def _feminine(*stems: str) -> frozenset[str]:
    return frozenset().union(*(_forms(stem, "а ы е у ой - ам ами ах") for stem in stems))


ROUBLES = _forms("рубл", "ь я ю ем е и ей ям ями ях")
KOPECKS = _forms("копе", "йка йки йке йку йкой ек йкам йками йках")
DOLLARS = _masculine("доллар")
EUROS = frozenset({"евро"})
CURRENCY_SIGNS = {**dict.fromkeys(ROUBLES, "₽"), **dict.fromkeys(DOLLARS, "$"), **dict.fromkeys(EUROS, "€")}
MONEY = ROUBLES | KOPECKS | DOLLARS | EUROS | _masculine("цент", "бакс", "юан") | _feminine("гривн", "йен", "иен") | {
    "тенге", "фунтов", "юаней", "гривен",
}  # fmt: skip
PERCENT = _masculine("процент")
MEASURES = (
    _masculine(
        "грамм", "килограмм", "миллиграмм", "метр", "километр", "сантиметр", "миллиметр", "литр", "миллилитр",
        "гектар", "градус", "ватт", "киловатт", "вольт", "ампер", "байт", "килобайт", "мегабайт", "гигабайт",
        "терабайт", "дюйм", "мегабит", "гигабит", "герц", "мегагерц", "гигагерц", "балл",
    )
    | _feminine("тонн")
    | _forms("квадрат", "- а ов")
    | _forms("миллисекунд", "а ы у -")
    | _forms("ми", "ля ли лю ль")
    | {"кило", "соток", "промилле"}
)  # fmt: skip
SCALES = _forms("тысяч", "а и е у ей - ам ами ах") | _masculine("миллион", "миллиард", "триллион")
HOURS = _masculine("час")
MINUTES = _feminine("минут")
YEARS = _forms("год", "- а у ом е ы ов ам ами ах")
PLURAL_YEARS = _forms("год", "ы ов ам ами ах")
CENTURIES = _forms("век", "- а у ом е ов ах") | _forms("столети", "е я ю ем и й")
DAY_PARTS = frozenset({"утра", "вечера"})
MONTHS = frozenset(
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()  # noqa: SIM905
)
COUNTED = _masculine("человек", "раз") | MINUTES | _feminine("секунд") | HOURS | YEARS | {
    "лет", "дня", "дней", "дни", "недели", "недель", "месяца", "месяцев", "штук", "штуки", "людей", "суток", "тысяч",
}  # fmt: skip
"""Nouns after which two numbers are no time of day."""

CONNECTORS = frozenset({"и", "или", "до", "по", "из", "на", "к", "либо"})
"""Words between two numbers that belong together."""
PROPORTIONS = CONNECTORS - {"по"}
"""Those between amounts: "два по двадцать" are two amounts."""
LIMITS = PROPORTIONS - {"и"}
"""Those before the second of two amounts that are one thought."""
CLOCK_PREPOSITIONS = frozenset({"в", "во", "до", "с", "к", "около", "после", "на", "время", "сейчас", "примерно"})
STRONG_CLOCK_PREPOSITIONS = frozenset({"в", "во", "время", "сейчас"})
GENITIVE_PREPOSITIONS = frozenset(
    "около до от более больше менее меньше после из с без свыше порядка для к о об в не почти против".split()  # noqa: SIM905
)

NUMBERED = frozenset().union(
    _masculine(
        "корпус", "подъезд", "кабинет", "офис", "номер", "пункт", "вагон", "автобус", "трамвай", "рейс", "маршрут",
        "билет", "этаж", "параграф", "том", "участ", "блок", "пакет", "канал",
    ),
    _feminine("квартир", "палат", "глав", "страниц"),
    *(_forms(stem, "я и е ю ей") for stem in ("стать", "секци", "лини", "верси", "строени", "упражнени")),
    _forms("дом", "- а у ом е"),
    _forms("част", "ь и ью"),
    _forms("задач", "а и е у"),
    _forms("вариант", "- а е ом"),
    ("участок", "строение", "упражнение", "школа", "школе", "школы", "школу", "вопрос", "урок", "место", "ряд", "путь",
     "платформа", "платформы", "гейт"),
)  # fmt: skip
"""Nouns in front of their number: "дом пять"."""
NUMBER_SIGN = _masculine("номер")
AFTER_AN_ADDRESS = frozenset({"", "по", "на", "в", "и", "с", "у", "к", "за", "от", "до", "не", "это", "а", "то", "или"})

_ORDINAL_STEMS = (
    "класс", "этаж", "подъезд", "курс", "квартал", "корпус", "автобус", "трамва", "троллейбус", "маршрут", "вагон",
    "путь", "пути", "платформ", "перрон", "кабинет", "палат", "разряд", "категори", "размер", "лини",
    "микрорайон", "терминал", "числ", "километр", "ряд", "поликлиник", "школ",
)  # fmt: skip
_NOT_COUNTED = ("классн", "классич", "курсив", "линейн", "числен", "числит", "рядов", "рядом", "школьн")


def takes_ordinal(noun: str) -> bool:
    """Return whether people write small ordinals in digits before a noun: "3-й этаж"."""
    return noun.startswith(_ORDINAL_STEMS) and not noun.startswith(_NOT_COUNTED)


_AFTER_AN_HOUR = DAY_PARTS | {
    "дня",
    "ночи",
    "была",
    "когда",
    "тогда",
    "завтра",
    "вчера",
    "мама",
    "папа",
    "меня",
    "тебя",
}


def may_own_an_ordinal(word: str) -> bool:
    """Return whether a word may be a noun in the genitive.

    "пять минут первого тайма" is no time of day.
    """
    is_number = word in FORMS or word.startswith("пол")
    return len(word) > 2 and word.endswith(("а", "я", "го")) and not is_number and word not in _AFTER_AN_HOUR  # noqa: PLR2004


REPLACED = PERCENT | MINUTES | MONEY | {
    "плюс", "без", "четверти", "четверть", "с", "и", "целых", "целая", "запятая", "час",
}  # fmt: skip
"""Words beside numerals that a written number may take the place of."""
HALVES = frozenset({"половина", "половине", "половины"})
HALF_HOUR = "пол"

MONARCHS = (
    "петр", "екатерин", "никола", "александр", "людовик", "генрих", "карл", "павел", "павл", "елизавет", "иван",
    "иоанн", "папа", "фридрих", "вильгельм", "георг", "эдуард", "франциск", "филипп", "рамзес", "бенедикт",
)  # fmt: skip
SET_PHRASES = (
    ("сто", "лет"), ("сто", "раз"), ("сто", "пудов"), ("сто", "бед"), ("тысячу", "раз"), ("тысяча", "извинений"),
    ("тысячу", "извинений"), ("тысяча", "и", "одна", "ночь"), ("тысячу", "лет"), ("тысяча", "мелочей"),
    ("тысяча", "чертей"), ("сорок", "сороков"), ("тридцать", "три", "несчастья"), ("тридцать", "три", "богатыря"),
    ("двадцать", "пятый", "кадр"), ("двенадцать", "апостолов"), ("двенадцать", "стульев"), ("десять", "заповедей"),
)  # fmt: skip
"""Phrases that people write in words, from their numeral on."""

_ACCOUNT = _masculine("счет")
_NUMBER = NUMBER_SIGN | {"номера"}
_PASSPORT = _masculine("паспорт") | _forms("сери", "я и ю ей")
_CARD = _feminine("карт") | {"карточка", "карточки", "карточке"}
_JOINED = (
    _masculine("код", "пинкод", "индекс", "артикул", "заказ", "договор", "трек", "счетчик")
    | _forms("парол", "ь я ю ем е")
    | _feminine("заявк")
    | _forms("обращени", "е я ю ем и")
    | _forms("лицев", "ой ого ому")
    | _forms("добавочн", "ый ого ому")
    | {"пин", "инн", "бик", "огрн", "заявки", "заявке"}
)
TELEPHONE_MARKERS = (
    _masculine("телефон")
    | _NUMBER
    | _forms("мобильн", "ый ого ому ом")
    | _forms("городск", "ой ого ому ом")
    | _forms("сотов", "ый ого ому ом")
    | frozenset(stem + ending for stem in ("", "по", "пере") for ending in _forms("звон", "ите и ить ю ил ила или"))
    | {"набери", "наберите", "набирайте", "тел"}
)
"""Words before a telephone number."""
PASSPORT_MARKERS = _PASSPORT
DOCUMENT_MARKERS = _PASSPORT | _CARD | _ACCOUNT | {"инн", "снилс", "полис", "полиса", "огрн"}
"""Words before digits that are no telephone number."""
JOINED_CODE_MARKERS = _JOINED
"""Words before digits that are written without spaces."""
CODE_MARKERS = DOCUMENT_MARKERS | _JOINED | _NUMBER
ACCOUNT_MARKERS = _forms("лицев", "ой ого") | _forms("расчетн", "ый ого") | _forms("банковск", "ий ого") | _NUMBER
SCORE_MARKERS = _ACCOUNT | frozenset(
    stem + ending
    for stem in ("выигра", "победи", "проигра", "обыгра", "сыгра", "разгроми", "ве", "веде")
    for ending in ("л", "ла", "ли", "ло", "т", "м", "дут")
) | {"ничья", "вничью"}  # fmt: skip
"""Words before the points of two sides."""

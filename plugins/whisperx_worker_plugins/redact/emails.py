"""E-mail addresses, written with @ or spoken with «собака» and «точка»."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.redact.tokens import Find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker_plugins.redact.tokens import Tokens

AT_WORDS = frozenset({"собака", "собачка", "собаку", "собачку", "эт"})
_CONNECTORS = frozenset({
    "точка", "точку", "дот", "дефис", "тире", "минус", "подчеркивание", "подчеркнуть", "нижнее", "андерскор", "плюс",
})  # fmt: skip
"""Words for the signs inside an address."""
_DOT_WORDS = frozenset({"точка", "точку", "дот"})
_PROVIDERS = frozenset({
    "яндекс", "yandex", "мейл", "мэйл", "майл", "mail", "джимейл", "гмейл", "джимэйл", "gmail", "рамблер", "rambler",
    "лист", "list", "инбокс", "inbox", "бк", "bk", "айклауд", "icloud", "аутлук", "outlook", "хотмейл", "hotmail",
    "протонмейл", "protonmail", "яху", "yahoo", "vk",
})  # fmt: skip
_TOP_DOMAINS = frozenset({
    "ру", "ком", "нет", "орг", "рф", "инфо", "юа", "бай", "кз", "су", "ио", "про", "ru", "com", "net", "org", "рус",
    "info", "ua", "by", "kz", "su", "io", "pro", "me", "biz", "online", "edu", "eu", "de",
})  # fmt: skip
_ANNOUNCEMENTS = ("почт", "мейл", "мэйл", "имейл", "имэйл", "емейл", "емэйл", "email", "mail", "электронк", "электронн")
_INTRODUCTIONS = frozenset({
    "это", "моя", "мой", "мою", "такая", "такой", "у", "меня", "ваша", "наша", "на", "его", "ее", "адрес", "пишите",
    "будет", "запишите", "отправьте", "пришлите", "вышлите", "пожалуйста", "да", "так", "ну", "вот", "значит", "по",
    "и",
})  # fmt: skip
"""Words between the announcement of an address and its beginning."""
_LETTER_NAMES = frozenset({
    "а", "бэ", "вэ", "гэ", "дэ", "е", "жэ", "зэ", "и", "ка", "эл", "эль", "эм", "эн", "о", "пэ", "эр", "эс", "тэ", "у",
    "эф", "ха", "цэ", "чэ", "ша", "ща", "э", "ю", "я", "би", "си", "ди", "эй", "джи", "эйч", "ай", "джей", "кей", "кью",
    "ар", "ти", "ви", "икс", "игрек", "зет", "зэд", "дабл", "дубль", "вай",
})  # fmt: skip
_SIGNS = frozenset({"", ".", "-", "_", "+"})
"""What stands between two tokens of a written address: nothing between letters and digits."""
_MAX_LOCAL_TOKENS = 12
_MAX_ANNOUNCED_TOKENS = 10
_MAX_DOMAIN_TOKENS = 9
_LATIN_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


def find_emails(tokens: Tokens, *, is_piece: bool) -> Iterator[Find]:
    """Yield e-mail addresses.

    Args:
        tokens: The text.
        is_piece: Whether the text is a piece: an address may begin or end outside of it.
    """
    last = 0
    for index, word in enumerate(tokens.words):
        if index < last or not ("@" in tokens.gaps[index] or word in AT_WORDS):
            continue
        is_sign = "@" in tokens.gaps[index]
        domain = index if is_sign else index + 1
        end = _domain_end(tokens, domain, is_sign=is_sign, is_piece=is_piece)
        if end > domain or (is_piece and domain == len(tokens.words)):
            start = _local_start(tokens, index, last, is_sign=is_sign)
            yield Find("email", tuple(range(start, end)))
            last = end
    if is_piece:
        yield from _at_edges(tokens, last)


def _domain_end(tokens: Tokens, index: int, *, is_sign: bool, is_piece: bool) -> int:
    """Return the index after a domain; `index` where none begins."""
    end, is_domain = index + 1, is_sign or tokens.word(index) in _PROVIDERS
    if index >= len(tokens.words):
        return index
    stop = min(len(tokens.words), index + _MAX_DOMAIN_TOKENS)
    while end < stop:
        is_sign_between = tokens.gaps[end] in _SIGNS
        if is_sign_between or tokens.words[end] in _TOP_DOMAINS:
            is_domain |= tokens.words[end] in _TOP_DOMAINS
            end += 1
        elif tokens.words[end] in _CONNECTORS and end + 1 < stop:
            is_domain |= tokens.words[end + 1] in _TOP_DOMAINS
            end += 2
        elif _is_spelled(tokens.words[end]) and not is_domain:
            end += 1
        else:
            break
        if tokens.words[end - 1] in _TOP_DOMAINS and tokens.gaps[end] != ".":
            break
    if is_piece and end >= len(tokens.words) - 1 and tokens.words[end - 1] not in _TOP_DOMAINS:
        return len(tokens.words)
    return end if is_domain else index


def _local_start(tokens: Tokens, at: int, first: int, *, is_sign: bool) -> int:
    """Return the index of an address's first token, before its "at"."""
    announced = None if is_sign else _announced_start(tokens, at - 1, first)
    if announced is not None:
        return announced
    start = max(first, at - 1)
    while start > max(first, at - _MAX_LOCAL_TOKENS):
        before, after = tokens.words[start - 1], tokens.words[start]
        is_joined = before in _CONNECTORS or after in _CONNECTORS or tokens.gaps[start] in _SIGNS
        if not is_joined and (is_sign or not (_is_spelled(before) and _is_spelled(after))):
            break
        start -= 1
    return start


def _announced_start(tokens: Tokens, stop: int, first: int) -> int | None:
    """Return the index of the first token after the last announcement of an address; at most `stop`."""
    for place in range(stop, max(first, stop - _MAX_ANNOUNCED_TOKENS) - 1, -1):
        if tokens.word(place).startswith(_ANNOUNCEMENTS):
            start = min(place + 1, stop)
            while start < stop and tokens.words[start] in _INTRODUCTIONS:
                start += 1
            return start
    return None


def _at_edges(tokens: Tokens, last: int) -> Iterator[Find]:
    """Yield what may be parts of addresses at the beginning and at the end of a piece."""
    count = len(tokens.words)
    if not count:
        return
    head = next(
        (
            place + 1
            for place in range(min(count, _MAX_DOMAIN_TOKENS))
            if tokens.words[place] in _TOP_DOMAINS
            and (place == 0 or tokens.words[place - 1] in _DOT_WORDS or tokens.gaps[place] == ".")
        ),
        0,
    )
    if last == 0 and head:
        yield Find("email", tuple(range(head)))
        last = head
    tail = _announced_start(tokens, count, last)
    if tail is None:
        tail = _local_start(tokens, count, last, is_sign=False)
        if not any(map(_is_of_address, tokens.words[tail:])):
            return
    if max(last, tail) < count:
        yield Find("email", tuple(range(max(last, tail), count)))


def _is_of_address(word: str) -> bool:
    return word in _CONNECTORS or word in AT_WORDS or not _LATIN_LETTERS.isdisjoint(word)


def _is_spelled(word: str) -> bool:
    """Return whether a word is Latin, a number, or the name of a letter."""
    return word in _LETTER_NAMES or word in FORMS or word.isdecimal() or not _LATIN_LETTERS.isdisjoint(word)

"""Languages of Whisper as ISO 639 codes, and the spoken length of text."""

# fmt: off
LANGUAGES = frozenset((
    "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de", "el",
    "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht", "hu", "hy",
    "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi",
    "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru",
    "sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl",
    "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "yue", "zh",
))
# fmt: on

_LETTERS_PER_DIGIT = 6


def spoken_letters(text: str) -> int:
    """Count the letters of spoken text, in which a digit is a word.

    >>> spoken_letters("Дом 7.")
    9
    """
    return sum(_LETTERS_PER_DIGIT if mark.isdigit() else mark.isalpha() for mark in text)

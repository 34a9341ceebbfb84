"""A small closed Russian: office and telephone talk with names, numbers, money, dates, times and addresses.

A sentence is made by expanding `RULES` at random. Numbers are always words. Capitals and commas stand in fixed places,
so that one spoken sentence has exactly one spelling.
"""

import random
import re
import zlib

NAMES = [
    "Анна",
    "Иван",
    "Мария",
    "Пётр",
    "Ольга",
    "Сергей",
    "Елена",
    "Дмитрий",
    "Наталья",
    "Андрей",
    "Татьяна",
    "Алексей",
]
PATRONYMICS = ["Анна Сергеевна", "Иван Петрович", "Ольга Ивановна", "Пётр Алексеевич", "Мария Андреевна"]

RULES: dict[str, list[str]] = {
    "name": NAMES,
    "person": ["{name}", "{name}", "{name}", *PATRONYMICS],
    "surname": ["Иванов", "Петров", "Смирнов", "Кузнецов", "Соколов", "Морозов"],
    "hello": ["здравствуйте", "добрый день", "доброе утро", "добрый вечер", "привет", "алло"],
    "u3": ["три", "четыре"],
    "u5": ["пять", "шесть", "семь", "восемь", "девять"],
    "digit": ["ноль", "один", "два", "{u3}", "{u5}", "{u5}"],
    "teen": [
        "десять",
        "одиннадцать",
        "двенадцать",
        "тринадцать",
        "четырнадцать",
        "пятнадцать",
        "шестнадцать",
        "семнадцать",
        "восемнадцать",
        "девятнадцать",
    ],
    "ten": ["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"],
    "hundred": ["сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"],
    "house": ["{u5}", "{u3}", "два", "{teen}", "{ten}", "{ten} {u5}", "{ten} {u3}", "сто {ten}", "{ten} один"],
    "many": ["{u5}", "{teen}", "{ten}", "{ten} {u5}", "{hundred}", "{hundred} {ten}", "{hundred} {teen}"],
    "few": ["два", "{u3}", "{ten} два", "{ten} {u3}"],
    "money": [
        "{many} рублей",
        "{many} рублей",
        "{few} рубля",
        "{ten} один рубль",
        "{u5} тысяч рублей",
        "{teen} тысяч {hundred} рублей",
        "{ten} тысяч рублей",
        "две тысячи {hundred} рублей",
        "{u3} тысячи рублей",
        "одна тысяча {hundred} рублей",
        "один миллион рублей",
        "{many} рублей {ten} копеек",
    ],
    "percent": ["{many} процентов", "{u5} процентов", "{few} процента"],
    "ordinal": [
        "первого",
        "второго",
        "третьего",
        "четвёртого",
        "пятого",
        "шестого",
        "седьмого",
        "восьмого",
        "девятого",
        "десятого",
        "одиннадцатого",
        "двенадцатого",
        "пятнадцатого",
        "двадцатого",
        "двадцать первого",
        "двадцать пятого",
        "двадцать {low_ordinal}",
        "тридцатого",
    ],
    "low_ordinal": ["второго", "третьего", "четвёртого", "шестого", "седьмого", "восьмого", "девятого"],
    "month": [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ],
    "date": ["{ordinal} {month}"],
    "weekday": ["в понедельник", "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье"],
    "hour": [
        "в {u5} часов",
        "в {u3} часа",
        "в два часа",
        "в {teen} часов",
        "в час",
        "в {u5} тридцать",
        "в десять пятнадцать",
        "в {teen} сорок пять",
        "в двадцать один час",
    ],
    "part": ["утра", "дня", "вечера"],
    "time": ["{hour}", "{hour}", "в {u5} часов {part}", "в два часа дня", "в {u3} часа дня"],
    "when": [
        "сегодня",
        "завтра",
        "послезавтра",
        "{weekday}",
        "{date}",
        "{time}",
        "завтра {time}",
        "{weekday} {time}",
        "на следующей неделе",
        "через {u5} минут",
        "через час",
        "через неделю",
        "после обеда",
    ],
    "city": ["Москве", "Казани", "Самаре", "Омске", "Туле"],
    "street": ["Ленина", "Садовая", "Мира", "Гагарина", "Лесная", "Пушкина", "Новая", "Зелёная"],
    "address": [
        "улица {street}, дом {house}",
        "улица {street}, дом {house}, квартира {house}",
        "улица {street}, дом {house}, офис {house}",
    ],
    "thing": ["заказ", "договор", "отчёт", "счёт", "паспорт", "билет", "документ", "телефон", "список"],
    "things": ["заказы", "договоры", "отчёты", "документы", "билеты", "письма", "цены", "новости"],
    "staff": ["директор", "бухгалтер", "менеджер", "инженер", "водитель", "клиент", "врач"],
    "place": ["офис", "магазин", "банк", "склад", "вокзал", "аэропорт"],
    "inplace": ["в офисе", "в магазине", "в банке", "на складе", "на вокзале", "дома", "на работе", "в {city}"],
    "done": ["готов", "подписан", "оплачен", "отправлен"],
    "question": [
        "сколько стоит {thing}?",
        "когда будет готов {thing}?",
        "где находится {place}?",
        "кто говорит?",
        "как вас зовут?",
        "какой у вас номер телефона?",
        "вы меня слышите?",
        "можно поговорить с директором?",
        "во сколько начинается встреча?",
        "{thing} уже {done}?",
        "вам удобно {when}?",
        "что вы хотите заказать?",
        "какой у вас адрес?",
        "сколько времени это займёт?",
        "почему {thing} ещё не {done}?",
        "вы будете {when} {inplace}?",
        "когда приедет {staff}?",
        "{name} сейчас {inplace}?",
        "чем могу помочь?",
        "как у вас дела?",
    ],
    "phone": [
        "{digit} {digit} {digit} {digit} {digit}",
        "восемь девятьсот {ten} {digit} {digit} {digit}",
        "{hundred} {ten} {ten}",
        "{hundred} {teen} {ten} {u5}",
    ],
    "statement": [
        "меня зовут {person}.",
        "это {person}.",
        "говорит {person}.",
        "мой номер телефона {phone}.",
        "номер заказа {phone}.",
        "мой адрес {address}.",
        "запишите адрес, {address}.",
        "запишите номер, {phone}.",
        "{thing} стоит {money}.",
        "цена {money}.",
        "с вас {money}.",
        "скидка {percent}.",
        "мы заплатили {money}.",
        "встреча будет {when}.",
        "встреча {weekday} {time}.",
        "доставка {date}, {time}.",
        "я приеду {when}.",
        "{staff} приедет {when}.",
        "{thing} будет {done} {when}.",
        "{thing} уже {done}.",
        "{thing} ещё не {done}.",
        "{staff} сейчас {inplace}.",
        "{name} работает {inplace}.",
        "мы работаем до {ordinal} {month}.",
        "офис открыт с {ordinal} {month}.",
        "я перезвоню вам {when}.",
        "я отправил вам {things}.",
        "мы получили ваши {things}.",
        "{things} лежат на столе.",
        "у меня есть вопрос.",
        "у нас много работы.",
        "вас плохо слышно.",
        "я вас слушаю.",
        "я вас понял.",
        "мы живём в {city}.",
        "{person} ждёт вас {when}.",
        "поезд приходит {time}.",
        "оплата {money} {when}.",
        "самолёт прилетает {when}.",
        "{surname} {name} {inplace}.",
    ],
    "request": [
        "перезвоните, пожалуйста, {when}.",
        "позвоните мне {when}.",
        "подождите, пожалуйста, минуту.",
        "оставайтесь на линии.",
        "повторите, пожалуйста, адрес.",
        "говорите громче.",
        "пришлите, пожалуйста, {thing}.",
        "проверьте, пожалуйста, {thing}.",
        "скажите, пожалуйста, номер заказа.",
        "передайте {things}.",
        "приезжайте {when}.",
        "не забудьте {thing}.",
        "откройте, пожалуйста, дверь.",
    ],
    "reply": [
        "да.",
        "нет.",
        "да, конечно.",
        "хорошо.",
        "понятно.",
        "нет, спасибо.",
        "хорошо, спасибо.",
        "спасибо!",
        "пожалуйста.",
        "одну минуту.",
        "до свидания!",
        "всего доброго!",
        "до встречи!",
        "отлично!",
        "извините, я не понял.",
        "согласен.",
        "договорились.",
        "ну ладно.",
    ],
    "greeting": [
        "{hello}!",
        "{hello}, это {person}.",
        "{hello}, меня зовут {person}.",
        "{hello}, {person}!",
        "{hello}, я вас слушаю.",
        "{hello}, чем могу помочь?",
    ],
    "joined": [
        "да, {statement}",
        "хорошо, {statement}",
        "спасибо, {statement}",
        "{name}, {question}",
        "извините, {question}",
        "скажите, {question}",
        "нет, {statement}",
    ],
    "sentence": ["{statement}"] * 9
    + ["{question}"] * 4
    + ["{request}"] * 3
    + ["{greeting}"] * 2
    + ["{reply}"]
    + ["{joined}"] * 4,
}


def expand(symbol: str, rng: random.Random) -> str:
    """Expand a rule at random, without the capital of the sentence."""
    return re.sub(r"\{(\w+)\}", lambda match: expand(match.group(1), rng), rng.choice(RULES[symbol]))


def capitalise(text: str) -> str:
    """Capitalise the first letter and leave the others."""
    return text[0].upper() + text[1:]


def sentence(rng: random.Random) -> str:
    """Draw a grammatical sentence, such as "Встреча в среду в семь часов."."""
    return capitalise(expand("sentence", rng))


def vocabulary() -> list[str]:
    """List every word form of the grammar, without punctuation, sorted."""
    text = " ".join(alternative for alternatives in RULES.values() for alternative in alternatives)
    return sorted(set(re.findall(r"[а-яёА-ЯЁ]+", re.sub(r"\{\w+\}", " ", text))))


def word_string(rng: random.Random, words: list[str]) -> str:
    """Draw words of the vocabulary in random order, which a model cannot guess from context."""
    return capitalise(" ".join(rng.sample(words, rng.randint(3, 8)))) + "."


def normalise(text: str) -> str:
    """Return the form in which texts are compared: lower case, ё as е, no punctuation."""
    return " ".join(re.findall(r"[а-я]+", text.lower().replace("ё", "е")))


def is_held_out(text: str, one_in: int = 8) -> bool:
    """Return whether a sentence is held out of training, decided by a hash of its text."""
    return zlib.crc32(normalise(text).encode()) % one_in == 0

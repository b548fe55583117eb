"""Lines of JSON with all that JSON can hold: the same ones for the same seed."""
import random

NUMBERS = ('0', '-0', '0.0', '1', '-1', '1.0', '1e5', '1E+2', '0.1', '-2.5e-3', '3.141592653589793',
           '9007199254740993', '18446744073709551615', '-9223372036854775809', '1' + '0' * 40,
           '1e308', '-1.7976931348623157e308', '1e309', '5e-324', '1e-400', '123456789.123456789')
ESCAPES = (r'\"', r'\\', r'\/', r'\b', r'\f', r'\n', r'\r', r'\t', r'\u0000', r'\u001F', r'\u007f',
           r'\u00e9', r'\u2028', r'\ud83d\ude00', r'\uD834\uDD1E', r'\uFFFD')
LETTERS = ('a', 'b', 'x y', '0', '\'', '<&>', '\x7f', 'é', 'ß', 'Ω', 'я', 'א', '中文', 'e\u0301',
           '\u200d', '\ufeff', '\uffff', '😀', '𝄞', '\U0010ffff')
BLANKS = ('', '', '', '', ' ', '\t', '  ')
LONGEST = 900_000  # bytes of a string: below max_message with what stands around it


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def string(self, most=8):
        pick = self.random.choice
        length = int(self.random.random() * (most + 1))
        return '"' + ''.join([pick(ESCAPES) if self.random.random() < 0.3 else pick(LETTERS)
                              for _ in range(length)]) + '"'

    def number(self):
        if self.random.random() < 0.5:
            return self.random.choice(NUMBERS)
        return repr(self.random.uniform(-1, 1) * 10 ** self.random.randint(-20, 20))

    def members(self, depth, prefix):
        blank = self.random.choice
        return (blank(BLANKS) + ',' + blank(BLANKS)).join(
            [prefix() + self.value(depth - 1) for _ in range(self.random.choice((0, 1, 1, 2, 3)))])

    def value(self, depth):
        kind = self.random.random()
        if depth == 0 or kind < 0.55:
            if kind < 0.2:
                return self.number()
            return self.string() if kind < 0.45 else self.random.choice(('null', 'true', 'false'))
        blank = self.random.choice(BLANKS)
        if kind < 0.75:
            return '[' + blank + self.members(depth, str) + blank + ']'
        key = lambda: self.string(3) + blank + ':' + self.random.choice(BLANKS)
        return '{' + blank + self.members(depth, key) + blank + '}'

    def line(self, number):
        if number % 20_000 == 7:
            return '"' + 'long and longer ' * (LONGEST // 16) + '"'
        if number % 500 == 3:
            return self.string(self.random.randint(1000, 20_000))
        if number % 500 == 4:
            depth = self.random.randint(10, 200)
            return '[' * depth + self.value(2) + ']' * depth
        return self.value(self.random.choice((0, 2, 4, 6)))


def json_lines(count, seed=1):
    writer = Writer(seed)
    return [writer.line(number).encode() for number in range(count)]

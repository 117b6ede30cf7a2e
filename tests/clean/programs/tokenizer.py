class Token(object):
    __slots__ = 'kind', 'text'

    def __init__(self, kind, text):
        self.kind, self.text = kind, text


def tokens(text):
    position = 0
    while position < len(text):
        char = text[position]
        start = position
        if char.isspace():
            position += 1
            continue
        elif char.isdigit():
            while position < len(text) and text[position].isdigit():
                position += 1
            yield Token('number', text[start:position])
        elif char.isalpha() or char == '_':
            while position < len(text) and (text[position].isalnum() or text[position] == '_'):
                position += 1
            yield Token('name', text[start:position])
        else:
            position += 1
            yield Token('sign', char)
    yield Token('end', '')


class Parser(object):
    def __init__(self, text, values):
        self.tokens = tokens(text)
        self.values = values
        self.token = next(self.tokens)

    def take(self, text=None):
        token = self.token
        if text is not None and token.text != text:
            raise SyntaxError('expected %r, found %r' % (text, token.text))
        self.token = next(self.tokens, None)
        return token

    def expression(self):
        value = self.term()
        while self.token.text in ('+', '-'):
            if self.take().text == '+':
                value += self.term()
            else:
                value -= self.term()
        return value

    def term(self):
        value = self.factor()
        while self.token.text and self.token.text in '*/':
            sign = self.take().text
            other = self.factor()
            value = value * other if sign == '*' else value // other
        return value

    def factor(self):
        token = self.take()
        if token.kind == 'number':
            return int(token.text)
        if token.kind == 'name':
            return self.values[token.text]
        if token.text == '-':
            return -self.factor()
        if token.text == '(':
            value = self.expression()
            self.take(')')
            return value
        raise SyntaxError('unexpected %r' % token.text)


for text in ('1 + 2 * 3', '(a + b) * -c', '10 / 3 - x1', '2 +', '(1', '7 / (a - a)', 'unknown'):
    try:
        print text, '=', Parser(text, {'a': 4, 'b': 5, 'c': 2, 'x1': 1}).expression()
    except SyntaxError as error:
        print text, 'is wrong:', error
    except (ZeroDivisionError, KeyError) as error:
        print text, 'fails:', error.__class__.__name__

operations = {
    '+': lambda a, b: a + b,
    '-': lambda a, b: a - b,
    '*': lambda a, b: a * b,
    '/': lambda a, b: a / b if b else None,
}


def evaluate(tokens):
    stack = []
    for token in tokens.split():
        if token in operations:
            right = stack.pop()
            left = stack.pop()
            stack.append(operations[token](left, right))
        else:
            stack.append(int(token))
    return stack[0]


print evaluate('3 4 + 2 *'), evaluate('8 0 /'), evaluate('9 3 - 2 /')
print sorted(['bb', 'a', 'ccc'], key=lambda s: (-len(s), s))
print map(lambda pair: pair[0] * pair[1], zip(range(4), range(4, 8)))
print filter(lambda n: n % 3 == 1, range(12)), reduce(lambda a, b: a * 10 + b, [1, 2, 3])
print (lambda *a, **k: (a, sorted(k)))(1, 2, x=3)
print (lambda n, f=lambda m: m - 1: f(n) if n > 0 else (yield))(5).__class__.__name__
pick = lambda x: 'neg' if x < 0 else 'zero' if x == 0 else 'pos'
print pick(-1), pick(0), pick(1)

# Loops of all kinds, for `--loop-cap`.
import threading


def nested(n):
    total = 0
    for i in range(n):
        for j in range(i):
            total += j
        while total % 7:
            total += 1
    return total


def ways(n):
    i = 0
    while i < n:
        i += 1
        if i % 3 == 0:
            continue
        try:
            if i % 5 == 0:
                raise ValueError(i)
        except ValueError:
            pass
        finally:
            i += 0
        if i == n - 1:
            break
    else:
        return -1
    return i


def numbers(n):
    for i in range(n):
        yield i


def pairs(n):
    return ((a, b) for a in numbers(n) for b in numbers(2))


class Item(object):
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return self.value < other.value


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print nested(30), ways(60), ways(61), sum(numbers(40)), len(list(pairs(20)))
print [Item(i).value for i in range(30)][-1], sorted(Item(-i) for i in range(25))[0].value
kept = [numbers(3) for _ in range(20)]
for generator in kept:
    generator.next()
for _ in range(20):
    alive = numbers(5)
    alive.next()
for i in range(12):
    exec 'x = %d' % i
print sum(depth(i % 4) for i in range(40)), x
text = ''
for letter in 'abcdefghij' * 5:
    text += letter.upper()
print text[-3:]


def work():
    for _ in range(60):
        nested(2)


threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for _ in range(50):
    pass

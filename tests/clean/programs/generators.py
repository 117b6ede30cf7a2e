def count(first, last, step=1):
    while first < last:
        yield first
        first += step


def chunks(items, size):
    chunk = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def echo():
    received = []
    try:
        while True:
            value = yield len(received)
            if value is None:
                continue
            received.append(value)
    finally:
        print 'received', received


print list(count(2, 20, 5))
print list(chunks(range(7), 3))
talk = echo()
print talk.next()
print talk.send('a')
print talk.send(None)
print talk.send('b')
talk.close()
print sum(n * n for n in count(0, 10) if n % 3)

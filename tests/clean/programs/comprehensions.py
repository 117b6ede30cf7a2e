words = 'the quick brown fox jumps over the lazy dog'.split()
print [word.upper() for word in words if len(word) > 3]
print sorted({word[0] for word in words})
print sorted({word: len(word) for word in words}.items())
print [(x, y) for x in range(4) for y in range(x) if (x + y) % 2]
print [[row[i] for row in [[1, 2, 3], [4, 5, 6]]] for i in range(3)]
print sorted(set(letter for word in words for letter in word if letter > 'p'))
print dict((len(w), w) for w in words)
print any(n > 3 for n in range(5)), all(n < 3 for n in range(5))
nested = [[n * m for m in range(3) if m != n] for n in range(3)]
print nested
print sum([1 if n % 2 else -1 for n in range(9)])

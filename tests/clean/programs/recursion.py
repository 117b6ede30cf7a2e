def hanoi(count, source, target, spare, moves):
    if count == 0:
        return
    hanoi(count - 1, source, spare, target, moves)
    moves.append(source + target)
    hanoi(count - 1, spare, target, source, moves)


def permutations(items):
    if len(items) <= 1:
        return [items]
    result = []
    for index, item in enumerate(items):
        for rest in permutations(items[:index] + items[index + 1:]):
            result.append([item] + rest)
    return result


def ackermann(m, n):
    if not m:
        return n + 1
    if not n:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def flatten(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in flatten(branch)]
    return [tree]


moves = []
hanoi(4, 'a', 'b', 'c', moves)
print len(moves), ' '.join(moves)
print permutations([1, 2, 3])
print ackermann(2, 3)
print flatten([1, [2, (3, [4])], 5])

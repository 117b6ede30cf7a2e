def primes(limit):
    found = []
    candidate = 2
    while candidate < limit:
        for prime in found:
            if candidate % prime == 0:
                break
        else:
            found.append(candidate)
        candidate += 1
    return found


def first_pair(total, numbers):
    for one in numbers:
        for other in numbers:
            if one >= other:
                continue
            if one + other == total:
                return one, other
    return None


def collatz(number):
    steps = 0
    while number != 1:
        if number % 2:
            number = 3 * number + 1
        else:
            number //= 2
        steps += 1
        if steps > 100:
            break
    else:
        return steps
    return -1


print primes(40)
print first_pair(11, [1, 3, 5, 6, 9]), first_pair(100, range(5))
print [collatz(n) for n in (1, 6, 7, 27)]
table = []
for row in range(4):
    line = []
    for column in range(5):
        if row == column:
            continue
        if column > 3 and row > 1:
            break
        line.append(row * column)
    table.append(line)
print table

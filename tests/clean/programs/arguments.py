# run: 3 add | 4 5\n6\n
# run: 2 mul | 7 8 9\n
# run: x
import sys


def usage(program):
    print 'usage: COUNT add|mul'
    return 2


def read_numbers(stream):
    numbers = []
    for line in stream:
        for word in line.split():
            try:
                numbers.append(int(word))
            except ValueError:
                print >>sys.stderr, 'skipped', word
    return numbers


def main(argv):
    if len(argv) != 2:
        return usage(argv)
    try:
        count = int(argv[0])
    except ValueError:
        return usage(argv)
    numbers = read_numbers(sys.stdin)[:count]
    if argv[1] == 'add':
        result = sum(numbers)
    elif argv[1] == 'mul':
        result = reduce(lambda a, b: a * b, numbers, 1)
    else:
        return usage(argv)
    print 'result', result
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

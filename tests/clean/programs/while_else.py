def find(items, wanted):
    position = 0
    while position < len(items):
        if items[position] == wanted:
            print 'found', wanted, 'at', position
            break
        position += 1
    else:
        print 'no', wanted
    return position


def drain(queue):
    while queue:
        item = queue.pop()
        if item is None:
            continue
        if item < 0:
            return 'negative'
        while item > 10:
            item -= 10
            if item == 15:
                break
        else:
            print 'small', item
    return 'empty'


def reduced(parts):
    while 1:
        place = 1
        while place < len(parts):
            if parts[place] == '..':
                del parts[place - 1:place + 1]
                break
            place += 1
        else:
            break
    return parts


find('abc', 'c')
print reduced(['a', 'b', '..', 'c', '..', 'd'])
find('abc', 'x')
print drain([3, 25, None, 42])
print drain([1, -1, 2])
while 1:
    try:
        n = len([]) / 0
    except ZeroDivisionError:
        break
print 'out'

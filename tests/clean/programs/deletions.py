class Record(object):
    def __init__(self):
        self.a, self.b = 1, 2

    def __del__(self):
        print 'deleted'


record = Record()
del record.a
print hasattr(record, 'a'), record.b
items = range(10)
del items[0], items[-1]
del items[2:4]
del items[::3]
print items
mapping = {'x': 1, 'y': 2}
del mapping['x']
print mapping
mapping['z'], items[1] = items[1], mapping['y']
print mapping['z'], items
items[1:3] = 'ab'
items[:1] = []
items += [7]
items[0] *= 2
print items


def local():
    value = 5
    del value
    try:
        return value
    except UnboundLocalError:
        return 'unbound'


print local()
del record
print 'end'

class Guard(object):
    def __init__(self, name, swallow=False):
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        print 'enter', self.name
        return self.name * 2

    def __exit__(self, kind, value, trace):
        print 'exit', self.name, kind and kind.__name__, value
        return self.swallow


def early(items):
    for item in items:
        with Guard(item) as doubled:
            if item == 'b':
                continue
            if item == 'd':
                return doubled
            print 'inside', doubled
    return None


def nested():
    with Guard('outer', True):
        with Guard('inner'), Guard('third') as third:
            print third
            raise ValueError('lost')
    return 'after'


print early('abcde')
print early('ab')
print nested()
while True:
    with Guard('loop'):
        break
try:
    with Guard('open'):
        {}['missing']
except KeyError as error:
    print 'key', error

def collect(item, into=[]):
    into.append(item)
    return into


def connect(host='localhost', port=80, *extra, **options):
    secure = options.pop('secure', False)
    if options:
        raise TypeError('unexpected %s' % ', '.join(sorted(options)))
    return '%s://%s:%d%s' % ('https' if secure else 'http', host, port, ''.join('/' + e for e in extra))


def unpack((a, b), c=(1, 2)):
    return a + b + c[0] * c[1]


print collect(1), collect(2), collect(3, [])
print connect(), connect('h', 8080, 'x', 'y', secure=True)
try:
    connect(user='me')
except TypeError as error:
    print error
print connect(*['h', 1], **{'secure': 0})
print unpack((1, 2)), unpack((3, 4), (5, 6))
args = (1, 2)
print max(*args), dict([('k', 'v')], **{'z': 1})

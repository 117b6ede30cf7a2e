"""A module inside another one: the outer one holds it as data, and executes it."""

import marshal
import zlib

SOURCES = [
    'import marshal, zlib\nexec marshal.loads(zlib.decompress(%r))\n',
    "import marshal\nexec marshal.loads(%r.decode('hex'))\n",
    "import marshal, base64, zlib\nexec(marshal.loads(zlib.decompress(base64.b64decode(%r))))\n",
    "(lambda load, text: eval(load(text[::-1]), globals()))(__import__('marshal').loads, %r)\n",
]


def wrap(code, random):
    """Returns a module that executes the given one."""
    which = random.randrange(len(SOURCES))
    data = marshal.dumps(code)
    if which == 0:
        data = zlib.compress(data)
    elif which == 1:
        data = data.encode('hex')
    elif which == 2:
        data = zlib.compress(data).encode('base64')
    else:
        data = data[::-1]
    return compile(SOURCES[which] % data, code.co_filename, 'exec')

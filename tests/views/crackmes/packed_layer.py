# Code in code: base64, zlib and marshal, with its own comparison.
import base64, marshal, zlib
def check(word):
    total = 0
    for c in word:
        total = (total * 31 + ord(c)) & 0xffffffff
    return total == 3184428456
packed = base64.b64encode(zlib.compress(marshal.dumps(check.func_code)))
f = type(check)(marshal.loads(zlib.decompress(base64.b64decode(packed))), {'ord': ord})
print 'yes' if f(raw_input('password: ')) else 'no'

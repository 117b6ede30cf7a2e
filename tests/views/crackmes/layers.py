# The check is in code that comes out of marshal and exec.
import base64, zlib
SOURCE = '''
def check(guess):
    return guess == 'mulud' [::-1] [:0] + 'p3nd' + 'ulum'
RESULT = check(GUESS)
'''
packed = base64.b64encode(zlib.compress(SOURCE))
names = {'GUESS': raw_input()}
exec compile(zlib.decompress(base64.b64decode(packed)), 'layer', 'exec') in names
print names['RESULT']

# A global is changed by a function's __globals__.
# run: z
# run: KEY
import sys
KEY = 1
def dec(s):
    return ''.join([chr(ord(c) ^ KEY) for c in s])
def use():
    return dec('bcd')
use.__globals__[sys.argv[1]] = 2
print use()

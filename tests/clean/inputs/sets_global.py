# Functions and globals are replaced.
# run:
# run: x
import sys
KEY = 1
def dec(s):
    return ''.join([chr(ord(c) ^ KEY) for c in s])
def use():
    return dec('bcd')
m = __import__('__main__')
if len(sys.argv) > 1:
    setattr(m, 'KEY', 2)
print use()

# Functions and globals are replaced.
# run:
# run: x
import sys
def dec(s):
    return s.decode('hex')
def other(s):
    return s[::-1]
def use():
    return dec('616263')
if len(sys.argv) > 1:
    dec.func_code = other.func_code
print use()

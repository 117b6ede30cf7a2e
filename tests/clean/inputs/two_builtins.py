# Two builtins that are not worked out are two.
# run:
# run: x
import sys
def f(n):
    if n: c = long
    else: c = round
    if repr(c(1)) == '1L': print 'long'
    else: print 'float'
f(sys.argv[1:])

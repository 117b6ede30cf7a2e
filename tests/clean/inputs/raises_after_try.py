# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys
def log(n):
    if n: raise IOError('log')
def reraise(n):
    try:
        log(n)
    except IOError:
        return 'logged'
    raise
def f(n):
    try:
        1 / 0
    except ZeroDivisionError:
        return reraise(n)
for n in (0, 1):
    try: print f(n)
    except Exception, e: print type(e).__name__

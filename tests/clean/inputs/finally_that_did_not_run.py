# A side that never ran has a finally block of which a store goes.
# run: 1
# run: 5
import sys
def f(n):
    if n == 5:
        try: left = int(n)
        finally: c = 2
        return 'five'
    return 'other'
print f(int(sys.argv[1]))

# A side that never ran has a try in which nothing is left that fails.
# run: 1
# run: 5
import sys
def use():
    try: return dec('616263')
    except NameError: return 'early'
def dec(s): return s.decode('hex')
def f(n):
    if n == 5:
        try: return dec('616263')
        except NameError: return 'early'
    return 'other'
print use(), f(int(sys.argv[1]))

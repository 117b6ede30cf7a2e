# eval is a default.
# run:
def h2(what, run=eval):
    key = 'k'
    return run(what)
try: print h2('key')
except NameError, e: print e

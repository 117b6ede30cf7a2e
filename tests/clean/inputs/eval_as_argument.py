# eval is handed to another function.
# run:
def h(run, what):
    key = 'k'
    return run(what)
try: print h(eval, 'key')
except NameError, e: print e

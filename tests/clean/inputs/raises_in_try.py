# The exception that is handled is asked for elsewhere.
# run:
def log():
    try: raise
    except Exception as error: print 'logged', error.__class__.__name__
def fail():
    try: raise ValueError
    except ValueError: log()
fail()

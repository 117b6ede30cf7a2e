# The traceback of what was handled last is asked for.
# run:
import sys
def f():
    try: None.x
    except AttributeError: pass
    print sys.exc_traceback is None
f()

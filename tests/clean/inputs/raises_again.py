# The exception that is handled is asked for elsewhere.
# run:
def fail():
    raise
def check():
    try: None.x
    except AttributeError: fail()
try: check()
except AttributeError: print 'refused'
import logging, sys
logging.basicConfig(stream=sys.stdout, format='%(message)s')
def log():
    try: [][5]
    except IndexError: logging.error('failed', exc_info=True)
log()

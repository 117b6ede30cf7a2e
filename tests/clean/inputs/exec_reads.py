# Names come from modules and texts.
# run:
import marshal
def f():
    global key
    key = 5
    if key == 5:
        print 'five'
    exec 'print "key is", key'
f()

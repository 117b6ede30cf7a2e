print "startup", __name__
started = 1

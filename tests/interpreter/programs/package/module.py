import sys; print "module", __name__, __package__, sys.argv[1:]

"""Says how it was started, in two frames."""
import os
import sys


def tell():
    print __name__, __file__, sys.argv, os.path.basename(sys.path[0])


tell()

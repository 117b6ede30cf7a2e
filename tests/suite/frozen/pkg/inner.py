NAME = 'inner of ' + __name__

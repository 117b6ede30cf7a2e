print "main of the folder", __name__, __package__

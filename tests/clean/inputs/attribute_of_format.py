# An attribute of a class is looked up by a part of a text.
# run:
class Box(object):
    width = 10
    if width == 10: height = 20
    else: height = 30
print '{0.width} {0.height}'.format(Box())

# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys
class Base(object):
    def show(self):
        return [getattr(self, n) for n in ('width', 'height')]
class Box(Base):
    width = 10
    if width == 10:
        height = 20
    else:
        height = 30
print Box().show()

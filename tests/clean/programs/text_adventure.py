# run: | north\ntake\neast\nwest\nlook\nquit\n
# run: | jump\neast\n
import sys

ROOMS = {
    'hall': {'north': 'library', 'east': 'garden'},
    'library': {'south': 'hall', 'east': 'tower'},
    'garden': {'west': 'hall'},
    'tower': {'west': 'library'},
}
THINGS = {'library': 'book', 'tower': 'lamp'}


class Quit(Exception):
    pass


class Game(object):
    def __init__(self):
        self.room = 'hall'
        self.carried = []

    def do(self, word):
        method = getattr(self, 'do_' + word, None)
        if method is not None:
            return method()
        if word in ROOMS[self.room]:
            self.room = ROOMS[self.room][word]
            return 'you are in the ' + self.room
        return 'you cannot %s here' % word

    def do_take(self):
        thing = THINGS.get(self.room)
        if thing and thing not in self.carried:
            self.carried.append(thing)
            return 'taken: ' + thing
        return 'nothing to take'

    def do_look(self):
        exits = ', '.join(sorted(ROOMS[self.room]))
        return 'exits: %s; you carry %s' % (exits, ' and '.join(self.carried) or 'nothing')

    def do_quit(self):
        raise Quit(len(self.carried))


game = Game()
try:
    for line in iter(sys.stdin.readline, ''):
        print game.do(line.strip())
except Quit as quit:
    print 'score', quit.args[0]
    sys.exit(quit.args[0])
else:
    print 'the end of the input'

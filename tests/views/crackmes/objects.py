# The guess is kept in an object, among much that is compared.
class State(object):
    def __init__(self, guess):
        self.guess = guess
        self.count = 0
    def turn(self):
        for n in xrange(300):
            if n % 7 == 3:
                self.count += 1
            if n == 299:
                return self.check()
    def check(self):
        total = 0
        for c in self.guess:
            total = total * 33 + ord(c)
        return total == 4785074604081
print State(raw_input()).turn()

# No comparison of the word by the program: a method says where it is, and an exception what came of it.
words = 'clock p3ndulum weight'.split()
try:
    place = words.index(raw_input('password: '))
    [][place - 1]
except ValueError:
    print 'no'
except IndexError:
    print 'yes' if place == 1 else 'no'

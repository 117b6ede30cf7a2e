# Is it in a set that is made while the program runs?
known = frozenset(w[::-1] for w in ('muludn3p', 'kcolc'))
word = raw_input('password: ')
print 'yes' if word in known else 'no'

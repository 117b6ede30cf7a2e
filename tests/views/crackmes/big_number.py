# One number of all characters, and a power of it.
word = raw_input('password: ')
number = int(word.encode('hex') or '0', 16)
print 'yes' if pow(number, 3, (1 << 89) - 1) == 364378726925058996337972767 else 'no'

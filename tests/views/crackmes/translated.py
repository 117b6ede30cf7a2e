# A table of characters, and numbers that are mixed with their places.
import string
swap = string.maketrans('abcdefghijklmnopqrstuvwxyz', 'nopqrstuvwxyzabcdefghijklm')
word = raw_input('password: ').translate(swap)
mixed = [ord(c) ^ n for n, c in enumerate(word)]
print 'yes' if mixed == [ord(c) ^ n for n, c in enumerate('c3aqhyhz')] else 'no'

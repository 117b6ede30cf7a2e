# struct.unpack, and numbers that must be right.
import struct
word = raw_input('password: ').ljust(8)[:8]
low, high = struct.unpack('<II', word)
print 'yes' if (low ^ 0x1337, high) == (0x646e2047, 0x6d756c75) else 'no'

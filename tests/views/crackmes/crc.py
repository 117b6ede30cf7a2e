# The checksum of the guess.
import zlib
def check(guess):
    return zlib.crc32(guess) & 0xffffffff == 0x2a9c1f3b
for noise in range(500):
    if noise * 3 == 1001:
        print 'never'
print check(raw_input())

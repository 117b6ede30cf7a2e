# Every byte is xored before it is compared with a list.
KEY = [0x13, 0x37, 0x42]
WANTED = [99, 4, 44, 119, 66, 46, 102, 90]
def check(guess):
    mixed = [ord(c) ^ KEY[i % len(KEY)] for i, c in enumerate(guess)]
    return mixed == WANTED
print check(raw_input())

# Character by character, and out at the first wrong one.
def check(guess, secret):
    if len(guess) != len(secret):
        return False
    for i in range(len(secret)):
        if guess[i] != secret[i]:
            return False
    return True
secret = ''.join(chr(c) for c in (112, 51, 110, 100, 117, 108, 117, 109))
print check(raw_input(), secret)

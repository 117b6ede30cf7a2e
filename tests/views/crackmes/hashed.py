# The hash of the guess.
import hashlib
def check(guess):
    return hashlib.md5(guess + 'salt').hexdigest() == '5d41402abc4b2a76b9719d911017c592'
print check(raw_input())

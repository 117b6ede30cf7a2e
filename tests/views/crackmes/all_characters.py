# Looks at every character, whatever comes out.
def check(guess):
    wrong = 0
    for a, b in zip(guess, 'cheq/yhz'.encode('rot13').decode('rot13')):
        if a != chr(ord(b) ^ 1):
            wrong += 1
    return wrong == 0
print check(raw_input())

# Compares the guess with a password that is decoded on the way.
HIDDEN = '70336e64756c756d'
guess = raw_input('password: ')
if guess == HIDDEN.decode('hex'):
    print 'yes'
else:
    print 'no'

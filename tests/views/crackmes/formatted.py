# The word as text of another form.
word = raw_input('password: ')
form = '-'.join('%03o' % (ord(c) + n) for n, c in enumerate(word))
wanted = '160-064-160-147-171-161-173-164'
print ('no', 'yes')['{0:>40}'.format(form) == wanted.rjust(40)]

# A constant beyond the 65,536th: EXTENDED_ARG loads it.
source = 'table = [%s]\nright = word == "p3ndulum"\n' % ', '.join('%d.5' % n for n in range(66000))
space = {'word': raw_input('password: ')}
exec compile(source, 'table.py', 'exec') in space
print 'yes' if space['right'] else 'no'

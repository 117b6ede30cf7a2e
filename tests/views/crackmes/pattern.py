# A regular expression decides.
import re
shape = re.compile('^p3nd' + r'-(\d{3})-' + 'lum$')
found = shape.match(raw_input('password: '))
print 'yes' if found and int(found.group(1)) == 137 else 'no'

# The guess is in a file, of which some lines are looked at.
import os
path = os.path.join(os.environ['TMPDIR'] if 'TMPDIR' in os.environ else '.', 'key.txt')
with open(path, 'w') as out:
    out.write('one\nguess!\n')
for line in open(path):
    if line.strip() == 'p3' + 'ndulum':
        print 'yes'
        break
else:
    print 'no'

# What is made of constants changes.
# run: x
# run: a a
import sys
counts = dict()
def count(words):
    d = dict()
    b = bytearray('')
    for word in words:
        if word in d:
            print 'again', word
        if 'a' in d:
            print 'has a'
        d[word] = d.get(word, 0) + 1
        b.extend(word)
    if b == '':
        print 'empty'
    if not b:
        print 'empty'
    if d:
        print 'some'
    return d
print len(count(sys.argv[1:]))

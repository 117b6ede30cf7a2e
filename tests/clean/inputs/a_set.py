# What is made of constants changes.
# run:
# run: a b
import sys
def repeated(words):
    seen = set()
    for word in words:
        if seen:
            print 'not the first'
        seen.add(word)
    if len(seen) > 1:
        print 'many'
    return seen
print len(repeated(sys.argv[1:]))

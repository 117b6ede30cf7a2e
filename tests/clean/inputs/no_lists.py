# Iterators and xrange are no lists.
# run:
def f():
    a = ''
    b = 'ab'
    for k in (enumerate, reversed): pass
    if enumerate(a): print 'T1'
    else: print 'F1'
    if reversed(a): print 'T2'
    else: print 'F2'
    try: print enumerate(b)[0]
    except TypeError: print 'type'
    try: print len(reversed(b))
    except TypeError: print 'type2'
    if isinstance(enumerate(b), list): print 'list'
    else: print 'no list'
    if reversed(b) == ['b', 'a']: print 'eq'
    else: print 'ne'
    if xrange(3) == [0, 1, 2]: print 'eq'
    else: print 'ne'
    if isinstance(xrange(3), list): print 'xl'
    else: print 'not xl'
    try: print xrange(3) + [1]
    except TypeError: print 'type3'
    if type(xrange(2)) == list: print 'tl'
    else: print 'ntl'
    if type(enumerate(b)) is list: print 'tl'
    else: print 'ntl'
    if hasattr(xrange(2), 'append'): print 'a'
    else: print 'na'
    if bytearray('') == '': print 'b1'
    else: print 'b0'
    if xrange(3) < [5]: print 'lt'
    else: print 'nlt'
    try: print xrange(5)[1:3]
    except TypeError: print 'type4'
    if dict(a=1): print 'd'
    it = reversed(b)
    print list(it), list(it)
    e = iter((1, 2))
    if 2 in e: print 'in'
    if 2 in e: print 'in'
    else: print 'out'
f()

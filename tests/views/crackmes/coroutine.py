# A generator that is sent one character after the other.
def lock(keys):
    c = yield
    for key in keys:
        if chr(ord(c) ^ 5) != key:
            while 1:
                c = yield False
        c = yield None
    yield True
guard = lock('u6kapiph')
guard.next()
answers = [guard.send(c) for c in raw_input('password: ')]
print 'no' if False in answers else 'yes'

import gone
s = gone.socket()
for item in gone.items(): pass
for line in iter(s.readline, ''): pass
while gone.poll(): pass
while not gone.is_done(): pass
while s.recv(10) != '': pass
while len(s.recv(1)): pass
while bool(s.next()): pass
while any([s.is_alive()]): pass
while s.size() < 100: pass
while s.size() > 100: pass
while s.state() == 0: pass
while 'x' not in s.names(): pass
while 1:
    if not s.recv(1): break
while 1:
    if s.next() == 3: break
try:
    while 1: next(s)
except StopIteration: pass
print 'end'

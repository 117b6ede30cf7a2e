total = 0
history = []


def add(amount):
    global total
    total += amount
    history.append(total)
    if total > 20:
        reset()


def reset():
    global total, history
    total, history = 0, history[-1:]


def define():
    global created
    created = 'now'


for amount in (5, 7, 9, 2, 30):
    add(amount)
print total, history
define()
print created
del created
try:
    print created
except NameError:
    print 'gone'

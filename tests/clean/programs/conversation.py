# run: | Ada\n36\nq\n
# run: | Bob\nnone\nquit\n
def ask(question):
    try:
        return raw_input(question + ' ')
    except EOFError:
        return 'q'


name = ask('name?')
print 'hello', name
age = ask('age?')
if age.isdigit() and 0 < int(age) < 150:
    print 'born about', 2020 - int(age)
else:
    print 'odd age', repr(age)
attempts = 0
while ask('leave?') not in ('q', 'quit'):
    attempts += 1
    if attempts > 3:
        print 'enough'
        break
else:
    print 'bye after', attempts

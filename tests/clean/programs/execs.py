namespace = {'base': 10}
exec 'def scaled(n):\n    return base * n' in namespace
print namespace['scaled'](4)
exec compile('total = sum(range(5))', 'inline', 'exec')
print total
print eval('total + base', {'total': total}, {'base': 1})


def local_exec(value):
    exec 'value = value * 2'
    return value


print local_exec(21)


def counted():
    code = compile('[n for n in (1, 2, 3) if n != skip]', '<eval>', 'eval')
    return [eval(code, {'skip': skip}) for skip in range(1, 4)]


print counted()

def counter(start):
    state = [start]

    def up(by=1):
        state[0] += by
        return state[0]

    def down(by=1):
        return up(-by)

    return up, down


def compose(*functions):
    def composed(value):
        for function in reversed(functions):
            value = function(value)
        return value
    return composed


def adders(numbers):
    made = []
    for number in numbers:
        made.append(lambda value, number=number: value + number)
    return made


up, down = counter(10)
print up(), up(5), down(), down(20)
print compose(lambda n: n + 1, lambda n: n * 2, str.upper and int)('20')
print [add(1) for add in adders([1, 10, 100])]

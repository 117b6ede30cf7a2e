# A machine of its own: instructions are numbers, and the guess is its tape.
import itertools
PROGRAM = []
for i, c in enumerate('p3ndulum'):
    PROGRAM += [(1, i), (2, ord(c) * 2 + i), (3, 0)]
def run(tape):
    stack, at = [], 0
    while at < len(PROGRAM):
        code, operand = PROGRAM[at]
        if code == 1:
            stack.append(ord(tape[operand % len(tape)]) * 2 + operand)
        elif code == 2:
            stack.append(operand)
        elif code == 3:
            a, b = stack.pop(), stack.pop()
            if a != b:
                return False
        at += 1
    return True
print run(raw_input())

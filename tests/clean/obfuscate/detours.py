"""Ways to a block that need more than constants to see through: raised exceptions, swallowed returns, loops over constants, and
predicates of numbers and builtins."""

from blocks import Block, Instruction
from opaque import builtin

I = Instruction


def pops(count):
    return [I('POP_TOP') for _ in range(count)]


def raised(function, target, random, never):
    """An exception is raised, and its handler goes on."""
    load, constant = lambda name: builtin(function, name), function.constant
    kinds = [
        ('ValueError', 'ValueError', [I('RAISE_VARARGS', 1)]),
        ('KeyError', 'LookupError', [constant('key'), I('CALL_FUNCTION', 1), I('RAISE_VARARGS', 1)]),
        ('StopIteration', 'Exception', [constant(3), I('RAISE_VARARGS', 2)]),
    ]
    name, caught, code = random.choice([kind for kind in kinds if not function.rebound & set(kind[:2])] or [kinds[0]])
    handler = Block(pops(3), target)
    if random.random() < 0.4:
        miss = Block([I('END_FINALLY')])
        test = [I('DUP_TOP'), load(caught), I('COMPARE_OP', 10), I('POP_JUMP_IF_FALSE', target=miss)]
        handler = Block(test, handler)
    return Block([I('SETUP_EXCEPT', target=handler), load(name)] + code, never)


def swallowed(function, target, random, never):
    """A return or an exception that a finally block takes off the stack."""
    constant = function.constant
    if random.random() < 0.5:
        return Block([I('SETUP_FINALLY', target=Block(pops(2), target)), constant(random.randrange(99)), I('RETURN_VALUE')])
    inside = [I('SETUP_LOOP', target=never), constant(5), constant(6), I('RETURN_VALUE')]
    return Block([I('SETUP_FINALLY', target=Block(pops(2), target))] + inside)


def loop(function, target, random, never):
    """A loop that does nothing, or that is left in its first turn."""
    items = function.constant(tuple(range(random.randrange(1, 4))))
    if random.random() < 0.5:
        return Block([items, I('GET_ITER'), I('FOR_ITER', target=never)] + pops(2), target)
    head = Block([I('FOR_ITER', target=Block([], target)), I('POP_TOP')])
    head.next = head
    return Block([items, I('GET_ITER')], head)


def predicate(function, random, rebound):
    """An expression, and whether it is true."""
    load, constant, number = lambda name: builtin(function, name), function.constant, random.randrange(2, 9)
    call, equal, item = lambda count: I('CALL_FUNCTION', count), I('COMPARE_OP', 2), I('BINARY_SUBSCR')
    unknown = [load('id'), constant(None), call(1), I('DUP_TOP')]
    tests = [
        # n * (n + 1) is even, and no square leaves 3 divided by 4
        ('id', unknown + [constant(1), I('BINARY_ADD'), I('BINARY_MULTIPLY'), constant(2), I('BINARY_MODULO')], False),
        ('id', unknown + [I('BINARY_MULTIPLY'), constant(4), I('BINARY_MODULO'), constant(3), equal], False),
        ('hasattr', [load('hasattr'), constant(number), constant('real'), call(2)], True),
        ('divmod', [load('divmod'), constant(2 * number), constant(2), call(2), constant(1), item], False),
        ('sorted', [load('sorted'), constant((number, 1)), call(1), constant(0), item, constant(1), equal], True),
        ('callable', [load('callable'), constant(None), call(1)], False),
        ('True', [load('True'), I('UNARY_NOT')], False),
    ]
    _, test, is_true = random.choice([test for test in tests if test[0] not in rebound])
    return test, is_true


def hide_loads(function, blocks, random):
    """Puts loads into lists and tuples and takes them out again."""
    for block in blocks:
        code = []
        for instruction in block.code:
            if instruction.op in function.loads and random.random() < 0.2:
                kinds = [[I('BUILD_TUPLE', 1), I('UNPACK_SEQUENCE', 1)], [I('BUILD_LIST', 1), function.constant(0), I('BINARY_SUBSCR')],
                         [function.constant(8), I('BUILD_TUPLE', 2), I('UNPACK_SEQUENCE', 2), I('ROT_TWO'), I('POP_TOP')]]
                code += [instruction] + random.choice(kinds)
            else:
                code.append(instruction)
        block.code = code

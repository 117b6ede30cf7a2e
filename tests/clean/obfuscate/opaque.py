"""Conditions and failures that need more than arithmetic to see through: builtins, methods, lists, dicts, calls with * and **."""

import types

from blocks import Block, Instruction, OP

I = Instruction


def builtin(function, name):
    return I('LOAD_GLOBAL' if function.has_fast_locals else 'LOAD_NAME', function.names.index(name))


def predicates(function, random, rebound):
    """Expressions of which it is known whether they are true; none uses a builtin that the module gives another meaning."""
    number = random.randrange(3, 900)
    constant, attribute = function.constant, function.names.index
    load = lambda name: builtin(function, name)
    tests = [
        (['len'], [load('len'), constant('x' * (number % 7)), I('CALL_FUNCTION', 1), constant(number % 7), I('COMPARE_OP', 2)], True),
        (['type', 'int'], [load('type'), constant(number), I('CALL_FUNCTION', 1), load('int'), I('COMPARE_OP', 8)], True),
        (['isinstance', 'int'], [load('isinstance'), constant('a'), load('int'), I('CALL_FUNCTION', 2)], False),
        (['ord'], [load('ord'), constant('%'), I('CALL_FUNCTION', 1), constant(37), I('COMPARE_OP', 3)], False),
        (['id'], [load('id'), constant(number), I('CALL_FUNCTION', 1), load('id'), constant(number), I('CALL_FUNCTION', 1),
                  I('COMPARE_OP', 2)], True),
        (['max'], [load('max'), constant(number), constant(number + 4), I('CALL_FUNCTION', 2), constant(number),
                   I('COMPARE_OP', 4)], True),
        ([], [constant('abc'), I('LOAD_ATTR', attribute('upper')), I('CALL_FUNCTION', 0), constant('ABC'), I('COMPARE_OP', 2)], True),
        ([], [constant('b'), constant('abc'), I('COMPARE_OP', 6)], True),
        ([], [constant(number), constant(number + 1), I('BUILD_LIST', 2), constant(1), I('BINARY_SUBSCR'), constant(number),
              I('COMPARE_OP', 4)], True),
        ([], [I('BUILD_MAP', 0), constant(number), constant('k'), I('STORE_MAP'), constant('k'), I('BINARY_SUBSCR'),
              constant(number), I('COMPARE_OP', 2)], True),
        ([], [constant(2.5), constant(2), I('BINARY_MULTIPLY'), constant(5), I('COMPARE_OP', 2)], True),
        ([], starred(function, random.choice([0, 5])), None),
        ([], named(function, random.choice([0, 5])), None),
    ]
    return [(test, is_true) for names, test, is_true in tests if not set(names) & rebound]


def inner(name, argcount, flags, text):
    return types.CodeType(argcount, 1, 2, 67 | flags, str(bytearray(text)), (None, 0), (), ('a',), '<string>', name, 1, '')


def starred(function, value):
    """Calls a function with a tuple of arguments, of which it returns the first."""
    text = [OP['LOAD_FAST'], 0, 0, OP['LOAD_CONST'], 1, 0, OP['BINARY_SUBSCR'], OP['RETURN_VALUE']]
    return [function.own_constant(inner('<lambda>', 0, 4, text)), I('MAKE_FUNCTION', 0), function.constant((value, 3)),
            I('CALL_FUNCTION_VAR', 0), function.constant(0), I('COMPARE_OP', 5)]


def named(function, value):
    """Calls a function with a dict of arguments."""
    text = [OP['LOAD_FAST'], 0, 0, OP['RETURN_VALUE']]
    return [function.own_constant(inner('<lambda>', 1, 0, text)), I('MAKE_FUNCTION', 0), I('BUILD_MAP', 0),
            function.constant(value), function.constant('a'), I('STORE_MAP'), I('CALL_FUNCTION_KW', 0), function.constant(0),
            I('COMPARE_OP', 5)]


def choose(function, random, rebound):
    """Returns an expression, and whether it is true."""
    test, is_true = random.choice(predicates(function, random, rebound))
    return test, True if is_true is None else is_true


def nothing_to_do(function, target, random, never):
    """A loop over nothing ends at once."""
    return Block([function.constant(random.choice([(), ''])), I('GET_ITER'), I('FOR_ITER', target=Block([], target))], never)


def failure(function, random, rebound):
    """Instructions that always fail, and the name of the exception."""
    constant, attribute = function.constant, function.names.index
    number = random.randrange(1, 99)
    kinds = [
        ('IndexError', [I('BUILD_LIST', 0), constant(number), I('BINARY_SUBSCR')]),
        ('KeyError', [I('BUILD_MAP', 0), constant(number), I('BINARY_SUBSCR')]),
        ('AttributeError', [constant(None), I('LOAD_ATTR', attribute('x'))]),
        ('AttributeError', [constant(number), constant(number), I('STORE_ATTR', attribute('y'))]),
        ('ValueError', [constant((1, 2, 3)), I('UNPACK_SEQUENCE', 2)]),
        ('ValueError', [I('BUILD_LIST', 0), I('UNPACK_SEQUENCE', 1)]),
        ('TypeError', [constant(1), constant((1,)), constant(0), I('STORE_SUBSCR')]),
        ('TypeError', [I('BUILD_MAP', 0), constant(1), I('BUILD_LIST', 0), I('STORE_MAP')]),
        ('TypeError', [constant(None), I('CALL_FUNCTION', 0)]),
        ('NameError', [I('LOAD_GLOBAL', attribute('no_such_name_%d' % number))]),
    ]
    return random.choice([kind for kind in kinds if kind[0] not in rebound])


def failing_jump(function, target, random, never, rebound):
    """Something fails, and a handler of that exception, or of any, is where the program goes on."""
    name, code = failure(function, random, rebound)
    handler = Block([I('POP_TOP') for _ in range(3)], target)
    if random.random() < 0.3:
        miss = Block([I('END_FINALLY')])
        test = [I('DUP_TOP'), builtin(function, name), I('COMPARE_OP', 10), I('POP_JUMP_IF_FALSE', target=miss)]
        handler = Block(test, handler)
    return Block([I('SETUP_EXCEPT', target=handler)] + code, never)

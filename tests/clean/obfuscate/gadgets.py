"""What stands in place of a plain jump: each function takes a function, a target and a source of chance, and returns the block
that leads to the target."""

import types

import detours
import noise
import opaque
from blocks import Block, Instruction, OP

I = Instruction


def constant_predicate(function, target, random, others):
    """Two constants are compared; the side that never runs leads into the middle of an instruction."""
    low, high = random.randrange(1000, 5000), random.randrange(6000, 9000)
    is_less = random.random() < 0.5
    test = [function.constant(low), function.constant(high), I('COMPARE_OP', 0 if is_less else 4)]
    return branch(test, is_less, target, misdecoded(random), random)


def branch(test, is_true, target, never, random):
    """A test whose outcome is known, and both ways to use it."""
    if random.random() < 0.5:
        jump = 'POP_JUMP_IF_TRUE' if is_true else 'POP_JUMP_IF_FALSE'
        return Block(test + [I(jump, target=target)], never)
    jump = 'POP_JUMP_IF_FALSE' if is_true else 'POP_JUMP_IF_TRUE'
    return Block(test + [I(jump, target=never)], target)


def misdecoded(random):
    """A block of bytes that no compiler makes."""
    kinds = [
        [I(random.choice([6, 7, 8, 14, 69, 118, 255]), random.randrange(65536))],
        [I('LOAD_CONST', random.randrange(20000, 65536)), I('RETURN_VALUE')],
        [I('LOAD_FAST', random.randrange(20000, 65536)), I('POP_TOP'), I('RETURN_VALUE')],
        [I('ROT_FOUR'), I('STOP_CODE')],
    ]
    return Block(random.choice(kinds))


def valid_predicate(function, target, random, others):
    """A predicate that needs arithmetic or a call to see through; the side that never runs is a copy of real code."""
    number = random.randrange(3, 1000)
    tests = [
        # n * (n + 1) is even
        ([function.constant(number), function.constant(number + 1), I('BINARY_MULTIPLY'), function.constant(2),
          I('BINARY_MODULO')], False),
        ([function.constant(number), function.constant(number ^ 5), I('BINARY_XOR'), function.constant(5),
          I('COMPARE_OP', 2)], True),
        ([function.constant('a' * (number % 9)), I('LOAD_CONST', function.consts.index(number % 9)), I('BINARY_MULTIPLY'),
          I('UNARY_NOT')], number % 9 == 0),
        ([function.constant(number), I('DUP_TOP'), I('BINARY_SUBTRACT')], False),
        ([I('BUILD_LIST', 0), I('UNARY_NOT')], True),
    ]
    test, is_true = random.choice(tests)
    return branch(list(test), is_true, target, decoy(random, others), random)


def decoy(random, others):
    """A copy of a real block that goes on with real blocks."""
    model = random.choice(others)
    return Block([instruction.copy() for instruction in model.code],
                 None if model.next is None else random.choice(others))


def call_trampoline(function, target, random, others):
    """A hidden function is called, and what it returns decides."""
    is_true = random.random() < 0.5
    value = random.randrange(2, 9999) if is_true else 0
    inner = hidden_function(random, value)
    call = [function.own_constant(inner), I('MAKE_FUNCTION', 0)]
    if inner.co_argcount:
        call += [function.constant(value), I('CALL_FUNCTION', 1)]
    else:
        call += [I('CALL_FUNCTION', 0)]
    return branch(call, is_true, target, decoy(random, others), random)


def hidden_function(random, value):
    name = '<lambda>'
    argument = random.random() < 0.5
    consts = (None,) if argument else (None, value)
    text = [OP['LOAD_FAST'], 0, 0] if argument else [OP['LOAD_CONST'], 1, 0]
    varnames = ('x',) if argument else ()
    return types.CodeType(len(varnames), len(varnames), 1, 67, str(bytearray(text + [OP['RETURN_VALUE']])), consts, (),
                          varnames, '<string>', name, 1, '')


def exception_jump(function, target, random, others):
    """Something fails, and the handler is where the program goes on."""
    handler = Block([I('POP_TOP'), I('POP_TOP'), I('POP_TOP')], target)
    never = decoy(random, others)
    failures = [
        [I(random.choice([6, 7, 8, 14, 16, 17, 18, 34, 69]), None)],
        [function.constant(random.randrange(1, 99)), function.constant(0), I('BINARY_DIVIDE')],
        [function.constant(()), function.constant(random.randrange(9)), I('BINARY_SUBSCR')],
        [function.constant(None), I('GET_ITER')],
        [function.constant(None), I('RAISE_VARARGS', 1)],
    ]
    return Block([I('SETUP_EXCEPT', target=handler)] + random.choice(failures), never)


def finally_jump(function, target, random, others):
    """END_FINALLY goes on after None."""
    handler = Block([I('END_FINALLY')], target)
    return Block([I('SETUP_FINALLY', target=handler), I('POP_BLOCK'), function.constant(None)], handler)


def break_jump(function, target, random, others):
    """A loop is left at once."""
    return Block([I('SETUP_LOOP', target=target), I('BREAK_LOOP')])


def break_through_finally(function, target, random, others):
    handler = Block([I('END_FINALLY')], decoy(random, others))
    return Block([I('SETUP_LOOP', target=target), I('SETUP_FINALLY', target=handler), I('BREAK_LOOP')])


def continue_through_finally(function, target, random, others):
    """A loop is continued from inside a try, through its finally or past its except."""
    inside = Block([I('POP_BLOCK')], target)
    is_finally = random.random() < 0.5
    handler = Block([I('END_FINALLY')], decoy(random, others))
    setup = I('SETUP_FINALLY' if is_finally else 'SETUP_EXCEPT', target=handler)
    return Block([I('SETUP_LOOP', target=decoy(random, others)), setup, I('CONTINUE_LOOP', target=inside)])


def return_jump(function, target, random, others):
    """A return that its finally throws away."""
    handler = Block([I('POP_TOP'), I('POP_TOP')], target)
    return Block([I('SETUP_FINALLY', target=handler), function.constant(None), I('RETURN_VALUE')])


def trampoline(function, target, random, others):
    for _ in range(random.randrange(1, 4)):
        target = Block([], target)
    return target


def opaque_predicate(function, target, random, others):
    """A predicate that needs builtins, methods, lists or dicts to see through."""
    if random.random() < 0.15:
        return opaque.nothing_to_do(function, target, random, decoy(random, others))
    test, is_true = opaque.choose(function, random, function.rebound)
    return branch(test, is_true, target, decoy(random, others), random)


def failing_jump(function, target, random, others):
    return opaque.failing_jump(function, target, random, decoy(random, others), function.rebound)


def nothing(function, target, random, others):
    return noise.nothing(function, target, random, decoy(random, others))


def raised(function, target, random, others):
    make = random.choice([detours.raised, detours.raised, detours.swallowed])
    return make(function, target, random, decoy(random, others))


def detour(function, target, random, others):
    if random.random() < 0.4:
        return detours.loop(function, target, random, decoy(random, others))
    test, is_true = detours.predicate(function, random, function.rebound)
    return branch(test, is_true, target, random.choice([misdecoded(random), decoy(random, others)]), random)


GADGETS = {
    'raises': [raised],
    'detours': [detour],
    'builtins': [opaque_predicate],
    'failures': [failing_jump],
    'noise': [nothing],
    'constant': [constant_predicate],
    'valid': [valid_predicate],
    'calls': [call_trampoline],
    'exceptions': [exception_jump],
    'unwind': [finally_jump, break_jump, break_through_finally, continue_through_finally, return_jump],
    'trampolines': [trampoline],
}


def wrapped_body(function, entry):
    """A finally around the whole function, through which every return and exception goes."""
    handler = Block([I('END_FINALLY'), function.constant(None), I('RETURN_VALUE')])
    return Block([I('SETUP_FINALLY', target=handler)], entry)


def insert(function, blocks, techniques, random, rate):
    """Replaces some of the jumps between blocks; returns the new blocks too."""
    makers = [make for name in sorted(techniques) if name in GADGETS for make in GADGETS[name]]
    if not makers:
        return blocks
    others = [block for block in blocks if block.code]
    added = []
    for block in list(blocks):
        if block.next is not None and random.random() < rate:
            block.next = random.choice(makers)(function, block.next, random, others)
            added.append(block.next)
        for instruction in block.code:
            if instruction.target is not None and 'trampolines' in techniques and random.random() < rate:
                instruction.target = trampoline(function, instruction.target, random, others)
                added.append(instruction.target)
    return blocks + added

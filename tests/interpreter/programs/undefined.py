"""What the refusal of an undefined opcode writes: which opcode it names depends on how the eval loop came there."""
import opcode
import sys
import types

UNDEFINED = (0, 6, 7, 14, 34, 69, 117, 118, 123, 127, 138, 144, 148, 228, 255)
CONSTANTS = (None, 1, 2, 'text', (), True)


def code(*words):
    """Assembles (name or number) and (name or number, operand)."""
    text = ''
    for word in words:
        name, operand = word if isinstance(word, tuple) else (word, None)
        number = opcode.opmap.get(name, name)
        text += chr(number)
        if number >= opcode.HAVE_ARGUMENT:
            operand = operand or 0
            text += chr(operand & 255) + chr(operand >> 8)
    return text


load, pop, prefix = ('LOAD_CONST', 1), 'POP_TOP', 'EXTENDED_ARG'
BEFORE = [
    [],
    ['NOP'],
    [load, pop],
    [load],
    [load, 'DUP_TOP', 'ROT_TWO'],
    [load, load, 'BINARY_ADD'],
    [load, 'UNARY_NOT', pop],
    [('LOAD_FAST', 1), ('STORE_FAST', 0)],
    [('JUMP_FORWARD', 0)],
    [('JUMP_ABSOLUTE', 3)],
    [load, ('POP_JUMP_IF_FALSE', 0)],
    [('LOAD_GLOBAL', 0), load, ('CALL_FUNCTION', 1), pop],
    [('LOAD_GLOBAL', 0), ('LOAD_ATTR', 1)],
    ['BUILD_LIST', 'GET_ITER', ('FOR_ITER', 0)],
    [('SETUP_LOOP', 1), 'POP_BLOCK'],
    [('SETUP_EXCEPT', 1), 'POP_BLOCK'],
    [load, load, ('COMPARE_OP', 2)],
    [prefix],
    [prefix, prefix],
    [prefix, load],
    [prefix, prefix, load, pop],
    [prefix, ('LOAD_FAST', 1)],
    [prefix, ('JUMP_FORWARD', 0)],
    [prefix, 'NOP'],
]


def run(name, text):
    made = types.CodeType(0, 2, 20, 0x43, text + code('LOAD_CONST', 'RETURN_VALUE'), CONSTANTS, ('str', 'upper'), ('a', 'b'),
                          'made.py', name, 10, ''.join('\x02\x01' for _ in range(20)))
    sys.stderr.write(name + '\n')
    try:
        types.FunctionType(made, {'str': str, '__builtins__': {}})()
    except (SystemError, NameError) as error:
        where = sys.exc_info()[2].tb_next
        sys.stderr.write('%s at %s\n' % (error, where and (where.tb_lasti, where.tb_lineno)))


def main():
    # No instruction is looked at by the way of periodic checks.
    sys.setcheckinterval(1 << 30)
    for _ in range(200):
        pass
    for number in UNDEFINED:
        run('%d alone' % number, code(number))
    for place, before in enumerate(BEFORE):
        # A local variable that is loaded is set first.
        first = [load, ('STORE_FAST', 1)] if ('LOAD_FAST', 1) in before else []
        for number in (0, 228):
            run('%d after %d' % (number, place), code(*first + before + [number]))
            sys.settrace(lambda *_: None)
            run('%d after %d, traced' % (number, place), code(*first + before + [number]))
            sys.settrace(None)
    handler = code(pop, pop, pop, load, pop, 148)
    run('in a handler', code(('SETUP_EXCEPT', 1), 0) + handler)
    run('after a handled one', code(('SETUP_EXCEPT', 6), load, load, 0) + handler)
    run('in finally', code(('SETUP_FINALLY', 4), 'POP_BLOCK', load, load, 'NOP', 6))


main()

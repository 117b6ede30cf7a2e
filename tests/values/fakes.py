# Makes objects that are none, and hands them to bytecode that never looks at them, as plain Python 2.7 does not either: it counts their
# references and passes them on.  CPython does not verify bytecode, so LOAD_CONST with an index out of range fetches any pointer.
import opcode
import struct
import types

MANY = 1 << 40  # references
NOWHERE = 0x4141414141414141
kept = []


def memory(data):
    """The address of these bytes, which stay; they begin at a multiple of 8 bytes."""
    text = 'pad!' + data
    kept.append(text)
    return id(text) + 40


def words(*numbers):
    return ''.join(struct.pack('<Q', number & 0xffffffffffffffff) for number in numbers)


def fake(of_type, *rest):
    """The address of an object with this type's address and these words after it."""
    return memory(words(MANY, of_type, *rest) + '\0' * 64)


def op(name, operand=None):
    return chr(opcode.opmap[name]) + ('' if operand is None else struct.pack('<H', operand & 0xffff))


def wide(name, operand):
    return op('EXTENDED_ARG', operand >> 16) + op(name, operand)


def index_from(base, slot):
    """The index by which an array of pointers at `base` has the pointer at `slot`."""
    assert (slot - base) % 8 == 0 and -1 << 31 <= (slot - base) // 8 < 1 << 31
    return (slot - base) // 8


def function(code, consts, names=(), varnames=('v', 'w'), name='f', stacksize=8):
    kept.append((consts, names))
    made = types.CodeType(0, len(varnames), stacksize, 0x40, code, consts, names, varnames, 'fakes', name, 1, '')
    return types.FunctionType(made, {'__builtins__': __builtins__, 'takes': takes})


def takes(*arguments):
    return len(arguments)


END = op('LOAD_CONST', 0) + op('RETURN_VALUE')
# What is done with the object on the stack.
USES = [
    op('STORE_FAST', 0) + op('LOAD_FAST', 0) + op('POP_TOP') + END,
    op('BUILD_LIST', 1) + op('STORE_FAST', 0) + END,
    op('BUILD_TUPLE', 1) + op('STORE_FAST', 0) + END,
    op('STORE_FAST', 0) + op('LOAD_GLOBAL', 0) + op('LOAD_FAST', 0) + op('CALL_FUNCTION', 1) + op('POP_TOP') + END,
    op('LOAD_CONST', 0) + op('COMPARE_OP', 8) + op('POP_TOP') + END,
    op('RETURN_VALUE'),
]


def use(pointer, code):
    """Runs code with the object at this address on the stack."""
    consts = (None, 1)
    slot = memory(words(pointer))
    load = wide('LOAD_CONST', index_from(id(consts) + 24, slot))
    return function(load + code, consts, ('takes',))()


def use_everywhere(pointer):
    for code in USES:
        use(pointer, code)

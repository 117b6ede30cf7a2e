"""Code objects as graphs of basic blocks, and back as the arguments of a new code object."""

import opcode
import types

OP = opcode.opmap
RELATIVE = frozenset(opcode.hasjrel)
ABSOLUTE = frozenset(opcode.hasjabs)
JUMPS = frozenset([OP['JUMP_FORWARD'], OP['JUMP_ABSOLUTE']])
# Control never goes on to the next instruction after these.
ENDS = JUMPS | frozenset(OP[name] for name in ('RETURN_VALUE', 'RAISE_VARARGS', 'BREAK_LOOP', 'CONTINUE_LOOP'))


class Instruction(object):
    """An instruction; `target` is the block that it can jump to, in place of an operand."""

    __slots__ = 'op', 'arg', 'target'

    def __init__(self, name, arg=None, target=None):
        self.op = OP[name] if isinstance(name, str) else name
        self.arg = arg
        self.target = target

    def copy(self):
        return Instruction(self.op, self.arg, self.target)


class Block(object):
    """Instructions in a row; after the last one control goes on to `next`, or nowhere if that is None."""

    __slots__ = 'code', 'next'

    def __init__(self, code=(), next=None):
        self.code = list(code)
        self.next = next


class Pool(object):
    """A growing tuple of a code object, in which equal entries of one type share an index."""

    def __init__(self, entries):
        self.entries = list(entries)
        self.known = {}
        for index, entry in enumerate(self.entries):
            self.known.setdefault((type(entry), repr(entry)), index)

    def index(self, entry):
        key = type(entry), repr(entry)
        if key not in self.known:
            self.known[key] = self.append(entry)
        return self.known[key]

    def append(self, entry):
        self.entries.append(entry)
        return len(self.entries) - 1


class Function(object):
    """A code object while it is changed."""

    def __init__(self, code):
        self.original = code
        self.consts = Pool(code.co_consts)
        self.names = Pool(code.co_names)
        self.varnames = Pool(code.co_varnames)
        self.blocks = decode(code.co_code)
        self.loads = [OP[name] for name in ('LOAD_CONST', 'LOAD_FAST', 'LOAD_NAME', 'LOAD_GLOBAL')]
        self.pushed = 24  # entries that the techniques may push

    @property
    def is_module(self):
        return self.original.co_name == '<module>'

    @property
    def has_fast_locals(self):
        return bool(self.original.co_flags & 0x1)

    def constant(self, value):
        return Instruction('LOAD_CONST', self.consts.index(value))

    def own_constant(self, value):
        """Loads a constant that shares its index with no other."""
        return Instruction('LOAD_CONST', self.consts.append(value))

    def uses(self, names):
        return any(name in self.original.co_names for name in names)


def decode(text):
    """Decodes what CPython's compiler has made: the blocks in their order, those that nothing reaches left out."""
    text = bytearray(text)
    found = []
    starts = {0}
    offset = prefix = 0
    begin = None
    while offset < len(text):
        if begin is None:
            begin = offset
        op, arg, size = text[offset], None, 1
        if op >= opcode.HAVE_ARGUMENT:
            arg = text[offset + 1] | text[offset + 2] << 8 | prefix
            size = 3
        offset += size
        if op == opcode.EXTENDED_ARG:
            prefix = arg << 16
            continue
        prefix = 0
        target = offset + arg if op in RELATIVE else arg if op in ABSOLUTE else None
        found.append((begin, Instruction(op, arg), target))
        begin = None
        if target is not None:
            starts.add(target)
        if op in ENDS:
            starts.add(offset)
    at = dict((start, Block()) for start in starts if start < len(text))
    blocks = []
    for begin, instruction, target in found:
        if begin in at:
            if blocks and not ends(blocks[-1]):
                blocks[-1].next = at[begin]
            blocks.append(at[begin])
        if target is not None:
            instruction.target = at[target]
        blocks[-1].code.append(instruction)
    for block in blocks:
        if block.code and block.code[-1].op in JUMPS:
            block.next = block.code.pop().target
    return reachable(blocks)


def ends(block):
    return bool(block.code) and block.code[-1].op in ENDS


def reachable(blocks):
    """Returns the blocks that the first one leads to, in their order; a block that is not in the list comes last."""
    seen = set()
    order = list(blocks)
    todo = [blocks[0]]
    known = set(blocks)
    while todo:
        block = todo.pop()
        if block in seen:
            continue
        seen.add(block)
        if block not in known:
            known.add(block)
            order.append(block)
        todo.extend(instruction.target for instruction in block.code if instruction.target is not None)
        if block.next is not None:
            todo.append(block.next)
    return [block for block in order if block in seen]


def rebuilt(function, text, lines):
    """Makes the code object; its stack is large enough for all that the techniques push."""
    code = function.original
    varnames = tuple(function.varnames.entries)
    return types.CodeType(
        code.co_argcount, len(varnames), code.co_stacksize + function.pushed, code.co_flags, text, tuple(function.consts.entries),
        tuple(function.names.entries), varnames, code.co_filename, code.co_name, code.co_firstlineno, lines,
        code.co_freevars, code.co_cellvars)


def replaced(code, **changes):
    """Returns a copy of a code object with other attributes, named without their `co_`."""
    order = ('argcount nlocals stacksize flags code consts names varnames filename name firstlineno lnotab freevars '
             'cellvars').split()
    return types.CodeType(*[changes.get(name, getattr(code, 'co_' + name)) for name in order])


def all_codes(code):
    """Yields a code object and all inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for inner in all_codes(constant):
                yield inner

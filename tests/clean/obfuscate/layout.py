"""Lays blocks out and assembles them: order, junk between blocks, shared bytes, and every form of EXTENDED_ARG."""

import opcode

from blocks import ABSOLUTE, Block, Instruction, OP, RELATIVE

HAVE_ARGUMENT = opcode.HAVE_ARGUMENT
EXTENDED_ARG = opcode.EXTENDED_ARG
UNUSED = [6, 7, 8, 14, 16, 17, 18, 34, 44, 69, 117, 118, 123, 128, 144, 148, 200, 255]


class Label(object):
    """Stands at the offset of a block."""

    def __init__(self, block):
        self.block = block


class Placed(object):
    """An instruction with the prefixes that it gets."""

    def __init__(self, instruction, prefixes=(), swallowed=None):
        self.instruction = instruction
        self.prefixes = list(prefixes)  # operands of the EXTENDED_ARGs before it that do not matter
        self.swallowed = swallowed  # the two bytes after an instruction without operand that has a prefix
        self.is_wide = False

    def size(self):
        if self.instruction.op < HAVE_ARGUMENT:
            return 1 if self.swallowed is None else 3 * len(self.prefixes) + 3
        return 3 * len(self.prefixes) + (6 if self.is_wide else 3)


class Options(object):
    """Which techniques the layout uses."""

    def __init__(self, random, techniques):
        self.random = random
        self.shuffle = 'shuffle' in techniques
        self.junk = 'junk' in techniques
        self.overlap = 'overlap' in techniques
        self.extended = 'extended' in techniques


def lay_out(entry, blocks, options):
    """Returns the bytes of the blocks; `entry` is where they begin."""
    random = options.random
    order = [block for block in blocks if block is not entry]
    if options.shuffle:
        random.shuffle(order)
    order.insert(0, entry)
    if options.shuffle and len(order) > 2:
        # The entry is somewhere in the middle, and the first instruction jumps there.
        order.remove(entry)
        order.insert(random.randrange(len(order) + 1), entry)
        order.insert(0, Block([], entry))
    place = dict((block, index) for index, block in enumerate(order))
    items, trampolines, pairs = [], [], []
    for index, block in enumerate(order):
        items.append(Label(block))
        for instruction in block.code:
            items.append(place_one(instruction, index, place, trampolines, options))
        if block.next is None:
            items.append(junk(options))
        elif options.shuffle or index + 1 == len(order) or order[index + 1] is not block.next:
            add_jump(items, block.next, index, place, pairs, options)
    for label, target in trampolines:
        items += [Label(label), Placed(Instruction('JUMP_ABSOLUTE', target=target))]
    for one, other in zip(pairs[::2], pairs[1::2] + [None] * (len(pairs) % 2)):
        shared_bytes(items, one, other, options)
    return assemble(items)


def junk(options):
    if not options.junk:
        return bytearray()
    random = options.random
    likely = [EXTENDED_ARG, 100, 110, 113, 0, 255]
    return bytearray(random.choice([random.randrange(256), random.choice(likely)]) for _ in range(random.randrange(8)))


def add_jump(items, target, index, place, pairs, options):
    random = options.random
    if options.overlap and random.random() < 0.3:
        stub = Block()
        pairs.append((stub, target))
        items.append(place_jump(stub, False, options))
    else:
        is_later = place[target] > index
        items.append(place_jump(target, is_later, options))
    items.append(junk(options))


def place_jump(target, is_later, options):
    name = 'JUMP_FORWARD' if is_later and options.random.random() < 0.5 else 'JUMP_ABSOLUTE'
    return with_prefixes(Placed(Instruction(name, target=target)), options)


def place_one(instruction, index, place, trampolines, options):
    placed = Placed(instruction)
    if instruction.op in RELATIVE and place.get(instruction.target, index + 1) <= index:
        if options.extended and options.random.random() < 0.5:
            placed.is_wide = True  # a negative distance
            return placed
        label = Block()
        trampolines.append((label, instruction.target))
        placed.instruction = Instruction(instruction.op, target=label)
    return with_prefixes(placed, options)


def with_prefixes(placed, options):
    """Adds prefixes that change nothing."""
    random = options.random
    # A generator goes on at one byte after the instruction's first one, so its YIELD_VALUE has no prefix.
    if not options.extended or random.random() < 0.7 or placed.instruction.op in (EXTENDED_ARG, OP['YIELD_VALUE']):
        return placed
    if placed.instruction.op < HAVE_ARGUMENT:
        placed.prefixes = [random.randrange(65536) for _ in range(random.randrange(1, 3))]
        placed.swallowed = [random.randrange(256), random.randrange(256)]
    elif placed.instruction.op == OP['CALL_FUNCTION'] and random.random() < 0.5:
        placed.prefixes = [random.randrange(65536)]  # CALL_FUNCTION looks at the low 16 bits only
    else:
        # Of a chain the last prefix counts alone.
        placed.prefixes = [random.randrange(65536) for _ in range(random.randrange(3))]
        placed.is_wide = True
    return placed


def shared_bytes(items, one, other, options):
    """Two jumps that share bytes: the second one begins inside the first one's EXTENDED_ARG."""
    random = options.random
    first = Label(one[0])
    if other is None:
        items += [first, Placed(Instruction('JUMP_ABSOLUTE', target=one[1]))]
        return
    # At 0: EXTENDED_ARG, and a NOP that swallows two bytes. At 1: a NOP, and a jump by 9 from 5 to 14.
    nop, forward = OP['NOP'], OP['JUMP_FORWARD']
    items += [first, bytearray([EXTENDED_ARG]), Label(other[0]), bytearray([nop, forward, nop, 0, random.randrange(256)])]
    items += [Placed(Instruction('JUMP_ABSOLUTE', target=one[1])), bytearray(random.randrange(256) for _ in range(5))]
    items += [Placed(Instruction('JUMP_ABSOLUTE', target=other[1]))]


def assemble(items):
    """Returns the bytes, with wide operands where they are needed."""
    while True:
        offsets, at, offset = {}, [], 0
        for item in items:
            at.append(offset)
            if isinstance(item, Label):
                offsets[item.block] = offset
            else:
                offset += len(item) if isinstance(item, bytearray) else item.size()
        out, is_stable = bytearray(), True
        for item in items:
            if isinstance(item, Label):
                continue
            if isinstance(item, bytearray):
                out += item
                continue
            value = operand(item, len(out), offsets)
            if value is not None and not item.is_wide and not 0 <= value < 65536:
                item.is_wide = True
                is_stable = False
                break
            write(out, item, value)
        if is_stable:
            return str(out)


def operand(placed, offset, offsets):
    instruction = placed.instruction
    if instruction.op in RELATIVE:
        return offsets[instruction.target] - (offset + placed.size())
    if instruction.op in ABSOLUTE:
        return offsets[instruction.target]
    return instruction.arg


def write(out, placed, value):
    for prefix in placed.prefixes:
        out.extend([EXTENDED_ARG, prefix & 255, prefix >> 8])
    op = placed.instruction.op
    if op < HAVE_ARGUMENT:
        out.append(op)
        out.extend(placed.swallowed or [])
        return
    value &= 0xFFFFFFFF
    if placed.is_wide:
        out.extend([EXTENDED_ARG, value >> 16 & 255, value >> 24])
    out.extend([op, value & 255, value >> 8 & 255])

"""Instructions that do nothing: blocks that are left at once, values that are copied, turned round, taken apart and popped."""

from blocks import Block, Instruction, OP

I = Instruction


def nothing(function, target, random, never):
    """A block that does nothing but go on."""
    constant, number = function.constant, random.randrange(50)
    pops = lambda count: [I('POP_TOP') for _ in range(count)]
    kinds = [
        [I('SETUP_LOOP', target=never), I('POP_BLOCK')],
        [I('SETUP_LOOP', target=never), I('SETUP_EXCEPT', target=never), constant(number), I('POP_BLOCK'), I('POP_BLOCK')],
        [constant(number), constant(1), I('DUP_TOPX', 2), I('ROT_THREE'), I('POP_TOP'), I('ROT_TWO')] + pops(3),
        [constant(1), constant(2), constant(3), I('ROT_THREE'), I('ROT_THREE'), I('ROT_THREE')] + pops(3),
        [constant(1), constant(2), constant(3), constant(4), I('ROT_FOUR')] + pops(2) + [I('ROT_TWO')] + pops(2),
        [constant('ab'), I('UNPACK_SEQUENCE', 2), I('ROT_TWO')] + pops(2),
        [I('BUILD_MAP', 0), constant(number), constant('k'), I('STORE_MAP')] + pops(1),
        [I('BUILD_LIST', 0), constant(number), I('LIST_APPEND', 1)] + pops(1),
        [constant(number), constant(number), constant(number), I('BUILD_SLICE', 3)] + pops(1),
        [constant('abc'), I('LOAD_ATTR', function.names.index('lower'))] + pops(1),
        [constant('abc'), I('GET_ITER')] + pops(1),
    ]
    return Block(random.choice(kinds), target)


def hide_loads(function, blocks, random):
    """Puts the loads of constants and locals among others that are thrown away."""
    for block in blocks:
        code = []
        for instruction in block.code:
            is_load = instruction.op in (OP['LOAD_CONST'], OP['LOAD_FAST'])
            code += hidden(function, instruction, random) if is_load and random.random() < 0.25 else [instruction]
        block.code = code


def hidden(function, load, random):
    other = function.constant(random.randrange(9))
    return random.choice([
        [other, load, I('ROT_TWO'), I('POP_TOP')],
        [load, other, I('DUP_TOPX', 2), I('POP_TOP'), I('POP_TOP'), I('POP_TOP')],
        [other, other.copy(), load, I('ROT_THREE'), I('POP_TOP'), I('POP_TOP')],
        [load, I('DUP_TOP'), I('POP_TOP')],
        [load, other, I('BUILD_TUPLE', 2), I('UNPACK_SEQUENCE', 2), I('ROT_TWO'), I('POP_TOP')],
    ])

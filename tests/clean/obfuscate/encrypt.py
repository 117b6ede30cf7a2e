"""Strings that are made when they are needed."""

import types

from blocks import Instruction, OP, replaced

I = Instruction


def encrypt(function, random, rebound):
    """Replaces the loads of strings; `rebound` has the names that the module gives a meaning of its own."""
    for block in function.blocks:
        code = []
        for instruction in block.code:
            value = function.consts.entries[instruction.arg] if instruction.op == OP['LOAD_CONST'] else None
            if type(value) is str and value and random.random() < 0.8:
                code += made(function, value, random, rebound)
            else:
                code.append(instruction)
        block.code = code


def made(function, value, random, rebound):
    forms = [by_codec, backwards, joined]
    if not rebound & set(['chr', 'ord']):
        forms += [by_key, by_key]
    return random.choice(forms)(function, value, random)


def by_codec(function, value, random):
    codec = random.choice(['hex', 'base64', 'rot13'])
    if codec == 'rot13':
        if any(ord(char) > 127 for char in value):
            codec = 'hex'
        else:
            # The codec makes unicode of it, so it is encoded again.
            text = str(value.encode('rot13'))
            return [function.constant(text), I('LOAD_ATTR', function.names.index('encode')), function.constant('rot13'),
                    I('CALL_FUNCTION', 1)]
    return [function.constant(value.encode(codec)), I('LOAD_ATTR', function.names.index('decode')),
            function.constant(codec), I('CALL_FUNCTION', 1)]


def backwards(function, value, random):
    none = function.constant(None)
    return [function.constant(value[::-1]), none, none.copy(), function.constant(-1), I('BUILD_SLICE', 3),
            I('BINARY_SUBSCR')]


def joined(function, value, random):
    middle = random.randrange(len(value) + 1)
    return [function.constant(value[:middle]), function.constant(value[middle:]), I('BINARY_ADD')]


def by_key(function, value, random):
    key = random.randrange(1, 256)
    secret = ''.join(chr(ord(char) ^ key) for char in value)
    code = compile("lambda text: ''.join([chr(ord(char) ^ %d) for char in text])" % key, '<string>', 'eval').co_consts[0]
    assert isinstance(code, types.CodeType)
    return [function.own_constant(replaced(code, lnotab='')), I('MAKE_FUNCTION', 0), function.constant(secret),
            I('CALL_FUNCTION', 1)]

"""Obfuscates a Python 2.7 program; the result behaves like the original.

    bctrace python tests/clean/obfuscate IN.py OUT.pyc --seed 3 --with flatten,junk

The same input, seed and techniques give the same bytes. With `--with random` the seed also chooses the techniques. `--only NAME`
leaves all functions but those of that name as they are.
"""

import argparse
import marshal
import random
import sys

import detours
import encrypt
import flatten
import gadgets
import layers
import layout
import lookups
import naming
import noise
from blocks import Block, Function, OP, all_codes, decode, rebuilt, reachable, replaced

TECHNIQUES = {
    'shuffle': 'blocks are split and laid out in a random order',
    'junk': 'random bytes between the blocks',
    'overlap': 'jumps into instructions; two instructions share bytes',
    'constant': 'constant opaque predicates, which lead into instructions that no compiler makes',
    'valid': 'opaque predicates that lead into copies of real code',
    'trampolines': 'jumps, loops and handlers go through further jumps',
    'exceptions': 'an exception used as a jump',
    'builtins': 'opaque predicates of builtins, methods, lists, dicts, and calls with * and **',
    'failures': 'exceptions of many kinds used as jumps',
    'noise': 'blocks and values that are made and thrown away',
    'raises': 'exceptions that are raised, and returns that are swallowed, used as jumps',
    'detours': 'loops over constants, predicates of unknown numbers and builtins, values that are put into lists and taken out',
    'lookups': 'a dispatcher whose states are looked up or computed',
    'unwind': 'END_FINALLY, break, continue and return used as jumps; a finally around functions',
    'calls': 'the outcome of a call decides where a jump goes',
    'flatten': 'a dispatcher decides which block comes next',
    'strings': 'strings are made when they are needed',
    'names': 'names without meaning',
    'extended': 'every form of EXTENDED_ARG',
    'tables': 'constants, names and locals in another order; false line numbers',
    'layers': 'the program is data of another one',
}
# A program that looks at the exception that it handles would notice others.
HANDLED = ['exc_info', 'exc_clear', 'print_exc', 'format_exc', 'last_traceback', 'exc_type', 'exc_value', 'format_exception']


class Obfuscator(object):
    def __init__(self, module, seed, techniques, only=()):
        self.random = random.Random(seed)
        self.techniques = set(techniques)
        self.only = set(only)
        self.bound = naming.bound_names(module)
        self.names = naming.mapping(module, self.random) if 'names' in self.techniques else {}
        if looks_at_exceptions(module):
            self.techniques -= set(['exceptions', 'failures', 'raises'])
        self.module = module

    def run(self):
        code = self.obfuscate(self.module)
        if 'layers' in self.techniques:
            for _ in range(self.random.randrange(1, 4)):
                code = layers.wrap(code, self.random)
        return code

    def obfuscate(self, code):
        inner = tuple(self.obfuscate(entry) if naming.is_code(entry) else entry for entry in code.co_consts)
        code = replaced(code, consts=inner)
        if self.only and code.co_name not in self.only:
            return code
        function = Function(code)
        function.rebound = self.bound
        free, cells = code.co_freevars, code.co_cellvars
        if 'names' in self.techniques:
            free, cells = naming.rename(function, self.names)
        if 'tables' in self.techniques:
            naming.shuffle_tables(function, self.random)
        if 'extended' in self.techniques and function.is_module and self.random.random() < 0.1:
            function.consts.entries.extend([None] * 65536)  # later constants need a prefix
        if 'strings' in self.techniques:
            encrypt.encrypt(function, self.random, self.bound)
        blocks = self.change_flow(function)
        text = layout.lay_out(blocks[0], reachable(blocks), layout.Options(self.random, self.techniques))
        made = rebuilt(function, text, self.lines(code))
        return replaced(made, freevars=free, cellvars=cells)

    def change_flow(self, function):
        chance = self.random
        techniques = self.techniques
        blocks = function.blocks
        if techniques & set(['shuffle', 'flatten', 'lookups', 'junk', 'overlap']) or techniques & set(gadgets.GADGETS):
            blocks = split(blocks, chance)
        if 'noise' in techniques:
            noise.hide_loads(function, blocks, chance)
        if 'detours' in techniques:
            detours.hide_loads(function, blocks, chance)
        # A function that asks for its variables would see the state among them.
        reveals_names = naming.reveals_names(function.original)
        if 'lookups' in techniques and not reveals_names and ('flatten' not in techniques or chance.random() < 0.5):
            blocks = lookups.flatten(function, blocks, chance)
        elif 'flatten' in techniques and not reveals_names:
            blocks = flatten.flatten(function, blocks, chance, chance.choice([0.6, 1.0]))
        blocks = gadgets.insert(function, blocks, techniques, chance, 0.35)
        if 'unwind' in techniques and chance.random() < 0.3:
            blocks = [gadgets.wrapped_body(function, blocks[0])] + blocks
        return blocks

    def lines(self, code):
        if 'tables' in self.techniques and self.random.random() < 0.5:
            return ''.join(chr(self.random.randrange(256)) for _ in range(2 * self.random.randrange(20)))
        return '' if self.techniques - set(['names', 'layers']) else code.co_lnotab


def split(blocks, random):
    """Splits blocks in random places."""
    made = []
    for block in blocks:
        made.append(block)
        while len(block.code) > 3 and random.random() < 0.7:
            middle = random.randrange(1, len(block.code))
            rest = Block(block.code[middle:], block.next)
            block.code, block.next = block.code[:middle], rest
            made.append(rest)
            block = rest
    return made


def looks_at_exceptions(module):
    for code in all_codes(module):
        if set(HANDLED) & set(code.co_names):
            return True
        if any(i.op == OP['RAISE_VARARGS'] and i.arg == 0 for block in decode(code.co_code) for i in block.code):
            return True
    return False


def chosen(text, seed):
    if text == 'all':
        return sorted(TECHNIQUES)
    if text == 'random':
        chance = random.Random('techniques %d' % seed)
        return sorted(chance.sample(sorted(TECHNIQUES), chance.randrange(1, 7)))
    names = text.split(',')
    unknown = set(names) - set(TECHNIQUES)
    if unknown:
        sys.exit('unknown technique: ' + ', '.join(sorted(unknown)))
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog='\n'.join('%-12s %s' % pair for pair in sorted(TECHNIQUES.items())))
    parser.add_argument('input', help='a .py or .pyc file')
    parser.add_argument('output')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--with', dest='techniques', default='all', metavar='NAMES',
                        help='techniques, separated by commas, or all, or random')
    parser.add_argument('--only', action='append', default=[], metavar='NAME')
    parser.add_argument('--print-techniques', action='store_true', help='print the techniques that are used')
    options = parser.parse_args()
    with open(options.input, 'rb') as file:
        content = file.read()
    if options.input.endswith('.py'):
        module = compile(content, options.input.rsplit('/')[-1], 'exec')
    else:
        module = marshal.loads(content[8:])
    techniques = chosen(options.techniques, options.seed)
    if options.print_techniques:
        print ','.join(techniques)
    code = Obfuscator(module, options.seed, techniques, options.only).run()
    with open(options.output, 'wb') as file:
        file.write('\x03\xf3\r\n\0\0\0\0' + marshal.dumps(code))


main()

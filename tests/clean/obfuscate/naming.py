"""Names without meaning: which names of a module can be changed without the program's noticing, and to what."""

import __builtin__
import keyword
import types

from blocks import OP, Pool, all_codes, decode

GLOBAL_OPS = frozenset(OP[name] for name in (
    'STORE_NAME', 'LOAD_NAME', 'DELETE_NAME', 'STORE_GLOBAL', 'LOAD_GLOBAL', 'DELETE_GLOBAL'))
BINDING_OPS = frozenset(OP[name] for name in ('STORE_NAME', 'STORE_GLOBAL', 'DELETE_NAME', 'DELETE_GLOBAL'))
NAME_OPS = GLOBAL_OPS | frozenset(OP[name] for name in (
    'STORE_ATTR', 'DELETE_ATTR', 'LOAD_ATTR', 'IMPORT_NAME', 'IMPORT_FROM'))
# A module that uses one of these can see the names of its variables.
REVEALING = frozenset(['globals', 'locals', 'vars', 'dir', 'eval', 'execfile', 'NameError', 'UnboundLocalError', '_getframe',
                       'func_code', '__code__', 'co_name', 'co_varnames', 'format_exc', 'print_exc', 'inspect'])


def bound_names(module):
    """Returns the names that a module's own code gives a meaning."""
    return set(code.co_names[i.arg] for code in all_codes(module) for block in decode(code.co_code) for i in block.code
               if i.op in BINDING_OPS)


def reveals_names(code):
    """Returns whether some code can see the variables of the function that it is, or of the module."""
    ops = set(i.op for block in decode(code.co_code) for i in block.code)
    return bool(REVEALING & set(code.co_names)) or OP['EXEC_STMT'] in ops or OP['IMPORT_STAR'] in ops


def mapping(module, random):
    """Returns the new name of each name that can be changed."""
    codes = list(all_codes(module))
    if any(reveals_names(code) for code in codes):
        return {}
    fixed = set(dir(__builtin__)) | set(['.0'])
    candidates = set()
    for code in codes:
        for constant in code.co_consts:
            fixed.update(texts(constant))
        is_class = not code.co_flags & 0x1 and code.co_name != '<module>'
        for block in decode(code.co_code):
            for instruction in block.code:
                if instruction.op in BINDING_OPS:
                    name = code.co_names[instruction.arg]
                    (fixed if is_class else candidates).add(name)
        candidates.update(code.co_varnames + code.co_cellvars + code.co_freevars)
        if not code.co_flags & 0x1:
            # A class's body finds its names by their text.
            fixed.update(name for name in code.co_freevars)
    names = sorted(name for name in candidates - fixed if not name.startswith('__') and '[' not in name)
    random.shuffle(names)
    return dict(zip(names, invented(random, len(names), fixed | candidates)))


def texts(constant):
    if isinstance(constant, str):
        yield constant
    elif isinstance(constant, tuple):
        for entry in constant:
            for text in texts(entry):
                yield text


def invented(random, count, taken):
    """Returns names that say nothing and are all different; none holds a NUL, at which CPython's comparison would end."""
    style = random.choice(['O0', 'l1I', 'control', 'digits', 'keywords', 'bytes'])
    made = []
    while len(made) < count:
        if style == 'O0':
            name = 'O' + ''.join(random.choice('O0') for _ in range(random.randrange(4, 16)))
        elif style == 'l1I':
            name = 'l' + ''.join(random.choice('l1I') for _ in range(random.randrange(4, 12)))
        elif style == 'control':
            name = ''.join(chr(random.choice([1, 2, 7, 8, 9, 10, 13, 27, 127])) for _ in range(random.randrange(2, 7)))
        elif style == 'digits':
            name = str(random.randrange(10 ** 6))
        elif style == 'keywords':
            name = random.choice(keyword.kwlist) + ' ' * random.randrange(5)
        else:
            name = ''.join(chr(random.randrange(128, 256)) for _ in range(random.randrange(2, 5)))
        if name not in taken:
            taken.add(name)
            made.append(name)
        elif style == 'keywords':
            style = 'O0'
    return made


def rename(function, names):
    """Gives a function's names their new texts; returns its free and cell variables as they are then."""
    old = function.names.entries
    function.names = Pool([])
    for block in function.blocks:
        for instruction in block.code:
            if instruction.op in NAME_OPS:
                name = old[instruction.arg]
                if instruction.op in GLOBAL_OPS:
                    name = names.get(name, name)
                instruction.arg = function.names.index(name)
    function.varnames = Pool([names.get(name, name) for name in function.varnames.entries])
    code = function.original
    return tuple(tuple(names.get(name, name) for name in group) for group in (code.co_freevars, code.co_cellvars))


def shuffle_tables(function, random):
    """Puts constants, names and locals into another order, with unused ones among them."""
    pools = [('consts', 1, [OP['LOAD_CONST']]), ('names', 0, NAME_OPS),
             ('varnames', first_local(function.original), [OP['LOAD_FAST'], OP['STORE_FAST'], OP['DELETE_FAST']])]
    for attribute, kept, ops in pools:
        if attribute == 'varnames' and not function.has_fast_locals:
            continue
        pool = getattr(function, attribute)
        entries = list(enumerate(pool.entries))
        extra = [(None, random.randrange(10 ** 6) if attribute == 'consts' else 'unused_%d' % random.randrange(10 ** 6))
                 for _ in range(random.randrange(4)) if attribute != 'varnames']
        rest = entries[kept:] + extra
        random.shuffle(rest)
        entries = entries[:kept] + rest
        place = dict((old, new) for new, (old, _) in enumerate(entries) if old is not None)
        setattr(function, attribute, Pool(entry for _, entry in entries))
        for block in function.blocks:
            for instruction in block.code:
                if instruction.op in ops:
                    instruction.arg = place[instruction.arg]


def first_local(code):
    return code.co_argcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)


def is_code(constant):
    return isinstance(constant, types.CodeType)

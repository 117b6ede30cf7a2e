"""Flattening whose states are looked up: indices into tuples, lists and dicts, results of arithmetic, texts, pairs."""

from blocks import Block, Instruction
from flatten import State, redirected

I = Instruction
STYLES = ['tuple', 'list', 'dict', 'arithmetic', 'text', 'pair', 'difference']


def flatten(function, blocks, random):
    """Sends all jumps through one dispatcher; returns all blocks, the first one first."""
    dispatcher = Dispatcher(State(function, random), random, random.choice(STYLES))
    added = []

    def redirect(target):
        added.append(dispatcher.lead_to(target))
        return added[-1]

    entry = redirected(blocks, redirect)
    dispatcher.finish(added)
    return [entry] + blocks + added


class Dispatcher(object):
    """What a block stores says where it goes on only after it was looked up or computed with."""

    def __init__(self, state, random, style):
        self.state, self.random, self.style = state, random, style
        self.constant = state.function.constant
        self.head = Block()
        self.targets = []

    def stored(self, number):
        return {'arithmetic': number * 7 + 3, 'text': 's%d' % number, 'pair': (number // 3, number % 3)}.get(self.style, number)

    def lead_to(self, target):
        if target not in self.targets:
            self.targets.append(target)
        return Block([self.constant(self.stored(self.targets.index(target))), self.state.store()], self.head)

    def finish(self, added):
        order = range(len(self.targets))
        self.random.shuffle(order)
        self.head.code = self.look_up(order)
        keys = self.keys(order)
        rest = self.targets[-1]
        for number in range(len(self.targets) - 1):
            rest = Block(self.test(keys[number], self.targets[number]), rest)
            added.append(rest)
        self.head.next = rest

    def look_up(self, order):
        """The code that makes what is compared of what was stored."""
        constant, load, store = self.constant, self.state.load, self.state.store
        if self.style == 'tuple':
            return [constant(tuple(order)), load(), I('BINARY_SUBSCR'), store()]
        if self.style == 'list':
            items = [constant(number * 5) for number in order]
            self.state.function.pushed += len(order)
            return items + [I('BUILD_LIST', len(order)), load(), I('BINARY_SUBSCR'), store()]
        if self.style == 'dict':
            pairs = [[constant(number * 11), constant(place), I('STORE_MAP')] for place, number in enumerate(order)]
            return [I('BUILD_MAP', 0)] + sum(pairs, []) + [load(), I('BINARY_SUBSCR'), store()]
        if self.style == 'arithmetic':
            return [load(), constant(5), I('BINARY_MULTIPLY'), constant(1), I('INPLACE_ADD'), constant(0x155),
                    I('BINARY_XOR'), store()]
        return []

    def keys(self, order):
        stored = [self.stored(number) for number in range(len(order))]
        factor = {'tuple': 1, 'list': 5, 'dict': 11}.get(self.style)
        if factor:
            return [order[number] * factor for number in stored]
        if self.style == 'arithmetic':
            return [(number * 5 + 1) ^ 0x155 for number in stored]
        return stored

    def test(self, key, target):
        load = self.state.load
        if self.style == 'difference':
            return [load(), self.constant(key), I('BINARY_SUBTRACT'), I('POP_JUMP_IF_FALSE', target=target)]
        if self.random.random() < 0.5:
            return [self.constant(key), load(), I('COMPARE_OP', 2), I('POP_JUMP_IF_TRUE', target=target)]
        return [load(), self.constant(key), I('COMPARE_OP', 3), I('POP_JUMP_IF_FALSE', target=target)]

"""Control-flow flattening: blocks set a state and go to a dispatcher, which goes to the block of that state."""

from blocks import Block, Instruction

I = Instruction


def flatten(function, blocks, random, rate):
    """Sends most jumps between the blocks through one or more dispatchers; returns all blocks, the first one first."""
    state = State(function, random)
    count = 1 if len(blocks) < 12 else random.randrange(1, 4)
    dispatchers = [Dispatcher(state, random) for _ in range(count)]
    added = []

    def redirect(target):
        if random.random() > rate:
            return target
        stub = random.choice(dispatchers).lead_to(target)
        added.append(stub)
        return stub

    entry = redirected(blocks, redirect)
    for dispatcher in dispatchers:
        added += dispatcher.finish()
    return [entry] + blocks + added


def redirected(blocks, redirect):
    """Has all that goes to a block go where `redirect` says for it; returns a block that goes where the first one is now."""
    for block in blocks:
        if block.next is not None:
            block.next = redirect(block.next)
        for instruction in block.code:
            if instruction.target is not None:
                instruction.target = redirect(instruction.target)
    return Block([], redirect(blocks[0]))


class State(object):
    """The variable that holds the state: a local of a function, a global of a module or class body."""

    def __init__(self, function, random):
        self.function = function
        name = 'state_%d' % random.randrange(10 ** 6)
        if function.has_fast_locals:
            self.index = function.varnames.append(name)
            self.kind = 'FAST'
        else:
            self.index = function.names.append(name)
            self.kind = 'GLOBAL'

    def store(self):
        return I('STORE_' + self.kind, self.index)

    def load(self):
        return I('LOAD_' + self.kind, self.index)


class Dispatcher(object):
    """Compares the state with each number, one after the other or by halves; the numbers may be masked."""

    def __init__(self, state, random):
        self.state = state
        self.random = random
        self.head = Block()
        self.mask = random.choice([0, random.randrange(1, 4096)])
        self.by_halves = random.random() < 0.5
        self.targets = {}

    def lead_to(self, target):
        for number, known in self.targets.items():
            if known is target:
                break
        else:
            number = self.random.randrange(1, 1 << 20)
            while number in self.targets:
                number += 1
            self.targets[number] = target
        constant = self.state.function.constant
        return Block([constant(number ^ self.mask), self.state.store()], self.head)

    def finish(self):
        """Fills in the comparisons and returns their blocks."""
        if not self.targets:
            return []
        function = self.state.function
        if self.mask:
            self.head.code = [self.state.load(), function.constant(self.mask), I('BINARY_XOR'), self.state.store()]
        numbers = sorted(self.targets)
        if not self.by_halves:
            self.random.shuffle(numbers)
        made = []
        self.head.next = self.compare(numbers, made)
        return [self.head] + made

    def compare(self, numbers, made):
        function = self.state.function
        if len(numbers) == 1:
            return self.targets[numbers[0]]
        if self.by_halves:
            middle = len(numbers) // 2
            low, high = self.compare(numbers[:middle], made), self.compare(numbers[middle:], made)
            block = Block([self.state.load(), function.constant(numbers[middle]), I('COMPARE_OP', 0),
                           I('POP_JUMP_IF_TRUE', target=low)], high)
        else:
            rest = self.compare(numbers[1:], made) if len(numbers) < 200 else None
            if rest is None:
                self.by_halves = True
                return self.compare(sorted(numbers), made)
            block = Block([self.state.load(), function.constant(numbers[0]), I('COMPARE_OP', 2),
                           I('POP_JUMP_IF_TRUE', target=self.targets[numbers[0]])], rest)
        made.append(block)
        return block

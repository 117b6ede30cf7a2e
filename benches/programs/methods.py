# Methods and attributes: small objects that pass packets to each other.
class Packet(object):
    def __init__(self, kind, hops):
        self.kind = kind
        self.hops = hops

    def passed(self):
        self.hops -= 1
        return self.hops > 0

class Node(object):
    def __init__(self, name):
        self.name = name
        self.seen = {}
        self.queue = []

    def take(self, packet):
        self.seen[packet.kind] = self.seen.get(packet.kind, 0) + 1
        self.queue.append(packet)

    def step(self, others):
        queue, self.queue = self.queue, []
        for packet in queue:
            if packet.passed():
                others[packet.hops % len(others)].take(packet)
        return len(queue)

nodes = [Node(name) for name in 'abcdefgh']
moved = 0
for round_number in xrange(60):
    for kind in xrange(40):
        nodes[kind % 8].take(Packet(kind % 7, 120 + kind))
for round_number in xrange(160):
    for node in nodes:
        moved += node.step(nodes)
print moved, sorted(nodes[0].seen.items())

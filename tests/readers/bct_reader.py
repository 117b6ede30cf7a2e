#!/usr/bin/env python3
"""Prints the instructions of a .bct, one per line, by what docs/trace-format.md says and nothing else.

It exists to show that the page is enough: it shares no code with bctrace.  Output, tab-separated: number, thread, frame, depth, code
object, offset, opcode, operand.  Needs Python 3.14 (compression.zstd), the zstandard package, or a zstd program.
"""

import struct
import subprocess
import sys
import zlib

EXTENDED_ARG = 145


def unzstd(data):
    try:
        from compression import zstd
        return zstd.decompress(data)
    except ImportError:
        pass
    try:
        import zstandard
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except ImportError:
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Payload:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def bytes(self):
        length = self.number("I")
        self.at += length
        if self.at > len(self.data):
            raise ValueError("bytes beyond the payload")
        return self.data[self.at - length:self.at]

    def list(self):
        return [self.bytes() for _ in range(self.number("I"))]


def lengthened(packed):
    """Puts the words that a repeat word stands for in its place."""
    words, payload = [], 0
    for word in packed:
        if payload:
            payload -= 1
        elif word & 15 == 12:
            distance, count = word >> 4 & 0xfffffff, word >> 32
            for _ in range(count):
                words.append(words[-distance])
            continue
        elif word & 15 == 0:
            payload = ((word >> 12 & 0xffffffff) + 7) // 8
        words.append(word)
    return words


class Frame:
    def __init__(self, number, caller, depth, slot, code):
        self.number, self.caller, self.depth, self.slot, self.code = number, caller, depth, slot, code


class Block:
    """The state of one block while its events are read."""

    def __init__(self, out):
        self.out, self.codes = out, {}
        self.stack, self.others, self.suspended = [], {}, {}
        self.instructions, self.next_frame, self.thread = 0, 1, 0

    def read(self, words):
        """The words up to the state as they are, the events after it with what repeats."""
        events = 0
        while True:
            record, length = words[events] >> 4 & 0xff, words[events] >> 12 & 0xffffffff
            events += 1 + (length + 7) // 8
            if record == 7:
                break
        self.read_words(words[:events])
        self.read_words(lengthened(words[events:]))

    def read_words(self, words):
        at = 0
        while at < len(words):
            kind = words[at] & 15
            if kind == 0:
                record, length = words[at] >> 4 & 0xff, words[at] >> 12 & 0xffffffff
                count = (length + 7) // 8
                payload = struct.pack("<%dQ" % count, *words[at + 1:at + 1 + count])[:length]
                self.record(record, Payload(payload))
                at += 1 + count
            elif kind == 15:
                self.run(words[at + 1], words[at])
                at += 2
            else:
                if kind <= 10:
                    self.run(words[at], 0)
                at += 1

    def run(self, word, wide):
        start, length, argument = (
            (word >> 4 + 20 * n & 0xfffff) | (wide >> 4 + 12 * n & 0xfff) << 20 for n in range(3))
        if length:
            self.execute(self.codes[self.stack[-1].code], start, start + length, 0)
        kind = word & 15
        if kind == 2:
            self.push(self.next_frame, argument, 0)
            self.next_frame += 1
        elif kind == 3:
            frame = self.suspended.pop(argument)
            self.push(frame.number, frame.code, frame.slot)
        elif kind in (4, 6):
            self.stack.pop()
        elif kind == 5:
            self.suspended[argument] = self.stack.pop()
        elif kind == 7:
            self.others[self.thread] = self.stack
            self.stack, self.thread = self.others.pop(argument, []), argument
        elif kind == 8:
            self.stack[-1].code = argument
        elif kind == 9:
            self.codes.pop(argument, None)
        elif kind == 10:
            self.suspended.pop(argument, None)

    def push(self, number, code, slot):
        caller, depth = (self.stack[-1].number, self.stack[-1].depth + 1) if self.stack else (0, 0)
        self.stack.append(Frame(number, caller, depth, slot, code))

    def execute(self, code, at, end, base):
        """Decodes as ceval.c fetches; `base` is the offset of the first byte of `code`."""
        prefix = None
        while at < end:
            opcode, operand = code[at], None
            length = 3 if opcode >= 90 or prefix is not None else 1
            if opcode >= 90:
                operand = (prefix or 0) << 16 | code[at + 1] | code[at + 2] << 8
                operand = (operand & 0xffffffff ^ 0x80000000) - 0x80000000
            self.instructions += 1
            frame = self.stack[-1]
            fields = (self.instructions, self.thread, frame.number, frame.depth, frame.code, base + at, opcode,
                      "-" if operand is None else operand)
            self.out.write("\t".join(map(str, fields)) + "\n")
            prefix = operand if opcode == EXTENDED_ARG else None
            at += length

    def record(self, record, payload):
        if record == 2:
            code, _first, _parent = payload.number("I"), payload.number("I"), payload.number("I")
            _name, _filename = payload.bytes(), payload.bytes()
            payload.at += 20
            self.codes[code] = payload.bytes()
        elif record == 3:
            offset, code = payload.number("i"), payload.bytes()
            self.execute(code, 0, len(code), offset)
        elif record == 5:
            code, frame, slot = payload.number("I"), payload.number("Q"), payload.number("Q")
            self.push(frame, code, slot)
        elif record == 6:
            self.instructions += payload.number("Q")
            self.next_frame += payload.number("Q")
        elif record == 7:
            self.state(payload)
        elif record == 8:
            thread = payload.number("I")
            if thread == self.thread:
                self.stack = []
            self.others.pop(thread, None)
        elif record == 12:
            number = payload.number("Q")
            frame = next(frame for frame in reversed(self.stack) if frame.number == number)
            self.stack.remove(frame)
            self.stack.append(frame)

    def state(self, payload):
        self.instructions, self.next_frame = payload.number("Q"), payload.number("Q")
        self.thread, _threads = payload.number("I"), payload.number("I")
        _finished, others = payload.number("B"), payload.number("I")
        self.stack = self.frames(payload)
        for _ in range(others):
            number = payload.number("I")
            self.others[number] = self.frames(payload)
        for _ in range(payload.number("I")):
            slot = payload.number("I")
            self.suspended[slot] = self.frame(payload)

    def frames(self, payload):
        return [self.frame(payload) for _ in range(payload.number("I"))]

    def frame(self, payload):
        return Frame(*(payload.number(form) for form in "QQIII"))


def read(data, out):
    if data[:12] != b"\x89bctrace\r\n\x1a\n" or data[12:16] != b"\3\0\0\0":
        raise ValueError("no .bct of version 3")
    at = 16
    while data[at:at + 8] == b"\xb7bct\xa7pc\n":
        kind, storage, stored, raw, before, count, check, _zero, head_check = struct.unpack_from("<HHIIQQIII", data, at + 8)
        payload = data[at + 48:at + 48 + stored]
        if zlib.crc32(data[at:at + 44]) != head_check or zlib.crc32(payload) != check:
            raise ValueError("damaged at byte %d" % at)
        if kind in (1, 2):
            payload = unzstd(payload) if storage == 1 else payload
            assert len(payload) == raw
            block = Block(out)
            block.read(struct.unpack("<%dQ" % (raw // 8), payload))
            assert block.instructions == before + count
        at += 48 + stored
    (index,) = struct.unpack_from("<Q", data, at)
    assert data[at + 16:] == b"\xb7bct\xa7ix\n" and data[index:index + 8] == b"\xb7bct\xa7pc\n"


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as trace:
        read(trace.read(), sys.stdout)

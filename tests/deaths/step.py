"""Kills a process at one of its machine instructions.

step.py PROCESS SLOT PUBLICATION STEPS: attaches, says so, waits for a line on standard input, and has the process execute machine
instructions one by one.  The slot lies at this address.  A publication begins when its first word gets a mark, or when its count of words
in the ring changes while there is no mark (src/record/shared/slot.rs).  STEPS instructions after the beginning of this publication, counted
from 1, the process is killed.  Prints `killed`, or `ended` if it ended before.
"""
import ctypes
import os
import signal
import struct
import sys

ATTACH, SINGLESTEP = 16, 9
MARKS = 3 << 61

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
process, slot, publication, steps = (int(word, 0) for word in sys.argv[1:])


def trace(request):
    if libc.ptrace(request, process, None, None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def step(deliver=None):
    """Executes one machine instruction; returns whether the process is still there."""
    if libc.ptrace(SINGLESTEP, process, None, deliver) != 0:
        return False
    _, status = os.waitpid(process, 0)
    return os.WIFSTOPPED(status)


trace(ATTACH)
os.waitpid(process, 0)
memory = os.open('/proc/%d/mem' % process, os.O_RDONLY)
os.lseek(memory, slot, os.SEEK_SET)


def read_slot():
    """Returns whether there is a mark, and the count of words in the ring."""
    os.lseek(memory, slot, os.SEEK_SET)
    next_word, _start, _first, head = struct.unpack('<4Q', os.read(memory, 32))
    return next_word & MARKS != 0, head


print 'attached'
sys.stdout.flush()
sys.stdin.readline()
seen = 0
was_marked, last_head = read_slot()
while 1:
    if not step():
        print 'ended'
        sys.exit()
    marked, head = read_slot()
    if not was_marked and (marked or head != last_head):
        seen += 1
        if seen == publication:
            break
    was_marked, last_head = marked, head
for _ in range(steps):
    if not step():
        print 'ended'
        sys.exit()
os.kill(process, signal.SIGKILL)
print 'killed'

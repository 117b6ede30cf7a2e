"""Counts the calls of a sandboxed program that its recorder has to answer.

notifications.py COMMAND...: runs the command, traces the system calls of all its processes and threads, and prints how often one of them
received a notification of the kernel's (seccomp_unotify(2)).  Its status is the command's.
"""
import ctypes
import errno
import os
import signal
import sys

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420e
# Stops at system calls look different from signals; new processes and threads are traced; no process outlives this one.
OPTIONS = 1 | 2 | 4 | 8 | 1 << 20
ENTRY, EXIT = 1, 2
SYS_IOCTL = {'x86_64': 16, 'aarch64': 29}[os.uname()[4]]
NOTIF_RECV = 0xc0502100
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Info(ctypes.Structure):
    """struct ptrace_syscall_info of linux/ptrace.h."""
    _fields_ = [('op', ctypes.c_uint8), ('arch', ctypes.c_uint32), ('address', ctypes.c_uint64), ('stack', ctypes.c_uint64),
                ('first', ctypes.c_uint64), ('words', ctypes.c_uint64 * 8)]


def trace(request, thread, address=None, data=None):
    result = libc.ptrace(request, thread, address, data)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


command = sys.argv[1:]
process = os.fork()
if process == 0:
    trace(TRACEME, 0)
    os.execv(command[0], command)
os.waitpid(process, 0)
trace(SETOPTIONS, process, None, OPTIONS)
trace(SYSCALL, process)
received = 0
receiving = set()
ended = None
while ended is None:
    thread, status = os.waitpid(-1, WALL)
    if not os.WIFSTOPPED(status):
        if thread == process:
            ended = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        continue
    stopped = os.WSTOPSIG(status)
    deliver = 0
    if stopped == signal.SIGTRAP | 0x80:
        info = Info()
        trace(GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op == ENTRY:
            if (info.first, info.words[1]) == (SYS_IOCTL, NOTIF_RECV):
                receiving.add(thread)
        elif info.op == EXIT and thread in receiving:
            receiving.remove(thread)
            received += info.first == 0
    elif stopped not in (signal.SIGTRAP, signal.SIGSTOP):
        deliver = stopped
    try:
        trace(SYSCALL, thread, None, deliver)
    except OSError as error:
        if error.errno != errno.ESRCH:
            raise
print received
sys.exit(ended)

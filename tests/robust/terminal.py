"""Plays a terminal, a shell in it with one job, and the user before it.

terminal.py SCENARIO COMMAND...: the scenario is Python, and has the functions below.
"""
import os
import pty
import select
import signal
import sys

events, tell = os.pipe()
orders, order = os.pipe()


def shell(command, in_background):
    """Runs the command as a job of its own; says when it stops and how it ends.  Then it keeps the terminal until the user is gone."""
    os.close(order)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        if not in_background:
            os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(command[0], command)
    while 1:
        status = os.waitpid(job, os.WUNTRACED)[1]
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(0, os.getpid())
            os.write(tell, 'stopped\n')
        else:
            os.write(tell, 'ended %d\n' % (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)))
            os.read(orders, 1)
            os._exit(0)
        if is_to_go_on(job):
            os.read(orders, 1)
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)


def is_to_go_on(job):
    """Waits for the order to continue the job, or for its end."""
    while not select.select([orders], [], [], 0.01)[0]:
        if open('/proc/%d/stat' % job).read().rsplit(') ')[1][0] in 'ZX':
            return False
    return True


def key(keys):
    os.write(master, keys)


def expect(text):
    """Waits until the terminal shows a text."""
    until(text)


def until(text):
    """What the terminal shows before a text."""
    global shown
    while text not in shown:
        shown += os.read(master, 4096)
    before, shown = shown.split(text, 1)
    return before


def event():
    """Waits for what the shell says of its job, and reads the terminal meanwhile: a job that prints more than it holds would wait."""
    global shown
    line = ''
    while not line.endswith('\n'):
        ready = select.select([events, master], [], [])[0]
        if master in ready:
            shown += os.read(master, 4096)
        if events in ready:
            line += os.read(events, 1)
    return line[:-1]


def has_event():
    return bool(select.select([events], [], [], 0.05)[0])


def fg():
    os.write(order, 'f')


shown = ''
scenario, command = sys.argv[1], sys.argv[2:]
shell_pid, master = pty.fork()
if shell_pid == 0:
    shell(command, scenario.startswith('# background'))
exec scenario

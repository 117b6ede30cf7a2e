//! The semaphores of multiprocessing.

use crate::live::{self, Program};

/// Whatever of multiprocessing rests on a semaphore, between four processes; each line is what it must print.
const SEMAPHORES: &str = "import errno, multiprocessing, os, sys
from multiprocessing import Condition, Event, Lock, Pool, Process, Queue, RLock, Semaphore, Value
import _multiprocessing

def four(target, *arguments):
    workers = [Process(target=target, args=arguments) for _ in range(4)]
    for worker in workers: worker.start()
    return workers

def join(workers):
    for worker in workers: worker.join()
    return [worker.exitcode for worker in workers]

def add(lock, total):
    for _ in range(500):
        with lock:
            total.value += 1

for lock in Lock(), RLock(), Semaphore(1):
    total = Value('i', 0, lock=False)
    print join(four(add, lock, total)), total.value
total = Value('i', 0)
print join(four(add, total.get_lock(), total)), total.value

def enter(rooms, inside, most):
    for _ in range(50):
        with rooms:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            with inside.get_lock():
                inside.value -= 1

rooms, inside, most = Semaphore(2), Value('i', 0), Value('i', 0)
print join(four(enter, rooms, inside, most)), inside.value, most.value <= 2

def wait_for(event, condition, ready):
    event.wait()
    with condition:
        ready.value += 1
        condition.notify_all()
        while ready.value < 4: condition.wait()

event, condition, ready = Event(), Condition(), Value('i', 0)
workers = four(wait_for, event, condition, ready)
event.set()
print join(workers), ready.value

def double(questions, answers):
    for number in iter(questions.get, None): answers.put(2 * number)

questions, answers = Queue(), Queue(3)
workers = four(double, questions, answers)
for number in range(200): questions.put(number)
for _ in workers: questions.put(None)
print sum(answers.get() for _ in range(200)), join(workers)

def square(number): return number * number
pool = Pool(4)
print sum(pool.map(square, range(100)))
pool.close()
pool.join()

lock = Lock()
print lock.acquire(), lock.acquire(False), lock.acquire(True, 0.01), lock.release()
for misuse in lock.release, lambda: Semaphore(-1), lambda: _multiprocessing.SemLock(1, 2 ** 31 - 1, 2 ** 31 - 1).release():
    try: print misuse()
    except (OSError, ValueError) as error: print type(error).__name__, getattr(error, 'errno', None) == errno.EINVAL
print [name for name in open('/proc/self/maps') if '/dev/shm' in name]
many = [Lock() for _ in range(2000)]
count = len(open('/proc/self/maps').readlines())
del many
print count - len(open('/proc/self/maps').readlines()) == 2000
";

#[test]
fn semaphores_hold_between_processes_without_a_folder_for_them() {
    let program = Program::new(SEMAPHORES);
    let four = "[0, 0, 0, 0]";
    let expected = format!(
        "{}{four} 0 True\n{four} 4\n39800 {four}\n328350\nTrue False False None\nValueError False\nOSError True\n\
         ValueError False\n[]\nTrue\n",
        format!("{four} 2000\n").repeat(4)
    );
    let plain = live::run(program.command(["python", "p.pyc"])).succeeded();
    assert_eq!(plain, expected);
    assert_eq!(program.trace(&["-q"], "t.bct", &[]).succeeded(), plain);
}

#[test]
fn a_semaphore_that_is_closed_twice_leaves_other_memory_alone() {
    // The kernel maps the next page where the last one was.
    let program = Program::new(
        "import mmap
from _multiprocessing import SemLock
first = SemLock(1, 1, 1)
second = SemLock._rebuild(first.handle, 1, 1)
del first
page = mmap.mmap(-1, 4096)
page[0] = 'x'
del second
print page[0]
del page
wild = SemLock._rebuild(4096, 1, 1)
del wild
",
    );
    assert_eq!(live::run(program.command(["python", "p.pyc"])).succeeded(), "x\n");
}

//! `--deterministic`: two runs at the same time produce the same trace and the same output, and what they see is plausible;
//! `--skip-sleeps` only skips sleeps.

use std::time::{Duration, Instant};

use crate::live::{self, Live, Program};
use crate::running::{self, Ran};

/// Traces the program twice at once, in each form, and asserts that all is equal; returns what it printed.
#[track_caller]
fn repeated(program: &Program, options: &[&str]) -> String {
    let mut printed: Option<String> = None;
    for form in ["bct", "txt", "jsonl"] {
        let traces = [format!("1.{form}"), format!("2.{form}")];
        let options = [&["-q", "--deterministic"], options].concat();
        let start = |trace: &String| Live::start(program.tracing(&options, trace, &[]));
        let both = traces.each_ref().map(start);
        for output in both.map(|run| run.end().succeeded()) {
            assert_eq!(*printed.get_or_insert_with(|| output.clone()), output, "{form}");
        }
        let [one, other] = traces.map(|trace| running::read(&program.path(trace)));
        assert!(one == other, "two traces in the form {form} differ");
    }
    printed.unwrap_or_default()
}

/// What the program prints in a deterministic run, line by line.
#[track_caller]
fn lines(source: &str) -> Vec<String> {
    let ran = Program::new(source).trace(&["-q", "--deterministic"], "t.bct", &[]);
    ran.succeeded().lines().map(str::to_string).collect()
}

#[track_caller]
fn numbers(source: &str) -> Vec<f64> {
    lines(source).iter().map(|line| line.parse().unwrap_or_else(|_| panic!("{line} is no number"))).collect()
}

const WORKERS: &str = "import Queue, random, threading, time
queue, done, lock = Queue.Queue(3), [], threading.Lock()
def work(number):
    while True:
        item = queue.get()
        if item is None: return
        time.sleep(random.random() / 10)
        for _ in xrange(item * 40): pass
        with lock: done.append((number, item))
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for item in range(40): queue.put(item)
for thread in threads: queue.put(None)
for thread in threads: thread.join()
print done
print threads, id(object())
";

#[test]
fn workers_at_a_queue_take_the_same_turns() {
    let printed = repeated(&Program::new(WORKERS), &[]);
    assert!((0..4).all(|number| printed.contains(&format!("({number}, "))), "{printed}");
}

#[test]
fn threads_without_a_lock_switch_at_the_same_instructions() {
    let program = Program::new(
        "import sys, threading
order = []
def spin(number):
    for _ in xrange(800): order.append(number)
sys.setcheckinterval(37)
threads = [threading.Thread(target=spin, args=(number,)) for number in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print sum(1 for one, other in zip(order, order[1:]) if one != other)
",
    );
    let switches: u32 = repeated(&program, &[]).trim().parse().unwrap();
    assert!(switches > 30, "{switches}");
}

#[test]
fn conditions_with_timeouts_events_and_timers_go_by_the_clock() {
    let program = Program::new(
        "import threading, time
condition, seen, event, start = threading.Condition(), [], threading.Event(), time.time()
def wait(number):
    with condition:
        condition.wait(number)
        seen.append((number, int(time.time() - start)))
threads = [threading.Thread(target=wait, args=(number,)) for number in (9, 3, 6, 12)]
for thread in threads: thread.start()
time.sleep(4)
with condition: condition.notify()
threading.Timer(100, event.set).start()
event.wait(1000)
for thread in threads: thread.join()
print seen, round(time.time() - start, 1)
",
    );
    assert_eq!(repeated(&program, &[]), "[(3, 3), (9, 4), (6, 6), (12, 12)] 104.0\n");
}

#[test]
fn pipes_sockets_and_streams_between_threads_take_turns() {
    let program = Program::new(
        "import os, select, socket, threading, time
def each(function, *arguments):
    threads = [threading.Thread(target=function, args=(argument,)) for argument in arguments]
    for thread in threads: thread.start()
    return threads
got = []
def from_pipe(pipe):
    while True:
        data = os.read(pipe, 3)
        if not data: return
        got.append(data)
def from_stream(stream):
    for line in stream: got.append(line)
def by_line(stream):
    for line in iter(stream.readline, ''): got.append(line)
def echo(peer):
    for data in iter(lambda: peer.recv(9), ''): peer.send(data[::-1])
for reader, opened in (from_pipe, int), (from_stream, os.fdopen), (by_line, os.fdopen):
    reading, writing = os.pipe()
    threads = each(reader, opened(reading))
    for number in range(30):
        os.write(writing, '%d\\n' % number)
        if number % 7 == 0: time.sleep(1)
    os.close(writing)
    for thread in threads: thread.join()
one, other = socket.socketpair()
threads = each(echo, other)
one.settimeout(3)
for number in range(5):
    one.send('to %d' % number)
    got.append(one.recv(99))
one.send('abc')
while not select.select([one], [], [], 5)[0]: pass
got.append(one.recv(9))
one.close()
for thread in threads: thread.join()
print got
",
    );
    let printed = repeated(&program, &["--values"]);
    assert!(printed.contains("'4 ot', 'cba']"), "{printed}");
}

#[test]
fn random_bytes_hashes_addresses_and_names_are_the_same() {
    let program = Program::new(
        "import os, random, tempfile, thread, threading
for name in 'gamma', 'alpha', 'beta': open(os.path.join(os.environ['HOME'], name), 'w').close()
print os.getpid(), os.getppid(), os.urandom(9).encode('hex'), random.random(), random.SystemRandom().random()
print id(object()), id([]), hash(object()), id(type('A', (), {})), bytearray(70000) and object(), thread.get_ident()
print {type('A', (), {}): number for number in range(40)}.values(), threading.currentThread()
print set(map(str, range(40))), {object(): number for number in range(40)}.values()
file, path = tempfile.mkstemp()
print os.path.basename(path), os.listdir(os.environ['HOME']), os.listdir(os.environ['HOME'].decode('utf8'))
",
    );
    let printed = repeated(&program, &[]);
    assert!(printed.starts_with("4201 4200 "), "{printed}");
    let listed = printed.lines().last().unwrap();
    assert!(
        listed.contains("['alpha', 'beta', 'gamma', 'tmp") && listed.contains("[u'alpha', u'beta', u'gamma', u'tmp")
    );
}

#[test]
fn uuids_are_the_same() {
    let source = "import uuid\nprint uuid.uuid1(), uuid.uuid4(), uuid.uuid1(), uuid.getnode()";
    // What uuid does to find the machine's address names its scratch folder, which runs at the same time do not share.
    let program = Program::free(source);
    let printed = repeated(&program, &[]);
    assert_eq!(printed.split(' ').filter(|word| word.len() == 36).count(), 3, "{printed}");
}

#[test]
fn random_hash_seeds_are_the_same() {
    let program = Program::free("");
    let hashes = || {
        let code = "print hash('a'), {'one', 'two', 'three', 'four'}";
        let words = ["python", "--trace-to", "t.bct", "-q", "--no-sandbox", "--deterministic", "-R", "-c", code];
        live::run(program.command(words)).succeeded()
    };
    let hashed = hashes();
    assert_eq!(hashed, hashes());
    let unseeded = live::run(program.command(["python", "-c", "print hash('a'), {'one', 'two', 'three', 'four'}"]));
    assert_ne!(hashed, unseeded.succeeded());
}

#[test]
fn addresses_do_not_depend_on_the_name_and_the_form_of_the_trace() {
    let source = "print id(object()), id(type('A', (), {})), id(bytearray(9)), hash(object())";
    let program = Program::new(source);
    let printed = |trace: &str| program.trace(&["-q", "--deterministic"], trace, &[]).succeeded();
    let first = printed("t.bct");
    let long = format!("{}.txt", "x".repeat(200));
    for trace in ["t.txt", "t.jsonl.zst", "t.bct.gz", &long] {
        assert_eq!(printed(trace), first, "{trace}");
    }
}

#[test]
fn clocks_start_at_a_fixed_date_and_advance_by_small_steps() {
    let seen = numbers(
        "import time
one, two = time.time(), time.time()
clock = time.clock()
print repr(one)
print two - one
start, cpu = time.time(), time.clock()
for _ in xrange(100000): pass
print time.time() - start
print time.clock() - cpu
print clock
",
    );
    assert!((1_577_836_800.0..1_577_836_801.0).contains(&seen[0]), "{seen:?}");
    assert!((1e-7..1e-4).contains(&seen[1]), "{seen:?}");
    assert!((1e-3..1.0).contains(&seen[2]) && (1e-3..1.0).contains(&seen[3]), "{seen:?}");
    assert!((1e-3..1.0).contains(&seen[4]), "{seen:?}");
    let dates = lines(
        "import datetime, time
print datetime.datetime.now().year, datetime.datetime.utcnow().date(), datetime.date.today().isoformat()
print time.gmtime()[:5], time.strftime('%Y', time.localtime()), time.asctime()[-4:]
",
    );
    assert_eq!(dates, ["2020 2020-01-01 2020-01-01", "(2020, 1, 1, 0, 0) 2020 2020"]);
}

#[test]
fn a_loop_that_waits_for_a_clock_ends_soon() {
    let started = Instant::now();
    let looks = numbers(
        "import time
for clock, wait in (time.time, 2), (time.clock, 2), (time.time, 3600):
    looks, start = 0, clock()
    while clock() - start < wait: looks += 1
    print looks
",
    );
    assert!(looks.iter().all(|looks| (1000.0..200_000.0).contains(looks)), "{looks:?}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// Sleeps an hour in several ways and prints what the clock says of each, and then the processor's time.
const SLEEPS: &str = "import select, threading, time
def timed(function, *arguments):
    start = time.time()
    function(*arguments)
    print round(time.time() - start, 1)
timed(time.sleep, 3600)
timed(select.select, [], [], [], 3600)
timed(select.poll().poll, 3600000)
event = threading.Event()
timed(event.wait, 3600)
print time.clock() < 60
";

#[test]
fn sleeps_return_at_once_and_the_clock_shows_their_time() {
    for option in ["--deterministic", "--skip-sleeps"] {
        let started = Instant::now();
        let program = Program::new(SLEEPS);
        let printed = program.trace(&["-q", option], "t.bct", &[]).succeeded();
        let (times, last) = printed.trim().rsplit_once('\n').unwrap();
        assert_eq!(last, "True");
        // The real clock goes on too.
        let times: Vec<f64> = times.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(times.len(), 4);
        assert!(times.iter().all(|time| (3600.0..3660.0).contains(time)), "{option}: {printed}");
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    }
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    let source = "import threading, time
woken = []
def sleep(seconds):
    time.sleep(seconds)
    woken.append(seconds)
threads = [threading.Thread(target=sleep, args=(seconds,)) for seconds in (50, 30, 10, 40, 20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print woken
";
    for option in ["--deterministic", "--skip-sleeps"] {
        let printed = Program::new(source).trace(&["-q", option], "t.bct", &[]).succeeded();
        assert_eq!(printed, "[10, 20, 30, 40, 50]\n", "{option}");
    }
}

#[test]
fn skipped_sleeps_leave_the_rest_as_it_is() {
    let program = Program::new("import os, time\nprint os.getpid() == 4201, time.time() < 1.6e9, time.sleep(1)\n");
    assert_eq!(program.trace(&["-q", "--skip-sleeps"], "t.bct", &[]).succeeded(), "False False None\n");
}

const SIGNALS: &str = "import os, signal, threading, time
seen = []
def handle(number, frame): seen.append((number, frame.f_lineno, round(time.time() - start, 3)))
for number in signal.SIGALRM, signal.SIGUSR1, signal.SIGVTALRM: signal.signal(number, handle)
start = time.time()
signal.alarm(5)
time.sleep(20)
print seen, round(time.time() - start)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.001)
for _ in xrange(50000): pass
print signal.getitimer(signal.ITIMER_REAL), signal.setitimer(signal.ITIMER_REAL, 0)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
for _ in xrange(50000): pass
os.kill(os.getpid(), signal.SIGUSR1)
for _ in xrange(3): pass
signal.alarm(7)
print signal.pause(), round(time.time() - start), signal.alarm(9), signal.alarm(0)
thread = threading.Timer(3, os.kill, (os.getpid(), signal.SIGUSR1))
thread.start()
time.sleep(100)
print round(time.time() - start)
thread.join()
print len(seen), seen
";

#[test]
fn signals_arrive_at_the_same_instructions() {
    let printed = repeated(&Program::new(SIGNALS), &["-r"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "[(14, 7, 5.0)] 5.0");
    assert_eq!(lines[2], "None 12.0 0 9");
    assert_eq!(lines[3], "15.0");
}

#[test]
fn an_alarm_ends_a_program_that_does_not_handle_it() {
    let program = Program::new(
        "import signal, time\nsignal.alarm(3600)\nprint 'before'\nimport sys\nsys.stdout.flush()\ntime.sleep(9999)\n",
    );
    let ran = program.trace(&["-q", "--deterministic"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (142, "before\n"), "{}", ran.stderr());
}

#[test]
fn forked_processes_have_the_next_numbers() {
    let program = Program::new(
        "import os, signal, sys, time
def child(work):
    sys.stdout.flush()
    pid = os.fork()
    if pid: return pid
    work()
    sys.stdout.flush()
    os._exit(3)
def grandchild():
    ended = os.waitpid(child(tell), 0)
    print os.getpid(), os.getppid(), ended
def tell(): print os.getpid(), os.getppid(), os.urandom(4).encode('hex'), time.time() > 1.5e9
def wait():
    while True: signal.pause()
for work in tell, grandchild:
    ended = os.waitpid(child(work), 0)
    print ended
waiting = child(wait)
os.kill(waiting, signal.SIGKILL)
ended = os.wait()
print waiting, ended, os.getpid(), os.urandom(4).encode('hex')
try: os.waitpid(waiting, 0)
except OSError as error: print error.errno
",
    );
    let printed = repeated(&program, &[]);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("4202 4201 ") && lines[1] == "(4202, 768)", "{printed}");
    assert!(lines[2].starts_with("4204 4203 ") && lines[3] == "4203 4201 (4204, 768)", "{printed}");
    assert!(lines[4] == "(4203, 768)" && lines[5].starts_with("4205 (4205, 9) 4201 ") && lines[6] == "10", "{printed}");
}

#[test]
fn what_forked_processes_try_does_not_depend_on_when_they_do() {
    // Each goes on at the same time as the program, which meanwhile executes as much as it likes.
    let program = Program::new(
        "import os
children = []
for number in range(3):
    pid = os.fork()
    if not pid:
        for _ in range(number + 1):
            for name in '/etc/shadow', '/root/%d' % number:
                try: open(name)
                except IOError: pass
        os._exit(0)
    for _ in xrange(number * 20000): pass
    os.waitpid(pid, 0)
",
    );
    for _ in 0..4 {
        repeated(&program, &[]);
    }
    let tried = program.view("tried", &[], "1.bct");
    assert!(tried.contains("open /root/2 for reading -> refused: ENOENT, 3 times"), "{tried}");
}

#[test]
fn input_that_comes_late_and_children_are_waited_for() {
    let program = Program::free(
        "import subprocess, sys, threading, time
lines = []
def read():
    for line in iter(sys.stdin.readline, ''): lines.append(line)
thread = threading.Thread(target=read)
thread.start()
child = subprocess.Popen(['/bin/sh', '-c', 'read line; echo \"got $line\"'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def answer(): print child.stdout.readline().strip()
other = threading.Thread(target=answer)
other.start()
child.stdin.write('it\\n')
child.stdin.close()
print child.wait()
other.join()
thread.join()
print lines
",
    );
    for option in ["--deterministic", "--skip-sleeps"] {
        let ran: Ran = running::run_with(&mut program.tracing(&["-q", option], "t.bct", &[]), b"one\ntwo\n");
        let printed = ran.succeeded();
        assert!(printed.contains("got it\n") && printed.contains("0\n"), "{option}: {printed}");
        assert!(printed.ends_with("['one\\n', 'two\\n']\n"), "{option}: {printed}");
    }
}

#[test]
fn a_lock_that_is_always_taken_again_reaches_those_that_wait() {
    let program = Program::new(
        "import threading, time
lock, count, stop = threading.Lock(), [0], []
def hog():
    while not stop:
        with lock:
            for _ in xrange(300): pass
def want():
    for _ in range(20):
        with lock: count[0] += 1
    stop.append(1)
threads = [threading.Thread(target=hog), threading.Thread(target=hog), threading.Thread(target=want)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print count
",
    );
    assert_eq!(repeated(&program, &["--max-instructions", "5M"]), "[20]\n");
}

#[test]
fn the_trace_names_the_options_and_info_shows_them() {
    let program = Program::new("print 1");
    assert_eq!(program.trace(&["-q", "--deterministic", "--skip-sleeps"], "t.bct", &[]).succeeded(), "1\n");
    let info = program.view("info", &[], "t.bct");
    assert!(info.contains("--deterministic") && info.contains("--skip-sleeps"), "{info}");
    assert_eq!(program.trace(&["-q"], "t.bct", &[]).succeeded(), "1\n");
    let info = program.view("info", &[], "t.bct");
    assert!(!info.contains("--deterministic") && !info.contains("--skip-sleeps"), "{info}");
}

#[test]
fn without_the_option_clocks_numbers_and_random_bytes_are_the_systems() {
    let source = "import os, time\nprint os.getpid(), os.urandom(16).encode('hex'), time.time() > 1.6e9";
    let program = Program::new(source);
    let printed = |_| program.trace(&["-q"], "t.bct", &[]).succeeded();
    let [one, other] = [0, 1].map(printed);
    assert_ne!(one, other);
    assert!(one.trim().ends_with(" True") && !one.starts_with("4201 "), "{one}");
}

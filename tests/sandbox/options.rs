//! The options that allow more: each opens one thing and no other.

use std::net::TcpListener;
use std::os::unix::fs::symlink;

use super::{Caller, Deed, World, assert_refused, deed, make_victims, run};
use crate::live;

/// One deed of each kind, and the option that allows it: its place in [`OPTIONS`].
const DEEDS: &[(Deed, usize)] = &[
    (deed("assert open(victim).read()", "EACCES"), 0),
    (deed("assert os.listdir(place)", "EACCES"), 0),
    (deed("os.open(victim, os.O_WRONLY)", "EACCES"), 1),
    (deed("open(place + '/new', 'w')", "EACCES"), 1),
    (deed("os.unlink(victim)", "EACCES"), 1),
    (deed("os.mkdir(place + '/folder')", "EACCES"), 1),
    (deed("os.rename(victim, place + '/other')", "EACCES"), 1),
    (deed("check(libc.truncate(victim, ctypes.c_long(3)))", "EACCES"), 1),
    (deed("os.symlink('text', place + '/link')", "EACCES"), 1),
    (deed("os.chmod(victim, 0600)\nassert os.stat(victim).st_mode == 0100600", "EPERM"), 1),
    (deed("os.utime(victim, (1, 2))\nassert os.stat(victim).st_mtime == 2", "EPERM"), 1),
    (deed("socket.create_connection(('127.0.0.1', int(arguments[0])))", "ENETUNREACH"), 2),
    (deed("s = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen(1)", "EACCES"), 2),
    (
        deed(
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto('x', ('127.0.0.1', int(arguments[0])))",
            "ENETUNREACH",
        ),
        2,
    ),
    (
        deed(
            "s = socket.socket(socket.AF_UNIX)\ns.bind(scratch + '/socket')\ns.listen(1)\nsocket.socket(socket.AF_UNIX).connect(scratch + '/socket')",
            "EACCES",
        ),
        2,
    ),
    (deed("assert subprocess.check_output(['/bin/echo', 'x']) == 'x\\n'", "EACCES"), 3),
    (deed("assert os.system('exit 7') == 7 << 8", "AssertionError"), 3),
    (
        deed(
            "path = scratch + '/script'\nopen(path, 'w').write('#!/bin/sh\\nexit 0\\n')\nos.chmod(path, 0755)\nsubprocess.check_call([path])",
            "EACCES",
        ),
        3,
    ),
    (deed("assert os.environ['GIVEN'] == 'value'", "KeyError"), 4),
    (
        deed(
            "pids = []\nfor i in range(15):\n    pid = os.fork()\n    if not pid: signal.pause()\n    pids.append(pid)\nfor pid in pids: os.kill(pid, 9)\nfor pid in pids: os.waitpid(pid, 0)",
            "EAGAIN",
        ),
        5,
    ),
    // What no option allows.
    (deed("os.kill(1, 0) if os.getpid() != 1 else None", "EPERM"), NONE),
    (deed("open('/proc/%d/mem' % os.getppid())", "EACCES"), NONE),
    (deed("open('/proc/%d/environ' % os.getppid())", "EACCES"), NONE),
    (deed("check(libc.prctl(1, 0))", "EPERM"), NONE),
    (deed("check(libc.unshare(0x200))", "EPERM"), NONE),
    (deed("os.setuid(12345)", "EPERM"), NONE),
    (deed("os.mknod(scratch + '/device', 0020600, os.makedev(1, 3))", "EACCES"), NONE),
    (deed("check(libc.syscall(ctypes.c_long(425), 8, 0))", "ENOSYS"), NONE),
    (deed("socket.socket(17, socket.SOCK_RAW, 0)", "EACCES"), NONE),
];
const NONE: usize = usize::MAX;

#[test]
fn each_option_opens_one_thing() {
    for caller in Caller::all() {
        let world = World::new(caller);
        let outside = world.path("outside");
        let [read, write] = ["read", "write"].map(|what| format!("--allow-{what}={}", outside.display()));
        let options: [&[&str]; 6] =
            [&[&read], &[&write], &["--allow-net"], &["--allow-run"], &["--env=GIVEN=value"], &["--max-processes=30"]];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let deeds: Vec<Deed> = DEEDS.iter().map(|(deed, _)| *deed).collect();
        for (number, option) in options.iter().enumerate() {
            make_victims(&world, &deeds);
            let fewer: &[&str] = if number == 5 { &[] } else { &["--max-processes=10"] };
            let results = run(&world, "", &deeds, &[fewer, option].concat(), &[&port]);
            for ((deed, by), result) in DEEDS.iter().zip(results) {
                let expected = if *by == number { "done" } else { deed.refusal };
                // What was found out cannot be read back, and sockets of strange kinds say so in their own way.
                let is_right = result == expected || (number == 2 && *by == NONE && result != "done");
                assert!(is_right, "{caller:?} {option:?}: {}: {result}, expected {expected}", deed.source);
            }
        }
        make_victims(&world, &deeds);
        assert_refused(&world, "", &deeds, &["--max-processes=10"], &[&port]);
    }
}

#[test]
fn what_one_option_opens_for_one_path_stays_shut_for_others() {
    for caller in Caller::all() {
        let world = World::new(caller);
        let deeds = [
            deed("open('%s/0/file' % outside).read()", "done"),
            deed("open('%s/1/file' % outside).read()", "EACCES"),
            deed("open('%s/0/../1/file' % outside).read()", "EACCES"),
            deed("open('%s/2/file' % outside, 'r+').write('x')", "EACCES"),
            deed("open('%s/2/file' % outside, 'w').write('x')", "done"),
            deed("open('%s/3/file' % outside, 'w').write('x')", "EACCES"),
            deed("open('%s/3/other' % outside, 'w').write('x')", "EACCES"),
            deed("os.rename('%s/2/file' % outside, '%s/3/file' % (outside))", "EACCES"),
            deed("os.chmod('%s/2/file' % outside, 0600)", "done"),
            deed("os.chmod('%s/0/file' % outside, 0600)", "EPERM"),
            deed("open('%s/4/file' % outside, 'w').write('x')", "done"),
            deed("os.unlink('%s/4/file' % outside)", "EACCES"),
        ];
        make_victims(&world, &deeds);
        let outside = world.path("outside").display().to_string();
        let options = [
            format!("--allow-read={outside}/0"),
            format!("--allow-write={outside}/2"),
            // One file.
            format!("--allow-write={outside}/4/file"),
        ];
        assert_refused(&world, "", &deeds, &options.each_ref().map(String::as_str), &[]);
    }
}

#[test]
fn the_trace_never_lies_in_what_may_be_written() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "");
    for folder in ["granted/deep", "elsewhere"] {
        std::fs::create_dir_all(world.path(folder)).unwrap();
    }
    world.write("granted/there.bct", "");
    symlink(world.path("granted"), world.path("elsewhere/folder")).unwrap();
    symlink(world.path("granted/there.bct"), world.path("elsewhere/link.bct")).unwrap();
    symlink("link.bct", world.path("elsewhere/link-to-link.bct")).unwrap();
    symlink("../granted/new.bct", world.path("elsewhere/dangling.bct")).unwrap();
    symlink(world.path("elsewhere/real.bct"), world.path("granted/outwards.bct")).unwrap();
    let refused = [
        ("granted", "granted/new.bct"),
        ("granted", "granted/there.bct"),
        ("granted", "granted/deep/new.bct"),
        ("granted", "granted/deep/../new.bct"),
        ("granted/there.bct", "granted/there.bct"),
        (".", "granted/new.bct"),
        ("elsewhere/folder", "granted/new.bct"),
        ("granted", "elsewhere/folder/new.bct"),
        ("granted", "elsewhere/link.bct"),
        ("granted", "elsewhere/link-to-link.bct"),
        ("granted/there.bct", "elsewhere/link-to-link.bct"),
        ("granted", "elsewhere/dangling.bct"),
        // The program could put another trace in the place of the link.
        ("granted", "granted/outwards.bct"),
    ];
    for (granted, trace) in refused {
        let [granted, trace] = [granted, trace].map(|name| world.path(name).display().to_string());
        let ran = live::run(world.command(&[&format!("--allow-write={granted}"), "p.py", &trace]));
        assert_eq!(ran.status, 2, "{granted} {trace}: {}", ran.stderr());
        assert!(ran.stderr().contains("would let the program change the trace"), "{}", ran.stderr());
    }
    let everything = live::run(world.command(&["--allow-write", "p.py", "../traces/t.bct"]));
    assert_eq!(everything.status, 2, "{}", everything.stderr());
    let redirected = |granted: &str| {
        let mut command =
            world.command(&[&format!("--allow-write={}", world.path(granted).display()), "-q", "p.py", "-"]);
        command.stdout(std::fs::File::create(world.path("granted/out")).unwrap());
        command.stderr(std::process::Stdio::null()).status().unwrap().code()
    };
    assert_eq!((redirected("granted"), redirected("elsewhere")), (Some(2), Some(0)));
    for (granted, trace) in [("granted/deep", "granted/new.bct"), ("granted", "elsewhere/new.bct")] {
        let [granted, trace] = [granted, trace].map(|name| world.path(name).display().to_string());
        live::run(world.command(&[&format!("--allow-write={granted}"), "p.py", &trace])).succeeded();
    }
}

#[test]
fn the_program_has_the_environment_that_it_is_given_and_no_other() {
    let source = "import os\nfor item in sorted(os.environ.items()): print '%s=%s' % item\n";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let run = |options: &[&str]| {
            let mut command = world.tracing(options, &[]);
            command.env("SECRET", "precious").env("OTHER", "thing").env("PYTHONFOO", "kept");
            live::run(command)
        };
        let scratch = |text: &str| text.replace(world.path("tmp").to_str().unwrap(), "TMP");
        let uid = if caller == Caller::Ordinary {
            super::USER
        } else {
            std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
        };
        let always = |line: &&str| !line.starts_with("PYTHONDONT") && !line.starts_with("PYTHONUNBUFFERED");
        let lines = |options: &[&str]| {
            let text = scratch(&run(options).succeeded());
            text.lines().filter(always).map(str::to_string).collect::<Vec<_>>()
        };
        let home = lines(&[]).into_iter().find_map(|line| Some(line.strip_prefix("HOME=")?.to_string()));
        let folder = home.unwrap_or_else(|| panic!("{caller:?} has no HOME"));
        let number = folder.strip_prefix(&format!("TMP/bctrace-{uid}/scratch/")).unwrap_or_else(|| panic!("{folder}"));
        assert!(number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()), "{folder}");
        let own = [
            format!("HOME={folder}"),
            "LANG=C.UTF-8".into(),
            "PATH=/usr/local/bin:/usr/bin:/bin".into(),
            "PYTHONFOO=kept".into(),
            "TERM=dumb".into(),
            format!("TMPDIR={folder}"),
        ];
        assert_eq!(lines(&[]), own, "{caller:?}");
        let more = lines(&["--env", "SECRET", "--env=EMPTY=", "--env", "LANG=de=x"]);
        for line in ["SECRET=precious", "EMPTY=", "LANG=de=x"] {
            assert!(more.iter().any(|found| found == line), "{more:?}");
        }
        assert_eq!(more.len(), own.len() + 2);
        for wrong in ["MISSING", "=x"] {
            let ran = run(&["--env", wrong]);
            assert!(ran.status == 125 && ran.stderr().lines().count() == 1, "{} {}", ran.status, ran.stderr());
        }
    }
}

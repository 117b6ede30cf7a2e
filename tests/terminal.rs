//! What a user at a terminal sees: commands run on a pseudo-terminal of some width, which is typed at.

mod binary;
mod color;
mod pager;
mod progress;

use std::path::Path;
use std::process::Command;

use crate::live;
use crate::running::{self, Ran};

/// Runs argv[3:] on a terminal of argv[1] columns; for each (text, reply) of the list argv[2] waits until the terminal shows the text
/// and types the reply.  Prints all that the terminal shows and ends with the command's status.
const TYPIST: &str = "import ast, fcntl, os, pty, struct, sys, termios
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
shown, place = '', 0
for text, reply in ast.literal_eval(sys.argv[2]) + [(None, '')]:
    while text is None or text not in shown[place:]:
        try:
            more = os.read(terminal, 1 << 16)
        except OSError:
            more = ''
        if not more:
            break
        shown += more
    if text is not None:
        place = shown.find(text, place) + len(text)
        os.write(terminal, reply)
status = os.waitpid(process, 0)[1]
os.write(1, shown)
sys.exit(status >> 8 or status & 127)
";

/// A command on a terminal.
pub struct Terminal<'a> {
    folder: &'a Path,
    columns: u32,
    /// What is waited for and what is typed then.
    dialog: Vec<(&'a str, &'a str)>,
    variables: Vec<(&'a str, &'a str)>,
}

impl<'a> Terminal<'a> {
    pub fn new(folder: &'a Path) -> Terminal<'a> {
        Terminal { folder, columns: 100, dialog: Vec::new(), variables: Vec::new() }
    }

    pub fn columns(self, columns: u32) -> Terminal<'a> {
        Terminal { columns, ..self }
    }

    pub fn typing(mut self, text: &'a str, reply: &'a str) -> Terminal<'a> {
        self.dialog.push((text, reply));
        self
    }

    pub fn with(mut self, variable: &'a str, value: &'a str) -> Terminal<'a> {
        self.variables.push((variable, value));
        self
    }

    /// Runs `bctrace` with these words; standard output is all that the terminal was sent.
    pub fn run(self, words: &[&str]) -> Ran {
        live::run(self.command(&[&[running::binary().to_str().unwrap()], words].concat()))
    }

    /// Runs a shell script in which `"$0"` is `bctrace`.
    pub fn shell(self, script: &str) -> Ran {
        live::run(self.command(&["/bin/sh", "-c", script, running::binary().to_str().unwrap()]))
    }

    fn command(&self, words: &[&str]) -> Command {
        let dialog: Vec<String> = self.dialog.iter().map(|(text, reply)| format!("({text:?}, {reply:?})")).collect();
        let mut command = running::bctrace(["python", "-S", "-E", "-c", TYPIST]);
        command.arg(self.columns.to_string()).arg(format!("[{}]", dialog.join(", "))).args(words);
        command.current_dir(self.folder).env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().copied());
        command
    }
}

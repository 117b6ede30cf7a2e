//! What can be typed, as clap sees it.  These types end at the door: each command turns them into a plain plan.

mod cleaning;
mod exporting;
mod file;
mod reading;
mod recording;
mod sandbox;
mod triaging;
mod value;
mod views;

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::styling::Styles;
use clap::error::ErrorKind;
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use cleaning::{CleanArgs, UntakenName};
pub use exporting::{ExportArgs, ExportForm};
pub use file::{FileArgs, IntakeArgs, ListArgs, UnpackArgs};
pub use reading::{AsmArgs, CodeArgs, DisArgs, FilterArgs, ListingFormat, OpmapArgs, PlaceArgs, ShowArgs, WindowArgs};
pub use recording::{CallArgs, LeadArgs, PythonArgs, RecordArgs, RecordingArgs, TraceWhat, ValueArgs};
pub use sandbox::SandboxArgs;
pub use triaging::TriageArgs;
pub use views::{
    AnswerFormat, CallsArgs, ComparesArgs, DiffArgs, EdgesArgs, FindArgs, HotArgs, InfoArgs, LayersArgs, QuestionArgs,
    ReportArgs, StringsArgs, TricksArgs, TriedArgs, ViewArgs, ViewFilterArgs,
};

/// Columns of help that does not go to a terminal, and the most that it has on one.
const COLUMNS: usize = 80;
const MOST_COLUMNS: usize = 100;

/// The name of the main command, which records.
pub const MAIN: &str = "bctrace";
/// The name of the command that exports.
pub const EXPORT: &str = "export";

const ABOUT: &str = "Trace every bytecode instruction that a Python 2.7 program executes";
const LONG_ABOUT: &str = "\
Trace every bytecode instruction that a Python 2.7 program executes.

The program really runs, in a sandbox: it has no network, starts no other programs, writes only to a folder of its own, and \
reads only its own folder and the system's libraries. The options of the sandbox allow more. No sandbox is proof against \
faults of the kernel: trace malware in a virtual machine that you can throw away.";

/// What the exit statuses mean.
const EXIT_STATUS: &str = "\
Exit status:
  The program's own, or 128+N if signal N killed it. bctrace's own:
  2    wrong usage
  123  a limit, --stop-at or an opcode that --opmap does not name ended the program
  124  --timeout ended the program
  125  bctrace itself failed: bad input, or a trace that cannot be written
  141  the reader of the recorded trace closed the pipe";

/// Variables of the environment that bctrace itself reads.
const ENVIRONMENT: &str = "\
Environment:
  BCTRACE_PAGER, PAGER  pager on a terminal [default: less -FRX]
  NO_COLOR              use no colours
  CLICOLOR_FORCE        use colours without a terminal too, unless it is 0
  PYTHONPATH, ...       count for the program, as under python2.7";

#[derive(Debug, Subcommand)]
pub enum Command {
    Triage(TriageArgs),
    Show(Box<ShowArgs>),
    Call(Box<CallArgs>),
    Calls(CallsArgs),
    Compares(ComparesArgs),
    Strings(StringsArgs),
    Tricks(TricksArgs),
    Hot(HotArgs),
    Find(FindArgs),
    Diff(DiffArgs),
    Layers(LayersArgs),
    Tried(TriedArgs),
    Edges(EdgesArgs),
    Info(InfoArgs),
    Report(ReportArgs),
    Export(ExportArgs),
    Dis(DisArgs),
    Clean(CleanArgs),
    Opmap(OpmapArgs),
    List(ListArgs),
    Unpack(UnpackArgs),
    Asm(AsmArgs),
    Python(Box<PythonArgs>),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Print the completions of a shell
///
/// The script completes the commands, options and file names of bctrace. Put it where the shell looks for completions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace completions bash > ~/.local/share/bash-completion/completions/bctrace
  bctrace completions zsh > ~/.zfunc/_bctrace
  bctrace completions fish > ~/.config/fish/completions/bctrace.fish")]
pub struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Print or write the manual pages
///
/// The pages are roff: one for bctrace itself and one for each command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace man | man -l -
  bctrace man show | man -l -
  bctrace man -o ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Command whose page is printed [default: bctrace itself]
    #[arg(value_name = "COMMAND", conflicts_with = "folder")]
    pub command: Option<String>,
    /// Write all pages into this folder
    #[arg(short = 'o', long = "output", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
}

/// A form of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// One line for each instruction
    Text,
    /// One JSON object for each instruction, code object, exception and the end
    Jsonl,
    /// The compact, indexed form that `show` and `info` read
    Bct,
    /// Nothing
    Null,
}

/// How a command that reads prints on a terminal.
#[derive(Clone, Debug, Args)]
pub struct ScreenArgs {
    /// When to use colours
    ///
    /// By default they are used on a terminal, unless NO_COLOR is set; CLICOLOR_FORCE=1 has them elsewhere too.
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: ColorWhen,
    /// Do not use a pager on a terminal
    ///
    /// The pager is BCTRACE_PAGER, else PAGER, else `less -FRX`.
    #[arg(long)]
    pub no_pager: bool,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// The whole command line: the arguments of the main command beside the subcommands.
pub fn command() -> clap::Command {
    let command = clap::Command::new(MAIN)
        .version(super::VERSION)
        .after_help(recording::EXAMPLES)
        .after_long_help(format!("{}\n\n{EXIT_STATUS}\n\n{ENVIRONMENT}", recording::EXAMPLES))
        .styles(Styles::plain())
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .disable_help_subcommand(true)
        // The last of several values wins, unless they add up.
        .args_override_self(true);
    // Set last: the arguments that are flattened in would put their own description in its place.
    let command = Command::augment_subcommands(RecordArgs::augment_args(command)).about(ABOUT).long_about(LONG_ABOUT);
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let names = PossibleValuesParser::new(names);
    let command = command.mut_subcommand("man", |man| man.mut_arg("command", |page| page.value_parser(names)));
    match std::io::stdout().is_terminal() {
        true => command.max_term_width(MOST_COLUMNS),
        false => command.term_width(COLUMNS),
    }
}

/// An error of usage of a command, which ends with status 2.
pub fn usage(name: &str, message: impl Display) -> anyhow::Error {
    let mut command = command();
    command.build();
    named(&mut command, name).error(ErrorKind::ValueValidation, message).into()
}

/// The command of this name, of the whole command line.
pub fn named<'a>(whole: &'a mut clap::Command, name: &str) -> &'a mut clap::Command {
    match name {
        MAIN => whole,
        name => whole.find_subcommand_mut(name).expect("the command that runs exists"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn clap_finds_no_fault() {
        super::command().debug_assert();
    }
}

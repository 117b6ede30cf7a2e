//! `bctrace completions` and `bctrace man`: what is made of the description of the command line.

mod bash;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{self, CompletionsArgs, ManArgs};
use super::screen;
use crate::bytecode::escape::Printable;
use crate::format;

/// The section of the manual for commands.
const SECTION: &str = "1";

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut command = visible(&args::command());
    if args.shell == Shell::Bash {
        return screen::print(bash::script(&command).as_bytes());
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, args::MAIN, &mut script);
    screen::print(&script)
}

/// A command without its hidden options, which completions would show.
fn visible(command: &clap::Command) -> clap::Command {
    clap::Command::new(command.get_name().to_owned())
        .version(super::VERSION)
        .about(command.get_about().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .args(command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned())
        .subcommands(command.get_subcommands().map(visible))
}

/// Prints a manual page, or writes all of them.
pub fn man(args: &ManArgs) -> anyhow::Result<u8> {
    let mut command = args::command();
    command.build();
    if let Some(folder) = &args.folder {
        return write_pages(&command, folder);
    }
    let page = match &args.command {
        None => page(&command),
        Some(name) => match command.find_subcommand(name) {
            Some(command) => page(command),
            None => {
                return Err(args::usage("man", format!("there is no command {}", Printable::text(name.as_bytes()))));
            }
        },
    };
    match io::stdout().is_terminal() && show(&page) {
        true => Ok(0),
        false => screen::print(&page),
    }
}

/// Shows a page as `man` does; false if there is no such program.
fn show(page: &[u8]) -> bool {
    let Ok(mut man) = Command::new("man").args(["-l", "-"]).stdin(Stdio::piped()).spawn() else { return false };
    // A reader that leaves early, and a status, are between the user and man.
    let _ = man.stdin.take().map(|mut input| input.write_all(page));
    let _ = man.wait();
    true
}

fn write_pages(command: &clap::Command, folder: &Path) -> anyhow::Result<u8> {
    for command in std::iter::once(command).chain(command.get_subcommands()) {
        let path = folder.join(format!("{}.{SECTION}", command.get_display_name().unwrap_or("bctrace")));
        let written = fs::write(&path, page(command)).map_err(|error| anyhow!(format::why(&path, &error)));
        written.with_context(|| format!("cannot write {}", Printable::path(&path)))?;
    }
    Ok(0)
}

/// Renders the page of a command.
fn page(command: &clap::Command) -> Vec<u8> {
    let is_main = command.get_name() == args::MAIN;
    let usage = command.clone().render_usage().to_string();
    // Without this the synopsis would name every option.
    let command = command.clone().override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let command = command.subcommand_help_heading("COMMANDS");
    let man = Man::new(command.clone());
    let name = command.get_display_name().unwrap_or(args::MAIN);
    let title = name.to_uppercase();
    // The date is empty: equal versions have equal pages.
    let mut page = format!(".TH {title} {SECTION} \"\" \"bctrace {}\" \"User Commands\"\n", env!("CARGO_PKG_VERSION"))
        .into_bytes();
    let rendered = man
        .render_name_section(&mut page)
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| if is_main { man.render_subcommands_section(&mut page) } else { Ok(()) })
        .and_then(|()| rest(&command, name).to_writer(&mut page));
    rendered.expect("writing to memory does not fail");
    page
}

/// The sections that stand below the options in the help.
fn rest(command: &clap::Command, name: &str) -> Roff {
    let mut roff = Roff::new();
    let text = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            Some(title) => {
                roff.control("SH", [title.to_uppercase().as_str()]);
            }
            None if line.is_empty() => {}
            None => match line.trim_start().split_once("  ") {
                Some((term, meaning)) => {
                    roff.control("TP", []).text([bold(term)]).text([roman(meaning.trim_start())]);
                }
                None => {
                    roff.control("br", []).text([roman(line.trim_start())]);
                }
            },
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let others = args::command();
    let others = others.get_subcommands().map(|other| format!("bctrace-{}", other.get_name()));
    let pages = std::iter::once(args::MAIN.to_owned()).chain(others).filter(|page| *page != name);
    roff.text([roman(pages.map(|page| format!("{page}({SECTION})")).collect::<Vec<_>>().join(", "))]);
    roff
}

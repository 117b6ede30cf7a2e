//! `bctrace completions` and `bctrace man`: what is made of the description of the command line.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{self, CompletionsArgs, ManArgs};
use crate::bytecode::escape::Printable;

/// The section of the manual for commands.
const SECTION: &str = "1";

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&args::command()), "bctrace", &mut script);
    io::stdout().write_all(&script)?;
    Ok(0)
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
    io::stdout().write_all(&page)?;
    Ok(0)
}

fn write_pages(command: &clap::Command, folder: &Path) -> anyhow::Result<u8> {
    for command in std::iter::once(command).chain(command.get_subcommands()) {
        let path = folder.join(format!("{}.{SECTION}", command.get_display_name().unwrap_or("bctrace")));
        fs::write(&path, page(command)).with_context(|| format!("cannot write {}", Printable::path(&path)))?;
    }
    Ok(0)
}

/// Renders the page of a command.
fn page(command: &clap::Command) -> Vec<u8> {
    let is_main = command.get_name() == "bctrace";
    let usage = command.clone().render_usage().to_string();
    // Without this the synopsis would name every option.
    let command = command.clone().override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let command = command.subcommand_help_heading("COMMANDS");
    let man = Man::new(command.clone());
    let title = command.get_display_name().unwrap_or("bctrace").to_uppercase();
    // The date is empty: equal versions have equal pages.
    let mut page = format!(".TH {title} {SECTION} \"\" \"bctrace {}\" \"User Commands\"\n", env!("CARGO_PKG_VERSION"))
        .into_bytes();
    let rendered = man
        .render_name_section(&mut page)
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| if is_main { man.render_subcommands_section(&mut page) } else { Ok(()) })
        .and_then(|()| rest(&command, is_main).to_writer(&mut page));
    rendered.expect("writing to memory does not fail");
    page
}

/// The sections that stand below the options in the help.
fn rest(command: &clap::Command, is_main: bool) -> Roff {
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
    let pages = if is_main { "bctrace-show(1), bctrace-info(1), bctrace-python(1)" } else { "bctrace(1)" };
    roff.text([roman(pages)]);
    roff
}

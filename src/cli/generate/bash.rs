//! Completions of bash: commands as the first word only, options only after a `-`, and files where one is wanted.

use clap::{Arg, Command, ValueHint};

/// The script without the cases of the commands, which stand in place of the lines that begin with `@`.
const SCRIPT: &str = r#"# Completions of bctrace for bash.

_bctrace_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_bctrace_files() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_bctrace() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=bctrace options values=-f index
    COMPREPLY=()
    for (( index = 1; index < COMP_CWORD; index++ )); do
        if [[ ${COMP_WORDS[index]} == -- ]]; then
            _bctrace_files -f "$word"
            return
        fi
    done
    # bash makes a word of its own of the sign in --option=value.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if (( COMP_CWORD > 1 )); then
        case ${COMP_WORDS[1]} in
@commands
        esac
    fi
    case $command,$before in
@values
    esac
    case $command in
@options
    esac
    if [[ $word == -* ]]; then
        _bctrace_words "$options" "$word"
    elif (( COMP_CWORD == 1 )); then
        _bctrace_files -f "$word"
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W '@names' -- "$word")
    elif [[ $values == -f ]]; then
        _bctrace_files -f "$word"
    else
        _bctrace_words "$values" "$word"
    fi
}

complete -F _bctrace bctrace
"#;

/// Returns the script for a command that has no hidden options.
pub fn script(command: &Command) -> String {
    let mut command = command.clone();
    command.build();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let all = || std::iter::once(&command).chain(command.get_subcommands());
    let mut lines = String::new();
    for line in SCRIPT.lines() {
        match line {
            "@commands" => lines += &format!("            {}) command=${{COMP_WORDS[1]}} ;;\n", names.join(" | ")),
            "@values" => all().for_each(|command| lines += &values(command)),
            "@options" => all().for_each(|command| lines += &options(command)),
            line => lines += &format!("{}\n", line.replace("@names", &names.join(" "))),
        }
    }
    lines
}

/// The cases of the options of a command that take a value.
fn values(command: &Command) -> String {
    let with_value = command.get_opts().filter(|arg| arg.get_action().takes_values());
    let case = |arg: &Arg| {
        let words: Vec<String> = words(arg).iter().map(|word| format!("{},{word}", command.get_name())).collect();
        format!("        {})\n            {}\n            return\n            ;;\n", words.join(" | "), offer(arg))
    };
    with_value.map(case).collect()
}

/// What completes the value of an option.
fn offer(arg: &Arg) -> String {
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    match arg.get_value_hint() {
        _ if !values.is_empty() => format!("_bctrace_words '{}' \"$word\"", values.join(" ")),
        ValueHint::DirPath => "_bctrace_files -d \"$word\"".into(),
        ValueHint::FilePath | ValueHint::AnyPath => "_bctrace_files -f \"$word\"".into(),
        // Names, numbers and patterns are the user's own.
        _ => ":".into(),
    }
}

/// The case of a command: its options, and the values of its first argument if they are few.
fn options(command: &Command) -> String {
    let options: Vec<String> = command.get_opts().chain(flags(command)).flat_map(words).collect();
    let first = command.get_positionals().next().map(Arg::get_possible_values).unwrap_or_default();
    let first: Vec<String> = first.iter().map(|value| value.get_name().to_owned()).collect();
    let values = if first.is_empty() { String::new() } else { format!(" values='{}'", first.join(" ")) };
    format!("        {}) options='{}'{values} ;;\n", command.get_name(), options.join(" "))
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !arg.get_action().takes_values())
}

/// The words that an option is typed with.
fn words(arg: &Arg) -> Vec<String> {
    let long = arg.get_long().map(|long| format!("--{long}"));
    arg.get_short().map(|short| format!("-{short}")).into_iter().chain(long).collect()
}

//! `bctrace calls`, `compares`, `layers` and `tried`: views of a recorded trace.

use std::path::Path;

use super::args::{
    AnswerFormat, CallsArgs, ComparesArgs, DiffArgs, FindArgs, HotArgs, LayersArgs, PlaceArgs, QuestionArgs,
    ScreenArgs, StringsArgs, TricksArgs, TriedArgs, ViewArgs,
};
use super::screen::{self, Screen};
use super::{exit, filter, message, missed};
use crate::bytecode::shell;
use crate::format::{self, Format, Named, Paint};
use crate::read::{Flaw, Reader, is_read_once};
use crate::select::{Miss, Selection};
use crate::views::calls::CallsPlan;
use crate::views::compares::ComparesPlan;
use crate::views::diff::DiffPlan;
use crate::views::find::{FindPlan, Wanted};
use crate::views::layers::{self, Folder, LayersPlan};
use crate::views::query::Query;
use crate::views::strings::StringsPlan;
use crate::views::{Answer, calls, compares, diff, find, hot, strings, tricks, tried};
use crate::vm::library;

pub fn calls(args: CallsArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("calls", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Calls));
    let output = screen.output(paint, &query.trace)?;
    let plan = CallsPlan { all: args.all, c_only: args.c_only, of: args.of };
    let answer = calls::run(&query, plan, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn compares(args: ComparesArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("compares", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Compares));
    let output = screen.output(paint, &query.trace)?;
    let plan = ComparesPlan { in_order: args.in_order, all: args.all };
    let answer = compares::run(&query, plan, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn strings(args: StringsArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("strings", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Compares));
    let output = screen.output(paint, &query.trace)?;
    let plan = StringsPlan { min: args.min as usize, text: args.text };
    let answer = strings::run(&query, plan, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn tricks(args: TricksArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("tricks", &args.view)?;
    let output = screen.output(paint(&query, Paint::Compares), &query.trace)?;
    let answer = tricks::run(&query, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn hot(args: HotArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("hot", &args.view)?;
    let output = screen.output(paint(&query, Paint::Hot), &query.trace)?;
    let most = args.count as usize;
    let answer = hot::run(&query, most, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn find(args: FindArgs) -> anyhow::Result<u8> {
    let trace = &args.view.question.trace;
    let is_trace = |value: &&Path| value.is_file() && format::by_suffix(value, None).0 == Format::Bct;
    if let Some(value) = args.value.as_ref().map(Path::new).filter(is_trace)
        && !trace.exists()
    {
        let line = format!("bctrace find {} {}", shell::Word::path(value), shell::Word::path(trace));
        return Err(super::args::usage("find", format!("the trace comes first: {line}")));
    }
    let (query, screen) = query("find", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Compares));
    let output = screen.output(paint, &query.trace)?;
    let wanted = match (args.regex, args.value) {
        (Some(pattern), _) => Wanted::Pattern(pattern),
        (None, value) => Wanted::of(value.unwrap_or_default().as_encoded_bytes()),
    };
    let plan = FindPlan { wanted, opcodes: args.opcodes };
    let (answer, is_found) = find::run(&query, plan, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    let status = end_of_view(&answer, &query);
    Ok(if status == 0 && !is_found { exit::DIFFERENT } else { status })
}

pub fn diff(args: DiffArgs) -> anyhow::Result<u8> {
    let stdlib = args.filter.stdlib;
    let selection = Selection { filter: args.filter.into(), ..Selection::default() };
    let json = args.format == AnswerFormat::Json;
    let query = Query { trace: args.a, selection, stdlib, memory: 0, json, progress: false };
    let plan = DiffPlan { query, other: args.b, window: args.window.max(1) as usize };
    for trace in [&plan.query.trace, &plan.other].into_iter().filter(|trace| !is_read_once(trace)) {
        Reader::open(trace)?;
    }
    let screen = open_screen(&args.screen, true, &plan.other)?;
    let output = screen.output(paint(&plan.query, Paint::Diff), &plan.query.trace)?;
    let names = [&plan.query.trace, &plan.other].map(|path| Named::input(path).to_string());
    let mut report = |number: usize, flaw: Flaw| message::warn(format_args!("{}: {flaw}", names[number]));
    let (answer, is_different) = diff::run(&plan, output, &mut report).map_err(screen::of_output)?;
    let status = end_of_view(&answer, &plan.query);
    Ok(if status == 0 && is_different { exit::DIFFERENT } else { status })
}

pub fn layers(args: LayersArgs) -> anyhow::Result<u8> {
    let selection = Selection { filter: args.filter.into(), ..Selection::default() };
    let QuestionArgs { trace, format, screen } = args.question;
    let reader = Reader::open(&trace)?;
    let folder = args.dump.as_deref().map(Folder::open).transpose()?;
    let is_text = format == AnswerFormat::Text;
    let prints = folder.is_none();
    let progress = message::shows_progress(prints);
    let screen = Screen::open(&screen, prints);
    let plan = LayersPlan {
        filter: selection.filter.clone(),
        folder,
        as_module: args.as_module,
        modules: library::marshal_of,
        json: !is_text,
        progress,
    };
    let mut out = screen.writer(is_text.then_some(Paint::Layers));
    let answer = layers::run(reader, plan, &mut out, &mut warning(&trace));
    drop(out);
    let result = answer.map(|answer| end(&answer.misses, &selection, answer.is_flawed));
    drop(screen);
    screen::result(result.map_err(|error| if prints { screen::of_output(error) } else { error.into() }))
}

pub fn tried(args: TriedArgs) -> anyhow::Result<u8> {
    let TriedArgs { question, filter, window } = args;
    let stdlib = !filter.no_stdlib;
    let selection = filter::selection("tried", filter, PlaceArgs { window, max_depth: None })?;
    let QuestionArgs { trace, format, screen } = question;
    let json = format == AnswerFormat::Json;
    let query = Query { trace, selection, stdlib, memory: 0, json, progress: message::shows_progress(true) };
    let screen = open_screen(&screen, true, &query.trace)?;
    let paint = paint(&query, Paint::Tried);
    let output = screen.output(paint, &query.trace)?;
    let answer = tried::run(&query, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

/// Makes the question and opens the screen for the answer.
fn query(command: &str, args: &ViewArgs) -> anyhow::Result<(Query, Screen)> {
    let stdlib = args.filter.stdlib;
    let selection = filter::selection(command, args.filter.clone(), args.place.clone())?;
    let progress = message::shows_progress(true);
    let QuestionArgs { trace, format, screen } = &args.question;
    let json = *format == AnswerFormat::Json;
    let query = Query { trace: trace.clone(), selection, stdlib, memory: args.memory, json, progress };
    Ok((query, open_screen(screen, true, trace)?))
}

/// The colours of an answer.
fn paint(query: &Query, paint: Paint) -> Option<Paint> {
    (!query.json).then_some(paint)
}

/// Opens the screen for what is read of a trace; what cannot be read starts no pager.
pub fn open_screen(args: &ScreenArgs, pages: bool, trace: &Path) -> anyhow::Result<Screen> {
    // What comes through a pipe can be read once only.
    if pages && !is_read_once(trace) {
        Reader::open(trace)?;
    }
    Ok(Screen::open(args, pages))
}

/// Says what a recording left out of loops; returns what prints what is missing or damaged in its trace.
pub fn warning(trace: &Path) -> impl FnMut(Flaw) {
    let name = Named::input(trace).to_string();
    let reader = (!is_read_once(trace)).then(|| Reader::open(trace).ok()).flatten();
    let capped = reader.as_ref().and_then(Reader::index).map(|index| index.totals.capped);
    if let Some(capped) = capped.filter(|capped| capped.iterations > 0) {
        message::warn(format_args!("{name}: {capped}"));
    }
    move |flaw| message::warn(format_args!("{name}: {flaw}"))
}

/// Says what of a question has no answer; returns the status of the view.
pub fn end_of_view(answer: &Answer, query: &Query) -> u8 {
    // `warning` could not look at its index beforehand.
    if is_read_once(&query.trace) && answer.capped.iterations > 0 {
        message::warn(format_args!("{}: {}", Named::input(&query.trace), answer.capped));
    }
    let mut selection = query.selection.clone();
    // It was not asked for that the standard library is left out.
    selection.filter.no_stdlib = false;
    let is_nothing = answer.nothing.is_some() || answer.misses.contains(&Miss::Together);
    match answer.nothing.as_ref().filter(|_| !query.json) {
        Some(what) if selection.is_everything() => message::warn(format_args!("the trace has no {what}")),
        Some(what) => message::warn(format_args!("no {what} match {}", missed::options(&selection))),
        None => {}
    }
    let misses: Vec<Miss> = match selection.is_everything() {
        true => answer.misses.iter().filter(|miss| **miss != Miss::Together).cloned().collect(),
        false => answer.misses.clone(),
    };
    let status = end(&misses, &selection, answer.is_flawed);
    if is_nothing && answer.stdlib_left_out > 0 {
        message::warn("the standard library is left out; --stdlib includes it");
    }
    status
}

/// Says what of a selection was not there; returns the status of a reader of a trace.
pub fn end(misses: &[Miss], selection: &Selection, is_flawed: bool) -> u8 {
    missed::of_selection(misses, selection).into_iter().for_each(message::warn);
    if is_flawed { exit::FAILED } else { 0 }
}

//! `bctrace calls`, `compares`, `layers` and `tried`: views of a recorded trace.

use std::path::Path;

use super::args::{
    AnswerFormat, CallsArgs, ComparesArgs, LayersArgs, PlaceArgs, QuestionArgs, ScreenArgs, TriedArgs, ViewArgs,
};
use super::screen::{self, Screen};
use super::{exit, filter, message, missed};
use crate::format::{Named, Paint};
use crate::read::{Flaw, Reader};
use crate::select::{Miss, Selection};
use crate::views::layers::{self, Folder, LayersPlan};
use crate::views::query::Query;
use crate::views::{Answer, calls, compares, tried};

pub fn calls(args: CallsArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("calls", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Calls));
    let output = screen.output(paint, &query.trace)?;
    let answer = calls::run(&query, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

pub fn compares(args: ComparesArgs) -> anyhow::Result<u8> {
    let (query, screen) = query("compares", &args.view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Compares));
    let output = screen.output(paint, &query.trace)?;
    let answer = compares::run(&query, args.all, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
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
    let plan =
        LayersPlan { filter: selection.filter.clone(), folder, as_module: args.as_module, json: !is_text, progress };
    let mut out = screen.writer(is_text.then_some(Paint::Layers));
    let answer = layers::run(reader, plan, &mut out, &mut warning(&trace));
    drop(out);
    let result = answer.map(|answer| end(&answer.misses, &selection, answer.is_flawed));
    drop(screen);
    screen::result(result.map_err(|error| if prints { screen::of_output(error) } else { error.into() }))
}

pub fn tried(args: TriedArgs) -> anyhow::Result<u8> {
    let TriedArgs { question, filter, window } = args;
    let view = ViewArgs { question, filter, place: PlaceArgs { window, max_depth: None } };
    let (query, screen) = query("tried", &view)?;
    let (screen, paint) = (screen, paint(&query, Paint::Tried));
    let output = screen.output(paint, &query.trace)?;
    let answer = tried::run(&query, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
    Ok(end_of_view(&answer, &query))
}

/// Makes the question and opens the screen for the answer.
fn query(command: &str, args: &ViewArgs) -> anyhow::Result<(Query, Screen)> {
    let selection = filter::selection(command, args.filter.clone(), args.place.clone())?;
    let progress = message::shows_progress(true);
    let QuestionArgs { trace, format, screen } = &args.question;
    let query = Query { trace: trace.clone(), selection, json: *format == AnswerFormat::Json, progress };
    Ok((query, open_screen(screen, true, trace)?))
}

/// The colours of an answer.
fn paint(query: &Query, paint: Paint) -> Option<Paint> {
    (!query.json).then_some(paint)
}

/// Opens the screen for what is read of a trace; what cannot be read starts no pager.
pub fn open_screen(args: &ScreenArgs, pages: bool, trace: &Path) -> anyhow::Result<Screen> {
    if pages && trace != Path::new("-") {
        Reader::open(trace)?;
    }
    Ok(Screen::open(args, pages))
}

/// Prints what is missing or damaged in a trace.
pub fn warning(trace: &Path) -> impl FnMut(Flaw) {
    let name = Named::input(trace).to_string();
    move |flaw| message::warn(format_args!("{name}: {flaw}"))
}

/// Says what of a question has no answer; returns the status of the view.
fn end_of_view(answer: &Answer, query: &Query) -> u8 {
    match answer.nothing.filter(|_| !query.json) {
        Some(what) if query.selection.is_everything() => message::warn(format_args!("the trace has no {what}")),
        Some(what) => message::warn(format_args!("no {what} match {}", missed::options(&query.selection))),
        None => {}
    }
    end(&answer.misses, &query.selection, answer.is_flawed)
}

/// Says what of a selection was not there; returns the status of a reader of a trace.
pub fn end(misses: &[Miss], selection: &Selection, is_flawed: bool) -> u8 {
    missed::of_selection(misses, selection).into_iter().for_each(message::warn);
    if is_flawed { exit::FAILED } else { 0 }
}

//! The exception that ended the program: one that came out of its main module.

use super::event::{End, EndReason, Event, Raised};
use super::state::State;

/// The number of the main module's frame, and of its thread.
const MAIN: (u64, u32) = (1, 0);

/// Looks for it among the events of a trace, of which it needs those after the exception alone.
#[derive(Clone, Debug, Default)]
pub struct Uncaught {
    /// The last one in the main module, and how many instructions had been executed.
    last: Option<(Raised, u64)>,
    /// It has ended the main module: nothing had run when the module was gone.
    has_ended: bool,
}

impl Uncaught {
    /// Takes an event that is no run.
    pub fn event(&mut self, event: &Event, at: &State) {
        if let Event::Raised(raised) = event
            && at.thread == MAIN.1
            && at.frame().is_some_and(|frame| frame.id == MAIN.0)
        {
            self.last = Some((raised.clone(), at.instructions));
        } else if !self.has_ended
            && let Some((_, instructions)) = self.last
        {
            let is_later = at.instructions != instructions;
            self.last.take_if(|_| is_later);
            self.has_ended = !is_later && at.stack_of(MAIN.1).is_empty();
        }
    }

    /// Returns the exception if it is why the program ended so.
    pub fn of(&self, end: &End) -> Option<&Raised> {
        let (raised, _) = self.last.as_ref().filter(|_| self.has_ended && end.reason == EndReason::Exited(1))?;
        (raised.type_name != b"SystemExit").then_some(raised)
    }
}

//! Writes the rows of tables in a thread of their own, while the trace is read on.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::batch::Batch;
use super::schema::Which;
use crate::trace::SinkError;

/// Batches that wait to be written.
const WAITING: usize = 1;

/// Takes rows as they are collected.
pub trait Rows {
    fn take(&mut self, which: Which, batch: Batch) -> Result<(), SinkError>;
}

/// Writes rows in some format.
pub trait Writer: Send + 'static {
    fn write(&mut self, which: Which, batch: Batch) -> Result<(), SinkError>;

    /// Completes the files and gives them their names.
    fn commit(self) -> Result<(), SinkError>;
}

/// A writer in a thread.
pub struct Background<W> {
    sender: SyncSender<(Which, Batch)>,
    thread: JoinHandle<Result<W, SinkError>>,
    /// Why nothing more can be written was said.
    has_failed: bool,
}

impl<W: Writer> Background<W> {
    pub fn start(mut writer: W) -> Result<Background<W>, SinkError> {
        let (sender, receiver): (_, Receiver<(Which, Batch)>) = sync_channel(WAITING);
        let work = move || {
            for (which, batch) in receiver {
                writer.write(which, batch)?;
            }
            Ok(writer)
        };
        let thread = thread::Builder::new().name("export".to_owned()).spawn(work)?;
        Ok(Background { sender, thread, has_failed: false })
    }

    /// Waits until all is written, and gives the files their names.
    pub fn commit(self) -> Result<(), SinkError> {
        drop(self.sender);
        join(self.thread)?.commit()
    }
}

impl<W: Writer> Rows for Background<W> {
    fn take(&mut self, which: Which, batch: Batch) -> Result<(), SinkError> {
        // The thread says why it has ended when it is joined.
        self.has_failed = self.has_failed || self.sender.send((which, batch)).is_err();
        if self.has_failed { Err(SinkError::Full) } else { Ok(()) }
    }
}

impl<W: Writer> Background<W> {
    /// Returns the error of the thread, where taking rows has failed.
    pub fn error(self) -> SinkError {
        drop(self.sender);
        join(self.thread).err().unwrap_or(SinkError::Full)
    }
}

fn join<W>(thread: JoinHandle<Result<W, SinkError>>) -> Result<W, SinkError> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

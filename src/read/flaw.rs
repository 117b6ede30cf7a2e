//! What is not as it should be in a trace, said to the person who reads it: which instructions are missing, and why.

use std::fmt;

use indicatif::HumanCount;

use crate::format::bct::layout::Piece;
use crate::trace::StreamError;

/// One thing that is missing or damaged; its text is a whole sentence without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Bytes that are no intact piece.
    Damaged { offset: u64, bytes: u64, lost: Lost },
    /// A block whose bytes are intact and whose events make no sense.
    NoTrace { offset: u64, why: String },
    /// The trace has no end.
    Unfinished { reached: u64, cut_at: Option<u64> },
    /// The trace has an end, and its file lacks what comes after that.
    NoIndex,
}

/// What a damage costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The first and last number of the instructions that are missing.
    Instructions(u64, u64),
    /// None: it held something else.
    Nothing,
    /// Its number is not known; the last instruction before it has this number.
    UnknownAfter(u64),
}

impl Flaw {
    pub(super) fn damaged(offset: u64, bytes: u64, header: Option<Piece>, reached: u64) -> Flaw {
        let lost = match header {
            Some(piece) if piece.is_block() && piece.instructions > 0 => {
                Lost::Instructions(piece.before.saturating_add(1), piece.after())
            }
            Some(_) => Lost::Nothing,
            None => Lost::UnknownAfter(reached),
        };
        Flaw::Damaged { offset, bytes, lost }
    }

    pub fn no_trace(offset: u64, error: &StreamError) -> Flaw {
        Flaw::NoTrace { offset, why: error.to_string() }
    }

    pub fn unfinished(reached: u64, cut_at: Option<u64>) -> Flaw {
        Flaw::Unfinished { reached, cut_at }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Flaw::Damaged { offset, bytes, lost } => {
                write!(f, "{} bytes at byte {} are damaged: ", HumanCount(*bytes), HumanCount(*offset))?;
                match *lost {
                    Lost::Instructions(first, last) => {
                        write!(f, "instructions {} to {} are missing", HumanCount(first), HumanCount(last))
                    }
                    Lost::Nothing => write!(f, "no instruction is missing"),
                    Lost::UnknownAfter(number) => {
                        write!(f, "instructions after number {} may be missing", HumanCount(number))
                    }
                }
            }
            Flaw::NoTrace { offset, why } => write!(f, "the block at byte {} is given up: {why}", HumanCount(*offset)),
            Flaw::NoIndex => write!(f, "the file lacks its index or its trailer; no instruction is missing"),
            Flaw::Unfinished { reached, cut_at } => {
                write!(f, "the trace has no end; ")?;
                match (reached, cut_at) {
                    (0, Some(_)) => write!(f, "no instruction can be read: ")?,
                    _ => write!(f, "it is complete up to instruction {}: ", HumanCount(*reached))?,
                }
                match cut_at {
                    Some(offset) => write!(f, "the block at byte {} is incomplete", HumanCount(*offset)),
                    None => write!(f, "its recorder was killed, or is still writing it"),
                }
            }
        }
    }
}

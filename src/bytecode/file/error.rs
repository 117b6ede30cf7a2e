//! Why a file is not read.

use thiserror::Error;

use super::limit::LimitError;
use crate::bytecode::escape::Printable;
use crate::bytecode::pyc::PycError;

/// Each reads as the end of "cannot read app.exe: …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    #[error(transparent)]
    Pyc(#[from] PycError),
    #[error("{0}")]
    Other(String),
    #[error("{what} is damaged: {why}")]
    Damaged { what: &'static str, why: String },
    #[error("{what} is damaged: {}: {why}", Printable::text(member))]
    DamagedMember { what: &'static str, member: Vec<u8>, why: String },
    #[error("{what} is of {python}; bctrace runs 2.7")]
    OtherPython { what: &'static str, python: String },
    #[error("{origin}, but its code is not of Python 2.7: {doubt}; --force accepts it as that")]
    Doubt { origin: String, doubt: String },
    #[error("it is no archive, so that nothing in it can be named")]
    NoArchive,
    #[error("there is no {} in it", Printable::text(.0))]
    NoMember(Vec<u8>),
    #[error("{} in it is no program of Python 2.7", Printable::text(.0))]
    NoProgram(Vec<u8>),
    #[error("it would unpack to more than {} bytes", super::limit::MOST)]
    TooLarge,
    #[error("it has more than {} members", super::limit::MOST_MEMBERS)]
    TooMany,
}

impl FileError {
    /// Says what is wrong with a container's member.
    pub(super) fn of_member(what: &'static str, member: &[u8], error: LimitError) -> FileError {
        match error {
            LimitError::TooLarge => FileError::TooLarge,
            LimitError::TooMany => FileError::TooMany,
            LimitError::Damaged(why) => FileError::DamagedMember { what, member: member.to_vec(), why },
        }
    }
}

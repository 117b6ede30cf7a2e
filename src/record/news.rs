//! What the supervisor reports to the front: messages of one size, some with a process's descriptor.

use std::io;
use std::os::fd::OwnedFd;

use libc::{c_int, pid_t};

use super::shared::Claim;
use crate::process::socket::Connection;
use crate::process::traced::Traced;

/// Bytes of a message.
const SIZE: usize = 12;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The program's process has begun; its descriptor comes along.
    Started(pid_t),
    /// The program was stopped by this signal; `with_job` says that the whole job was sent it.
    Stopped {
        signal: c_int,
        with_job: bool,
    },
    Continued,
    /// A process has claimed a ring; its descriptor comes along.
    Claimed(Claim),
}

impl News {
    /// Sends the message, with the descriptor of the process that it is about.
    pub fn send(self, to: &Connection, about: Option<&Traced>) -> io::Result<()> {
        let descriptors: Vec<_> = about.and_then(Traced::file).into_iter().collect();
        to.send(&self.encode(), &descriptors)
    }

    /// Waits for a message; None if the supervisor is gone.
    pub fn receive(from: &Connection) -> Option<(News, Option<OwnedFd>)> {
        let mut bytes = [0; SIZE];
        let (length, descriptors) = from.receive(&mut bytes).ok()?;
        let news = News::decode(&bytes).filter(|_| length == SIZE)?;
        Some((news, descriptors.into_iter().next()))
    }

    fn encode(self) -> [u8; SIZE] {
        let (kind, number, other) = match self {
            News::Started(pid) => (0, pid, 0),
            News::Stopped { signal, with_job } => (1, signal, with_job.into()),
            News::Continued => (2, 0, 0),
            News::Claimed(Claim { number, pid }) => (3, pid, number as i32),
        };
        let mut bytes = [0; SIZE];
        for (place, field) in bytes.chunks_exact_mut(4).zip([kind, number, other]) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; SIZE]) -> Option<News> {
        let mut fields = bytes.chunks_exact(4).filter_map(|field| Some(i32::from_le_bytes(*field.first_chunk()?)));
        let (kind, number, other) = (fields.next()?, fields.next()?, fields.next()?);
        Some(match kind {
            0 => News::Started(number),
            1 => News::Stopped { signal: number, with_job: other != 0 },
            2 => News::Continued,
            3 => News::Claimed(Claim { number: usize::try_from(other).ok()?, pid: number }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_arrive_as_they_were_sent() {
        let (front, supervisor) = Connection::pair().expect("a connection");
        let claim = Claim { number: 31, pid: i32::MAX };
        for news in [
            News::Started(1),
            News::Stopped { signal: 20, with_job: true },
            News::Stopped { signal: 19, with_job: false },
            News::Continued,
            News::Claimed(claim),
        ] {
            let about = matches!(news, News::Claimed(_)).then(|| Traced::child(std::process::id().cast_signed()));
            news.send(&supervisor, about.as_ref()).expect("sent");
            let (received, descriptor) = News::receive(&front).expect("received");
            assert_eq!((received, descriptor.is_some()), (news, about.is_some()));
        }
        drop(supervisor);
        assert!(News::receive(&front).is_none());
    }
}

//! The recorder's process: drains the ring into the sink, supervises the traced process, and records the processes that it forks.

mod account;
mod followed;
mod recording;
mod supervisor;
mod watch;
pub mod whole_lines;

pub use account::Tally;
pub use followed::{Descent, Family, Followed};
pub use recording::{Recording, Summary};
pub use supervisor::Warden;

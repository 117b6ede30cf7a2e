//! The sandbox of the traced program: what it may do outside itself ([`Policy`]), the walls that its process closes around itself
//! ([`enter`]), and the broker that answers what the walls leave open and reports what was tried ([`Broker`]).
//!
//! Landlock decides about files, a seccomp filter about everything else, and the program's parent listens to the calls that the filter
//! leaves to it.  There are no namespaces: containers seldom allow them, and the program's process would not be the recorder's child.
#![allow(unsafe_code)]

mod act;
pub mod address;
pub mod arguments;
mod broker;
mod calls;
mod contents;
mod enter;
mod files;
mod filter;
mod meter;
mod notify;
mod policy;
mod privileges;
mod resolve;
mod scratch;
mod system;

pub use broker::{Broker, Tried};
pub use enter::enter;
pub use meter::{Excess, Granted, Meter};
pub use notify::Listener;
pub use policy::{Budget, Host, Network, Policy};
pub use scratch::{Scratch, Temporary};
pub use system::{PATH, READABLE, VARIABLES, WRITABLE};

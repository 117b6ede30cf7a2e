//! What people ask of a recorded trace: printing it, what is in it, what was compared and called, and which code ran.

pub mod calls;
pub mod compares;
pub mod info;
pub mod layers;
pub mod query;
pub mod show;
#[cfg(test)]
mod tests;

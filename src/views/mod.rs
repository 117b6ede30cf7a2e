//! What people ask of a recorded trace: printing it, what is in it, what was compared and called, and which code ran.

mod calls;
mod compares;
pub mod info;
pub mod layers;
pub mod show;
#[cfg(test)]
mod tests;

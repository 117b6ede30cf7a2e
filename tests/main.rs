//! The one test binary: each further one would link the VM again.

mod build_steps;
mod successor;

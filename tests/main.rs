//! The one test binary: each further one would link the VM again.

mod build_steps;
mod cli;
mod extension;
mod goldens;
mod layers;
mod legality;
mod manifest;
mod recorded;
mod running;
mod successor;

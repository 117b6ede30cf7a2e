//! The one test binary: each further one would link the VM again.

mod architecture;
mod build_steps;
mod cli;
mod deaths;
mod dis;
mod docs;
mod dumps;
mod extension;
mod forks;
mod goldens;
mod interpreter;
mod legality;
mod library;
mod live;
mod manifest;
mod modules;
mod plain;
mod printing;
mod recorded;
mod recording;
mod robust;
mod running;
mod successor;
mod terminal;
mod undefined;
mod values;

//! Builds the VM that goes into bctrace: CPython 2.7.18 with our patches and our own C files. Each step is a file in build/.

#[path = "build/mod.rs"]
mod steps;

use std::thread;

use steps::problem::Problem;
use steps::recipe::Recipe;
use steps::settings::Settings;
use steps::{bindings, cargo, commit, cpython, libraries, modules, own};

fn main() {
    if let Err(problem) = build() {
        eprintln!("\nbctrace: {problem}\n");
        std::process::exit(1);
    }
}

fn build() -> Result<(), Problem> {
    let settings = Settings::from_env()?;
    let recipe = Recipe::patched(&settings, modules::MODULES)?;
    // At the same time, since configure uses one processor.
    let (libraries, python) = thread::scope(|threads| {
        let libraries = threads.spawn(|| libraries::gather(&settings, &recipe));
        let python = cpython::get_or_make(&settings, &recipe); // source, patch, configure, compile
        (libraries.join().expect("no step panics"), python)
    });
    let (libraries, python) = (libraries?, python?);
    let own = own::get_or_make(&settings, &recipe, &python, &libraries)?;
    bindings::generate(&settings, &python)?;
    let head = commit::head_log(&settings)?;
    cargo::link(&settings, &python, &own, &libraries);
    cargo::name(&settings, &python, &own, &libraries, &head);
    cargo::watch(&settings, &python, &own, &head);
    Ok(())
}

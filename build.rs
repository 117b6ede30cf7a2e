//! Builds the VM that goes into bctrace: CPython 2.7.18 with our patches and our own C files. Each step is a file in build/.

#[path = "build/mod.rs"]
mod steps;

use steps::problem::Problem;
use steps::recipe::Recipe;
use steps::settings::Settings;
use steps::{bindings, cargo, compile, cpython, libraries, modules, stdlib};

fn main() {
    if let Err(problem) = build() {
        eprintln!("\nbctrace: {problem}\n");
        std::process::exit(1);
    }
}

fn build() -> Result<(), Problem> {
    let settings = Settings::from_env()?;
    let recipe = Recipe::patched(&settings, modules::MODULES)?;
    let python = cpython::get_or_make(&settings, &recipe)?; // source, patch, configure, compile: once per recipe
    let libraries = libraries::gather(&settings, &recipe)?;
    compile::compile_own(&settings, &recipe, &python, &libraries)?;
    let library = stdlib::make(&settings, &python, &libraries)?;
    bindings::generate(&settings, &python)?;
    cargo::link(&settings, &python, &libraries);
    cargo::embed(&library);
    cargo::watch(&settings, &python);
    Ok(())
}

//! `bctrace clean`: readable code out of an obfuscated program.

mod decompile;
mod lists;
mod proof;
mod recorded;
mod repeat;
mod report;
mod stubs;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::args::{AnswerFormat, CleanArgs, UntakenName};
use super::program::{Program, Reading};
use super::screen::{self, CANNOT_WRITE};
use super::{message, program};
use crate::bytecode::file::Code;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::{marshal, pyc};
use crate::clean::{self, Evidence, Options, Rebuilt, Untaken};
use crate::format::{Named, OutputFolder};
use crate::read::Reader;
use crate::read::steps::Steps;
use decompile::Decompiler;
use proof::{Candidate, Proof};
use recorded::Recorded;

/// The file in the folder that says what was proven.
const PROOF: &str = "proof.json";

/// The file in the folder that lists the others.
const MANIFEST: &str = "manifest.json";

/// What the name of the program's file gets for the one with the bytes that ran in the place of those that never did.
const AS_IT_RAN: &str = "-as-it-ran";

/// What that file is made by.
const BYTES_THAT_RAN: &str = "the bytes that ran";

/// A clean file.
pub struct Clean {
    /// Its name in the folder.
    pub name: String,
    /// What it was made of.
    pub original: MarshalledCode,
    pub rebuilt: Rebuilt,
    /// How the program made it; None for what its file holds.
    pub made: Option<&'static str>,
}

/// Runs the command.
pub fn run(args: &CleanArgs) -> anyhow::Result<u8> {
    let program = program::read_code(&args.program, Reading::from(&args.file))?;
    program.report_guesses(&args.program);
    let recorded = args.traces.iter().map(|trace| Recorded::read(trace, &args.program, &program.sha256));
    let recorded: Vec<Recorded> = recorded.collect::<anyhow::Result<_>>()?;
    let options = Options { untaken: args.untaken.into(), rename: args.rename, fold_constants: args.fold_constants };
    let (folder, files) = write_files(&args.program, &program, &args.traces, options, &args.folder)?;
    let is_text = args.format == AnswerFormat::Text;
    let printed = if is_text { report::text(&files, args.explain) } else { report::lines(&files) };
    screen::stdout().write_all(&printed).context(CANNOT_WRITE)?;
    let proof = prove(args, &program, &recorded, &folder, &files)?;
    let cannot = || format!("cannot write {}", Named::output(&folder.path_of(PROOF)));
    folder.create(OsStr::new(PROOF)).and_then(|mut file| file.write_all(&proof.json())).with_context(cannot)?;
    let printed = if is_text { proof.text().into_bytes() } else { proof.json() };
    screen::stdout().write_all(&printed).context(CANNOT_WRITE)?;
    if let Some(command) = &args.decompile {
        decompile(command, &folder, &files)?;
    }
    Ok(if proof.is_complete() { 0 } else { 1 })
}

/// Writes the clean files and their manifest into a new folder; `path` is the program's, and `traces` are of it.
pub fn write_files(
    path: &Path,
    program: &Program,
    traces: &[PathBuf],
    options: Options,
    folder: &Path,
) -> anyhow::Result<(OutputFolder, Vec<Clean>)> {
    let (main, modules) = codes(program, path)?;
    let of_file = Evidence::of_file(modules.iter().map(|(_, code)| code).chain([&main]));
    let evidence = evidence(of_file, traces, options.fold_constants)?;
    let folder = OutputFolder::new(folder)?;
    let as_it_ran = evidence.as_it_ran(&main);
    let mut files = vec![clean(stem(path), main, None, &evidence, &options)];
    for (name, code) in modules {
        files.push(clean(stem(Path::new(OsStr::from_bytes(&name))), code, None, &evidence, &options));
    }
    if let Some(code) = as_it_ran {
        files.push(clean(format!("{}{AS_IT_RAN}", stem(path)), code, Some(BYTES_THAT_RAN), &evidence, &options));
    }
    tell_apart(&mut files);
    for (number, layer) in evidence.layers.iter().enumerate() {
        let name = format!("layer-{:04}", number + 1);
        if layer.missing > 0 {
            message::warn(format_args!("{name}.pyc lacks {} constants that the trace does not have", layer.missing));
        }
        files.push(clean(name, layer.code.clone(), Some(layer.how.name()), &evidence, &options));
    }
    for (number, code) in evidence.versions.iter().enumerate() {
        let name = format!("version-{:04}", number + 1);
        files.push(clean(name, code.clone(), Some("bytes that replaced others"), &evidence, &options));
    }
    for file in &files {
        write(&folder, file)?;
    }
    if evidence.left_out > 0 {
        message::warn(format_args!("{} layers are not cleaned: they are more than 256 MB together", evidence.left_out));
    }
    let cannot = || format!("cannot write {}", Named::output(&folder.path_of(MANIFEST)));
    let manifest = report::manifest(&files);
    folder.create(OsStr::new(MANIFEST)).and_then(|mut file| file.write_all(&manifest)).with_context(cannot)?;
    Ok((folder, files))
}

/// A code object of a file, with its name.
type Module = (Vec<u8>, MarshalledCode);

/// A file's last script, which is the program, and all others of its code objects.
fn codes(program: &Program, path: &Path) -> anyhow::Result<(MarshalledCode, Vec<Module>)> {
    let main = program.contents.scripts().last().and_then(Code::read);
    let main = main.with_context(|| format!("cannot clean {}: nothing in it says what runs", Named::input(path)))?;
    let scripts = program.contents.scripts().count();
    let others = program.contents.codes().enumerate().filter(|(place, _)| place + 1 != scripts);
    Ok((main, others.filter_map(|(_, (name, code))| Some((name.to_vec(), code.read()?))).collect()))
}

/// Gives files of one name numbers.
fn tell_apart(files: &mut [Clean]) {
    let mut names = HashSet::new();
    for (number, file) in files.iter_mut().enumerate() {
        if !names.insert(file.name.clone()) {
            file.name = format!("{number:04}-{}", file.name);
        }
    }
}

/// Runs a decompiler on the files.
fn decompile(command: &OsStr, folder: &OutputFolder, files: &[Clean]) -> anyhow::Result<()> {
    let decompiler = Decompiler::new(command)?;
    for file in files {
        if !decompiler.run(folder, &file.name, &file.rebuilt.code)? {
            break;
        }
    }
    decompiler.finish().context("cannot remove the decompiler's files")
}

/// Compares the files with the original on the recorded inputs.
fn prove(
    args: &CleanArgs,
    program: &Program,
    recorded: &[Recorded],
    folder: &OutputFolder,
    files: &[Clean],
) -> anyhow::Result<Proof> {
    let candidates: Vec<Candidate> = files
        .iter()
        .enumerate()
        .map(|(number, file)| Candidate {
            name: &file.name,
            path: folder.path_of(&file.name),
            original: &file.original,
            clean: &file.rebuilt.code,
            report: &file.rebuilt.report,
            renamed: &file.rebuilt.renamed,
            is_main: number == 0,
            obstacle: (file.made == Some(BYTES_THAT_RAN))
                .then_some("it is there to be read: the program writes over these bytes"),
        })
        .collect();
    let main = program.contents.scripts().last().map(Code::marshalled).unwrap_or_default();
    proof::prove(&args.program, &pyc::of_marshal(main), recorded, &candidates)
}

/// Reads the traces, and what calls returned if that is wanted.
fn evidence(of_file: Evidence, traces: &[PathBuf], wants_calls: bool) -> anyhow::Result<Evidence> {
    let mut evidence = of_file;
    for path in traces {
        let mut warn = |flaw| message::warn(format_args!("{}: {flaw}", Named::input(path)));
        evidence.add(Reader::open(path)?, &mut warn)?;
        if wants_calls {
            evidence.observed.add(Steps::open(path)?)?;
        }
    }
    Ok(evidence)
}

fn clean(
    stem: String,
    original: MarshalledCode,
    made: Option<&'static str>,
    evidence: &Evidence,
    options: &Options,
) -> Clean {
    let rebuilt = clean::rebuild(&original, evidence, options);
    Clean { name: format!("{stem}.pyc"), original, rebuilt, made }
}

/// The name of the main program's file, as far as every file system takes it.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(OsStr::new("main")).as_bytes();
    let safe = |&one: &u8| if one.is_ascii_alphanumeric() || b"_-.".contains(&one) { char::from(one) } else { '_' };
    let stem: String = stem.iter().take(64).map(safe).collect();
    if stem.trim_matches('.').is_empty() || path == Path::new("-") { "main".into() } else { stem }
}

fn write(folder: &OutputFolder, file: &Clean) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", Named::output(&folder.path_of(&file.name)));
    let code = marshal::whole::code(&file.rebuilt.code);
    let code =
        code.ok_or_else(|| anyhow!("a constant is of a type that marshal does not have")).with_context(cannot)?;
    let mut out = folder.create(OsStr::new(&file.name)).with_context(cannot)?;
    out.write_all(&pyc::of_marshal(&code)).with_context(cannot)
}

impl From<UntakenName> for Untaken {
    fn from(name: UntakenName) -> Untaken {
        match name {
            UntakenName::Plausible => Untaken::Plausible,
            UntakenName::Keep => Untaken::Keep,
            UntakenName::Cut => Untaken::Cut,
        }
    }
}

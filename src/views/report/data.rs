//! The data of a report's page: what was gathered, cut to what a page can hold, in the form that page.js reads.  Every text is printable:
//! the page shows it as it is.

use serde::Serialize;

/// All that the page knows.
#[derive(Debug, Default, Serialize)]
pub(super) struct Data {
    /// The trace's name.
    pub(super) trace: String,
    /// The program, as one line.
    pub(super) program: String,
    /// Rows of the first table: what, and its text.
    pub(super) facts: Vec<(&'static str, String)>,
    /// How the program ended.
    pub(super) end: String,
    /// Instructions recorded.
    pub(super) instructions: u64,
    pub(super) oddities: Vec<Oddity>,
    pub(super) codes: Vec<CodeData>,
    /// The folder of `bctrace clean`, if it was given.
    pub(super) clean: Option<String>,
    /// Code objects that never ran.
    pub(super) unused: Vec<Unused>,
    pub(super) timeline: TimelineData,
    pub(super) flame: FlameData,
    pub(super) exceptions: Vec<ExceptionData>,
    /// The lines of other views, as `--format json` prints them.
    pub(super) tried: Vec<serde_json::Value>,
    pub(super) layers: Vec<serde_json::Value>,
    pub(super) tricks: Vec<serde_json::Value>,
    pub(super) calls: Vec<serde_json::Value>,
    pub(super) compares: Vec<serde_json::Value>,
    pub(super) strings: Vec<serde_json::Value>,
    /// The trace has values; else there are no calls, comparisons and strings.
    pub(super) has_values: bool,
    /// What is not on the page, in whole sentences.
    pub(super) cut: Vec<String>,
}

/// Something that no compiler's output does.
#[derive(Debug, Serialize)]
pub(super) struct Oddity {
    pub(super) text: String,
    /// A code object's place in `codes`, and an offset in it.
    pub(super) code: Option<usize>,
    pub(super) offset: Option<i32>,
}

/// A code object that ran.
#[derive(Debug, Serialize)]
pub(super) struct CodeData {
    /// The id in the trace of the first such code object; links name it.
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: i32,
    pub(super) library: bool,
    /// The place of the code object that it was before its bytes changed.
    pub(super) version_of: Option<usize>,
    pub(super) own: u64,
    pub(super) total: u64,
    pub(super) entered: u64,
    pub(super) first: u64,
    /// Argument count, locals, stack size and flags, as one line.
    pub(super) about: String,
    /// The listing; None where it is not on the page.
    pub(super) lines: Option<Vec<LineData>>,
    /// What `bctrace clean` made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clean: Option<CleanData>,
}

/// A code object in a folder of `bctrace clean`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CleanData {
    /// The file, in the folder.
    pub(super) file: String,
    pub(super) name: String,
    /// The listing; None where the code string is the same, or it is not on the page.
    pub(super) lines: Option<Vec<LineData>>,
    pub(super) same: bool,
}

/// One instruction of a listing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LineData {
    /// Offset.
    pub(super) o: i32,
    /// The opcode's name, or its number if it has none.
    pub(super) n: String,
    /// The operand, resolved.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) a: String,
    /// The source line, where another one begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) l: Option<i32>,
    /// How often it was executed.
    pub(super) c: u64,
    /// The offset that it can jump to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) t: Option<i32>,
    /// How often a conditional jump was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) j: Option<u64>,
    /// What it consumed and produced: the first time, the last time if that differs, and how many different values, if there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) v: Option<(String, String, String)>,
    /// It overlaps another instruction, and that one was executed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) x: bool,
}

/// A code object that never ran.
#[derive(Debug, Serialize)]
pub(super) struct Unused {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: i32,
    pub(super) instructions: u32,
}

/// The run over time.
#[derive(Debug, Default, Serialize)]
pub(super) struct TimelineData {
    /// Instruction numbers in a stretch.
    pub(super) width: u64,
    pub(super) threads: u32,
    /// For each stretch: thread, code object's place (-1 for those without one of their own), and instructions.
    pub(super) stretches: Vec<Vec<(u32, i64, u64)>>,
}

/// Call paths: a node's parent comes before it; the first node is the root.
#[derive(Debug, Default, Serialize)]
pub(super) struct FlameData {
    pub(super) parents: Vec<u32>,
    /// Places in `codes`; -1 for those without one.
    pub(super) codes: Vec<i64>,
    pub(super) own: Vec<u64>,
    pub(super) entered: Vec<u64>,
}

/// Equal exceptions at one place.
#[derive(Debug, Serialize)]
pub(super) struct ExceptionData {
    pub(super) code: usize,
    pub(super) offset: i32,
    pub(super) text: String,
    /// It came out of a call.
    pub(super) propagated: bool,
    pub(super) times: u64,
    pub(super) first: u64,
}

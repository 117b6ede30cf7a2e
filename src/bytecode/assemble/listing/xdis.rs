//! Reads what `pydisasm` of xdis prints (the forms `classic`, `bytes` and `extended`): it says all of a code object, in comments, and is
//! rewritten, line by line, as `bctrace dis` would print it.

use std::collections::{HashMap, VecDeque};

use super::{ListingError, Problem, Program, own, printable, row};
use crate::bytecode::literal::{Reader, push_str};
use crate::bytecode::object::Object;
use crate::bytecode::opcode::{self, OperandKind, op};

/// Begins each code object.
const NAME: &str = "# Method Name:";

/// Begins what stands for a code object.
const CODE: &str = "<Code2 code object ";

/// Whether a listing is one of xdis.
pub(super) fn is_it(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| line.starts_with(NAME.as_bytes()))
}

pub(super) fn read(text: &[u8]) -> Result<Program, ListingError> {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut rewriting = Rewriting { codes: codes(&lines), ..Rewriting::default() };
    let mut own = vec!["listing 1".to_owned()];
    for (place, line) in lines.iter().enumerate() {
        let rewritten = rewriting.line(line, &lines[place + 1..]);
        own.push(rewritten.map_err(|problem| ListingError { line: place + 1, problem })?);
    }
    let shifted = |error: ListingError| ListingError { line: error.line.saturating_sub(1).max(1), ..error };
    let mut program = own::read(own.join("\n").as_bytes()).map_err(shifted)?;
    if rewriting.unread > 0 {
        let unread = rewriting.unread;
        program.remarks.push(format!("{unread} constants cannot be read back from their text; None stands for them"));
    }
    Ok(program)
}

/// The numbers of all code objects, by name and first line.
fn codes(lines: &[&str]) -> HashMap<(String, String), VecDeque<usize>> {
    let mut codes: HashMap<_, VecDeque<usize>> = HashMap::new();
    let (mut name, mut count) = ("", 0);
    for line in lines {
        if let Some(next) = line.strip_prefix(NAME) {
            (name, count) = (next.trim(), count + 1);
        } else if let Some(first) = line.strip_prefix("# First Line:").filter(|_| count > 0) {
            codes.entry((name.into(), first.trim().into())).or_default().push_back(count - 1);
        }
    }
    codes
}

#[derive(Default)]
struct Rewriting {
    /// The code objects that are no constant yet.
    codes: HashMap<(String, String), VecDeque<usize>>,
    /// Code objects that are begun.
    begun: usize,
    /// The rows that come are constants.
    is_in_constants: bool,
    /// The constants of this code object: how many, and the first one that an operand shows like this.
    count: usize,
    shown: HashMap<String, usize>,
    unread: usize,
    /// The places of its names, by table.
    names: HashMap<(&'static str, String), usize>,
    cells: usize,
}

/// The key in [`Rewriting::shown`] of a constant whose text cannot be read back.
const UNREAD: &str = "";

impl Rewriting {
    /// Rewrites a line; what says nothing becomes an empty one.
    fn line(&mut self, line: &str, after: &[&str]) -> Result<String, Problem> {
        if let Some(name) = line.strip_prefix(NAME) {
            self.begun += 1;
            (self.is_in_constants, self.count, self.cells) = (false, 0, 0);
            self.shown.clear();
            self.names.clear();
            return Ok(format!("code {} {}", self.begun - 1, quoted(name.trim())));
        }
        if self.begun == 0 || line.trim().is_empty() {
            return Ok(String::new());
        }
        match (line.strip_prefix('#'), row_of(line)) {
            (Some(_), Some(row)) if self.is_in_constants => Ok(self.constant(row)),
            (Some(_), Some(_)) => Ok(String::new()),
            (Some(comment), None) => Ok(self.comment(comment.trim(), after)),
            (None, _) => self.instruction(line),
        }
    }

    fn comment(&mut self, text: &str, after: &[&str]) -> String {
        const FIELDS: [(&str, &str); 5] = [
            ("Argument count:", "argcount"),
            ("Number of locals:", "nlocals"),
            ("Stack size:", "stacksize"),
            ("Flags:", "flags"),
            ("First Line:", "line"),
        ];
        const TABLES: [(&str, &str); 4] = [
            ("Names:", "names"),
            ("Varnames:", "varnames"),
            ("Cell variables:", "cellvars"),
            ("Free variables:", "freevars"),
        ];
        self.is_in_constants = text == "Constants:";
        if let Some((_, word)) = TABLES.iter().find(|(head, _)| *head == text) {
            let rows = after.iter().map_while(|line| Some((row_of(line)?, line.starts_with("#\t"))));
            // In the form with a tab a row has several.
            let names = rows.flat_map(|(row, is_list)| row.split(if is_list { ", " } else { "\n" }));
            let names: Vec<&str> = names.collect();
            for (place, name) in names.iter().enumerate() {
                self.names.entry((word, (*name).to_owned())).or_insert(place);
            }
            self.cells += if *word == "cellvars" { names.len() } else { 0 };
            return format!("{word} {}", names.into_iter().map(quoted).collect::<Vec<_>>().join(", "));
        }
        if let Some(file) = text.strip_prefix("Filename:") {
            return format!("file {}", quoted(file.trim()));
        }
        let field = FIELDS.iter().find_map(|(head, field)| Some((field, text.strip_prefix(head)?)));
        field.map_or(String::new(), |(field, value)| {
            format!("{field} {}", value.split_whitespace().next().unwrap_or_default())
        })
    }

    /// Rewrites a row of the table of constants, and remembers how an operand shows it: a string with double quotes around what its own
    /// quotes enclose, a code object, of which the address can differ, and all else as its value.
    fn constant(&mut self, text: &str) -> String {
        let index = self.count;
        self.count += 1;
        let between = text.get(1..text.len().saturating_sub(1)).filter(|_| text.ends_with(['\'', '"']));
        let code = self.code(text);
        let object = literal(text);
        let (constant, key) = match (code, &object) {
            (Some(code), _) => (format!("code {code}"), before_address(text).to_owned()),
            (None, Some(object)) => (text.to_owned(), format!("{object:?}")),
            (None, None) => {
                self.unread += 1;
                ("None".into(), UNREAD.to_owned())
            }
        };
        let shown = [Some(text.to_owned()), between.map(|between| format!("\"{between}\"")), Some(key)];
        for shown in shown.into_iter().flatten() {
            self.shown.entry(shown).or_insert(index);
        }
        format!("consts {index} {constant}")
    }

    /// The code object that a constant stands for; each is one only once, and listed after what holds it.
    fn code(&mut self, text: &str) -> Option<usize> {
        let name = before_address(text.strip_prefix(CODE)?).to_owned();
        let first = text.rsplit("line ").next()?.to_owned();
        let numbers = self.codes.get_mut(&(name, first))?;
        let place = numbers.iter().position(|&number| number >= self.begun)?;
        numbers.remove(place)
    }

    fn place(&self, table: &'static str, name: &str) -> Option<usize> {
        self.names.get(&(table, name.to_owned())).copied()
    }

    /// The constant that an operand shows.
    fn index_of(&self, shown: &str) -> Option<usize> {
        let by_text = self.shown.get(shown).or_else(|| self.shown.get(before_address(shown)));
        let by_value = || self.shown.get(&format!("{:?}", literal(shown)?));
        by_text.or_else(by_value).or_else(|| self.shown.get(UNREAD)).copied()
    }

    fn instruction(&self, line: &str) -> Result<String, Problem> {
        let mut words = line.split_whitespace().peekable();
        let source = words.next_if(|word| word.ends_with(':')).unwrap_or_default().trim_end_matches(':');
        let mut words = words.filter(|word| *word != ">>");
        let unknown = || Problem::Unknown(printable(line.as_bytes()));
        let offset = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(unknown)?;
        let name =
            words.find(|word| word.bytes().all(|byte| !byte.is_ascii_lowercase() && byte != b'|') && word.len() > 2);
        let name = name.ok_or_else(unknown)?;
        let opcode = opcode::of_name(name).ok_or_else(|| Problem::Opcode(printable(name.as_bytes())))?;
        let rest = line.split_once(name).map_or("", |(_, rest)| rest.trim());
        let operand = match opcode::has_argument(opcode) {
            true => self.operand(opcode, rest).ok_or_else(|| Problem::Operand(printable(rest.as_bytes())))?,
            false => String::new(),
        };
        // A number at the beginning of a line would be that of a constant.
        Ok(format!(">> {source} {offset}: {name} {operand}"))
    }

    /// Rewrites an operand: xdis shows its meaning without the number.
    fn operand(&self, opcode: u8, rest: &str) -> Option<String> {
        if let Some((number, _)) = row::number(rest.as_bytes()) {
            return Some(number.to_string());
        }
        // The form `extended` ends with a comment.
        let rest = rest.split_once(") ; ").map_or(rest, |(before, _)| &rest[..before.len() + 1]);
        let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
        match opcode::operand_kind(opcode) {
            OperandKind::Constant => self.index_of(inner).map(|index| index.to_string()),
            OperandKind::JumpAbsolute | OperandKind::JumpRelative => Some(inner.to_owned()),
            OperandKind::Name => self.place("names", inner).map(|place| place.to_string()),
            OperandKind::Local => self.place("varnames", inner).map(|place| place.to_string()),
            OperandKind::Free => {
                let free = || Some(self.cells + self.place("freevars", inner)?);
                self.place("cellvars", inner).or_else(free).map(|place| place.to_string())
            }
            OperandKind::Compare => Some(rest.replace('-', " ")),
            _ if opcode == op::RAISE_VARARGS && inner == "reraise" => Some("0".into()),
            _ if opcode == op::RAISE_VARARGS => Some(inner.split(',').count().to_string()),
            _ => {
                // `2 positional, 1 named`, or `1 default parameters`
                let mut counts = inner.split(", ").map(|part| part.split(' ').next()?.parse::<u8>().ok());
                let (first, second) = (counts.next()??, counts.next().unwrap_or(Some(0))?);
                Some(u16::from_le_bytes([first, second]).to_string())
            }
        }
    }
}

/// The row of a table, without its number: `#    0: name`, or, after a tab, names.
fn row_of(line: &str) -> Option<&str> {
    if let Some(names) = line.strip_prefix("#\t") {
        return Some(names);
    }
    let (number, row) = line.strip_prefix('#')?.split_once(": ")?;
    let is_number = number.trim().bytes().all(|byte| byte.is_ascii_digit()) && !number.trim().is_empty();
    is_number.then_some(row)
}

/// What comes before a code object's address.
fn before_address(text: &str) -> &str {
    text.split_once(" at 0x").map_or(text, |(before, _)| before)
}

/// Reads a constant; None if its text is not all of it.
fn literal(text: &str) -> Option<Object> {
    let mut reader = Reader::new(text.as_bytes());
    let object = reader.object(&mut |_| None).ok()?;
    reader.rest().is_empty().then_some(object)
}

/// A name as a string, whatever it has in it.
fn quoted(name: &str) -> String {
    let mut text = Vec::new();
    push_str(&mut text, name.as_bytes(), true, true);
    String::from_utf8_lossy(&text).into_owned()
}

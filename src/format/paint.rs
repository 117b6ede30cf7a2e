//! Colours for people: paints lines that are escaped already, so that nothing in them can paint by itself.  Plain output never comes
//! here.  The colours are the eight of every terminal's own palette, chosen to read on dark and on light ground.

use std::io::{self, Write};

/// What is sent to a terminal (ECMA-48, SGR) before a part of a line.
type Style = &'static [u8];

const NAME: Style = b"\x1b[2m";
const PLACE: Style = b"\x1b[2m";
const OFFSET: Style = b"\x1b[33m";
const OPCODE: Style = b"\x1b[1m";
const JUMP: Style = b"\x1b[1;35m";
const EXCEPTION: Style = b"\x1b[1;31m";
const OPERAND: Style = b"\x1b[36m";
const VALUE: Style = b"\x1b[32m";
const TITLE: Style = b"\x1b[1m";
/// What is sent after it.
const RESET: Style = b"\x1b[0m";

/// What kind of lines are painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Instructions, of a trace or a listing.
    Instructions,
    /// What `bctrace dis` prints.
    Listing,
    Calls,
    Compares,
    Layers,
    Tried,
    Info,
    Hot,
    Edges,
    Diff,
}

impl Paint {
    /// Appends whole lines, painted.
    pub fn push(self, lines: &[u8], out: &mut Vec<u8>) {
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let (text, end) = match line.strip_suffix(b"\n") {
                Some(text) => (text, &b"\n"[..]),
                None => (line, &b""[..]),
            };
            let mut brush = Brush { out };
            match self {
                Paint::Instructions => brush.instruction(text),
                Paint::Listing => brush.listed(text),
                Paint::Calls => brush.call(text),
                Paint::Compares => brush.comparison(text),
                Paint::Layers => brush.layer(text),
                Paint::Tried => brush.attempt(text),
                Paint::Info => brush.info(text),
                Paint::Hot => brush.hot(text),
                Paint::Edges => brush.edge(text),
                Paint::Diff => brush.difference(text),
            }
            out.extend_from_slice(end);
        }
    }
}

/// Paints the parts of a line.
struct Brush<'a> {
    out: &'a mut Vec<u8>,
}

impl Brush<'_> {
    fn plain(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn paint(&mut self, style: Style, text: &[u8]) {
        if !text.is_empty() {
            self.plain(style);
            self.plain(text);
            self.plain(RESET);
        }
    }

    /// `NAME> OFFSET OPNAME (OPERAND)  VALUES`, or the heading of a listing.
    fn instruction(&mut self, line: &[u8]) {
        let line = self.indent(line);
        let parts = split(line, b"> ").and_then(|(name, rest)| Some((name, split(rest, b" ")?)));
        let Some((name, (offset, rest))) = parts.filter(|(_, (offset, _))| is_offset(offset)) else {
            return if line.starts_with(b"# ") { self.paint(TITLE, line) } else { self.plain(line) };
        };
        self.paint(NAME, &line[..name.len() + 1]);
        self.plain(b" ");
        self.paint(OFFSET, offset);
        self.plain(b" ");
        let (opcode, rest) = rest.split_at(find(rest, b" ").unwrap_or(rest.len()));
        if rest.starts_with(b" **********INVALID") {
            self.paint(EXCEPTION, opcode);
            return self.paint(EXCEPTION, rest);
        }
        self.paint(style_of(opcode), opcode);
        let operand = if rest.starts_with(b" (") { find(rest, b")  ").map_or(rest.len(), |end| end + 1) } else { 0 };
        let (operand, values) = rest.split_at(operand);
        self.paint(OPERAND, operand);
        let raises = find(values, b"-> raises ").unwrap_or(values.len());
        self.paint(VALUE, &values[..raises]);
        self.paint(EXCEPTION, &values[raises..]);
    }

    /// `LINE >> OFFSET:  COUNT  BYTES  OPNAME OPERAND  (MEANING)  # REMARK`, a table, or a heading.
    fn listed(&mut self, line: &[u8]) {
        if line.starts_with(b"#") {
            return self.paint(NAME, line);
        }
        let label = find(line, b":  ").filter(|&end| line[..end].iter().all(|byte| b" >-0123456789".contains(byte)));
        let Some(end) = label else {
            return if line.starts_with(b"code ") { self.paint(TITLE, line) } else { self.plain(line) };
        };
        let (place, rest) = line.split_at(end + 1);
        if rest.trim_ascii_start().starts_with(b"- ") {
            // It never ran.
            return self.paint(NAME, line);
        }
        let begins = rest.iter().position(|byte| b"<._".contains(byte) || byte.is_ascii_uppercase());
        let (columns, rest) = rest.split_at(begins.unwrap_or(rest.len()));
        let (opcode, rest) = rest.split_at(find(rest, b" ").unwrap_or(rest.len()));
        let remark = find_unquoted(rest, b"  # ").unwrap_or(rest.len());
        self.paint(OFFSET, place);
        self.paint(PLACE, columns);
        self.paint(style_of(opcode), opcode);
        self.paint(OPERAND, &rest[..remark]);
        let is_odd = !rest[remark..].starts_with(b"  # jumped");
        self.paint(if is_odd { EXCEPTION } else { VALUE }, &rest[remark..]);
    }

    /// A call, a result, or what is said between them.
    fn call(&mut self, line: &[u8]) {
        let line = self.indent(line);
        let name =
            if line.starts_with(b"-> ") { 0 } else { line.iter().position(|byte| b"( ".contains(byte)).unwrap_or(0) };
        self.paint(OPCODE, &line[..name]);
        self.phrase(&line[name..]);
    }

    /// `FILE:LINE: NAME: EXPRESSION -> RESULT`.
    fn comparison(&mut self, line: &[u8]) {
        let place = find(line, b": ").map(|file| file + 2);
        let place = place.and_then(|file| Some(file + find(&line[file..], b": ")? + 2)).unwrap_or(0);
        self.paint(PLACE, &line[..place]);
        self.phrase(&line[place..]);
    }

    /// `NUMBER NAME (FILE, line N): HOW`.
    fn layer(&mut self, line: &[u8]) {
        let line = self.indent(line);
        let number = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = &line[number..];
        let name = find(rest, b" (").unwrap_or(rest.len());
        let place = find(&rest[name..], b"): ").map_or(rest.len(), |end| name + end + 1);
        self.paint(OFFSET, &line[..number]);
        self.paint(OPCODE, &rest[..name]);
        self.paint(PLACE, &rest[name..place]);
        self.plain(&rest[place..]);
    }

    /// `  NUMBER PLACE: DEED -> ANSWER`, or what is said of the lines below.
    fn attempt(&mut self, line: &[u8]) {
        let line = match line.starts_with(b" ") {
            true => self.indent(line),
            false => return self.paint(TITLE, line),
        };
        let number = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let answer = find_unquoted(line, b" -> ").map_or(line.len(), |arrow| arrow + 1);
        let place = find_unquoted(&line[number..answer], b": ").map_or(number, |end| number + end + 1);
        self.paint(OFFSET, &line[..number]);
        self.paint(PLACE, &line[number..place]);
        self.plain(&line[place..answer]);
        let option = find(&line[answer..], b"; ").map_or(line.len(), |end| answer + end);
        let is_refused = line[answer..].starts_with(b"-> refused");
        self.paint(if is_refused { EXCEPTION } else { VALUE }, &line[answer..option]);
        self.plain(&line[option..]);
    }

    /// A heading and what it is the heading of.
    fn info(&mut self, line: &[u8]) {
        let heading = if line.first().is_some_and(u8::is_ascii_lowercase) { 13.min(line.len()) } else { 0 };
        self.paint(TITLE, &line[..heading]);
        self.plain(&line[heading..]);
    }

    /// `COUNTS  FILE:LINE: NAME at OFFSET OPNAME`, or the heading of columns.
    fn hot(&mut self, line: &[u8]) {
        let columns = line.iter().take_while(|&byte| b" 0123456789,%".contains(byte)).count();
        let (columns, rest) = line.split_at(columns);
        if !columns.iter().any(u8::is_ascii_digit) {
            return if line.starts_with(b" ") { self.paint(TITLE, line) } else { self.plain(line) };
        }
        let place = find(rest, b": ").map_or(0, |end| end + 2);
        let name = find(&rest[place..], b" ").map_or(rest.len(), |end| place + end);
        self.paint(OFFSET, columns);
        self.paint(PLACE, &rest[..place]);
        self.paint(OPCODE, &rest[place..name]);
        self.plain(&rest[name..]);
    }

    /// `OFFSET COUNT  -> OFFSET (COUNT), OFFSET (COUNT)  raised COUNT`, or a heading.
    fn edge(&mut self, line: &[u8]) {
        if !line.starts_with(b" ") {
            return self.paint(TITLE, line);
        }
        let line = self.indent(line);
        let offset = find(line, b" ").unwrap_or(line.len());
        let edges = find(line, b"  ->").unwrap_or(line.len());
        let raised = find(line, b"  raised ").or(find(line, b"  outside ")).unwrap_or(line.len());
        let edges = edges.clamp(offset, raised);
        self.paint(OFFSET, &line[..offset]);
        self.plain(&line[offset..edges]);
        // Several ways on.
        self.paint(if find(&line[edges..raised], b"(").is_some() { JUMP } else { PLACE }, &line[edges..raised]);
        self.paint(EXCEPTION, &line[raised..]);
    }

    /// `  A NUMBER at OFFSET OPNAME  VALUES`, the same of B, or what is said of the lines below.
    fn difference(&mut self, line: &[u8]) {
        if !line.starts_with(b" ") {
            return if line.starts_with(b"first ") { self.paint(TITLE, line) } else { self.plain(line) };
        }
        let line = self.indent(line);
        let side = if line.starts_with(b"A ") { EXCEPTION } else { VALUE };
        if line.starts_with(b"A ") || line.starts_with(b"B ") {
            self.paint(side, &line[..1]);
            self.phrase(&line[1..]);
        } else {
            self.phrase(line);
        }
    }

    /// Values: strings stand out, and what is raised.
    fn phrase(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(place) = rest.iter().position(|byte| b"'\"-".contains(byte)) {
            self.plain(&rest[..place]);
            rest = &rest[place..];
            if rest.starts_with(b"-> raises ") {
                return self.paint(EXCEPTION, rest);
            }
            let length = if rest[0] == b'-' { 1 } else { string_length(rest) };
            if length > 1 {
                self.paint(VALUE, &rest[..length])
            } else {
                self.plain(&rest[..length])
            }
            rest = &rest[length..];
        }
        self.plain(rest);
    }

    /// Copies the spaces before a line, and the depth in brackets that stands for more of them; returns the rest.
    fn indent<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        let spaces = line.iter().take_while(|&&byte| byte == b' ').count();
        let (mut indent, mut rest) = line.split_at(spaces);
        if rest.starts_with(b"[")
            && let Some(end) = find(rest, b"] ")
            && rest[1..end].iter().all(u8::is_ascii_digit)
        {
            (indent, rest) = line.split_at(spaces + end + 2);
        }
        self.plain(indent);
        rest
    }
}

fn style_of(opcode: &[u8]) -> Style {
    const JUMPS: [&[u8]; 4] = [b"FOR_ITER", b"CONTINUE_LOOP", b"BREAK_LOOP", b"SETUP_LOOP"];
    const EXCEPTIONS: [&[u8]; 5] =
        [b"RAISE_VARARGS", b"SETUP_EXCEPT", b"SETUP_FINALLY", b"END_FINALLY", b"WITH_CLEANUP"];
    match opcode {
        _ if find(opcode, b"JUMP").is_some() || JUMPS.contains(&opcode) => JUMP,
        _ if EXCEPTIONS.contains(&opcode) => EXCEPTION,
        _ => OPCODE,
    }
}

fn is_offset(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// The length of the string that begins here with its quote; of a lone quote 1.
fn string_length(text: &[u8]) -> usize {
    let mut place = 1;
    while let Some(&byte) = text.get(place) {
        match byte {
            b'\\' => place += 1,
            _ if byte == text[0] => return place + 1,
            _ => {}
        }
        place += 1;
    }
    1
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let (&first, more) = part.split_first()?;
    let mut from = 0;
    while let Some(place) = text.get(from..)?.iter().position(|&byte| byte == first) {
        from += place + 1;
        if text[from..].starts_with(more) {
            return Some(from - 1);
        }
    }
    None
}

/// Finds a part that is in no string.
fn find_unquoted(text: &[u8], part: &[u8]) -> Option<usize> {
    let (mut place, mut has_strings) = (0, true);
    while place < text.len() {
        if text[place..].starts_with(part) {
            return Some(place);
        }
        let is_quote = has_strings && text[place] == b'\'';
        let length = if is_quote { string_length(&text[place..]) } else { 1 };
        // After a quote that nothing closes there is no string: they are not searched for again and again.
        has_strings &= !is_quote || length > 1;
        place += length;
    }
    None
}

fn split<'a>(text: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    find(text, part).map(|place| (&text[..place], &text[place + part.len()..]))
}

/// Paints lines on their way to a writer.
pub struct Painted<W: Write> {
    inner: W,
    paint: Paint,
    /// The beginning of a line, and room for painted ones.
    line: Vec<u8>,
    painted: Vec<u8>,
}

impl<W: Write> Painted<W> {
    pub fn new(inner: W, paint: Paint) -> Painted<W> {
        Painted { inner, paint, line: Vec::new(), painted: Vec::new() }
    }
}

impl<W: Write> Write for Painted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.line.extend_from_slice(&bytes[..whole]);
        if whole > 0 {
            self.painted.clear();
            self.paint.push(&self.line, &mut self.painted);
            self.line.clear();
            self.inner.write_all(&self.painted)?;
        }
        self.line.extend_from_slice(&bytes[whole..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.painted.clear();
        self.paint.push(&std::mem::take(&mut self.line), &mut self.painted);
        self.inner.write_all(&self.painted)?;
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;

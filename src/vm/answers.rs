//! Answers to what the program asks: `answers.c` puts them on its standard input.

use std::ffi::{c_long, c_uchar};
use std::sync::Mutex;

use regex::bytes::{Regex, RegexBuilder};

use super::ffi;
use super::program::Interpreter;

/// What stands between a pattern and an answer.
const BETWEEN: &[u8] = b" => ";
/// Lines of a script, bytes of one pattern when it is compiled, and bytes of an answer.
const MOST_LINES: usize = 10_000;
const LARGEST: usize = 1 << 20;
const LONGEST: usize = 4095;
/// Answers that a process is given; after them standard input is at its end, so that a loop that refuses every answer ends too.
const MOST: u32 = 10_000;

/// A script of answers.
#[derive(Clone, Debug)]
pub struct Answers {
    typed: Vec<u8>,
    /// In the order of their first lines.
    questions: Vec<Question>,
    given: u32,
}

/// The lines of a script with one pattern.
#[derive(Clone, Debug)]
struct Question {
    pattern: Regex,
    answers: Vec<Vec<u8>>,
    /// How many of them were given.
    given: usize,
}

impl Answers {
    /// Reads a script; an error says which line is wrong.
    pub fn new(typed: &[u8]) -> Result<Answers, String> {
        let mut answers = Answers { typed: typed.to_vec(), questions: Vec::new(), given: 0 };
        for (number, line) in typed.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() && !line.starts_with(b"#") {
                answers.add(line).map_err(|wrong| format!("line {}: {wrong}", number + 1))?;
            }
            if number >= MOST_LINES {
                return Err(format!("it has more than {MOST_LINES} lines"));
            }
        }
        Ok(answers)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), String> {
        let (pattern, answer) = match memchr::memmem::find(line, BETWEEN) {
            Some(place) => (&line[..place], &line[place + BETWEEN.len()..]),
            None => (line.strip_suffix(b" =>").ok_or("write PATTERN => ANSWER")?, &b""[..]),
        };
        if answer.len() > LONGEST {
            return Err(format!("the answer has more than {LONGEST} bytes"));
        }
        let pattern = str::from_utf8(pattern).map_err(|_| "the pattern is not UTF-8")?;
        let answer = [answer, b"\n"].concat();
        match self.questions.iter_mut().find(|question| question.pattern.as_str() == pattern) {
            Some(question) => question.answers.push(answer),
            None => {
                let mut builder = RegexBuilder::new(pattern);
                let built = builder.size_limit(LARGEST).dfa_size_limit(LARGEST).build();
                let pattern = built.map_err(|error| format!("the pattern is wrong: {}", explained(&error)))?;
                self.questions.push(Question { pattern, answers: vec![answer], given: 0 });
            }
        }
        Ok(())
    }

    /// The script as it was read.
    pub fn typed(&self) -> &[u8] {
        &self.typed
    }

    /// Returns the answer to a prompt, with its line break; None if no pattern is found in it.
    fn answer(&mut self, prompt: &[u8]) -> Option<&[u8]> {
        if self.given >= MOST {
            return None;
        }
        let question = self.questions.iter_mut().find(|question| question.pattern.is_match(prompt))?;
        self.given += 1;
        let place = question.given.min(question.answers.len() - 1);
        question.given = place + 1;
        question.answers.get(place).map(Vec::as_slice)
    }

    /// Has the program's standard input, a file in memory, get the answers.  To be called once, before the program runs.
    pub fn install(self, _: &Interpreter) {
        if let Ok(mut script) = SCRIPT.lock() {
            *script = Some(self);
        }
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; the function lives as long as the process.
        unsafe { ffi::vm_answer(Some(answer)) };
    }
}

/// What is wrong with a pattern, in one line; the library draws where it is.
fn explained(error: &regex::Error) -> String {
    let whole = error.to_string();
    let last = whole.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The script of this process.
static SCRIPT: Mutex<Option<Answers>> = Mutex::new(None);

extern "C" fn answer(prompt: *const c_uchar, length: usize, to: *mut c_uchar, room: usize) -> c_long {
    // SAFETY: `answers.c` passes its own buffer, which it does not change during the call.
    let prompt = unsafe { std::slice::from_raw_parts(prompt, length) };
    // SAFETY: `to` is another buffer of that file's, with so much room.
    let to = unsafe { std::slice::from_raw_parts_mut(to, room) };
    // The GIL is held, so nothing else holds the lock, even after a fork.
    let Ok(mut script) = SCRIPT.try_lock() else { return 0 };
    let Some(answer) = script.as_mut().and_then(|script| script.answer(prompt)) else { return 0 };
    let Some(to) = to.get_mut(..answer.len()) else { return 0 };
    to.copy_from_slice(answer);
    answer.len() as c_long
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(script: &[u8], prompts: &[&str]) -> Vec<Option<String>> {
        let mut answers = Answers::new(script).expect("a script");
        let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
        prompts.iter().map(|prompt| answers.answer(prompt.as_bytes()).map(text)).collect()
    }

    #[test]
    fn the_first_pattern_that_is_found_answers_and_its_lines_take_turns() {
        let script = b"# passwords\n[Pp]ass => one\n\n[Pp]ass => two => 2\n^.* => other\r\n";
        let answers = given(script, &["Password: ", "name", "pass", "pass", ""]);
        let answers: Vec<_> = answers.iter().map(|answer| answer.as_deref().expect("an answer")).collect();
        assert_eq!(answers, ["one\n", "other\n", "two => 2\n", "two => 2\n", "other\n"]);
    }

    #[test]
    fn a_prompt_that_no_pattern_fits_has_no_answer() {
        assert_eq!(given(b"^Name: $ => x\n", &["Your name: ", "Name: "]), [None, Some("x\n".into())]);
    }

    #[test]
    fn an_answer_can_be_empty() {
        assert_eq!(given(b"continue =>\nmore => \n", &["continue", "more"]), [Some("\n".into()), Some("\n".into())]);
    }

    #[test]
    fn answers_end() {
        let mut answers = Answers::new(b" => x").expect("a script");
        let given = (0..=MOST).filter(|_| answers.answer(b"again? ").is_some()).count();
        assert_eq!(given, MOST as usize);
    }

    #[test]
    fn what_is_wrong_with_a_script_is_reported_with_its_line() {
        let wrong = |script: &[u8]| Answers::new(script).expect_err("a wrong script");
        assert_eq!(wrong(b"a => b\nno arrow\n"), "line 2: write PATTERN => ANSWER");
        assert!(wrong(b"( => b").starts_with("line 1: the pattern is wrong: "));
        assert!(wrong(b"(a{1000}){1000} => b").starts_with("line 1: the pattern is wrong: "));
        assert_eq!(wrong(b"\xff => b"), "line 1: the pattern is not UTF-8");
        assert_eq!(wrong(&[&b"a => "[..], &[b'x'; 4096]].concat()), "line 1: the answer has more than 4095 bytes");
    }
}

//! The exceptions among the builtins, and which handlers catch which.

/// Returns whether a builtin exception is caught by a handler of another one, or of itself.
pub fn is_caught(class: &str, by: &str) -> Option<bool> {
    let mut at = class_of(class)?;
    class_of(by)?;
    loop {
        if at.0 == by {
            return Some(true);
        }
        match class_of(at.1) {
            Some(base) => at = base,
            None => return Some(false),
        }
    }
}

/// Returns a builtin exception's own name, which lives on, and its base (Objects/exceptions.c).
pub fn class_of(name: &str) -> Option<(&'static str, &'static str)> {
    CLASSES.iter().find(|class| class.0 == name).copied()
}

const CLASSES: &[(&str, &str)] = &[
    ("BaseException", ""),
    ("Exception", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("SystemExit", "BaseException"),
    ("StandardError", "Exception"),
    ("StopIteration", "Exception"),
    ("Warning", "Exception"),
    ("ArithmeticError", "StandardError"),
    ("AssertionError", "StandardError"),
    ("AttributeError", "StandardError"),
    ("EnvironmentError", "StandardError"),
    ("EOFError", "StandardError"),
    ("ImportError", "StandardError"),
    ("LookupError", "StandardError"),
    ("MemoryError", "StandardError"),
    ("NameError", "StandardError"),
    ("RuntimeError", "StandardError"),
    ("SyntaxError", "StandardError"),
    ("SystemError", "StandardError"),
    ("TypeError", "StandardError"),
    ("ValueError", "StandardError"),
    ("FloatingPointError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("IOError", "EnvironmentError"),
    ("OSError", "EnvironmentError"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("UnboundLocalError", "NameError"),
    ("NotImplementedError", "RuntimeError"),
    ("IndentationError", "SyntaxError"),
    ("UnicodeError", "ValueError"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_catches_the_classes_below_its_own() {
        assert_eq!(is_caught("ZeroDivisionError", "Exception"), Some(true));
        assert_eq!(is_caught("SystemExit", "Exception"), Some(false));
        assert_eq!(is_caught("ZeroDivisionError", "mine"), None);
    }
}

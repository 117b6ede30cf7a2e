//! What an instruction calls in the end: the function that `apply`, a functools.partial or `__call__` calls, with its arguments.

use std::borrow::Cow;

use crate::trace::value::{Value, What, last_part};

/// What is called, and with which arguments: of named ones the names stand before the values.
pub(super) struct Callee<'a> {
    pub(super) callable: &'a Value,
    pub(super) arguments: Cow<'a, [Value]>,
}

/// Calls of calls that are followed at most.
const DEEPEST: u32 = 8;

impl<'a> Callee<'a> {
    /// Reads it from the operands of an instruction that calls something.
    pub(super) fn of(operands: &'a [Value]) -> Option<Callee<'a>> {
        let (callable, arguments) = operands.split_first()?;
        let mut callee = Callee { callable, arguments: Cow::Borrowed(arguments) };
        for _ in 0..DEEPEST {
            match callee.inner() {
                Some(inner) => callee = inner,
                None => break,
            }
        }
        Some(callee)
    }

    /// What the callable itself calls, if that is all that it does.
    fn inner(&self) -> Option<Callee<'a>> {
        let Value::Object { what, name, receiver, .. } = self.callable else { return None };
        match (what, &name[..], receiver.as_deref()) {
            (What::Builtin, b"__builtin__.apply", _) => {
                let Cow::Borrowed([callable, given @ ..]) = &self.arguments else { return None };
                let arguments = given.first().map_or(&[][..], items);
                is_callable(callable).then_some(Callee { callable, arguments: Cow::Borrowed(arguments) })
            }
            (What::Partial, _, Some(made_of)) => {
                let [callable, given @ ..] = items(made_of) else { return None };
                let given = given.first().map_or(&[][..], items);
                let arguments = Cow::Owned([given, &self.arguments].concat());
                is_callable(callable).then_some(Callee { callable, arguments })
            }
            (What::Wrapper, b"__call__", Some(callable)) => {
                is_callable(callable).then(|| Callee { callable, arguments: self.arguments.clone() })
            }
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'a [u8] {
        match self.callable {
            Value::Object { name, .. } => name,
            _ => b"",
        }
    }

    /// The object whose method it is.
    pub(super) fn receiver(&self) -> Option<&'a Value> {
        match self.callable {
            Value::Object { receiver, .. } => receiver.as_deref(),
            _ => None,
        }
    }

    /// Its name with that of the type whose method it is, if it has both.
    pub(super) fn full_name(&self) -> Cow<'a, [u8]> {
        match self.receiver() {
            Some(Value::Object { what: What::Type | What::Class, name, .. }) => {
                Cow::Owned([name, &b"."[..], self.name()].concat())
            }
            _ => Cow::Borrowed(self.name()),
        }
    }

    /// The name of the class of the object whose method it is.
    pub(super) fn class(&self) -> Option<&'a [u8]> {
        match self.receiver()? {
            Value::Object { what: What::Instance, name, .. } => Some(last_part(name)),
            _ => None,
        }
    }

    /// The first argument, if it is a string.
    pub(super) fn first_text(&self) -> &[u8] {
        match self.arguments.first() {
            Some(Value::Str(text) | Value::Unicode(text)) => &text.bytes,
            _ => b"",
        }
    }
}

/// Whether a value is a function or something like one.
pub(super) fn is_callable(value: &Value) -> bool {
    matches!(value, Value::Object { what, .. } if what.is_called_by_name() || *what == What::Partial)
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Container(container) => &container.items,
        _ => &[],
    }
}

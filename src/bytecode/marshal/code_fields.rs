//! Owns the fields of a code object while it is read, and the checks of PyCode_New (Objects/codeobject.c).

use std::sync::Arc;

use super::super::object::{Items, MarshalledCode, Object};
use super::{MarshalError, Problem, Reader, Value};

/// The fields that are objects, in the order of marshal; co_firstlineno stands before the last.
const FIELDS: [&str; 9] = [
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_filename",
    "co_name",
    "co_lnotab",
];

pub(super) struct CodeFields {
    start: usize,
    argcount: i32,
    nlocals: i32,
    stacksize: i32,
    flags: i32,
    first_line: i32,
    objects: Vec<Object>,
    hashable: bool,
}

impl CodeFields {
    pub(super) fn begin(reader: &mut Reader<'_>, start: usize) -> Result<CodeFields, MarshalError> {
        let mut number = || reader.take("a code object").map(i32::from_le_bytes);
        let [argcount, nlocals, stacksize, flags] = [number()?, number()?, number()?, number()?];
        let objects = Vec::with_capacity(FIELDS.len());
        Ok(CodeFields { start, argcount, nlocals, stacksize, flags, first_line: 0, objects, hashable: true })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.objects.len() == FIELDS.len()
    }

    pub(super) fn accept(&mut self, value: Value, reader: &mut Reader<'_>) -> Result<(), MarshalError> {
        let Some(object) = value.object else {
            return Err(self.error(Problem::Null("a code object")));
        };
        self.hashable &= value.hashable;
        self.objects.push(object);
        if self.objects.len() == FIELDS.len() - 1 {
            self.first_line = i32::from_le_bytes(reader.take("co_firstlineno")?);
        }
        Ok(())
    }

    /// Makes the code object. Two things are refused that PyCode_New lets through to worse: a unicode as
    /// code, and names that are no strings (`Py_FatalError` in intern_strings).
    pub(super) fn finish(mut self) -> Result<Value, MarshalError> {
        for (field, value) in [("co_argcount", self.argcount), ("co_nlocals", self.nlocals)] {
            if value < 0 {
                return Err(self.error(Problem::NegativeField { field, value }));
            }
        }
        let code = MarshalledCode {
            argcount: self.argcount,
            nlocals: self.nlocals,
            stacksize: self.stacksize,
            flags: self.flags,
            first_line: self.first_line,
            bytes: self.string(0)?,
            constants: self.tuple(1)?,
            names: self.names(2)?,
            varnames: self.names(3)?,
            freevars: self.names(4)?,
            cellvars: self.names(5)?,
            filename: self.string(6)?,
            name: self.string(7)?,
            lnotab: self.string(8)?,
        };
        Ok(Value { object: Some(Object::Code(Box::new(code))), hashable: self.hashable })
    }

    fn error(&self, problem: Problem) -> MarshalError {
        MarshalError { offset: self.start, problem }
    }

    fn take(&mut self, field: usize) -> Object {
        std::mem::replace(&mut self.objects[field], Object::None)
    }

    fn string(&mut self, field: usize) -> Result<Arc<[u8]>, MarshalError> {
        match self.take(field) {
            Object::Str(bytes) => Ok(bytes),
            Object::Unicode(_) if field == 0 => Err(self.error(Problem::UnicodeCode)),
            other => Err(self.wrong_type(field, &other, "str")),
        }
    }

    fn tuple(&mut self, field: usize) -> Result<Items, MarshalError> {
        match self.take(field) {
            Object::Tuple(items) => Ok(items),
            other => Err(self.wrong_type(field, &other, "tuple")),
        }
    }

    fn names(&mut self, field: usize) -> Result<Vec<Arc<[u8]>>, MarshalError> {
        let items = self.tuple(field)?;
        let string = |(index, item): (usize, &Object)| match item {
            Object::Str(bytes) => Ok(bytes.clone()),
            other => {
                let found = other.type_name().into();
                Err(self.error(Problem::NameType { field: FIELDS[field], index, found }))
            }
        };
        items.iter().enumerate().map(string).collect()
    }

    fn wrong_type(&self, field: usize, found: &Object, wanted: &'static str) -> MarshalError {
        let found = found.type_name().into();
        self.error(Problem::FieldType { field: FIELDS[field], found, wanted })
    }
}

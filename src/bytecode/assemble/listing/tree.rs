//! Makes a program of the code objects that CPython's dis has listed: which holds which, and what a listing does not say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plain::{Constant, Reference, Section};
use super::{ListingError, Problem, Program};
use crate::bytecode::assemble::flags::{self, Scope};
use crate::bytecode::assemble::{Instruction, Item, Operand, assemble, depth, lines};
use crate::bytecode::literal::Interned;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, op};

/// The file name of code whose listing names none.
const NO_FILE: &[u8] = b"listing.py";

/// Code objects that a remark names.
const MOST_NAMED: usize = 10;

/// What is known of a section besides its listing.
#[derive(Clone, Debug, Default)]
struct Place {
    /// The section that has it as a constant.
    outer: Option<usize>,
    reference: Option<Reference>,
}

/// Builds the program.
pub(super) fn build(sections: Vec<Section>, interned: Interned, remarks: Vec<String>) -> Result<Program, ListingError> {
    let mut tree =
        Tree { places: vec![Place::default(); sections.len()], sections, interned, remarks, made: Made::default() };
    tree.claim();
    let roots: Vec<usize> = (0..tree.sections.len()).filter(|&one| tree.places[one].outer.is_none()).collect();
    let file = tree.file();
    let mut built: BTreeMap<usize, MarshalledCode> = BTreeMap::new();
    for one in tree.inner_first() {
        let code = tree.code(one, &file, &mut built)?;
        built.insert(one, code);
    }
    let mut codes: Vec<MarshalledCode> = roots.iter().filter_map(|root| built.remove(root)).collect();
    let is_module = roots.len() == 1 && tree.scope(roots[0]) == Scope::Module;
    let code = match codes.pop() {
        Some(only) if is_module => only,
        last => {
            codes.extend(last);
            tree.module_of(codes, &file)
        }
    };
    tree.say_what_was_made(&file);
    Ok(Program { code, interned: tree.interned, time: 0, remarks: tree.remarks })
}

/// What was inferred, for the remarks.
#[derive(Default)]
struct Made {
    arguments: Vec<String>,
    flags: Vec<String>,
    names: Vec<String>,
    stubs: Vec<String>,
    gaps: Vec<String>,
    orders: Vec<String>,
}

struct Tree {
    sections: Vec<Section>,
    places: Vec<Place>,
    interned: Interned,
    remarks: Vec<String>,
    made: Made,
}

impl Tree {
    /// Finds the listing of each code object that is a constant: by its name, else by its line.
    fn claim(&mut self) {
        for outer in 0..self.sections.len() {
            let wanted: Vec<Reference> = self.sections[outer]
                .constants
                .values()
                .filter_map(|constant| match constant {
                    Constant::Code(reference) => Some(reference.clone()),
                    Constant::Object(_) => None,
                })
                .collect();
            for reference in wanted {
                if let Some(inner) = self.listing_of(outer, &reference) {
                    self.places[inner] = Place { outer: Some(outer), reference: Some(reference) };
                }
            }
        }
    }

    fn listing_of(&self, outer: usize, reference: &Reference) -> Option<usize> {
        let is_free = |one: &usize| self.places[*one].outer.is_none() && !self.is_inside(outer, *one);
        let free = || (0..self.sections.len()).filter(is_free);
        let is_named = |one: &usize| self.sections[*one].name.as_deref() == Some(&*reference.name);
        let distance = |one: &usize| {
            let first = self.sections[*one].first_line?;
            u32::try_from(i64::from(first) - i64::from(reference.line)).ok()
        };
        let nearest = |one: &usize| distance(one).map(|distance| (distance, *one));
        let unnamed = || free().filter(|one| self.sections[*one].name.is_none());
        let by_name = || free().filter(is_named).min_by_key(|one| distance(one).unwrap_or(u32::MAX));
        by_name().or_else(|| unnamed().filter_map(|one| nearest(&one)).min().map(|(_, one)| one))
    }

    /// Whether one section is another one or inside it.
    fn is_inside(&self, mut one: usize, other: usize) -> bool {
        loop {
            if one == other {
                return true;
            }
            match self.places[one].outer {
                Some(outer) => one = outer,
                None => return false,
            }
        }
    }

    /// All sections, each after those inside it.
    fn inner_first(&self) -> Vec<usize> {
        let depth = |mut one: usize| {
            let mut depth = 0;
            while let Some(outer) = self.places[one].outer {
                (one, depth) = (outer, depth + 1);
            }
            depth
        };
        let mut order: Vec<usize> = (0..self.sections.len()).collect();
        order.sort_by_key(|&one| std::cmp::Reverse(depth(one)));
        order
    }

    fn file(&self) -> Vec<u8> {
        let named = self.places.iter().filter_map(|place| place.reference.as_ref());
        let mut files = named.map(|reference| &reference.file).filter(|file| !file.is_empty());
        files.next().cloned().unwrap_or_else(|| NO_FILE.to_vec())
    }

    fn scope(&self, one: usize) -> Scope {
        let section = &self.sections[one];
        let opcodes: Vec<u8> = section.items.iter().filter_map(opcode_of).collect();
        let is_body = |opcode: &u8| [op::LOAD_FAST, op::STORE_FAST, op::DELETE_FAST, op::LOAD_DEREF].contains(opcode);
        let names = |opcode: &u8| [op::STORE_NAME, op::LOAD_NAME, op::DELETE_NAME].contains(opcode);
        if opcodes.ends_with(&[op::LOAD_LOCALS, op::RETURN_VALUE]) {
            Scope::Class
        } else if self.places[one].outer.is_some() || opcodes.iter().any(is_body) {
            Scope::Function
        } else if section.name.as_deref() == Some(b"<module>") || opcodes.iter().any(names) {
            Scope::Module
        } else {
            Scope::Function
        }
    }

    fn name(&mut self, one: usize) -> Vec<u8> {
        let reference = self.places[one].reference.as_ref().map(|reference| reference.name.clone());
        if let Some(name) = reference.or_else(|| self.sections[one].name.clone()) {
            return name;
        }
        if self.scope(one) == Scope::Module {
            return b"<module>".to_vec();
        }
        let name = format!("function_{}", one + 1);
        self.made.names.push(name.clone());
        name.into_bytes()
    }

    fn code(
        &mut self,
        one: usize,
        file: &[u8],
        built: &mut BTreeMap<usize, MarshalledCode>,
    ) -> Result<MarshalledCode, ListingError> {
        let name = self.name(one);
        let shown = super::printable(&name);
        let mut section = self.sections[one].clone();
        let at = section.at;
        let fail = |problem| ListingError { line: at, problem };
        let items = bound(std::mem::take(&mut section.items));
        let assembled = assemble(&items).map_err(|error| fail(Problem::Assemble(error)))?;
        let mut missing = 0;
        let cells = filled(section.cells.clone(), &mut missing, &mut self.interned);
        let first_free = self.first_free(one, &cells);
        let scope = self.scope(one);
        if scope == Scope::Function {
            let given = section.place_cell_arguments(first_free);
            self.made.orders.extend((given.len() > 1).then(|| format!("{shown} {}", given.join(" "))));
        }
        let [names, varnames] =
            [section.names, section.varnames].map(|table| filled(table, &mut missing, &mut self.interned));
        let (cellvars, freevars) = cells.split_at(first_free);
        let constants = self.constants(one, section.constants, file, built, &mut missing);
        if missing > 0 {
            self.made.gaps.push(format!("{shown} {missing}"));
        }
        let is_nested = self.places[one].outer.is_some_and(|outer| self.scope(outer) == Scope::Function);
        let has_cells = !cells.is_empty();
        let flags = flags::of(scope, &assembled.bytes, is_nested, has_cells);
        self.made.flags.push(format!("{shown} {}", flags::names(flags).0.join("|")));
        let argcount = if scope == Scope::Function { section.arguments } else { 0 };
        if scope == Scope::Function {
            self.made.arguments.push(format!("{shown} {argcount}"));
        }
        let reference = self.places[one].reference.as_ref();
        let first_line = reference.map_or(section.first_line.unwrap_or(1), |reference| reference.line);
        let stacksize = depth::of(&assembled.bytes).map_err(|error| fail(Problem::Depth(error)))?;
        let lnotab = lines::write(first_line, &assembled.lines);
        let (filename, name): (Arc<[u8]>, Arc<[u8]>) = (file.into(), name.into());
        [&filename, &name].into_iter().for_each(|text| self.interned.add(text));
        Ok(MarshalledCode {
            argcount: argcount.min(varnames.len() as u32).cast_signed(),
            nlocals: varnames.len() as i32,
            stacksize: stacksize.cast_signed(),
            flags: flags.cast_signed(),
            bytes: assembled.bytes.into(),
            constants: constants.into(),
            names,
            varnames,
            freevars: freevars.to_vec(),
            cellvars: cellvars.to_vec(),
            filename,
            name,
            first_line,
            lnotab: self.short(lnotab),
        })
    }

    /// The first free variable: one that is a cell or free variable of the code outside.
    fn first_free(&self, one: usize, cells: &[Arc<[u8]>]) -> usize {
        let mut outer = self.places[one].outer;
        while let Some(place) = outer.filter(|&place| self.scope(place) == Scope::Class) {
            outer = self.places[place].outer;
        }
        let Some(outer) = outer else { return cells.len() };
        let known = &self.sections[outer].cells;
        cells.iter().position(|name| known.values().any(|known| known == name)).unwrap_or(cells.len())
    }

    fn constants(
        &mut self,
        one: usize,
        constants: BTreeMap<u32, Constant>,
        file: &[u8],
        built: &mut BTreeMap<usize, MarshalledCode>,
        missing: &mut usize,
    ) -> Vec<Object> {
        let mut list = Vec::new();
        for (index, constant) in constants {
            while (list.len() as u64) < u64::from(index.min(u16::MAX.into())) {
                list.push(Object::None);
                *missing += 1;
            }
            list.push(match constant {
                Constant::Object(object) => object,
                Constant::Code(reference) => {
                    let inner = self
                        .places
                        .iter()
                        .position(|place| place.outer == Some(one) && place.reference.as_ref() == Some(&reference));
                    let code = inner.and_then(|inner| {
                        self.places[inner].outer = None;
                        built.remove(&inner)
                    });
                    Object::Code(Box::new(code.unwrap_or_else(|| self.stub(&reference, file))))
                }
            });
        }
        list
    }

    /// Stands for a code object whose listing is not there: it returns None.
    fn stub(&mut self, reference: &Reference, file: &[u8]) -> MarshalledCode {
        self.made.stubs.push(super::printable(&reference.name));
        let name: Arc<[u8]> = reference.name.as_slice().into();
        let filename: Arc<[u8]> = file.into();
        [&filename, &name].into_iter().for_each(|text| self.interned.add(text));
        let flags = flags::of(Scope::Function, &[], false, false).cast_signed();
        MarshalledCode {
            argcount: 0,
            nlocals: 0,
            stacksize: 1,
            flags,
            bytes: [op::LOAD_CONST, 0, 0, op::RETURN_VALUE].as_slice().into(),
            constants: vec![Object::None].into(),
            names: Vec::new(),
            varnames: Vec::new(),
            freevars: Vec::new(),
            cellvars: Vec::new(),
            filename,
            name,
            first_line: reference.line,
            lnotab: [].into(),
        }
    }

    /// A string that the VM interns if it is short.
    fn short(&mut self, bytes: Vec<u8>) -> Arc<[u8]> {
        let bytes: Arc<[u8]> = bytes.into();
        if bytes.len() < 2 {
            self.interned.add(&bytes);
        }
        bytes
    }

    /// Makes a module that defines functions.
    fn module_of(&mut self, functions: Vec<MarshalledCode>, file: &[u8]) -> MarshalledCode {
        let names: Vec<Arc<[u8]>> = functions.iter().map(|code| code.name.clone()).collect();
        let shown: Vec<String> = names.iter().map(|name| super::printable(name)).collect();
        self.remarks.push(format!("the listing has no module; one that defines {} is made", shown.join(", ")));
        let mut bytes = Vec::new();
        let mut operation = |opcode: u8, operand: Option<usize>| {
            bytes.push(opcode);
            bytes.extend(operand.map(|operand| (operand as u16).to_le_bytes()).into_iter().flatten());
        };
        for index in 0..functions.len() {
            operation(op::LOAD_CONST, Some(index));
            operation(op::MAKE_FUNCTION, Some(0));
            operation(op::STORE_NAME, Some(index));
        }
        operation(op::LOAD_CONST, Some(functions.len()));
        operation(op::RETURN_VALUE, None);
        let mut module = self.stub(&Reference { name: b"<module>".to_vec(), file: Vec::new(), line: 1 }, file);
        self.made.stubs.pop();
        let mut constants: Vec<Object> = functions.into_iter().map(|code| Object::Code(Box::new(code))).collect();
        constants.push(Object::None);
        module.flags = flags::NOFREE.cast_signed();
        module.names = names;
        module.constants = constants.into();
        module.bytes = bytes.into();
        module
    }

    fn say_what_was_made(&mut self, file: &[u8]) {
        let made = std::mem::take(&mut self.made);
        let mut say = |what: &str, list: &[String]| {
            if let Some(more) = list.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
                self.remarks.push(format!("{what}: {}, and for {more} more", list[..MOST_NAMED].join(", ")));
            } else if !list.is_empty() {
                self.remarks.push(format!("{what}: {}", list.join(", ")));
            }
        };
        say("argument counts are inferred from variables that are read before they are written", &made.arguments);
        say("the order of arguments that inner functions use is made up", &made.orders);
        say("flags are inferred", &made.flags);
        say("names of functions are made up", &made.names);
        say("entries of tables that no instruction names are made up", &made.gaps);
        say("code objects that are not listed are empty", &made.stubs);
        let is_known = self.places.iter().any(|place| place.reference.is_some());
        if !is_known {
            self.remarks.push(format!("the file's name is made up: {}", super::printable(file)));
        }
    }
}

fn opcode_of(item: &Item) -> Option<u8> {
    match item {
        Item::Instruction(instruction) => Some(instruction.opcode),
        _ => None,
    }
}

/// Replaces jumps to offsets that are not listed by their numbers.
fn bound(items: Vec<Item>) -> Vec<Item> {
    let labels: std::collections::HashSet<u32> = items
        .iter()
        .filter_map(|item| match item {
            Item::Label(label) => Some(label.0),
            _ => None,
        })
        .collect();
    let mut at = 0u32;
    let mut bind = |item: Item| match item {
        Item::Label(label) => {
            at = label.0;
            Item::Label(label)
        }
        Item::Instruction(Instruction { opcode, operand: Operand::Target(label) }) if !labels.contains(&label.0) => {
            let is_relative = opcode::operand_kind(opcode) == opcode::OperandKind::JumpRelative;
            let operand = if is_relative { label.0.wrapping_sub(at + 3) } else { label.0 };
            Item::Instruction(Instruction { opcode, operand: Operand::Number(operand.cast_signed()) })
        }
        item => item,
    };
    items.into_iter().map(&mut bind).collect()
}

/// Makes a table of names of what instructions say of it.
fn filled(table: BTreeMap<u32, Arc<[u8]>>, missing: &mut usize, interned: &mut Interned) -> Vec<Arc<[u8]>> {
    let mut list: Vec<Arc<[u8]>> = Vec::new();
    for (index, name) in table {
        while (list.len() as u64) < u64::from(index.min(u16::MAX.into())) {
            let name: Arc<[u8]> = format!("unknown_{}", list.len()).into_bytes().into();
            interned.add(&name);
            list.push(name);
            *missing += 1;
        }
        list.push(name);
    }
    list
}

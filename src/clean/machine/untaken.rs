//! What is decided by what ran, or by what no compiler makes: sides of conditions, and failures after which nothing plausible comes.

use super::conditions::Decision;
use super::explore::Explorer;
use super::fold::settled;
use super::step::Step;
use super::{effect, implausible};
use crate::bytecode::Unit;
use crate::bytecode::opcode::op;
use crate::clean::Untaken;
use crate::clean::value::Value;

impl Explorer<'_> {
    fn place(&self) -> implausible::Place<'_> {
        implausible::Place { code: self.input.code, has_prefixes: self.has_prefixes }
    }

    /// Whether a failure is a jump, or the end: nothing goes on after it but what no compiler makes.
    pub(super) fn is_jump(&self, step: &Step) -> bool {
        let block = step.blocks.iter().rev().find(|block| self.catches(block));
        if block.is_some_and(|block| !self.is_real(block))
            || step.opcode == op::RAISE_VARARGS
            || effect::is_undefined(step.opcode)
        {
            return true;
        }
        let (pops, pushes) = effect::of(step.opcode, step.operand.unwrap_or(0)).unwrap_or((0, 0));
        let depth = (step.stack.len() + pushes as usize).saturating_sub(pops as usize);
        implausible::why(self.place(), step.end, depth, &|_| false).is_some()
    }

    /// Whether a chained comparison that is false goes on here: what was compared twice is popped below the result.
    pub(super) fn drops_operand(&self, target: i32) -> bool {
        let opcode = |offset: i32| {
            let unit = Unit::decode(&self.input.code.bytes, u32::try_from(offset).ok()?)?;
            Some((unit.last.opcode, unit.end as i32))
        };
        let bytes = settled(self.input.code, target);
        let Some((op::ROT_TWO, next)) = opcode(bytes) else { return false };
        opcode(settled(self.input.code, next)).is_some_and(|(opcode, _)| opcode == op::POP_TOP)
    }

    /// Whether an instruction that ran, and after which so many entries are on the stack, never went on to the next one, where no
    /// compiler's code is.
    pub(super) fn falls_into_junk(&self, step: &Step, depth: usize) -> bool {
        let Some(executed) = self.input.executed else { return false };
        let stops = |at: u32| executed.offsets.contains_key(&at);
        executed.offsets.contains_key(&step.at)
            && !executed.edges.contains_key(&(step.at, step.end as u32))
            && self.input.untaken != Untaken::Keep
            && (self.input.cut.contains(&step.at) || implausible::why(self.place(), step.end, depth, &stops).is_some())
    }

    /// Whether an exception came when an instruction had run.
    pub(super) fn has_raised(&self, step: &Step) -> bool {
        self.input.executed.is_some_and(|executed| executed.raised.contains_key(&step.at))
    }

    /// Whether a name was never found when it was looked up, and nothing in the program stores to it.
    pub(super) fn never_found(&self, step: &Step) -> bool {
        let Some(executed) = self.input.executed.filter(|_| self.input.untaken != Untaken::Keep) else { return false };
        let name = step.operand.and_then(|place| self.input.code.names.get(usize::try_from(place).ok()?));
        // gettext.install stores these among the builtins, and on Windows there is another one.
        const OTHERS: [&[u8]; 6] = [b"_", b"gettext", b"lgettext", b"lngettext", b"ngettext", b"WindowsError"];
        !self.input.is_looked_up
            && name.is_none_or(|name| !OTHERS.contains(&&**name))
            && executed.raised.contains_key(&step.at)
            && !executed.edges.contains_key(&(step.at, step.end as u32))
    }

    /// Decides a condition by what ran.
    pub(super) fn untaken(&self, step: &Step, target: i32) -> Option<Decision> {
        let (input, next) = (self.input, step.end);
        if input.untaken == Untaken::Keep || target == next {
            return None;
        }
        let ran = |to: i32| {
            let edges = input.executed.map(|executed| &executed.edges);
            edges.and_then(|edges| edges.get(&(step.at, to as u32))).is_some()
        };
        let has_run = |at: u32| input.executed.is_some_and(|executed| executed.offsets.contains_key(&at));
        let depth = step.stack.len() - 1;
        let keeps = matches!(step.opcode, op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP);
        let strange = |to: i32| {
            let depth = depth + usize::from(keeps && to == target);
            implausible::why(self.place(), to, depth, &has_run)
        };
        let describe = |to: i32, why: &str| format!("the side to {to} never ran, and {why}");
        let without =
            |to: i32| format!("the side to {to} never ran, and with it the code is none that a compiler makes");
        let is_cut = input.cut.contains(&step.at) && step.stack.last() != Some(&Value::Match);
        let decided = |is_taken, why, is_guess| Some(Decision { is_taken, why, is_guess });
        let never = |to: i32| format!("the side to {to} never ran");
        let junk = |is_taken, to: i32| strange(to).and_then(|why| decided(is_taken, describe(to, why), false));
        match (ran(target), ran(next)) {
            (true, true) => None,
            (true, false) if is_cut => decided(true, without(next), true),
            (false, true) if is_cut => decided(false, without(target), true),
            (true, false) if input.untaken == Untaken::Cut => decided(true, never(next), true),
            (false, true) if input.untaken == Untaken::Cut => decided(false, never(target), true),
            (true, false) => junk(true, next),
            (false, true) => junk(false, target),
            (false, false) => match (strange(target), strange(next)) {
                (Some(why), None) => decided(false, describe(target, why), false),
                (None, Some(why)) => decided(true, describe(next, why), false),
                _ => None,
            },
        }
    }

    /// Whether a FOR_ITER always went on with an item, and nothing leads back to it, as far as is known by now.
    pub(super) fn runs_once(&self, step: &Step, operand: i32) -> bool {
        if self.input.untaken == Untaken::Keep || self.returns.contains(&step.at) {
            return false;
        }
        let Some(executed) = self.input.executed else { return false };
        let done = step.end.wrapping_add(operand) as u32;
        if !executed.offsets.contains_key(&step.at) {
            let has_run = |at: u32| executed.offsets.contains_key(&at);
            let is_strange = |to: i32, depth| implausible::why(self.place(), to, depth, &has_run).is_some();
            let depth = step.stack.len();
            return self.input.untaken == Untaken::Plausible
                && is_strange(step.end.wrapping_add(operand), depth - 1)
                && !is_strange(step.end, depth + 1);
        }
        let comes_back = executed.edges.keys().filter(|edge| edge.1 == step.at).count() > 1;
        let went_on = executed.edges.contains_key(&(step.at, step.end as u32));
        went_on && !comes_back && !executed.edges.contains_key(&(step.at, done))
    }

    /// Decides a condition that is made of constants alone, and that always went one way in the traces.
    pub(super) fn fixed(&mut self, step: &Step, target: i32, condition: &Value) -> Option<Decision> {
        if !matches!(condition, Value::Fixed(_) | Value::Fresh(_))
            || self.input.untaken == Untaken::Keep
            || target == step.end
            || self.mixed.contains(&step.at)
        {
            return None;
        }
        let edges = &self.input.executed?.edges;
        let ran = |to: i32| edges.contains_key(&(step.at, to as u32));
        let is_taken = match (ran(target), ran(step.end)) {
            (true, false) => true,
            (false, true) => false,
            _ => return None,
        };
        let gone = if is_taken { step.end } else { target };
        self.fixed.insert(step.at);
        let why = format!("its condition is opaque: it is made of constants alone, and the side to {gone} never ran");
        Some(Decision { is_taken, why, is_guess: true })
    }
}

//! One frame of the trace: the states that the VM may be in there, carried from instruction to
//! instruction.

use super::machine::{Code, End, Left, Outcome, State, Unit};
use super::{Allowance, opcode};
use std::rc::Rc;

pub struct Frame {
    pub code: Rc<Code>,
    /// The states that the frame may be in before `last`, or, where there is none, now.
    pub states: Vec<State>,
    pub last: Option<Unit>,
    /// f_lasti: where the last instruction, or its first prefix, begins.
    at: i64,
    /// The offset and the operand so far, between an EXTENDED_ARG and its successor.
    pub prefix: Option<(i64, i32)>,
    /// Exceptions set since the last instruction.
    pub raised: u8,
    pub suspended: bool,
}

impl Frame {
    pub fn fresh(code: Rc<Code>) -> Frame {
        Frame { code, states: vec![State::fresh()], last: None, at: -1, prefix: None, raised: 0, suspended: false }
    }

    /// Everything that can have happened since `states`, as far as what was reported allows it.
    fn outcomes(&self, allowance: Allowance) -> Vec<End> {
        let mut ends = Vec::new();
        for state in &self.states {
            let outcomes = match self.last {
                Some(unit) => state.execute(&unit, &self.code, allowance.trace_functions),
                None => state.begin(),
            };
            for Outcome { end, raised } in outcomes {
                if (allowance.unreported_exceptions || raised == self.raised) && !ends.contains(&end) {
                    ends.push(end);
                }
            }
        }
        ends
    }

    pub fn raise(&mut self, offset: Option<i64>) -> Result<(), String> {
        self.raised += 1;
        match offset {
            _ if self.prefix.is_some() => {
                Err(format!("an exception between EXTENDED_ARG and its successor at {}", self.at))
            }
            Some(offset) if offset != self.at => {
                Err(format!("an exception at {offset}, but {} was executed last", self.at))
            }
            _ => Ok(()),
        }
    }

    pub fn leaves(&self, how: Left, allowance: Allowance) -> Vec<End> {
        let mut ends = self.outcomes(allowance);
        // A trace function that raises at the return event turns the return into an exception
        // (ceval.c, fast_yield).
        let overruled = how == Left::Exception && allowance.trace_functions;
        ends.retain(|end| matches!(end, End::Left(left, _) if how == *left || how == Left::Somehow || overruled));
        ends
    }

    pub fn execute(
        &mut self,
        offset: i64,
        reported: u8,
        operand: Option<i32>,
        allowance: Allowance,
    ) -> Result<(), String> {
        let mut verdict = Ok(());
        let (prefix, high) = match self.prefix.take() {
            Some((expected, high)) => {
                if offset != expected {
                    verdict = Err(format!("{offset} does not follow the EXTENDED_ARG before {expected}"));
                }
                (true, high)
            }
            None => {
                verdict = self.arrive(offset, allowance);
                self.at = offset;
                (false, 0)
            }
        };
        let unit = self.code.fetch(offset, prefix, high, reported, operand);
        if reported != unit.opcode
            || operand.is_some_and(|operand| opcode::has_operand(unit.opcode) && operand != unit.operand)
        {
            verdict = verdict.and(Err(format!(
                "{offset} is reported as opcode {reported} ({operand:?}), but the code has {} ({})",
                unit.opcode, unit.operand
            )));
        }
        if unit.opcode == opcode::EXTENDED_ARG {
            self.prefix = Some((unit.next, unit.operand));
        } else {
            self.last = Some(unit);
        }
        verdict
    }

    /// Moves the states over the last instruction to `offset`. Where none gets there, all are put
    /// there, so that one fault counts once.
    fn arrive(&mut self, offset: i64, allowance: Allowance) -> Result<(), String> {
        let ends = self.outcomes(allowance);
        let states = ends.into_iter().filter_map(|end| if let End::At(state) = end { Some(state) } else { None });
        let (mut arrived, elsewhere): (Vec<State>, Vec<State>) =
            states.partition(|state| state.next.is_none_or(|next| next == offset));
        self.raised = 0;
        let verdict = if arrived.is_empty() {
            let legal: Vec<_> = elsewhere.iter().filter_map(|state| state.next).collect();
            arrived = if elsewhere.is_empty() { std::mem::take(&mut self.states) } else { elsewhere };
            Err(format!("{offset} cannot follow {:?}: legal are {legal:?}", self.last))
        } else {
            Ok(())
        };
        self.states.clear();
        for mut state in arrived {
            state.next = None;
            if !self.states.contains(&state) {
                self.states.push(state);
            }
        }
        self.last = None;
        verdict
    }
}

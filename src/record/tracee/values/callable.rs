//! The value of what is called: besides its name the object that it is called on, which source code shows and no other operand does.

use super::walk::{At, Walk, Words, what};
use crate::trace::value::{self, Role, Tag, What};
use crate::vm::Gil;
use crate::vm::value::{Callee, Changes, Glance, Known, Look, Making, Named, ObjectRef, Seen};

/// In place of an owner's address, for a name that stands without its owner.
const BARE: usize = 1;

/// An entry that no name has.
const NO_NAME: u32 = u32::MAX;

/// What the call of an object does, as far as that is known before it.
pub struct Calling {
    /// What it makes before any Python runs.
    pub making: Option<Making>,
    /// The address of the code object of the frame that it enters; 0 where it enters none at once.
    pub code: usize,
}

impl Walk {
    /// Writes the value of a callable, and says what its call does; `is_last` says that it was the last result.
    #[inline]
    pub fn callable(&mut self, gil: Gil, object: ObjectRef, is_last: bool, step: u32, out: &mut impl Words) -> Calling {
        let look = object.look(gil);
        let at = At::Front { role: Role::Operand, step };
        self.begin_value();
        if self.known_method(gil, object, &look, at, out) {
            return Calling { making: None, code: look.called_code() };
        }
        match look.callee() {
            Callee::Plain if is_last => out.push_number(value::pack(Tag::Same, Role::Operand, step, 0)),
            callee => self.called(gil, object, &look, callee, at, out),
        }
        Calling { making: look.makes_new(), code: look.called_code() }
    }

    /// Writes the value of an argument.
    #[inline]
    pub fn argument(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        is_last: bool,
        role: Role,
        step: u32,
        out: &mut impl Words,
    ) {
        self.begin_value();
        let at = At::Front { role, step };
        match object.glance(gil) {
            _ if is_last => {}
            Glance::Scalar(scalar) => return self.scalar(scalar, at, out),
            Glance::Instance(class) => return self.instance(gil, object, class, at, out),
            Glance::Unclear => {}
        }
        let look = object.look(gil);
        match self.bound_method(gil, object, &look, at, out) {
            true => {}
            false if is_last => out.push_number(value::pack(Tag::Same, role, step, 0)),
            false => self.looked_at(gil, object, &look, at, out),
        }
    }

    /// Writes a bound method with its object, since C code that gets the method may call it; returns whether it is one.
    #[inline]
    pub(super) fn bound_method(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        look: &Look,
        at: At,
        out: &mut impl Words,
    ) -> bool {
        if !matches!(look.seen, Seen::Object(Named::Method | Named::Builtin | Named::Wrapper)) {
            return false;
        }
        if self.known_method(gil, object, look, at, out) {
            return true;
        }
        let callee = look.callee();
        let is_bound = matches!(callee, Callee::Bound { .. });
        if is_bound {
            self.called(gil, object, look, callee, at, out);
        }
        is_bound
    }

    /// The same of one whose name is known by its address, which is quick.
    #[inline]
    fn known_method(&mut self, gil: Gil, object: ObjectRef, look: &Look, at: At, out: &mut impl Words) -> bool {
        let Seen::Object(named @ (Named::Method | Named::Builtin)) = look.seen else { return false };
        let Some(Known { name, receiver: Some(receiver), .. }) = look.known() else { return false };
        let Some(entry) = self.names.functions.find((name, BARE), Changes::now(gil).functions) else { return false };
        self.objects = self.objects.saturating_sub(1);
        let payload = value::object_payload(entry, what(named), self.numbers.of(object.address(), look.of_type));
        out.push(at.pack(Tag::Bound, payload));
        self.receiver(gil, receiver, At::Inside { depth: at.depth() }, out);
        true
    }

    fn called(&mut self, gil: Gil, object: ObjectRef, look: &Look, callee: Callee, at: At, out: &mut impl Words) {
        let inside = At::Inside { depth: at.depth() };
        match callee {
            Callee::Bound { name, receiver } => {
                let what = if let Seen::Object(named) = look.seen { what(named) } else { What::Instance };
                self.bound(gil, object, look, what, name, at, out);
                self.receiver(gil, receiver, inside, out);
            }
            Callee::Proxy { name, referent } => {
                self.bound(gil, object, look, What::Instance, name, at, out);
                self.object(gil, referent, inside, out);
            }
            Callee::Partial { name, first, rest, keywords } if at.depth() < self.caps.depth => {
                self.bound(gil, object, look, What::Partial, name, at, out);
                out.push(value::pack_nested(Tag::Tuple, value::container_payload(0, 3, false)));
                let inside = At::Inside { depth: at.depth() + 1 };
                let look = first.look(gil);
                self.called(gil, first, &look, look.callee(), inside, out);
                self.object(gil, rest, inside, out);
                self.object(gil, keywords, inside, out);
            }
            Callee::Foreign { name } => {
                let payload = self.named(object, look, What::Foreign, (b"", name), out);
                out.push(at.pack(Tag::Object, payload));
            }
            Callee::Partial { .. } | Callee::Plain => self.looked_at(gil, object, look, at, out),
        }
    }

    /// Writes the object that a method is called on: what functools.partial or re.compile has made as they made it, another method with
    /// its object.
    fn receiver(&mut self, gil: Gil, receiver: ObjectRef, at: At, out: &mut impl Words) {
        if let Glance::Instance(class) = receiver.glance(gil)
            && self.names.plain.find((class, 0), Changes::now(gil).classes).is_some()
        {
            return self.instance(gil, receiver, class, at, out);
        }
        let look = receiver.look(gil);
        match look.callee() {
            Callee::Plain => {
                if matches!(look.seen, Seen::Object(Named::Instance)) {
                    self.names.plain.put((look.of_type, 0), Changes::now(gil).classes, NO_NAME);
                }
                self.looked_at(gil, receiver, &look, at, out);
            }
            made @ Callee::Partial { .. } => self.called(gil, receiver, &look, made, at, out),
            bound @ Callee::Bound { .. } if at.depth() < self.caps.depth => {
                self.called(gil, receiver, &look, bound, At::Inside { depth: at.depth() + 1 }, out);
            }
            _ => self.looked_at(gil, receiver, &look, at, out),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn bound(
        &mut self,
        gil: Gil,
        object: ObjectRef,
        look: &Look,
        what: What,
        name: &[u8],
        at: At,
        out: &mut impl Words,
    ) {
        self.objects = self.objects.saturating_sub(1);
        let known = look.known().map(|known| (known.name, BARE));
        let payload = self.function(gil, object, look, what, known, || (b"", name), out);
        out.push(at.pack(Tag::Bound, payload));
    }
}

//! A run of a program as a tree of what repeats: stretches of code, frames, loops and recursions, each kept once however often it comes.

use rustc_hash::FxHashMap;

use crate::read::steps::Exit;
use crate::views::room::Room;

/// Items of a loop's body at most.
const LONGEST_BODY: usize = 32;

/// A node, by its place in the tree.
pub(super) type Id = u32;

/// What is executed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Units of a code object, by its number here, one after the other.
    Run { code: u32, start: u32, end: u32 },
    /// A frame from where it was entered to where it was left; None while it is still there.
    Frame { code: u32, exit: Option<Exit>, body: Vec<Id> },
    /// The body again and again.
    Loop { body: Vec<Id>, times: u64 },
    /// Frames of one code object in each other: each does what stands before, calls the next one and does what stands after.
    Recursion { code: u32, exit: Option<Exit>, before: Vec<Id>, after: Vec<Id>, inner: Id, times: u64 },
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) instructions: u64,
    /// Nodes in each other.
    pub(super) height: u32,
    /// How often it was asked for.
    uses: u32,
}

/// All nodes.
pub(super) struct Tree {
    nodes: Vec<Node>,
    known: FxHashMap<Kind, Id>,
    pub(super) room: Room,
}

impl Tree {
    pub(super) fn new(room: Room) -> Tree {
        Tree { nodes: Vec::new(), known: FxHashMap::default(), room }
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// Returns the node that is this, which executes so many instructions; None if there is no room for it.
    pub(super) fn add(&mut self, kind: Kind, instructions: u64) -> Option<Id> {
        if let Some(&id) = self.known.get(&kind) {
            let uses = &mut self.nodes[id as usize].uses;
            *uses = uses.saturating_add(1);
            return Some(id);
        }
        let children = match &kind {
            Kind::Run { .. } => 0,
            Kind::Frame { body, .. } | Kind::Loop { body, .. } => body.len(),
            Kind::Recursion { before, after, .. } => before.len() + after.len(),
        };
        let id = u32::try_from(self.nodes.len()).ok()?;
        if !self.room.take(2 * (size_of::<Node>() + 4 * children) as u64) {
            return None;
        }
        let height = |ids: &[Id]| ids.iter().map(|id| self.node(*id).height + 1).max().unwrap_or(0);
        let height = match &kind {
            Kind::Run { .. } => 0,
            Kind::Frame { body, .. } | Kind::Loop { body, .. } => height(body),
            Kind::Recursion { before, after, inner, .. } => height(before).max(height(after)).max(height(&[*inner])),
        };
        self.nodes.push(Node { kind: kind.clone(), instructions, height, uses: 1 });
        self.known.insert(kind, id);
        Some(id)
    }

    /// Forgets a node that its owner needs no longer, if it is the last one that was made and has no other owner.
    fn forget(&mut self, id: Id) {
        if id as usize + 1 == self.nodes.len()
            && self.node(id).uses == 1
            && let Some(node) = self.nodes.pop()
        {
            if let Kind::Loop { body, .. } = &node.kind {
                self.room.give_back(2 * (size_of::<Node>() + 4 * body.len()) as u64);
            }
            self.known.remove(&node.kind);
        }
    }

    pub(super) fn sum(&self, ids: &[Id]) -> u64 {
        ids.iter().map(|id| self.node(*id).instructions).fold(0, u64::saturating_add)
    }

    /// Makes the node of a frame that is left: a recursion if it calls its own code in the same way as that does.
    pub(super) fn frame(&mut self, code: u32, exit: Option<Exit>, body: Vec<Id>, instructions: u64) -> Option<Id> {
        let is_same = |id: &Id| match &self.node(*id).kind {
            Kind::Frame { code: other, exit: other_exit, .. }
            | Kind::Recursion { code: other, exit: other_exit, .. } => *other == code && *other_exit == exit,
            _ => false,
        };
        let mut calls = body.iter().enumerate().filter(|(_, id)| is_same(id));
        let (Some((place, &child)), None) = (calls.next(), calls.next()) else {
            return self.add(Kind::Frame { code, exit, body }, instructions);
        };
        let (before, after) = (&body[..place], &body[place + 1..]);
        let recursion = match &self.node(child).kind {
            Kind::Recursion { before: other, after: other_after, inner, times, .. }
                if other == before && other_after == after =>
            {
                Some((*inner, times + 1))
            }
            Kind::Frame { body: other, .. }
                if other.len() == body.len() && other[..place] == *before && other[place + 1..] == *after =>
            {
                Some((other[place], 2)).filter(|(inner, _)| is_same(inner))
            }
            _ => None,
        };
        let kind = match recursion {
            Some((inner, times)) => {
                Kind::Recursion { code, exit, before: before.to_vec(), after: after.to_vec(), inner, times }
            }
            None => Kind::Frame { code, exit, body },
        };
        self.add(kind, instructions)
    }
}

/// What a frame has executed so far, its loops folded.
#[derive(Debug, Default)]
pub(super) struct Body {
    items: Vec<Id>,
    /// A loop that may go on, and its place in the items; what stands after it is the beginning of its body.
    open: Option<(usize, Vec<Id>, u64)>,
    /// A run that the next one may lengthen.
    run: Option<(u32, u32, u32, u64)>,
    pub(super) instructions: u64,
}

impl Body {
    /// Takes a run of `count` instructions.
    pub(super) fn run(&mut self, tree: &mut Tree, code: u32, start: u32, end: u32, count: u64) {
        self.instructions += count;
        match &mut self.run {
            Some((known, _, before, instructions)) if *known == code && *before == start => {
                *before = end;
                *instructions += count;
            }
            _ => {
                self.end_run(tree);
                self.run = Some((code, start, end, count));
            }
        }
    }

    /// Ends the run: control went on elsewhere, in this frame or another one.
    pub(super) fn end_run(&mut self, tree: &mut Tree) {
        if let Some((code, start, end, count)) = self.run.take()
            && let Some(id) = tree.add(Kind::Run { code, start, end }, count)
        {
            self.push(tree, id);
        }
    }

    /// Takes what a frame that was called has executed.
    pub(super) fn call(&mut self, tree: &mut Tree, id: Id) {
        self.end_run(tree);
        self.instructions += tree.node(id).instructions;
        self.push(tree, id);
    }

    fn push(&mut self, tree: &mut Tree, id: Id) {
        if let Some((place, body, times)) = &mut self.open {
            let at = self.items.len() - *place;
            if body[at] == id {
                self.items.push(id);
                if at + 1 == body.len() {
                    self.items.truncate(*place);
                    *times += 1;
                }
                return;
            }
            self.end_loop(tree);
            // What stood after the loop can have begun another one.
            return self.push(tree, id);
        }
        if !tree.room.has(size_of::<Id>() as u64) {
            tree.room.dropped += 1;
            return;
        }
        self.items.push(id);
        let count = self.items.len();
        for length in 1..=LONGEST_BODY.min(count - 1) {
            let before = self.items[count - 1 - length];
            if before == id
                && count >= 2 * length
                && self.items[count - length..] == self.items[count - 2 * length..count - length]
            {
                return self.open_loop(tree, count - 2 * length, length, 2);
            }
            // A loop in the body of another one has ended that meanwhile: it goes on.
            if let Kind::Loop { body, times } = &tree.node(before).kind
                && *body == self.items[count - length..]
            {
                let times = times + 1;
                tree.forget(before);
                return self.open_loop(tree, count - 1 - length, length, times);
            }
        }
    }

    /// Where it stands.
    pub(super) fn standing(&self) -> Standing {
        let (place, _, times) =
            self.open.as_ref().map_or((0, &[][..], 0), |(place, body, times)| (*place, body, *times));
        Standing { place, times, items: self.items.len(), run: self.run, instructions: self.instructions }
    }

    /// Brings the open loop round so many times more, each time as it was since `before`.
    pub(super) fn repeat(&mut self, more: u64, before: &Standing) {
        if let Some((_, _, times)) = &mut self.open {
            *times += more;
            self.instructions += more * (self.instructions - before.instructions);
        }
    }

    /// Makes the last items the body of a loop that stands at a place.
    fn open_loop(&mut self, tree: &mut Tree, place: usize, length: usize, times: u64) {
        let body = self.items.split_off(self.items.len() - length);
        tree.room.give_back(((self.items.len() + length - place) * size_of::<Id>()) as u64);
        self.items.truncate(place);
        self.open = Some((place, body, times));
    }

    /// Ends the loop that was open.
    fn end_loop(&mut self, tree: &mut Tree) {
        let Some((place, body, times)) = self.open.take() else { return };
        let instructions = tree.sum(&body).saturating_mul(times);
        let rest = self.items.split_off(place);
        if let Some(id) = tree.add(Kind::Loop { body, times }, instructions) {
            self.push(tree, id);
        }
        rest.into_iter().for_each(|id| self.push(tree, id));
    }

    /// Ends it; returns all of it.
    pub(super) fn end(mut self, tree: &mut Tree) -> (Vec<Id>, u64) {
        self.end_run(tree);
        while self.open.is_some() {
            self.end_loop(tree);
        }
        tree.room.give_back((self.items.len() * size_of::<Id>()) as u64);
        (self.items, self.instructions)
    }
}

/// Where a frame stands: its open loop, how often that came round, and what came since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    place: usize,
    times: u64,
    items: usize,
    run: Option<(u32, u32, u32, u64)>,
    instructions: u64,
}

impl Standing {
    /// Whether the open loop has come round once since then, and nothing else has changed.
    pub(super) fn is_next(&self, before: &Standing) -> bool {
        self.times > 0
            && *self == Standing { times: before.times + 1, instructions: self.instructions, ..before.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(runs: &[u32]) -> (Tree, Vec<Id>, u64) {
        let mut tree = Tree::new(Room::new(1 << 20));
        let mut body = Body::default();
        for &start in runs {
            body.run(&mut tree, 0, start, start + 1, 1);
            body.end_run(&mut tree);
        }
        let (items, instructions) = body.end(&mut tree);
        (tree, items, instructions)
    }

    /// The tree as text: `2x(10 20)`.
    fn text(tree: &Tree, items: &[Id]) -> String {
        let texts: Vec<String> = items
            .iter()
            .map(|id| match &tree.node(*id).kind {
                Kind::Run { start, .. } => start.to_string(),
                Kind::Loop { body, times } => format!("{times}x({})", text(tree, body)),
                other => format!("{other:?}"),
            })
            .collect();
        texts.join(" ")
    }

    #[test]
    fn loops_are_folded_with_exact_counts_and_in_each_other() {
        let (tree, items, instructions) = folded(&[5, 10, 20, 10, 20, 10, 20, 10, 30]);
        assert_eq!((text(&tree, &items).as_str(), instructions), ("5 3x(10 20) 10 30", 9));
        let inner = [1, 2, 2, 2, 3];
        let (tree, items, _) = folded(&[inner, inner, inner].concat());
        assert_eq!(text(&tree, &items), "3x(1 3x(2) 3)");
        assert_eq!(tree.sum(&items), 15);
    }

    #[test]
    fn a_recursion_is_one_node() {
        let mut tree = Tree::new(Room::new(1 << 20));
        let run = |tree: &mut Tree, start| tree.add(Kind::Run { code: 0, start, end: start + 1 }, 1).expect("room");
        let (before, after, base) = (run(&mut tree, 10), run(&mut tree, 20), run(&mut tree, 30));
        let mut frame = tree.frame(0, Some(Exit::Return), vec![base], 1).expect("room");
        for depth in 1..=1000 {
            frame = tree.frame(0, Some(Exit::Return), vec![before, frame, after], 2 * depth + 1).expect("room");
        }
        let Node { kind: Kind::Recursion { times, inner, .. }, instructions, height, .. } = tree.node(frame) else {
            panic!("{:?}", tree.node(frame));
        };
        assert_eq!((*times, *instructions), (1000, 2001));
        assert!(*height < 4 && matches!(tree.node(*inner).kind, Kind::Frame { .. }));
    }

    proptest::proptest! {
        #[test]
        fn no_instruction_is_lost(runs in proptest::collection::vec(0u32..4, 0..200)) {
            let (tree, items, instructions) = folded(&runs);
            fn unfolded(tree: &Tree, items: &[Id], out: &mut Vec<u32>) {
                for id in items {
                    match &tree.node(*id).kind {
                        Kind::Run { start, .. } => out.push(*start),
                        Kind::Loop { body, times } => (0..*times).for_each(|_| unfolded(tree, body, out)),
                        other => panic!("{other:?}"),
                    }
                }
            }
            let mut all = Vec::new();
            unfolded(&tree, &items, &mut all);
            // Runs that go on one after the other at the same place are not joined here: each was ended.
            proptest::prop_assert_eq!(&all, &runs);
            proptest::prop_assert_eq!(instructions, runs.len() as u64);
        }
    }
}

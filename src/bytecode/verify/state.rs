//! What is known of a frame's two stacks before an instruction, and how instructions that move entries change it.

/// What a handler of SETUP_EXCEPT finds.
pub(super) const EXCEPTION: [Entry; 3] = [Entry::Traceback, Entry::Value, Entry::Exception];

/// What is known of an entry of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Any,
    None,
    /// A code object: MAKE_FUNCTION does not look.
    Code,
    /// What the finally block at this offset finds: None, or one to three entries that the VM has pushed.
    Reason(u32),
    /// The three entries that the VM pushes for an exception, the topmost one last.
    Traceback,
    Value,
    Exception,
}

/// A block of the block stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kind: Kind,
    /// Entries of the stack when it was set up: no instruction in it takes them.
    pub(super) level: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Loop,
    Except,
    /// That of `with` too; the offset of its handler.
    Finally(u32),
}

/// The stacks before an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) entries: Vec<Entry>,
    pub(super) blocks: Vec<Block>,
}

/// Why code is not verified: it is wrong, or too much work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unproven;

pub(super) type Proof<T = ()> = Result<T, Unproven>;

impl State {
    /// The entries of the VM's stack, at most.
    pub(super) fn height(&self) -> usize {
        self.entries.len() + 2 * self.entries.iter().filter(|entry| matches!(entry, Entry::Reason(_))).count()
    }

    /// Makes it what is so of both; returns whether it has changed.
    pub(super) fn join(&mut self, other: &State) -> Proof<bool> {
        if self.entries.len() != other.entries.len() || self.blocks != other.blocks {
            return Err(Unproven);
        }
        let mut has_changed = false;
        for (entry, other) in self.entries.iter_mut().zip(&other.entries) {
            let joined = match (*entry, *other) {
                (one, other) if one == other => one,
                (Entry::None, reason @ Entry::Reason(_)) | (reason @ Entry::Reason(_), Entry::None) => reason,
                (Entry::Reason(_), _) | (_, Entry::Reason(_)) => return Err(Unproven),
                _ => Entry::Any,
            };
            has_changed |= joined != *entry;
            *entry = joined;
        }
        Ok(has_changed)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Checks that the block has these entries at least, and that they are one entry of the VM's each.
    pub(super) fn check(&self, count: usize) -> Proof {
        let level = self.blocks.last().map_or(0, |block| block.level);
        let low = self.entries.len().checked_sub(count).filter(|low| *low >= level).ok_or(Unproven)?;
        let has_reason = self.entries[low..].iter().any(|entry| matches!(entry, Entry::Reason(_)));
        if has_reason { Err(Unproven) } else { Ok(()) }
    }

    pub(super) fn pop(&mut self) -> Proof<Entry> {
        self.check(1)?;
        self.entries.pop().ok_or(Unproven)
    }

    pub(super) fn pop_all(&mut self, count: usize) -> Proof {
        self.check(count)?;
        self.entries.truncate(self.entries.len() - count);
        Ok(())
    }

    /// Moves the topmost entry below the `count - 1` ones under it.
    pub(super) fn rotate(&mut self, count: usize) -> Proof {
        self.check(count)?;
        let low = self.entries.len() - count;
        self.entries[low..].rotate_right(1);
        Ok(())
    }

    /// Pushes the topmost entries once more.
    pub(super) fn repeat(&mut self, count: usize) -> Proof {
        self.check(count)?;
        self.entries.extend_from_within(self.entries.len() - count..);
        Ok(())
    }

    /// Pops what a comprehension adds to what is `depth` entries below.
    pub(super) fn add(&mut self, count: usize, depth: usize) -> Proof {
        self.pop_all(count)?;
        if depth == 0 { Err(Unproven) } else { self.check(depth) }
    }

    /// WITH_CLEANUP: __exit__ below the reason is taken away.
    pub(super) fn leave_with(&mut self) -> Proof {
        let reason = self.entries.pop().ok_or(Unproven)?;
        self.pop_all(1)?;
        match reason {
            Entry::None | Entry::Reason(_) => self.push(reason),
            _ => return Err(Unproven),
        }
        Ok(())
    }
}

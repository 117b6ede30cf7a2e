//! Work on many things that do not depend on each other, in as many threads as there are processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Bytes of a thread's stack.  Statements nest, and each level takes some.
const STACK: usize = 64 << 20;

/// What `work` makes of each item, in the order of the items.  Threads that cannot be started are done without.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let share = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        numbers.map_while(|number| Some((number, work(items.get(number)?)))).collect::<Vec<(usize, R)>>()
    };
    let count = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let mut made = thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..count).map_while(start).collect();
        let mut made = share();
        for other in others {
            // A panic goes on in the thread that waits.
            made.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        made
    });
    made.sort_unstable_by_key(|&(number, _)| number);
    made.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_once_and_stays_in_order() {
        let items: Vec<usize> = (0..1000).collect();
        let done = AtomicUsize::new(0);
        let made = map(&items, |&item| (item, done.fetch_add(1, Ordering::Relaxed)).0);
        assert_eq!((made, done.into_inner()), (items, 1000));
        assert!(map(&[0; 0], |&item: &i32| item).is_empty());
    }
}

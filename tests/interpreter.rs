//! `bctrace python` is the interpreter: its options, its environment and its exit statuses are those of a plain Python 2.7.18, recorded
//! or not, and sys.executable starts it again.

mod executable;
mod facts;
mod recorded;
mod runs;
mod semaphores;
mod stack;

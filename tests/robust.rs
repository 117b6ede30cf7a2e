//! What the world does to bctrace itself: outputs that cannot be written, signals, closed descriptors, and files that are not what
//! they say.  It ends as it must, says why in one line, and never panics.

mod damage;
mod descriptors;
mod forged;
mod isolation;
mod outputs;
mod signals;
mod terminal;

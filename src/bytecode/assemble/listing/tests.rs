//! Claims about reading listings.

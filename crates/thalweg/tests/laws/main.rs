//! Laws that every entry of a registry obeys. A new entry is tested without being mentioned.

mod batches;
mod constraints;
mod landscape;
mod losses;
mod methods;
mod penalty;
mod planted;
mod starts;

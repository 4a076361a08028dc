//! Laws that every entry of a registry obeys. A new entry is tested without being mentioned.

mod batches;
mod blocked;
mod constraints;
mod decisions;
mod deep_sparse;
mod factored;
mod factored_ranks;
mod flatness;
mod landscape;
mod losses;
mod maps;
mod methods;
mod noise;
mod on_disk;
mod penalty;
mod planted;
mod recoveries;
mod robust_pca;
mod robust_pca_ranks;
mod starts;
mod uniqueness;

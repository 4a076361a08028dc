//! Networks: derivatives, training, measures.

mod derivatives;
mod measures;
mod training;

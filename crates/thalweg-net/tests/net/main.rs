//! Networks: derivatives, training, measures, published images.

mod derivatives;
mod measures;
mod real_files;
mod training;

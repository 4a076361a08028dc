//! Which method and which start suit a fit, where nothing is asked: the same from every interface.

use thalweg::Error;
use thalweg::data::Matrix;
use thalweg::problem::{Loss, RowSet};
use thalweg::solver::nmf::{About, Batches, Init, NMF_METHODS, Order, default_divergence_method, default_method, divergence_method, method};

/// Where the data are, and what they are like.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// In memory.
    Memory(&'a Matrix<f64>),
    /// On disk, of this kind: dense, sparse, observed or weighted.
    Disk(&'static str),
    /// In the memory of several ranks.
    Ranks(&'static str),
}

impl Held<'_> {
    /// Whether every entry is given.
    fn is_full(self) -> bool {
        match self {
            Held::Memory(data) => matches!(data, Matrix::Dense(_) | Matrix::Sparse(_)),
            Held::Disk(kind) | Held::Ranks(kind) => matches!(kind, "dense" | "sparse"),
        }
    }
}

/// What decides it.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// The data.
    pub data: Held<'a>,
    /// r.
    pub rank: usize,
    /// What is made small.
    pub loss: Loss,
    /// Where the rows of U and V lie.
    pub row_sets: [RowSet; 2],
    /// Whether size is penalised.
    pub is_penalised: bool,
    /// Whether entries are held out.
    pub holds_out: bool,
    /// Whether columns are given, biases among them.
    pub has_given: bool,
}

impl Needs<'_> {
    /// The method that was asked for, or one that suits and why.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that is no method under the loss.
    pub fn method(&self, asked: Option<&str>) -> Result<(About, Option<&'static str>), Error> {
        match (asked, self.loss) {
            (Some(name), Loss::Frobenius) => Ok((method(name).ok_or_else(|| unknown(name))?.about(), None)),
            (Some(name), loss) => Ok((divergence_method(name, loss)?.about(), None)),
            (None, Loss::Frobenius) => Ok(self.default_method()),
            (None, loss) => {
                let (chosen, why) = default_divergence_method(loss);
                Ok((chosen.about(), Some(why)))
            }
        }
    }

    fn default_method(&self) -> (About, Option<&'static str>) {
        let is_plain = self.row_sets == [RowSet::NonNegative; 2];
        let named = |name| method(name).expect("the exact row methods are listed").about();
        // held-out entries make any data observed-only; without a penalty, who fits faster overfits faster
        if self.holds_out && !self.is_penalised && is_plain {
            (named("anls"), Some("held-out entries leave each row its own Gram matrix; without a penalty extrapolation overfits sooner"))
        } else if self.holds_out {
            (named("extrapolated-anls"), Some("held-out entries leave each row its own Gram matrix; extrapolation saves iterations"))
        } else if !is_plain {
            (named("extrapolated-anls"), Some("rows under this constraint are solved exactly at little cost"))
        } else {
            match self.data {
                Held::Memory(data) => {
                    let (chosen, why) = default_method(data, self.rank);
                    (chosen.about(), Some(why))
                }
                Held::Disk(_) | Held::Ranks(_) if self.data.is_full() => {
                    (named("extrapolated-hals"), Some("all rows share one Gram matrix; extrapolation saves passes over the data, or messages"))
                }
                Held::Disk(_) | Held::Ranks(_) => {
                    (named("extrapolated-anls"), Some("each row has its own Gram matrix; extrapolation saves passes over the data, or messages"))
                }
            }
        }
    }

    /// The start that suits the method and the constraints.
    pub fn start(&self, about: &About) -> Init {
        let has_all = !self.holds_out && self.data.is_full();
        match self.row_sets {
            _ if matches!(self.data, Held::Disk(_) | Held::Ranks(_)) => Init::Random,
            // of low rank alone, the singular vectors are the answer
            [RowSet::Free, RowSet::Free] if has_all && !self.has_given => Init::Svd,
            [RowSet::NonNegative, RowSet::NonNegative] => about.init,
            _ => Init::Random,
        }
    }
}

/// The rows of a block, for a method that has blocks.
///
/// # Errors
/// [`Error::Parameter`] if a size is asked of one that has none.
pub fn batch_size(order: Order, asked: Option<usize>) -> Result<Option<usize>, Error> {
    match (order, asked) {
        (Order::BatchesFirst, size) => Ok(Some(size.unwrap_or(Batches::default().rows))),
        (_, None) => Ok(None),
        (_, Some(size)) => {
            Err(Error::Parameter { name: "batch-size", expected: "none: blocks of rows go with --method minibatch".into(), got: size.to_string() })
        }
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = NMF_METHODS.iter().map(|m| m.about().name).collect();
    Error::Parameter { name: "method", expected: format!("one of {} under the loss \"frobenius\"", names.join(", ")), got: name.into() }
}

//! Any rule, accelerated by extrapolation, on the data as they are or on a compressed stand-in first.

use super::{About, AcceleratedHals, Anls, NmfMethod, Order};
use crate::problem::{Panel, RowSet, RowUpdate};

/// The half-steps of a rule, taken in another order.
#[derive(Debug, Clone, Copy)]
pub struct Extrapolated<R> {
    /// How the rows move.
    pub rule: R,
    /// As given to `--method`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// [`Order::Extrapolated`], or one that ends with it.
    pub order: Order,
}

/// Extrapolated coordinate descent.
pub const EXTRAPOLATED_HALS: Extrapolated<AcceleratedHals> = Extrapolated {
    rule: AcceleratedHals,
    name: "extrapolated-hals",
    summary: "accelerated-hals, each step taken further in its direction, with restarts",
    order: Order::Extrapolated,
};

/// Extrapolated exact half-steps.
pub const EXTRAPOLATED_ANLS: Extrapolated<Anls> = Extrapolated {
    rule: Anls,
    name: "extrapolated-anls",
    summary: "anls, each step taken further in its direction, with restarts",
    order: Order::Extrapolated,
};

/// Extrapolated coordinate descent on compressed data, then on the full ones.
pub const COMPRESSED: Extrapolated<AcceleratedHals> = Extrapolated {
    rule: AcceleratedHals,
    name: "compressed",
    summary: "extrapolated-hals on a randomised low-rank stand-in for dense X, then on X itself; on other data extrapolated-hals",
    order: Order::CompressedFirst,
};

/// Extrapolated exact half-steps on compressed data, then on the full ones.
pub const COMPRESSED_ANLS: Extrapolated<Anls> = Extrapolated {
    rule: Anls,
    name: "compressed-anls",
    summary: "extrapolated-anls on a randomised low-rank stand-in for dense X, then on X itself; on other data extrapolated-anls",
    order: Order::CompressedFirst,
};

/// Coordinate descent in blocks of rows, V moving after each, then extrapolated.
pub const MINIBATCH: Extrapolated<AcceleratedHals> = Extrapolated {
    rule: AcceleratedHals,
    name: "minibatch",
    summary: "accelerated-hals in blocks of rows (--batch-size), V moving after each of them, then extrapolated-hals on all rows: for very many rows",
    order: Order::BatchesFirst,
};

impl<R: NmfMethod> NmfMethod for Extrapolated<R> {
    fn about(&self) -> About {
        About {
            name: self.name,
            summary: self.summary,
            source: match self.order {
                Order::CompressedFirst => "Erichson et al. (2018), Ang, Gillis (2019)",
                Order::BatchesFirst => "Mairal et al. (2010), Ang, Gillis (2019)",
                Order::Alternating | Order::Simultaneous | Order::Extrapolated => "Ang, Gillis (2019)",
            },
            order: self.order,
            monotone: self.order == Order::Extrapolated,
            ..self.rule.about()
        }
    }

    fn takes(&self, set: RowSet) -> bool {
        self.rule.takes(set)
    }
}

impl<T, R: RowUpdate<T>> RowUpdate<T> for Extrapolated<R> {
    fn update(&self, panel: &mut Panel<'_, T>) {
        self.rule.update(panel);
    }
}

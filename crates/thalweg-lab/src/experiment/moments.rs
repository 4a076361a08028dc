//! Mean and spread of a sample.

use serde::{Deserialize, Serialize};

/// Count, mean and sum of squared deviations; samples can be merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Values.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// Σ (x − mean)².
    pub squares: f64,
}

impl Moments {
    /// Of these values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Moments {
        values.into_iter().fold(Moments::default(), |all, x| all.merge(Moments { count: 1.0, mean: x, squares: 0.0 }))
    }

    /// Of both samples together. Source: Chan, Golub, LeVeque (1983).
    pub fn merge(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let apart = other.mean - self.mean;
        Moments {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
        }
    }

    /// Of the population: divided by the count.
    pub fn sd(&self) -> f64 {
        (self.squares / self.count).sqrt()
    }

    /// Of the mean.
    pub fn standard_error(&self) -> f64 {
        (self.squares / (self.count - 1.0) / self.count).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        let values = [1.0, 4.0, 4.0, 7.5, -2.0, 1e6];
        let whole = Moments::of(values);
        let parts = Moments::of(values[..2].iter().copied()).merge(Moments::of(values[2..].iter().copied())).merge(Moments::default());
        assert!((whole.mean / parts.mean - 1.0).abs() < 1e-14 && (whole.squares / parts.squares - 1.0).abs() < 1e-14);
        let few = Moments::of([1.0, 3.0]);
        assert_eq!((few.mean, few.sd(), few.standard_error()), (2.0, 1.0, 1.0));
    }
}

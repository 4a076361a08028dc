//! One axis: its range, its ticks, and where a value falls on it.

use super::number;
use serde::Serialize;

/// How values become positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal ratios. Values that are not positive are not drawn.
    Log,
}

/// What an axis says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The quantity and its unit.
    pub label: String,
    /// How values become positions.
    pub scale: Scale,
    /// Values that must be on it, whatever the data.
    pub including: Vec<f64>,
}

impl Axis {
    /// A linear axis that covers the data.
    pub fn linear(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), scale: Scale::Linear, including: Vec::new() }
    }

    /// A logarithmic axis that covers the data.
    pub fn log(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), scale: Scale::Log, including: Vec::new() }
    }

    /// The same, covering these values too.
    pub fn including(mut self, values: impl IntoIterator<Item = f64>) -> Axis {
        self.including.extend(values);
        self
    }

    /// The axis laid over the pixels from the first to the second.
    pub(super) fn ruler(&self, values: impl IntoIterator<Item = f64>, pixels: (f64, f64)) -> Ruler {
        let positions = values.into_iter().chain(self.including.iter().copied()).filter_map(|v| position(self.scale, v));
        let (lo, hi) = positions.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p), hi.max(p)));
        let (lo, hi) = if lo <= hi { widened(self.scale, lo, hi) } else { (0.0, 1.0) };
        Ruler { scale: self.scale, lo, hi, pixels }
    }
}

/// Where a value stands before it is laid over pixels: itself, or its decimal logarithm.
fn position(scale: Scale, value: f64) -> Option<f64> {
    // beyond 1e300 the width of the range itself would overflow
    let drawable = value.is_finite() && value.abs() <= 1e300;
    match scale {
        Scale::Linear => drawable.then_some(value),
        Scale::Log => (drawable && value > 0.0).then(|| value.log10()),
    }
}

/// A little more than the data, and a proper range for data that do not vary.
fn widened(scale: Scale, lo: f64, hi: f64) -> (f64, f64) {
    let span = hi - lo;
    match scale {
        Scale::Log if span < 0.5 => (lo - 0.3, hi + 0.3),
        Scale::Log => (lo - 0.03 * span, hi + 0.03 * span),
        Scale::Linear => {
            let size = lo.abs().max(hi.abs());
            if size < 1e-290 {
                (-1.0, 1.0)
            } else if span <= 1e-6 * size {
                (lo - 0.5 * size, hi + 0.5 * size)
            } else {
                let pad = 0.03 * span;
                (if lo >= 0.0 { (lo - pad).max(0.0) } else { lo - pad }, if hi <= 0.0 { (hi + pad).min(0.0) } else { hi + pad })
            }
        }
    }
}

/// An axis laid over pixels.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    scale: Scale,
    lo: f64,
    hi: f64,
    /// The pixels of both ends.
    pub(super) pixels: (f64, f64),
}

/// Ticks, and the power of ten that their labels leave to the axis label.
pub(super) struct Ticks {
    /// Value and label.
    pub(super) at: Vec<(f64, String)>,
    /// 0 where the labels are the values.
    pub(super) power: i32,
}

impl Ruler {
    /// Where a value falls; nothing where it has no place on the axis.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let t = (position(self.scale, value)? - self.lo) / (self.hi - self.lo);
        Some(self.pixels.0 + t.clamp(0.0, 1.0) * (self.pixels.1 - self.pixels.0))
    }

    /// Round values, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: usize) -> Ticks {
        match self.scale {
            Scale::Linear => self.linear_ticks(wanted),
            Scale::Log => Ticks { at: self.log_ticks(wanted), power: 0 },
        }
    }

    fn linear_ticks(&self, wanted: usize) -> Ticks {
        let rough = (self.hi - self.lo) / wanted as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|s| *s >= rough * 0.999).unwrap_or(rough);
        let size = self.lo.abs().max(self.hi.abs()).log10().floor() as i32;
        let power = if (-2..5).contains(&size) { 0 } else { size };
        let unit = 10f64.powi(power);
        let decimals = (-((step / unit).log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
        let first = (self.lo / step - 1e-9).ceil();
        let at = (0..4 * wanted)
            .map(|i| (first + i as f64) * step)
            .take_while(|v| *v <= self.hi + 1e-9 * step)
            .map(|v| (v, format!("{:.*}", decimals, if v == 0.0 { 0.0 } else { v / unit }).replace('-', "−")))
            .collect();
        Ticks { at, power }
    }

    fn log_ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let (first, last) = (self.lo.ceil() as i32, self.hi.floor() as i32);
        if last > first {
            let every = ((last - first + 1) as usize).div_ceil(wanted).max(1) as i32;
            let decades = (first..=last).filter(|d| d.rem_euclid(every) == 0);
            return decades.map(|d| (power_of_ten(d), decade_label(d))).collect();
        }
        let within = |mantissas: &[f64]| -> Vec<(f64, String)> {
            let candidates = (first - 1..=last + 1).flat_map(|d| mantissas.iter().map(move |m| m * power_of_ten(d)));
            candidates.filter(|v| (self.lo..=self.hi).contains(&v.log10())).map(|v| (v, number::significant(v, 2))).collect()
        };
        let few = within(&[1.0, 2.0, 5.0]);
        if few.len() >= 2 { few } else { within(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]) }
    }
}

/// 10^n; `powi` divides by 10^−n, which overflows below 10⁻³⁰⁸.
fn power_of_ten(n: i32) -> f64 {
    10f64.powf(f64::from(n))
}

fn decade_label(decade: i32) -> String {
    if (-3..=4).contains(&decade) { number::significant(power_of_ten(decade), 1) } else { format!("10{}", number::superscript(decade)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the values, an axis has between 2 and a dozen ticks, all on it, and every label is short.
    #[test]
    fn every_range_has_ticks() {
        let ranges: &[&[f64]] = &[
            &[],
            &[f64::NAN, f64::INFINITY],
            &[0.0],
            &[5.0, 5.0],
            &[1.0, 1.0 + 1e-15],
            &[1.0, 1.0001],
            &[-3.0, 7.0],
            &[1e-310, 2e-310],
            &[1e300, -1e300],
            &[f64::MAX, 1.0],
            &[3.0, 4.0],
            &[1e-12, 1e7],
            &[99.0, 101.0],
        ];
        for scale in [Scale::Linear, Scale::Log] {
            for values in ranges {
                let axis = Axis { label: String::new(), scale, including: Vec::new() };
                let ruler = axis.ruler(values.iter().copied(), (10.0, 410.0));
                let ticks = ruler.ticks(5).at;
                assert!((2..=14).contains(&ticks.len()), "{scale:?} {values:?}: {ticks:?}");
                for (value, label) in &ticks {
                    let at = ruler.at(*value).expect("a tick is on the axis");
                    assert!((10.0..=410.0).contains(&at));
                    assert!(label.chars().count() <= 9, "{scale:?} {values:?}: {label}");
                }
            }
        }
    }

    #[test]
    fn ends_of_the_data_are_on_the_axis() {
        let ruler = Axis::linear("x").including([0.0]).ruler([2.0, 4.0], (0.0, 100.0));
        assert_eq!(ruler.at(0.0), Some(0.0));
        assert!(ruler.at(4.0).is_some_and(|x| x > 90.0));
        assert_eq!(Axis::log("x").ruler([1.0, 10.0], (0.0, 1.0)).at(0.0), None);
    }
}

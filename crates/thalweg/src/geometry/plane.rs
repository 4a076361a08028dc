//! A plane through a point, to look at an objective on.

use super::probe::{random_directions, sampled_plane};
use crate::Error;
use crate::linalg::dot;
use crate::problem::Objective;

/// The points x + s·a + t·b with −1 ≤ s, t ≤ 1; a and b are at right angles.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    centre: Vec<f64>,
    axes: [Vec<f64>; 2],
}

impl Plane {
    /// Around `centre`, in two directions evenly distributed over the sphere; both axes have `reach` times the length of `centre`.
    pub fn random(centre: &[f64], reach: f64, seed: u64) -> Plane {
        let mut directions = random_directions(centre.len(), 2, seed).into_iter();
        let mut next = || directions.next().expect("two were drawn");
        let first = next();
        let second = without(next(), &first);
        let length = reach * norm(centre);
        Plane { centre: centre.to_vec(), axes: [first, second].map(|d| scaled(&d, length / norm(&d))) }
    }

    /// The plane of the first and the last point of a path, and of the point furthest from the line through both. The last point is the
    /// centre, s points to the first, and the path's shadow fits into `margin` of the axes. None where all points lie on one line.
    pub fn of_path(path: &[&[f64]], margin: f64) -> Option<Plane> {
        let (first, centre) = (path.first()?, path.last()?);
        let chord = difference(first, centre);
        let aside = |x: &&[f64]| without(difference(x, centre), &chord);
        let (_, bend) = path.iter().map(aside).map(|d| (norm(&d), d)).max_by(|a, b| a.0.total_cmp(&b.0))?;
        if norm(&chord) == 0.0 || norm(&bend) <= f64::EPSILON * norm(&chord) {
            return None;
        }
        let unit = Plane { centre: centre.to_vec(), axes: [chord, bend] };
        let extent = |axis: usize| path.iter().map(|x| unit.coordinates(x)[axis].abs()).fold(0.0, f64::max);
        let lengths = [extent(0) / margin, extent(1) / margin];
        let [chord, bend] = &unit.axes;
        Some(Plane { axes: [scaled(chord, lengths[0]), scaled(bend, lengths[1])], ..unit })
    }

    /// s and t of the point's shadow on the plane.
    pub fn coordinates(&self, x: &[f64]) -> [f64; 2] {
        let step = difference(x, &self.centre);
        [0, 1].map(|k| dot(&step, &self.axes[k]) / dot(&self.axes[k], &self.axes[k]))
    }

    /// f at `points`² points, as [`sampled_plane`] orders them.
    ///
    /// # Errors
    /// As [`sampled_plane`].
    pub fn sample(&self, objective: &dyn Objective, points: usize) -> Result<Vec<f64>, Error> {
        sampled_plane(objective, &self.centre, (&self.axes[0], &self.axes[1]), points)
    }
}

fn difference(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x - y).collect()
}

fn scaled(x: &[f64], by: f64) -> Vec<f64> {
    x.iter().map(|x| by * x).collect()
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// x without its part along d.
fn without(x: Vec<f64>, d: &[f64]) -> Vec<f64> {
    let size = dot(d, d);
    if size == 0.0 {
        return x;
    }
    let part = dot(&x, d) / size;
    x.iter().zip(d).map(|(x, d)| x - part * d).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_its_plane_as_far_as_three_points_can() {
        let path: [&[f64]; 4] = [&[4.0, 0.0, 1.0], &[3.0, 2.0, 1.0], &[1.0, 1.0, 2.0], &[0.0, 0.0, 1.0]];
        let plane = Plane::of_path(&path, 0.8).expect("no line");
        let at = path.map(|x| plane.coordinates(x));
        assert_eq!(at[3], [0.0, 0.0]);
        assert!((at[0][0] - 0.8).abs() < 1e-15 && at[0][1].abs() < 1e-15);
        assert!((at[1][1] - 0.8).abs() < 1e-15 && (at[1][0] - 0.6).abs() < 1e-15);
        // the third is one off the plane, and the shadow does not see it
        assert!((at[2][1] - 0.4).abs() < 1e-15);
        assert_eq!(Plane::of_path(&[&[1.0, 0.0], &[0.5, 0.0], &[0.0, 0.0]], 0.8), None);
        assert_eq!(Plane::of_path(&[], 0.8), None);
    }

    #[test]
    fn random_axes_stand_at_right_angles_and_have_the_reach() {
        let centre: Vec<f64> = (0..30).map(|i| f64::from(i).sin()).collect();
        let Plane { axes: [a, b], .. } = Plane::random(&centre, 0.5, 7);
        assert!(dot(&a, &b).abs() < 1e-13);
        assert!([&a, &b].iter().all(|d| (norm(d) - 0.5 * norm(&centre)).abs() < 1e-13));
        assert_eq!(Plane::random(&centre, 0.5, 7).axes[0], a);
    }
}

use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use std::time::Instant;
use thalweg::certificate::recovery::{leading_factors, verify};
use thalweg::data::stream;
use thalweg::map::{Gaussian, MeasurementMap, Quadratic, Sampling};
use thalweg::problem::{Fidelity, Norm, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::{PreparedMap, WarmStart, recover};
fn normals(n: usize, seed: u64) -> Vec<f64> {
    let mut r = stream(seed, 5);
    (0..n).map(|_| StandardNormal.sample(&mut r)).collect()
}
fn low(d: usize, r: usize, seed: u64) -> Vec<f64> {
    let (u, v) = (normals(d * r, seed), normals(d * r, seed + 1));
    let mut x: Vec<f64> = (0..d * d).map(|at| (0..r).map(|k| u[at / d * r + k] * v[at % d * r + k]).sum()).collect();
    let n = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= n);
    x
}
fn main() {
    let what = std::env::args().nth(1).unwrap();
    let tol: f64 = std::env::args().nth(2).map_or(1e-9, |w| w.parse().unwrap());
    if what == "a6" {
        let (d, p) = (25, 1000);
        for norm in [Norm::Nuclear, Norm::Flat] {
            for r in [1, 4, 10] {
                let map = Gaussian::new(p, (d, d), normals(p * d * d, 100 + r as u64)).unwrap();
                let x = low(d, r, 200 + r as u64);
                let mut clean = vec![0.0; p];
                map.apply(&x, &mut clean);
                let t = Instant::now();
                let prepared = PreparedMap::of(&Recovery::new(&map, &clean, norm).unwrap()).unwrap();
                let prep = t.elapsed().as_secs_f64();
                for sigma in [0.1, 0.7, 1.5] {
                    let mut warm = WarmStart::default();
                    for trial in 0..3 {
                        let e: Vec<f64> = normals(p, 300 + trial).iter().map(|e| sigma * e).collect();
                        let b: Vec<f64> = clean.iter().zip(&e).map(|(a, b)| a + b).collect();
                        let radius = e.iter().map(|e| e * e).sum::<f64>().sqrt();
                        let stop = Stop { max_iters: 3000, max_time: None, tol };
                        let t = Instant::now();
                        let f = prepared.recover(&b, Fidelity::Ball { radius }, &mut warm, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
                        let s = t.elapsed().as_secs_f64();
                        let err = f.x.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
                        let problem = Recovery::new(&map, &b, norm).unwrap().with_fidelity(Fidelity::Ball { radius }).unwrap();
                        let v = verify(&problem, &leading_factors(&f.x, (d, d), f.rank).unwrap(), &f.multiplier).unwrap();
                        println!(
                            "{norm:?} r {r} sigma {sigma} {:?} iters {} rank {} {:.2} ms prep {:.0} ms err {err:.4} gap {:.1e} {:?} radius {:.1e}",
                            f.status,
                            f.iterations,
                            f.rank,
                            s * 1e3,
                            prep * 1e3,
                            v.gap.unwrap_or(9.9),
                            v.unproved,
                            v.radius.unwrap_or(9.9)
                        );
                    }
                }
            }
        }
        return;
    }
    for seed in 0..6u64 {
        for kind in ["gaussian", "quadratic", "sampling"] {
            let d = 25;
            let (map, x): (Box<dyn MeasurementMap>, Vec<f64>) = match kind {
                "gaussian" => (Box::new(Gaussian::new(100, (d, d), normals(100 * d * d, seed)).unwrap()), low(d, 2, seed + 20)),
                "quadratic" => {
                    let u = normals(d * 3, seed + 7);
                    let s = [1.0, 1.0, -1.0];
                    (
                        Box::new(Quadratic::new(75, d, normals(75 * d, seed)).unwrap()),
                        (0..d * d).map(|at| (0..3).map(|k| s[k] * u[at / d * 3 + k] * u[at % d * 3 + k]).sum()).collect(),
                    )
                }
                _ => {
                    let keep = normals(d * d, seed);
                    let at: Vec<usize> = (0..d * d).filter(|&k| keep[k] > 0.2).collect();
                    let (rows, cols): (Vec<u32>, Vec<u32>) = at.iter().map(|&k| ((k / d) as u32, (k % d) as u32)).unzip();
                    let w = vec![1.0; rows.len()];
                    (Box::new(Sampling::new((d, d), rows, cols, w).unwrap()), low(d, 2, seed + 20))
                }
            };
            let mut b = vec![0.0; map.len()];
            map.apply(&x, &mut b);
            for norm in [Norm::Nuclear, Norm::Flat] {
                let problem = Recovery::new(&*map, &b, norm).unwrap();
                let stop = Stop { max_iters: 5000, max_time: None, tol };
                let t = Instant::now();
                let f = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
                let s = t.elapsed().as_secs_f64();
                let t = Instant::now();
                let v = verify(&problem, &leading_factors(&f.x, (d, d), f.rank).unwrap(), &f.multiplier).unwrap();
                println!(
                    "{kind} {seed} {norm:?} {:?} iters {} rank {} {:.1} ms verify {:.1} ms misfit {:.1e} gap {:.1e} margin {:.3} tangent {:.1e} {:?} radius {:.1e}",
                    f.status,
                    f.iterations,
                    f.rank,
                    s * 1e3,
                    t.elapsed().as_secs_f64() * 1e3,
                    v.misfit.unwrap_or(9.9),
                    v.gap.unwrap_or(9.9),
                    v.margin.unwrap_or(9.9),
                    v.tangent.unwrap_or(9.9),
                    v.unproved,
                    v.radius.unwrap_or(9.9)
                );
            }
        }
    }
}

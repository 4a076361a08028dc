//! What is decided about a recovery without solving it is what solving it finds.

use std::ops::ControlFlow;
use thalweg::map::{ENSEMBLES, Ensemble, planted_matrix};
use thalweg::problem::{Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, Recovers, decide_recovery, recover};

/// Rates around the transition at these shapes.
fn rates(ensemble: Ensemble) -> [f64; 4] {
    match ensemble {
        Ensemble::Sensing => [2.0, 4.0, 5.0, 9.0],
        Ensemble::Bilinear => [2.5, 4.0, 5.0, 9.0],
        Ensemble::Quadratic => [2.0, 3.0, 3.5, 8.0],
        Ensemble::Completion => [0.3, 0.6, 0.75, 1.0],
    }
}

#[test]
fn they_agree_with_solving() {
    let (mut yes, mut no, mut open) = (0, 0, 0);
    for &(ensemble, name) in ENSEMBLES {
        let shape = if ensemble.is_symmetric() { (11, 11) } else { (12, 10) };
        for (norm, rate) in [Norm::Nuclear, Norm::Flat].into_iter().flat_map(|norm| rates(ensemble).map(|rate| (norm, rate))) {
            for trial in 0..4 {
                let truth = planted_matrix(ensemble, shape, 2, 3, trial);
                let map = ensemble.draw(shape, rate, 0.0, 4, trial).unwrap().expect("some entry is seen");
                let mut b = vec![0.0; map.len()];
                map.apply(&truth, &mut b);
                let problem = Recovery::new(&*map, &b, norm).unwrap();
                let decided = decide_recovery(&problem, &truth, 1e-6, 3000).unwrap();
                let stop = Stop { max_iters: 20_000, max_time: None, tol: RECOVERY_TOLERANCE };
                let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(())).unwrap();
                let off = truth.iter().zip(&found.x).map(|(t, x)| (t - x) * (t - x)).sum::<f64>().sqrt();
                let place = format!("{name} {norm:?} {rate} {trial}: {decided:?}, {:?}, {off:e}", found.status);
                match decided.recovers {
                    Recovers::Yes => assert!(found.status == RecoveryStatus::Converged && off < 1e-7, "{place}"),
                    Recovers::No => assert!(off > 1e-6, "{place}"),
                    Recovers::Open => {}
                }
                match decided.recovers {
                    Recovers::Yes => yes += 1,
                    Recovers::No => no += 1,
                    Recovers::Open => open += 1,
                }
            }
        }
    }
    assert!(yes > 40 && no > 40 && open <= 8, "{yes} yes, {no} no, {open} open");
}

#[test]
fn scales_of_two_do_not_matter() {
    for &(ensemble, name) in ENSEMBLES {
        let rate = rates(ensemble)[1];
        let truth = planted_matrix(ensemble, (9, 9), 2, 8, 0);
        let map = ensemble.draw((9, 9), rate, 0.0, 9, 0).unwrap().expect("some entry is seen");
        let decided = |exponent: i32| {
            let (map, size) = (map.scaled(exponent), 2f64.powi(-2 * exponent));
            let truth: Vec<f64> = truth.iter().map(|x| x * size).collect();
            let mut b = vec![0.0; map.len()];
            map.apply(&truth, &mut b);
            decide_recovery(&Recovery::new(&*map, &b, Norm::Flat).unwrap(), &truth, 1e-6, 3000).unwrap()
        };
        assert_eq!(decided(0), decided(40), "{name}");
    }
}

#[test]
fn what_is_never_measured_is_lost() {
    let map = thalweg::map::Sampling::new((3, 3), vec![0, 0, 1, 1, 0, 1], vec![0, 1, 0, 1, 2, 2], vec![1.0; 6]).unwrap();
    let truth = [1.0; 9];
    let b = [1.0; 6];
    for norm in [Norm::Nuclear, Norm::Flat] {
        let problem = Recovery::new(&map, &b, norm).unwrap();
        assert_eq!(decide_recovery(&problem, &truth, 1e-6, 500).unwrap().recovers, Recovers::No, "{norm:?}");
        assert!(decide_recovery(&problem, &[2.0; 9], 1e-6, 500).is_err());
        assert_eq!(decide_recovery(&Recovery::new(&map, &[0.0; 6], norm).unwrap(), &[0.0; 9], 1e-6, 500).unwrap().recovers, Recovers::Yes);
    }
}

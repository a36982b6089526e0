//! Runtimes of generated jobs with known weights.

use super::*;

fn run(job: &str, instance_type: &str, count: u32, inputs: &[f64], seconds: f64) -> MeasuredRun {
    let point = RunPoint { instance_type: instance_type.into(), count, inputs: inputs.to_vec(), seconds };
    MeasuredRun { job: job.into(), point }
}

fn configuration(instance_type: &str, count: u32, price: f64) -> RunConfiguration {
    RunConfiguration { instance_type: instance_type.into(), count, price_per_hour: Some(price) }
}

fn answer(runs: &[MeasuredRun], inputs: &[f64], configurations: &[RunConfiguration]) -> Vec<RuntimeRow> {
    predict_runtimes(&RuntimeQuery { runs, job: "j", inputs, configurations })
}

/// Runtimes of a job with two inputs on two types, with noise of 2 %.
fn many_runs() -> Vec<MeasuredRun> {
    let mut runs = Vec::new();
    let mut random = 1_u64;
    for (name, speed) in [("a.large", 1.0), ("b.large", 0.7)] {
        for count in [2, 4, 6, 8] {
            for size in [10.0, 20.0, 40.0] {
                for rounds in [0.0, 1.0, 2.0] {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let noise = 0.98 + 0.04 * (random >> 40) as f64 / f64::from(1 << 24);
                    let work = 30.0 + size * (4.0 + 2.0 * rounds) / f64::from(count);
                    runs.push(run("j", name, count, &[size, rounds], speed * work * noise));
                }
            }
        }
    }
    runs
}

#[test]
fn the_weights_of_a_generated_curve_are_recovered() {
    let cases =
        [[30.0, 400.0, 0.0, 0.0], [0.0, 900.0, 20.0, 0.0], [5.0, 100.0, 7.0, 3.0], [60.0, 0.0, 0.0, 2.0]];
    for weights in cases {
        let time = |n: u32| {
            let n = f64::from(n);
            weights[0] + weights[1] / n + weights[2] * n.ln() + weights[3] * n
        };
        let runs: Vec<(u32, f64)> = [1, 2, 4, 8, 16].map(|n| (n, time(n))).to_vec();
        let curve = CountCurve::fit(&runs).unwrap();
        for (found, expected) in curve.weights.iter().zip(weights) {
            assert!((found - expected).abs() < 1e-6 * (1.0 + expected), "{curve:?}");
        }
        assert!(curve.set_aside.is_empty());
    }
}

#[test]
fn no_weight_of_a_curve_is_negative_and_two_equal_runs_are_a_constant() {
    // Faster than the division of work: its exact weights would be negative.
    let curve = CountCurve::fit(&[(1, 100.0), (2, 30.0), (4, 10.0)]).unwrap();
    assert!(curve.weights.iter().all(|weight| *weight >= 0.0), "{curve:?}");
    let equal = CountCurve::fit(&[(2, 50.0), (8, 50.0)]).unwrap();
    assert!((equal.seconds(4) - 50.0).abs() < 1.0, "{equal:?}");
    assert_eq!(CountCurve::fit(&[(2, 50.0)]), None);
}

#[test]
fn one_absurd_run_moves_no_other_prediction_of_a_curve() {
    let time = |n: u32| 30.0 + 400.0 / f64::from(n);
    let runs: Vec<(u32, f64)> = [2, 4, 6, 8, 10, 12].map(|n| (n, time(n))).to_vec();
    for at in 0..runs.len() {
        for factor in [20.0, 0.05] {
            let mut changed = runs.clone();
            changed[at].1 *= factor;
            let curve = CountCurve::fit(&changed).unwrap();
            assert_eq!(curve.set_aside, [runs[at].0]);
            assert!((1..16).all(|n| (curve.seconds(n) / time(n) - 1.0).abs() < 0.1), "{curve:?}");
        }
    }
}

#[test]
fn one_absurd_run_among_many_moves_no_other_prediction_by_a_tenth() {
    let runs = many_runs();
    let points = median_points(&runs, "j");
    let model = InputModel::fit(&points).unwrap();
    for at in [0, 31, 70] {
        let mut changed = points.clone();
        changed[at].seconds *= 20.0;
        let moved = InputModel::fit(&changed).unwrap();
        assert_eq!(moved.set_aside, [at]);
        for (place, point) in points.iter().enumerate().filter(|(place, _)| *place != at) {
            let ratio = moved.seconds(point).unwrap() / model.seconds(point).unwrap();
            assert!((ratio - 1.0).abs() < 0.1, "{place}: {ratio}");
        }
    }
}

#[test]
fn an_absurd_repeat_changes_nothing_beside_two_others() {
    let mut runs: Vec<MeasuredRun> = Vec::new();
    for count in [2, 4, 8] {
        for wobble in [0.99, 1.0, 1.01] {
            runs.push(run("j", "a.large", count, &[], wobble * (20.0 + 300.0 / f64::from(count))));
        }
    }
    let wanted = [configuration("a.large", 6, 0.1)];
    let before = answer(&runs, &[], &wanted)[0].estimate.clone().unwrap().seconds;
    runs[0].point.seconds *= 20.0;
    let after = answer(&runs, &[], &wanted)[0].estimate.clone().unwrap().seconds;
    assert!((after / before - 1.0).abs() < 0.1, "{before} {after}");
}

#[test]
fn the_answer_is_the_same_for_every_order_of_the_runs() {
    let mut runs = many_runs();
    let wanted = [configuration("a.large", 5, 0.1), configuration("b.large", 12, 0.2)];
    let before = answer(&runs, &[25.0, 1.0], &wanted);
    runs.reverse();
    runs.swap(3, 40);
    assert_eq!(before, answer(&runs, &[25.0, 1.0], &wanted));
}

#[test]
fn runs_with_inputs_predict_other_inputs_with_an_interval_and_an_error() {
    let wanted = [configuration("a.large", 4, 0.1), configuration("c.large", 4, 0.1)];
    let rows = answer(&many_runs(), &[25.0, 1.0], &wanted);
    let estimate = rows[0].estimate.as_ref().unwrap();
    let truth = 30.0 + 25.0 * 6.0 / 4.0;
    assert!((estimate.seconds / truth - 1.0).abs() < 0.06, "{estimate:?}");
    let (lower, upper) = estimate.bounds.unwrap();
    assert!(lower < truth && truth < upper && upper / lower < 1.6, "{estimate:?}");
    assert_eq!(
        (estimate.method, estimate.error_runs, estimate.is_extrapolated),
        (RuntimeMethod::Inputs, 72, false)
    );
    assert!(estimate.error.unwrap() < 0.1);
    assert_eq!(rows[1].estimate, None, "a type without any run has no prediction");
    // The seen sizes are 10 to 40: a third of the range is 10.
    let is_marked =
        |size: f64| answer(&many_runs(), &[size, 1.0], &wanted)[0].estimate.clone().unwrap().is_extrapolated;
    assert!(!is_marked(49.0) && is_marked(51.0));
}

#[test]
fn an_error_is_that_of_runs_that_the_model_has_not_seen() {
    let points = median_points(&many_runs(), "j");
    let model = InputModel::fit(&points).unwrap();
    let error = |errors: Vec<f64>| errors.iter().map(|one| one.abs()).sum::<f64>() / errors.len() as f64;
    let seen: Vec<f64> = points.iter().map(|one| (one.seconds / model.seconds(one).unwrap()).ln()).collect();
    for by_input in [false, true] {
        let left_out: Vec<f64> = model.left_out_errors(&points, by_input).into_iter().flatten().collect();
        assert!(error(left_out) > 1.2 * error(seen.clone()), "{by_input}");
    }
}

#[test]
fn another_type_has_the_curve_times_the_ratio_after_one_run_and_no_prediction_before() {
    let time = |n: u32| 30.0 + 400.0 / f64::from(n);
    let mut runs: Vec<MeasuredRun> = [2, 4, 8].map(|n| run("j", "a.large", n, &[], time(n))).to_vec();
    let wanted = [
        configuration("a.large", 4, 0.1),
        configuration("b.large", 8, 0.05),
        configuration("a.large", 8, 0.1),
    ];
    let rows = answer(&runs, &[], &wanted);
    assert_eq!(rows[0].estimate.as_ref().unwrap().method, RuntimeMethod::Measured);
    assert_eq!(rows[1].estimate, None);
    let next = rows[1].next.expect("half the price is worth a try");
    assert!(next.pays_after().is_some_and(|runs| (1..10).contains(&runs)), "{next:?}");
    runs.push(run("j", "b.large", 4, &[], 2.0 * time(4)));
    let estimate = answer(&runs, &[], &wanted)[1].estimate.clone().unwrap();
    assert_eq!((estimate.method, estimate.error), (RuntimeMethod::Ratio, None));
    assert!((estimate.seconds / (2.0 * time(8)) - 1.0).abs() < 1e-6);
}

#[test]
fn a_try_of_a_dear_type_is_not_proposed() {
    let runs: Vec<MeasuredRun> = [2, 4, 8].map(|n| run("j", "a.large", n, &[], 100.0)).to_vec();
    let wanted = [configuration("a.large", 2, 0.1), configuration("b.large", 2, 900.0)];
    let rows = answer(&runs, &[], &wanted);
    assert!(rows[1].next.is_none_or(|next| next.pays_after().is_none_or(|runs| runs > 1_000_000)));
}

#[test]
fn a_job_without_runs_is_tried_as_other_jobs_advise() {
    let mut runs = Vec::new();
    for job in ["x", "y"] {
        for count in [2, 4] {
            runs.push(run(job, "a.large", count, &[], 100.0 * f64::from(count)));
            runs.push(run(job, "b.large", count, &[], 300.0));
        }
    }
    let wanted = ["a.large", "b.large"].map(|name| [2, 4].map(|n| configuration(name, n, 0.1))).concat();
    let rows = answer(&runs, &[], &wanted);
    assert!(rows.iter().all(|row| row.estimate.is_none()));
    assert_eq!(rows.iter().position(|row| row.next.is_some()), Some(0));
    let alone = answer(&[], &[], &wanted);
    assert_eq!(alone.iter().position(|row| row.next.is_some()), Some(1), "the larger middle count");
}

#[test]
fn a_type_without_a_price_has_a_runtime_and_is_never_the_next_try() {
    let runs: Vec<MeasuredRun> = [2, 4].map(|n| run("j", "a.large", n, &[], 100.0)).to_vec();
    let mut wanted = [configuration("a.large", 2, 0.1), configuration("b.large", 2, 0.1)];
    wanted[1].price_per_hour = None;
    assert_eq!(answer(&runs, &[], &wanted)[1].next, None);
    wanted[0].price_per_hour = None;
    assert!(answer(&runs, &[], &wanted)[0].estimate.is_some());
}

#![allow(clippy::unwrap_used)]

use super::*;
use crate::measure::fit_temperature;
use crate::measure::testing::{all_close, any_distribution, close, d};
use proptest::prelude::*;

fn labelled(p: &Distribution, q: Distribution, is_scale: bool) -> Labelled {
    Labelled { p: p.clone(), q, is_scale }
}

/// Distributions over `k` options that differ from each other.
fn varied(count: usize, k: usize) -> Vec<Distribution> {
    let share =
        |question: usize, option: usize| 1.0 + ((question * 7 + option * option * 3 + option * question) % 11) as f64;
    (0..count).map(|question| d(&(0..k).map(|option| share(question, option)).collect::<Vec<_>>())).collect()
}

#[test]
fn vector_of_shrinkage() {
    let (p, m) = (d(&[0.9, 0.08, 0.02]), d(&[0.4, 0.35, 0.25]));
    all_close(shrink_to_marginal(&p, &m, 0.5).unwrap().as_slice(), &[0.65, 0.215, 0.135]);
    all_close(shrink_to_marginal(&p, &m, 0.0).unwrap().as_slice(), p.as_slice());
    all_close(shrink_to_marginal(&p, &m, 1.0).unwrap().as_slice(), m.as_slice());
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(shrink_to_marginal(&p, &m, bad), Err(MeasureError::Shrinkage(_))));
    }
    assert!(shrink_to_marginal(&p, &d(&[1.0]), 0.5).is_err());
}

#[test]
fn a_planted_temperature_is_found_and_tried_on_what_it_did_not_see() {
    // Options without order, in several numbers: one temperature for all.
    let said: Vec<_> = [varied(4, 3), varied(4, 5)].concat();
    let questions: Vec<_> = said.iter().map(|p| labelled(p, scale_temperature(p, 2.5).unwrap(), false)).collect();
    let asked = d(&[0.9, 0.08, 0.02]);
    let found = calibrate_supervised(&asked, false, &questions).unwrap();
    assert_eq!(found.map, CalibrationMap::Temperature(2.5));
    all_close(found.p.as_slice(), scale_temperature(&asked, 2.5).unwrap().as_slice());
    assert!(found.held_out.iter().all(|tv| *tv < 1e-9) && found.raw.iter().all(|tv| *tv > 0.01), "{found:?}");
    assert_eq!((found.raw.len(), found.is_own_kind), (8, false));
}

#[test]
fn what_is_left_out_has_no_say_in_its_own_score() {
    let said = varied(5, 4);
    let targets = [1.5, 3.0, 0.6, 2.0, 4.0];
    let questions: Vec<_> =
        said.iter().zip(targets).map(|(p, t)| labelled(p, scale_temperature(p, t).unwrap(), false)).collect();
    let learning = Learning::new(questions.iter().collect()).unwrap();
    let scores = learning.left_out(Family::Temperature).unwrap();
    for (place, score) in scores.iter().enumerate() {
        let rest = questions.iter().enumerate().filter(|(other, _)| *other != place);
        let rest: Vec<_> = rest.map(|(_, other)| (other.p.clone(), other.q.clone())).collect();
        let fitted = fit_temperature(&rest).unwrap().temperature;
        let own = &questions[place];
        close(*score, total_variation(&scale_temperature(&own.p, fitted).unwrap(), &own.q).unwrap());
    }
    // A question whose people are turned over changes its own score and not what the others are scored with.
    let mut other = questions.clone();
    other[2].q = d(&[0.0, 0.0, 0.0, 1.0]);
    let other = Learning::new(other.iter().collect()).unwrap();
    close(other.fit_temperature(Some(2)), learning.fit_temperature(Some(2)));
    assert!((other.left_out(Family::Temperature).unwrap()[2] - scores[2]).abs() > 0.1);
}

#[test]
fn people_who_always_answer_alike_are_known_by_their_marginal() {
    let people = d(&[0.1, 0.2, 0.3, 0.4]);
    let questions: Vec<_> = varied(8, 4).iter().map(|p| labelled(p, people.clone(), true)).collect();
    let asked = d(&[0.9, 0.05, 0.03, 0.02]);
    let found = calibrate_supervised(&asked, true, &questions).unwrap();
    assert!(matches!(found.map, CalibrationMap::Shrinkage { shrinkage, .. } if shrinkage > 0.99), "{:?}", found.map);
    all_close(found.p.as_slice(), people.as_slice());
    assert!(found.held_out.iter().all(|tv| *tv < 1e-9));
    // Asked without order, the places mean nothing and equal shares stand for the marginal.
    let nominal = calibrate_supervised(&asked, false, &questions).unwrap();
    all_close(nominal.p.as_slice(), &[0.25; 4]);
}

#[test]
fn a_map_of_many_parameters_needs_many_questions_of_the_kind() {
    // The model has every scale turned round, which neither a temperature nor a marginal can undo.
    let turned = |p: &Distribution| d(&p.as_slice().iter().rev().copied().collect::<Vec<_>>());
    let questions = |count| varied(count, 3).iter().map(|p| labelled(p, turned(p), true)).collect::<Vec<_>>();
    let asked = d(&[0.6, 0.3, 0.1]);
    let few = calibrate_supervised(&asked, true, &questions(20)).unwrap();
    assert!(!few.is_own_kind && few.map.id() != "alr-ridge");
    let mut many = questions(24);
    many.push(labelled(&d(&[0.5, 0.5]), d(&[1.0, 0.0]), true));
    let found = calibrate_supervised(&asked, true, &many).unwrap();
    assert_eq!((found.map.id(), found.is_own_kind, found.raw.len()), ("alr-ridge", true, 24));
    assert!(total_variation(&found.p, &turned(&asked)).unwrap() < 0.02, "{:?}", found.p);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean(&found.held_out) < 0.02 && mean(&found.raw) > 0.1);
    assert_ne!(calibrate_supervised(&asked, false, &many).unwrap().map.id(), "alr-ridge");
}

#[test]
fn a_model_that_is_right_is_left_alone() {
    let questions: Vec<_> = varied(6, 4).iter().map(|p| labelled(p, p.clone(), false)).collect();
    let asked = d(&[0.4, 0.3, 0.2, 0.1]);
    let found = calibrate_supervised(&asked, false, &questions).unwrap();
    assert_eq!((&found.map, &found.p), (&CalibrationMap::None, &asked));
    assert_eq!(found.map.id(), "none");
    assert!(found.held_out.iter().all(|tv| *tv < 1e-12));
}

#[test]
fn too_few_questions_and_misfits_are_errors() {
    let p = d(&[0.5, 0.5]);
    let one = labelled(&p, p.clone(), false);
    let few = calibrate_supervised(&p, false, &[one.clone(), one.clone()]);
    assert_eq!(few, Err(MeasureError::TooFew { least: 3, found: 2 }));
    let misfit = labelled(&p, d(&[1.0]), false);
    assert!(calibrate_supervised(&p, false, &[one.clone(), one, misfit]).is_err());
    assert!(Ridge::fit(&[], 1.0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_comes_out_is_bounded_and_follows_renamed_options(
        said in prop::collection::vec((any_distribution(3), any_distribution(3)), 3..7),
        asked in any_distribution(3),
    ) {
        let questions: Vec<_> = said.iter().map(|(p, q)| labelled(p, q.clone(), false)).collect();
        let found = calibrate_supervised(&asked, false, &questions).unwrap();
        prop_assert!(found.held_out.iter().chain(&found.raw).all(|tv| (0.0..=1.0 + 1e-12).contains(tv)));
        prop_assert!((found.p.as_slice().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let renamed = |p: &Distribution| d(&[p.as_slice()[2], p.as_slice()[0], p.as_slice()[1]]);
        let others: Vec<_> = said.iter().map(|(p, q)| labelled(&renamed(p), renamed(q), false)).collect();
        let turned = calibrate_supervised(&renamed(&asked), false, &others).unwrap();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        prop_assert!((mean(&turned.raw) - mean(&found.raw)).abs() < 1e-9);
        // Where two parameters are equally good, rounding decides, so that only the fit itself must agree.
        if turned.map == found.map {
            all_close(turned.p.as_slice(), renamed(&found.p).as_slice());
        }
    }
}

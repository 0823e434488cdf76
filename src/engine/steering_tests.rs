//! What becomes of the directions that a request names.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;

const RESIDUAL: Residual = Residual { layers: 4, width: 2 };

fn layer(values: [f32; 2], bias: Option<f32>) -> LayerDirection {
    LayerDirection { values: values.to_vec(), bias }
}

fn direction(layers: &[(u32, [f32; 2])]) -> Arc<Direction> {
    let layers = layers.iter().map(|(at, values)| (*at, layer(*values, None))).collect();
    Arc::new(Direction::new(layers, RESIDUAL).unwrap())
}

fn steer(strength: f32) -> Steer {
    Steer { direction: String::new(), strength, layers: None, from: None, tokens: None, target: None }
}

fn moved(steering: &Steering, position: u32, layer: u32, h: [f32; 2]) -> [f32; 2] {
    let mut h = h;
    steering.apply(position, layer, &mut h);
    h
}

#[test]
fn it_begins_with_the_last_token_of_the_prompt_and_does_not_end() {
    let steering = Steering::new(&[(direction(&[(1, [1.0, 2.0])]), &steer(0.5))], 7).unwrap().unwrap();
    assert_eq!(steering.from(), 6);
    assert!(!steering.acts(5, 1) && steering.acts(6, 1) && !steering.acts(6, 2));
    assert_eq!(moved(&steering, 5, 1, [1.0, 1.0]), [1.0, 1.0]);
    assert_eq!(moved(&steering, 6, 1, [1.0, 1.0]), [1.5, 2.0]);
    assert_eq!(moved(&steering, 1_000_000, 1, [1.0, 1.0]), [1.5, 2.0]);
    assert_eq!(moved(&steering, 6, 2, [1.0, 1.0]), [1.0, 1.0], "another layer");
}

#[test]
fn directions_add_up_where_their_windows_overlap() {
    let (one, other) = (direction(&[(1, [1.0, 0.0]), (2, [4.0, 0.0])]), direction(&[(1, [0.0, 1.0])]));
    let first = Steer { from: Some(2), tokens: Some(4), layers: Some((0, 1)), ..steer(2.0) };
    let second = Steer { from: Some(4), tokens: Some(4), ..steer(-1.0) };
    let steering = Steering::new(&[(one, &first), (other, &second)], 9).unwrap().unwrap();
    let at = |position| moved(&steering, position, 1, [0.0, 0.0]);
    assert_eq!(
        [1, 2, 3, 4, 5, 6, 7, 8].map(at),
        [[0.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, -1.0], [2.0, -1.0], [0.0, -1.0], [0.0, -1.0], [0.0, 0.0]]
    );
    assert_eq!(moved(&steering, 3, 2, [0.0, 0.0]), [0.0, 0.0], "a layer that was not asked for");
    assert!(steering.acts(5, 1) && !steering.acts(5, 2) && !steering.acts(8, 1));
}

#[test]
fn what_does_nothing_is_nothing() {
    let one = direction(&[(1, [1.0, 0.0])]);
    assert_eq!(Steering::new(&[(Arc::clone(&one), &steer(0.0))], 3), Ok(None));
    assert_eq!(Steering::new(&[(one, &Steer { tokens: Some(0), ..steer(1.0) })], 3), Ok(None));
    assert_eq!(Steering::new(&[], 3), Ok(None));
}

#[test]
fn its_name_follows_from_what_it_does() {
    let (one, other) = (direction(&[(1, [1.0, 0.5])]), direction(&[(1, [0.5, 0.25])]));
    let of = |direction: &Arc<Direction>, steer: &Steer, prompt| {
        Steering::new(&[(Arc::clone(direction), steer)], prompt).unwrap().unwrap().id()
    };
    assert_eq!(of(&one, &steer(1.0), 5), of(&direction(&[(1, [1.0, 0.5])]), &steer(1.0), 5));
    assert_ne!(of(&one, &steer(1.0), 5), of(&other, &steer(1.0), 5));
    assert_ne!(of(&one, &steer(1.0), 5), of(&one, &steer(1.0), 6));
    assert_ne!(of(&one, &steer(1.0), 5), of(&one, &steer(-1.0), 5));
    assert_ne!(of(&one, &steer(1.0), 5), of(&one, &Steer { tokens: Some(3), ..steer(1.0) }, 5));
    assert_eq!(one.id().len(), 64);
    assert_ne!(one.id(), other.id());
}

/// The vector of VISPA's probe with a target: w = (3, 4), b = -1, h = (0.1, 0.05).
#[test]
fn a_probe_takes_the_smallest_step_to_its_target() {
    let probe = layer([3.0, 4.0], Some(-1.0));
    let h = [0.1, 0.05];
    for (target, step) in [(0.5, 0.1), (0.9, 0.539_445), (0.99, 1.019_024)] {
        assert!((probe.step(target, &h) - step).abs() < 1e-6, "{target}: {}", probe.step(target, &h));
    }
    assert!((probe.step(0.1, &[1.0, 1.0]) + 1.639_445).abs() < 1e-6);
    assert_eq!(probe.step(0.9, &[5.0, 5.0]), 0.0, "it is there already");
    assert_eq!(probe.step(0.1, &[-5.0, -5.0]), 0.0);
    let direction = Direction::new(BTreeMap::from([(2, probe)]), RESIDUAL).unwrap();
    let reach = Steer { target: Some(0.9), ..steer(1.0) };
    let steering = Steering::new(&[(Arc::new(direction), &reach)], 1).unwrap().unwrap();
    let h = moved(&steering, 0, 2, h);
    assert!((h[0] - 0.423_667).abs() < 1e-6 && (h[1] - 0.481_556).abs() < 1e-6, "{h:?}");
}

#[test]
fn what_cannot_be_is_told_in_a_clause() {
    let new = |layers: Vec<(u32, LayerDirection)>| Direction::new(layers.into_iter().collect(), RESIDUAL).unwrap_err();
    assert!(new(vec![]).contains("no layer"));
    assert!(new(vec![(4, layer([1.0, 1.0], None))]).contains("layer 4, and the model has 4"));
    assert!(new(vec![(1, LayerDirection { values: vec![1.0], bias: None })]).contains("1 numbers in layer 1"));
    assert!(new(vec![(1, layer([f32::NAN, 1.0], None))]).contains("no finite number"));
    assert!(new(vec![(1, layer([0.0, 0.0], None))]).contains("only zeros"));
    let one = direction(&[(1, [1.0, 0.0])]);
    let told = |steer: &Steer| Steering::new(&[(Arc::clone(&one), steer)], 3).unwrap_err();
    assert!(told(&Steer { layers: Some((2, 3)), ..steer(1.0) }).contains("none of the layers 2 to 3"));
    assert!(told(&Steer { layers: Some((3, 0)), ..steer(1.0) }).contains("none of the layers 3 to 0"));
    assert!(told(&Steer { target: Some(1.0), ..steer(1.0) }).contains("between 0 and 1"));
    assert!(told(&Steer { target: Some(0.9), ..steer(1.0) }).contains("no bias"));
    assert!(told(&steer(f32::INFINITY)).contains("finite"));
}

//! `counts`: sampled answers, alone or against a reference.

use serde::{Deserialize, Serialize};

use super::{InField, Kind, KindError, Notes, answer, counts, distribution};
use crate::measure::{
    Base, Distribution, FloorRoute, Interval, LEVEL_95, MeasureError, Resampling, Sample, WORK_LIMIT,
    distance_interval, entropy, entropy_miller_madow, js_distance, named_seed, noise_floor, wilson_95,
};

pub(super) const KIND: Kind = Kind {
    name: "counts",
    about: "counted answers, alone or against a reference `q`: shares with intervals, entropy, distance, noise floor",
    example: r#"{"kind":"counts","id":7,"counts":[18,9,3],"q":[0.5,0.3,0.2],"seed":1,"resamples":1000}"#,
    evaluate: |line| answer("counts", line, evaluate),
};

/// The range of draws for a floor that cannot be enumerated; fewer the larger the samples.
const FLOOR_DRAWS: (u64, u64) = (200, 10_000);

#[derive(Debug, Deserialize)]
struct Input {
    counts: Vec<f64>,
    /// The reference, over the same options.
    q: Option<Vec<f64>>,
    /// How many people stand behind `q`; it counts as exact where absent.
    reference_n: Option<u64>,
    #[serde(default = "default_seed")]
    seed: u64,
    #[serde(default = "default_resamples")]
    resamples: u64,
}

fn default_seed() -> u64 {
    1
}

fn default_resamples() -> u64 {
    1000
}

#[derive(Debug, Serialize)]
struct Output {
    n: u64,
    p: Vec<f64>,
    wilson: Vec<Interval>,
    entropy_2: f64,
    entropy_2_miller_madow: f64,
    #[serde(flatten)]
    comparison: Option<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What there is only with a reference.
#[derive(Debug, Serialize)]
struct Comparison {
    js_distance_2: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Interval>,
    level: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise_floor: Option<f64>,
    /// 0 for a floor by exact enumeration.
    #[serde(skip_serializing_if = "Option::is_none")]
    noise_floor_draws: Option<u64>,
    resamples: u64,
    seed: u64,
}

fn evaluate(input: &Input) -> Result<Output, KindError> {
    let counts = counts("counts", &input.counts)?;
    let p = Distribution::from_counts(&counts).field("counts")?;
    let n = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
    let mut notes = Notes::default();
    let comparison = match &input.q {
        Some(q) => Some(compare(input, n, &p, &distribution("q", q)?, &mut notes)?),
        None => None,
    };
    Ok(Output {
        n,
        wilson: counts.iter().map(|&count| wilson_95(count, n)).collect::<Result<_, _>>().field("counts")?,
        entropy_2: entropy(&p, Base::Two),
        entropy_2_miller_madow: entropy_miller_madow(&counts).field("counts")?,
        p: p.into_vec(),
        comparison,
        note: notes.into_note(),
    })
}

fn compare(
    input: &Input,
    n: u64,
    p: &Distribution,
    q: &Distribution,
    notes: &mut Notes,
) -> Result<Comparison, KindError> {
    let js = |p: &Distribution, q: &Distribution| js_distance(p, q, Base::Two);
    let js_distance_2 = js(p, q).field("counts and q")?;
    for (field, size) in [("resamples", Some(input.resamples)), ("reference_n", input.reference_n)] {
        if size == Some(0) {
            return Err(MeasureError::Zero("it")).field(field);
        }
    }
    let seed = |part| named_seed(input.seed, &["counts", part]);
    let plan = Resampling { resamples: input.resamples, seed: seed("interval"), level: LEVEL_95 };
    let (model, reference) = (Sample { distribution: p, n: Some(n) }, Sample { distribution: q, n: input.reference_n });
    let interval = notes.keep("interval", distance_interval(model, reference, plan, js));
    let each = n.saturating_add(input.reference_n.unwrap_or(0)).saturating_add(2 * q.len() as u64);
    let draws = (WORK_LIMIT / 4 / each.max(1)).clamp(FLOOR_DRAWS.0, FLOOR_DRAWS.1);
    let floor = notes.keep("noise_floor", noise_floor(q, Some(n), input.reference_n, draws, seed("noise floor"), js));
    Ok(Comparison {
        js_distance_2,
        interval,
        level: LEVEL_95,
        noise_floor: floor.map(|floor| floor.value),
        noise_floor_draws: floor.map(|floor| match floor.route {
            FloorRoute::Enumerated => 0,
            FloorRoute::Drawn(draws) => draws,
        }),
        resamples: input.resamples,
        seed: input.seed,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::close;
    use serde_json::Value;

    fn run(line: &str) -> Value {
        (KIND.evaluate)(line).unwrap()
    }

    #[test]
    fn thirty_answers_alone() {
        let out = run(r#"{"counts":[18,9,3]}"#);
        close(out["wilson"][0][0].as_f64().unwrap(), 0.423_204);
        close(out["wilson"][2][1].as_f64().unwrap(), 0.256_211);
        close(out["entropy_2_miller_madow"].as_f64().unwrap(), 1.343_552);
        assert!(out.get("js_distance_2").is_none() && out.get("seed").is_none());
    }

    #[test]
    fn against_a_reference_with_defaults() {
        let out = run(r#"{"counts":[18.0,9,3],"q":[0.7,0.2,0.1]}"#);
        assert_eq!((&out["seed"], &out["resamples"], &out["level"]), (&1.into(), &1000.into(), &0.95.into()));
        assert!((out["noise_floor"].as_f64().unwrap() - 0.1017).abs() < 0.0001);
        assert_eq!(out["noise_floor_draws"], 0);
        let (low, high) = (out["interval"][0].as_f64().unwrap(), out["interval"][1].as_f64().unwrap());
        let measured = out["js_distance_2"].as_f64().unwrap();
        assert!(low < measured && measured < high, "{low} {measured} {high}");
    }

    #[test]
    fn people_behind_the_reference_add_noise() {
        let exact = run(r#"{"counts":[18,9,3],"q":[0.7,0.2,0.1]}"#);
        let survey = run(r#"{"counts":[18,9,3],"q":[0.7,0.2,0.1],"reference_n":40}"#);
        assert!(survey["noise_floor"].as_f64().unwrap() > 1.2 * exact["noise_floor"].as_f64().unwrap());
        assert_eq!(survey["noise_floor_draws"], 10_000);
    }

    #[test]
    fn seeds_decide_the_interval() {
        let at =
            |seed: u64| run(&format!(r#"{{"counts":[18,9,3],"q":[0.7,0.2,0.1],"seed":{seed}}}"#))["interval"].clone();
        assert_eq!(at(5), at(5));
        assert_ne!(at(5), at(6));
    }

    #[test]
    fn too_much_work_is_absent_with_a_note() {
        let out = run(r#"{"counts":[900000000,9],"q":[0.5,0.5]}"#);
        assert!(out["interval"].is_array() && out.get("noise_floor").is_none());
        assert!(out["note"].as_str().unwrap().contains("`noise_floor` is absent"));
        assert!(out["js_distance_2"].is_number());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for line in [
            r#"{"counts":[1.5,2]}"#,
            r#"{"counts":[0,0]}"#,
            r#"{"counts":[-1,2]}"#,
            r#"{"counts":[1,2],"q":[1,2,3]}"#,
            r#"{"counts":[1,2],"q":[1,2],"resamples":0}"#,
            r#"{"counts":[1,2],"q":[1,2],"reference_n":0}"#,
            r#"{"counts":[1,2],"q":[1,2],"seed":-1}"#,
        ] {
            assert!((KIND.evaluate)(line).is_err(), "{line}");
        }
    }
}

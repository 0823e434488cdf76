//! What directions do at several strengths: the numbers of a pane, as far as they are known.

use super::direction::Steered;
use super::persona_prompt::{gain, option_ids};
use crate::domain::{BeforeSteering, Measure, Pane, PersonaDistribution, SteeredAt, Voice};
use crate::measure::{perplexity_ratio, repeated_4_grams, steering_shift, total_variation};
use crate::methods::compare::Stage;
use crate::methods::elicit::{Elicited, many_options_note};
use crate::methods::{MethodError, PaneContext};

/// Multiples of a direction's strength: turned round, half, as it is, and twice.
pub(super) const STRENGTHS: [f64; 4] = [-1.0, 0.5, 1.0, 2.0];
/// The one that voices and measures are of.
pub(super) const MAIN: usize = 2;
/// Beyond these the language itself suffers (M8).
const MOST_PERPLEXITY: f64 = 1.2;
const MOST_REPEATED: f64 = 0.2;

/// One place: options and the neutral text.
#[derive(Debug, Clone, Default)]
struct Seen {
    options: Option<Elicited>,
    /// Natural logarithms of the probabilities of its tokens.
    text: Option<Vec<f64>>,
}

/// Everything that was read so far.
#[derive(Debug, Clone)]
pub(super) struct Fan {
    before: Seen,
    /// By direction, then by place in [`STRENGTHS`].
    after: Vec<[Seen; STRENGTHS.len()]>,
}

impl Fan {
    pub(super) fn new(directions: usize) -> Self {
        Self { before: Seen::default(), after: vec![Default::default(); directions] }
    }

    /// `None` is the model unsteered.
    fn at(&mut self, place: Option<(usize, usize)>) -> &mut Seen {
        match place {
            None => &mut self.before,
            Some((who, at)) => &mut self.after[who][at],
        }
    }

    pub(super) fn options(&mut self, place: Option<(usize, usize)>, found: Elicited) {
        self.at(place).options = Some(found);
    }

    pub(super) fn text(&mut self, place: Option<(usize, usize)>, logprobs: Vec<f64>) {
        self.at(place).text = Some(logprobs);
    }

    /// Writes what is known into `result`.
    pub(super) fn show(
        &self,
        pane: &PaneContext,
        steered: &[Steered<'_>],
        result: &mut Pane,
        stage: Stage,
    ) -> Result<(), MethodError> {
        let question = &pane.spec().question;
        if question.has_distribution() {
            result.options = Some(option_ids(pane));
            if let Some(note) = many_options_note(question) {
                result.add_note(&note);
            }
        }
        let before = self.before.options.as_ref();
        let read = self.after.iter().flatten().chain([&self.before]).filter_map(|seen| seen.options.as_ref());
        result.orders = read.map(|found| found.orders).min();
        result.before = before.map(|before| BeforeSteering {
            p: before.p.as_slice().to_vec(),
            mass: before.mass,
            note: before.note(),
        });
        let mut shifts = Vec::new();
        for (one, seen) in steered.iter().zip(&self.after) {
            for (at, seen) in seen.iter().enumerate() {
                result.fan.extend(self.spot(one, at, seen)?);
            }
            shifts.extend(self.main(pane, one, &seen[MAIN], result, stage)?);
        }
        if !shifts.is_empty() {
            let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
            result.measures.push(Measure::new("shift.mean_js_distance_2", mean).n(shifts.len()));
        }
        result.measures.extend(before.into_iter().flat_map(Elicited::order_measures));
        if stage == Stage::Done {
            let unsteered = result.voices.iter().find(|voice| voice.persona.is_none()).map(repeated);
            result.measures.extend(unsteered);
        }
        Ok(())
    }

    /// One strength of a direction; nothing where nothing is known of it.
    fn spot(&self, one: &Steered<'_>, at: usize, seen: &Seen) -> Result<Option<SteeredAt>, MethodError> {
        if seen.options.is_none() && seen.text.is_none() {
            return Ok(None);
        }
        let shift = match (&self.before.options, &seen.options) {
            (Some(before), Some(after)) => Some(steering_shift(&before.p, &after.p)?),
            _ => None,
        };
        Ok(Some(SteeredAt {
            persona: one.persona.id.clone(),
            strength: one.strength(at),
            share: Some(one.share(at)).filter(|share| *share != 0.0),
            p: seen.options.as_ref().map(|found| found.p.as_slice().to_vec()),
            mass: seen.options.as_ref().map(|found| found.mass),
            shift_js_distance_2: shift,
            perplexity_ratio: self.perplexity(seen)?.and_then(|(ratio, _)| ratio),
        }))
    }

    /// The perplexity ratio, where both texts were read, and the number of their tokens.
    fn perplexity(&self, seen: &Seen) -> Result<Option<(Option<f64>, usize)>, MethodError> {
        let (Some(before), Some(after)) = (&self.before.text, &seen.text) else { return Ok(None) };
        Ok(Some((perplexity_ratio(before, after)?, before.len())))
    }

    /// The distribution and the measures of a direction at its own strength; its shift.
    fn main(
        &self,
        pane: &PaneContext,
        one: &Steered<'_>,
        seen: &Seen,
        result: &mut Pane,
        stage: Stage,
    ) -> Result<Option<f64>, MethodError> {
        let id = one.persona.id.as_str();
        let perplexity = self.perplexity(seen)?;
        let mut shift = None;
        if let Some(after) = &seen.options {
            let broken = perplexity.and_then(|(ratio, _)| ratio).filter(|ratio| *ratio > MOST_PERPLEXITY).map(|ratio| {
                format!("a neutral text has {ratio:.2} times the perplexity, above {MOST_PERPLEXITY}: take less strength")
            });
            let notes: Vec<String> = after.note().into_iter().chain(broken).collect();
            result.distributions.push(PersonaDistribution {
                persona: id.to_owned(),
                p: after.p.as_slice().to_vec(),
                mass: after.mass,
                per_order: after.per_order.clone(),
                note: (!notes.is_empty()).then(|| notes.join("; ")),
            });
            if let Some(before) = &self.before.options {
                let moved = steering_shift(&before.p, &after.p)?;
                shift = Some(moved);
                result.measures.push(Measure::new("shift.js_distance_2", moved).persona(id));
                let tv = total_variation(&before.p, &after.p)?;
                result.measures.push(Measure::new("shift.tv", tv).persona(id));
                result.measures.extend(gain(pane, one.persona, before, after, stage));
            }
            let sensitivity = after.order_measures().into_iter().take(1).map(|measure| measure.persona(id));
            result.measures.extend(sensitivity);
        }
        if let Some((ratio, tokens)) = perplexity {
            let measure = match ratio {
                Some(ratio) => Measure::new("side.perplexity_ratio", ratio).n(tokens),
                None => {
                    Measure::absent("side.perplexity_ratio", "a token of the neutral text has no probability any more")
                }
            };
            result.measures.push(measure.persona(id));
        }
        if stage == Stage::Done {
            let voice = result.voices.iter().find(|voice| voice.persona.as_deref() == Some(id)).map(repeated);
            if let Some(voice) = voice {
                if voice.value.is_some_and(|share| share > MOST_REPEATED) {
                    result.add_note(&format!("{id} repeats itself: less strength gives a better voice"));
                }
                result.measures.push(voice.persona(id));
            }
            result.measures.push(match one.share(MAIN) {
                0.0 => {
                    Measure::absent("direction.share", "how long outputs are is not known of its layers").persona(id)
                }
                share => Measure::new("direction.share", share).persona(id),
            });
            result.measures.push(match one.held_out {
                Some(held_out) => Measure::new("direction.held_out", held_out).persona(id),
                None => {
                    Measure::absent("direction.held_out", "it is from a file, whose pairs are not here").persona(id)
                }
            });
        }
        Ok(shift)
    }
}

/// How much a voice repeats itself.
fn repeated(voice: &Voice) -> Measure {
    match repeated_4_grams(&voice.text) {
        Some(share) => Measure::new("side.repeated_4_grams", share).n(voice.text.split_whitespace().count() - 3),
        None => Measure::absent("side.repeated_4_grams", "the voice has fewer than four words"),
    }
}

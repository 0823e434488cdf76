//! Option distributions read from a model's scores: label tokens in all their surface forms (P2), and whole options as
//! continuations (P3).

use super::distribution::Distribution;
use super::error::MeasureError;

/// Below this mass on the labels the distribution is shown with a warning (P2).
pub const MASS_LOW: f64 = 0.5;
/// Below this mass on the labels the distribution is not to be trusted (P2): prefill the answer or sample instead.
pub const MASS_TOO_SMALL: f64 = 0.05;

/// What the model's next token says about the options.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionScores {
    /// Probability of each label, all its surface forms together, over the full vocabulary at temperature 1.
    pub mass_per_label: Vec<f64>,
    /// Their sum, the coverage: the probability that the next token is a label at all.
    pub mass: f64,
    /// The labels' shares of that mass; `None` only where every label has probability 0.
    pub p: Option<Distribution>,
}

/// Option scores from the next-token logits of the whole vocabulary; `variants[l]` holds the token ids of the surface
/// forms of label l, which no other label may share.
///
/// Fails without labels, for an id beyond the vocabulary, and for a logit that is NaN or +infinity.
pub fn score_options(logits: &[f32], variants: &[Vec<usize>]) -> Result<OptionScores, MeasureError> {
    let logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
    let pick = |&id: &usize| logits.get(id).copied().ok_or(MeasureError::TokenOutOfRange { id, size: logits.len() });
    let per_label: Vec<f64> = variants
        .iter()
        .map(|ids| Ok(log_sum_exp(&ids.iter().map(pick).collect::<Result<Vec<_>, _>>()?)))
        .collect::<Result<_, MeasureError>>()?;
    check_scores(&logits)?;
    from_log_masses(&per_label, log_sum_exp(&logits))
}

/// Option scores from the logits of each label's surface forms, and those of `rest`, the remaining vocabulary.
///
/// Fails without labels and for a logit that is NaN or +infinity. A label without forms has probability 0.
pub fn score_variants(forms: &[Vec<f64>], rest: &[f64]) -> Result<OptionScores, MeasureError> {
    forms.iter().try_for_each(|logits| check_scores(logits))?;
    check_scores(rest)?;
    let mut per_label: Vec<f64> = forms.iter().map(|logits| log_sum_exp(logits)).collect();
    per_label.push(log_sum_exp(rest));
    let log_z = log_sum_exp(&per_label);
    per_label.pop();
    from_log_masses(&per_label, log_z)
}

/// Shares are taken in the log domain: they stay right where the masses themselves underflow.
fn from_log_masses(per_label: &[f64], log_z: f64) -> Result<OptionScores, MeasureError> {
    if per_label.is_empty() {
        return Err(MeasureError::TooFew { least: 1, found: 0 });
    }
    let share = |log_mass: f64| if log_mass == f64::NEG_INFINITY { 0.0 } else { (log_mass - log_z).exp().min(1.0) };
    Ok(OptionScores {
        mass_per_label: per_label.iter().map(|&log_mass| share(log_mass)).collect(),
        mass: share(log_sum_exp(per_label)),
        p: Distribution::softmax(per_label).ok(),
    })
}

/// `ln sum exp(x)`, -infinity for no terms.
fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

fn check_scores(values: &[f64]) -> Result<(), MeasureError> {
    match values.iter().position(|value| value.is_nan() || *value == f64::INFINITY) {
        Some(index) => Err(MeasureError::Score { index }),
        None => Ok(()),
    }
}

/// What is left of a decoded token when blanks, one opening and one closing mark around it are taken away (P2): the
/// token is a surface form of a label if this equals the label.
pub fn bare_label(token: &str) -> &str {
    let token = token.trim_start();
    let token = token.strip_prefix(['(', '[', '*', '"']).unwrap_or(token);
    token.strip_suffix([')', '.', ':', ']', '*', ',', '"']).unwrap_or(token)
}

/// How the log-probabilities of an option's tokens become its score (P3). The rules can rank options differently, so
/// the one in use is named wherever a result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuationRule {
    /// Their sum: the probability of the whole text, lower for longer options.
    Sum,
    /// Their mean: length-normalised.
    Mean,
}

/// The distribution over options whose texts were scored as continuations of one prompt (P3): softmax of the scores.
/// `token_logprobs[i]` holds the natural log-probability of each token of option i.
///
/// Fails without options, for an option without tokens, and for a score that is NaN or +infinity.
pub fn continuation_distribution(
    token_logprobs: &[Vec<f64>],
    rule: ContinuationRule,
) -> Result<Distribution, MeasureError> {
    Ok(Distribution::softmax(&continuation_scores(token_logprobs, rule)?)?)
}

/// The distribution over options corrected for how likely each text is anyway (P3 c, PMI): softmax of the summed
/// log-probability after the question less that after a content-free prompt.
///
/// Fails like [`continuation_distribution`] and on unequal lengths.
pub fn pmi_distribution(token_logprobs: &[Vec<f64>], null_logprobs: &[Vec<f64>]) -> Result<Distribution, MeasureError> {
    super::error::same_length(token_logprobs.len(), null_logprobs.len())?;
    let asked = continuation_scores(token_logprobs, ContinuationRule::Sum)?;
    let null = continuation_scores(null_logprobs, ContinuationRule::Sum)?;
    Ok(Distribution::softmax(&asked.iter().zip(&null).map(|(a, n)| a - n).collect::<Vec<_>>())?)
}

fn continuation_scores(token_logprobs: &[Vec<f64>], rule: ContinuationRule) -> Result<Vec<f64>, MeasureError> {
    token_logprobs
        .iter()
        .map(|tokens| {
            check_scores(tokens)?;
            let sum: f64 = tokens.iter().sum();
            match (tokens.len(), rule) {
                (0, _) => Err(MeasureError::TooFew { least: 1, found: 0 }),
                (_, ContinuationRule::Sum) => Ok(sum),
                (n, ContinuationRule::Mean) => Ok(sum / n as f64),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measure::testing::{all_close, close};

    const REST: [f64; 3] = [2.8, 1.5, 0.5];

    #[test]
    fn vector_of_p2() {
        let scores = score_variants(&[vec![2.0, 3.0], vec![1.0, 2.5], vec![0.0, -1.0]], &REST).unwrap();
        all_close(&scores.mass_per_label, &[0.414_284, 0.224_686, 0.020_626]);
        close(scores.mass, 0.659_595);
        let p = scores.p.unwrap();
        all_close(p.as_slice(), &[0.628_088, 0.340_642, 0.031_271]);
        let differs = |wrong: &Distribution| (wrong.as_slice()[0] - p.as_slice()[0]).abs() > 0.02;
        let largest_form = Distribution::softmax(&[3.0, 2.5, 0.0]).unwrap();
        all_close(largest_form.as_slice(), &[0.603_749, 0.366_192, 0.030_059]);
        assert!(differs(&largest_form));
        let bare_form = score_variants(&[vec![2.0], vec![1.0], vec![0.0]], &REST).unwrap().p.unwrap();
        all_close(bare_form.as_slice(), &[0.665_241, 0.244_728, 0.090_031]);
        assert!(differs(&bare_form));
    }

    #[test]
    fn whole_vocabulary_gives_the_same() {
        let logits = [2.8, 2.0, 1.0, 0.0, 1.5, 3.0, 2.5, -1.0, 0.5];
        let scores = score_options(&logits, &[vec![1, 5], vec![2, 6], vec![3, 7]]).unwrap();
        close(scores.mass, 0.659_595);
        all_close(scores.p.unwrap().as_slice(), &[0.628_088, 0.340_642, 0.031_271]);
        let outside = score_options(&logits, &[vec![9]]);
        assert_eq!(outside, Err(MeasureError::TokenOutOfRange { id: 9, size: 9 }));
        assert!(score_options(&[f32::NAN, 0.0], &[vec![1]]).is_err());
        assert!(score_options(&logits, &[]).is_err());
    }

    #[test]
    fn shares_survive_masses_that_underflow() {
        let scores = score_variants(&[vec![-2000.0], vec![-2000.0]], &[0.0]).unwrap();
        assert!(scores.mass == 0.0);
        all_close(scores.p.unwrap().as_slice(), &[0.5, 0.5]);
        let scores = score_variants(&[vec![1e4], vec![f64::NEG_INFINITY]], &[0.0]).unwrap();
        all_close(&scores.mass_per_label, &[1.0, 0.0]);
        let scores = score_variants(&[vec![], vec![]], &[0.0]).unwrap();
        assert_eq!((scores.mass, scores.p), (0.0, None));
        assert_eq!(score_variants(&[vec![]], &[]).unwrap().p, None);
        assert!(score_variants(&[vec![f64::INFINITY]], &[]).is_err());
    }

    #[test]
    fn surface_forms() {
        for token in ["A", " A", "(A", "A)", "\nA.", " (A)", "\"A\"", "*A*", "A:", "[A]"] {
            assert_eq!(bare_label(token), "A", "{token:?}");
        }
        for token in ["a", "AA", "An", "((A", "A))", ""] {
            assert_ne!(bare_label(token), "A", "{token:?}");
        }
    }

    #[test]
    fn continuations_of_p3() {
        let options = [vec![-1.2, -0.5, -0.7], vec![-1.5]];
        let by = |rule| continuation_distribution(&options, rule).unwrap();
        all_close(by(ContinuationRule::Sum).as_slice(), &[0.289_050, 0.710_950]);
        all_close(by(ContinuationRule::Mean).as_slice(), &[0.668_188, 0.331_812]);
        // Against itself every option is as likely as expected.
        all_close(pmi_distribution(&options, &options).unwrap().as_slice(), &[0.5, 0.5]);
        let null = [vec![-3.4], vec![-1.5]];
        all_close(pmi_distribution(&options, &null).unwrap().as_slice(), &[0.731_059, 0.268_941]);
        assert!(continuation_distribution(&[vec![]], ContinuationRule::Sum).is_err());
        assert!(pmi_distribution(&options, &null[..1]).is_err());
    }
}

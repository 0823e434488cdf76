//! The formulas of the field: pure functions without I/O, one file per family. `docs/measures.md` lists every measure
//! with its unit and how far to trust it; the E and P numbers name the project's specification.
//!
//! Distributions are checked once, by `Distribution::new`; no function returns NaN or infinity.

mod agreement;
mod baselines;
mod bootstrap;
mod calibration;
mod change;
mod classes;
mod distribution;
mod directions;
mod divergence;
mod entropy;
mod error;
mod flattening;
mod generalised_js;
mod interval;
mod inversion;
pub mod kinds;
mod mixture;
mod mode_match;
mod multinomial;
mod noise_floor;
mod options;
mod orders;
mod questions;
mod random;
mod refusal;
mod representativeness;
mod similarity;
mod simulation;
mod steering;
mod supervised;
#[cfg(test)]
mod testing;
mod wasserstein;

pub use agreement::{KappaWeight, RatingScale, cohen_kappa, krippendorff_alpha};
pub use baselines::{oracle_mode, other_groups, uniform};
pub use bootstrap::{Resampling, Sample, WORK_LIMIT, bootstrap_interval, bootstrap_interval_of, exact_share_interval};
pub use calibration::{FittedTemperature, calibrate_content_free, fit_temperature, scale_temperature};
pub use change::{change_interval, paired_interval};
pub use classes::{ClassScore, ClassScores, class_scores};
pub use directions::{Separation, mean_difference, middle_band, principal_difference, separation};
pub use distribution::{Distribution, InvalidDistribution};
pub use divergence::{
    Base, SMOOTHING, hellinger, js_distance, js_divergence, kl_divergence, kl_divergence_smoothed, total_variation,
};
pub use entropy::{effective_options, entropy, entropy_miller_madow, normalised_entropy};
pub use error::MeasureError;
pub use flattening::{DISTINGUISHABLE, Flattening, flattening};
pub use generalised_js::{PairwiseTv, equal_weights, generalised_js_2, linear_pool, log_pool, pairwise_tv, stability};
pub use interval::{Interval, LEVEL_95, Z_95, percentile_interval, wilson_95};
pub use inversion::distance_interval;
pub use mixture::{FittedMixture, MixtureLoss, MixtureQuestion, fit_mixture, mixture_loss};
pub use mode_match::{mode_match, modes};
pub use noise_floor::{FloorRoute, NoiseFloor, noise_floor};
pub use options::{
    ContinuationRule, MASS_LOW, MASS_TOO_SMALL, OptionScores, bare_label, continuation_distribution, pmi_distribution,
    score_options, score_variants,
};
pub use orders::{
    OrderAverage, average_orders, cyclic_shifts, is_balanced, mean_prior, option_orders, permutations, pride_debias,
    pride_prior,
};
pub use questions::{FEWEST_QUESTIONS, QuestionMean, mean_over_questions, paired_difference};
pub use random::{SplitMix64, named_seed};
pub use refusal::{OptionReading, Reply, ReplyKind, classify_reply};
pub use representativeness::{consistency, representativeness, similarity, steerability};
pub use similarity::word_similarity;
pub use simulation::{
    ConfidenceCalibration, TraitDistance, confidence_calibration, knowledge_to_simulation_gap, trait_distance,
};
pub use steering::{perplexity_ratio, repeated_4_grams, steering_gain, steering_shift};
pub use supervised::{
    Calibrated, CalibrationMap, FEWEST_LABELLED, Labelled, MANY_LABELLED, calibrate_supervised, shrink_to_marginal,
};
pub use wasserstein::{Positions, ScaleOrder, wasserstein_1, wasserstein_1_normalised};

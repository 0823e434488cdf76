//! What a model knows of people and cannot act out, over all questions: the mean distance of the sequences it writes over
//! that of the shares it states (E23). Meister et al., NAACL 2025 (arXiv 2411.05403), divide the means, as here: a ratio of
//! single questions is moved by those that are stated almost rightly.

use serde::Serialize;

use super::{Answerer, Resamples, Survey};
use crate::domain::{Measure, Mode};
use crate::measure::{LEVEL_95, knowledge_to_simulation_gap};

/// The method that acts people out.
const ACTED: &str = "sequence";
/// The method that states their shares.
const STATED: &str = "verbalised";
/// The distance that is divided.
const DISTANCE: &str = "tv";

/// The gap of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// Who acted people out.
    pub acted: Answerer,
    /// Who stated their shares.
    pub stated: Answerer,
    /// `knowledge_to_simulation`: above 0 the model states shares better than it acts them out.
    pub measure: Measure,
}

/// One line per model that was asked both ways, over the questions that have both distances.
pub fn gaps(survey: &Survey, draws: &Resamples) -> Vec<Gap> {
    let answerers = survey.answerers();
    let of = |method: &'static str| {
        let those = answerers.iter().enumerate();
        those.filter(move |(_, known)| known.mode == Mode::Distribution && known.method == method)
    };
    let pairs = of(ACTED).filter_map(|acted| Some((acted, of(STATED).find(|stated| stated.1.model == acted.1.model)?)));
    let lines = pairs.filter_map(|((first, acted), (second, stated))| {
        let (mut one, mut other) = (survey.column(first, DISTANCE), survey.column(second, DISTANCE));
        for (one, other) in one.iter_mut().zip(&mut other) {
            if one.is_none() || other.is_none() {
                (*one, *other) = (None, None);
            }
        }
        let measure = gap(draws, &one, &other)?;
        Some(Gap { acted: acted.clone(), stated: stated.clone(), measure })
    });
    lines.collect()
}

/// `None` where no question has both.
fn gap(draws: &Resamples, acted: &[Option<f64>], stated: &[Option<f64>]) -> Option<Measure> {
    const ID: &str = "knowledge_to_simulation";
    let (mean_acted, mean_stated) = (Resamples::mean(acted)?, Resamples::mean(stated)?);
    let n = acted.iter().flatten().count();
    let Ok(value) = knowledge_to_simulation_gap(mean_acted, mean_stated) else {
        return Some(Measure::absent(ID, "what is stated is what people say: there is no distance to divide by").n(n));
    };
    let mut found = Measure::new(ID, value).n(n);
    let note = format!("mean total variation: acted out {mean_acted:.3}, stated {mean_stated:.3}");
    match draws.interval_of(&[acted, stated], |means| knowledge_to_simulation_gap(means[0], means[1]).ok()) {
        Some(interval) => {
            found.interval = Some([interval.low, interval.high]);
            found.level = Some(LEVEL_95);
            found.note = Some(note);
        }
        None => found.note = Some(format!("{note}; no interval: it is of one question")),
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::methods::registry;
    use crate::survey::testing::survey_of_methods;

    #[test]
    fn means_are_divided_and_not_questions() {
        let methods = [ACTED, STATED];
        assert!(methods.iter().all(|method| registry::find(Mode::Distribution, method).is_some()));
        // Means 0.309 and 0.254, as in the paper: 0.216535. The ratio of the first question alone is far above.
        let survey = survey_of_methods(methods, &[(0.218, 0.008), (0.400, 0.500)]);
        let lines = gaps(&survey, &survey.resamples());
        assert_eq!(lines.len(), 1);
        let found = &lines[0].measure;
        assert!((found.value.unwrap() - 0.216_535).abs() < 1e-6, "{found:?}");
        assert_eq!((found.n, found.level), (Some(2), Some(LEVEL_95)));
        let [low, high] = found.interval.unwrap();
        // Drawn twice, either question stands alone: -0.2 and 26.25.
        assert!((low + 0.2).abs() < 1e-9 && (high - 26.25).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn one_question_has_no_interval_and_shares_stated_rightly_no_gap() {
        let survey = survey_of_methods([ACTED, STATED], &[(0.3, 0.2)]);
        let found = &gaps(&survey, &survey.resamples())[0].measure;
        assert!((found.value.unwrap() - 0.5).abs() < 1e-9 && found.interval.is_none());
        let survey = survey_of_methods([ACTED, STATED], &[(0.3, 0.0)]);
        let found = &gaps(&survey, &survey.resamples())[0].measure;
        assert!(found.value.is_none() && found.note.as_deref().unwrap().contains("no distance to divide by"));
        let survey = survey_of_methods(["first", STATED], &[(0.3, 0.2)]);
        assert_eq!(gaps(&survey, &survey.resamples()), []);
    }
}

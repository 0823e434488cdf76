//! What a run is the answer to, as one hash: two runs with the same one would say the same, so that a survey that was
//! stopped need not ask again.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};

use super::{RunSpec, Texts, registry};
use crate::domain::{Beside, EngineFacts, ModelFacts, Question, RunHead};

/// Changed whenever the same request would be answered in another way than by the version before.
const VERSION: &str = concat!("parallax fingerprint 1, ", env!("CARGO_PKG_VERSION"));

/// SHA-256, lower-case hexadecimal, of all that the answer to `spec` follows from: the question with its options,
/// references and earlier turns, the panes, the personas with their texts, populations, seed, samples, sampler settings,
/// the example questions, the model by its checksum, the engine's build, profile, context and template, and the
/// wordings in force.
///
/// Left out is what changes no number: where the model's file lies, what the engine's command is called, threads, sequences, and the class that the
/// self-tests found.
pub fn fingerprint(spec: &RunSpec, head: &RunHead, texts: &dyn Texts) -> String {
    // Taken apart, so that a field that is added must be thought of here.
    let RunSpec {
        question,
        panes,
        pane_models,
        personas,
        directions,
        examples,
        populations,
        seed,
        samples,
        max_tokens,
        temperature,
        top_p,
    } = spec;
    let mut hash = Hash(Sha256::new());
    hash.part("version", &VERSION);
    // The debug form has every field of a value, those too that are added one day.
    hash.part("question", question);
    hash.part("panes", panes);
    hash.part("personas", personas);
    hash.part("directions", directions);
    hash.part("populations", populations);
    hash.part("draws", &(seed, samples, max_tokens, temperature, top_p));
    if !examples.is_empty() {
        hash.part("examples", &digest(examples));
    }
    model(&mut hash, &head.model);
    engine(&mut hash, &head.engine);
    // Only where there is one, so that runs of one model keep their fingerprint.
    if let Some(Beside { name, model: other, engine: its, panes: _ }) = &head.beside {
        hash.part("beside", &(name, pane_models));
        model(&mut hash, other);
        engine(&mut hash, its);
    }
    for (mode, id) in panes {
        let files = registry::find(*mode, id).map_or(&[][..], |method| method.facts.wordings);
        for file in files {
            hash.part(file, &texts.hash(file));
        }
    }
    hash.finish()
}

thread_local! {
    /// The examples that were digested last: the questions of a survey share theirs, and would else be as many times longer in
    /// being named as there are of them.
    static LAST: RefCell<(Weak<Vec<Question>>, String)> = RefCell::default();
}

fn digest(examples: &Arc<Vec<Question>>) -> String {
    let known = LAST.with_borrow(|(last, digest)| {
        // A weak handle keeps the place from being another list's.
        let is_same = std::ptr::eq(last.as_ptr(), Arc::as_ptr(examples));
        is_same.then(|| digest.clone())
    });
    known.unwrap_or_else(|| {
        let mut hash = Hash(Sha256::new());
        hash.part("examples", examples);
        let digest = hash.finish();
        LAST.set((Arc::downgrade(examples), digest.clone()));
        digest
    })
}

fn model(hash: &mut Hash, model: &ModelFacts) {
    let ModelFacts { path, name, arch, parameters, quantisation, sha256 } = model;
    hash.part("model", &(name, arch, parameters, quantisation));
    // Without a checksum the place is the nearest there is to an identity.
    hash.part("file", sha256.as_ref().unwrap_or(path));
}

fn engine(hash: &mut Hash, engine: &EngineFacts) {
    let EngineFacts { kind: _, build, profile, class: _, context, sequences: _, threads: _, template } = engine;
    hash.part("engine", &(build, profile, context, template));
}

struct Hash(Sha256);

impl Hash {
    fn finish(self) -> String {
        self.0.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn part(&mut self, name: &str, value: &dyn fmt::Debug) {
        // A debug form quotes its texts, so none can look like the beginning of the next part. Writing cannot fail.
        let _ = write!(self, "\n{name:?}={value:?};");
    }
}

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{Mode, Persona, QuestionShown};

    struct Files(&'static str);

    impl Texts for Files {
        fn write(&self, _: &str, _: &str, _: &serde_json::Value) -> Result<String, String> {
            Ok(String::new())
        }

        fn hash(&self, file: &str) -> Result<String, String> {
            Ok(format!("{file} {}", self.0))
        }
    }

    fn spec() -> RunSpec {
        let options = ["Yes".to_owned(), "No".to_owned()];
        let persona = Persona {
            id: "nurse".into(),
            label: "Nurse".into(),
            wordings: vec!["You are a nurse.".into()],
            attributes: vec![],
            groups: vec![],
            weight: 1.0,
            synthetic: true,
            lora: None,
            direction: None,
        };
        RunSpec {
            pane_models: Vec::new(),
            question: Question::asked("Is it so?", &options, &[], false).unwrap(),
            panes: vec![(Mode::Distribution, "option-logits".into())],
            personas: vec![persona],
            directions: vec![],
            examples: Arc::default(),
            populations: vec![],
            seed: 1,
            samples: 30,
            max_tokens: 512,
            temperature: None,
            top_p: None,
        }
    }

    fn head(spec: &RunSpec) -> RunHead {
        RunHead {
            id: "r".into(),
            started: "now".into(),
            seed: spec.seed,
            model: ModelFacts { path: "/a".into(), sha256: Some("ab".into()), ..ModelFacts::default() },
            engine: EngineFacts::default(),
            question: QuestionShown::from(&spec.question),
            personas: vec![],
            settings: spec.settings(),
            fingerprint: None,
            beside: None,
        }
    }

    #[test]
    fn everything_an_answer_follows_from_changes_it_and_nothing_else_does() {
        let plain = fingerprint(&spec(), &head(&spec()), &Files("a"));
        assert!(plain.len() == 64 && plain.chars().all(|c| c.is_ascii_hexdigit()), "{plain}");
        let with = |change: &dyn Fn(&mut RunSpec)| {
            let mut other = spec();
            change(&mut other);
            fingerprint(&other, &head(&other), &Files("a"))
        };
        assert_eq!(with(&|_| {}), plain);
        let changes: [&dyn Fn(&mut RunSpec); 10] = [
            &|spec| spec.question.text.push(' '),
            &|spec| spec.question.options[0].label = "Aye".into(),
            &|spec| spec.panes.push((Mode::Overton, "vanilla".into())),
            &|spec| spec.personas[0].wordings[0] = "You are a doctor.".into(),
            &|spec| spec.populations.push("us.all".into()),
            &|spec| spec.seed = 2,
            &|spec| spec.samples = 31,
            &|spec| spec.max_tokens = 511,
            &|spec| spec.temperature = Some(0.0),
            &|spec| spec.examples = Arc::new(vec![spec.question.clone()]),
        ];
        let mut seen = vec![plain.clone()];
        for change in changes {
            let other = with(change);
            assert!(!seen.contains(&other));
            seen.push(other);
        }
        // What is remembered of examples is remembered of these.
        let examples = |text: &str| Arc::new(vec![Question { text: text.into(), ..spec().question }]);
        let (first, second) = (examples("first"), examples("second"));
        let of = |examples: &Arc<Vec<Question>>| with(&|spec| spec.examples = Arc::clone(examples));
        assert_eq!([of(&first), of(&second), of(&first)], [of(&examples("first")), of(&second), of(&first)]);
        assert_ne!(of(&first), of(&second));
        assert_ne!(fingerprint(&spec(), &head(&spec()), &Files("b")), plain, "other wordings");
        let of_head = |change: &dyn Fn(&mut RunHead)| {
            let mut other = head(&spec());
            change(&mut other);
            fingerprint(&spec(), &other, &Files("a"))
        };
        assert_ne!(of_head(&|head| head.model.sha256 = Some("cd".into())), plain);
        assert_ne!(of_head(&|head| head.engine.profile = "fast".into()), plain);
        assert_ne!(of_head(&|head| head.engine.build = "next".into()), plain);
        let same = of_head(&|head| {
            head.model.path = "/b".into();
            head.engine.threads = 7;
            head.engine.class = "untested".into();
            (head.id, head.started) = ("s".into(), "later".into());
        });
        assert_eq!(same, plain);
    }
}

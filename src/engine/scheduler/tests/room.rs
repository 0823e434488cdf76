//! What happens when there is not room for all: contexts grow, voices give way and come back, states come from disk.

use super::*;
use crate::engine::protocol::Thinking;
use crate::engine::states::States;

fn voice(prompt: (usize, usize), max_tokens: usize, seed: u64) -> Ask {
    Ask::Generate { prompt, max_tokens, seed, temperature: 1.0 }
}

fn length(prompt: (usize, usize)) -> usize {
    scripted::device(limits(4096, 8, 64, 8)).render(&chat(prompt)).unwrap().tokens.len()
}

fn finish_all(scheduler: &mut Scheduler) -> Ledger {
    let mut ledger = Ledger::default();
    run_to_the_end(scheduler, &mut ledger);
    ledger
}

/// Sixteen voices whose limits together are many times the context all run, and each writes what it would alone.
#[test]
fn voices_that_outgrow_the_context_together_give_way_and_come_back() {
    let limits = Limits { per_sequence: 400, ..limits(640, 24, 64, 16) };
    let asks: Vec<Ask> = (0..16).map(|seed| voice((usize::try_from(seed).unwrap() % 4, 1), 300, seed)).collect();
    let mut scheduler = scheduler(limits);
    (0..).zip(&asks).for_each(|(id, ask)| submit(&mut scheduler, id, ask));
    let mut most = 0;
    let mut ledger = Ledger::default();
    while scheduler.is_busy() {
        scheduler.step();
        ledger.take(&mut scheduler);
        most = most.max(scheduler.status().running);
    }
    // Each alone may take 300 cells and more: two at a time if all were set aside for them.
    assert!(most >= 4, "{most} ran at once");
    for (id, ask) in (0..).zip(&asks) {
        assert_eq!(ledger.ends[&id], alone(limits, ask), "voice {id}");
    }
    assert_nothing_left(&mut scheduler);
}

#[test]
fn a_context_grows_for_a_voice_that_needs_more_and_only_then() {
    let small = Limits { most_cells: 4096, per_sequence: 4096, ..limits(112, 8, 64, 8) };
    let mut scheduler = scheduler(small);
    submit(&mut scheduler, 0, &voice((0, 0), 20, 1));
    finish_all(&mut scheduler);
    assert_eq!(scheduler.status().cells, 112);
    let prompt = length((2, 1));
    let long = voice((2, 1), 2000 - prompt, 1);
    submit(&mut scheduler, 1, &voice((0, 0), 60, 2));
    scheduler.step();
    submit(&mut scheduler, 2, &long);
    let ledger = finish_all(&mut scheduler);
    assert_eq!(scheduler.status().cells, 2048);
    let wide = limits(4096, 8, 64, 8);
    assert_eq!(ledger.ends[&2], alone(wide, &long));
    assert_eq!(ledger.ends[&1], alone(wide, &voice((0, 0), 60, 2)));
}

/// A device on which the context cannot be made larger.
#[test]
fn where_nothing_can_grow_a_voice_ends_by_context_and_the_others_go_on() {
    let refusing =
        Refusing { inner: scripted::device(Limits { most_cells: 4096, per_sequence: 4096, ..limits(64, 8, 64, 8) }) };
    let mut scheduler = Scheduler::new(Box::new(refusing), Pulse::default());
    submit(&mut scheduler, 0, &Ask::Generate { prompt: (0, 1), max_tokens: 3000, seed: 1, temperature: 0.0 });
    submit(&mut scheduler, 1, &voice((3, 1), 10, 1));
    let ledger = finish_all(&mut scheduler);
    let End::Generated { finish, tokens, .. } = &ledger.ends[&0] else { panic!("{:?}", ledger.ends[&0]) };
    assert_eq!((*finish, tokens + length((0, 1))), (Finish::Context, 64));
    assert_eq!(ledger.ends[&1], alone(limits(4096, 8, 64, 8), &voice((3, 1), 10, 1)));
}

/// What was read in one process is taken over by the next, and answers stay the same.
#[test]
fn a_saved_prompt_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let states = || States::open(folder.path(), "this model", 1 << 20);
    let limits = limits(4096, 16, 64, 8);
    let ask = voice((2, 3), 10, 5);
    let prompt = length((2, 3));
    assert!(prompt > 64, "long enough to be saved: {prompt}");
    let mut first = scheduler(limits);
    first.use_states(states());
    submit(&mut first, 0, &ask);
    assert!(!first.save_one(), "not while there is work");
    let before = finish_all(&mut first);
    while first.save_one() {}
    let mut second = scheduler(limits);
    second.use_states(states());
    // Another end behind the same beginning, then the very same prompt.
    submit(&mut second, 0, &voice((2, 1), 5, 1));
    finish_all(&mut second);
    submit(&mut second, 1, &ask);
    let after = finish_all(&mut second);
    assert_eq!(after.ends[&1], before.ends[&0]);
    let status = second.status();
    assert_eq!(status.prompt_tokens_restored, prompt as u64);
    let common = super::super::cache::common_prefix(
        &scripted::device(limits).render(&chat((2, 3))).unwrap().tokens,
        &scripted::device(limits).render(&chat((2, 1))).unwrap().tokens,
    );
    assert_eq!(
        status.prompt_tokens_computed,
        (length((2, 1)) - common + 1) as u64,
        "and the last token, for its logits"
    );
    assert_nothing_left(&mut second);
}

#[test]
fn a_voice_that_was_cut_goes_on_from_its_saved_state() {
    let folder = tempfile::tempdir().unwrap();
    let states = || States::open(folder.path(), "this model", 1 << 20);
    let limits = limits(4096, 16, 64, 8);
    let (whole, said) = written(limits, None, 200, &[]);
    assert!(said.len() > 60, "{}", said.len());
    let mut first = scheduler(limits);
    first.use_states(states());
    submit(&mut first, 0, &voice((2, 1), 44, 3));
    finish_all(&mut first);
    while first.save_one() {}
    let mut second = scheduler(limits);
    second.use_states(states());
    let (text, rest) = written(limits, Some(&mut second), 200, &said[..44]);
    assert_eq!((text, [&said[..44], &rest[..]].concat()), (whole, said));
    // The last token of a voice is never computed by the one who says it.
    assert_eq!(second.status().prompt_tokens_computed, 0);
}

/// The text and the tokens of one voice; `forced` tokens are in the text alone.
fn written(
    limits: Limits,
    scheduler: Option<&mut Scheduler>,
    max_tokens: usize,
    forced: &[Token],
) -> (String, Vec<Token>) {
    let mut own = super::scheduler(limits);
    let scheduler = scheduler.unwrap_or(&mut own);
    let request = GenerateRequest {
        prompt: chat((2, 1)),
        max_tokens,
        sampler: Sampler { temperature: 1.0, ..Sampler::default() },
        seed: 3,
        stop: Vec::new(),
        grammar: None,
        time_limit_ms: None,
        echo: false,
        thinking: Thinking::default(),
        forced: forced.to_vec(),
        steering: Vec::new(),
        alternatives: 0,
        handling: Handling::default(),
    };
    scheduler.generate(0, &request);
    let (mut text, mut tokens) = (String::new(), Vec::new());
    while scheduler.is_busy() {
        scheduler.step();
        for event in scheduler.take_events() {
            match event.ev {
                Ev::Token { token, .. } => tokens.extend(token),
                Ev::Done(Answer::Generated(done)) => text = done.text,
                other => panic!("{other:?}"),
            }
        }
    }
    (text, tokens)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Wherever a voice is cut, it goes on as if it had not been.
    #[test]
    fn a_voice_goes_on_after_what_it_has_said(at in 0usize..60, cells in 160u32..400) {
        let limits = limits(cells, 8, 16, 4);
        let (whole, said) = written(limits, None, 60, &[]);
        let at = at.min(said.len().saturating_sub(1));
        let (text, rest) = written(limits, None, 60, &said[..at]);
        prop_assert_eq!(text, whole);
        prop_assert_eq!(&rest[..], &said[at..]);
    }
}

#[test]
fn what_cannot_have_been_said_is_refused() {
    for forced in [vec![-1], vec![1 << 20], vec![256], vec![65; 60]] {
        let mut scheduler = scheduler(limits(4096, 16, 64, 8));
        let request = GenerateRequest {
            prompt: chat((0, 0)),
            max_tokens: 50,
            sampler: Sampler::default(),
            seed: 3,
            stop: Vec::new(),
            grammar: None,
            time_limit_ms: None,
            echo: false,
            thinking: Thinking::default(),
            forced: forced.clone(),
            steering: Vec::new(),
            alternatives: 0,
            handling: Handling::default(),
        };
        scheduler.generate(0, &request);
        let events = scheduler.take_events();
        assert!(matches!(&events[..], [event] if matches!(event.ev, Ev::Error(_))), "{forced:?}: {events:?}");
    }
}

/// A pane of one answer, asked for after a pane of many, begins while the many still wait.
#[test]
fn a_late_small_pane_is_not_starved() {
    let mut scheduler = scheduler(limits(4096, 64, 64, 4));
    for id in 0..40 {
        let handling = Handling { group: 1, ..Handling::default() };
        submit_as(&mut scheduler, id, &voice((1, 1), 30, id), handling);
    }
    submit_as(&mut scheduler, 100, &voice((3, 0), 5, 1), Handling { group: 2, ..Handling::default() });
    let mut ledger = Ledger::default();
    while !ledger.ends.contains_key(&100) {
        scheduler.step();
        ledger.take(&mut scheduler);
    }
    assert!(ledger.ends.len() < 12, "{} of the many were served first", ledger.ends.len());
}

struct Refusing {
    inner: Box<dyn Device>,
}

impl Device for Refusing {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }
    fn render(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        self.inner.render(prompt)
    }
    fn tokenise(&self, text: &str) -> Vec<Token> {
        self.inner.tokenise(text)
    }
    fn piece(&self, token: Token) -> Vec<u8> {
        self.inner.piece(token)
    }
    fn vocabulary_size(&self) -> usize {
        self.inner.vocabulary_size()
    }
    fn is_end(&self, token: Token) -> bool {
        self.inner.is_end(token)
    }
    fn spellings(&mut self, label: &str) -> Vec<Token> {
        self.inner.spellings(label)
    }
    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        self.inner.decode(rows)
    }
    fn logits(&self, index: usize) -> &[f32] {
        self.inner.logits(index)
    }
    fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        self.inner.copy(from, to, len);
    }
    fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        self.inner.truncate(seq, len)
    }
    fn resize(&mut self, _cells: u32) -> bool {
        false
    }
    fn save(&mut self, _seq: Seq) -> Option<Vec<u8>> {
        None
    }
    fn restore(&mut self, _seq: Seq, _bytes: &[u8]) -> bool {
        false
    }
    fn set_threads(&mut self, threads: usize) {
        self.inner.set_threads(threads);
    }
    fn drawer(&self, sampler: &Sampler, grammar: Option<&str>) -> Result<Box<dyn Draw>, Refusal> {
        self.inner.drawer(sampler, grammar)
    }
}

//! The script as a [`Device`]: bytes and a few common words are its tokens, and its logits say how the script goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::grammar::{Grammar, State};
use super::{script, thought};
use crate::domain::{Turn, TurnRole};
use crate::engine::protocol::{Prompt, Refusal, RefusalCode, Sampler};
use crate::engine::reasoning::Manner;
use crate::engine::scheduler::device::{DecodeFault, Device, Draw, Limits, Rendered, Row, Seq, Token, place};
use crate::engine::scheduler::math;
use crate::engine::steering::{Residual, Steering};

/// Tokens 0 to 255 are bytes.
const BYTES: Token = 256;
/// Ends an answer.
const END: Token = BYTES;
/// Opens a turn: user, assistant, system.
const USER: Token = BYTES + 1;
const ASSISTANT: Token = BYTES + 2;
const SYSTEM: Token = BYTES + 3;
const FIRST_WORD: Token = BYTES + 4;
/// The logit of what the script never says: finite like those of models, for JSON knows no infinity.
const NEVER: f32 = -80.0;

/// What can be steered.
pub(super) const RESIDUAL: Residual = Residual { layers: 4, width: 8 };
/// How much the movement of earlier tokens counts beside that of the last one.
const EARLIER: f64 = 0.01;

/// Words that are one token, with the space before them: so that speeds and lengths are like those of real models.
const WORDS: &str = "the of and to in is that for it as on with by this be are at from or an have not they which one you \
    were all her she there would their we him been has when who will no more if out so up said what its about than into \
    them can only other time new some could these two may first then do any like my now over such our man me even most \
    made after also did many off before must well back through years much where your way because people say should weigh \
    others answer scripted question written asked yes freedom safety look middle ask cost live outcome often see another \
    light few hold itself put wrong both sides want good those care fair generation unfair next custom faith speak change \
    experience differs place views evidence leaves room reading agree heard person persona country public strongly somewhat \
    disagree very important letter options comment";

pub(super) struct ScriptedDevice {
    limits: Limits,
    step: Duration,
    /// Tokens it thinks before each answer of a chat.
    thinks: Option<usize>,
    /// How much more the first of several options is liked, in nats.
    bias: f64,
    words: Vec<String>,
    ids: HashMap<String, Token>,
    sequences: Vec<Vec<Token>>,
    /// How far each of the tokens of a sequence was moved, all of them so far together.
    moved: Vec<Vec<f64>>,
    steering: Vec<Option<Arc<Steering>>>,
    /// Vectors for all rows.
    everywhere: Vec<(u32, Vec<f32>)>,
    to_watch: Vec<usize>,
    /// By row, what each layer put out.
    watched: Vec<(usize, Vec<Vec<f32>>)>,
    outputs: Vec<Vec<f32>>,
}

impl ScriptedDevice {
    pub(super) fn new(limits: Limits, step_ms: u64) -> Self {
        let words: Vec<String> = WORDS.split_whitespace().map(|word| format!(" {word}")).collect();
        let ids = (FIRST_WORD..).zip(&words).map(|(id, word)| (word.clone(), id)).collect();
        let sequences = vec![Vec::new(); limits.sequences as usize];
        let (moved, steering) = (vec![Vec::new(); sequences.len()], vec![None; sequences.len()]);
        Self {
            limits,
            step: Duration::from_millis(step_ms),
            thinks: None,
            bias: script::FIRST_SLOT_BIAS,
            words,
            ids,
            sequences,
            moved,
            steering,
            everywhere: Vec::new(),
            to_watch: Vec::new(),
            watched: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The same, but it thinks `tokens` tokens before it answers.
    pub(super) fn thinking(self, tokens: Option<usize>) -> Self {
        Self { thinks: tokens, ..self }
    }

    /// The same, but it likes the first of several options by so many nats more, where that is said.
    pub(super) fn biased(self, bias: Option<f64>) -> Self {
        Self { bias: bias.unwrap_or(self.bias), ..self }
    }

    fn size(&self) -> usize {
        FIRST_WORD as usize + self.words.len()
    }

    /// Words where there are any, bytes elsewhere.
    fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let letters = rest[first.len_utf8()..].find(|c: char| !c.is_ascii_alphabetic());
            let end = letters.map_or(rest.len(), |end| first.len_utf8() + end);
            if first == ' '
                && let Some(id) = self.ids.get(&rest[..end])
            {
                tokens.push(*id);
                rest = &rest[end..];
                continue;
            }
            let (head, tail) = rest.split_at(first.len_utf8());
            tokens.extend(head.bytes().map(Token::from));
            rest = tail;
        }
        tokens
    }

    fn text(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.piece(*token)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The prompt, with `closing` before the given beginning of its answer.
    fn lay_out(&self, prompt: &Prompt, closing: &str) -> Rendered {
        let (turns, prefill) = match prompt {
            Prompt::Raw { text } => return Rendered { tokens: self.tokens(text), text: text.clone() },
            Prompt::Chat { turns, prefill } => (turns, prefill.as_deref().unwrap_or_default()),
        };
        let open = Turn { role: TurnRole::Assistant, content: [closing, prefill].concat() };
        let (mut tokens, mut text) = (Vec::new(), String::new());
        for turn in turns.iter().chain([&open]) {
            let (token, shown) = mark(turn.role);
            tokens.push(token);
            tokens.extend(self.tokens(&turn.content));
            text.push_str(shown);
            text.push_str(&turn.content);
        }
        Rendered { tokens, text }
    }

    /// How far the token at `position` of `seq` is moved: the sum of what is done to its layers' outputs.
    fn movement(&self, seq: Seq, position: u32) -> f64 {
        let layers =
            (0..RESIDUAL.layers).map(|layer| self.moved_output(seq, position, layer, vec![0.0; RESIDUAL.width]));
        layers.flatten().map(f64::from).sum()
    }

    /// A layer's output at one position, steered.
    fn moved_output(&self, seq: Seq, position: u32, layer: u32, mut h: Vec<f32>) -> Vec<f32> {
        let steering = self.steering[seq as usize].as_ref();
        for (_, vector) in self.everywhere.iter().filter(|(of, _)| *of == layer) {
            h.iter_mut().zip(vector).for_each(|(h, v)| *h += v);
        }
        if let Some(steering) = steering {
            steering.apply(position, layer, &mut h);
        }
        h
    }

    /// What a layer puts out after the last token of `seq`: which share of its tokens leaves which remainder, higher layers
    /// louder than lower ones.
    fn output(&self, seq: Seq, layer: u32) -> Vec<f32> {
        let tokens = &self.sequences[seq as usize];
        let mut h = vec![0.0; RESIDUAL.width];
        for token in tokens {
            h[place(*token) % RESIDUAL.width] += (layer + 1) as f32 / tokens.len() as f32;
        }
        let last = u32::try_from(tokens.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.moved_output(seq, last, layer, h)
    }

    /// What a sequence says next: as the script has it, each token more or less likely by how far it was moved.
    fn logits_of(&self, seq: Seq) -> Vec<f32> {
        let mut logits = self.logits_after(&self.sequences[seq as usize]);
        let moved = &self.moved[seq as usize];
        let all: f64 = moved.iter().sum();
        let moved = moved.last().copied().unwrap_or(0.0) + all * EARLIER;
        if moved != 0.0 {
            for (id, logit) in (0..).zip(&mut logits).filter(|(_, logit)| **logit > NEVER) {
                #[expect(clippy::cast_possible_truncation, reason = "logits are single precision")]
                let push = (moved * (2.0 * math::unit(id, 0) - 1.0)) as f32;
                *logit = (*logit + push).max(NEVER / 2.0);
            }
        }
        logits
    }

    fn logits_after(&self, tokens: &[Token]) -> Vec<f32> {
        let opened = tokens.iter().rposition(|token| *token == ASSISTANT);
        // What came before the answer, without the marks of turns; a raw prompt is all prompt.
        let (prompt, answer) = opened.map_or((tokens, &[][..]), |at| (&tokens[..at], &tokens[at + 1..]));
        let mut logits = vec![NEVER; self.size()];
        let mut p = vec![0.0f64; self.size()];
        let (prompt, answer) = (self.text(prompt), self.text(answer));
        let ways = match (self.thinks, opened) {
            (Some(most), Some(_)) => thought::next(&prompt, &answer, most, |text| self.tokens(text).len())
                .unwrap_or_else(|| {
                    let answer = answer.split_once(thought::CLOSE).map_or("", |(_, answer)| answer);
                    script::next(&prompt, answer, self.bias)
                }),
            _ => script::next(&prompt, &answer, self.bias),
        };
        for way in ways {
            let token = way.text.as_deref().map_or(END, |text| self.tokens(text).first().copied().unwrap_or(END));
            p[place(token)] += way.p;
        }
        for (logit, p) in logits.iter_mut().zip(p) {
            #[expect(clippy::cast_possible_truncation, reason = "logits are single precision")]
            if p > 0.0 {
                *logit = p.ln() as f32;
            }
        }
        logits
    }
}

fn mark(role: TurnRole) -> (Token, &'static str) {
    match role {
        TurnRole::User => (USER, "<|user|>"),
        TurnRole::Assistant => (ASSISTANT, "<|assistant|>"),
        TurnRole::System => (SYSTEM, "<|system|>"),
    }
}

impl Device for ScriptedDevice {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn render(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        Ok(self.lay_out(prompt, ""))
    }

    fn render_at_once(&self, prompt: &Prompt) -> Result<Rendered, Refusal> {
        let closing = self.manner().map(|manner| manner.closing("")).unwrap_or_default();
        Ok(self.lay_out(prompt, &closing))
    }

    fn manner(&self) -> Option<Manner> {
        self.thinks.map(|_| Manner::plain_tags())
    }

    fn tokenise(&self, text: &str) -> Vec<Token> {
        self.tokens(text)
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        if let Ok(byte) = u8::try_from(token) {
            return vec![byte];
        }
        let word = usize::try_from(token - FIRST_WORD).ok().and_then(|index| self.words.get(index));
        // Marks of turns read as line ends.
        word.map_or_else(|| b"\n".to_vec(), |word| word.clone().into_bytes())
    }

    fn vocabulary_size(&self) -> usize {
        self.size()
    }

    fn is_end(&self, token: Token) -> bool {
        token == END
    }

    fn spellings(&mut self, label: &str) -> Vec<Token> {
        match label.as_bytes() {
            [byte] => vec![Token::from(*byte)],
            _ => self.ids.get(&format!(" {label}")).copied().into_iter().collect(),
        }
    }

    fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFault> {
        std::thread::sleep(self.step);
        self.outputs.clear();
        self.watched.clear();
        let to_watch = std::mem::take(&mut self.to_watch);
        for row in rows {
            let Some(sequence) = self.sequences.get_mut(row.seq as usize) else {
                return Err(DecodeFault::Failed(format!("there is no sequence {}", row.seq)));
            };
            if sequence.len() != row.pos as usize {
                return Err(DecodeFault::Failed(format!(
                    "sequence {} holds {} tokens and was given number {}",
                    row.seq,
                    sequence.len(),
                    row.pos
                )));
            }
            sequence.push(row.token);
            let movement = self.movement(row.seq, row.pos);
            self.moved[row.seq as usize].push(movement);
            let logits = if row.output { self.logits_of(row.seq) } else { Vec::new() };
            self.outputs.push(logits);
            if to_watch.contains(&(self.outputs.len() - 1)) {
                let layers = (0..RESIDUAL.layers).map(|layer| self.output(row.seq, layer)).collect();
                self.watched.push((self.outputs.len() - 1, layers));
            }
        }
        Ok(())
    }

    fn logits(&self, index: usize) -> &[f32] {
        self.outputs.get(index).map_or(&[], Vec::as_slice)
    }

    fn copy(&mut self, from: Seq, to: Seq, len: u32) {
        let (from, to, len) = (from as usize, to as usize, len as usize);
        self.sequences[to] = self.sequences[from][..len].to_vec();
        self.moved[to] = self.moved[from][..len].to_vec();
    }

    fn truncate(&mut self, seq: Seq, len: u32) -> bool {
        self.sequences[seq as usize].truncate(len as usize);
        self.moved[seq as usize].truncate(len as usize);
        true
    }

    fn resize(&mut self, cells: u32) -> bool {
        self.limits.cells = cells;
        self.sequences.iter_mut().for_each(Vec::clear);
        self.moved.iter_mut().for_each(Vec::clear);
        self.steering.fill(None);
        true
    }

    fn residual(&self) -> Result<Residual, String> {
        Ok(RESIDUAL)
    }

    fn steer(&mut self, seq: Seq, steering: Option<Arc<Steering>>) {
        self.steering[seq as usize] = steering;
    }

    fn watch(&mut self, rows: &[usize]) {
        self.to_watch = rows.to_vec();
    }

    fn layer_outputs(&self, row: usize) -> Vec<Vec<f32>> {
        let watched = self.watched.iter().find(|(of, _)| *of == row);
        watched.map_or_else(Vec::new, |(_, layers)| layers.clone())
    }

    fn steer_all(&mut self, vectors: &[(u32, &[f32])]) -> bool {
        self.everywhere = vectors.iter().map(|(layer, vector)| (*layer, vector.to_vec())).collect();
        true
    }

    fn save(&mut self, seq: Seq) -> Option<Vec<u8>> {
        serde_json::to_vec(&(&self.sequences[seq as usize], &self.moved[seq as usize])).ok()
    }

    fn restore(&mut self, seq: Seq, bytes: &[u8]) -> bool {
        let Ok((tokens, moved)) = serde_json::from_slice(bytes) else { return false };
        (self.sequences[seq as usize], self.moved[seq as usize]) = (tokens, moved);
        true
    }

    fn set_threads(&mut self, _threads: usize) {}

    fn drawer(&self, sampler: &Sampler, grammar: Option<&str>) -> Result<Box<dyn Draw>, Refusal> {
        let following = match grammar {
            None => None,
            Some(text) => {
                let wrong = |cause| {
                    let message =
                        format!("the grammar is not of the part of GBNF that the scripted engine reads ({cause})");
                    Refusal { code: RefusalCode::BadRequest, message }
                };
                let grammar = Grammar::parse(text).map_err(wrong)?;
                let size = Token::try_from(self.size()).unwrap_or(Token::MAX);
                let is_text = |token: Token| token < BYTES || token >= FIRST_WORD;
                let pieces = (0..size).map(|token| if is_text(token) { self.piece(token) } else { Vec::new() });
                Some(Following { state: grammar.start(), grammar, pieces: pieces.collect() })
            }
        };
        Ok(Box::new(ScriptedDrawer { temperature: f64::from(sampler.temperature), following }))
    }
}

/// A grammar and how far it was followed.
struct Following {
    grammar: Grammar,
    state: State,
    /// The bytes of each token; none for marks.
    pieces: Vec<Vec<u8>>,
}

impl Following {
    /// Whether `token` may come next.
    fn allows(&self, token: Token) -> bool {
        match self.pieces.get(place(token)) {
            _ if token == END => self.state.may_end(),
            Some(piece) if !piece.is_empty() => self.grammar.after(&self.state, piece).is_some(),
            _ => false,
        }
    }
}

struct ScriptedDrawer {
    temperature: f64,
    following: Option<Following>,
}

impl Draw for ScriptedDrawer {
    fn draw(&mut self, logits: &[f32], unit: f64) -> Option<Token> {
        let is_open = |(id, logit): &(Token, &f32)| match &self.following {
            // What the script never says is still said where a grammar wants nothing else.
            Some(following) => following.allows(*id),
            None => **logit > NEVER,
        };
        let ways: Vec<(Token, f64)> =
            (0..).zip(logits).filter(is_open).map(|(id, logit)| (id, f64::from(*logit))).collect();
        if self.temperature <= 0.0 {
            let best = ways.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            return best.map(|(id, _)| *id);
        }
        // Relative to the best, for at a low temperature all of them may be next to nothing.
        let most = ways.iter().map(|(_, logit)| *logit).fold(f64::NEG_INFINITY, f64::max);
        let weight = |logit: f64| ((logit - most) / self.temperature).exp();
        let total: f64 = ways.iter().map(|(_, logit)| weight(*logit)).sum();
        let mut left = unit * total;
        for (id, logit) in &ways {
            left -= weight(*logit);
            if left < 0.0 {
                return Some(*id);
            }
        }
        ways.last().map(|(id, _)| *id)
    }

    fn accept(&mut self, token: Token) -> bool {
        let Some(following) = &mut self.following else { return true };
        let piece = following.pieces.get(place(token)).map_or(&[][..], Vec::as_slice);
        match following.grammar.after(&following.state, piece) {
            Some(state) if token != END => {
                following.state = state;
                true
            }
            _ => token == END && following.state.may_end(),
        }
    }
}

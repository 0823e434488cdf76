//! Text out of tokens, with thinking and without.

use super::*;
use crate::engine::reasoning::Manner;
use proptest::prelude::*;

fn run(pieces: &[&[u8]], stops: &[&str]) -> (Vec<String>, String, bool) {
    let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut stream = TextStream::new(&stops);
    let mut deltas = Vec::new();
    for piece in pieces {
        if stream.is_stopped() {
            break;
        }
        deltas.push(stream.push(piece).answer);
    }
    let stopped = stream.is_stopped();
    let (last, whole) = stream.finish();
    deltas.push(last.answer);
    (deltas, whole.answer, stopped)
}

#[test]
fn a_split_character_comes_whole() {
    let (deltas, text, _) = run(&[&[0xe2, 0x82], &[0xac], b"!"], &[]);
    assert_eq!(deltas, ["", "€", "!", ""]);
    assert_eq!(text, "€!");
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    assert_eq!(run(&[b"a\xff", b"b"], &[]).1, "a\u{fffd}b");
    assert_eq!(run(&[b"a\xe2"], &[]).1, "a\u{fffd}");
}

#[test]
fn a_stop_string_over_token_borders_never_shows() {
    let (deltas, text, stopped) = run(&[b"yes #", b"#", b"# no"], &["###"]);
    assert_eq!(deltas.concat(), "yes ");
    assert_eq!(text, "yes ");
    assert!(stopped);
}

#[test]
fn what_only_looked_like_a_stop_is_given_out() {
    let (deltas, text, stopped) = run(&[b"a#", b"b"], &["##"]);
    assert_eq!(deltas, ["a", "#b", ""]);
    assert_eq!((text.as_str(), stopped), ("a#b", false));
}

proptest! {
    #[test]
    fn deltas_add_up_to_the_text(text in "[ab#é€]{0,30}", cuts in prop::collection::vec(1usize..4, 0..40)) {
        let bytes = text.as_bytes();
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in cuts {
            let end = (at + cut).min(bytes.len());
            pieces.push(&bytes[at..end]);
            at = end;
        }
        pieces.push(&bytes[at..]);
        let (deltas, whole, stopped) = run(&pieces, &["##", "a#b"]);
        prop_assert_eq!(deltas.concat(), whole.clone());
        let first = ["##", "a#b"].iter().filter_map(|stop| text.find(stop)).min();
        prop_assert_eq!(stopped, first.is_some());
        prop_assert_eq!(whole, text[..first.unwrap_or(text.len())].to_owned());
    }
}

/// Everything a thinking voice gave out.
#[derive(Debug, PartialEq)]
struct Told {
    whole: Parted,
    deltas: Parted,
    thinking_tokens: usize,
    stopped: bool,
}

fn think(manner: Manner, prompt: &str, pieces: &[&[u8]], stops: &[&str]) -> Told {
    let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut stream = TextStream::new(&stops).parted(Some(Parting::after(manner, prompt)));
    let mut deltas = Parted::default();
    let mut add = |delta: Parted| {
        assert!(delta.thinking.is_empty() || deltas.answer.is_empty(), "thought after the answer began");
        deltas.thinking.push_str(&delta.thinking);
        deltas.answer.push_str(&delta.answer);
    };
    for piece in pieces {
        if stream.is_stopped() {
            break;
        }
        add(stream.push(piece));
    }
    let (thinking_tokens, stopped) = (stream.thinking_tokens(), stream.is_stopped());
    let (last, whole) = stream.finish();
    add(last);
    Told { whole, deltas, thinking_tokens, stopped }
}

fn tags(prompt: &str, pieces: &[&str]) -> (String, String, usize) {
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    let told = think(Manner::plain_tags(), prompt, &pieces, &[]);
    assert_eq!(told.whole, told.deltas);
    (told.whole.thinking, told.whole.answer, told.thinking_tokens)
}

fn expect(thinking: &str, answer: &str, tokens: usize) -> (String, String, usize) {
    (thinking.to_owned(), answer.to_owned(), tokens)
}

#[test]
fn thinking_is_kept_apart_from_the_answer() {
    let pieces = ["\n<", "think", ">", "a", "</thi", "nk>", "\n\n", "Yes", "."];
    assert_eq!(tags("[assistant]", &pieces), expect("a", "Yes.", 6));
    assert_eq!(tags("[assistant]<think>\n", &["a", "</think>Yes"]), expect("a", "Yes", 2), "opened by the template");
    assert_eq!(tags("<think>\n\n</think>\n\n", &["\nYes"]), expect("", "Yes", 0), "closed by the template");
    assert_eq!(tags("[assistant]", &["<think>", "</think>", "<think>b</think>", "c"]), expect("b", "c", 3));
    assert_eq!(tags("[assistant]", &["</think>", "\nc"]), expect("", "c", 1), "closed and never opened");
}

#[test]
fn a_part_that_is_never_closed_leaves_no_answer() {
    assert_eq!(tags("[assistant]", &["<think>", "It is ", "A. </thi"]), expect("It is A. </thi", "", 3));
}

#[test]
fn what_only_resembles_a_mark_is_given_out() {
    assert_eq!(tags("[assistant]", &[" <", "thinker>"]), expect("", " <thinker>", 0));
    assert_eq!(tags("[assistant]", &["<thi"]), expect("", "<thi", 0));
    assert_eq!(tags("[assistant]", &["Say ", "<think>", " or </think>."]), expect("", "Say <think> or </think>.", 0));
    assert_eq!(tags("<think>", &["a < b </ c", "</think>d"]), expect("a < b </ c", "d", 2));
    assert_eq!(tags("Answer: (", &[" A", ")"]), expect("", " A)", 0), "white space of a given beginning stays");
}

#[test]
fn stop_strings_are_of_the_answer_alone() {
    let pieces: [&[u8]; 5] = [b"<think>", b"one\n\ntwo", b"</think>", b"\n\n", b"Yes.\n\nNo."];
    let told = think(Manner::plain_tags(), "", &pieces, &["\n\n"]);
    assert_eq!((told.whole.thinking.as_str(), told.whole.answer.as_str()), ("one\n\ntwo", "Yes."));
    assert!(told.stopped && told.whole == told.deltas);
}

#[test]
fn channels_are_parted_like_tags() {
    let manner = Manner::of("<|channel|>analysis<|message|>", |_| None).unwrap_or_else(Manner::plain_tags);
    let pieces: [&[u8]; 13] = [
        b"<|channel|>",
        b"analysis",
        b"<|message|>",
        b"We",
        b" think.",
        b"<|end|>",
        b"<|start|>",
        b"assistant",
        b"<|channel|>",
        b"final",
        b"<|message|>",
        b"It",
        b" is.",
    ];
    let told = think(manner, "<|start|>assistant", &pieces, &[]);
    assert_eq!((told.whole.thinking.as_str(), told.whole.answer.as_str()), ("We think.", "It is."));
    assert_eq!(told.thinking_tokens, 11);
    let at_once = think(manner, "<|start|>assistant", &[b"<|channel|>", b"final", b"<|message|>", b"It"], &[]);
    assert_eq!(at_once.whole, Parted { thinking: String::new(), answer: "It".to_owned() });
}

#[test]
fn a_character_split_at_a_mark_stays_whole() {
    let told = think(Manner::plain_tags(), "<think>", &[b"\xe2\x82", b"\xac</think>\xc3", b"\xa9\xc3"], &[]);
    assert_eq!(told.whole, Parted { thinking: "€".to_owned(), answer: "é\u{fffd}".to_owned() });
}

/// What the stream must find, from the whole text at once.
fn reference(mut text: &str, mut is_open: bool) -> Parted {
    let mut thinking = String::new();
    let mut was_marked = false;
    loop {
        if is_open {
            let Some((thought, rest)) = text.split_once("</think>") else {
                return Parted { thinking: thinking + text, answer: String::new() };
            };
            thinking.push_str(thought);
            (text, is_open, was_marked) = (rest, false, true);
        } else if let Some(rest) = text.trim_start().strip_prefix("<think>") {
            (text, is_open) = (rest, true);
        } else if let Some(rest) = text.trim_start().strip_prefix("</think>") {
            (text, was_marked) = (rest, true);
        } else {
            let answer = if was_marked { text.trim_start() } else { text };
            return Parted { thinking, answer: answer.to_owned() };
        }
    }
}

proptest! {
    #[test]
    fn however_it_is_cut_it_is_parted_alike(
        parts in prop::collection::vec(
            prop::sample::select(vec!["<think>", "</think>", "<thi", "nk>", "</", "<", ">", "a", "é€", " ", "\n", "think"]),
            0..14,
        ),
        cuts in prop::collection::vec(1usize..5, 0..60),
        is_open: bool,
    ) {
        let text = parts.concat();
        let (mut pieces, mut rest) = (Vec::new(), text.as_bytes());
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            pieces.push(head);
            rest = tail;
        }
        pieces.push(rest);
        let told = think(Manner::plain_tags(), if is_open { "<think>\n" } else { "[assistant]" }, &pieces, &[]);
        prop_assert_eq!(&told.whole, &told.deltas);
        prop_assert_eq!(&told.whole, &reference(&text, is_open), "{:?}", text);
        prop_assert!(told.thinking_tokens <= pieces.len());
    }
}

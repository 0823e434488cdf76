//! The engine hears anything.

use parallax::engine::fuzzing::engine_hears;
use parallax::engine::protocol::{Ev, Event, MAX_LINE};
use proptest::prelude::*;

use crate::lines::{CONVERSATION, joined, talk};

/// The id and the last event of it.
fn end_of(events: &[Event], id: u64) -> Option<&Ev> {
    events.iter().rev().find(|event| event.id == Some(id)).map(|event| &event.ev)
}

fn refusals(events: &[Event], id: u64) -> Vec<&str> {
    let of_id = events.iter().filter(|event| event.id == Some(id));
    of_id.filter_map(|event| if let Ev::Error(refusal) = &event.ev { Some(&*refusal.message) } else { None }).collect()
}

#[test]
fn a_conversation_may_end_at_every_byte() {
    let whole = joined(&CONVERSATION);
    for steps in [0, 2] {
        let events = engine_hears(&whole, steps).unwrap();
        assert!((1..=10).all(|id| end_of(&events, id).is_some()), "{events:?}");
        assert!(refusals(&events, 0).is_empty());
    }
    for end in 0..whole.len() {
        let events = engine_hears(&whole[..end], end % 3).unwrap_or_else(|broken| panic!("cut at {end}: {broken}"));
        let lines = whole[..end].split(|byte| *byte == b'\n').count() as u64 - 1;
        assert!((1..=lines).all(|id| end_of(&events, id).is_some()), "cut at {end}: {events:?}");
        assert!((lines + 1..=10).all(|id| end_of(&events, id).is_none()), "half a line means nothing: {end}");
    }
}

#[test]
fn a_line_of_the_limit_is_read_and_one_byte_more_is_refused() {
    let line = |length: usize| {
        let start = br#"{"id":1,"op":"status","x":""#;
        let mut line = [&start[..], &vec![b'x'; length - start.len() - 2], b"\"}\n"].concat();
        assert_eq!(line.len(), length + 1);
        line.extend_from_slice(b"{\"id\":2,\"op\":\"status\"}\n");
        line
    };
    let events = engine_hears(&line(MAX_LINE), 0).unwrap();
    assert!(matches!(end_of(&events, 1), Some(Ev::Done(_))));
    let events = engine_hears(&line(MAX_LINE + 1), 0);
    // Refused to nobody, for its id was never read; the line after it is.
    let Ok(events) = events else { panic!("{events:?}") };
    assert!(refusals(&events, 0)[0].contains("8388608"), "{events:?}");
    assert!(matches!(end_of(&events, 2), Some(Ev::Done(_))) && end_of(&events, 1).is_none());
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = "[".repeat(100_000);
    for line in [deep.clone(), format!(r#"{{"id":3,"op":"status","x":{deep}"#), format!(r#"{{"x":{deep}"#)] {
        let closed = format!("{line}{}}}\n", "]".repeat(100_000));
        for line in [line + "\n", closed] {
            let events = engine_hears(line.as_bytes(), 0).unwrap();
            assert_eq!(refusals(&events, 0).len(), 1, "{events:?}");
        }
    }
}

#[test]
fn an_id_that_is_open_is_not_taken_again() {
    let lines = [
        r#"{"id":1,"op":"load","path":""}"#,
        r#"{"id":7,"op":"score_continuations","prompt":{"layout":"raw","text":"Tea is"},"continuations":["a","b","c"]}"#,
        r#"{"id":7,"op":"score_continuations","prompt":{"layout":"raw","text":"Tea is"},"continuations":["a"]}"#,
        r#"{"id":7,"op":"status"}"#,
        r#"{"id":7,"op":"fly"}"#,
        r#"{"id":7,"op":"generate","prompt":{"layout":"raw","text":"a"},"max_tokens":1,"seed":1}"#,
        r#"{"id":0,"op":"hello","version":1}"#,
    ];
    let events = engine_hears(&joined(&lines), 0).unwrap();
    let refusals = refusals(&events, 0);
    assert_eq!(refusals.iter().filter(|message| message.contains("the id 7 is")).count(), 3, "{refusals:?}");
    assert!(refusals[2].contains("fly") && refusals[4].contains("id 0"), "{refusals:?}");
    assert!(matches!(end_of(&events, 7), Some(Ev::Done(_))), "{events:?}");
}

#[test]
fn what_no_engine_can_hold_is_refused() {
    let many = vec!["\"A\""; 2000].join(",");
    let long = "word ".repeat(200_000);
    let lines = [
        r#"{"id":1,"op":"load","path":"","context":4294967295}"#.to_owned(),
        r#"{"id":2,"op":"load","path":""}"#.to_owned(),
        format!(r#"{{"id":3,"op":"score_options","prompt":{{"layout":"raw","text":"a"}},"labels":[{many}]}}"#),
        format!(
            r#"{{"id":4,"op":"score_continuations","prompt":{{"layout":"raw","text":"a"}},"continuations":[{many}]}}"#
        ),
        format!(
            r#"{{"id":5,"op":"score_continuations","prompt":{{"layout":"raw","text":"{long}"}},"continuations":[{}]}}"#,
            vec!["\"A\""; 1000].join(",")
        ),
        format!(r#"{{"id":6,"op":"{long}"}}"#),
        format!(r#"{{"id":7,"op":"score_options","prompt":{{"layout":"raw","text":"a"}},"labels":["{long}"]}}"#),
    ];
    let events = engine_hears(&joined(&lines.iter().map(String::as_str).collect::<Vec<_>>()), 0).unwrap();
    for (id, part) in
        [(1, "--ctx"), (3, "2000"), (4, "2000"), (5, "wait for answers"), (6, "not understood"), (7, "label")]
    {
        assert!(refusals(&events, id)[0].contains(part), "{id}: {:?}", refusals(&events, id));
    }
    // As many as may be open, and one more.
    let mut lines = r#"{"id":1,"op":"load","path":""}"#.to_owned() + "\n";
    for id in 2..=65_538 {
        let line = format!(
            "{{\"id\":{id},\"op\":\"score_options\",\"prompt\":{{\"layout\":\"raw\",\"text\":\"a\"}},\"labels\":[\"A\"]}}\n"
        );
        lines += &line;
    }
    lines += "{\"id\":70000,\"op\":\"load\",\"path\":\"\"}\n";
    let events = engine_hears(lines.as_bytes(), 0).unwrap();
    assert!(matches!(end_of(&events, 65_537), Some(Ev::Cancelled)), "{:?}", end_of(&events, 65_537));
    assert!(refusals(&events, 65_538)[0].contains("65536"), "{:?}", end_of(&events, 65_538));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_hears_it_keeps_its_promises(input in talk(&CONVERSATION), steps in 0usize..4) {
        let loaded = [b"{\"id\":12,\"op\":\"load\",\"path\":\"\",\"context\":300}\n".as_slice(), &input].concat();
        for input in [&input, &loaded] {
            prop_assert_eq!(engine_hears(input, steps).err(), None);
        }
    }

    #[test]
    fn bytes_alone_are_harmless(input in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(engine_hears(&input, 0).err(), None);
    }
}

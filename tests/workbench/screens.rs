//! The first frame, a whole run, sizes and tabs.

use crate::bench::{FIRST_QUESTION, SLOW, Start, Workbench, words};

#[test]
fn it_opens_on_a_question_runs_it_with_enter_and_quits_with_q() {
    let mut bench = Workbench::ready("scripted");
    bench.wait_for("This run");
    let screen = bench.screen();
    for part in [FIRST_QUESTION, "Progressive teacher", "Conservative farmer", "vanilla, ensemble", "persona-prompt"] {
        assert!(screen.contains(part), "{part:?} is not in\n{screen}");
    }
    for part in ["option-logits", "Agree somewhat", "beside All adult citizens", "17 prompts", "seed 1,", "Enter run"] {
        assert!(screen.contains(part), "{part:?} is not in\n{screen}");
    }
    assert!(bench.is_alternate_screen() && bench.is_raw());
    bench.key("enter");
    bench.wait_until_done();
    let voices = bench.voices();
    assert_eq!(voices.len(), 6, "vanilla, two comments, a synthesis, two steered answers");
    let screen = bench.screen();
    for voice in &voices {
        let start: Vec<&str> = voice.text.split_whitespace().take(3).collect();
        assert!(screen.contains(&start.join(" ")), "{start:?} of {} is not in\n{screen}", voice.id);
    }
    for part in ["All voices together", "JS distance", "mean shift", "N 5,836"] {
        assert!(screen.contains(part), "{part:?} is not in\n{screen}");
    }
    assert!(bench.synchronised_frames().unwrap() >= 3);
    let parallax = bench.quits();
    let (id, _) = parallax.newest().unwrap();
    let run = parallax.shown(&id);
    assert_eq!(run["run"]["question"]["id"], "systemic-racism");
    assert!(run["panes"].as_array().unwrap().iter().all(|pane| pane["status"] == "done"), "{run:#}");
}

#[test]
fn text_arrives_while_it_is_written() {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    assert!(bench.screen().contains("1 Overton …"), "{}", bench.screen());
    let seen = crate::bench::tokens(&bench.screen());
    bench.wait_until("more of it arrives", |pty| crate::bench::tokens(&pty.screen()) > seen + 5);
    bench.wait_until_done();
    bench.quits();
}

#[test]
fn what_was_thought_is_folded_and_unfolds_with_a_key() {
    let mut bench = Workbench::ready("scripted:think@40");
    bench.key("enter");
    bench.wait_until_done();
    bench.wait_for("▸ thought 57 tokens");
    let thought = |bench: &Workbench| {
        bench.parallax.shown(&bench.parallax.newest().unwrap().0)["panes"][0]["voices"][0]["thinking"].clone()
    };
    let thought = thought(&bench);
    let start: Vec<&str> = thought.as_str().unwrap().split_whitespace().take(3).collect();
    assert!(!bench.shows(&start.join(" ")), "{}", bench.screen());
    bench.keys("1 T");
    bench.wait_for_sentence(&start.join(" "));
    bench.wait_for("▾ thought 57 tokens");
    bench.key("T");
    bench.wait_until_gone("▾ thought");
    let parallax = bench.quits();
    let run = parallax.shown(&parallax.newest().unwrap().0);
    assert!(!run["panes"][0]["text"].as_str().unwrap().contains("think>"), "{run:#}");
}

#[test]
fn the_same_key_again_gives_the_same_answers_and_n_others() {
    let mut bench = Workbench::ready("scripted");
    let mut all = Vec::new();
    for (key, seed) in [("enter", "seed 1,"), ("r", "seed 1,"), ("n", "seed 2,")] {
        let before = bench.parallax.newest();
        bench.key(key);
        bench.wait_until("the run is on disk", |_| {
            let newest = bench.parallax.newest();
            newest != before && newest.is_some_and(|(_, status)| status == parallax::store::RunStatus::Done)
        });
        bench.wait_until_done();
        bench.wait_for(seed);
        let voices = bench.voices();
        all.push(voices.into_iter().map(|voice| voice.text).collect::<Vec<_>>());
    }
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
    bench.quits();
}

#[test]
fn narrow_terminals_have_tabs() {
    let mut bench = Start::with("scripted").size(80, 24).ready();
    bench.key("enter");
    bench.wait_until_done();
    let all = ["Modes and methods", "4 voices · ", "2 voices · ", "▒ people: All adult citizens"];
    // Keys, then Tab from the last one on, which comes round.
    let order = [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("tab", 0), ("tab", 1), ("tab", 2), ("tab", 3)];
    for (key, open) in order.into_iter().chain([("shift-tab", 2), ("left", 1), ("left", 0), ("right", 1)]) {
        bench.key(key);
        bench.wait_until(&format!("tab {open} is open after {key}"), |pty| {
            let screen = pty.screen();
            (0..4).all(|place| screen.contains(all[place]) == (place == open))
        });
    }
    bench.quits();
}

#[test]
fn sizes_down_to_the_smallest_work_and_below_a_card_says_so() {
    let mut bench = Start::with("scripted").size(80, 24).ready();
    bench.resize(10, 40);
    bench.wait_for("One answer for everyone: does the\n");
    bench.key("0");
    bench.wait_for_sentence("Do you agree or disagree that racism is built");
    assert!(bench.screen().contains("Enter run"), "{}", bench.screen());
    bench.key("enter");
    bench.wait_for("1 Overt ✓");
    bench.wait_for("vanilla");
    bench.resize(9, 39);
    bench.wait_for_sentence("Parallax needs 40 x 10 cells, and this terminal has 39 x 9. q quits.");
    bench.resize(45, 160);
    bench.wait_until_done();
    bench.wait_until_still();
    let screen = bench.screen();
    for part in [FIRST_QUESTION, "1 Overton ✓", "mean shift", "N 5,836", "Enter run"] {
        assert!(screen.contains(part), "{part:?} is not in\n{screen}");
    }
    assert!(!words(&screen).contains("Parallax needs"), "{screen}");
    bench.quits();
}

#[test]
fn the_card_keeps_its_word_whatever_lies_under_it() {
    for opens in ["/", "a", "s", "?"] {
        let mut bench = Workbench::ready("scripted");
        bench.key(opens);
        bench.wait_for("╭");
        bench.resize(9, 39);
        bench.wait_for("q quits");
        bench.quits();
    }
}

#[test]
fn a_storm_of_sizes_leaves_a_whole_screen() {
    let mut bench = Workbench::ready(SLOW);
    bench.run();
    // A fixed sequence that looks like none.
    let mut state = 42u64;
    let mut random = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((state >> 33) % most + 1).unwrap()
    };
    for _ in 0..50 {
        let (rows, columns) = (random(60), random(220));
        bench.resize(rows, columns);
        bench.key("tab");
    }
    bench.resize(45, 160);
    bench.wait_until_done();
    bench.key("1");
    bench.wait_until_still();
    let before = bench.screen();
    assert!(before.contains(FIRST_QUESTION) && before.contains("Enter run"), "{before}");
    // What is on screen is what the program believes to be there.
    bench.key("ctrl-l");
    bench.wait_until_still();
    assert_eq!(bench.screen(), before);
    bench.quits();
}

#[test]
fn zoom_gives_a_column_the_width() {
    let mut bench = Workbench::ready("scripted");
    bench.keys("2 z");
    bench.wait_until_gone("1 Overton");
    assert!(bench.screen().contains("2 Steered"), "{}", bench.screen());
    bench.key("z");
    bench.wait_for("1 Overton");
    bench.quits();
}

#[test]
fn whoever_scrolls_up_is_left_in_peace_until_end_follows_again() {
    let mut bench = Start::with("scripted:slow@40").size(160, 24).ready();
    bench.run();
    // The last voice of the column begins: the others fill more than the screen.
    bench.wait_for("All voices together");
    bench.key("up");
    bench.wait_for("new lines, End follows");
    bench.keys("home");
    bench.wait_for("vanilla");
    bench.key("end");
    bench.wait_until_gone("End follows");
    assert!(bench.screen().contains("1 Overton …"), "it was in the middle:\n{}", bench.screen());
    bench.quits();
}

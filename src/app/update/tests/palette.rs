//! Every action by name.

use super::*;
use crate::app::action::{ACTIONS, Action, Place, find};
use crate::app::model::Chart;
use crate::config::KeyCode;
use crate::domain::{MixtureShown, Mode, Pane, PersonaDistribution, TokenShown};

/// A name, and the state it stands for.
type State = (&'static str, fn() -> Model);

/// States in which different things can be done.
fn states() -> Vec<State> {
    fn tabs() -> Model {
        let mut model = running();
        update(&mut model, Event::Resize(80, 24));
        drawn(&mut model, 10, 50);
        press(&mut model, "up");
        model
    }
    fn trouble() -> Model {
        let mut model = ready();
        engine_fails(&mut model, "gone");
        model
    }
    fn scrolled() -> Model {
        let mut model = running();
        finish(&mut model, 0, 0);
        drawn(&mut model, 10, 50);
        press(&mut model, "2 down down");
        model
    }
    fn thinking() -> Model {
        let mut model = running();
        let (voice, delta) = ("v0".to_owned(), "Hm.".to_owned());
        happen(&mut model, RunEvent::VoiceText { pane: 0, voice, delta, tokens: 2, logprob: None, thinking: true });
        model
    }
    fn charted() -> Model {
        let mut model = running();
        let mut panes = model.run.as_ref().unwrap().panes.iter();
        let pane = panes.position(|pane| pane.mode == Mode::Distribution).unwrap();
        let mut result = Pane::new(Mode::Distribution, "option-logits");
        result.top = vec![TokenShown { text: "A".to_owned(), p: 0.5 }];
        result.p_whole = Some(vec![0.5, 0.5]);
        happen(&mut model, RunEvent::PaneSoFar { pane, result: Box::new(result) });
        model
    }
    fn weighed() -> Model {
        let mut model = charted();
        let mut panes = model.run.as_ref().unwrap().panes.iter();
        let pane = panes.position(|pane| pane.mode == Mode::Distribution).unwrap();
        let mut result = Pane::new(Mode::Distribution, "persona-mixture");
        let own = |persona: &str, p: [f64; 2]| PersonaDistribution {
            persona: persona.to_owned(),
            p: p.to_vec(),
            mass: 1.0,
            per_order: Vec::new(),
            note: None,
        };
        result.distributions = vec![own("a", [0.8, 0.2]), own("b", [0.2, 0.8])];
        let (others, fits) = (Vec::new(), Vec::new());
        result.mixture = Some(MixtureShown { population: "us.all".to_owned(), others, given: vec![0.5, 0.5], fits });
        happen(&mut model, RunEvent::PaneSoFar { pane, result: Box::new(result) });
        model.look.chart = Chart::Weights;
        model
    }
    fn said() -> Model {
        let mut model = running();
        happen(&mut model, fixture::voice_done(0, "v0", "Yes."));
        model
    }
    vec![
        ("charted", charted),
        ("weighed", weighed),
        ("said", said),
        ("begun", begun),
        ("loading", loading),
        ("ready", ready),
        ("running", running),
        ("tabs", tabs),
        ("trouble", trouble),
        ("scrolled", scrolled),
        ("thinking", thinking),
        ("surveyed", || {
            let mut model = survey::surveying();
            press(&mut model, "esc");
            model
        }),
    ]
}

fn is_listed(action: &Action) -> bool {
    matches!(action.place, Place::Workbench | Place::Anywhere) && !["palette", "quit-anywhere"].contains(&action.id)
}

/// Chooses this action from the palette, if it is there.
fn choose(model: &mut Model, action: &Action) -> Option<Vec<Effect>> {
    press(model, "ctrl-p");
    let line = picker(model).items.iter().position(|item| item.id == action.id)?;
    press(model, &"down ".repeat(line));
    Some(press(model, "enter"))
}

#[test]
fn the_palette_offers_what_can_be_done_and_does_what_the_key_does() {
    let mut offered = std::collections::BTreeSet::new();
    for (name, state) in states() {
        for action in ACTIONS.iter().filter(|action| is_listed(action)) {
            let (mut by_key, mut by_name) = (state(), state());
            let can = (action.when)(&by_key);
            let Some(effects) = choose(&mut by_name, action) else {
                assert!(!can, "{name}: {} is missing", action.id);
                continue;
            };
            assert!(can, "{name}: {} cannot be done", action.id);
            offered.insert(action.id);
            for key in action.keys() {
                let mut by_key = state();
                assert_eq!(update(&mut by_key, Event::Key(key)), effects, "{name}: {}", action.id);
                assert_eq!(format!("{by_key:?}"), format!("{by_name:?}"), "{name}: {} by {key}", action.id);
            }
            by_key.say("used");
        }
    }
    let all: Vec<&str> = ACTIONS.iter().filter(|action| is_listed(action)).map(|action| action.id).collect();
    let never: Vec<&&str> = all.iter().filter(|id| !offered.contains(**id)).collect();
    assert!(never.is_empty(), "{never:?} can never be done");
}

#[test]
fn an_action_is_found_by_its_words() {
    let mut model = running();
    for (words, id) in [
        ("zoom", "zoom"),
        ("settings", "settings"),
        ("quit", "quit"),
        ("help", "help"),
        ("copy", "copy"),
        ("stop pane", "stop-pane"),
        ("write persona", "write-persona"),
        ("temperature", "settings"),
        ("clipboard", "copy"),
    ] {
        press(&mut model, "ctrl-p");
        type_in(&mut model, words);
        assert_eq!(picker(&model).item().map(|item| item.id.as_str()), Some(id), "{words}");
        press(&mut model, "esc");
    }
}

#[test]
fn what_was_possible_when_the_list_was_opened_is_not_forced() {
    let mut model = loading();
    press(&mut model, "enter ctrl-p");
    type_in(&mut model, "new seed");
    assert_eq!(picker(&model).item().unwrap().id, "run-new-seed");
    assert_eq!(started(&engine_ready(&mut model)).len(), 1, "the waiting run begins behind the list");
    assert_eq!(press(&mut model, "enter"), []);
    assert_eq!(model.setup.seed, 1, "the seed on screen is that of the run");
}

#[test]
fn the_palette_keeps_what_is_written_in_a_form() {
    let mut model = ready();
    press(&mut model, "a");
    type_in(&mut model, "Is it so?");
    press(&mut model, "ctrl-p esc a");
    let Some(Overlay::Editor(editor)) = &model.overlay else { unreachable!() };
    assert_eq!(editor.text(0), "Is it so?");
}

#[test]
fn keys_of_actions_that_cannot_be_done_do_nothing() {
    let mut model = ready();
    let before = format!("{model:?}");
    assert_eq!(press(&mut model, "x X e v y"), []);
    assert_eq!(format!("{model:?}"), before);
    let escape = Key::plain(KeyCode::Escape);
    assert!(find(&model, Place::Workbench, escape).is_none(), "Escape quits nothing");
    assert_eq!(press(&mut model, "esc esc"), []);
}

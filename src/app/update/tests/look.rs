//! What is looked at: columns, tabs, scrolling, following, zoom, themes, notices.

use std::time::Duration;

use super::*;

fn scroll(model: &Model) -> crate::app::model::Scroll {
    model.look.scroll(model.look.mode)
}

#[test]
fn columns_are_chosen_by_number_and_by_turning() {
    let mut model = ready();
    let mut seen = |keys: &str| {
        press(&mut model, keys);
        (model.look.mode, model.looks_at_setup())
    };
    assert_eq!(seen("3"), (Mode::Distribution, false));
    assert_eq!(seen("tab"), (Mode::Overton, false));
    assert_eq!(seen("shift-tab left"), (Mode::Steered, false));
    assert_eq!(seen("right right right"), (Mode::Steered, false));
    assert_eq!(seen("0"), (Mode::Steered, false), "the setup stands beside the panes");
}

#[test]
fn below_120_columns_the_setup_is_one_of_four_tabs() {
    let mut model = ready();
    update(&mut model, Event::Resize(120, 30));
    assert!(!model.has_tabs());
    update(&mut model, Event::Resize(119, 30));
    assert!(model.has_tabs());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((model.look.mode, model.looks_at_setup()));
        press(&mut model, "tab");
    }
    let wanted =
        [(Mode::Overton, false), (Mode::Steered, false), (Mode::Distribution, false), (Mode::Distribution, true)];
    assert_eq!(seen, wanted);
    assert_eq!((model.look.mode, model.looks_at_setup()), (Mode::Overton, false));
    press(&mut model, "0");
    assert!(model.looks_at_setup());
    update(&mut model, Event::Resize(120, 30));
    assert!(!model.looks_at_setup());
    update(&mut model, Event::Resize(80, 24));
    assert!(model.looks_at_setup(), "a window that comes back shows what it showed");
}

#[test]
fn a_run_brings_the_panes_in_sight() {
    let mut model = ready();
    update(&mut model, Event::Resize(80, 24));
    press(&mut model, "0 enter");
    assert!(!model.looks_at_setup());
}

#[test]
fn below_40_by_10_the_screen_is_too_small_and_nothing_is_lost() {
    let mut model = running();
    for (size, is_too_small) in [((40, 10), false), ((39, 10), true), ((40, 9), true), ((1, 1), true)] {
        update(&mut model, Event::Resize(size.0, size.1));
        assert_eq!(model.is_too_small(), is_too_small, "{size:?}");
    }
    assert!(model.is_running());
}

#[test]
fn scrolling_up_unfollows_only_where_there_is_somewhere_to_go() {
    let mut model = running();
    drawn(&mut model, 20, 15);
    press(&mut model, "up pageup home");
    assert!(scroll(&model).follows, "all of it is in sight");
    drawn(&mut model, 20, 50);
    press(&mut model, "down pagedown");
    assert!(scroll(&model).follows, "it is at the end already");
    press(&mut model, "up");
    let now = scroll(&model);
    assert_eq!((now.follows, now.top, now.seen), (false, 29, 50));
    assert!(model.look.scroll(Mode::Steered).follows, "the other columns go on");
    drawn(&mut model, 20, 90);
    press(&mut model, "up");
    assert_eq!((scroll(&model).top, scroll(&model).seen), (28, 50), "what comes meanwhile counts from there");
}

#[test]
fn end_follows_again_and_a_new_run_follows_everywhere() {
    let mut model = running();
    drawn(&mut model, 20, 50);
    for key in ["end", "G"] {
        press(&mut model, "home");
        assert_eq!((scroll(&model).follows, scroll(&model).top), (false, 0));
        press(&mut model, key);
        assert!(scroll(&model).follows, "{key}");
    }
    press(&mut model, "1 up 2 up 3 up");
    assert!(Mode::ALL.iter().all(|mode| !model.look.scroll(*mode).follows));
    finish(&mut model, 0, 0);
    press(&mut model, "enter");
    assert!(Mode::ALL.iter().all(|mode| model.look.scroll(*mode).follows));
}

#[test]
fn a_column_that_has_ended_is_read_from_its_beginning_and_end_goes_to_the_end() {
    let mut model = running();
    finish(&mut model, 0, 0);
    drawn(&mut model, 20, 50);
    press(&mut model, "end");
    assert_eq!(scroll(&model).top, 30);
    press(&mut model, "home down");
    assert_eq!(scroll(&model).top, 1);
    press(&mut model, "pagedown");
    assert_eq!(scroll(&model).top, 20, "one line of the page before stays");
    press(&mut model, "pagedown pagedown space");
    assert_eq!(scroll(&model).top, 30);
}

#[test]
fn end_and_home_move_the_setup_where_it_is_looked_at() {
    let mut model = running();
    update(&mut model, Event::Resize(80, 24));
    drawn(&mut model, 20, 50);
    press(&mut model, "up 0 end");
    assert_eq!(model.look.setup_top, 30);
    assert_eq!(scroll(&model).top, 29, "the column behind it stays where it was");
    press(&mut model, "pageup");
    assert_eq!(model.look.setup_top, 11);
    press(&mut model, "home");
    assert_eq!(model.look.setup_top, 0);
    update(&mut model, Event::Wheel(3));
    assert_eq!(model.look.setup_top, 3);
}

#[test]
fn a_text_that_became_shorter_is_scrolled_from_where_it_is_seen() {
    let mut model = running();
    finish(&mut model, 0, 0);
    drawn(&mut model, 20, 500);
    press(&mut model, "end");
    assert_eq!(scroll(&model).top, 480);
    drawn(&mut model, 20, 50);
    press(&mut model, "up");
    assert_eq!(scroll(&model).top, 29);
}

#[test]
fn the_wheel_scrolls_the_column_that_is_looked_at() {
    let mut model = running();
    drawn(&mut model, 20, 50);
    update(&mut model, Event::Wheel(-3));
    assert_eq!((scroll(&model).follows, scroll(&model).top), (false, 27));
}

#[test]
fn zoom_is_taken_back_by_z_and_by_escape() {
    let mut model = running();
    drawn(&mut model, 20, 50);
    press(&mut model, "z");
    assert!(model.look.is_zoomed);
    press(&mut model, "z");
    assert!(!model.look.is_zoomed);
    press(&mut model, "z up esc");
    assert!(!model.look.is_zoomed && scroll(&model).follows, "Escape leads back to the plain view");
    assert!(model.is_running(), "and stops nothing");
    update(&mut model, Event::Resize(80, 24));
    press(&mut model, "z");
    assert!(!model.look.is_zoomed, "tabs have the whole width already");
}

#[test]
fn themes_come_round_and_are_named() {
    let mut model = ready();
    let mut names = Vec::new();
    for _ in 0..3 {
        press(&mut model, "t");
        names.push(said(&model).to_owned());
    }
    assert_eq!(names, ["theme: light", "theme: mono", "theme: dark"]);
    press(&mut model, "t t");
    update(&mut model, Event::Themes([vec![theme("own")], themes()].concat()));
    assert_eq!(model.theme().unwrap().name, "mono", "the theme in use stays");
}

#[test]
fn notices_go_by_themselves_and_then_nothing_moves() {
    let mut model = ready();
    update(&mut model, Event::Tick(Duration::from_secs(10)));
    update(&mut model, Event::Notice("copied".to_owned()));
    assert!(model.is_moving());
    update(&mut model, Event::Tick(Duration::from_secs(15)));
    assert_eq!(said(&model), "copied");
    update(&mut model, Event::Tick(Duration::from_secs(16)));
    assert_eq!(model.notice(), None);
    assert!(!model.is_moving(), "nothing has to be drawn while nothing happens");
}

#[test]
fn what_is_wrong_with_ones_files_is_said_once_with_the_rest_counted() {
    let mut model = begun();
    let problems = ["a.toml: broken", "b.toml: broken", "c.toml: broken"].map(str::to_owned).into();
    update(&mut model, Event::Library(Box::new(Library { problems, ..library() })));
    assert!(said(&model).starts_with("a.toml: broken (and 2 more"), "{}", said(&model));
    assert_eq!(model.setup.personas, ["farmer", "nurse"]);
}

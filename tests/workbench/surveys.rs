//! Surveys at the workbench: asked, looked at, stopped, and resumed after the program is gone.

use parallax::domain::PaneStatus;
use parallax::store::{RunFilter, RunStatus};

use crate::bench::{Start, Workbench};
use crate::support::Parallax;

/// Seven questions of the first pack.
const TOPIC: &str = "topic elections";
const QUESTIONS: usize = 7;
/// A question takes a few seconds, so that a key comes into the middle.
const SLOW: &str = "scripted:slow@30";

/// Switches everything off but the distribution, which is exact and quick, and answers by drawing.
fn distributions_alone(bench: &mut Workbench) {
    bench.key("m");
    for method in ["vanilla", "ensemble", "persona-prompt"] {
        bench.send(method);
        bench.wait_for(&format!("› {method}"));
        bench.keys("space ctrl-u");
    }
    bench.send("sampled");
    bench.wait_for("▸ [ ] distribution: sampled");
    bench.keys("space enter");
    bench.wait_for("Distribution option-logits, sampled");
}

/// Asks the questions of the topic.
fn ask(bench: &mut Workbench) {
    bench.key("A");
    bench.wait_for("Ask all questions of");
    bench.send(TOPIC);
    bench.wait_for(&format!("▸ us-civics, {TOPIC}  {QUESTIONS} questions"));
    bench.key("enter");
    bench.wait_for(&format!("Survey  us-civics, {TOPIC}"));
}

/// Back to the panes.
fn leave(bench: &mut Workbench) {
    bench.key("q");
    bench.wait_until_gone("Survey  us-civics");
}

fn begun(parallax: &Parallax) -> u64 {
    parallax.reader().map_or(0, |reader| reader.count(&RunFilter::default()).unwrap())
}

/// Runs that reached their end with all panes.
fn whole(parallax: &Parallax) -> usize {
    let Some(reader) = parallax.reader() else { return 0 };
    let runs = reader.runs(&RunFilter::default(), 1000, None).unwrap();
    let is_whole = |id: &str| {
        let run = reader.load_panes(id).unwrap().run;
        run.panes.iter().all(|pane| pane.status == PaneStatus::Done)
    };
    runs.iter().filter(|run| run.status == RunStatus::Done && is_whole(&run.id)).count()
}

#[test]
fn all_questions_of_a_topic_are_asked_and_their_runs_can_be_opened() {
    let mut bench = Workbench::ready("scripted");
    distributions_alone(&mut bench);
    ask(&mut bench);
    bench.wait_for("7 of 7 questions, done after");
    bench.wait_for("m option-logits");
    assert_eq!((whole(&bench.parallax), begun(&bench.parallax)), (QUESTIONS, QUESTIONS as u64));
    bench.keys("tab");
    bench.wait_for("baseline: uniform");
    bench.keys("tab");
    bench.wait_for("a question counts in each of its topics");
    bench.keys("tab");
    bench.wait_for("representativeness");
    bench.keys("tab");
    bench.wait_for("sampled less option-logits");
    bench.keys("tab m");
    bench.wait_for("m sampled");
    bench.keys("down enter");
    bench.wait_until_gone("Survey  us-civics");
    // What is drawn again for the numbers across panes takes a moment.
    bench.wait_for("3 Distribution ✓");
    bench.keys("z c c end");
    bench.wait_for_sentence("written answers that are not the most probable first token");
    bench.key("S");
    bench.wait_for("Survey  us-civics");
    // The same again is there already.
    ask(&mut bench);
    bench.wait_for("7 of 7 questions, 7 of them stored before");
    assert_eq!(begun(&bench.parallax), QUESTIONS as u64);
    leave(&mut bench);
    bench.quits();
}

#[test]
fn a_survey_that_was_stopped_goes_on_where_it_was_in_another_sitting() {
    let mut bench = Start::with(SLOW).size(80, 24).ready();
    distributions_alone_in_tabs(&mut bench);
    ask(&mut bench);
    bench.wait_until("two are answered", |_| whole(&bench.parallax) >= 2);
    bench.wait_for("of 7 questions, about");
    // Leaving does not stop it.
    bench.key("esc");
    bench.wait_for("0 Setup");
    bench.key("S");
    bench.wait_for("Survey  us-civics");
    bench.key("x");
    bench.wait_for("stopped after");
    let answered = whole(&bench.parallax);
    assert!((2..QUESTIONS).contains(&answered), "{answered}");
    let before = begun(&bench.parallax);
    leave(&mut bench);
    let parallax = bench.quits();
    let mut bench = Start::with(SLOW).size(80, 24).home(parallax).ready();
    distributions_alone_in_tabs(&mut bench);
    ask(&mut bench);
    bench.wait_for(&format!("7 of 7 questions, {answered} of them stored before"));
    assert_eq!(begun(&bench.parallax), before + (QUESTIONS - answered) as u64, "each question left was asked once");
    assert_eq!(whole(&bench.parallax), QUESTIONS);
    leave(&mut bench);
    bench.quits();
}

/// The same where the setup is a tab.
fn distributions_alone_in_tabs(bench: &mut Workbench) {
    bench.key("0");
    distributions_alone(bench);
}

#[test]
fn what_is_not_stored_is_kept_while_the_program_runs() {
    let mut bench = Start::with("scripted").arguments(&["--no-store"]).ready();
    distributions_alone(&mut bench);
    ask(&mut bench);
    bench.wait_for("7 of 7 questions, done after");
    bench.wait_for("m option-logits");
    bench.keys("end enter");
    bench.wait_until_gone("Survey  us-civics");
    bench.wait_for("3 Distribution ✓");
    assert_eq!(begun(&bench.parallax), 0);
    bench.quits();
}

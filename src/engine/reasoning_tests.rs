#![allow(clippy::unwrap_used)]
use super::*;
use minijinja::{Environment, context};

/// The turn of a user, and what a template says before the answer.
fn render(source: &str, variable: Option<(&str, bool)>) -> Option<String> {
    let mut environment = Environment::new();
    environment.add_template("chat", source).unwrap();
    let set: std::collections::BTreeMap<&str, bool> = variable.into_iter().collect();
    let values = context! { messages => [context! { role => "user", content => "Hello." }], add_generation_prompt => true, ..minijinja::Value::from(minijinja::value::Serde(set)) };
    environment.get_template("chat").unwrap().render(values).ok()
}

fn manner(source: &str) -> Option<Manner> {
    Manner::of(source, |variable| render(source, variable))
}

/// The prompt without thinking, as devices make it.
fn without(source: &str) -> String {
    let manner = manner(source).unwrap();
    let prompt = render(source, manner.switch.map(|name| (name, false))).unwrap();
    let closing = manner.closing(&prompt);
    prompt + &closing
}

const TURNS: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";

#[test]
fn a_template_without_marks_thinks_nothing() {
    assert_eq!(manner(TURNS), None);
    assert_eq!(manner(&format!("{TURNS}{{# reasoning_content, thinking #}}")), None);
}

#[test]
fn a_switch_that_writes_an_empty_part_is_used_as_it_is() {
    // The shape of Qwen3: nothing by default, an empty part when switched off.
    let source = format!(
        "{TURNS}\n{{% if enable_thinking is defined and enable_thinking is false %}}<think>\n\n</think>\n\n{{% endif %}}"
    );
    let found = manner(&source).unwrap();
    assert_eq!(
        found.told(),
        Reasoning { open: "<think>".into(), close: "</think>".into(), switch: Some("enable_thinking".into()) }
    );
    assert!(!found.is_open(&render(&source, None).unwrap()));
    let off = without(&source);
    assert!(off.ends_with("[assistant]\n<think>\n\n</think>\n\n") && off.matches("<think>").count() == 1, "{off:?}");
    assert!(found.is_closed(&off));
}

#[test]
fn a_switch_in_the_turns_is_found_too() {
    // The shape of SmolLM3: a word in the system turn, and an empty part.
    let source = "{% if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}\
        [system]{{ '/think' if enable_thinking else '/no_think' }}[user]{{ messages[0].content }}[assistant]\
        {{ '' if enable_thinking else '<think>\n\n</think>\n' }}";
    assert_eq!(manner(source).unwrap().switch, Some("enable_thinking"));
    assert_eq!(without(source), "[system]/no_think[user]Hello.[assistant]<think>\n\n</think>\n");
}

#[test]
fn a_template_may_open_the_part_itself() {
    // The shape of DeepSeek-R1 and QwQ: always opened, no switch.
    let source = format!("{TURNS}<think>\n");
    // The trailing line feed is the template's own.
    let source = source.replace("<think>\n", "{{ '<think>\n' }}");
    let found = manner(&source).unwrap();
    assert_eq!(found.switch, None);
    assert!(found.is_open(&render(&source, None).unwrap()));
    assert_eq!(without(&source), "[user]Hello.[assistant]<think>\n\n</think>\n\n");
}

#[test]
fn a_switch_that_still_opens_is_none() {
    let source = format!("{{{{ 'Be brief.' if not enable_thinking }}}}{TURNS}<think>");
    let found = manner(&source).unwrap();
    assert_eq!(found.switch, None);
    assert_eq!(without(&source), "Be brief.[user]Hello.[assistant]<think>\n\n</think>\n\n");
}

#[test]
fn the_other_name_of_the_switch_is_known() {
    // The shape of DeepSeek-V3.1: closed unless asked for.
    let source = format!("{TURNS}{{{{ '<think>' if thinking else '</think>' }}}}");
    let found = manner(&source).unwrap();
    assert_eq!(found.switch, Some("thinking"));
    assert!(found.is_closed(&render(&source, None).unwrap()));
    assert!(found.is_open(&render(&source, Some(("thinking", true))).unwrap()));
    assert_eq!(without(&source), "[user]Hello.[assistant]</think>");
}

#[test]
fn a_switch_that_leaves_no_marks_is_trusted() {
    // The shape of Hermes 4: another system turn.
    let source = format!("{{{{ 'Use <think> </think>.' if thinking else 'Be kind.' }}}}{TURNS}");
    assert_eq!(manner(&source).unwrap().switch, Some("thinking"));
    assert_eq!(without(&source), "Be kind.[user]Hello.[assistant]");
}

#[test]
fn models_that_open_by_themselves_get_an_empty_part() {
    // The shape of the first R1 distillations: only earlier answers name a mark.
    let stripped = format!("{{% if '</think>' in messages[0].content %}}{{% endif %}}{TURNS}");
    assert_eq!(without(&stripped), "[user]Hello.[assistant]<think>\n\n</think>\n\n");
    let magistral = format!("Think: [THINK]…[/THINK]{TURNS}");
    assert_eq!(without(&magistral), "Think: [THINK]…[/THINK][user]Hello.[assistant][THINK][/THINK]");
    let seed = format!("{{% set open = '<seed:think>' %}}{TURNS}");
    assert_eq!(without(&seed), "[user]Hello.[assistant]<seed:think></seed:think>");
    let reasoning = format!("<reasoning>…</reasoning>{TURNS}");
    assert!(without(&reasoning).ends_with("[assistant]<reasoning>\n</reasoning>\n"));
}

#[test]
fn channels_are_skipped_to_the_last() {
    let source = "{% if messages[0].thinking %}<|channel|>analysis<|message|>{% endif %}\
        <|start|>user<|message|>{{ messages[0].content }}<|end|><|start|>assistant";
    let found = manner(source).unwrap();
    assert_eq!(found.told().open, "<|channel|>analysis<|message|>");
    assert_eq!(
        without(source),
        "<|start|>user<|message|>Hello.<|end|><|start|>assistant<|channel|>analysis<|message|><|end|><|start|>assistant<|channel|>final<|message|>"
    );
    for part in ["<|channel|>", "<|message|>", "<|end|>", "<|start|>"] {
        assert!(found.has_part(part), "{part}");
    }
    assert!(!found.has_part("<|return|>") && !found.has_part(""));
}

#[test]
fn a_template_that_refuses_has_no_switch() {
    let found = Manner::of("<think> enable_thinking", |_| None).unwrap();
    assert_eq!(found.switch, None);
}

//! Prompts as the model was taught to read them: the chat template out of the model file, rendered with minijinja.

use std::collections::BTreeMap;

use llama_cpp_2::model::{LlamaChatMessage, LlamaModel};
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value, context};

use super::bounded::Bounded;
use crate::domain::{Turn, TurnRole};
use crate::engine::reasoning::Manner;

/// A template that needs more work than this is broken or hostile. minijinja counts a step as one, and as much for every 64
/// bytes that it makes, written or not: so this is also a limit of 64 MB on what a rendering may hold. The longest of usual
/// templates takes some thousands, and one for each 64 bytes of conversation.
const FUEL: u64 = 1_000_000;
/// Calls of macros and recursive loops inside each other.
const MOST_NESTED: usize = 64;
/// Bytes of source; the longest of published templates have some 30,000.
const MOST_SOURCE: usize = 1 << 20;
const NAME: &str = "chat";

/// How chat prompts are laid out.
#[derive(Debug)]
pub(super) enum Template {
    /// The model's own Jinja source.
    Own { environment: Box<Environment<'static>>, bos: String, eos: String },
    /// llama.cpp's list of well-known templates; the model's own source could not be rendered.
    BuiltIn,
    /// The model has none: roles in words.
    Plain,
}

/// The model's own template cannot lay these turns out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CannotRender(pub(super) String);

impl Template {
    /// The template of `model`, tried on a small conversation.
    pub(super) fn of(model: &LlamaModel) -> Self {
        let Ok(source) = model.chat_template(None) else { return Self::Plain };
        let turns = [Turn { role: TurnRole::User, content: "Hello.".to_owned() }];
        if let Ok(source) = source.to_string() {
            let vocab = model.vocab();
            let (bos, eos) =
                (super::vocab::control_text(model, vocab.bos()), super::vocab::control_text(model, vocab.eos()));
            if let Some(own) = Self::own(source, bos, eos)
                && own.render(model, &turns, None).is_ok_and(|text| text.contains("Hello."))
            {
                return own;
            }
        }
        if built_in(model, &turns).is_ok() { Self::BuiltIn } else { Self::Plain }
    }

    fn own(source: String, bos: String, eos: String) -> Option<Self> {
        if source.len() > MOST_SOURCE {
            return None;
        }
        // Without a loader: a template can name no other, neither in files nor elsewhere.
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MOST_NESTED);
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.ok()?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<(), minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        // A date would make the same run read differently tomorrow; templates that ask get a fixed one.
        environment.add_function("strftime_now", |_format: String| "1 January 2025".to_owned());
        environment.add_template_owned(NAME, source).ok()?;
        Some(Self::Own { environment: Box::new(environment), bos, eos })
    }

    /// How `model` thinks before it answers, as its own template tells.
    pub(super) fn manner(&self, model: &LlamaModel) -> Option<Manner> {
        if matches!(self, Self::Plain) {
            return None;
        }
        let source = model.chat_template(None).ok()?.to_string().ok()?;
        let turns = [Turn { role: TurnRole::User, content: "Hello.".to_owned() }];
        Manner::of(&source, |switch| self.render(model, &turns, switch).ok())
    }

    /// The name that run records keep.
    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::Own { .. } => "chat",
            Self::BuiltIn => "chat-builtin",
            Self::Plain => "plain",
        }
    }

    /// The turns as one text, with the assistant's turn opened. `switch` sets a variable of the template, which only the
    /// model's own reads.
    pub(super) fn render(
        &self,
        model: &LlamaModel,
        turns: &[Turn],
        switch: Option<(&str, bool)>,
    ) -> Result<String, CannotRender> {
        match self {
            Self::Own { environment, bos, eos } => render_own(environment, bos, eos, turns, switch).or_else(|error| {
                // Many templates know no system turn; its text then opens the first user turn.
                merge_system(turns).map_or(Err(error), |merged| render_own(environment, bos, eos, &merged, switch))
            }),
            Self::BuiltIn => built_in(model, turns),
            Self::Plain => Ok(plain(turns)),
        }
    }
}

fn render_own(
    environment: &Environment<'_>,
    bos: &str,
    eos: &str,
    turns: &[Turn],
    switch: Option<(&str, bool)>,
) -> Result<String, CannotRender> {
    let wrong = |error: minijinja::Error| CannotRender(error.to_string());
    let template = environment.get_template(NAME).map_err(wrong)?;
    let set: BTreeMap<&str, bool> = switch.into_iter().collect();
    let values = context! {
        messages => Value::from(Serde(turns)),
        add_generation_prompt => true,
        bos_token => bos,
        eos_token => eos,
        ..Value::from(Serde(set))
    };
    let _bounded = Bounded::begin();
    template.render(values).map_err(wrong)
}

fn merge_system(turns: &[Turn]) -> Option<Vec<Turn>> {
    let (system, rest) = turns.split_first().filter(|(first, _)| first.role == TurnRole::System)?;
    let mut rest = rest.to_vec();
    let first = rest.first_mut().filter(|turn| turn.role == TurnRole::User)?;
    first.content = format!("{}\n\n{}", system.content, first.content);
    Some(rest)
}

fn built_in(model: &LlamaModel, turns: &[Turn]) -> Result<String, CannotRender> {
    let wrong = |error: &dyn std::fmt::Display| CannotRender(error.to_string());
    let template = model.chat_template(None).map_err(|error| wrong(&error))?;
    let messages = turns
        .iter()
        .map(|turn| LlamaChatMessage::new(role(turn.role).to_owned(), turn.content.clone()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))?;
    model.apply_chat_template(&template, &messages, true).map_err(|error| wrong(&error))
}

fn role(role: TurnRole) -> &'static str {
    match role {
        TurnRole::User => "user",
        TurnRole::Assistant => "assistant",
        TurnRole::System => "system",
    }
}

fn plain(turns: &[Turn]) -> String {
    let mut text = String::new();
    for turn in turns {
        match turn.role {
            TurnRole::System => text.push_str(&turn.content),
            TurnRole::User => text.push_str(&["Question: ", &turn.content].concat()),
            TurnRole::Assistant => text.push_str(&["Answer: ", &turn.content].concat()),
        }
        text.push_str("\n\n");
    }
    text.push_str("Answer:");
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<s>system\nBe kind.</s>\n' }}{% endif %}\
        {{ '<s>' + message['role'] + '\n' + message['content'].strip() + '</s>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}";

    fn turn(role: TurnRole, content: &str) -> Turn {
        Turn { role, content: content.to_owned() }
    }

    fn render(source: &str, turns: &[Turn]) -> Result<String, CannotRender> {
        let Some(Template::Own { environment, bos, eos }) =
            Template::own(source.to_owned(), "<b>".into(), "<e>".into())
        else {
            return Err(CannotRender("does not parse".into()));
        };
        render_own(&environment, &bos, &eos, turns, None).or_else(|error| {
            merge_system(turns).map_or(Err(error), |merged| render_own(&environment, &bos, &eos, &merged, None))
        })
    }

    #[test]
    fn a_template_with_python_methods_renders() {
        let text = render(CHATML, &[turn(TurnRole::User, " Hi. ")]).unwrap();
        assert_eq!(text, "<s>system\nBe kind.</s>\n<s>user\nHi.</s>\n<s>assistant\n");
    }

    #[test]
    fn a_template_without_system_turns_gets_them_merged() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ bos_token }}{{ messages[0].content }}";
        let turns = [turn(TurnRole::System, "Be brief."), turn(TurnRole::User, "Hi.")];
        assert_eq!(render(source, &turns).unwrap(), "<b>Be brief.\n\nHi.");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
        assert!(render(source, &[turn(TurnRole::User, "Hi.")]).is_err());
    }

    #[test]
    fn a_template_reaches_no_file_and_no_other_template() {
        for source in [
            "{% include '/etc/hostname' %}",
            "{% include 'chat.jinja' %}",
            "{% import '/etc/hostname' as m %}{{ m }}",
            "{% from 'http://127.0.0.1/' import x %}{{ x }}",
            "{% extends '/etc/hostname' %}",
            "{{ open('/etc/hostname').read() }}",
            "{{ messages.__class__.__mro__ }}",
            "{{ ''.__class__.mro()[1].__subclasses__() }}",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            "{{ self.__init__ }}{{ lipsum.__globals__['os'] }}",
        ] {
            match render(source, &[turn(TurnRole::User, "Hi.")]) {
                Err(_) => {}
                // What does not exist is nothing.
                Ok(text) => assert_eq!(text, "", "{source}"),
            }
        }
    }

    #[test]
    fn a_template_that_grows_without_end_is_stopped() {
        let deep = format!("{}{}", "{% if true %}".repeat(20_000), "{% endif %}".repeat(20_000));
        let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000));
        let long = "x".repeat(MOST_SOURCE + 1);
        for source in [
            "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            "{{ 'a' * 99999999999 }}",
            "{% for i in range(90000) %}{{ 'a' * 90000 }}{% endfor %}",
            "{% for i in range(90000) %}{% set x %}{{ 'a' * 90000 }}{% endset %}{{ x | length }}{% endfor %}",
            "{{ ('x' * 100000) | replace('x', 'y' * 100000) }}",
            "{{ range(99999) | join('z' * 99999) }}",
            "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('ab') }}",
            "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
            "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
            deep.as_str(),
            brackets.as_str(),
            long.as_str(),
        ] {
            let shown: String = source.chars().take(60).collect();
            assert!(render(source, &[turn(TurnRole::User, "Hi.")]).is_err(), "{shown}");
        }
    }

    #[test]
    fn a_long_conversation_is_rendered() {
        let long = "A sentence of some words. ".repeat(40_000);
        let text = render(CHATML, &[turn(TurnRole::User, &long)]).unwrap();
        assert!(text.len() > 1_000_000);
    }

    #[test]
    fn a_model_without_a_template_gets_roles_in_words() {
        assert_eq!(plain(&[turn(TurnRole::User, "Why?")]), "Question: Why?\n\nAnswer:");
    }
}

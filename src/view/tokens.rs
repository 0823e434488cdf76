//! The tokens of a voice, each with its probability and with what might have been said instead.

use ratatui::text::{Line, Span};

use super::figure::percent;
use super::lines::{cut, fit_all, wrapped};
use super::palette::Palette;
use crate::config::Role;
use crate::domain::TokenSaid;
use crate::text::{SafeText, pad_to, wrap};

/// Cells of the token itself, where there is room.
const TOKEN_CELLS: usize = 20;
/// Cells of its probability and its rank.
const NUMBER_CELLS: usize = 13;
/// Below this probability a token is a surprise.
const SURPRISE: f32 = 0.05;

/// What the columns are, then a row per token, or several where the others do not fit beside it.
pub(super) fn lines(said: &[TokenSaid], width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let secondary = palette.style(Role::Secondary);
    let head =
        "said, its probability at temperature 1, its rank where it is not the first, and the most probable others";
    let mut lines = wrapped(head, secondary, width, 0);
    lines.extend(said.iter().flat_map(|token| rows(token, width, palette)));
    fit_all(lines, width)
}

fn rows(token: &TokenSaid, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let column = TOKEN_CELLS.min(width.saturating_sub(NUMBER_CELLS));
    let rest = width.saturating_sub(column + NUMBER_CELLS);
    let secondary = palette.style(Role::Secondary);
    let piece = cut(&quoted(&token.text), column.saturating_sub(1));
    let rank = 1 + token.others.iter().filter(|(_, p)| *p > token.p).count();
    let rank = if rank > 1 { format!("#{rank}") } else { String::new() };
    let numbers = cut(&format!("{:>7} {rank:<4} ", percent(f64::from(token.p), 1)), width.saturating_sub(column));
    let others: Vec<_> =
        token.others.iter().map(|(text, p)| format!("{} {}", quoted(text), percent(f64::from(*p), 1))).collect();
    let role = if token.p < SURPRISE { Role::Warning } else { Role::Text };
    let beside = if rest < TOKEN_CELLS / 2 { Vec::new() } else { wrap(&others.join(" · "), rest) };
    let mut rows = vec![Line::from(vec![
        Span::styled(pad_to(&piece, column), palette.style(role)),
        Span::styled(numbers, palette.style(Role::Accent)),
        Span::styled(beside.first().cloned().unwrap_or_default(), secondary),
    ])];
    rows.extend(
        beside
            .into_iter()
            .skip(1)
            .map(|line| Line::from(Span::styled(format!("{}{line}", " ".repeat(column + NUMBER_CELLS)), secondary))),
    );
    rows
}

/// A token between marks, so that its spaces are seen; line feeds and what else no line can show are written out.
fn quoted(text: &str) -> String {
    let written = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    format!("\"{}\"", SafeText::line(&written).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Theme;
    use crate::text::width as cells;
    use proptest::prelude::*;

    fn drawn(said: &[TokenSaid], width: usize) -> Vec<String> {
        lines(said, width, &Palette::new(&Theme::default()))
            .iter()
            .map(|line| line.spans.iter().map(|span| &*span.content).collect())
            .collect()
    }

    #[test]
    fn a_token_stands_beside_what_might_have_been_said() {
        let said = [
            TokenSaid { text: " the".into(), p: 0.25, others: vec![(" a".into(), 0.5), (" an".into(), 0.125)] },
            TokenSaid { text: "\n\u{1b}[2J".into(), p: 0.001, others: Vec::new() },
        ];
        let found = drawn(&said, 100);
        assert!(
            found[2].contains("\" the\"") && found[2].contains("#2") && found[2].contains("\" a\" 50"),
            "{found:?}"
        );
        assert!(found[3].contains("\\n") && !found[3].contains('\u{1b}') && !found[3].contains('#'), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_place(text in ".{0,40}", other in ".{0,40}", p in 0f32..1.0, width in 1usize..120) {
            let said = [TokenSaid { text, p, others: vec![(other.clone(), 1.0 - p), (other, p)] }];
            for line in drawn(&said, width) {
                prop_assert!(cells(&line) <= width, "{line:?} in {width}");
            }
        }
    }
}

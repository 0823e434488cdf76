//! Bars beside each other: one line per option, one column for the model and one for each population.

use ratatui::text::{Line, Span};

use super::chart::{QUIET, Row, Side, Signs, difference, drawn, label_lines, mark, scale, sound};
use super::figure::percent;
use super::lines::fit_all;
use super::palette::Palette;
use crate::config::theme::Role;
use crate::text::{SafeText, pad_to, width as cells_of};

/// The shortest bar that is worth a column.
const LEAST_BAR: usize = 8;
/// The longest: beyond, the eye loses the line.
const MOST_BAR: usize = 48;
/// Between two columns.
const GAP: usize = 2;
/// A written share with the blank before it.
const SHARE: usize = 8;
/// A written difference with the blank before it.
const DIFFERENCE: usize = 9;

/// `rows` as a grid under the `names` of the populations, where there are several and room for all of them; else `None`.
pub(super) fn grid(rows: &[Row], names: &[String], width: usize, palette: &Palette) -> Option<Vec<Line<'static>>> {
    let rows: Vec<Row> = rows.iter().map(sound).collect();
    let populations = rows.iter().map(|row| 1 + row.more.len()).max().filter(|populations| *populations > 1)?;
    let longest = rows.iter().map(|row| cells_of(&row.label)).max().unwrap_or(0);
    let label = longest.clamp(1, (width / 5).clamp(12, 30));
    let is_quiet = rows.iter().any(|row| row.sides().any(|side| side.quiet));
    let difference_cells = if is_quiet { QUIET.len() + 1 } else { DIFFERENCE };
    let fixed = label + 2 + SHARE + populations * (GAP + SHARE + difference_cells);
    let bar = (width.checked_sub(fixed)? / (populations + 1)).min(MOST_BAR);
    if bar < LEAST_BAR {
        return None;
    }
    let scale = scale(&rows);
    let (secondary, text) = (palette.style(Role::Secondary), palette.style(Role::Text));
    let mut head = vec![Span::raw(" ".repeat(label + 2))];
    let model = format!("{} model", palette.sign("█", "#"));
    head.push(Span::styled(pad_to(&model, bar + SHARE), palette.style(Role::Model)));
    for place in 0..populations {
        let name = names.get(place).map_or("", String::as_str);
        let name = SafeText::line(&format!("{} {} {name}", palette.sign("▒", ":"), mark(place))).to_string();
        head.push(Span::raw(" ".repeat(GAP)));
        head.push(Span::styled(pad_to(&name, bar + SHARE + difference_cells), palette.style(Role::Reference)));
    }
    let mut lines = vec![Line::from(head)];
    for row in &rows {
        let mut label_rest = label_lines(&row.label, label).into_iter();
        let first = pad_to(&label_rest.next().unwrap_or_default(), label + 2);
        let mut spans = vec![Span::styled(first, text)];
        let model = Side { share: row.model, interval: row.model_interval, quiet: row.quiet };
        let share = |side: Side| side.share.map_or_else(|| "none".to_owned(), |share| percent(share, 1));
        spans.push(Span::styled(
            drawn(model.share, model.interval, bar, scale, &Signs::model(palette)),
            palette.style(Role::Model),
        ));
        spans.push(Span::styled(format!(" {:>7}", share(model)), text));
        for side in row.sides() {
            let style = |role| if side.quiet { secondary } else { palette.style(role) };
            spans.push(Span::raw(" ".repeat(GAP)));
            let drawn = drawn(side.share, side.interval, bar, scale, &Signs::reference(palette));
            spans.push(Span::styled(drawn, style(Role::Reference)));
            spans.push(Span::styled(format!(" {:>7}", share(side)), style(Role::Text)));
            let difference = pad_to(&difference(row, side, 1, palette), difference_cells - 1);
            spans.push(Span::styled(format!(" {difference}"), style(Role::Text)));
        }
        lines.push(Line::from(spans));
        lines.extend(label_rest.map(|rest| Line::styled(rest, text)));
    }
    Some(fit_all(lines, width))
}

//! The distribution column: the chart that was chosen, of each pane or of all of them together.

use ratatui::text::{Line, Span};

use super::lines::{cut, fit};
use super::palette::Palette;
use super::panes::{self, Members, Shown};
use crate::app::model::{Chart, LivePane, LiveRun, Model};
use crate::config::Role;
use crate::domain::{Mode, Pane};

/// From here on the charts of all methods stand below the bars.
const SPACIOUS: usize = 96;

/// A part of the column: lines, and the pane whose answers follow them.
pub(super) struct Block<'a> {
    /// What is drawn.
    pub(super) lines: Vec<Line<'static>>,
    /// Whose.
    pub(super) pane: Option<&'a LivePane>,
}

/// The parts of the column. `heading` gives the lines above a pane's picture.
pub(super) fn blocks<'a>(
    model: &Model,
    run: &'a LiveRun,
    width: usize,
    palette: &Palette,
    heading: &dyn Fn(&LivePane) -> Vec<Line<'static>>,
) -> Vec<Block<'a>> {
    let chart = run.chart(model.look.chart);
    let mut blocks = Vec::new();
    blocks.extend(tabs(run, chart, width, palette).map(|line| Block { lines: vec![line], pane: None }));
    let members = members(run);
    let question = &run.spec.question;
    let all = |chart: Chart| match chart {
        Chart::Scale => panes::scale(&members, width, palette),
        Chart::Together => panes::together(&members, width, palette),
        _ => panes::groups(&members, width, palette),
    };
    match chart {
        Chart::Bars => {
            bars(model, run, width, palette, heading, &mut blocks);
            let below = [Chart::Scale, Chart::Together, Chart::Groups];
            let below = below.into_iter().filter(|chart| width >= SPACIOUS && run.chart(*chart) == *chart);
            for chart in below {
                let mut lines = vec![Line::default(), rule(chart.name(), width, palette)];
                lines.extend(all(chart));
                blocks.push(Block { lines, pane: None });
            }
        }
        Chart::Scale | Chart::Together | Chart::Groups => blocks.push(Block { lines: all(chart), pane: None }),
        Chart::Weights | Chart::Orders | Chart::Tokens | Chart::Settling => {
            for pane in run.column(Mode::Distribution) {
                let Some(picture) = pane.picture.as_deref().filter(|picture| has(chart, picture)) else { continue };
                let mut lines = heading(pane);
                lines.extend(match chart {
                    Chart::Weights => {
                        panes::weights(picture, question, &run.sliders, &|id| model.persona_label(id), width, palette)
                    }
                    Chart::Orders => panes::orders(picture, question, width, palette),
                    Chart::Tokens => panes::tokens(picture, question, width, palette),
                    _ => panes::settling(picture, question, width, palette),
                });
                lines.push(Line::default());
                blocks.push(Block { lines, pane: None });
            }
        }
    }
    blocks
}

/// Bars of every pane, each explained once.
fn bars<'a>(
    model: &Model,
    run: &'a LiveRun,
    width: usize,
    palette: &Palette,
    heading: &dyn Fn(&LivePane) -> Vec<Line<'static>>,
    blocks: &mut Vec<Block<'a>>,
) {
    let mut above: Option<&Pane> = None;
    for (number, pane) in run.column(Mode::Distribution).enumerate() {
        let mut lines = if number > 0 { vec![Line::default()] } else { Vec::new() };
        lines.extend(heading(pane));
        if let Some(picture) = pane.picture.as_deref() {
            let shown = Shown { is_final: !pane.is_running(), is_whole: model.look.is_whole, above };
            lines.extend(panes::distribution(picture, &run.spec.question, width, palette, shown));
            if picture.p.is_some() {
                above = above.or(Some(picture));
            }
            if pane.is_running() && has(Chart::Settling, picture) {
                lines.extend(panes::settling(picture, &run.spec.question, width, palette));
            }
        }
        blocks.push(Block { lines, pane: Some(pane) });
    }
}

fn has(chart: Chart, pane: &Pane) -> bool {
    match chart {
        Chart::Weights => pane.mixture.is_some(),
        Chart::Orders => pane.per_order.len() > 1,
        Chart::Tokens => !pane.top.is_empty(),
        Chart::Settling => pane.draws.iter().any(Option::is_some),
        _ => pane.p.is_some(),
    }
}

/// The panes with a distribution over the same options as the first of them.
fn members(run: &LiveRun) -> Members<'_> {
    let panes = run.panes.iter().enumerate().filter(|(_, pane)| pane.mode == Mode::Distribution);
    let mut panes: Vec<(usize, &Pane)> = panes
        .filter_map(|(place, pane)| Some((place, pane.picture.as_deref().filter(|picture| picture.p.is_some())?)))
        .collect();
    let options = panes.first().map(|(_, pane)| pane.options.clone());
    panes.retain(|(_, pane)| Some(&pane.options) == options.as_ref());
    Members { panes, question: &run.spec.question, across: &run.measures }
}

/// The names of the charts there are, the one that is drawn between brackets; `None` where there is no choice.
fn tabs(run: &LiveRun, chart: Chart, width: usize, palette: &Palette) -> Option<Line<'static>> {
    let charts = run.charts();
    if charts.len() < 2 {
        return None;
    }
    let (key, secondary) = (palette.style(Role::Key), palette.style(Role::Secondary));
    let mut line = Line::from(Span::styled("c", key));
    for own in &charts {
        let is_drawn = *own == chart;
        let text = if is_drawn { format!(" [{}]", own.name()) } else { format!(" {}", own.name()) };
        let style = if is_drawn { palette.style(Role::Heading) } else { secondary };
        line.push_span(Span::styled(text, style));
    }
    if line.width() > width {
        let at = charts.iter().position(|own| *own == chart).unwrap_or(0);
        let next = charts.get((at + 1) % charts.len()).copied().unwrap_or_default();
        let text = format!(" [{}] {} of {}, then {}", chart.name(), at + 1, charts.len(), next.name());
        line = Line::from(vec![Span::styled("c", key), Span::styled(text, secondary)]);
    }
    Some(fit(line, width))
}

fn rule(name: &str, width: usize, palette: &Palette) -> Line<'static> {
    let sign = palette.sign("─", "-");
    let name = cut(name, width);
    let left = width.saturating_sub(name.len() + 4);
    Line::from(vec![
        Span::styled(sign.repeat(2), palette.style(Role::Border)),
        Span::styled(format!(" {name} "), palette.style(Role::Heading)),
        Span::styled(sign.repeat(left), palette.style(Role::Border)),
    ])
}

//! What lies over the panes: lists, forms, pages.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use super::palette::Palette;
use super::tokens;
use super::widgets::{inset, plain, put, wrapped};
use crate::app::model::look::{ColumnLayout, Layout};
use crate::app::model::reader::Content;
use crate::app::model::{Editor, Field, Model, Overlay, Picker, PickerKind, Reader, SettingsForm};
use crate::config::Role;
use crate::text::{SafeText, cut, pad_to, width as cells, wrap};

/// Rows of a form's field that is not typed into.
const CLOSED_FIELD: u16 = 2;
/// Cells for keys in the help.
const KEY_CELLS: usize = 20;

/// Draws what lies over the panes, if anything does.
pub(super) fn draw(frame: &mut Frame<'_>, body: Rect, model: &Model, palette: &Palette, layout: &mut Layout) {
    match &model.overlay {
        None => {}
        Some(Overlay::Picker(picker)) => {
            let area = frame_of(frame, body, (110, 26), picker.kind.title(), palette);
            layout.list = list(frame.buffer_mut(), area, model, picker, palette);
            // Where one types.
            let x = u16::try_from(2 + cells(SafeText::line(&picker.pattern).as_str())).unwrap_or(area.width);
            frame.set_cursor_position((area.x + x.min(area.width.saturating_sub(1)), area.y));
        }
        Some(Overlay::Editor(editor)) => {
            let area = frame_of(frame, body, (96, 22), editor.purpose.title(), palette);
            form(frame, area, editor, palette);
        }
        Some(Overlay::Settings(form)) => {
            let area = frame_of(frame, body, (72, 11), "Settings", palette);
            numbers(frame, area, form, palette);
        }
        Some(Overlay::Reader(reader)) => {
            let area = frame_of(frame, body, (120, u16::MAX), &reader.title, palette);
            layout.reader = page(frame.buffer_mut(), area, reader, palette);
        }
    }
}

/// A frame with a title in the middle of `body`, at most so large; the area inside it.
fn frame_of(frame: &mut Frame<'_>, body: Rect, most: (u16, u16), title: &str, palette: &Palette) -> Rect {
    let width = body.width.min(most.0);
    let height = body.height.min(most.1);
    let area = Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 3, width, height };
    Clear.render(area, frame.buffer_mut());
    let buffer = frame.buffer_mut();
    let style = palette.style(Role::BorderFocused);
    let across = usize::from(width.saturating_sub(2));
    let (line, side) = (palette.sign("─", "-"), palette.sign("│", "|"));
    let corner = |round: &'static str| palette.sign(round, "+");
    let title = format!(" {} ", SafeText::line(title));
    let title = pad_to(&title, cells(&title).min(across));
    let rest = line.repeat(across.saturating_sub(cells(&title)));
    put(
        buffer,
        area,
        0,
        &Line::from(vec![
            Span::styled(corner("╭"), style),
            Span::styled(title, palette.style(Role::Heading)),
            Span::styled(format!("{rest}{}", corner("╮")), style),
        ]),
    );
    for row in 1..usize::from(height.saturating_sub(1)) {
        put(buffer, area, row, &plain(side, style));
        put(buffer, inset(area, width.saturating_sub(1), 0, 0, 0), row, &plain(side, style));
    }
    let bottom = format!("{}{}{}", corner("╰"), line.repeat(across), corner("╯"));
    put(buffer, area, usize::from(height.saturating_sub(1)), &plain(&bottom, style));
    inset(area, 2, 1, 2, 1)
}

/// A list: what was typed, then the lines that fit. Returns how many fit on screen.
fn list(buffer: &mut Buffer, area: Rect, model: &Model, picker: &Picker, palette: &Palette) -> usize {
    let pattern = SafeText::line(&picker.pattern).to_string();
    let found = if picker.ticket.is_some() {
        "…".to_owned()
    } else {
        format!("{} of {}", picker.hits.len(), picker.items.len())
    };
    let width = usize::from(area.width);
    let room = width.saturating_sub(cells(&found) + 3);
    let typed = if pattern.is_empty() {
        Span::styled(pad_to("type to search", room), palette.style(Role::Secondary))
    } else {
        Span::styled(pad_to(&pattern, room), palette.style(Role::Text))
    };
    put(
        buffer,
        area,
        0,
        &Line::from(vec![
            Span::styled(palette.sign("› ", "> "), palette.style(Role::Key)),
            typed,
            Span::styled(format!(" {found}"), palette.style(Role::Secondary)),
        ]),
    );
    // The chosen line is explained below where its detail does not fit beside it.
    let detail_rows = if area.height > 8 { 3 } else { 0 };
    let rows = usize::from(area.height.saturating_sub(1 + detail_rows));
    let lines = inset(area, 0, 1, 0, detail_rows);
    if picker.hits.is_empty() {
        let text = match picker.kind {
            PickerKind::Model | PickerKind::Beside if model.models.is_none() => "looking for models…",
            _ if picker.items.is_empty() => "there is nothing to choose from",
            _ => "nothing fits: Backspace takes a letter back",
        };
        put(buffer, lines, 0, &plain(text, palette.style(Role::Secondary)));
        return rows;
    }
    // The list may have been opened at another size.
    let top = picker.top.clamp((picker.selected + 1).saturating_sub(rows.max(1)), picker.selected);
    for (row, (place, hit)) in picker.hits.iter().enumerate().skip(top).take(rows).enumerate() {
        let Some(item) = picker.items.get(hit.index) else { continue };
        let is_chosen = place == picker.selected;
        let mut spans = vec![Span::styled(
            if is_chosen { palette.sign("▸ ", "> ") } else { "  " },
            palette.style(if is_chosen { Role::Accent } else { Role::Text }),
        )];
        let mut used = 2;
        if picker.kind.is_multi() {
            let (mark, role) =
                if picker.on.contains(&hit.index) { ("[x] ", Role::Good) } else { ("[ ] ", Role::Secondary) };
            spans.push(Span::styled(mark, palette.style(role)));
            used += 4;
        }
        let base = palette.style(if is_chosen { Role::Selection } else { Role::Text });
        let label = SafeText::line(&item.label).to_string();
        let detail = SafeText::line(&item.detail).to_string();
        let room = width.saturating_sub(used);
        let beside = room.saturating_sub(cells(&label) + 2);
        let is_detailed = picker.kind != PickerKind::Question && beside >= 8;
        let label = if cells(&label) > room { pad_to(&label, room) } else { label };
        spans.extend(marked(&label, &hit.matched, base, base.patch(palette.style(Role::Key))));
        if is_detailed {
            spans.push(Span::styled(
                format!("  {}", pad_to(&detail, beside).trim_end()),
                palette.style(Role::Secondary),
            ));
        }
        put(buffer, lines, row, &Line::from(spans));
    }
    if let Some(item) = picker.item().filter(|_| detail_rows > 0) {
        let below = inset(area, 0, area.height.saturating_sub(detail_rows), 0, 0);
        let rule = palette.sign("─", "-").repeat(width);
        put(buffer, below, 0, &plain(&rule, palette.style(Role::Border)));
        for (row, line) in
            wrapped(&explanation(picker.kind, item), width, palette.style(Role::Secondary)).iter().take(2).enumerate()
        {
            put(buffer, below, 1 + row, line);
        }
    }
    rows
}

/// What is said about the chosen line: of a question, which is often longer than a line, all of it.
fn explanation(kind: PickerKind, item: &crate::app::model::picker::Item) -> String {
    match kind {
        PickerKind::Question => format!("{}: {}", item.detail, item.label),
        _ => item.detail.clone(),
    }
}

/// `text` with the characters at the places `matched` in another style.
fn marked(
    text: &str,
    matched: &[usize],
    plain: ratatui::style::Style,
    hit: ratatui::style::Style,
) -> Vec<Span<'static>> {
    let mut spans: Vec<(String, bool)> = Vec::new();
    for (place, c) in text.chars().enumerate() {
        let is_hit = matched.binary_search(&place).is_ok();
        match spans.last_mut() {
            Some((run, own)) if *own == is_hit => run.push(c),
            _ => spans.push((c.to_string(), is_hit)),
        }
    }
    spans.into_iter().map(|(run, is_hit)| Span::styled(run, if is_hit { hit } else { plain })).collect()
}

fn form(frame: &mut Frame<'_>, area: Rect, editor: &Editor, palette: &Palette) {
    let fields = editor.purpose.fields();
    let width = usize::from(area.width);
    let error = editor.error.as_deref().map_or_else(Vec::new, |error| wrapped(error, width, palette.style(Role::Bad)));
    let error_rows = u16::try_from(error.len()).unwrap_or(0).min(area.height / 3);
    let closed = u16::try_from(fields.len().saturating_sub(1)).unwrap_or(0) * (1 + CLOSED_FIELD);
    let open = area.height.saturating_sub(closed + 1 + error_rows).max(1);
    let mut row = 0;
    for (index, ((label, help), text)) in fields.iter().zip(&editor.texts).enumerate() {
        let is_open = index == editor.at;
        let left = area.height.saturating_sub(row);
        if left == 0 {
            break;
        }
        let role = if is_open { Role::Heading } else { Role::Secondary };
        let title = Line::from(vec![
            Span::styled(format!("{label}  "), palette.style(role)),
            Span::styled(
                pad_to(help, width.saturating_sub(label.len() + 2)).trim_end().to_owned(),
                palette.style(Role::Secondary),
            ),
        ]);
        put(frame.buffer_mut(), inset(area, 0, row, 0, 0), 0, &title);
        let height = (if is_open { open } else { CLOSED_FIELD }).min(left.saturating_sub(1 + error_rows));
        let field = Rect { x: area.x + 1, y: area.y + row + 1, width: area.width.saturating_sub(1), height };
        field_text(frame, field, text, is_open, palette);
        row += 1 + height;
    }
    let below = inset(area, 0, area.height.saturating_sub(error_rows), 0, 0);
    for (row, line) in error.iter().enumerate() {
        put(frame.buffer_mut(), below, row, line);
    }
}

fn field_text(
    frame: &mut Frame<'_>,
    area: Rect,
    text: &ratatui_textarea::TextArea<'static>,
    is_open: bool,
    palette: &Palette,
) {
    if area.is_empty() {
        return;
    }
    if !is_open {
        let all = text.lines().join("\n");
        let lines = wrapped(&all, usize::from(area.width), palette.style(Role::Text));
        for (row, line) in lines.iter().take(usize::from(area.height)).enumerate() {
            put(frame.buffer_mut(), area, row, line);
        }
        return;
    }
    // The widget draws its own cursor; its styles are the theme's.
    let mut shown = text.clone();
    shown.set_style(palette.style(Role::Text));
    shown.set_cursor_line_style(palette.style(Role::Text));
    shown.set_cursor_style(palette.style(Role::Selection));
    (&shown).render(area, frame.buffer_mut());
}

fn numbers(frame: &mut Frame<'_>, area: Rect, form: &SettingsForm, palette: &Palette) {
    let buffer = frame.buffer_mut();
    let width = usize::from(area.width);
    for (row, (field, text)) in Field::ALL.into_iter().zip(&form.texts).enumerate() {
        let is_open = row == form.at;
        let style = palette.style(if is_open { Role::Selection } else { Role::Text });
        put(
            buffer,
            area,
            row,
            &Line::from(vec![
                Span::styled(if is_open { palette.sign("▸ ", "> ") } else { "  " }, palette.style(Role::Accent)),
                Span::styled(format!("{:<13}", field.label()), palette.style(Role::Heading)),
                Span::styled(pad_to(text, cells(text).clamp(8, 22)), style),
                Span::styled(format!("  {}", field.help()), palette.style(Role::Secondary)),
            ]),
        );
    }
    let below = inset(area, 0, u16::try_from(Field::ALL.len() + 1).unwrap_or(0), 0, 0);
    let error = form.error.as_deref().map_or_else(Vec::new, |error| wrapped(error, width, palette.style(Role::Bad)));
    for (row, line) in error.iter().enumerate() {
        put(buffer, below, row, line);
    }
    let x = 15 + form.texts.get(form.at).map_or(0, |text| cells(text));
    let (x, y) = (u16::try_from(x).unwrap_or(0), u16::try_from(form.at).unwrap_or(0));
    frame.set_cursor_position((
        area.x + x.min(area.width.saturating_sub(1)),
        area.y + y.min(area.height.saturating_sub(1)),
    ));
}

fn page(buffer: &mut Buffer, area: Rect, reader: &Reader, palette: &Palette) -> ColumnLayout {
    let Some(page) = reader.page() else { return ColumnLayout::default() };
    let width = usize::from(area.width);
    let number =
        if reader.pages.len() > 1 { format!("{} of {}", reader.open + 1, reader.pages.len()) } else { String::new() };
    let room = width.saturating_sub(cells(&number) + 1);
    put(
        buffer,
        area,
        0,
        &Line::from(vec![
            Span::styled(pad_to(SafeText::line(&page.title).as_str(), room), palette.style(Role::Heading)),
            Span::styled(format!(" {number}"), palette.style(Role::Secondary)),
        ]),
    );
    let text = inset(area, 0, 1, 0, 0);
    let lines = content(&page.content, width, palette);
    let layout = ColumnLayout { rows: usize::from(text.height), lines: lines.len() };
    let top = reader.top.min(layout.last_top());
    for (row, line) in lines.iter().skip(top).take(layout.rows).enumerate() {
        put(buffer, text, row, line);
    }
    layout
}

fn content(content: &Content, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    match content {
        Content::Verbatim(text) => {
            let style = palette.style(Role::Text);
            cut(text.as_str(), width).into_iter().map(|line| Line::from(Span::styled(line, style))).collect()
        }
        Content::Tokens(said) => tokens::lines(said, width, palette),
        Content::Keys(parts) => {
            let mut lines = Vec::new();
            for (title, keys) in parts {
                if !lines.is_empty() {
                    lines.push(Line::default());
                }
                lines.push(plain(title, palette.style(Role::Heading)));
                for (key, help) in keys {
                    lines.extend(key_lines(key, help, width, palette));
                }
            }
            lines
        }
    }
}

/// Keys, and beside them what they do.
fn key_lines(key: &str, help: &str, width: usize, palette: &Palette) -> Vec<Line<'static>> {
    let column = KEY_CELLS.min(width / 2);
    let help = wrap(help, width.saturating_sub(column));
    let rows = help.into_iter().enumerate().map(|(row, line)| {
        let key = pad_to(if row == 0 { key } else { "" }, column.saturating_sub(1));
        Line::from(vec![
            Span::styled(format!("{key} "), palette.style(Role::Key)),
            Span::styled(line, palette.style(Role::Text)),
        ])
    });
    rows.collect()
}

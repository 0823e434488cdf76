//! What lies over the panes. One at a time.

use super::{Editor, Picker, PickerKind, Reader, SettingsForm};
use crate::app::action::Place;

/// What lies over the panes.
#[derive(Debug)]
pub enum Overlay {
    /// A list to choose from.
    Picker(Picker),
    /// A form with texts.
    Editor(Box<Editor>),
    /// The numbers of a run.
    Settings(SettingsForm),
    /// Something to read.
    Reader(Reader),
}

impl Overlay {
    /// Where keys go.
    pub fn place(&self) -> Place {
        match self {
            Self::Picker(picker) if picker.kind.is_multi() => Place::MultiPicker,
            Self::Picker(_) => Place::Picker,
            Self::Editor(_) => Place::Editor,
            Self::Settings(_) => Place::Settings,
            Self::Reader(_) => Place::Reader,
        }
    }

    /// The list of this kind, if it is open.
    pub fn picker(&mut self, kind: PickerKind) -> Option<&mut Picker> {
        match self {
            Self::Picker(picker) if picker.kind == kind => Some(picker),
            Self::Picker(_) | Self::Editor(_) | Self::Settings(_) | Self::Reader(_) => None,
        }
    }
}

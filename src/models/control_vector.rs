//! Control vectors: GGUF files with one direction for each of some layers, as llama.cpp, repeng and Saklas exchange them.
//!
//! The architecture is `controlvector`; each tensor `direction.N`, of one dimension, is added to `l_out-N`, the output of
//! block N counted from 0, by llama.cpp (`build_cvec` after the block's last sum) and here. llama.cpp keeps no slot for block 0
//! and refuses `direction.0`, so that nothing is written for it. Which block a vector was *read* from is another matter:
//! llama.cpp's own generator names what it read at `l_out-i` `direction.(i+1)`, repeng and this program `direction.i`. What a file
//! says is applied as it stands, whoever wrote it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::gguf::{self, GgufError, Header, Item, TensorInfo, Value, Writer};
use super::size::size;
use crate::config::Paths;
use crate::domain::{DirectionVectors, Persona};

mod told;

pub use told::{Told, ToldLayer};

/// The architecture that such files name.
const ARCHITECTURE: &str = "controlvector";
const HINT: &str = "controlvector.model_hint";
const COUNT: &str = "controlvector.layer_count";
/// Bytes of a file: a model of 200 layers of 20,000 dimensions needs 16 MB.
const MOST_BYTES: u64 = 256 << 20;
/// Layers, as the engine counts them; the largest published models have some hundreds.
const MOST_LAYERS: u64 = 4096;
/// Numbers of a layer.
const MOST_WIDTH: u64 = 1 << 20;
const F32: u32 = 0;
const F16: u32 = 1;

/// Why a file is no control vector that can be used. Each reads as one sentence with the next step.
#[derive(Debug, thiserror::Error)]
pub enum ControlVectorError {
    /// Nothing is called so.
    #[error("there is no control vector {}; name a file, or one of {}", asked.display(), folder.display())]
    NotFound {
        /// As it was asked for.
        asked: PathBuf,
        /// Where directions are kept.
        folder: PathBuf,
    },
    /// It is no whole GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// It is GGUF and holds something else.
    #[error("{} is no control vector: {what}; `parallax directions derive` makes one", path.display())]
    Other {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// It cannot be used as it is.
    #[error("the control vector {} cannot be used: {why}; make or fetch it again", path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Made for another model.
    #[error("the control vector {} does not fit the model: {why}; use the model it was made on", path.display())]
    Misfit {
        /// The path.
        path: PathBuf,
        /// In which way.
        why: String,
    },
    /// The system refuses to read or write it.
    #[error("{} cannot be {what} ({source}); check the folder and its permissions", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A direction with what its file says about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControlVector {
    /// By the layer whose output it moves, counted from 0.
    pub vectors: DirectionVectors,
    /// How it was made, where its maker told.
    pub told: Told,
    /// What has to be known to use it.
    pub notes: Vec<String>,
}

/// A layer's Euclidean length.
pub fn norm(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

impl ControlVector {
    /// Reads the file at `path`. What it claims is checked before anything is kept.
    pub fn read(path: &Path) -> Result<Self, ControlVectorError> {
        let (header, bytes) = gguf::open(path)?;
        let unusable = |why: String| ControlVectorError::Unusable { path: path.to_owned(), why };
        match header.metadata.get("general.architecture").and_then(Value::as_text) {
            Some(ARCHITECTURE) => {}
            Some(other) => {
                let what = format!("its architecture is `{}`", other.chars().take(40).collect::<String>());
                return Err(ControlVectorError::Other { path: path.to_owned(), what });
            }
            None => {
                let what = "it names no architecture".to_owned();
                return Err(ControlVectorError::Other { path: path.to_owned(), what });
            }
        }
        if bytes > MOST_BYTES {
            return Err(unusable(format!("it has {}, more than {}", size(bytes), size(MOST_BYTES))));
        }
        let mut file = File::open(path).map_err(|source| io_error(path, "read", source))?;
        let mut found = Self {
            vectors: DirectionVectors {
                layers: BTreeMap::new(),
                model: header.metadata.get(HINT).and_then(Value::as_text).map(str::to_owned),
            },
            told: Told::read(&header),
            notes: Vec::new(),
        };
        let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
        let mut width = None;
        for tensor in &header.tensors {
            let layer = layer_of(tensor).map_err(unusable)?;
            if let Some(other) = seen.insert(layer, &tensor.name) {
                return Err(unusable(format!("layer {layer} stands twice, as {other} and {}", tensor.name)));
            }
            let elements = elements_of(tensor).map_err(unusable)?;
            if *width.get_or_insert(elements) != elements {
                let first = width.unwrap_or(elements);
                return Err(unusable(format!("{} has {elements} numbers and others have {first}", tensor.name)));
            }
            let values =
                values_of(&mut file, &header, tensor, elements).map_err(|source| io_error(path, "read", source))?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(unusable(format!("number {at} of {} is not finite", tensor.name)));
            }
            if values.iter().all(|value| *value == 0.0) {
                found.notes.push(format!("{} is all zeros and left out", tensor.name));
                continue;
            }
            found.vectors.layers.insert(layer, values);
        }
        if seen.is_empty() {
            return Err(unusable("it has no tensor `direction.N`".to_owned()));
        }
        if found.vectors.layers.is_empty() {
            return Err(unusable("it holds only zeros".to_owned()));
        }
        let count = header.metadata.get(COUNT).and_then(Value::as_u64);
        if let Some(count) = count.filter(|count| *count != seen.len() as u64) {
            found.notes.push(format!("it says that it has {count} layers and has {}", seen.len()));
        }
        Ok(found)
    }

    /// The file, and a note on what could not be put into it. `None` where block 0 is all there is.
    pub fn write(&self) -> Option<(Vec<u8>, Option<String>)> {
        let layers: Vec<(&u32, &Vec<f32>)> = self.vectors.layers.iter().filter(|(layer, _)| **layer > 0).collect();
        if layers.is_empty() {
            return None;
        }
        let count = u32::try_from(layers.len()).unwrap_or(u32::MAX);
        let mut writer = Writer::new()
            .with("general.architecture", Item::text(ARCHITECTURE))
            .with(HINT, Item::text(self.vectors.model.as_deref().unwrap_or("unknown")))
            .with(COUNT, Item::U32(count));
        for (key, item) in self.told.items() {
            writer = writer.with(&key, item);
        }
        for (layer, values) in layers {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            writer = writer.tensor(&format!("direction.{layer}"), &[values.len() as u64], F32, bytes);
        }
        let dropped = self.vectors.layers.contains_key(&0);
        let note = "layer 0 is left out of the file, for llama.cpp has no place for it";
        Some((writer.finish(), dropped.then(|| note.to_owned())))
    }

    /// Writes it to `path`, and gives the note of [`ControlVector::write`].
    pub fn save(&self, path: &Path) -> Result<Option<String>, ControlVectorError> {
        let Some((bytes, note)) = self.write() else {
            let why = "it has no layer above 0, and llama.cpp has no place for another".to_owned();
            return Err(ControlVectorError::Unusable { path: path.to_owned(), why });
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|source| io_error(path, "written", source))?;
        }
        // Beside it first: an older file is whole until the new one is.
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let written = std::fs::write(&part, &bytes).and_then(|()| std::fs::rename(&part, path));
        written.map_err(|source| io_error(path, "written", source))?;
        Ok(note)
    }

    /// What is left of it for a model of `layers` layers of `width` dimensions, with a note where something is not; `path` is
    /// for the message.
    pub fn fitted(mut self, path: &Path, layers: u32, width: u32) -> Result<Self, ControlVectorError> {
        let misfit = |why| ControlVectorError::Misfit { path: path.to_owned(), why };
        self.notes.extend(self.vectors.fit(layers, width).map_err(misfit)?);
        Ok(self)
    }
}

/// Where the control vector that a person calls `asked` lies: at that path, or in the folder of directions, with or without
/// its ending.
pub fn locate(asked: &Path, paths: &Paths) -> Result<PathBuf, ControlVectorError> {
    let folder = paths.directions();
    let mut with_ending = asked.as_os_str().to_owned();
    with_ending.push(".gguf");
    let places = [asked.to_owned(), folder.join(asked), folder.join(with_ending)];
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| ControlVectorError::NotFound { asked: asked.to_owned(), folder })
}

/// Reads the direction of every one of `personas` that has one and was not read yet.
pub fn read_for<'a>(personas: impl IntoIterator<Item = &'a mut Persona>, paths: &Paths) {
    for direction in personas.into_iter().filter_map(|persona| persona.direction.as_mut()) {
        direction.read.get_or_insert_with(|| {
            let vector = locate(&direction.file, paths).and_then(|path| ControlVector::read(&path));
            vector.map(|vector| Arc::new(vector.vectors)).map_err(|error| error.to_string())
        });
    }
}

fn io_error(path: &Path, what: &'static str, source: io::Error) -> ControlVectorError {
    ControlVectorError::Io { path: path.to_owned(), what, source }
}

/// The layer that a tensor's name says it is for.
fn layer_of(tensor: &TensorInfo) -> Result<u32, String> {
    let number = tensor.name.strip_prefix("direction.").filter(|number| number.len() <= 20);
    let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    match number.map(str::parse::<u64>) {
        Some(Ok(0)) => Err("it has a direction for layer 0, and llama.cpp has no place for it".to_owned()),
        Some(Ok(layer)) if layer < MOST_LAYERS => u32::try_from(layer).map_err(|error| error.to_string()),
        Some(Ok(_)) => Err(format!("{} is beyond {MOST_LAYERS} layers", tensor.name)),
        Some(Err(_)) | None => {
            let name: String = tensor.name.chars().take(60).collect();
            Err(format!("its tensor `{name}` is not called `direction.N`"))
        }
    }
}

/// How many numbers a tensor has.
fn elements_of(tensor: &TensorInfo) -> Result<u64, String> {
    if tensor.kind != F32 && tensor.kind != F16 {
        let kind = gguf::tensor_type(tensor.kind).map_or_else(|| tensor.kind.to_string(), |kind| kind.name.to_owned());
        return Err(format!("{} is of type {kind}, and f32 and f16 are read", tensor.name));
    }
    match tensor.dims[..] {
        [width] if (1..=MOST_WIDTH).contains(&width) => Ok(width),
        [width] => Err(format!("{} has {width} numbers, and 1 to {MOST_WIDTH} may be", tensor.name)),
        _ => Err(format!("{} has {} dimensions instead of one", tensor.name, tensor.dims.len())),
    }
}

fn values_of(file: &mut File, header: &Header, tensor: &TensorInfo, elements: u64) -> io::Result<Vec<f32>> {
    file.seek(SeekFrom::Start(header.data_offset.saturating_add(tensor.offset)))?;
    let bytes = if tensor.kind == F16 { 2 } else { 4 } * elements;
    let mut data = Vec::new();
    // The length was checked against the file's: no more than is there is reserved.
    file.take(bytes).read_to_end(&mut data)?;
    if data.len() as u64 != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match tensor.kind {
        F16 => data.chunks_exact(2).map(|pair| half(u16::from_le_bytes([pair[0], pair[1]]))).collect(),
        _ => data.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect(),
    })
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2.0f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2.0f32.powi(exponent - 15),
    }
}

#[cfg(test)]
#[path = "control_vector_tests.rs"]
mod tests;

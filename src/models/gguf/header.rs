//! Reads the header of a GGUF file, version 2 or 3, little endian: metadata and tensor descriptions, never the weights.
//!
//! Every count and length in the file is a claim. Nothing is reserved by a claim alone, every loop consumes bytes of
//! the file, and what is kept in memory is limited: arrays keep their length and their first numbers only.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::types::tensor_type;

/// Bytes a header may have. A vocabulary of 262,144 tokens with its merges needs about 15 MiB.
const MAX_HEADER: u64 = 256 << 20;
/// Metadata entries; real files have fewer than 100.
const MAX_METADATA: u64 = 65_536;
/// Tensors; the largest published models have a few thousand.
const MAX_TENSORS: u64 = 262_144;
/// Bytes of a key or a tensor name.
const MAX_NAME: u64 = 1024;
/// Bytes of one text value that is kept (a chat template has a few thousand).
const MAX_TEXT: u64 = 4 << 20;
/// Bytes of all text values together.
const MAX_TEXTS: u64 = 32 << 20;
/// Elements of an array; the largest vocabularies have some 262,144.
const MAX_ARRAY: u64 = 1 << 28;
/// Arrays inside arrays.
const MAX_NESTING: u32 = 4;
/// Numbers kept of an array: enough for one per layer.
const KEPT_NUMBERS: usize = 1024;
/// Dimensions of a tensor in ggml.
const MAX_DIMENSIONS: u32 = 4;
/// The alignment of the weights unless the file says otherwise. With less, ggml ends the process when it maps the file.
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 20;

/// What is wrong inside a file that should be GGUF.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Reading failed.
    #[error("reading it failed: {0}")]
    Io(io::Error),
    /// The first four bytes are not `GGUF`; they are kept for the message.
    #[error("it does not begin with the letters GGUF")]
    Magic([u8; 4]),
    /// The version number is byte-swapped.
    #[error("it is in big-endian byte order")]
    BigEndian,
    /// A version that is neither 2 nor 3.
    #[error("its version is {0}")]
    Version(u32),
    /// The file ends inside its header.
    #[error("it ends inside its header, at {at}")]
    Cut {
        /// What was being read.
        at: &'static str,
    },
    /// A count or length beyond the limits of this reader or of the file itself.
    #[error("it claims {value} for {what}, more than the {limit} that are possible")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The claim.
        value: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// A value type number that the format does not have.
    #[error("the value type {0} does not exist")]
    ValueType(u32),
    /// A key that appears twice.
    #[error("the key {0} appears twice")]
    DuplicateKey(String),
    /// A tensor whose row is no whole number of blocks, whose size overflows, or which is not aligned.
    #[error("the description of its tensor {0} makes no sense")]
    Tensor(String),
    /// An alignment that is no power of two, below 32, or huge.
    #[error("its alignment {0} makes no sense: weights begin at multiples of 32 bytes or of a larger power of two")]
    Alignment(u64),
    /// A key every model has is missing.
    #[error("it has no {0}")]
    MissingKey(&'static str),
    /// The header and the file name disagree about the parts of a split model.
    #[error("its header says part {no} of {count}, its name does not")]
    Split {
        /// Number of this part, from 1.
        no: u64,
        /// Number of parts.
        count: u64,
    },
}

/// A metadata value. Whole numbers are widened; arrays are summarised.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any unsigned whole number.
    Unsigned(u64),
    /// Any signed whole number.
    Signed(i64),
    /// A float of single precision.
    Float(f64),
    /// A float of double precision.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Text; what is not UTF-8 is replaced.
    Text(String),
    /// An array: its length and, if it holds numbers, the first of them.
    Array {
        /// Elements in the file.
        len: u64,
        /// At most the first 1,024 numbers; empty for arrays of texts or arrays.
        head: Vec<Value>,
    },
}

impl Value {
    /// The value as a count: a whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The value as text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The description of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Elements per dimension, the fastest first.
    pub dims: Vec<u64>,
    /// The number of its ggml type.
    pub kind: u32,
    /// Where its bytes begin, counted from the start of the weights.
    pub offset: u64,
    /// All its elements.
    pub elements: u64,
    /// All its bytes; `None` when the type is unknown here.
    pub bytes: Option<u64>,
}

/// Everything before the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// By key.
    pub metadata: BTreeMap<String, Value>,
    /// In the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// Where the weights begin.
    pub data_offset: u64,
}

impl Header {
    /// The bytes the file must have so that every tensor of known type is whole.
    pub fn needed_bytes(&self) -> u64 {
        let ends = self.tensors.iter().filter_map(|tensor| Some(tensor.offset.saturating_add(tensor.bytes?)));
        self.data_offset.saturating_add(ends.max().unwrap_or(0))
    }
}

/// Reads the header from the start of a file of `length` bytes.
pub fn read_header(input: impl BufRead, length: u64) -> Result<Header, Damage> {
    let mut reader = Reader { input, at: 0, end: length.min(MAX_HEADER), length, texts: 0 };
    let magic: [u8; 4] = reader.array("its first bytes")?;
    if &magic != b"GGUF" {
        return Err(Damage::Magic(magic));
    }
    let version = reader.u32("its version")?;
    match version {
        2 | 3 => {}
        // A big-endian file holds 2 or 3 in the high byte.
        _ if matches!(version.swap_bytes(), 1..=3) => return Err(Damage::BigEndian),
        _ => return Err(Damage::Version(version)),
    }
    let tensor_count = reader.u64("its counts")?;
    let metadata_count = reader.u64("its counts")?;
    // The shortest entries: an empty key with one byte of value; an unnamed tensor without dimensions.
    reader.claim("tensors", tensor_count, 24, MAX_TENSORS)?;
    reader.claim("metadata entries", metadata_count, 13, MAX_METADATA)?;

    let mut metadata = BTreeMap::new();
    for _ in 0..metadata_count {
        let key = reader.name("a metadata key")?;
        let kind = reader.u32("a metadata type")?;
        let value = reader.value(kind)?;
        if metadata.contains_key(&key) {
            return Err(Damage::DuplicateKey(key));
        }
        metadata.insert(key, value);
    }
    let alignment = metadata.get("general.alignment").map_or(Some(DEFAULT_ALIGNMENT), Value::as_u64).unwrap_or(0);
    if !alignment.is_power_of_two() || !(DEFAULT_ALIGNMENT..=MAX_ALIGNMENT).contains(&alignment) {
        return Err(Damage::Alignment(alignment));
    }
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(reader.tensor(alignment)?);
    }
    let data_offset = reader.at.next_multiple_of(alignment);
    Ok(Header { version, metadata, tensors, data_offset })
}

struct Reader<R> {
    input: R,
    at: u64,
    /// Where reading ends: the end of the file, or of what a header may have.
    end: u64,
    length: u64,
    texts: u64,
}

impl<R: BufRead> Reader<R> {
    fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Refuses a count that is beyond `most`, or that cannot fit into the rest of the file at `least` bytes each.
    fn claim(&self, what: &'static str, value: u64, least: u64, most: u64) -> Result<(), Damage> {
        if value > most {
            return Err(Damage::Limit { what, value, limit: most });
        }
        if value > self.remaining() / least { Err(self.cut(what)) } else { Ok(()) }
    }

    /// Nothing more to read: the file ends here, or the header is longer than any header may be.
    fn cut(&self, at: &'static str) -> Damage {
        if self.end < self.length {
            return Damage::Limit { what: "bytes of header", value: self.length, limit: MAX_HEADER };
        }
        Damage::Cut { at }
    }

    fn bytes(&mut self, into: &mut [u8], at: &'static str) -> Result<(), Damage> {
        if self.remaining() < into.len() as u64 {
            return Err(self.cut(at));
        }
        self.input.read_exact(into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage::Cut { at },
            _ => Damage::Io(error),
        })?;
        self.at += into.len() as u64;
        Ok(())
    }

    fn skip(&mut self, mut count: u64, at: &'static str) -> Result<(), Damage> {
        if self.remaining() < count {
            return Err(self.cut(at));
        }
        self.at += count;
        while count > 0 {
            let there = self.input.fill_buf().map_err(Damage::Io)?.len();
            if there == 0 {
                return Err(Damage::Cut { at });
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(there);
            self.input.consume(step);
            count -= step as u64;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self, at: &'static str) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.bytes(&mut bytes, at)?;
        Ok(bytes)
    }

    fn u32(&mut self, at: &'static str) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }

    fn u64(&mut self, at: &'static str) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.array(at)?))
    }

    fn text(&mut self, at: &'static str, most: u64) -> Result<String, Damage> {
        let length = self.u64(at)?;
        self.claim(at, length, 1, most)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Damage::Cut { at })?];
        self.bytes(&mut bytes, at)?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn name(&mut self, at: &'static str) -> Result<String, Damage> {
        self.text(at, MAX_NAME)
    }

    fn value(&mut self, kind: u32) -> Result<Value, Damage> {
        const AT: &str = "a metadata value";
        match kind {
            8 => {
                let text = self.text("the bytes of a metadata text", MAX_TEXT.min(MAX_TEXTS - self.texts))?;
                self.texts += text.len().min(usize::try_from(MAX_TEXTS - self.texts).unwrap_or(usize::MAX)) as u64;
                Ok(Value::Text(text))
            }
            9 => self.array_value(0),
            _ => {
                let width = number_width(kind).ok_or(Damage::ValueType(kind))?;
                let mut bytes = [0; 8];
                self.bytes(&mut bytes[..width], AT)?;
                Ok(number(kind, bytes))
            }
        }
    }

    fn array_value(&mut self, depth: u32) -> Result<Value, Damage> {
        const AT: &str = "the elements of a metadata array";
        if depth >= MAX_NESTING {
            return Err(Damage::Limit {
                what: "arrays inside arrays",
                value: u64::from(depth) + 1,
                limit: u64::from(MAX_NESTING),
            });
        }
        let kind = self.u32(AT)?;
        let len = self.u64(AT)?;
        let mut head = Vec::new();
        match kind {
            8 => {
                self.claim(AT, len, 8, MAX_ARRAY)?;
                for _ in 0..len {
                    let length = self.u64(AT)?;
                    self.skip(length, AT)?;
                }
            }
            9 => {
                self.claim(AT, len, 12, MAX_ARRAY)?;
                for _ in 0..len {
                    self.array_value(depth + 1)?;
                }
            }
            _ => {
                let width = number_width(kind).ok_or(Damage::ValueType(kind))?;
                self.claim(AT, len, width as u64, MAX_ARRAY)?;
                let kept = usize::try_from(len).unwrap_or(usize::MAX).min(KEPT_NUMBERS);
                for _ in 0..kept {
                    let mut bytes = [0; 8];
                    self.bytes(&mut bytes[..width], AT)?;
                    head.push(number(kind, bytes));
                }
                self.skip((len - kept as u64) * width as u64, AT)?;
            }
        }
        Ok(Value::Array { len, head })
    }

    fn tensor(&mut self, alignment: u64) -> Result<TensorInfo, Damage> {
        const AT: &str = "a tensor description";
        let name = self.name("a tensor name")?;
        let count = self.u32(AT)?;
        if count > MAX_DIMENSIONS {
            return Err(Damage::Limit {
                what: "dimensions of a tensor",
                value: u64::from(count),
                limit: u64::from(MAX_DIMENSIONS),
            });
        }
        let mut dims = Vec::new();
        for _ in 0..count {
            dims.push(self.u64(AT)?);
        }
        let kind = self.u32(AT)?;
        let offset = self.u64(AT)?;
        let Some(elements) = dims.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim)) else {
            return Err(Damage::Tensor(name));
        };
        let mut bytes = None;
        if let Some(layout) = tensor_type(kind) {
            let row = dims.first().copied().unwrap_or(1);
            match (elements / layout.block).checked_mul(layout.bytes) {
                Some(size) if row.is_multiple_of(layout.block) => bytes = Some(size),
                _ => return Err(Damage::Tensor(name)),
            }
        }
        if !offset.is_multiple_of(alignment) {
            return Err(Damage::Tensor(name));
        }
        Ok(TensorInfo { name, dims, kind, offset, elements, bytes })
    }
}

/// Bytes of a number of this value type; `None` for texts, arrays and unknown types.
fn number_width(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// The number of this type at the start of `bytes`, whose unused high bytes are zero.
fn number(kind: u32, bytes: [u8; 8]) -> Value {
    let raw = u64::from_le_bytes(bytes);
    let [a, b, c, d, ..] = bytes;
    match kind {
        1 => Value::Signed(i64::from(i8::from_le_bytes([a]))),
        3 => Value::Signed(i64::from(i16::from_le_bytes([a, b]))),
        5 => Value::Signed(i64::from(i32::from_le_bytes([a, b, c, d]))),
        6 => Value::Float(f64::from(f32::from_le_bytes([a, b, c, d]))),
        7 => Value::Bool(raw != 0),
        11 => Value::Signed(i64::from_le_bytes(bytes)),
        12 => Value::Double(f64::from_le_bytes(bytes)),
        _ => Value::Unsigned(raw),
    }
}

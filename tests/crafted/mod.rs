//! Model files that lie: a whole GGUF header taken apart, one thing of it changed, and put together again.

use parallax::measure::SplitMix64;

/// How many there are.
pub const COUNT: u64 = 500;

/// A header in parts.
#[derive(Debug, Clone)]
pub struct Crafted {
    version: u32,
    tensor_count: Option<u64>,
    metadata_count: Option<u64>,
    metadata: Vec<Entry>,
    tensors: Vec<Tensor>,
    /// Behind the header.
    data: u64,
    cut: Option<u64>,
    /// Bytes that are turned over, by place.
    flips: Vec<(u64, u8)>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Vec<u8>,
    key_length: Option<u64>,
    kind: u32,
    value: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Tensor {
    name: Vec<u8>,
    dims: Vec<u64>,
    dim_count: Option<u32>,
    kind: u32,
    offset: u64,
}

fn number(bytes: &[u8], at: &mut usize, width: usize) -> u64 {
    let mut whole = [0; 8];
    whole[..width].copy_from_slice(&bytes[*at..*at + width]);
    *at += width;
    u64::from_le_bytes(whole)
}

fn text(bytes: &[u8], at: &mut usize) -> Vec<u8> {
    let length = usize::try_from(number(bytes, at, 8)).unwrap();
    *at += length;
    bytes[*at - length..*at].to_vec()
}

fn width(kind: u32) -> usize {
    [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][kind as usize]
}

fn skip(bytes: &[u8], at: &mut usize, kind: u32) {
    match kind {
        8 => drop(text(bytes, at)),
        9 => {
            let (of, count) = (u32::try_from(number(bytes, at, 4)).unwrap(), number(bytes, at, 8));
            (0..count).for_each(|_| skip(bytes, at, of));
        }
        kind => *at += width(kind),
    }
}

fn told(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

impl Crafted {
    /// The header at the start of `bytes`, a file that is whole; `data` bytes follow it.
    pub fn of(bytes: &[u8], data: u64) -> Self {
        let mut at = 8;
        let (tensors, entries) = (number(bytes, &mut at, 8), number(bytes, &mut at, 8));
        let metadata = (0..entries).map(|_| {
            let key = text(bytes, &mut at);
            let kind = u32::try_from(number(bytes, &mut at, 4)).unwrap();
            let from = at;
            skip(bytes, &mut at, kind);
            Entry { key, key_length: None, kind, value: bytes[from..at].to_vec() }
        });
        let metadata = metadata.collect();
        let tensors = (0..tensors).map(|_| {
            let name = text(bytes, &mut at);
            let dims = number(bytes, &mut at, 4);
            let dims = (0..dims).map(|_| number(bytes, &mut at, 8)).collect();
            let kind = u32::try_from(number(bytes, &mut at, 4)).unwrap();
            Tensor { name, dims, dim_count: None, kind, offset: number(bytes, &mut at, 8) }
        });
        let tensors = tensors.collect();
        Self {
            version: 3,
            tensor_count: None,
            metadata_count: None,
            metadata,
            tensors,
            data,
            cut: None,
            flips: Vec::new(),
        }
    }

    /// The header, and how long the whole file is said to be; what is behind the header is zeros.
    pub fn bytes(&self) -> (Vec<u8>, u64) {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.metadata_count.unwrap_or(self.metadata.len() as u64).to_le_bytes());
        for entry in &self.metadata {
            out.extend(entry.key_length.unwrap_or(entry.key.len() as u64).to_le_bytes());
            out.extend(&entry.key);
            out.extend(entry.kind.to_le_bytes());
            out.extend(&entry.value);
        }
        for tensor in &self.tensors {
            out.extend(told(&tensor.name));
            out.extend(tensor.dim_count.unwrap_or(tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        for (place, flip) in &self.flips {
            let at = usize::try_from(place % out.len() as u64).unwrap();
            out[at] ^= flip;
        }
        let mut length = out.len() as u64 + self.data;
        if let Some(cut) = self.cut {
            length = cut % length.max(1) + 1;
            out.truncate(usize::try_from(length).unwrap());
        }
        (out, length)
    }

    /// Writes it to `path`.
    pub fn write(&self, path: &std::path::Path) {
        let (bytes, length) = self.bytes();
        std::fs::write(path, bytes).unwrap();
        // A hole: nothing of it lies on the disk.
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
    }

    fn set(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        match self.metadata.iter_mut().find(|entry| entry.key == key.as_bytes()) {
            Some(entry) => (entry.kind, entry.value) = (kind, value),
            None => self.metadata.push(Entry { key: key.into(), key_length: None, kind, value }),
        }
    }

    fn set_text(&mut self, key: &str, text: &[u8]) {
        self.set(key, 8, told(text));
    }

    fn architecture(&self) -> String {
        let own = self.metadata.iter().find(|entry| entry.key == b"general.architecture");
        own.map_or_else(String::new, |entry| String::from_utf8_lossy(&entry.value[8..]).into_owned())
    }
}

/// A choice that a number decides.
struct Chance(SplitMix64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.0.next_u64() % count.max(1) as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn size(&mut self) -> u64 {
        let near = self.0.next_u64() % 5;
        let place = self.0.next_u64() % 64;
        self.of(&[
            0,
            1,
            near,
            u64::MAX,
            u64::MAX - 7,
            1 << 63,
            1 << 62,
            1 << 32,
            u64::from(u32::MAX),
            65_536,
            1 << place,
        ])
    }
}

type Lie = fn(&mut Crafted, &mut Chance);

/// What they lie about, with a name for the report.
const LIES: [(&str, Lie); 20] = [
    ("counts", |file, chance| match chance.below(3) {
        0 => file.tensor_count = Some(chance.size()),
        1 => file.metadata_count = Some(chance.size()),
        _ => (file.tensor_count, file.metadata_count) = (Some(chance.size()), Some(chance.size())),
    }),
    ("length of a key", |file, chance| {
        let at = chance.below(file.metadata.len());
        file.metadata[at].key_length = Some(chance.size());
    }),
    ("length of a text", |file, chance| {
        let texts: Vec<usize> = (0..file.metadata.len()).filter(|at| file.metadata[*at].kind == 8).collect();
        let size = chance.size().to_le_bytes();
        file.metadata[chance.of(&texts)].value[..8].copy_from_slice(&size);
    }),
    ("length of an array", |file, chance| {
        let arrays: Vec<usize> = (0..file.metadata.len()).filter(|at| file.metadata[*at].kind == 9).collect();
        let size = chance.size().to_le_bytes();
        file.metadata[chance.of(&arrays)].value[4..12].copy_from_slice(&size);
    }),
    ("type of a value", |file, chance| {
        let at = chance.below(file.metadata.len());
        file.metadata[at].kind = chance.of(&[0, 4, 6, 7, 8, 9, 10, 13, 14, 255, 1 << 16, u32::MAX]);
    }),
    ("type of an array's elements", |file, chance| {
        let arrays: Vec<usize> = (0..file.metadata.len()).filter(|at| file.metadata[*at].kind == 9).collect();
        let kind: u32 = chance.of(&[0, 7, 8, 9, 12, 13, 99, u32::MAX]);
        file.metadata[chance.of(&arrays)].value[..4].copy_from_slice(&kind.to_le_bytes());
    }),
    ("alignment", |file, chance| match chance.below(4) {
        0 => file.set_text("general.alignment", b"32"),
        1 => file.set("general.alignment", 10, chance.size().to_le_bytes().to_vec()),
        2 => file.set("general.alignment", 5, (-32i32).to_le_bytes().to_vec()),
        _ => {
            let alignment: u32 = chance.of(&[0, 1, 3, 8, 24, 64, 4096, 1 << 21, 1 << 31, u32::MAX]);
            file.set("general.alignment", 4, alignment.to_le_bytes().to_vec());
        }
    }),
    ("dimensions of a tensor", |file, chance| {
        let at = chance.below(file.tensors.len());
        let (size, other) = (chance.size(), chance.size());
        match chance.below(4) {
            0 => file.tensors[at].dims = vec![size, other],
            1 => file.tensors[at].dims[0] = size,
            2 => file.tensors[at].dims = vec![1 << 33, 1 << 33, 1, 1],
            _ => file.tensors[at].dim_count = Some(chance.of(&[0, 3, 5, 255, 1 << 20, u32::MAX])),
        }
    }),
    ("place of a tensor", |file, chance| {
        let (at, other) = (chance.below(file.tensors.len()), chance.below(file.tensors.len()));
        file.tensors[at].offset = match chance.below(4) {
            0 => file.tensors[other].offset,
            1 => file.tensors[at].offset + 1,
            2 => u64::MAX - 31,
            _ => chance.size(),
        };
    }),
    ("type of a tensor", |file, chance| {
        let at = chance.below(file.tensors.len());
        file.tensors[at].kind = chance.of(&[0, 1, 2, 4, 5, 8, 12, 14, 16, 24, 31, 38, 43, 999, u32::MAX]);
    }),
    ("a name that stands twice", |file, chance| {
        let (at, other) = (chance.below(file.metadata.len()), chance.below(file.tensors.len()));
        if chance.below(2) == 0 {
            let entry = file.metadata[at].clone();
            file.metadata.push(entry);
        } else {
            let tensor = file.tensors[other].clone();
            file.tensors.push(tensor);
        }
    }),
    ("arrays in arrays", |file, chance| {
        let depth = chance.of(&[1, 4, 5, 100, 20_000, 400_000]);
        let one = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
        let mut value = one.repeat(depth);
        value.extend([&0u32.to_le_bytes()[..], &1u64.to_le_bytes(), &[7]].concat());
        file.set("nested", 9, value);
    }),
    ("long texts and names", |file, chance| match chance.below(4) {
        0 => file.set_text("general.name", &vec![b'n'; 3 << 20]),
        1 => file.set_text("general.name", &vec![b'n'; 5 << 20]),
        2 => file.set_text(&"k".repeat(chance.of(&[1000, 1025, 1 << 20])), b"v"),
        _ => {
            let at = chance.below(file.tensors.len());
            file.tensors[at].name = vec![b't'; chance.of(&[63, 64, 1000, 1025, 1 << 20])];
        }
    }),
    ("the end", |file, chance| file.cut = Some(chance.0.next_u64())),
    ("a template", |file, chance| {
        let deep = "{% if true %}".repeat(10_000);
        let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000));
        let long = "x".repeat(3 << 20);
        file.set_text("tokenizer.chat_template", chance.of(&[
            "{% for a in range(99999) %}{% for b in range(99999) %}{{ messages }}{% endfor %}{% endfor %}",
            "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
            "{% set ns = namespace(x=['ab']) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
            "{% include '/etc/passwd' %}{{ messages }}",
            "{% extends 'http://127.0.0.1/x' %}",
            "{{ 'a' * 99999999999 }}",
            "{{ messages.__class__.__mro__ }}{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            "{{ messages[0].content | replace('', messages[0].content) | replace('', 'xxxxxxxx') }}",
            "{% endfor %}{% raw %}",
            "\u{1b}]0;owned\u{7}\u{202e}{{ raise_exception('\u{1b}[2J') }}",
            deep.as_str(),
            brackets.as_str(),
            long.as_str(),
            "",
        ]).as_bytes());
    }),
    ("parts", |file, chance| {
        let (count, no): (u16, u16) = (chance.of(&[0, 1, 2, 1000, u16::MAX]), chance.of(&[0, 1, 7, u16::MAX]));
        file.set("split.count", 2, count.to_le_bytes().to_vec());
        file.set("split.no", 2, no.to_le_bytes().to_vec());
        file.set("split.tensors.count", 5, chance.of(&[0i32, -1, i32::MAX]).to_le_bytes().to_vec());
    }),
    ("the architecture", |file, chance| {
        let long = "a".repeat(100_000);
        let name = chance.of(&[
            "",
            "controlvector",
            "clip",
            "llama\u{1b}[31m",
            "mamba",
            "t5",
            "gemma3",
            "none",
            long.as_str(),
        ]);
        file.set_text("general.architecture", name.as_bytes());
    }),
    ("shape of the model", |file, chance| {
        let key = chance.of(&[
            "block_count",
            "embedding_length",
            "context_length",
            "attention.head_count",
            "attention.head_count_kv",
            "feed_forward_length",
            "rope.dimension_count",
            "vocab_size",
            "expert_count",
            "attention.key_length",
        ]);
        let key = format!("{}.{key}", file.architecture());
        match chance.below(4) {
            0 => file.set(&key, 10, chance.size().to_le_bytes().to_vec()),
            1 => file.set(&key, 5, (-1i32).to_le_bytes().to_vec()),
            2 => file.set_text(&key, b"many"),
            _ => {
                let size: u32 = chance.of(&[0, 1, 2, 7, 1 << 20, u32::MAX]);
                file.set(&key, 4, size.to_le_bytes().to_vec());
            }
        }
    }),
    ("the vocabulary", |file, chance| match chance.below(5) {
        0 => file.set_text("tokenizer.ggml.model", chance.of(&["", "none", "llama", "bert", "x"]).as_bytes()),
        1 => file.set("tokenizer.ggml.bos_token_id", 4, u32::MAX.to_le_bytes().to_vec()),
        2 => file.set("tokenizer.ggml.eos_token_id", 5, (-5i32).to_le_bytes().to_vec()),
        3 => file.set("tokenizer.ggml.token_type", 9, [&5u32.to_le_bytes()[..], &0u64.to_le_bytes()].concat()),
        _ => {
            let token = chance.of(&["", "\u{1b}[31m", "\u{0}"]);
            let tokens = [&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &told(token.as_bytes())].concat();
            file.set("tokenizer.ggml.tokens", 9, tokens);
        }
    }),
    ("bytes", |file, chance| {
        file.version = chance.of(&[3, 3, 3, 2, 1, 4, 3 << 24, 0]);
        for _ in 0..=chance.below(8) {
            let flip = 1 << chance.below(8);
            file.flips.push((chance.0.next_u64(), flip));
        }
    }),
];

/// File `number` of those made from `whole`, and what it lies about.
pub fn crafted(whole: &Crafted, number: u64) -> (&'static str, Crafted) {
    let mut file = whole.clone();
    let (name, lie) = LIES[usize::try_from(number).unwrap() % LIES.len()];
    lie(&mut file, &mut Chance(SplitMix64::new(number)));
    (name, file)
}

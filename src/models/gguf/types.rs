//! The tensor types and file types of ggml: names and sizes, as the headers `ggml.h` and `llama.h` fix them.

/// One tensor type: `block` elements are stored in `bytes` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorType {
    /// The number in the file.
    pub id: u32,
    /// The usual name, such as `Q4_K`.
    pub name: &'static str,
    /// Elements in one block.
    pub block: u64,
    /// Bytes of one block.
    pub bytes: u64,
}

const fn of(id: u32, name: &'static str, block: u64, bytes: u64) -> TensorType {
    TensorType { id, name, block, bytes }
}

const TENSOR_TYPES: &[TensorType] = &[
    of(0, "F32", 1, 4),
    of(1, "F16", 1, 2),
    of(2, "Q4_0", 32, 18),
    of(3, "Q4_1", 32, 20),
    of(6, "Q5_0", 32, 22),
    of(7, "Q5_1", 32, 24),
    of(8, "Q8_0", 32, 34),
    of(9, "Q8_1", 32, 36),
    of(10, "Q2_K", 256, 84),
    of(11, "Q3_K", 256, 110),
    of(12, "Q4_K", 256, 144),
    of(13, "Q5_K", 256, 176),
    of(14, "Q6_K", 256, 210),
    of(15, "Q8_K", 256, 292),
    of(16, "IQ2_XXS", 256, 66),
    of(17, "IQ2_XS", 256, 74),
    of(18, "IQ3_XXS", 256, 98),
    of(19, "IQ1_S", 256, 50),
    of(20, "IQ4_NL", 32, 18),
    of(21, "IQ3_S", 256, 110),
    of(22, "IQ2_S", 256, 82),
    of(23, "IQ4_XS", 256, 136),
    of(24, "I8", 1, 1),
    of(25, "I16", 1, 2),
    of(26, "I32", 1, 4),
    of(27, "I64", 1, 8),
    of(28, "F64", 1, 8),
    of(29, "IQ1_M", 256, 56),
    of(30, "BF16", 1, 2),
    of(34, "TQ1_0", 256, 54),
    of(35, "TQ2_0", 256, 66),
    of(39, "MXFP4", 32, 17),
    of(40, "NVFP4", 64, 36),
    of(41, "Q1_0", 128, 18),
    of(42, "Q2_0", 64, 18),
];

/// The tensor type with this number; `None` for numbers that are retired or newer than this table.
pub fn tensor_type(id: u32) -> Option<TensorType> {
    TENSOR_TYPES.iter().copied().find(|kind| kind.id == id)
}

/// Set in `general.file_type` when a program guessed it from the tensors.
const GUESSED: u64 = 1024;

/// The name of a `general.file_type`, such as `Q4_K_M`; `None` for numbers that are retired or newer than this table.
pub fn file_type(id: u64) -> Option<&'static str> {
    Some(match id & !GUESSED {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4_MOE",
        39 => "NVFP4",
        40 => "Q1_0",
        41 => "Q2_0",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_sizes_are_sane() {
        for (at, kind) in TENSOR_TYPES.iter().enumerate() {
            assert!(kind.block.is_power_of_two() && kind.bytes > 0, "{kind:?}");
            assert!(TENSOR_TYPES[at + 1..].iter().all(|other| other.id > kind.id), "{kind:?}");
            // No type needs more than eight bytes an element, nor less than one bit.
            assert!(kind.bytes <= 8 * kind.block && kind.bytes * 8 >= kind.block, "{kind:?}");
        }
    }

    #[test]
    fn a_guessed_file_type_has_its_name() {
        assert_eq!(file_type(1024 + 15), Some("Q4_K_M"));
        assert_eq!(file_type(3), Some("Q4_1"));
        assert_eq!(file_type(4), None);
        assert_eq!(tensor_type(4), None);
    }
}

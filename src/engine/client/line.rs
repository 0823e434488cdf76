//! Lines of limited length from a byte stream.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What a stream gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// More bytes than the limit without a line feed.
    TooLong,
    /// The end; bytes after the last line feed are dropped, for a line that was broken off means nothing.
    End,
}

/// Reads one line. `partial` holds what was read so far, so that the call may be dropped and made again.
pub(super) async fn read_line(
    stream: &mut (impl AsyncBufRead + Unpin),
    partial: &mut Vec<u8>,
    limit: usize,
) -> std::io::Result<Line> {
    loop {
        let chunk = stream.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(Line::End);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(chunk.len());
        if partial.len() + taken > limit {
            return Ok(Line::TooLong);
        }
        partial.extend_from_slice(&chunk[..taken]);
        stream.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(Line::Whole(std::mem::take(partial)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(input: &[u8], buffer: usize, limit: usize) -> Vec<Line> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stream = tokio::io::BufReader::with_capacity(buffer, input);
            let (mut partial, mut seen) = (Vec::new(), Vec::new());
            loop {
                let line = read_line(&mut stream, &mut partial, limit).await.unwrap();
                let is_last = !matches!(line, Line::Whole(_));
                seen.push(line);
                if is_last {
                    return seen;
                }
            }
        })
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        for buffer in 1..8 {
            let seen = lines(b"one\n\ntwo\nrest", buffer, 100);
            let whole = |text: &[u8]| Line::Whole(text.to_vec());
            assert_eq!(seen, [whole(b"one"), whole(b""), whole(b"two"), Line::End]);
        }
    }

    #[test]
    fn a_line_over_the_limit_is_told_and_not_kept() {
        assert_eq!(lines(b"12345\n", 2, 4), [Line::TooLong]);
        assert_eq!(lines(b"1234\n", 2, 4), [Line::Whole(b"1234".to_vec()), Line::End]);
    }
}

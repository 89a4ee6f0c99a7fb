//! Compressed streams: whole or refused.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Lines that compress badly, so that a small file has many places to be cut.
fn lines(count: usize, seed: u64) -> Vec<u8> {
    let numbers: Vec<u64> = noise(count * 12, seed).collect();
    let texts = numbers.chunks(12).map(|chunk| {
        let words: Vec<String> = chunk.iter().map(|number| format!("{number:x}")).collect();
        format!("{{\"text\":\"{}\"}}\n", words.join(" "))
    });
    texts.collect::<String>().into_bytes()
}

fn texts(content: &[u8]) -> Vec<Seen> {
    read_as("a.jsonl", content).unwrap().0
}

#[test]
fn all_members_and_frames_are_read() {
    let parts = [lines(30, 1), lines(1, 2), Vec::new(), lines(50, 3)];
    let whole = texts(&parts.concat());
    assert_eq!(whole.len(), 81);
    for (name, compress) in [
        ("a.jsonl.gz", gzip as fn(&[u8]) -> Vec<u8>),
        ("a.jsonl.zst", zstd),
    ] {
        let stored: Vec<u8> = parts.iter().flat_map(|part| compress(part)).collect();
        let (seen, digest) = read_as(name, &stored).unwrap();
        assert_eq!(seen, whole);
        assert_eq!(digest.bytes, stored.len() as u64);
        assert_eq!(digest.blake3_hex, blake3::hash(&stored).to_hex().as_str());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_content_into_members_changes_nothing(cuts in proptest::collection::vec(0_usize..4000, 0..6)) {
        let content = lines(15, 4);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(content.len())).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &content[pair[0]..pair[1]]).collect();
        let expected = texts(&content);
        let gz: Vec<u8> = pieces.iter().flat_map(|piece| gzip(piece)).collect();
        prop_assert_eq!(&read_as("a.jsonl.gz", &gz).unwrap().0, &expected);
        let zst: Vec<u8> = pieces.iter().flat_map(|piece| zstd(piece)).collect();
        prop_assert_eq!(&read_as("a.jsonl.zst", &zst).unwrap().0, &expected);
    }
}

#[test]
fn a_cut_file_is_never_a_success() {
    let parts = [lines(40, 5), lines(40, 6)];
    for (name, compress) in [
        ("a.jsonl.gz", gzip as fn(&[u8]) -> Vec<u8>),
        ("a.jsonl.zst", zstd),
    ] {
        let first = compress(&parts[0]);
        let stored = [first.clone(), compress(&parts[1])].concat();
        // Between two members a file may end: then it is the file of the first member.
        let is_telling = |cut: &usize| {
            cut.is_multiple_of(1024)
                || [0, first.len(), stored.len()]
                    .iter()
                    .any(|edge| edge.abs_diff(*cut) < 40)
        };
        for cut in (1..stored.len())
            .filter(is_telling)
            .filter(|&cut| cut != first.len())
        {
            let error = read_as(name, &stored[..cut]).expect_err("a cut file was read");
            assert_eq!(error.code(), "GM-READ-003", "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn what_stands_behind_the_last_frame_is_an_error() {
    for (name, stored) in [
        ("a.jsonl.gz", gzip(b"{\"text\":\"a\"}")),
        ("a.jsonl.zst", zstd(b"{\"text\":\"a\"}")),
    ] {
        for tail in [&b"garbage that is no frame"[..], &[0; 600]] {
            let error = read_as(name, &[&stored, tail].concat()).expect_err("garbage was read over");
            assert_eq!(error.code(), "GM-READ-004", "{name}: {error}");
        }
    }
    assert_eq!(
        read_as("a.jsonl.gz", b"{\"text\":\"not compressed\"}")
            .unwrap_err()
            .code(),
        "GM-READ-004"
    );
    assert_eq!(
        read_as("a.jsonl.zst", b"{\"text\":\"not compressed\"}")
            .unwrap_err()
            .code(),
        "GM-READ-004"
    );
}

#[test]
fn a_flipped_bit_is_noticed_where_the_stream_has_a_checksum() {
    let content = lines(20, 7);
    let whole = texts(&content);
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&content).unwrap();
    for (name, stored) in [
        ("a.jsonl.gz", gzip(&content)),
        ("a.jsonl.zst", encoder.finish().unwrap()),
    ] {
        for place in noise(150, 8) {
            let bit = (place % (stored.len() as u64 * 8)) as usize;
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok((seen, _)) = read_as(name, &damaged) {
                assert_eq!(
                    seen, whole,
                    "{name} with bit {bit} flipped was read as something else"
                );
            }
        }
    }
}

#[test]
fn a_window_beyond_the_limit_is_refused() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(b"{\"text\":\"a\"}\n").unwrap();
    let error = read_as("a.jsonl.zst", &encoder.finish().unwrap()).unwrap_err();
    assert_eq!(error.code(), "GM-READ-005", "{error}");
}

#[test]
fn finishing_early_digests_the_whole_file() {
    let stored = zstd(&lines(2000, 9));
    let (_folder, path) = file("a.jsonl.zst", &stored);
    let reader = FileReader::open(ReaderConfig::new(path)).unwrap();
    let digest = reader.finish().unwrap();
    assert_eq!((digest.records, digest.bytes), (2000, stored.len() as u64));
    assert_eq!(digest.blake3_hex, blake3::hash(&stored).to_hex().as_str());
}

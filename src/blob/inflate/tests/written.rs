//! Streams that the tests write themselves: blocks of every kind, with codes of every shape.

use proptest::prelude::*;

use super::encoder::{Lens, Op, Writer, apply};
use super::*;

/// Returns the lengths of a complete code with at most one symbol more than there are choices. Each
/// choice replaces a code by two that are one bit longer. No code is longer than 15 bits.
fn whole(choices: &[prop::sample::Index]) -> Vec<u8> {
    let mut lens = vec![0_u8];
    for choice in choices {
        let at = choice.index(lens.len());
        if lens[at] < 15 {
            lens[at] += 1;
            lens.push(lens[at]);
        }
    }
    lens
}

/// Assigns the lengths to some of `count` symbols, always including the last.
fn spread(lens: &[u8], count: usize, places: &[prop::sample::Index]) -> Vec<u8> {
    let mut all = vec![0; count];
    let mut free: Vec<usize> = (0..count - 1).collect();
    for (nth, &len) in lens.iter().enumerate() {
        let place = match (nth, places.get(nth % places.len().max(1))) {
            (0, _) => count - 1,
            (_, Some(place)) if !free.is_empty() => free.swap_remove(place.index(free.len())),
            _ => continue,
        };
        all[place] = len;
    }
    all
}

prop_compose! {
    /// The lengths of a block's codes. The symbol that ends the block always has a code.
    fn lens()(
        litlens in prop::collection::vec(any::<prop::sample::Index>(), 1..285),
        places in prop::collection::vec(any::<prop::sample::Index>(), 300),
        dists in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        count in 1..=30_usize,
    ) -> Lens {
        let all = spread(&whole(&litlens), 286, &places);
        let (end, mut litlens) = (all[285], all);
        // The end of the block always has a code, which the last symbol had before.
        litlens[285] = litlens[256];
        litlens[256] = end;
        let whole = whole(&dists[..dists.len().min(count - 1)]);
        let distances = match whole[..] {
            // A single distance has a code of one bit, or none.
            [0] => spread(&[(count % 2) as u8], count, &places),
            _ => spread(&whole, count, &places),
        };
        Lens { litlens, distances }
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => any::<u8>().prop_map(Op::Literal),
        1 => (3..=258_usize, prop_oneof![1..=40_usize, 1..=32_768_usize])
            .prop_map(|(len, distance)| Op::Copy(len, distance)),
    ]
}

/// Keeps the operations that copy from no earlier than the first byte, after `before` bytes.
fn possible(ops: Vec<Op>, mut before: usize) -> Vec<Op> {
    let keep = |op: &Op| match *op {
        Op::Literal(_) => {
            before += 1;
            true
        }
        Op::Copy(len, distance) => {
            let keep = distance <= before;
            before += if keep { len } else { 0 };
            keep
        }
    };
    ops.into_iter().filter(keep).collect()
}

proptest! {
    /// Blocks with codes of all shapes, and between them blocks with fixed codes, decode to the bytes
    /// that were written, in pieces of any size.
    #[test]
    fn codes_of_every_shape(
        blocks in prop::collection::vec((lens(), prop::collection::vec(op(), 0..400)), 1..4),
        start in prop::collection::vec(any::<u8>(), 0..2000),
        pieces in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let mut writer = Writer::default();
        writer.stored(false, &start);
        let mut expected = start;
        let count = blocks.len();
        for (nth, (lens, ops)) in blocks.into_iter().enumerate() {
            let fixed = possible(ops.clone(), expected.len());
            prop_assert_eq!(&writer.fixed(false, &fixed), &fixed);
            prop_assert_eq!(apply(&fixed, &mut expected), Some(()));
            // Operations without a code are left out, so only then is it known which copies are
            // possible.
            let coded = writer_knows(&lens, ops);
            let ops = possible(coded, expected.len());
            let written = writer.block(nth + 1 == count, &lens, &ops);
            prop_assert_eq!(&written, &ops);
            prop_assert_eq!(apply(&written, &mut expected), Some(()));
        }
        let data = writer.finish();
        let mut pieces = pieces.into_iter().cycle();
        let (out, used) = inflate(&data, || pieces.next().unwrap()).unwrap();
        prop_assert_eq!(used, data.len());
        prop_assert!(out == expected);
        let (out, _) = inflate(&data, || data.len()).unwrap();
        prop_assert!(out == expected);
    }
}

/// Returns the operations that these codes can express.
fn writer_knows(lens: &Lens, ops: Vec<Op>) -> Vec<Op> {
    Writer::default().block(true, lens, &ops)
}

/// Returns a stored block and a block after it, and the bytes that they decode to.
fn after(bytes: Vec<u8>, lens: &Lens, ops: &[Op]) -> (Vec<u8>, Vec<u8>) {
    let mut writer = Writer::default();
    writer.stored(false, &bytes);
    assert_eq!(writer.block(true, lens, ops), ops);
    let mut expected = bytes;
    apply(ops, &mut expected).unwrap();
    (writer.finish(), expected)
}

#[test]
fn the_longest_copies_from_furthest_back() {
    let mut litlens = vec![8; 286];
    // 226 codes of 8 bits, and 60 of 9 bits.
    litlens[..60].fill(9);
    let lens = Lens {
        litlens,
        distances: [vec![4; 2], vec![5; 28]].concat(),
    };
    let bytes: Vec<u8> = (0..40_000_u32).map(|n| ((n * n) >> 7) as u8).collect();
    let mut ops = vec![];
    for n in 0..2000 {
        ops.push(Op::Copy(258, 32_768));
        ops.push(Op::Copy(3 + n % 256, 1 + n % 40));
        ops.push(Op::Copy(257, 24_577 + n));
        ops.push(Op::Literal(n as u8));
    }
    let (data, expected) = after(bytes, &lens, &ops);
    assert!(expected.len() > 1_000_000);
    for piece in [1, 7, 100, 5000, data.len()] {
        assert!(inflate(&data, || piece).unwrap().0 == expected, "{piece}");
    }
}

/// Two literals, a length and a distance with the most bits possible, where a piece can end anywhere.
#[test]
fn the_longest_symbols() {
    // One symbol of each length, and two of the greatest length.
    let chain: Vec<u8> = (1..=15).chain([15]).collect();
    let mut litlens = vec![0; 286];
    litlens[256] = 1;
    litlens[..8].copy_from_slice(&chain[1..9]);
    litlens[b'a' as usize] = 10;
    litlens[b'b' as usize] = 11;
    litlens[8..11].copy_from_slice(&chain[11..14]);
    litlens[283..285].copy_from_slice(&chain[14..]);
    let lens = Lens {
        litlens,
        distances: [vec![0; 14], chain].concat(),
    };
    let bytes: Vec<u8> = (0..33_000_u32).map(|n| (n % 251) as u8).collect();
    let ops: Vec<Op> = (0..200)
        .flat_map(|n| {
            let copy = Op::Copy(227 + n % 31, 24_577 + n * 41);
            [Op::Literal(b'a'), Op::Literal(b'b'), copy]
        })
        .collect();
    let (data, expected) = after(bytes, &lens, &ops);
    for piece in (1..100).chain([data.len()]) {
        assert!(inflate(&data, || piece).unwrap().0 == expected, "{piece}");
    }
}

/// Bytes before the first one cannot be copied, not even those of an earlier member.
#[test]
fn copies_from_before_the_first_byte_are_refused() {
    let lens = Lens {
        litlens: [vec![0; 255], vec![2, 2, 1]].concat(),
        distances: vec![1, 1],
    };
    let copy = |distance| {
        let mut writer = Writer::default();
        let ops = [Op::Literal(255), Op::Copy(3, distance)];
        assert_eq!(writer.block(true, &lens, &ops), ops);
        writer.finish()
    };
    assert_eq!(inflate(&copy(1), || 99).unwrap().0, [255; 4]);
    let refused = Wrong::Invalid(Invalid("a copy that starts before the first byte"));
    assert_eq!(inflate(&copy(2), || 99), Err(refused));

    let mut inflater = Inflater::new();
    let mut out = vec![];
    let end = Until::Buffer;
    drain(&mut inflater, &copy(1), &mut || 99, end, &mut out).unwrap();
    inflater.restart();
    assert!(inflater.window().is_empty());
    drain(&mut inflater, &copy(2), &mut || 99, end, &mut out).unwrap_err();
    inflater = Inflater::new();
    inflater.resume(0, 0, b"x");
    out.clear();
    drain(&mut inflater, &copy(2), &mut || 99, end, &mut out).unwrap();
    assert_eq!(out, [255, b'x', 255, b'x']);
}

#[test]
fn what_is_no_deflate_data_is_told() {
    let lens = |litlens: &[u8], distances: &[u8]| Lens {
        litlens: [vec![0; 257 - litlens.len()], litlens.to_vec()].concat(),
        distances: distances.to_vec(),
    };
    let block = |lens: &Lens| {
        let mut writer = Writer::default();
        writer.block(true, lens, &[]);
        writer.bits(0, 32);
        inflate(&writer.finish(), || 99).map(|(out, _)| out)
    };
    let invalid = |what| Err(Wrong::Invalid(Invalid(what)));
    assert_eq!(block(&lens(&[1, 1], &[1, 1])), Ok(vec![]));
    // As in zlib, a code with one symbol of one bit and a code without symbols are accepted.
    assert_eq!(block(&lens(&[1], &[1])), Ok(vec![]));
    assert_eq!(block(&lens(&[1], &[0])), Ok(vec![]));
    let few = invalid("a code has too few symbols");
    assert_eq!(block(&lens(&[2], &[1])), few);
    assert_eq!(block(&lens(&[1], &[2])), few);
    assert_eq!(block(&lens(&[2, 2, 2], &[1])), few);
    let many = invalid("a code has too many symbols");
    assert_eq!(block(&lens(&[1, 1, 1], &[1])), many);
    assert_eq!(block(&lens(&[1, 1], &[1, 2, 2, 15])), many);
    let endless = invalid("a block has no end-of-block code");
    assert_eq!(block(&lens(&[1, 1, 0], &[1])), endless);

    let bits = |bits: &[(u32, u32)]| {
        let mut writer = Writer::default();
        bits.iter().for_each(|&(value, n)| writer.bits(value, n));
        inflate(&writer.finish(), || 99).map(|(out, _)| out)
    };
    assert_eq!(bits(&[(7, 3)]), invalid("a block of an unknown type"));
    let stored = invalid("the length of a stored block is damaged");
    assert_eq!(bits(&[(1, 8), (0xffff_0001, 32)]), stored);
    assert_eq!(
        bits(&[(1, 8), (0xfffe_0001, 32), (0x41, 8)]),
        Ok(b"A".to_vec())
    );
    let many = invalid("a block lists too many symbols");
    assert_eq!(bits(&[(5, 3), (30, 5), (0, 9)]), many);
    assert_eq!(bits(&[(5, 3), (0, 5), (30, 5), (0, 4)]), many);
    // The code of code lengths must be complete, even with one symbol or none.
    assert_eq!(bits(&[(5, 3), (0, 14), (1 << 9, 12), (0, 32)]), few);
    assert_eq!(bits(&[(5, 3), (0, 14), (0, 12), (0, 32)]), few);
    // The code of code lengths has 16 and 17 with one bit each. The first one has nothing to repeat.
    let repeats = [(5, 3), (0, 14), (1, 3), (1, 3), (0, 6), (0, 9)];
    assert_eq!(
        bits(&repeats),
        invalid("a block repeats a code length before the first one")
    );
    // 17 repeats ten zeros each time, until there are too many lengths.
    let zeros: Vec<(u32, u32)> = [(5, 3), (0, 14), (1, 3), (1, 3), (0, 6)]
        .into_iter()
        .chain([(0b1111, 4); 30])
        .collect();
    assert_eq!(bits(&zeros), invalid("a block has too many lengths"));
    // Fixed codes: 286 is not a length, 30 is not a distance, and seven zeros are the end of the
    // block.
    assert_eq!(bits(&[(3, 3), (0, 7)]), Ok(vec![]));
    let nothing = invalid("a code that has no meaning");
    assert_eq!(bits(&[(3, 3), (0b0110_0011, 8), (0, 32)]), nothing);
    let nowhere = invalid("a code that is not a distance");
    assert_eq!(
        bits(&[(3, 3), (0b100_0000, 7), (0b0_1111, 5), (0, 32)]),
        nowhere
    );
    // The same checks with plenty of input, so that the fast loop runs.
    let zeros = [(0, 32); 9];
    let more = |head: &[(u32, u32)]| bits(&[head, &zeros].concat());
    assert_eq!(more(&[(3, 3), (0b0110_0011, 8)]), nothing);
    assert_eq!(more(&[(3, 3), (0b100_0000, 7), (0b0_1111, 5)]), nowhere);
    for cut in 0..5 {
        let data = [1, 1, 0, 0xfe, 0xff, b'A'];
        assert_eq!(inflate(&data[..cut], || 1), Err(Wrong::Short));
    }
}

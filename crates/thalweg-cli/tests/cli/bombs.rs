//! Small files that claim or unpack to more than memory holds: refused before any of it is taken.

use super::desk::{Desk, Ran};
use super::inputs::{gzipped, npy};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write;
use std::process::{Command, Stdio};

fn zeros(count: usize) -> Vec<u8> {
    vec![0; count]
}

/// One byte, so many times 128 KiB: a frame of run-length blocks.
fn zstandard(byte: u8, blocks: u32) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for block in 0..blocks {
        let head = u32::from(block + 1 == blocks) | 1 << 1 | (1 << 17) << 3;
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.push(byte);
    }
    out
}

/// A zip archive of deflated members.
fn zip(members: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for (name, bytes) in members {
        let mut crc = Crc::new();
        crc.update(&bytes);
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&bytes).expect("a vector can be written to");
        let packed = deflated.finish().expect("a vector can be written to");
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for number in [crc.sum(), packed.len() as u32, bytes.len() as u32] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&(out.len() as u32).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&packed);
        count = count.wrapping_add(1);
    }
    let at = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&[count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend_from_slice(&[(directory.len() as u32).to_le_bytes(), at.to_le_bytes()].concat());
    out.extend_from_slice(&[0, 0]);
    out
}

fn npy_claiming(descr: &str, shape: &str) -> Vec<u8> {
    npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 64])
}

/// A header of version 2 that says that it is 4 GiB long.
fn long_npy_header() -> Vec<u8> {
    [b"\x93NUMPY\x02\0".as_slice(), &u32::MAX.to_le_bytes(), b"{'descr': '<f8'"].concat()
}

/// Vectors of one member each, under the names that SciPy gives them.
fn csr_of(shape: [i64; 2]) -> Vec<u8> {
    let vector = |descr: &str, values: &[i64]| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({},), }}", values.len()), &bytes)
    };
    let format = npy("{'descr': '|S3', 'fortran_order': False, 'shape': (), }", b"csr");
    let arrays = [("format", format), ("shape", vector("<i8", &shape)), ("indptr", vector("<i8", &[0, 1])), ("indices", vector("<i8", &[0]))];
    zip(arrays.into_iter().chain([("data", vector("<i8", &[1]))]).map(|(name, bytes)| (format!("{name}.npy"), bytes)))
}

/// One member that says it is 8 GiB long.
fn tar_claim() -> Vec<u8> {
    let mut head = zeros(512);
    head[..5].copy_from_slice(b"x.csv");
    head[100..107].copy_from_slice(b"0000644");
    head[124..135].copy_from_slice(b"77777777777");
    head[156] = b'0';
    head[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = head.iter().map(|&b| u32::from(b)).sum::<u32>() + 8 * 32;
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(b"1,2\n3,4\n");
    head
}

fn png_claim() -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(name);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes(), name, data, &crc.sum().to_be_bytes()].concat()
    };
    let size = 100_000u32.to_be_bytes();
    let head = [size.as_slice(), &size, &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &head), &chunk(b"IDAT", &[]), &chunk(b"IEND", &[])].concat()
}

fn fits_claim() -> Vec<u8> {
    let cards = ["SIMPLE  =                    T", "BITPIX  =                  -64", "NAXIS   =                    2"];
    let sizes = ["NAXIS1  =              1000000", "NAXIS2  =              1000000", "END"];
    let mut head: Vec<u8> = cards.iter().chain(&sizes).flat_map(|card| format!("{card:80}").into_bytes()).collect();
    head.resize(2880, b' ');
    head.resize(5760, 0);
    head
}

/// A full matrix of 2³⁰ × 2³⁰ doubles that ends after the first.
fn matlab_claim() -> Vec<u8> {
    let element = |kind: u32, bytes: &[u8]| [&kind.to_le_bytes(), &(bytes.len() as u32).to_le_bytes(), bytes].concat();
    let dims = [(1u32 << 30).to_le_bytes(), (1u32 << 30).to_le_bytes()].concat();
    let flags = [6u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
    let matrix = [element(6, &flags), element(5, &dims), element(1, b"x\0\0\0\0\0\0\0"), element(9, &1f64.to_le_bytes())].concat();
    let mut out = b"MATLAB 5.0 MAT-file".to_vec();
    out.resize(124, b' ');
    out.extend_from_slice(&[0x00, 0x01, b'I', b'M']);
    out.extend_from_slice(&element(14, &matrix));
    out
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let market = |text: &str| format!("%%MatrixMarket matrix {text}").into_bytes();
    let alone = |name: &str, bytes: Vec<u8>| zip(std::iter::once((name.to_owned(), bytes)));
    vec![
        ("header.npy", npy_claiming("<f8", "(100000, 100000)")),
        ("overflow.npy", npy_claiming("<f8", "(9223372036854775807, 3)")),
        ("long-header.npy", long_npy_header()),
        ("member.npz", alone("x.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2000, 2000), }", &zeros(32_000_000)))),
        ("claim.npz", alone("x.npy", npy_claiming("<f8", "(1000000, 1000000)"))),
        ("csr.npz", csr_of([1 << 40, 1 << 40])),
        ("rows.mtx", market("coordinate real general\n4000000000 4000000000 1\n1 1 1\n")),
        ("entries.mtx", market("coordinate real general\n10 10 1000000000000000000\n1 1 1\n")),
        ("array.mtx", market("array real general\n1000000 1000000\n1\n")),
        ("docword.txt", b"1000000000\n1000000000\n1000000000000\n1 1 1\n".to_vec()),
        ("columns.csv", "1,".repeat(4 << 20).into_bytes()),
        ("lines.csv", "1\n".repeat(4 << 20).into_bytes()),
        ("zeros.csv.gz", gzipped("1,".repeat(40 << 20).as_bytes())),
        ("twice.csv.gz", gzipped(&gzipped(&zeros(64 << 20)))),
        ("run.csv.zst", zstandard(b'1', 8192)),
        ("zeros.zip", alone("x.csv", zeros(64 << 20))),
        ("members.zip", zip((0..60_000).map(|i| (format!("{i:0250}.pgm"), Vec::new())))),
        ("claim.tar", tar_claim()),
        ("claim.pgm", b"P5\n100000 100000\n255\n".to_vec()),
        ("claim.png", png_claim()),
        ("claim.fits", fits_claim()),
        ("claim.mat", matlab_claim()),
    ]
}

/// Runs the program where no more than 448 MiB may be mapped, most of that its own code and the stacks of its threads.
fn confined(desk: &Desk, words: &str) -> Ran {
    let plain = desk.command(words);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 458752; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    shell.current_dir(plain.get_current_dir().expect("the desk")).env("MALLOC_ARENA_MAX", "1").stdin(Stdio::null());
    Ran::from(words, shell.output().expect("starts"))
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let desk = Desk::new();
    for (name, bytes) in bombs() {
        desk.put(name, bytes);
        let ran = confined(&desk, &format!("fit {name} -k 2 --missing zero --max-memory 16M --threads 2 -o run"));
        assert!([65, 75].contains(&ran.code), "{name}: {} {}", ran.code, ran.err);
        assert!(ran.err.lines().count() == 1 && ran.err.contains(name), "{name}: {}", ran.err);
        assert!(!desk.has("run"), "{name}");
        println!("{}", ran.err.trim());
    }
    // and what fits is read there
    desk.put("x.csv", "1,2\n3,4\n5,7\n");
    assert_eq!(confined(&desk, "fit x.csv -k 1 --max-memory 16M --threads 2 -o run").code, 0);
}

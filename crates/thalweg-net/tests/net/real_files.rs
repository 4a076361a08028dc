//! Published images. They are not part of the source tree: the tests look for them in the folder that the environment variable
//! `THALWEG_SHARED` names, or in `shared` beside the workspace, and say so when they find none.

use std::path::{Path, PathBuf};
use thalweg_net::{Images, Shape, read_images};

fn open(name: &str, part: Option<&str>) -> Option<Images> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("THALWEG_SHARED").map_or_else(beside, PathBuf::from).join("data").join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(read_images(&path, part, 4 << 30).unwrap_or_else(|e| panic!("{e}")))
}

fn of_each_class(images: &Images) -> Vec<usize> {
    let labels = images.labels(0..images.count());
    (0..images.classes()).map(|class| labels.iter().filter(|&&label| usize::from(label) == class).count()).collect()
}

#[test]
fn cifar_10() {
    let Some(exact) = open("cifar-10/data_batch_1-first4000.bin.gz", None) else { return };
    assert_eq!((exact.count(), exact.shape(), exact.classes()), (4000, Shape { height: 32, width: 32, channels: 3 }, 10));
    let counts = of_each_class(&exact);
    assert_eq!((counts.iter().min(), counts.iter().max()), (Some(&366), Some(&422)));
    // a frog
    assert_eq!(exact.labels(0..1), [6]);
    let Some(lossy) = open("cifar-10/cifar-10-jpeg.tar.gz", Some("test")) else { return };
    assert_eq!((lossy.count(), of_each_class(&lossy)), (10_000, vec![1000; 10]));
}

#[test]
fn fashion_mnist() {
    let Some(images) = open("fashion-mnist/t10k-images-idx3-ubyte.gz", None) else { return };
    assert_eq!((images.count(), images.shape()), (10_000, Shape { height: 32, width: 32, channels: 1 }));
    assert_eq!(of_each_class(&images), vec![1000; 10]);
}

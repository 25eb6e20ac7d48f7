//! Prints, after the other tests of `cargo test`, which tests it has left out. Not a test.

fn main() {
    println!(
        "\nThese tests have not been run: they need root, FUSE, other programs or a package mirror.\n\
         \x20   cargo test --test fuse       root and FUSE\n\
         \x20   cargo test --test registry   also docker-registry and skopeo\n\
         \x20   cargo test --test oracles    also the packages that tests/run.sh installs\n\
         \x20   cargo test --test images     also a package mirror\n\
         `tests/run.sh`, as root on Debian 12, installs what they need and runs all tests."
    );
}

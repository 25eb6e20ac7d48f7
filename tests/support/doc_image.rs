// Makes the image of the examples in the documentation. The examples include this file.

use std::io::Write;

/// Makes a temporary directory with the image `app.tar` and enters it. The directory is removed when
/// the result is dropped.
pub fn enter() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.tar"), archive()).unwrap();
    std::env::set_current_dir(dir.path()).unwrap();
    dir
}

/// An archive as `docker save` writes it: two layers, of which the second removes a file of the first.
fn archive() -> Vec<u8> {
    let mut base = tar::Builder::new(Vec::new());
    file(&mut base, "etc/motd", 0o644, b"Welcome.\n");
    file(&mut base, "etc/secret", 0o600, b"sesame\n");
    file(&mut base, "usr/bin/app", 0o755, &program());
    link(&mut base, "bin", "usr/bin");
    let mut top = tar::Builder::new(Vec::new());
    file(&mut top, "etc/.wh.secret", 0o644, b"");
    let layers = [base.into_inner().unwrap(), top.into_inner().unwrap()];

    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect();
    let config = serde_json::json!({
        "architecture": "arm64",
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/app"],
            "Labels": {"org.opencontainers.image.version": "1.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": "COPY . /"}, {"created_by": "RUN rm /etc/secret"}],
    });
    let manifest = serde_json::json!([
        {"Config": "config.json", "RepoTags": ["app:1.0"], "Layers": ["0.tar", "1.tar"]},
    ]);
    let mut archive = tar::Builder::new(Vec::new());
    file(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    file(&mut archive, "config.json", 0o644, config.to_string().as_bytes());
    file(&mut archive, "0.tar", 0o644, &layers[0]);
    file(&mut archive, "1.tar", 0o644, &layers[1]);
    archive.into_inner().unwrap()
}

/// The headers of a static program for linux/arm64 (elf(5)).
fn program() -> Vec<u8> {
    let mut elf = Vec::new();
    elf.write_all(b"\x7fELF\x02\x01\x01\x00\0\0\0\0\0\0\0\0").unwrap(); // 64 bits, little-endian
    let halves = |elf: &mut Vec<u8>, numbers: &[u16]| {
        numbers.iter().for_each(|n| elf.extend(n.to_le_bytes()));
    };
    let words = |elf: &mut Vec<u8>, numbers: &[u64]| {
        numbers.iter().for_each(|n| elf.extend(n.to_le_bytes()));
    };
    halves(&mut elf, &[2, 183, 1, 0]); // ET_EXEC, EM_AARCH64, EV_CURRENT
    words(&mut elf, &[0x1_0078, 64, 0]); // the entry point, the program headers, no section headers
    halves(&mut elf, &[0, 0, 64, 56, 1, 64, 0, 0]);
    halves(&mut elf, &[1, 0, 5, 0]); // PT_LOAD, readable and executable
    words(&mut elf, &[0, 0x1_0000, 0x1_0000, 124, 124, 0x1_0000]);
    elf.extend(0xd65f_03c0_u32.to_le_bytes()); // ret
    elf
}

fn file(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes).unwrap();
}

fn link(archive: &mut tar::Builder<Vec<u8>>, path: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_mode(0o777);
    header.set_size(0);
    archive.append_link(&mut header, path, target).unwrap();
}

fn hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

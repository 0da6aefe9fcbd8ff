//! Tells the compiler of the flag that brings in the other libraries.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(countersign_peers)");
    println!("cargo::rerun-if-changed=build.rs");
}

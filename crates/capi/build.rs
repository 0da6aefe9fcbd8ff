//! Names the shared library for the linkers of C programs, which cargo by itself does not.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        // Never unloaded: refresh threads and thread-local destructors outlive any dlclose.
        Ok("linux") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcountersign.so.0");
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        Ok("macos") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libcountersign.0.dylib")
        }
        _ => {}
    }
}

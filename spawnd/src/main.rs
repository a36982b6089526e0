//! The executable. All code is in the library, where tests and fuzz targets reach it.

fn main() -> std::process::ExitCode {
    spawnd::main()
}

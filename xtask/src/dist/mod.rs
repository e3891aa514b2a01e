//! `cargo xtask dist`: the packages, and each of them installed where nothing else is.

mod deb;
mod npm;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{bench, machine};

/// What is packed.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// Pack this program instead of a release build of this tree.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Folder for the packages; `dist` below the target folder when absent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Install each into an empty environment and run it there.
    #[arg(long)]
    test: bool,
}

/// A program and what belongs beside it.
pub(crate) struct Stage {
    /// A folder with `bin/` and `share/`, as they are below `/usr`.
    root: PathBuf,
    /// `0.1.0`.
    version: String,
    /// `x86_64`, as the kernel calls it.
    machine: String,
    out: PathBuf,
}

/// Makes the packages.
pub(crate) fn run(arguments: &Dist) -> anyhow::Result<()> {
    let binary = match &arguments.binary {
        Some(binary) => binary.canonicalize().with_context(|| format!("there is no program {}", binary.display()))?,
        None => bench::release_build()?,
    };
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => crate::target()?.join("dist"),
    };
    fs::create_dir_all(&out).with_context(|| format!("could not create {}", out.display()))?;
    let stage = Stage::make(&binary, out.canonicalize()?)?;
    let packages =
        [("tar ball", stage.tar()?), ("deb", deb::build(&stage)?), ("wheel", wheel::build(&stage)?), ("npm", npm::build(&stage)?)];
    for (kind, package) in &packages {
        eprintln!("{kind:<9} {} ({:.1} MB)", package.display(), fs::metadata(package)?.len() as f64 / 1e6);
    }
    if arguments.test {
        for (kind, package) in &packages {
            let empty = tempfile::tempdir()?;
            match *kind {
                "tar ball" => stage.test_tar(package, empty.path()),
                "deb" => deb::test(package, empty.path()),
                "wheel" => wheel::test(package, empty.path()),
                _ => npm::test(package, empty.path()),
            }
            .with_context(|| format!("the {kind} does not work"))?;
        }
    }
    Ok(())
}

impl Stage {
    fn make(binary: &Path, out: PathBuf) -> anyhow::Result<Self> {
        let root = out.join("stage");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let said = output(Command::new(binary).arg("--version"))?;
        let version = said.trim().strip_prefix("pressrun ").context("the program does not say its version")?.to_owned();
        for folder in [
            "bin",
            "share/doc/pressrun",
            "share/bash-completion/completions",
            "share/zsh/site-functions",
            "share/fish/vendor_completions.d",
        ] {
            fs::create_dir_all(root.join(folder))?;
        }
        let program = root.join("bin/pressrun");
        fs::copy(binary, &program)?;
        if machine::has("strip") {
            // Symbols are half of a build for development.
            crate::run(Command::new("strip").arg(&program))?;
        }
        let completions = [
            ("bash", "share/bash-completion/completions/pressrun"),
            ("zsh", "share/zsh/site-functions/_pressrun"),
            ("fish", "share/fish/vendor_completions.d/pressrun.fish"),
        ];
        for (shell, file) in completions {
            fs::write(root.join(file), output(Command::new(&program).args(["completions", shell]))?)?;
        }
        output(Command::new(&program).arg("man").arg(root.join("share/man/man1")))?;
        fs::write(root.join("share/doc/pressrun/pressrun.toml"), output(Command::new(&program).args(["config", "sample"]))?)?;
        for file in ["README.md", "LICENSE", "CHANGELOG.md", "deploy/systemd/pressrun.service"] {
            let name = Path::new(file).file_name().context("a name")?;
            fs::copy(file, root.join("share/doc/pressrun").join(name)).with_context(|| format!("could not copy {file}"))?;
        }
        crate::run(Command::new("cp").arg("-R").arg("examples").arg(root.join("share/doc/pressrun/examples")))?;
        Ok(Self { root, version, machine: std::env::consts::ARCH.to_owned(), out })
    }

    /// The program.
    pub(crate) fn program(&self) -> PathBuf {
        self.root.join("bin/pressrun")
    }

    fn tar(&self) -> anyhow::Result<PathBuf> {
        let name = format!("pressrun-{}-{}-{}", self.version, self.machine, std::env::consts::OS);
        let file = self.out.join(format!("{name}.tar.gz"));
        // The same bytes for the same program: neither whose files they are nor when they were made.
        let plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
        let transform = format!("--transform=s,^\\.,{name},");
        crate::run(Command::new("tar").args(plain).arg(transform).arg("-czf").arg(&file).arg("-C").arg(&self.root).arg("."))?;
        Ok(file)
    }

    #[expect(clippy::unused_self, reason = "beside its making")]
    fn test_tar(&self, package: &Path, empty: &Path) -> anyhow::Result<()> {
        crate::run(Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(empty).arg("--strip-components=1"))?;
        for file in ["share/man/man1/pressrun.1", "share/bash-completion/completions/pressrun", "share/doc/pressrun/examples/README.md"] {
            if !empty.join(file).is_file() {
                bail!("{file} is missing");
            }
        }
        works(&empty.join("bin/pressrun"), empty)
    }
}

/// Whether an installed program does what it is for: with no path, no home of anybody's and nothing else, it checks a catalog and renders.
pub(crate) fn works(program: &Path, home: &Path) -> anyhow::Result<()> {
    let here = Path::new("examples").canonicalize()?;
    let alone = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home);
        output(&mut command)
    };
    let (examples, pdf) = (here.display().to_string(), home.join("sales.pdf"));
    alone(&["--version"])?;
    alone(&["check", &examples, "--connect"])?;
    alone(&["render", "sales", "--catalog", &examples, "--at", "2026-11-01", "-o", &pdf.display().to_string()])?;
    if !fs::read(&pdf)?.starts_with(b"%PDF") {
        bail!("what it rendered is no PDF");
    }
    eprintln!("works: {}", program.display());
    Ok(())
}

/// What a command that has to succeed prints.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Writes a file that may be run.
pub(crate) fn script(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file, text).with_context(|| format!("could not write {}", file.display()))?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}

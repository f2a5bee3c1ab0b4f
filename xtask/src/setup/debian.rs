//! Installs packages on Debian and its derivatives, as root or through sudo.

use std::path::Path;

use anyhow::{Result, bail};

use crate::context::Context;
use crate::process::Cmd;

/// Reports whether apt can install packages here.
pub(crate) fn is_debian(context: &Context) -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    is_debian_like(&release) && context.which("apt-get").is_some()
}

fn is_debian_like(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|names| names.trim_matches('"').split_whitespace())
        .any(|name| name == "debian")
}

/// Reports whether we run as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Returns a command that runs as root: directly, or through sudo, which may ask for a password.
pub(crate) fn as_root(context: &Context, program: &str) -> Result<Cmd> {
    if is_root() {
        return Ok(context.cmd(program));
    }
    if context.which("sudo").is_none() {
        bail!("`{program}` must run as root, and sudo is not installed");
    }
    Ok(context.cmd("sudo").arg(program).with_stdin())
}

/// Installs the packages that are missing, after printing their purpose.
pub(crate) fn install(context: &Context, packages: &[&str], purpose: &str) -> Result<()> {
    if !is_debian(context) {
        bail!("not a Debian system with apt-get");
    }
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(context, package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {} from Debian: {purpose}", missing.join(", "));
    let install = || {
        apt_get(context).and_then(|apt| {
            apt.args(["install", "-y", "-q", "--no-install-recommends"])
                .args(&missing)
                .run()
        })
    };
    if install().is_ok() {
        return Ok(());
    }
    println!("updating the package lists and retrying");
    apt_get(context)?.args(["update", "-q"]).run()?;
    install()
}

fn apt_get(context: &Context) -> Result<Cmd> {
    // sudo drops variables, so env(1) sets them.
    let env = as_root(context, "env")?;
    Ok(env.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]))
}

fn is_installed(context: &Context, package: &str) -> bool {
    let query = context
        .cmd("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package]);
    query.text().is_ok_and(|status| status == "installed")
}

/// Copies files into a system folder that may belong to root.
pub(crate) fn copy_into(
    context: &Context,
    files: &[std::path::PathBuf],
    folder: &Path,
) -> Result<()> {
    let writable = std::fs::create_dir_all(folder).is_ok()
        && std::fs::write(folder.join(".writable"), "").is_ok();
    if writable {
        std::fs::remove_file(folder.join(".writable"))?;
    }
    let install = || {
        if writable {
            Ok(context.cmd("install"))
        } else {
            as_root(context, "install")
        }
    };
    install()?.args(["-d", "-m", "755"]).arg(folder).text()?;
    install()?
        .args(["-m", "644", "-t"])
        .arg(folder)
        .args(files)
        .text()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_derivatives_are_detected() {
        assert!(is_debian_like("PRETTY_NAME=\"Debian\"\nID=debian\n"));
        assert!(is_debian_like("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian_like("ID=fedora\nID_LIKE=\"rhel\"\n"));
        assert!(!is_debian_like("VERSION_ID=debian\n"));
    }
}

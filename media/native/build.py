"""Builds pjsua2 from PJSIP's source and our own C++: `python3 media/native/build.py`.

Prints the path of the wheel as the last line; everything else goes to standard error. The wheel lies in a
cache under a hash of all that it is made from (our files, the source tarball, the Python ABI, the flags), so
it is built again only when one of them changes. Standard library only: this runs before anything else.

The source is PJSIP 2.17 or later, the pjproject component of Debian sid's source package `asterisk`. apt
fetches it with its own state beside the system's and checks it against the signed index. Another tarball can
be given by RINGBACK_PJPROJECT=FILE (with its SHA-256 in RINGBACK_PJPROJECT_SHA256 to have it checked).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUTS = [
    "config_site.h",
    "ringback.i",
    "build.py",
    *sorted(f"src/{p.name}" for p in (HERE / "src").iterdir()),
]
SOURCES = sorted(p.name for p in (HERE / "src").glob("*.cpp"))
MINIMUM = (2, 17)
NAME = "pjsua2-2.17"

CFLAGS = "-O2 -fPIC -DNDEBUG"
CONFIGURE = [
    "--disable-sound",  # there is no sound card: our clock drives the bridge
    "--disable-video",
    "--with-external-srtp",  # the tarball comes without its third-party trees
    "--with-external-speex",
    "--with-external-gsm",
    "--enable-speex-resample",  # a tenth of libsamplerate's cost
    "--enable-epoll",
    "--disable-libwebrtc",
    "--disable-shared",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
]


class BuildError(Exception):
    """The build can't go on; says what to do."""


_begun = time.monotonic()


def say(message: str) -> None:
    sys.stderr.write(f"[native {time.monotonic() - _begun:5.1f} s] {message}\n")
    sys.stderr.flush()


def cache_root() -> Path:
    base = os.environ.get("RINGBACK_CACHE") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    )
    return Path(base) / ("" if os.environ.get("RINGBACK_CACHE") else "ringback")


def run(command: list[str], cwd: Path, log: Path, **environment: str) -> str:
    """Runs a step with its output in a log file; on failure shows the log's end."""
    with log.open("a") as out:
        out.write(f"$ {' '.join(command)}\n")
        out.flush()
        done = subprocess.run(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
        out.write(done.stdout)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise BuildError(f"`{' '.join(command[:3])} …` failed; the end of {log}:\n{tail}")
    return done.stdout


# ---- the source ----------------------------------------------------------------------------------------


def given_source() -> Path | None:
    named = os.environ.get("RINGBACK_PJPROJECT")
    if not named:
        return None
    path = Path(named).expanduser().resolve()
    if not path.is_file():
        raise BuildError(f"RINGBACK_PJPROJECT={named}: no such file")
    wanted = os.environ.get("RINGBACK_PJPROJECT_SHA256")
    if wanted and sha256(path) != wanted.lower():
        raise BuildError(f"{path}: its SHA-256 is {sha256(path)}, not {wanted}")
    return path


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached_source(cache: Path) -> Path | None:
    """A tarball that an earlier run fetched and checked; its name carries its SHA-256."""
    for path in sorted(cache.glob("pjproject-*.tar.*"), reverse=True):
        if sha256(path) == path.name.split("-")[1].split(".")[0]:
            return path
        say(f"{path.name} is damaged: fetching it again")
        path.unlink()
    return None


def fetch_source(cache: Path, work: Path) -> Path:
    """Fetches the source package with apt, in a private state; apt checks it against the signed index."""
    if not shutil.which("apt-get"):
        raise BuildError("no apt-get here: give PJSIP's source by RINGBACK_PJPROJECT=pjproject.tar.xz")
    say("fetching PJSIP's source (Debian sid's asterisk, 13 MB)")
    apt = work / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    mirror = configured_mirror(work)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (apt / "sid.list").write_text(f"deb-src [signed-by={keyring}] {mirror} sid main\n")
    options = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::sourcelist": apt / "sid.list",
        "Dir::Etc::sourceparts": apt / "parts",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # Mirrors that are frozen for reproducible builds serve an index that has run out; its signature and
        # its checksums are verified all the same.
        "Acquire::Check-Valid-Until": "false",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    download = work / "download"
    download.mkdir()
    run([*command, "update"], download, work / "fetch.log")
    run([*command, "source", "--download-only", "asterisk"], download, work / "fetch.log")
    found = list(download.glob("asterisk_*.orig-Xpjproject.tar.*"))
    if len(found) != 1:
        raise BuildError(f"the source package has {len(found)} pjproject components, not one: see {download}")
    digest = sha256(found[0])
    check_against_dsc(next(download.glob("*.dsc")), found[0], digest)
    kept = cache / f"pjproject-{digest}.tar.{found[0].name.rsplit('.', 1)[1]}"
    shutil.move(found[0], kept)
    return kept


def configured_mirror(work: Path) -> str:
    """The Debian mirror that this system uses already, whichever way its sources are written."""
    command = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    for line in run(command, work, work / "fetch.log").splitlines():
        label, _, uri = line.partition(" ")
        if label == "Debian":
            return uri
    raise BuildError("apt knows no Debian mirror: run `apt-get update`, or give RINGBACK_PJPROJECT=FILE")


def check_against_dsc(dsc: Path, tarball: Path, digest: str) -> None:
    listed = re.search(rf"^ ([0-9a-f]{{64}}) \d+ {re.escape(tarball.name)}$", dsc.read_text(), re.MULTILINE)
    if not listed or listed[1] != digest:
        raise BuildError(f"{tarball.name} isn't the file that {dsc.name} lists")


# ---- the build -----------------------------------------------------------------------------------------


def unpack(source: Path, work: Path) -> Path:
    (work / "src").mkdir()
    run(["tar", "-xf", str(source)], work / "src", work / "unpack.log")
    trees = [path.parent for path in (work / "src").glob("**/version.mak")]
    if not trees:
        raise BuildError(f"{source} isn't PJSIP's source: there is no version.mak in it")
    tree = min(trees, key=lambda path: len(path.parts))
    numbers = dict(re.findall(r"PJ_VERSION_(MAJOR|MINOR)\s*:=\s*(\d+)", (tree / "version.mak").read_text()))
    version = (int(numbers["MAJOR"]), int(numbers["MINOR"]))
    if version < MINIMUM:
        raise BuildError(f"{source} is PJSIP {version[0]}.{version[1]}; 2.17 or later is needed")
    say(f"PJSIP {version[0]}.{version[1]}")
    return tree


def build_library(tree: Path, log: Path) -> None:
    shutil.copy(HERE / "config_site.h", tree / "pjlib/include/pj/config_site.h")
    say("configuring")
    run(["./configure", *CONFIGURE], tree, log, CFLAGS=CFLAGS, CXXFLAGS=CFLAGS)
    # Names a file that the cleaned source package doesn't have.
    makefile = tree / "pjmedia/build/Makefile"
    makefile.write_text(makefile.read_text().replace("bdimad_dev.o", ""))
    say("compiling PJSIP (about a minute)")
    run(["make", f"-j{os.cpu_count() or 2}", "lib"], tree, log)


def flags(tree: Path, name: str, log: Path) -> list[str]:
    """A variable of PJSIP's build.mak, as words."""
    script = f"include {tree}/build.mak\nshow:\n\t@echo $({name})\n"
    makefile = tree / f"show-{name}.mak"
    makefile.write_text(script)
    return run(["make", "-s", "-f", str(makefile), "show"], tree, log).split()


def build_module(tree: Path, work: Path, log: Path) -> Path:
    """SWIG, then the wrapper and our own sources, linked with PJSIP's static libraries."""
    swig = tree / "pjsip-apps/src/swig"
    includes = [f"-I{tree}/{part}/include" for part in ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")]
    out = work / "module"
    out.mkdir()
    say("generating the Python binding")
    wrapper = out / "pjsua2_wrap.cpp"
    interface = [f"-I{swig}", f"-I{HERE}/src", *includes, "-o", str(wrapper), "-outdir", str(out)]
    run(["swig", "-c++", "-python", "-threads", "-w312", *interface, str(HERE / "ringback.i")], out, log)
    compiler = os.environ.get("CXX", "g++")
    python_include = f"-I{sysconfig.get_path('include')}"
    common = ["-std=c++17", "-fPIC", "-DNDEBUG", *flags(tree, "PJ_CXXFLAGS", log), *includes, f"-I{HERE}/src"]
    say("compiling the Python binding and the media ports (about two minutes)")
    # The wrapper is 200,000 lines of glue: more than -O1 only lengthens the build.
    jobs = [(wrapper, ["-O1", "-w", python_include])]
    jobs += [(HERE / "src" / name, ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"]) for name in SOURCES]
    compile_all(compiler, common, jobs, out, log)
    module = out / f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    objects = [str(out / f"{source.stem}.o") for source, _ in jobs]
    libraries = flags(tree, "PJ_LDXXFLAGS", log) + flags(tree, "PJ_LDXXLIBS", log)
    run([compiler, "-shared", "-o", str(module), *objects, *libraries, "-s"], out, log)
    return module


def compile_all(
    compiler: str, common: list[str], jobs: list[tuple[Path, list[str]]], out: Path, log: Path
) -> None:
    """All at once: the wrapper takes longer than the rest together."""
    running = []
    for source, options in jobs:
        command = [compiler, *common, *options, "-c", str(source), "-o", str(out / f"{source.stem}.o")]
        with log.open("a") as errors:
            running.append((source, subprocess.Popen(command, cwd=out, stderr=errors, stdout=errors)))
    failed = [source.name for source, process in running if process.wait()]
    if failed:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise BuildError(f"{', '.join(failed)} didn't compile; the end of {log}:\n{tail}")


def pack(module: Path, target: Path) -> Path:
    """A wheel, written by hand: three files and their hashes (PEP 427)."""
    import base64
    import zipfile

    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    wheel = target / f"{NAME}-{tag}-{tag}-{platform}.whl"
    info = f"{NAME}.dist-info"
    summary = "PJSIP's pjsua2 with Ringback's media ports"
    metadata = f"Metadata-Version: 2.1\nName: pjsua2\nVersion: 2.17\nSummary: {summary}\n"
    tags = f"Wheel-Version: 1.0\nGenerator: ringback\nRoot-Is-Purelib: false\nTag: {tag}-{tag}-{platform}\n"
    files = {
        module.name: module.read_bytes(),
        "pjsua2.py": (module.parent / "pjsua2.py").read_bytes(),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": tags.encode(),
    }
    records = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        records.append(f"{name},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = ("\n".join([*records, f"{info}/RECORD,,"]) + "\n").encode()
    unfinished = wheel.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    unfinished.rename(wheel)
    return wheel


# ---- the cache -----------------------------------------------------------------------------------------


def inputs_hash(source: Path) -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update(name.encode() + b"\0" + (HERE / name).read_bytes() + b"\0")
    digest.update(sha256(source).encode())
    digest.update(f"{sysconfig.get_config_var('SOABI')} {os.environ.get('CXX', 'g++')}".encode())
    return digest.hexdigest()[:24]


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """One build at a time; a second caller waits and then finds the wheel."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wheel() -> Path:
    """The wheel, from the cache or newly built."""
    cache = cache_root() / "native"
    with locked(cache):
        work = cache / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        source = given_source() or cached_source(cache) or fetch_source(cache, work)
        target = cache / inputs_hash(source)
        if found := list(target.glob("*.whl")):
            shutil.rmtree(work)
            return found[0]
        log = cache / "build.log"
        log.unlink(missing_ok=True)
        tree = unpack(source, work)
        build_library(tree, log)
        module = build_module(tree, work, log)
        target.mkdir(exist_ok=True)
        made = pack(module, target)
        shutil.rmtree(work)  # kept after a failure, to look into
        say(f"built {made.name}")
        return made


def main() -> int:
    try:
        sys.stdout.write(f"{wheel()}\n")
    except BuildError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

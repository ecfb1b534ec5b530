"""What a tree must be like to be released: each check says what it found, or refuses."""

import re
import subprocess
from datetime import date

from ops.release.errors import ReleaseRefused
from ops.release.project import CLIENT, SERVICE, Project

BRANCH = "main"
URLS = ("Homepage", "Repository", "Issues", "Changelog")
_FINAL = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_IMAGE = re.compile(r"^(?:ARG \w*IMAGE=|FROM )(\S+:\S+)", re.MULTILINE)


def git(project: Project, *arguments: str) -> str:
    """
    What git says.

    Raises:
        ReleaseRefused: If it fails, or is not there.
    """
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project.root, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise ReleaseRefused("git is needed, and is not installed") from None
    except subprocess.CalledProcessError as exc:
        raise ReleaseRefused(f"git {arguments[0]}: {exc.stderr.strip()}") from None
    return done.stdout.strip()


def clean_tree(project: Project) -> str:
    changed = git(project, "status", "--porcelain").splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:3])
        raise ReleaseRefused(f"everything must be committed; {len(changed)} are not: {names}")
    return git(project, "rev-parse", "--short", "HEAD")


def on_main(project: Project) -> str:
    branch = git(project, "branch", "--show-current")
    if branch != BRANCH:
        raise ReleaseRefused(f"the branch must be {BRANCH}, it is {branch or 'a detached HEAD'}")
    return branch


def one_version(project: Project) -> str:
    versions = {file: project.table(file)["version"] for file in (SERVICE, CLIENT)}
    if len({*versions.values()}) > 1:
        raise ReleaseRefused(f"both distributions need one version, they have {versions}")
    if not _FINAL.fullmatch(project.version):
        raise ReleaseRefused(f"the version must be X.Y.Z, it is {project.version}")
    return project.version


def version_is_new(project: Project) -> str:
    tag = f"v{project.version}"
    if git(project, "tag", "--list", tag):
        raise ReleaseRefused(f"{tag} is tagged already; set the next version")
    return f"no tag {tag} yet"


def dated_changelog(project: Project) -> str:
    """The first section is `Unreleased` and empty, the second is the version's, with its date."""
    parts = _HEADING.split(project.changelog)[1:]
    sections = [*zip(parts[::2], parts[1::2], strict=True)]
    if not sections or sections[0][0] != "Unreleased":
        raise ReleaseRefused("CHANGELOG.md must begin with the section Unreleased")
    if sections[0][1].strip():
        raise ReleaseRefused("CHANGELOG.md: Unreleased must be empty, its lines moved to a version")
    heading = sections[1][0] if len(sections) > 1 else "nothing"
    version, _, day = heading.partition(" - ")
    if version != project.version or not _is_a_past_day(day):
        raise ReleaseRefused(
            f"CHANGELOG.md: after Unreleased '{project.version} - YYYY-MM-DD', no later than "
            f"today, was expected, got '{heading}'"
        )
    return heading


def _is_a_past_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) <= date.today()
    except ValueError:
        return False


def urls_set(project: Project) -> str:
    """An index, the image's label and readers need to know where the project lives."""
    urls = project.table().get("urls", {})
    missing = [name for name in URLS if not str(urls.get(name, "")).startswith("https://")]
    if missing:
        raise ReleaseRefused(
            f"[project.urls] of {SERVICE} must name {', '.join(URLS)} as https://; "
            f"missing: {', '.join(missing)}"
        )
    if project.table(CLIENT).get("urls") != urls:
        raise ReleaseRefused(f"[project.urls] of {CLIENT} must be that of {SERVICE}")
    return str(urls["Repository"])


def base_image_pinned(project: Project) -> str:
    """Every image that the Dockerfile takes from elsewhere is named with its digest."""
    images = _IMAGE.findall((project.root / "Dockerfile").read_text())
    if not images:
        raise ReleaseRefused("Dockerfile: FROM or ARG …IMAGE= with name:tag@digest was expected")
    loose = sorted({i for i in images if not re.search(r"@sha256:[0-9a-f]{64}$", i)})
    if loose:
        raise ReleaseRefused(f"Dockerfile: pin {', '.join(loose)} with @sha256:… (its digest)")
    return ", ".join(sorted({*images}))


CHECKS = {
    "clean tree": clean_tree,
    "on main": on_main,
    "one version": one_version,
    "version is new": version_is_new,
    "dated changelog": dated_changelog,
    "URLs set": urls_set,
    "base image pinned": base_image_pinned,
}

"""A change read from git as data: what it affects, with any content."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mimecast_sso.assessment import assessment
from mimecast_sso.assessment.assessment import Assessment, written_addresses
from mimecast_sso.operations.change.repository import Repository
from mimecast_sso.operations.change.scope import ChangeScope, find, write_out
from mimecast_sso.operations.exit_codes import Exit, OperationError
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.review import comment
from mimecast_sso.operations.review import run as command
from mimecast_sso.operations.review.look import look
from mimecast_sso.operations.review.model import StackReview
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.settings import Settings
from tests.assessment.worlds import ADA, ALAN, GRACE, World, account, address, application, attested, values
from tests.support import reviews

PROGRAM = "print('the base')\n"
MARK = "import pathlib; pathlib.Path(r'{}').write_text('ran')\n"


@dataclass
class Change:
    """A project's repository with a base, `main`, and a branch that changes it, `head`."""

    root: Path
    world: World

    def git(self, *words: str, given: str = "") -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "core.symlinks=true")
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.root, input=given, capture_output=True, text=True, check=True
        )
        return done.stdout

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def stack(self, name: str, **changes: Any) -> None:
        config = {f"mimecast-sso:{key}": value for key, value in attested(values(**changes)).items()}
        self.write(f"stacks/Pulumi.{name}.yaml", yaml.safe_dump({"config": config}))

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def begin(self) -> None:
        """From here on, the head is written."""
        self.commit()
        self.git("switch", "-q", "-c", "head")

    def end(self) -> None:
        self.commit()
        self.git("switch", "-q", "main")

    @property
    def project(self) -> Project:
        return Project(self.root, "mimecast-sso", self.root / "stacks")

    def scope(self) -> ChangeScope:
        return self.reviewed()[0]

    def reviewed(self, *, unread: bool = False) -> tuple[ChangeScope, dict[str, StackReview]]:
        """What the change touches, and the review of each stack, with the world in the tenants' place."""
        repository = Repository(self.root)
        base, head = repository.commit("main"), repository.commit("head")
        data = []
        for name, commit in (("before", repository.merge_base(base, head)), ("after", head)):
            folder = self.root.parent / f"{name}-{len(list(self.root.parent.iterdir()))}"
            data.append(write_out(repository, self.project, commit, folder))
        before, after = data
        scope = find(repository, self.project, before, after, (base, head))
        return scope, {
            name: look(name, self.project, before, after, unread=unread, read=self._read)
            for name in scope.stacks
        }

    def one(self) -> StackReview:
        (found,) = self.reviewed()[1].values()
        return found

    def _read(self, _: Stack, settings: Settings, root: Path) -> Assessment:
        return assessment.of(settings, self.world.snapshot(settings), written_addresses(settings, root))


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    for name in ("SANDBOX_INSTANCE", "SANDBOX_HOME"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "clone"
    root.mkdir()
    made = Change(root, World())
    made.git("init", "-q", "-b", "main")
    made.write("Pulumi.yaml", "name: mimecast-sso\nruntime: python\nstackConfigDir: stacks\n")
    made.write("__main__.py", PROGRAM)
    made.write("README.md", "x\n")
    for name in ("prod-eu", "dev-eu"):
        made.stack(name)
    return made


# -- What it touches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "stacks", "code"),
    [
        ("stacks/Pulumi.prod-eu.yaml", ("prod-eu",), ()),
        ("stacks/Pulumi.prod-eu.written.json", ("prod-eu",), ()),
        ("people/ALL.CSV", (), ()),
        ("docs/x.md", (), ()),
        ("tests/test_x.py", (), ()),
        ("README.md", (), ()),
        (".github/workflows/x.yml", (), ()),
        ("stacks/schema.json", (), ()),
        ("stacks/_base.yaml", (), ()),
        ("_base.yaml", ("dev-eu", "prod-eu"), ("_base.yaml",)),
        ("notes/unused.csv", (), ()),
        ("__main__.py", ("dev-eu", "prod-eu"), ("__main__.py",)),
        ("components/x.py", ("dev-eu", "prod-eu"), ("components/x.py",)),
        ("requirements.txt", ("dev-eu", "prod-eu"), ("requirements.txt",)),
        ("Pulumi.yaml", ("dev-eu", "prod-eu"), ("Pulumi.yaml",)),
        ("stacks/evil.py", ("dev-eu", "prod-eu"), ("stacks/evil.py",)),
        ("anything-else", ("dev-eu", "prod-eu"), ("anything-else",)),
        ("elsewhere/Pulumi.x.yaml", ("dev-eu", "prod-eu"), ("elsewhere/Pulumi.x.yaml",)),
    ],
)
def test_each_path_touches_stacks_code_or_nothing(
    change: Change, path: str, stacks: tuple[str, ...], code: tuple[str, ...]
) -> None:
    change.begin()
    change.write(path, "name: mimecast-sso\nruntime: python\nstackConfigDir: stacks\n# changed\n")
    change.end()
    found = change.scope()
    assert (found.stacks, found.code) == (stacks, code)


def test_a_csv_file_touches_the_stacks_that_name_it_and_only_its_rows_are_read(change: Change) -> None:
    table = {"source": "csv", "csv": "people/all.csv"}
    change.stack("prod-eu", addresses=table, assign={"users": [ADA]})
    change.write("people/all.csv", f"address,name\n{ADA},Ada\n{GRACE},Grace\n")
    change.begin()
    change.write("people/all.csv", f"address,name\n{ADA},Ada\n{ALAN},Alan\n")
    change.end()
    scope, found = change.reviewed()
    assert (scope.stacks, scope.code) == (("prod-eu",), ())
    assert (found["prod-eu"].added, found["prod-eu"].removed) == ((ALAN,), (GRACE,))


@pytest.mark.parametrize("path", ["people.md", "docs/people", "tests/people.list"])
def test_a_file_of_addresses_is_of_its_stack_whatever_its_name(change: Change, path: str) -> None:
    """Otherwise a change of who is in the roll-out would pass for one of the documentation."""
    change.stack("prod-eu", addresses={"source": "csv", "csv": path}, assign={"users": [ADA]})
    change.write(path, f"address,name\n{ADA},Ada\n")
    change.begin()
    change.write(path, f"address,name\n{ADA},Ada\n{ALAN},Alan\n")
    change.end()
    scope, found = change.reviewed()
    assert scope.stacks == ("prod-eu",)
    assert "does not end in .csv, .tsv or .txt" in found["prod-eu"].error


def test_a_new_stack_is_reviewed_and_a_removed_one_is_left_unchanged(change: Change) -> None:
    change.begin()
    change.stack("new-eu")
    (change.root / "stacks/Pulumi.dev-eu.yaml").unlink()
    change.end()
    _, found = change.reviewed()
    assert found["new-eu"].error == ""
    assert found["new-eu"].added == (ADA, GRACE)
    assert "mimecast-sso down --stack dev-eu" in found["dev-eu"].note
    assert found["dev-eu"].exit is Exit.CHANGES


def test_what_the_base_changed_since_is_not_of_the_change(change: Change) -> None:
    change.begin()
    change.stack("prod-eu", rollOut={"who": "pilot", "pilot": [ADA]})
    change.end()
    change.stack("prod-eu", pilot=[ADA])
    change.stack("dev-eu", pilot=[ADA])
    change.commit()
    found = change.scope()
    assert found.stacks == ("prod-eu",)
    assert found.behind == {"prod-eu"}


@pytest.mark.parametrize("ref", ["nowhere", "--upload-pack=x", "", "main:stacks"])
def test_a_name_that_is_not_a_commit_is_refused(change: Change, ref: str) -> None:
    change.commit()
    with pytest.raises(OperationError, match="is not a commit of this repository"):
        Repository(change.root).commit(ref)


# -- What it does ---------------------------------------------------------------------------------------------------


def test_who_is_locked_out_is_counted_by_reason_and_never_named(change: Change) -> None:
    change.begin()
    change.stack("prod-eu", assign={"users": [ADA]})
    change.end()
    found = change.one()
    assert found.exit is Exit.REFUSED
    assert [(each.people, each.when) for each in found.lost] == [(1, "afterwards")]
    assert "AADSTS50105" in found.lost[0].why
    assert [each.guard for each in found.refusals] == ["last-sign-in-method"]
    assert found.keys == ("assign.users",)
    assert found.removed == (), "the address book still names her"
    assert GRACE not in str(replace(found, changes=()))


def test_a_harmless_change_has_its_figures_and_a_digest(change: Change) -> None:
    change.world.accounts.append(account(ALAN))
    change.world.addresses[ALAN] = address(ALAN)
    change.begin()
    everybody = {"assign": {"users": [ADA, GRACE, ALAN]}}
    change.stack(
        "prod-eu", **everybody, addresses={"list": [{"address": each} for each in (ADA, GRACE, ALAN)]}
    )
    change.end()
    found = change.one()
    assert (found.now, found.after, found.more, found.less) == (2, 3, 1, 0)
    assert found.exit is Exit.CHANGES
    assert found.refusals == ()
    assert found.added == (ALAN,)
    assert len(found.plan) == 39


@pytest.mark.parametrize("part", ["groups", "application", "record"])
def test_what_cannot_be_read_is_not_known_and_never_fine(change: Change, part: str) -> None:
    change.world.unread = frozenset({part})
    change.begin()
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    found = change.one()
    assert found.exit is Exit.ERROR
    assert found.now is None
    assert "it was not read" in found.error


def test_people_whom_entra_does_not_have_are_an_error_without_their_address(change: Change) -> None:
    change.begin()
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    missing = "mimecast-sso:assign.users names somebody@example.com, whom Entra does not have"
    change.world.changes = {}
    change.world.snapshot = _with_problem(change.world, missing)  # type: ignore[method-assign]
    assert change.one().error == missing.replace("somebody@example.com", "(an address)")


def _with_problem(world: World, text: str) -> Callable[[Settings], Any]:
    original = world.snapshot

    def snapshot(settings: Settings) -> Any:
        found = original(settings)
        return replace(found, directory=replace(found.directory, problems=(text,)))

    return snapshot


def test_people_who_cannot_sign_in_now_are_reported_and_not_refused(change: Change) -> None:
    change.world.application = application(enabled=False)
    change.begin()
    change.stack("prod-eu", application={"notificationEmails": [ADA]})
    change.end()
    found = change.one()
    assert [each.people for each in found.broken] == [2]
    assert found.exit is Exit.CHANGES


# -- What must never happen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "../../../../proc/self/environ", "stacks/../../x.csv", "a\0b.csv"]
)
def test_data_reads_no_file_outside_the_project(
    change: Change, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "only-in-the-environment")
    change.begin()
    change.stack("prod-eu", addresses={"source": "csv", "csv": path})
    change.end()
    found = change.one()
    assert found.exit is Exit.ERROR
    assert "only-in-the-environment" not in str(found)


@pytest.mark.parametrize("path", ["people.csv", "stacks/Pulumi.prod-eu.yaml"])
def test_a_link_is_not_followed(change: Change, path: str) -> None:
    change.write("people.csv", f"address,name\n{ADA},\n")
    change.stack("prod-eu", addresses={"source": "csv", "csv": "people.csv"})
    change.begin()
    (change.root / path).unlink()
    (change.root / path).symlink_to("/proc/self/environ")
    change.end()
    found = change.one()
    assert found.exit is Exit.ERROR
    assert "is a link, not a file" in found.error


def test_a_name_that_no_file_system_takes_is_an_error_of_its_stack(change: Change, tmp_path: Path) -> None:
    name = f"{'x' * 300}.csv"
    change.begin()
    change.stack("prod-eu", addresses={"source": "csv", "csv": name})
    change.commit()
    blob = change.git("hash-object", "-w", "README.md").strip()
    change.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    change.git("commit", "-q", "-m", "a name")
    change.git("switch", "-q", "-f", "main")
    assert "File name too long" in change.one().error
    with pytest.raises(OperationError, match="cannot be written out"):
        Repository(change.root).write_tree("head", tmp_path / "tree")


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({"environment": ["secrets/prod"]}, ("environment",)),
        ({"secretsprovider": "awskms://alias/theirs"}, ("secretsprovider",)),
        ({"config": {"azuread:metadataHost": "evil.example"}}, ("azuread:metadataHost",)),
        (
            {"config": {"mimecast-sso:addressPasswords": {"secure": "v1:other"}}},
            ("mimecast-sso:addressPasswords",),
        ),
        (
            {"environment": {"imports": ["a", "<img src=x> @all"]}, "config": {"aws:region": "x"}},
            ("aws:region", "environment"),
        ),
    ],
)
def test_what_only_the_engine_reads_is_named_and_never_green_by_silence(
    change: Change, more: dict[str, Any], keys: tuple[str, ...]
) -> None:
    """An environment, a provider, an encrypted value: nothing in this project's configuration shows it."""
    change.begin()
    file = change.root / "stacks/Pulumi.prod-eu.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"] |= more.get("config", {})
    file.write_text(yaml.safe_dump(document | {key: each for key, each in more.items() if key != "config"}))
    change.end()
    found = change.one()
    assert (found.unseen, found.exit) == (keys, Exit.CHANGES)
    text = comment.render(reviews.review(found))
    assert "a person has to look" in text
    assert "It also changes" in text
    assert all(f"`{key}`" in text for key in keys)
    assert "<img" not in text
    assert "evil.example" not in text
    assert "v1:other" not in text


def test_what_is_rehearsed_is_the_commit_byte_for_byte(change: Change, tmp_path: Path) -> None:
    """Attributes of the commit itself would leave files out, or write another content."""
    change.begin()
    change.write(".gitattributes", "hidden.py export-ignore\n*.txt export-subst eol=crlf\n*.id ident\n")
    change.write("hidden.py", "raise SystemExit\n")
    change.write("format.txt", "$Format:%H$\n")
    change.write("tool.sh", "#!/bin/sh\n")
    (change.root / "tool.sh").chmod(0o755)
    (change.root / "link").symlink_to("tool.sh")
    change.end()
    Repository(change.root).write_tree("head", tmp_path)
    assert (tmp_path / "hidden.py").read_text() == "raise SystemExit\n"
    assert (tmp_path / "format.txt").read_bytes() == b"$Format:%H$\n"
    assert (tmp_path / "tool.sh").stat().st_mode & 0o111
    assert not (tmp_path / "__main__.py").stat().st_mode & 0o111
    assert (tmp_path / "link").readlink() == Path("tool.sh")


@pytest.mark.parametrize("target", ["/etc", "../../outside", "stacks/../../outside"])
def test_a_rehearsed_tree_has_no_link_that_leads_out_of_it(
    change: Change, tmp_path: Path, target: str
) -> None:
    change.begin()
    (change.root / "link").symlink_to(target)
    change.end()
    with pytest.raises(OperationError, match="the link link points outside the folder"):
        Repository(change.root).write_tree("head", tmp_path)


def test_a_commit_whose_names_lead_elsewhere_writes_nothing_there(change: Change, tmp_path: Path) -> None:
    """git refuses such names in its index; a commit that somebody pushed may have them."""
    blob = change.git("hash-object", "-w", "README.md").strip()
    within = change.git("mktree", given=f"100644 blob {blob}\tescaped\n").strip()
    tree = change.git("mktree", given=f"040000 tree {within}\t..\n").strip()
    commit = change.git("commit-tree", tree, "-m", "x").strip()
    folder = tmp_path / "deep" / "tree"
    folder.mkdir(parents=True)
    with pytest.raises(OperationError, match="points outside the folder"):
        Repository(change.root).write_tree(commit, folder)
    assert not (tmp_path / "deep" / "escaped").exists()


def test_no_file_is_written_through_a_link_of_the_same_name(change: Change, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    blob = change.git("hash-object", "-w", "README.md").strip()
    target = change.git("hash-object", "-w", "--stdin", given=str(outside)).strip()
    within = change.git("mktree", given=f"100644 blob {blob}\tescaped\n").strip()
    entries = b"".join(
        mode + b" a\0" + bytes.fromhex(each) for mode, each in ((b"120000", target), (b"40000", within))
    )
    (tmp_path / "entries").write_bytes(entries)
    tree = change.git("hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "entries")).strip()
    commit = change.git("commit-tree", tree, "-m", "x").strip()
    folder = tmp_path / "tree"
    folder.mkdir()
    with pytest.raises(OperationError):
        Repository(change.root).write_tree(commit, folder)
    assert list(outside.iterdir()) == []


def test_a_file_that_repeats_anchors_too_often_is_not_expanded(change: Change) -> None:
    bomb = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9 if n else ['x'])}]" for n in range(12))
    change.begin()
    file = change.root / "stacks/Pulumi.prod-eu.yaml"
    file.write_text(f"{file.read_text()}{bomb}\n")
    change.end()
    assert "a11" in change.one().unseen


def test_a_file_that_merges_anchors_too_often_is_not_expanded(change: Change) -> None:
    """Each level has the keys of nine copies of the one before: 650 bytes took all memory."""
    levels = ["l0: &l0 {a: 1, b: 2, c: 3}"]
    levels += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    change.begin()
    file = change.root / "stacks/Pulumi.prod-eu.yaml"
    file.write_text(f"{file.read_text()}  mimecast-sso:tags: {{{', '.join(levels)}}}\n")
    change.end()
    assert "anchors are merged (<<) too often" in change.one().error


@pytest.mark.parametrize(
    "value",
    [
        "[secret-content",
        "!secret-content",
        "!!secret-content",
        "!secret-content!x y",
        "*secret-content",
        "!!int secret-content",
        "!!float secret-content",
        "!!bool secret-content",
        "!!timestamp secret-content",
        "!!binary secret-content=",
    ],
)
def test_the_content_of_a_file_is_never_quoted(change: Change, value: str) -> None:
    """A password may begin with a character that means something to YAML."""
    change.begin()
    change.write("stacks/Pulumi.prod-eu.yaml", f"config: {{mimecast-sso:region: {value}\n}}\n")
    change.end()
    found = change.one()
    assert "is not valid YAML" in found.error
    assert "secret-content" not in found.error


def test_the_tenant_of_the_stack_file_is_asked_where_the_environment_names_none(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARM_TENANT_ID", raising=False)
    tenant = "6c000000-0000-4000-8000-000000000002"
    asked: list[str] = []

    def read(stack: Stack, settings: Settings, root: Path) -> Assessment:
        asked.append(stack.environment["ARM_TENANT_ID"])
        return assessment.of(settings, change.world.snapshot(settings), written_addresses(settings, root))

    monkeypatch.setattr(change, "_read", read, raising=False)
    change.begin()
    change.stack("prod-eu", tenantId=tenant)
    change.end()
    assert change.one().keys == ("tenantId",)
    assert asked == [tenant]


def test_a_stack_name_that_pulumi_does_not_allow_is_an_error_and_never_a_path(change: Change) -> None:
    change.begin()
    change.write("stacks/Pulumi.<img src=x>.yaml", "config: {}\n")
    change.end()
    found = change.one()
    assert found.error == "it is not a name that Pulumi allows for a stack"


def test_a_file_that_is_too_large_is_not_read(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mimecast_sso.operations.change.repository._LARGEST", 2000)
    change.begin()
    change.write("stacks/Pulumi.prod-eu.yaml", "#" * 3000)
    change.end()
    assert "is larger than" in change.one().error


def review(change: Change, *words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("ARM_", "MIMECAST_"))
    }
    return subprocess.run(
        [program, "review", "--base", "main", "--head", "head", *words],
        cwd=change.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_code_of_the_head_never_runs_and_its_change_is_not_known(change: Change, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    change.begin()
    for path in ("__main__.py", "components/__init__.py", "mimecast_sso/__init__.py", "sitecustomize.py"):
        change.write(path, MARK.format(mark))
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    comment = tmp_path / "comment.md"
    ended = review(change, "--out", str(comment))
    assert ended.returncode == 1, ended.stderr
    assert not mark.exists()
    text = comment.read_text()
    assert "Live tenants were not read: the change includes code (4 files)" in text
    assert "| **dev-eu** | CUK25A118 (eu) | unknown |" in text


@pytest.mark.parametrize("reviewed", ["main", "head", "HEAD"])
def test_only_the_whole_id_of_the_head_approves_its_code(change: Change, reviewed: str) -> None:
    change.begin()
    change.write("__main__.py", "x = 1\n")
    change.end()
    ended = review(change, "--reviewed", reviewed)
    assert ended.returncode == 1
    assert "names another commit than" in ended.stdout


def test_approved_code_counts_only_where_it_is_checked_out(change: Change) -> None:
    change.begin()
    change.write("__main__.py", "x = 1\n")
    change.end()
    head = change.git("rev-parse", "head").strip()
    assert "is not that of" in review(change, "--reviewed", head).stdout
    change.git("switch", "-q", "head")
    assert "is not that of" not in review(change, "--reviewed", head).stdout


def test_nothing_live_is_read_with_other_code_than_the_bases(change: Change) -> None:
    change.begin()
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    change.write("__main__.py", "x = 1\n")
    assert "the checked-out code, which would run, is not that of" in review(change).stdout


def test_without_credentials_a_data_change_is_not_known_rather_than_fine(change: Change) -> None:
    change.begin()
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    ended = review(change)
    assert ended.returncode == 1
    assert "### Single sign-on: 1 stack unknown" in ended.stdout
    assert "read live" not in ended.stdout


def test_what_a_rehearsal_would_run_of_the_head_counts_as_its_code(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    change.begin()
    change.write("sandbox/__main__.py", "print('pwned')\n")
    change.write("docs/x.md", "x\n")
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    scope = change.scope()
    assert (scope.stacks, scope.code, scope.beside) == (("prod-eu",), (), ("sandbox/__main__.py",))
    monkeypatch.setenv("AZURE_STORAGE_KEY", "x")
    ended = review(change, "--no-live", "--rehearse")
    assert "would run the head's code where AZURE" in ended.stdout.replace("\\_", "_")
    assert ended.returncode == 1


def test_documentation_alone_gets_no_comment(change: Change, tmp_path: Path) -> None:
    change.begin()
    change.write("docs/x.md", "x\n")
    change.end()
    comment = tmp_path / "comment.md"
    ended = review(change, "--out", str(comment))
    assert (ended.returncode, ended.stdout.strip()) == (0, command.NOTHING)
    assert not comment.exists()


def test_the_whole_text_is_written_beside_the_comment(change: Change, tmp_path: Path) -> None:
    change.begin()
    change.stack("prod-eu", pilot=[ADA])
    change.end()
    ended = review(change, "--no-live", "--full", str(tmp_path / "full.md"))
    assert ended.returncode == 1
    assert "--no-live was given" in (tmp_path / "full.md").read_text()
    assert "| **prod-eu** |" in ended.stdout


def test_an_earlier_comment_is_marked_without_reading_anything(change: Change, tmp_path: Path) -> None:
    out = tmp_path / "x.md"
    assert command.superseded(out) is Exit.FINE
    assert out.read_text().startswith("<!-- mimecast-sso review v1 -->\n")
    program = str(Path(sys.executable).with_name("mimecast-sso"))
    ended = subprocess.run([program, "review", "--superseded"], cwd=tmp_path, capture_output=True, check=True)
    assert b"superseded" in ended.stdout
    missing = subprocess.run([program, "review"], cwd=change.root, capture_output=True, check=False)
    assert missing.returncode == 64

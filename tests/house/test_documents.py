import base64
import collections
import html.parser
import json
import os
import re
import subprocess
import sys
import types
import urllib.parse
from pathlib import Path

import pytest
import typer

from tools.documents import DOCS, REFERENCE, ROOT, generated_parts, pages, parts, regenerated, tables, untranslated
from whisperx_worker.cli.main import app
from whisperx_worker.testing import load_plugin, make_transcript, run_chain
from whisperx_worker.worker import answer, open_worker

READMES = ["README.md", "README.ru.md"]
ON_THE_FORGE = [*READMES, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
"""Pages that are read outside of the site, where nothing else checks their links."""
EVERY_PAGE = [*map(ROOT.joinpath, ON_THE_FORGE), *pages(russian=False), *pages(russian=True)]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(path):
    return path.read_text(encoding="utf-8")


# --- made from the code


@pytest.mark.parametrize("russian", [False, True], ids=["english", "russian"])
def test_generated_parts_are_what_the_code_says(russian):
    made = parts(russian=russian)
    stale = [path.name for path in pages(russian=russian) if regenerated(text_of(path), made) != text_of(path)]
    assert stale == []  # `make documents` writes them


@pytest.mark.parametrize("russian", [False, True], ids=["english", "russian"])
def test_every_generated_part_stands_on_one_page(russian):
    found = [name for path in pages(russian=russian) for name in generated_parts(text_of(path))]
    assert sorted(found) == sorted(parts(russian=russian))


def test_every_cell_of_the_tables_has_its_translation():
    assert untranslated() == []


@pytest.mark.parametrize("row", ["| `batch_size` |", "| `WHISPERX_WORKER_DEVICE` |", "| `pre_audio("])
def test_a_table_stands_nowhere_else(row):
    files = [*map(ROOT.joinpath, READMES), *pages(russian=False)]
    assert sum(text_of(path).count(row) for path in files) == 1


def test_the_hook_reference_has_signature_text_and_example():
    section = parts(russian=False)[REFERENCE].partition("\n\n## pre_audio")[2].partition("\n\n## ")[0]
    assert section.startswith("\n\n```python\ndef pre_audio(audio: Audio, job: Job, options: object) -> Audio | None\n")
    assert section.endswith("    return replace(audio, samples=audio.samples - audio.samples.mean())\n```")


def picture_of(page):
    """The picture of a job."""
    (found,) = re.findall(r"```text\n(.*?)```", text_of(DOCS / page), re.DOTALL)
    return found


def test_the_picture_of_a_job_is_the_same_on_both_pages():
    assert picture_of("architecture.md") == picture_of("plugins.md")


@pytest.mark.parametrize("page", ["plugins.md", "ru/plugins.md"])
def test_the_picture_has_every_hook_of_a_job_and_no_other(page):
    marked = re.findall(r"(\w+)([*¹])", picture_of(page))
    kinds = {f"`{name}": {"*": "chain", "¹": "engine"}[mark] for name, mark in marked}
    rows = [(signature.partition("(")[0], kind) for signature, kind, _ in tables()["hooks"]]
    assert kinds == {name: kind for name, kind in rows if kind in {"chain", "engine"}}


def test_files_that_the_architecture_names_exist():
    named = re.findall(r"`([\w./]+(?:/|\.py))`", text_of(DOCS / "architecture.md"))
    places = [ROOT, ROOT / "src" / "whisperx_worker", ROOT / "plugins" / "whisperx_worker_plugins"]
    assert named
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_tests_that_the_pages_name_exist():
    named = {name for path in EVERY_PAGE for name in re.findall(r"(?<=[`\s(])tests/[\w/]+(?:\.py)?", text_of(path))}
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert "tests/audio/test_ssrf.py" in named


# --- code on the pages


@pytest.mark.parametrize("page", ["plugins.md", "ru/plugins.md"])
def test_the_plugin_and_the_test_of_the_guide_work(page, monkeypatch):
    plugin_source, test_source = re.findall(r"```python\n(.*?)```", text_of(DOCS / page), re.DOTALL)
    plugin = types.ModuleType("brand_names")
    exec(compile(plugin_source, page, "exec"), plugin.__dict__)
    monkeypatch.setitem(sys.modules, "brand_names", plugin)
    test = {}
    exec(compile(test_source, page, "exec"), test)
    tests = [name for name in test if name.startswith("test_")]
    assert len(tests) == 2
    for name in tests:
        test[name]()

    changed = run_chain(load_plugin(plugin, name="brand_names"), "post_align", make_transcript("Я запустил ранпод."))

    assert [word.word for word in changed.segments[0].words] == ["Я", "запустил", "РанПод."]


# --- commands on the pages

TIME = re.compile(r"(\d\d):(\d\d):(\d\d),(\d\d\d)")


def console_blocks(path):
    """Pairs of a command and what it prints, of every console block with a command of ours and an output."""
    for block in re.findall(r"```console\n\$ (whisperx-worker .*?)```", text_of(path), re.DOTALL):
        command, _, printed = re.sub(r" \\\n +", " ", block).partition("\n")
        yield command, printed


def seconds(found):
    hours, minutes, whole, milliseconds = map(int, found)
    return 3600 * hours + 60 * minutes + whole + milliseconds / 1000


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_a_transcribing_command_prints_what_the_page_shows(page):
    ((command, shown),) = console_blocks(ROOT / page)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(["bash", "-c", command.encode()], capture_output=True, check=True, cwd=ROOT, env=environment)  # fmt: skip
    text, warnings = done.stdout.decode(), done.stderr.decode()
    shown_warnings = "".join(line for line in shown.splitlines(keepends=True) if line.startswith("warning: "))
    shown_text = shown.removesuffix(shown_warnings)
    assert TIME.sub("", text) == TIME.sub("", shown_text)
    # Processors compute in different precision.
    assert list(map(seconds, TIME.findall(text))) == pytest.approx(
        list(map(seconds, TIME.findall(shown_text))), abs=0.1
    )
    assert [line for line in warnings.splitlines() if line.startswith("warning: ")] == shown_warnings.splitlines()


@pytest.mark.parametrize("page", ["README", "docs/start"])
def test_both_languages_show_the_same_output(page):
    russian = f"{page}.ru.md" if page == "README" else "docs/ru/start.md"
    assert list(console_blocks(ROOT / f"{page}.md")) == list(console_blocks(ROOT / russian))


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", READMES)
def test_the_request_of_a_readme_is_answered_so(name):
    (shown,) = re.findall(r"\n(\{\"id\".*?)```", text_of(ROOT / name), re.DOTALL)
    (recording,) = re.findall(r"base64 -w0 (\S+?)\)", text_of(ROOT / name))
    expected = json.loads(shown)["output"]
    sound = base64.b64encode((ROOT / recording).read_bytes()).decode()

    response = answer(open_worker(), "job", {"model": "demo-whisper-ru", "audio_base64": sound})

    assert response.keys() == expected.keys()
    for segment, shown_segment in zip(response["segments"], expected["segments"], strict=True):
        assert segment.pop("text") == shown_segment.pop("text")
        assert segment == pytest.approx(shown_segment, abs=0.1)


def test_commands_on_the_pages_have_their_options():
    commands = typer.main.get_command(app).commands
    names = "transcribe|evaluate|plugins|new-plugin|check-plugin|preload|doctor"
    wrong = []
    for path in EVERY_PAGE:
        text = re.sub(r" \\\n +", " ", text_of(path))
        for name, rest in re.findall(rf"whisperx-worker ({names})([^`#|\n]*)", text):
            own = [*commands[name].params, *(commands["transcribe"].params if name == "evaluate" else ())]
            known = {"--help", *(option for parameter in own for option in parameter.opts)}
            wrong += [
                (path.name, name, option) for option in re.findall(r" (--?[a-z][a-z-]*)", rest) if option not in known
            ]
    assert wrong == []


def test_make_targets_on_the_pages_exist():
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        name for path in EVERY_PAGE for name in re.findall(r"(?:`|^|\$ )make ([a-z-]+)", text_of(path), re.MULTILINE)
    }
    assert named - targets == set()
    assert {"demo", "test", "test-fast", "docs", "documents"} <= named


# --- length and links


@pytest.mark.parametrize("name", READMES)
def test_a_readme_fits_on_a_few_screens(name):
    assert len(text_of(ROOT / name).splitlines()) <= 170


@pytest.mark.parametrize("name", ON_THE_FORGE)
def test_links_outside_of_the_site_lead_to_files(name):
    links = [link for link in LINK.findall(text_of(ROOT / name)) if "://" not in link and not link.startswith("#")]
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_a_readme_links_to_every_page_of_its_language(name):
    linked = {ROOT / link.partition("#")[0] for link in LINK.findall(text_of(ROOT / name))}
    included = {"benchmarks.md", "changelog.md", "contributing.md", "index.md", "licences.md", "security.md"}
    assert [path.name for path in pages(russian="ru" in name) if path not in linked and path.name not in included] == []


class Page(html.parser.HTMLParser):
    """Links, anchors and embedded resources of a page of the site."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.resources = [], set(), []
        self.feed(text_of(path))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.update(attributes[name] for name in ("id", "name") if attributes.get(name))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        self.resources += [attributes[name] for name in ("src", "href") if tag != "a" and attributes.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the built site by its path."""
    folder = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--doctree-dir", f"{folder}-parsed"]
    built = subprocess.run([*command, DOCS, folder], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return {path: Page(path) for path in folder.rglob("*.html")}


def target_of(path, link):
    """File and anchor of a link within the site; None where it leads elsewhere."""
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    file = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    return file, urllib.parse.unquote(parts.fragment)


@pytest.mark.slow
def test_links_and_anchors_of_the_site_resolve(site):
    dangling = []
    for path, page in site.items():
        for link in page.links:
            if (target := target_of(path, link)) is None:
                continue
            file, anchor = target
            if not file.exists() or (anchor and file in site and anchor not in site[file].anchors):
                dangling.append((path.name, link))
    assert dangling == []


@pytest.mark.slow
def test_every_page_is_reached_from_the_first(site):
    (first,) = [path for path in site if path.name == "index.html" and path.parent.name != "ru"]
    reached, waiting = set(), collections.deque([first])
    while waiting:
        path = waiting.popleft()
        if path in reached or path not in site:
            continue
        reached.add(path)
        waiting += [target[0] for link in site[path].links if (target := target_of(path, link))]
    made_by_sphinx = {"genindex.html", "search.html"}
    assert {path.name for path in site if path not in reached} <= made_by_sphinx
    assert len(reached) >= len(pages(russian=False)) + len(pages(russian=True))


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    assert [link for page in site.values() for link in page.resources if urllib.parse.urlsplit(link).netloc] == []

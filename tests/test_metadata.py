"""What names the project says one thing: setup.cfg, CITATION.cff, CHANGELOG.md."""

import configparser
import re

import yaml

import tandemclip


def test_version_licence_and_papers(root):
    setup = configparser.ConfigParser()
    setup.read(root / "setup.cfg")
    cited = yaml.safe_load((root / "CITATION.cff").read_text())
    metadata = setup["metadata"]
    assert (str(cited["version"]), cited["license"]) == (tandemclip.__version__, metadata["license"])
    assert cited["title"].partition(": ")[0].lower() == metadata["name"]
    papers = [reference["title"].partition(":")[0] for reference in cited["references"]]
    assert len(papers) == 3 and all(reference["authors"] and reference["year"] for reference in cited["references"])
    named = [word for word in ("PyramidCLIP", "Unified Contrastive Learning", "LightCLIP") if word in " ".join(papers)]
    assert len(named) == 3


def test_the_changelog_keeps_its_form(root):
    text = (root / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= kinds
